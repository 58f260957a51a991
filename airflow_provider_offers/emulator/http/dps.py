"""Generation 2, the DPS API: plain names, one path per kind, the sandbox in a header."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from airflow_provider_offers.emulator import instants, wellknown
from airflow_provider_offers.emulator.http.calls import Call
from airflow_provider_offers.emulator.http.messages import Answer, Reason, ServiceError
from airflow_provider_offers.emulator.kinds import KINDS, Kind, by_dps
from airflow_provider_offers.emulator.settings import Settings
from airflow_provider_offers.emulator.store import filters, ordering, references, rules
from airflow_provider_offers.emulator.store.library import NewObject, Record
from airflow_provider_offers.emulator.store.listing import Page, Selection
from airflow_provider_offers.emulator.store.ordering import SortKey

COLLECTIONS = tuple(dict.fromkeys(kind.dps_path for kind in KINDS))
"""The paths of all collections."""

_READS = "application/json"
_LISTED = ("add", "replace", "remove", "copy", "test")
_LIST_PARAMETERS = ("offer-type", "property", "orderBy", "limit", "start")


def create(call: Call) -> Answer:
    """`POST /offers?offer-type=…`."""
    kind = _kind(call)
    call.content_type("application/json")
    call.accepts(_READS)
    status = call.settings.dps_invalid_status
    neutral = rules.read_body(kind, call.document(), "dps", call.settings, status)
    rules.check_constraint_types(kind, neutral, None, call.settings, status)
    references.check(call.library, call.sandbox, kind, neutral, None, "dps", call.settings, status)
    new = NewObject(kind, neutral, "dps", client_id=call.client_id)
    record = call.library.insert(call.sandbox, new, call.stamp())
    note = f'created {record.id} "{record.name}"'
    return Answer.of(call.settings.dps_create_status, _receipt(record), note=note, committed=True)


def read(call: Call) -> Answer:
    """`GET /offers/{id}?offer-type=…`."""
    record = _record(call)
    call.accepts(_READS)
    return Answer.of(200, entity(record, call.settings), note=f"read {record.id}")


def patch(call: Call) -> Answer:
    """`PATCH /offers/{id}?offer-type=…`: a JSON Patch over the entity's own properties."""
    record = _record(call)
    call.content_type("application/json", "application/json-patch+json")
    call.accepts(_READS)
    _check_if_match(call, record)
    status = call.settings.dps_invalid_status
    written = record.kind.shape.write(record.body, "dps")
    document = call.patched(written, listed=_LISTED, inapplicable=status)
    neutral = rules.read_body(record.kind, document, "dps", call.settings, status)
    rules.check_constraint_types(record.kind, neutral, record, call.settings, status)
    references.check(call.library, call.sandbox, record.kind, neutral, record, "dps", call.settings, status)
    rules.check_status_change(record, neutral, "dps", call.settings, status)
    changed = call.library.replace(record, neutral, call.client_id, call.stamp())
    note = f'patched {changed.id} "{changed.name}" to etag {changed.etag}'
    return Answer.of(200, _receipt(changed), note=note, committed=True)


def delete(call: Call) -> Answer:
    """`DELETE /offers/{id}?offer-type=…`: 200 and a blank body."""
    record = _record(call)
    _check_if_match(call, record)
    referers = call.library.referers(record)
    refusal = call.settings.dps_delete_referenced
    if referers and refusal != 200:
        detail = f"{record.id} is still referenced by {', '.join(referers[:10])}"
        raise ServiceError(refusal, Reason.REFERENCED, detail, references=referers[:100])
    call.library.remove(record, call.settings.delete_delay)
    return Answer(200, note=f'deleted {record.id} "{record.name}"', committed=True)


def list_all(call: Call) -> Answer:
    """`GET /offers?offer-type=…`: filtered, sorted, in pages."""
    kind = _kind(call)
    call.accepts(_READS)
    properties = [part for value in call.request.all("property") for part in value.split(",")]
    orders = [value for value in call.request.all("orderBy") if value]
    start = call.request.one("start")
    # Public programs request the first page in this way.
    start = None if start == "0" else start
    try:
        conditions = [filters.parse(each, kind, "dps") for each in properties]
        keys = ordering.parse(orders or ["-modified"], kind, "dps")
        if keys[-1].path.column != "id":
            keys.append(SortKey("id", filters.path_of("id", kind, "dps"), keys[-1].descending))
        cursor = ordering.cursor_values(keys, start) if start else None
    except filters.FilterError as error:
        raise ServiceError(400, Reason.MALFORMED, str(error)) from None
    selection = Selection(
        call.sandbox,
        kind,
        keys,
        conditions,
        as_of_us=call.as_of(call.settings.list_lag),
        label=",".join(properties),
    )
    limit = call.limit()
    page = call.listing.page(selection, limit, cursor, inclusive=True)
    document = {
        "results": [entity(record, call.settings) for record, _ in page.items],
        "count": len(page.items),
        "total": call.listing.total(selection),
        "_links": _links(call, selection, page, limit, cursor, orders, properties),
    }
    ignored = call.ignored(_LIST_PARAMETERS)
    note = f"listed {len(page.items)} of {document['total']} {kind.title}s"
    headers = {"x-emulator-ignored-parameters": quote(",".join(ignored), safe=",")} if ignored else {}
    return Answer.of(200, document, headers=headers, note=note + (f"; ignored {', '.join(ignored)}" if ignored else ""))


