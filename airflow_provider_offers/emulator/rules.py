"""The rules an object must obey by itself, beyond the shape of its properties: dates, placements, status."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_offers.emulator import instants
from airflow_provider_offers.emulator.kinds import Kind
from airflow_provider_offers.emulator.library import Record
from airflow_provider_offers.emulator.messages import Reason, ServiceError
from airflow_provider_offers.emulator.settings import Settings
from airflow_provider_offers.emulator.shapes import Object, Problem, Reading, Shape, Spelling

RESERVED: Mapping[Spelling, frozenset[str]] = {
    "dps": frozenset(("id", "etag", "created", "modified", "createdBy", "lastModifiedBy", "schemas")),
    "xcore": frozenset(("@id",)),
}
"""Property names that the server alone assigns."""


def read_body(kind: Kind, document: Any, spelling: Spelling, settings: Settings, status: int) -> dict[str, Any]:
    """The neutral properties of a wire document, or a refusal that lists everything wrong with it."""
    reading = Reading(spelling, only_name_required=spelling == "dps" and settings.dps_required == "name")
    if isinstance(document, dict):
        for name in sorted(RESERVED[spelling] & document.keys()):
            reading.problem(f"/{name}", "is assigned by the server")
        document = {name: value for name, value in document.items() if not _dropped(kind, name)}
    neutral = kind.shape.read(document, "", reading)
    if settings.unknown_properties == "refuse":
        for at in reading.unknown:
            reading.problem(at, "is not a known property")
    if not reading.problems:
        for rule in _RULES:
            reading.problems += rule(kind, neutral, spelling, settings)
    if reading.problems:
        raise invalid(reading.problems, status)
    if reading.only_name_required and kind.transitions:
        neutral.setdefault("status", "draft")
    checked: dict[str, Any] = neutral
    return checked


def check_status_change(record: Record, neutral: Mapping[str, Any], settings: Settings, status: int) -> None:
    """Refuse a status that cannot follow the present one."""
    before, after = record.status, neutral.get("status")
    if not settings.strict_status or before is None or before == after:
        return
    allowed = record.kind.transitions.get(before)
    if allowed is not None and after not in allowed:
        follows = " or ".join(allowed) or "nothing"
        detail = f"a {record.kind.title} cannot go from {before!r} to {after!r}; after {before!r} comes {follows}"
        raise ServiceError(status, Reason.STATUS_CHANGE, detail)


def invalid(problems: list[Problem], status: int) -> ServiceError:
    """The refusal that lists these problems."""
    detail = "; ".join(map(str, problems[:20]))
    listed = [{"path": each.at, "message": each.message} for each in problems[:20]]
    return ServiceError(status, Reason.INVALID, detail, problems=listed)


def _dropped(kind: Kind, name: str) -> bool:
    return any(name in (plain, f"xdm:{plain}") for plain in kind.dropped)


def _pointer(shape: Shape, spelling: Spelling, *steps: str) -> str:
    spelled = ""
    for step in steps:
        if isinstance(shape, Object):
            found = next(each for each in shape.properties if each.plain == step)
            spelled, shape = f"{spelled}/{found.name(spelling)}", found.shape
        else:
            spelled, shape = f"{spelled}/{step}", shape.child(step, spelling)[1]
    return spelled


def _window(kind: Kind, neutral: Mapping[str, Any], spelling: Spelling, settings: Settings) -> list[Problem]:
    at: tuple[str, ...] = ("endDate",)
    holder: Any = neutral
    if "selectionConstraint" in neutral:
        holder, at = neutral["selectionConstraint"], ("selectionConstraint", "endDate")
    start, end = holder.get("startDate"), holder.get("endDate")
    if not settings.refuse_reversed_window or start is None or end is None:
        return []
    if instants.to_us(end) >= instants.to_us(start):
        return []
    return [Problem(_pointer(kind.shape, spelling, *at), f"{end} is before the start, {start}")]


def _placements(kind: Kind, neutral: Mapping[str, Any], spelling: Spelling, settings: Settings) -> list[Problem]:
    seen: dict[str, int] = {}
    problems: list[Problem] = []
    if settings.duplicate_placements == "allow":
        return problems
    for number, representation in enumerate(neutral.get("representations", ())):
        placement = representation["placement"]
        if placement in seen:
            at = _pointer(kind.shape, spelling, "representations", str(number), "placement")
            problems.append(Problem(at, f"representation {seen[placement]} has the same placement, {placement!r}"))
        seen.setdefault(placement, number)
    return problems


def _live_decision(kind: Kind, neutral: Mapping[str, Any], spelling: Spelling, settings: Settings) -> list[Problem]:
    """A live decision has a window, criteria, and a fallback; a draft may wait for them."""
    if kind.name != "offer-activity" or neutral.get("status") != "live" or settings.live_decision == "any":
        return []
    missing = [name for name in ("startDate", "endDate", "criteria", "fallback") if not neutral.get(name)]
    places = [_pointer(kind.shape, spelling, name) for name in missing]
    for number, criterion in enumerate(neutral.get("criteria", ())):
        if "filter" not in criterion["optionSelection"]:
            places.append(_pointer(kind.shape, spelling, "criteria", str(number), "optionSelection", "filter"))
    return [Problem(each, "is required of a live decision") for each in places]


_Rule = Callable[[Kind, Mapping[str, Any], Spelling, Settings], list[Problem]]
_RULES: tuple[_Rule, ...] = (_window, _placements, _live_decision)
