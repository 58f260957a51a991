"""Generation 1, the xcore repository: instances in a container, created, read, patched, replaced and deleted."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from airflow_provider_offers.emulator import wellknown
from airflow_provider_offers.emulator.http import media_types, xcore_form
from airflow_provider_offers.emulator.http.calls import Call
from airflow_provider_offers.emulator.http.messages import Answer, Reason, ServiceError
from airflow_provider_offers.emulator.http.xcore_form import HAL, PATCH, RECEIPT, SCHEMA_INSTANCE
from airflow_provider_offers.emulator.kinds import Kind
from airflow_provider_offers.emulator.store import references, rules
from airflow_provider_offers.emulator.store.json_patch import same
from airflow_provider_offers.emulator.store.library import NewObject, Record

_INVALID = 422
_LISTED = ("add", "replace", "remove")


def check_container(call: Call) -> str:
    """The container in the path; it must belong to the sandbox in the header."""
    container = call.parameters["container"]
    if container == wellknown.container_of(call.sandbox):
        return container
    for sandbox in call.settings.sandboxes:
        if container == wellknown.container_of(sandbox):
            detail = f"container {container} belongs to sandbox {sandbox!r}, and x-sandbox-name is {call.sandbox!r}"
            raise ServiceError(call.settings.foreign_container_status, Reason.CONTAINER, detail)
    raise ServiceError(404, Reason.CONTAINER, f"there is no container {container!r}")


def create(call: Call) -> Answer:
    """`POST /{container}/instances`, with bare properties or in the older envelope."""
    container = check_container(call)
    media_type = call.content_type(SCHEMA_INSTANCE, HAL)
    call.accepts(RECEIPT, "application/json")
    kind, version = _kind(media_type)
    document = _body(call, media_type)
    neutral = rules.read_body(kind, document, "xcore", call.settings, _INVALID)
    references.check(call.library, call.sandbox, kind, neutral, None, "xcore", call.settings, _INVALID)
    new = NewObject(kind, neutral, "xcore", version, call.client_id, xcore_form.spelled(kind, document))
    record = call.library.insert(call.sandbox, new, call.stamp())
    headers = _location(call, f"{container}/instances/{record.instance_id}")
    return _receipt(201, record, f'created {record.id} "{record.name}"', headers)


def read(call: Call) -> Answer:
    """`GET /{container}/instances/{instanceId}`; If-None-Match answers 304."""
    record = _record(call)
    call.accepts(HAL, SCHEMA_INSTANCE, "application/json")
    tag = f'"{record.etag}"'
    known = call.request.header("if-none-match")
    if known is not None and (
        known.strip() == "*" or str(record.etag) in [each.strip().strip('"') for each in known.split(",")]
    ):
        return Answer(304, headers={"etag": tag}, note=f"{record.id} is unchanged")
    media_type = f'{HAL}; schema="{xcore_form.stamped_schema(record)}"'
    document = xcore_form.envelope(record, call.parameters["container"], call.settings.xcore_rule_names)
    return Answer.of(200, document, media_type, headers={"etag": tag}, note=f"read {record.id}")


def patch(call: Call) -> Answer:
    """`PATCH /{container}/instances/{instanceId}`: a JSON Patch whose paths start with `/_instance/`."""
    record = _record(call)
    # One page uses the media type of creates for patches.
    media_type = call.content_type(PATCH, SCHEMA_INSTANCE)
    call.accepts(RECEIPT, "application/json")
    _check_schema(media_type, record)
    _check_if_match(call, record)
    before = {**xcore_form.envelope(record, call.parameters["container"], call.settings.xcore_rule_names), "_links": {}}
    document = call.patched(before, listed=_LISTED, inapplicable=_INVALID)
    if not isinstance(document, dict) or not isinstance(document.get("_instance"), dict):
        raise ServiceError(_INVALID, Reason.IMMUTABLE, "the patch removes /_instance")
    for name in sorted(before.keys() | document.keys()):
        if name != "_instance" and not same(before.get(name), document.get(name)):
            hint = "" if name in before else "; the paths of properties start with /_instance/"
            raise ServiceError(_INVALID, Reason.IMMUTABLE, f"/{name} is not user editable{hint}")
    return _store(call, record, document["_instance"], "patched", must_have_id=True)


def replace(call: Call) -> Answer:
    """`PUT /{container}/instances/{instanceId}`: replaces the whole object."""
    record = _record(call)
    media_type = call.content_type(HAL, SCHEMA_INSTANCE)
    call.accepts(RECEIPT, "application/json")
    _check_schema(media_type, record)
    _check_if_match(call, record)
    document = _body(call, media_type)
    if not isinstance(document, dict):
        raise ServiceError(_INVALID, Reason.INVALID, "the body must be an object")
    return _store(call, record, document, "replaced", must_have_id=False)


def delete(call: Call) -> Answer:
    """`DELETE /{container}/instances/{instanceId}`: 202; if there are references, the caller polls for the result."""
    record = _record(call)
    _check_if_match(call, record)
    referers = call.library.referers(record)
    if not referers or call.settings.xcore_delete_referenced == "allow":
        call.library.remove(record, call.settings.delete_delay)
        return Answer(202, note=f'deleted {record.id} "{record.name}"', committed=True)
    ticket = str(uuid.uuid4())
    verdict = {
        "instanceId": record.instance_id,
        "@id": record.id,
        "status": "rejected",
        "reason": "the instance is still referenced",
        "references": referers[:100],
    }
    due = call.library.clock.now_us() + round(call.settings.delete_delay * 1_000_000)
    call.library.database.connection.execute(
        "INSERT INTO deletions VALUES (?, ?, ?, ?)", (ticket, call.sandbox, json.dumps(verdict), due)
    )
    headers = _location(call, f"{call.parameters['container']}/deletions/{ticket}")
    return Answer(202, headers=headers, note=f"will refuse to delete {record.id}", committed=True)


def deletion(call: Call) -> Answer:
    """`GET /{container}/deletions/{ticket}`: 202 while pending, then 200 and the result."""
    check_container(call)
    row = call.library.database.connection.execute(
        "SELECT verdict, due_us FROM deletions WHERE id = ? AND sandbox = ?",
        (call.parameters["ticket"], call.sandbox),
    ).fetchone()
    if row is None:
        raise ServiceError(404, Reason.NOT_FOUND, f"there is no deletion {call.parameters['ticket']!r}")
    if row[1] > call.library.clock.now_us():
        return Answer(202, note="deletion undecided")
    return Answer.of(200, json.loads(row[0]), RECEIPT, note="deletion rejected")


def _store(call: Call, record: Record, payload: dict[str, Any], verb: str, *, must_have_id: bool) -> Answer:
    if payload.get("@id", None if must_have_id else record.id) != record.id:
        raise ServiceError(_INVALID, Reason.IMMUTABLE, "/_instance/@id is not user editable")
    bare = {name: value for name, value in payload.items() if name != "@id"}
    neutral = rules.read_body(record.kind, bare, "xcore", call.settings, _INVALID)
    references.check(call.library, call.sandbox, record.kind, neutral, record, "xcore", call.settings, _INVALID)
    rules.check_status_change(record, neutral, "xcore", call.settings, _INVALID)
    spelled = xcore_form.spelled(record.kind, bare)
    changed = call.library.replace(record, neutral, call.client_id, call.stamp(), spelled)
    return _receipt(200, changed, f'{verb} {changed.id} "{changed.name}" to etag {changed.etag}', {})


def _receipt(status: int, record: Record, note: str, headers: dict[str, str]) -> Answer:
    return Answer.of(status, xcore_form.receipt(record), RECEIPT, headers=headers, note=note, committed=True)


def _location(call: Call, reference: str) -> dict[str, str]:
    return {"location": reference, "content-base": f"{call.request.origin}{wellknown.XCORE_PATH}/"}


def _record(call: Call) -> Record:
    check_container(call)
    instance = call.parameters["instance"]
    record = call.library.get_instance(call.sandbox, instance)
    if record is None:
        detail = f"there is no instance {instance!r} in this container"
        if call.library.get(call.sandbox, instance):
            detail += "; this is an @id, and the path takes the instanceId"
        raise ServiceError(404, Reason.NOT_FOUND, detail)
    if call.request.method != "GET" and call.library.is_leaving(record):
        raise ServiceError(404, Reason.NOT_FOUND, f"instance {instance!r} was deleted")
    return record


def _kind(media_type: media_types.MediaType) -> tuple[Kind, str]:
    schema = media_type.parameters.get("schema")
    if not schema:
        raise ServiceError(415, Reason.MEDIA_TYPE, f"Content-Type {media_type.name} needs a schema parameter")
    if media_type.name == SCHEMA_INSTANCE and media_type.parameters.get("version", "1") != "1":
        raise ServiceError(415, Reason.MEDIA_TYPE, f"{media_type.name} has version 1 only")
    kind = xcore_form.kind_of(schema)
    if kind is None:
        raise ServiceError(415, Reason.MEDIA_TYPE, f"the repository has no schema {schema!r}")
    return kind, xcore_form.version_of(schema)


def _check_schema(media_type: media_types.MediaType, record: Record) -> None:
    schema = media_type.parameters.get("schema")
    if schema is None:
        return
    kind, _ = _kind(media_type)
    if kind is not record.kind:
        detail = f"Content-Type names {schema!r}, and the instance is a {record.kind.name}"
        raise ServiceError(_INVALID, Reason.INVALID, detail)


def _check_if_match(call: Call, record: Record) -> None:
    expected = call.request.header("if-match")
    if expected is None or expected.strip() == "*":
        return
    tags = [each.strip() for each in expected.split(",")]
    # One document uses a quoted text, another a whole number.
    if not all(re.fullmatch(r'"[^"]*"|[0-9]+', tag, re.ASCII) for tag in tags):
        raise ServiceError(400, Reason.MALFORMED, f'If-Match must be an etag such as "1" or 1, not {expected}')
    if str(record.etag) not in [tag.strip('"') for tag in tags]:
        detail = f"If-Match is {expected}, and the instance's etag is {record.etag}"
        raise ServiceError(409, Reason.STALE, detail)


def _body(call: Call, media_type: media_types.MediaType) -> Any:
    """The object in the body; one page sends the older envelope with the newer media type."""
    document = call.document()
    wrapped = isinstance(document, dict) and isinstance(document.get("_instance"), dict)
    return _unwrapped(document) if media_type.name == HAL or (wrapped and len(document) <= 2) else document


def _unwrapped(document: Any) -> Any:
    if not isinstance(document, dict) or not isinstance(document.get("_instance"), dict):
        raise ServiceError(_INVALID, Reason.INVALID, f"a body of type {HAL} needs an object _instance")
    if not isinstance(document.get("_links"), dict):
        raise ServiceError(_INVALID, Reason.INVALID, f"a body of type {HAL} needs an object _links, which may be empty")
    return document["_instance"]
