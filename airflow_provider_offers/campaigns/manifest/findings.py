"""Collects what is wrong in a manifest: each violation with its place, and one for all rows that are alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from airflow_provider_offers.campaigns.objects import Origin
from airflow_provider_offers.client.errors import Doubt, Violation
from airflow_provider_offers.client.model.likeness import near

# The beginning of a violation about the name of a member.
NAMED = "the property "


class Findings:
    """The errors and the doubts of a manifest, in the order in which they are found."""

    def __init__(self) -> None:
        # The rows of each finding, in order.
        self._errors: dict[Violation, dict[str, None]] = {}
        self._doubts: dict[Violation, dict[str, None]] = {}

        # The number of errors, also of equal ones.
        self.count = 0

    def add(self, finding: Violation, row: str = "") -> None:
        """Add a finding whose pointer is a place; `row` is the row to which it belongs."""
        found = self._doubts if isinstance(finding, Doubt) else self._errors
        self.count += found is self._errors
        found.setdefault(finding, {})[row] = None

    def tell(self, origin: Origin, given: str, accepted: str, pointer: str = "", row: str = "") -> None:
        """Add an error at a place."""
        self.add(Violation(f"{origin} {pointer}".rstrip(), given, accepted), row)

    @property
    def errors(self) -> list[Violation]:
        """Every error once."""
        return list(_together(self._errors))

    @property
    def warnings(self) -> list[str]:
        """Every doubt once, as a sentence."""
        return [str(each) for each in _together(self._doubts)]


def without_consequences(found: Sequence[Violation]) -> list[Violation]:
    """The violations without those about a missing member whose name is misspelt beside it."""
    named = [each.pointer.rpartition("/") for each in found if each.given.startswith(NAMED)]
    return [
        each
        for each in found
        if each.given != "nothing"
        or not any(
            parent == each.pointer.rpartition("/")[0] and near(name, [each.pointer.rpartition("/")[2]])
            for parent, _, name in named
        )
    ]


def _together(found: dict[Violation, dict[str, None]]) -> Iterator[Violation]:
    """Each finding, with its first row and the number of the others."""
    for finding, rows in found.items():
        first, more = next(iter(rows)), len(rows) - 1
        given = f"{finding.given}; {more} more row{'s' if more > 1 else ''} like this" if more else finding.given
        where = f"{finding.pointer} in {first}" if first else finding.pointer
        yield replace(finding, pointer=where, given=given)