def entity(record: Record, settings: Settings) -> dict[str, Any]:
    """An object in the form of reads and lists."""
    written = record.kind.shape.write(record.body, "dps")
    return {
        "created": instants.offset_text(record.created_us),
        "modified": instants.offset_text(record.modified_us),
        "etag": record.etag,
        "schemas": [f"{record.kind.schema};version={record.kind.dps_version}"],
        "createdBy": wellknown.account_of(record.created_by),
        "lastModifiedBy": wellknown.account_of(record.modified_by),
        "id": record.id,
        **(record.kind.as_read(written) if settings.formula_reads == "documented" else written),
    }


def _receipt(record: Record) -> dict[str, Any]:
    return {
        "etag": record.etag,
        "createdBy": wellknown.account_of(record.created_by),
        "lastModifiedBy": wellknown.account_of(record.modified_by),
        "id": record.id,
        "sandboxId": wellknown.sandbox_id_of(record.sandbox),
        "createdDate": instants.millis_text(record.created_us),
        "lastModifiedDate": instants.millis_text(record.modified_us),
        "createdByClientId": record.created_by,
        "lastModifiedByClientId": record.modified_by,
    }


def _kind(call: Call) -> Kind:
    path, offer_type = call.parameters["collection"], call.request.one("offer-type")
    kind = by_dps(path, offer_type)
    if kind is not None:
        return kind
    if offer_type is None:
        detail = "the query parameter offer-type is required: personalized or fallback"
    else:
        detail = f"offer-type must be personalized or fallback, not {offer_type!r}"
    raise ServiceError(400, Reason.MALFORMED, detail)


def _record(call: Call) -> Record:
    kind, object_id = _kind(call), call.parameters["id"]
    if any(character.isspace() for character in object_id):
        raise ServiceError(400, Reason.MALFORMED, f"{object_id!r} is not an id: it contains a space")
    record = call.library.get(call.sandbox, object_id)
    if record is None or record.kind_name != kind.name:
        detail = f"there is no {kind.title} {object_id!r} in this sandbox"
        if record is not None:
            detail += f"; the id belongs to a {record.kind.title}"
        elif call.library.get_instance(call.sandbox, object_id):
            detail += "; this is an instance id of generation 1, and generation 2 takes the reference id (@id)"
        raise ServiceError(404, Reason.NOT_FOUND, detail)
    if call.request.method != "GET" and call.library.is_leaving(record):
        raise ServiceError(404, Reason.NOT_FOUND, f"{object_id!r} was deleted")
    return record


def _check_if_match(call: Call, record: Record) -> None:
    expected = call.request.header("if-match")
    if call.settings.dps_if_match == "obey" and expected not in (None, "*", str(record.etag), f'"{record.etag}"'):
        raise ServiceError(409, Reason.STALE, f"If-Match is {expected}, and the etag is {record.etag}")


def _links(
    call: Call,
    selection: Selection,
    page: Page,
    limit: int,
    cursor: list[Any] | None,
    orders: list[str],
    properties: list[str],
) -> dict[str, Any]:
    keys, kind = selection.keys, selection.kind

    def link(start: str | None) -> dict[str, str]:
        pairs = [("property", each) for each in properties]
        pairs += [("orderby", ",".join(orders) or "-modified"), ("limit", str(limit))]
        pairs += [("start", start)] if start else []
        pairs += [("offer-type", kind.offer_type.upper())] if kind.offer_type else []
        query = "&".join(f"{name}={quote(value, safe=':-.,_!=<>~*')}" for name, value in pairs)
        return {"href": f"/{kind.dps_path}?{query}", "type": "application/json"}

    links = {"self": link(call.request.one("start"))}
    if page.following is not None:
        links["next"] = link(_cursor(keys, page.following))
    if cursor and page.items:
        earlier = call.listing.before(selection, limit, page.items[0][1])
        if earlier is not None:
            links["prev"] = link(_cursor(keys, earlier))
    return links


def _cursor(keys: Any, values: tuple[Any, ...]) -> str:
    # The real links, all sorted by a timestamp, contain only the timestamp. If values repeat by
    # nature, the id is needed to pass them.
    alone = len(keys) == 1 or keys[0].path.is_envelope_date
    count = 1 if alone else len(keys)
    return ordering.cursor_text(keys[:count], values[:count], dates="text")
