"""The rules for one object, beyond the shape of its properties: dates, placements, limits, status."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from airflow_provider_offers.emulator import instants
from airflow_provider_offers.emulator.http.messages import Reason, ServiceError
from airflow_provider_offers.emulator.kinds import Kind
from airflow_provider_offers.emulator.settings import Settings
from airflow_provider_offers.emulator.shapes import Problem, Reading, Spelling, pointer
from airflow_provider_offers.emulator.store import guardrails
from airflow_provider_offers.emulator.store.json_patch import same
from airflow_provider_offers.emulator.store.library import Record

RESERVED: Mapping[Spelling, frozenset[str]] = {
    "dps": frozenset(("id", "etag", "created", "modified", "createdBy", "lastModifiedBy", "schemas")),
    "xcore": frozenset(("@id",)),
}
"""Property names that only the server assigns."""

UNDECLARED = "Cannot specify eligibilityRule without a declared profileConstraintType"
"""The service's own text, as it was seen."""


def read_body(kind: Kind, document: Any, spelling: Spelling, settings: Settings, status: int) -> dict[str, Any]:
    """The neutral properties of a wire document, or an error that lists all its problems."""
    reading = Reading(
        spelling,
        only_name_required=spelling == "dps" and settings.dps_required == "name",
        takes_uris=settings.dps_component_uris == "keep",
    )
    if isinstance(document, dict):
        for name in sorted(RESERVED[spelling] & document.keys()):
            reading.problem(f"/{name}", "is assigned by the server")
    neutral = _neutral(kind, document, reading)
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


def check_status_change(
    record: Record, neutral: Mapping[str, Any], spelling: Spelling, settings: Settings, status: int
) -> None:
    """Reject a status that cannot follow the current one, and every other change of an object with a final status."""
    before, after = record.status, neutral.get("status")
    if not settings.strict_status or before is None or before not in record.kind.transitions:
        return
    follows = " or ".join(record.kind.transitions[before]) or "nothing"
    if after != before and after not in record.kind.transitions[before]:
        detail = f"a {record.kind.title} cannot go from {before!r} to {after!r}; after {before!r} comes {follows}"
        raise ServiceError(status, Reason.STATUS_CHANGE, detail)
    if not record.kind.is_final(before):
        return
    # In the spelling of this generation, so only the caller's changes count.
    stored = _neutral(record.kind, record.kind.shape.write(record.body, spelling), Reading(spelling))
    changed = sorted(
        name
        for name in stored.keys() | neutral.keys()
        if name != "status" and not (name in stored and name in neutral and same(stored[name], neutral[name]))
    )
    if changed:
        detail = (
            f"a {record.kind.title} that is {before!r} can only be duplicated or deleted, not changed "
            f"({', '.join(changed)}); after {before!r} comes {follows}"
        )
        raise ServiceError(status, Reason.STATUS_CHANGE, detail)


def check_constraint_types(
    kind: Kind, neutral: Mapping[str, Any], record: Record | None, settings: Settings, status: int
) -> None:
    """Reject a rule without a declared type, if the settings say so.

    Generation 1 writes rules without a type; `record` is the previous object, and its rules are not checked.
    """
    if settings.undeclared_constraint_type == "allow":
        return
    known = [rule for _, rule in _undeclared(kind, record.body)] if record is not None else []
    problems = [
        Problem(pointer(kind.shape, "dps", *steps), UNDECLARED)
        for steps, rule in _undeclared(kind, neutral)
        if rule not in known
    ]
    if problems:
        raise invalid(problems, status)


def invalid(problems: list[Problem], status: int) -> ServiceError:
    """The error that lists these problems."""
    detail = "; ".join(map(str, problems[:20]))
    listed = [{"path": each.at, "message": each.message} for each in problems[:20]]
    return ServiceError(status, Reason.INVALID, detail, problems=listed)


def _neutral(kind: Kind, document: Any, reading: Reading) -> Any:
    if isinstance(document, dict):
        document = {name: value for name, value in document.items() if not _dropped(kind, name)}
    return kind.shape.read(document, "", reading)


def _own(kind: Kind, neutral: Mapping[str, Any]) -> Mapping[str, Any]:
    """The properties that the kind knows; the shape of other properties is unknown."""
    return {each.plain: neutral[each.plain] for each in kind.shape.properties if each.plain in neutral}


