"""A plan as a JSON document, both ways. What was not written by this format is refused."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from annotated_types import Ge
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.campaigns.plans import ABSENT, FORMAT, Action, Change, Plan, PlannedObject, Prune
from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.model.kinds import KINDS
from airflow_provider_offers.client.model.spelling import join_pointer
from airflow_provider_offers.client.text import describe
from airflow_provider_offers.client.wire.messages import Json

_WHAT = "The plan cannot be read"
_FAMILY, _VERSION = FORMAT.split("/v")
_NUMBERED = re.compile(re.escape(_FAMILY) + r"/v([0-9]{1,6})")
_SIDES = ("base", "live", "wanted")
# The members of an object that are written only if they say something, in this order.
_OPTIONAL = (
    "id",
    "instance_id",
    "etag",
    "old_name",
    "reason",
    "edited_by",
    "edited_at",
    "retire",
    "held_as_draft",
    "after_offers",
    "prevent_destroy",
    "ignore_changes",
    "origin",
)
Count = Annotated[int, Ge(0)]


def plan_as_json(plan: Plan) -> dict[str, Json]:
    """The document of a plan, for `plan_from_json`. It holds only JSON values, and no secret.

    `checksum` is that of everything else: an apply does what was planned and reviewed, and not what somebody has
    written into the file since.
    """
    document: dict[str, Json] = {
        "format": FORMAT,
        "campaign": plan.campaign,
        "target": plan.target,
        "connection": plan.connection,
        "organization": plan.organization,
        "sandbox": plan.sandbox,
        "api": plan.api,
        "digest": plan.digest,
        "state_generation": plan.state_generation,
        "made_at": plan.made_at,
        "protected": plan.protected,
        "counts": dict(plan.counts),
        "objects": [_object_as_json(each) for each in plan.objects],
        "ids": _by_kind(plan.ids),
        "left_alone": _by_kind(plan.left_alone),
        "forgotten": _as_list(plan.forgotten),
        "given_up": _as_list(plan.given_up),
        "warnings": list(plan.warnings),
    }
    return {**document, "checksum": _checksum(document)}


def _checksum(document: Mapping[str, Json]) -> str:
    """The checksum of a document, without its own member."""
    told = {name: value for name, value in document.items() if name != "checksum"}
    return f"sha256:{hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()}"


def plan_as_bytes(plan: Plan) -> bytes:
    """The document of a plan as JSON in UTF-8, for a file."""
    document = plan_as_json(plan)
    try:
        return json.dumps(document, ensure_ascii=False, indent=1).encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair, as the service sent it: JSON can only hold it as an escape.
        return json.dumps(document, indent=1).encode()


def may_be_replaced(start: bytes) -> bool:
    """Whether a file that begins so is empty or a plan, even one that was cut off while it was written."""
    told = b"".join(start.split())
    return not told or told.startswith(f'{{"format":"{_FAMILY}/'.encode())


def _object_as_json(each: PlannedObject) -> dict[str, Json]:
    kind, name = each.key
    told: dict[str, Json] = {"kind": kind, "name": name, "action": each.action}
    for member in _OPTIONAL:
        value = getattr(each, member)
        if value not in (None, "", False, ()):
            told[member] = list(value) if isinstance(value, tuple) else value
    if each.changes:
        told["changes"] = [_change_as_json(change) for change in each.changes]
    if each.conflicts:
        told["conflicts"] = [_change_as_json(change) for change in each.conflicts]
    if each.properties is not None:
        told["properties"] = dict(each.properties)
    return told


def _change_as_json(change: Change) -> dict[str, Json]:
    sides = {side: getattr(change, side) for side in _SIDES}
    return {"pointer": change.pointer, **{side: value for side, value in sides.items() if value is not ABSENT}}


def _as_list(keys: Iterable[Key]) -> list[Json]:
    return [{"kind": kind, "name": name} for kind, name in keys]


def _by_kind(texts: Mapping[Key, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for (kind, name), text in texts.items():
        found.setdefault(kind, {})[name] = text
    return found


def plan_from_json(value: Any) -> Plan:
    """The plan of a document. Raises `InvalidInputError` with every violation; nothing is sent.

    A document of a newer format, of another format, with anything that this format does not have, or that was edited
    since it was made, is refused.
    """
    _check_format(value)
    try:
        document = _Document.model_validate(value)
    except ValidationError as refused:
        raise InvalidInputError(_WHAT, [_violation(each) for each in refused.errors(include_url=False)]) from None
    violations = list(_disagreements(document))
    if not violations and document.checksum != _checksum(value):
        edited = "a plan that was edited after it was made"
        violations = [Violation("/checksum", edited, "the plan as it was made; change the manifest, and plan again")]
    if violations:
        raise InvalidInputError(_WHAT, violations)
    told = {name: getattr(document, name) for name in document.model_fields_set - {"format", "checksum"}}
    told["objects"] = tuple(each.planned() for each in document.objects)
    told["ids"], told["left_alone"] = _by_key(document.ids), _by_key(document.left_alone)
    for name in ("forgotten", "given_up"):
        told[name] = tuple((each.kind, each.name) for each in getattr(document, name))
    told["warnings"] = tuple(document.warnings)
    return Plan(**told)


def _check_format(value: Any) -> None:
    if not isinstance(value, Mapping):
        raise InvalidInputError(_WHAT, [Violation("", describe(value), f"a JSON object of the format {FORMAT}")])
    given = value.get("format")
    if given == FORMAT:
        return
    numbered = _NUMBERED.fullmatch(given) if isinstance(given, str) else None
    newer = numbered is not None and int(numbered[1]) > int(_VERSION)
    accepted = repr(FORMAT) + (
        "; a newer release of the provider wrote it: use that one, or plan again" if newer else ""
    )
    raise InvalidInputError(_WHAT, [Violation("/format", "nothing" if given is None else describe(given), accepted)])


def _violation(error: Mapping[str, Any]) -> Violation:
    pointer = join_pointer([str(token) for token in error["loc"]])
    if error["type"] == "missing":
        return Violation(pointer, "nothing", "a value; it is required")
    if error["type"] == "extra_forbidden":
        return Violation(pointer, "an unknown member", f"only members of the format {FORMAT}")
    return Violation(pointer, describe(error["input"]), error["msg"].removeprefix("Input should be "))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class _Key(_Strict):
    kind: Literal[tuple(KINDS)]  # type: ignore[valid-type]  # the keys of the kind table
    name: str


class _Change(_Strict):
    pointer: Annotated[str, Field(pattern=r"^(/([^~/]|~[01])*)+$")]
    base: Any = ABSENT
    live: Any = ABSENT
    wanted: Any = ABSENT

    def change(self) -> Change:
        return Change(self.pointer, self.live, self.wanted, self.base)


class _Object(_Key):
    action: Action
    id: str | None = None
    instance_id: str | None = None
    etag: int | None = None
    changes: list[_Change] = []
    conflicts: list[_Change] = []
    properties: dict[str, Any] | None = None
    old_name: str | None = None
    reason: str = ""
    edited_by: str | None = None
    edited_at: str | None = None
    retire: Prune | None = None
    held_as_draft: bool = False
    after_offers: bool = False
    prevent_destroy: bool = False
    ignore_changes: list[str] = []
    origin: str = ""

    def planned(self) -> PlannedObject:
        told = {name: getattr(self, name) for name in self.model_fields_set - {"kind", "name"}}
        told["changes"] = tuple(each.change() for each in self.changes)
        told["conflicts"] = tuple(each.change() for each in self.conflicts)
        told["ignore_changes"] = tuple(self.ignore_changes)
        return PlannedObject((self.kind, self.name), **told)


class _Document(_Strict):
    format: str
    campaign: str
    target: str
    connection: str = ""
    organization: str
    sandbox: str
    api: str
    digest: str
    state_generation: Count
    made_at: str
    objects: list[_Object]
    counts: dict[Action, Count]
    protected: bool
    ids: dict[str, dict[str, str]] = {}
    left_alone: dict[str, dict[str, str]] = {}
    forgotten: list[_Key] = []
    given_up: list[_Key] = []
    warnings: list[str] = []
    checksum: str


def _disagreements(document: _Document) -> Iterator[Violation]:
    """What an apply would misread: an action without the values that it needs, or an object that is planned twice."""
    seen: set[Key] = set()
    for index, each in enumerate(document.objects):
        where = f"/objects/{index}"
        if (each.kind, each.name) in seen:
            yield Violation(where, "an object that was planned before", "each object once")
        seen.add((each.kind, each.name))
        yield from _missing(each, where)
    for kind in (*document.ids, *document.left_alone):
        if kind not in KINDS:
            yield Violation(f"/ids/{kind}", "an unknown kind", " or ".join(KINDS))
    listed = {action: sum(each.action == action for each in document.objects) for action in document.counts}
    for action, count in document.counts.items():
        if listed[action] != count and (action != "unchanged" or listed[action] > count):
            yield Violation(f"/counts/{action}", str(count), f"{listed[action]}, the number of such objects")


def _missing(each: _Object, where: str) -> Iterator[Violation]:
    needed: Iterable[str] = {
        "create": ("properties",),
        "update": ("id", "instance_id", "etag", "properties", "changes"),
        "rename": ("id", "instance_id", "etag", "properties", "changes", "old_name"),
        "retire": ("id", "instance_id", "etag", "retire"),
        "unchanged": ("properties",),
        "conflict": (),
    }[each.action]
    for name in needed:
        if getattr(each, name) in (None, []):
            yield Violation(f"{where}/{name}", "nothing", f"a value; the action {each.action!r} needs it")
    if each.conflicts and each.action != "conflict":
        yield Violation(f"{where}/conflicts", "conflicts", f"none; the action is {each.action!r}")


def _by_key(texts: Mapping[str, Mapping[str, str]]) -> dict[Key, str]:
    return {(kind, name): text for kind, named in texts.items() for name, text in named.items()}
