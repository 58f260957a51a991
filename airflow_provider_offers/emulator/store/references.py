"""The references between objects: they must exist and match, and the name of a tag is unique."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_offers.emulator.kinds import Kind, criteria_of
from airflow_provider_offers.emulator.settings import Settings
from airflow_provider_offers.emulator.shapes import Problem, Spelling, pointer
from airflow_provider_offers.emulator.store import guardrails
from airflow_provider_offers.emulator.store.library import Library, Record
from airflow_provider_offers.emulator.store.rules import invalid


def check(
    library: Library,
    sandbox: str,
    kind: Kind,
    neutral: Mapping[str, Any],
    record: Record | None,
    spelling: Spelling,
    settings: Settings,
    status: int,
) -> None:
    """Reject an object that does not fit the other objects; `record` is the object that it replaces."""
    problems = [*_references(library, sandbox, kind, neutral, spelling, settings)]
    if kind.unique_name:
        other = library.named(sandbox, kind, neutral["name"])
        if other is not None and (record is None or other.id != record.id):
            at = pointer(kind.shape, spelling, "name")
            problems.append(Problem(at, f"{neutral['name']!r} is already the name of {other.id}"))
    if not problems and kind.name == "offer-activity" and neutral.get("status") == "live":
        at = pointer(kind.shape, spelling, "fallback")
        problems += [Problem(at, message) for message in _unfit_fallback(library, sandbox, neutral, settings)]
    if problems:
        raise invalid(problems, status)


def _references(
    library: Library, sandbox: str, kind: Kind, neutral: Mapping[str, Any], spelling: Spelling, settings: Settings
) -> Iterator[Problem]:
    collected: tuple[str, ...] | None = None
    if kind.name == "offer-filter" and settings.guardrails == "enforce":
        collected = guardrails.COLLECTED.get(neutral.get("filterType", ""))
    for steps, target, fitting in kind.shape.references(neutral):
        kinds, at = collected or fitting, pointer(kind.shape, spelling, *steps)
        found = library.get(sandbox, target)
        wanted = " or ".join(kinds)
        if found is None or library.is_leaving(found):
            if settings.missing_references == "refuse":
                yield Problem(at, f"refers to {target!r}, and there is no such {wanted} in this sandbox")
        elif found.kind_name not in kinds:
            yield Problem(at, f"refers to {target!r}, which is a {found.kind_name} and not a {wanted}")


def _unfit_fallback(library: Library, sandbox: str, neutral: Mapping[str, Any], settings: Settings) -> Iterator[str]:
    """The fallback of a live decision must be approved, and have a representation for every placement."""
    fallback = library.get(sandbox, neutral.get("fallback", ""))
    if settings.live_decision == "any" or fallback is None:
        return
    if fallback.status != "approved":
        yield f"{fallback.id} is {fallback.status}, and the fallback of a live decision must be approved"
    covered = {each["placement"] for each in fallback.body.get("representations", ())}
    wanted = [each for criterion in criteria_of(neutral) for each in criterion["placements"]]
    for placement in dict.fromkeys(wanted):
        if placement not in covered:
            yield f"{fallback.id} has no representation for {placement}, and a live decision needs one"