def _undeclared(kind: Kind, neutral: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The places of rules without the type of their constraint, and the rules."""
    own = _own(kind, neutral)
    held: list[tuple[tuple[str, ...], Any]] = [(("selectionConstraint",), own.get("selectionConstraint"))]
    criteria = own.get("criteria")
    # Objects that were seeded without checks can contain anything.
    for number, criterion in enumerate(criteria if isinstance(criteria, list) else ()):
        if isinstance(criterion, dict):
            held.append((("criteria", str(number), "profileConstraint"), criterion.get("profileConstraint")))
    for steps, constraint in held:
        if (
            isinstance(constraint, dict)
            and "eligibilityRule" in constraint
            and "profileConstraintType" not in constraint
        ):
            yield (*steps, "profileConstraintType"), constraint["eligibilityRule"]


def _dropped(kind: Kind, name: str) -> bool:
    return any(name in (plain, f"xdm:{plain}") for plain in kind.dropped)


def _windows(kind: Kind, neutral: Mapping[str, Any], spelling: Spelling, settings: Settings) -> list[Problem]:
    """No window of an offer, a decision or a cap is empty or ends before it starts."""
    own = _own(kind, neutral)
    held: list[tuple[tuple[str, ...], Mapping[str, Any]]] = []
    if not _may_have_gaps(neutral, settings):
        held.append(((), own))
    if held and "selectionConstraint" in own:
        held.append((("selectionConstraint",), own["selectionConstraint"]))
    for number, cap in enumerate(own.get("frequencyCappingConstraints", ())):
        held.append((("frequencyCappingConstraints", str(number)), cap))
    problems = []
    for steps, holder in held:
        start, end = holder.get("startDate"), holder.get("endDate")
        if start is None or end is None:
            continue
        length = instants.to_us(end) - instants.to_us(start)
        at = pointer(kind.shape, spelling, *steps, "endDate") if length <= 0 else ""
        if length < 0 and settings.refuse_reversed_window:
            problems.append(Problem(at, f"{end} is before the start, {start}"))
        elif length == 0 and settings.guardrails == "enforce":
            problems.append(Problem(at, f"{end} equals the start, so the window is empty"))
    return problems


def _components(kind: Kind, neutral: Mapping[str, Any], spelling: Spelling, settings: Settings) -> list[Problem]:
    """Every representation of an approved object has components."""
    if _may_have_gaps(neutral, settings):
        return []
    return [
        Problem(
            pointer(kind.shape, spelling, "representations", str(number), "components"),
            "must have at least 1 item(s)" if "components" in each else "is required",
        )
        for number, each in enumerate(_own(kind, neutral).get("representations", ()))
        if not each.get("components")
    ]


def _may_have_gaps(neutral: Mapping[str, Any], settings: Settings) -> bool:
    return neutral.get("status") == "draft" and settings.draft_gaps == "allow"


def _placements(kind: Kind, neutral: Mapping[str, Any], spelling: Spelling, settings: Settings) -> list[Problem]:
    seen: dict[str, int] = {}
    problems: list[Problem] = []
    if settings.duplicate_placements == "allow":
        return problems
    for number, representation in enumerate(_own(kind, neutral).get("representations", ())):
        placement = representation["placement"]
        if placement in seen:
            at = pointer(kind.shape, spelling, "representations", str(number), "placement")
            problems.append(Problem(at, f"representation {seen[placement]} has the same placement, {placement!r}"))
        seen.setdefault(placement, number)
    return problems


def _live_decision(kind: Kind, neutral: Mapping[str, Any], spelling: Spelling, settings: Settings) -> list[Problem]:
    """A live decision has a window, criteria, and a fallback; a draft does not need them yet."""
    if kind.name != "offer-activity" or neutral.get("status") != "live" or settings.live_decision == "any":
        return []
    # A decision in the form of 2019 must be complete.
    older = "criteria" not in neutral and ("placement" in neutral or "filter" in neutral)
    wanted = ("startDate", "endDate", *(("placement", "filter") if older else ("criteria",)), "fallback")
    missing = [name for name in wanted if not neutral.get(name)]
    places = [pointer(kind.shape, spelling, name) for name in missing]
    for number, criterion in enumerate(neutral.get("criteria", ())):
        if "filter" not in criterion["optionSelection"]:
            places.append(pointer(kind.shape, spelling, "criteria", str(number), "optionSelection", "filter"))
    return [Problem(each, "is required of a live decision") for each in places]


def _guardrails(kind: Kind, neutral: Mapping[str, Any], spelling: Spelling, settings: Settings) -> list[Problem]:
    return [*guardrails.problems(kind, neutral, spelling)] if settings.guardrails == "enforce" else []


_Rule = Callable[[Kind, Mapping[str, Any], Spelling, Settings], list[Problem]]
_RULES: tuple[_Rule, ...] = (_windows, _components, _placements, _live_decision, _guardrails)
