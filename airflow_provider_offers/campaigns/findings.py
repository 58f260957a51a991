"""Collects what is wrong in a manifest: each violation with its place, and one for all rows that are alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from airflow_provider_offers.campaigns.objects import Origin
from airflow_provider_offers.client.errors import Doubt, Violation


class Findings:
    """The errors and the doubts of a manifest, in the order in which they are found."""

    def __init__(self) -> None:
        self._errors: dict[Violation, list[str]] = {}
        self._doubts: dict[Violation, list[str]] = {}

    def __len__(self) -> int:
        """The number of errors."""
        return len(self._errors)

    def add(self, finding: Violation, row: str = "") -> None:
        """Add a finding whose pointer is a place; `row` is the row to which it belongs."""
        found = self._doubts if isinstance(finding, Doubt) else self._errors
        rows = found.setdefault(finding, [])
        if row not in rows[-1:]:
            rows.append(row)

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


def _together(found: dict[Violation, list[str]]) -> Iterator[Violation]:
    """Each finding, with its first row and the number of the others."""
    for finding, rows in found.items():
        more = len(rows) - 1
        given = f"{finding.given}; {more} more row{'s' if more > 1 else ''} like this" if more else finding.given
        where = f"{finding.pointer} in {rows[0]}" if rows[0] else finding.pointer
        yield replace(finding, pointer=where, given=given)
