"""The table of what depends on the version of Airflow has a row for each place in the code that does."""

from __future__ import annotations

import re

from tests.docs.pages import CHECKOUT

CODE = CHECKOUT / "airflow_provider_offers"
VERSION = re.compile(r"Airflow 3\.[2-9]|\bon 3\.2\b|task_state_store|\badd_partitions\b")
ROWS = {
    "operators/kept_values.py": "the values that templates rendered",
    "operators/memory.py": "a creation whose answer was lost",
    "operators/edits.py": "a list that was interrupted",
    "operators/lifecycle.py": "archiving expired offers",
    "operators/offers.py": "a deletion",
    "client/flows/deleting_once.py": "a deletion",
    "operators/decisions.py": "a batch of decisions",
    "operators/approvals.py": "an approval of a plan",
    "triggers/decisions.py": "a deferred batch of decisions that somebody ends by hand",
    "sensors/base.py": 'a sensor with `mode="reschedule"`',
    "policies/__init__.py": "the retry policy",
    "policies/retry.py": "the retry policy",
    "assets/emitting.py": '`emit_assets="partitions"`',
    "operators/creating.py": '`emit_assets="partitions"`',
    "triggers/events.py": "an [event trigger](events.md)",
    "triggers/positions.py": "an [event trigger](events.md)",
    "triggers/streams.py": "an [event trigger](events.md)",
    "get_provider_info.py": "the Test button of a stored connection",
}
"""The row for each module that says what differs. A module with something new needs a row there, and one here."""
SAME = {"hooks/offer_library.py", "hooks/stats.py"}
"""Modules that work around a version so that nothing differs."""


def test_each_module_that_depends_on_the_version_has_a_row() -> None:
    found = {
        str(path.relative_to(CODE)) for path in CODE.rglob("*.py") if VERSION.search(path.read_text(encoding="utf-8"))
    }
    assert found == {*ROWS, *SAME}


def test_each_row_is_there_and_says_what_happens_on_both() -> None:
    text = (CHECKOUT / "docs" / "executors.md").read_text(encoding="utf-8").partition("\n## Airflow 3.2 and 3.3\n")[2]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.partition("\n## ")[0].splitlines()]
    told = {row[0]: row[1:] for row in rows if len(row) == 3 and row[0] != "what" and not row[0].startswith("---")}
    assert {*ROWS.values()} <= {*told}
    assert all(newer and older and newer != older for newer, older in told.values())
