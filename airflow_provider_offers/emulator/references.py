"""The graph between objects: what an object refers to must exist and fit, and a tag's name belongs to one tag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_offers.emulator.kinds import Kind
from airflow_provider_offers.emulator.library import Library, Record
from airflow_provider_offers.emulator.rules import invalid
from airflow_provider_offers.emulator.settings import Settings
from airflow_provider_offers.emulator.shapes import Problem


def check(
    library: Library,
    sandbox: str,
    kind: Kind,
    neutral: Mapping[str, Any],
    record: Record | None,
    settings: Settings,
    status: int,
) -> None:
    """Refuse an object that does not fit the others; `record` is what it replaces."""
    problems = [*_references(library, sandbox, kind, neutral, settings)]
    if kind.unique_name:
        other = library.named(sandbox, kind, neutral["name"])
        if other is not None and (record is None or other.id != record.id):
            problems.append(Problem("/name", f"{neutral['name']!r} is already the name of {other.id}"))
    if not problems and kind.name == "offer-activity" and neutral.get("status") == "live":
        problems += _uncovered(library, sandbox, neutral, settings)
    if problems:
        raise invalid(problems, status)


def _references(
    library: Library, sandbox: str, kind: Kind, neutral: Mapping[str, Any], settings: Settings
) -> Iterator[Problem]:
    for target, kinds in kind.shape.references(neutral):
        found = library.get(sandbox, target)
        wanted = " or ".join(kinds)
        if found is None or library.is_leaving(found):
            if settings.missing_references == "refuse":
                yield Problem("", f"refers to {target!r}, and there is no such {wanted} in this sandbox")
        elif found.kind_name not in kinds:
            yield Problem("", f"refers to {target!r}, which is a {found.kind_name} and not a {wanted}")


def _uncovered(library: Library, sandbox: str, neutral: Mapping[str, Any], settings: Settings) -> Iterator[Problem]:
    """A live decision's fallback must have something to show in every placement."""
    fallback = library.get(sandbox, neutral.get("fallback", ""))
    if settings.live_decision == "any" or fallback is None:
        return
    covered = {each["placement"] for each in fallback.body.get("representations", ())}
    wanted = [each for criterion in neutral["criteria"] for each in criterion["placements"]]
    for placement in dict.fromkeys(wanted):
        if placement not in covered:
            message = f"{fallback.id} has no representation for {placement}, and a live decision needs one"
            yield Problem("/fallback", message)
