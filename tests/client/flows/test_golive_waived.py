"""The reasons against a decision going live, with all others waived: only what they need is looked up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_offers.client.flows.golive import REASONS, check_decision
from tests.client.library import CREATED
from tests.client.script import Script, Step, answer

NOW = datetime(2026, 3, 20, tzinfo=UTC)
TOP, FALLBACK, COLLECTION = "dps:offer-placement:1", "dps:fallback-offer:1", "dps:offer-filter:1"
CRITERION = {"placements": [TOP], "optionSelection": {"filter": COLLECTION}}


def only(reason: str, properties: dict[str, Any], *steps: Step) -> str | None:
    """What is said about the reason."""
    waive = [each for each in REASONS if each != reason]
    script = Script(*steps)
    found: dict[str, str] = script.run(check_decision(script.access(), properties, NOW, waive))
    assert list(found) in ([], [reason])
    return found.get(reason)


@pytest.mark.parametrize(
    ("criteria", "said"),
    [
        ([CRITERION], None),
        ([{"placements": [TOP]}], "it has no criterion with a placement and a collection"),
        ([{**CRITERION, "placements": []}], "it has no criterion with a placement and a collection"),
        ([], "it has no criterion with a placement and a collection"),
        ({}, "it has no criterion with a placement and a collection"),
    ],
)
def test_a_criterion_needs_a_placement_and_a_collection(criteria: Any, said: str | None) -> None:
    assert only("no_criteria", {"criteria": criteria}) == said


def test_a_placement_that_was_not_looked_up_has_its_id() -> None:
    bare = {"id": FALLBACK, "etag": 1, "created": CREATED, "name": "Everyone", "status": "approved"}
    properties = {"criteria": [CRITERION], "fallback": FALLBACK}
    said = only("fallback_lacks_placement", properties, answer(200, bare))
    assert said == f"the fallback offer 'Everyone' ({FALLBACK}) has no representation for {TOP}"


@pytest.mark.parametrize("fallback", ["..", "a\nb"])
def test_text_that_is_no_id_is_missing_without_a_look(fallback: str) -> None:
    said = only("missing_fallback", {"criteria": [CRITERION], "fallback": fallback})
    assert said == f"there is no fallback offer {fallback}"


@pytest.mark.parametrize(
    ("properties", "reason", "said"),
    [
        ({}, "no_window", "it has no valid window: startDate and a later endDate"),
        ({"fallback": 5}, "no_fallback", "it has no fallback offer"),
        (
            {"startDate": "2026-01-01T00:00:00Z", "endDate": "2026-02-01T00:00:00Z"},
            "window_over",
            "the window ended at",
        ),
    ],
)
def test_what_the_decision_itself_shows(properties: dict[str, Any], reason: str, said: str) -> None:
    assert (only(reason, properties) or "").startswith(said)
