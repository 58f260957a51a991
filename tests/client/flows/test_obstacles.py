"""The reasons why customers would not see an offer: each is said, can be waived, and is looked up in batches."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_offers.client.flows.ahead import Ahead
from airflow_provider_offers.client.flows.obstacles import REASONS, found_alone, obstacles
from airflow_provider_offers.client.flows.reading import BATCH
from airflow_provider_offers.client.model.kinds import FALLBACK, PERSONALIZED, Kind
from airflow_provider_offers.client.wire.messages import Ask
from tests.client.library import CREATED, page
from tests.client.script import Script, Step, answer, query_of

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
OPEN = {"startDate": "2026-01-01T00:00:00Z", "endDate": "2027-01-01T00:00:00Z"}
OVER = {**OPEN, "endDate": "2026-02-01T00:00:00Z"}
NO_WINDOW = "it has no valid window: startDate and a later endDate"
TOP, RULE = "dps:offer-placement:1", "dps:eligibility-rule:1"
SHOWN = [{"placement": TOP, "components": []}]
GOOD: dict[str, Any] = {"name": "Voucher", "selectionConstraint": OPEN, "representations": SHOWN}
RULED = {**GOOD, "selectionConstraint": {"eligibilityRule": RULE, **OPEN}}


def listed(*ids: str) -> Step:
    """A page that shows these objects."""
    return answer(200, page("dps", [{"id": each, "etag": 1, "name": each, "created": CREATED} for each in ids]))


def told(properties: dict[str, Any], *steps: Step, kind: Kind = PERSONALIZED, waive: Any = ()) -> tuple[Any, Script]:
    script = Script(*steps)
    return script.run(obstacles(script.access(), kind, properties, NOW, waive)), script


def test_an_offer_that_can_be_shown_has_no_obstacle() -> None:
    findings, script = told(RULED, listed(TOP), listed(RULE))
    assert findings == {}
    assert script.sent == ["GET /data/core/dps/placements", "GET /data/core/dps/offer-rules"]


@pytest.mark.parametrize(
    ("changes", "steps", "reason", "said"),
    [
        ({"selectionConstraint": {}}, [listed(TOP)], "no_window", NO_WINDOW),
        (
            {"selectionConstraint": {"startDate": OVER["endDate"], "endDate": OPEN["startDate"]}},
            [listed(TOP)],
            "no_window",
            NO_WINDOW,
        ),
        ({"selectionConstraint": OVER}, [listed(TOP)], "window_over", "2026-02-01T00:00:00Z"),
        ({"representations": []}, [], "no_representation", "it has no representation to show"),
        ({"representations": None}, [], "no_representation", "it has no representation to show"),
        ({"representations": ["x"]}, [], "no_representation", "it has no representation to show"),
        ({}, [listed()], "missing_placement", f"there is no placement {TOP}"),
        (
            {"selectionConstraint": RULED["selectionConstraint"]},
            [listed(TOP), listed()],
            "missing_rule",
            f"there is no decision rule {RULE}",
        ),
    ],
)
def test_each_obstacle_is_said_and_can_be_waived(
    changes: dict[str, Any], steps: list[Step], reason: str, said: str
) -> None:
    assert reason in REASONS
    findings, _ = told({**GOOD, **changes}, *steps)
    assert list(findings) == [reason]
    assert said in findings[reason]
    # A waived reason is not looked up.
    asked = steps[:-1] if reason.startswith("missing") else steps
    assert told({**GOOD, **changes}, *asked, waive=(reason,))[0] == {}


def test_a_fallback_needs_no_window_but_something_to_show() -> None:
    assert found_alone(FALLBACK, {"representations": SHOWN}, NOW) == {}
    assert list(found_alone(FALLBACK, {}, NOW)) == ["no_representation"]
    assert list(found_alone(PERSONALIZED, {}, NOW)) == ["no_window", "no_representation"]
    findings, _ = told({"representations": SHOWN}, listed(TOP), kind=FALLBACK)
    assert findings == {}


def test_text_that_is_no_id_is_missing_without_a_look() -> None:
    odd = [{"placement": each} for each in ("..", "a\nb", 5)]
    findings, script = told({**GOOD, "representations": [*SHOWN, *odd]}, listed(TOP))
    assert findings == {"missing_placement": "there is no placement .., a\nb"}
    assert len(script.requests) == 1
    assert list(told({**GOOD, "representations": odd[:1]})[0]) == ["missing_placement"]


def test_many_placements_are_looked_up_in_batches() -> None:
    ids = [f"dps:offer-placement:{number:04}" for number in range(2 * BATCH + 1)]
    offer = {**GOOD, "representations": [{"placement": each} for each in ids]}
    batches = [ids[:BATCH], ids[BATCH : 2 * BATCH], ids[2 * BATCH :]]
    findings, script = told(offer, *[listed(*batch) for batch in batches])
    assert findings == {}
    for request, batch in zip(script.requests, batches, strict=True):
        asked = " ".join(value for _, value in query_of(request))
        # A pattern, in which all but letters and digits are escaped.
        assert [each for each in ids if each[-4:] in asked] == batch
    # Those that no batch shows are named, wherever they are.
    absent = {ids[0], ids[BATCH], ids[-1]}
    findings, _ = told(offer, *[listed(*(each for each in batch if each not in absent)) for batch in batches])
    assert findings == {"missing_placement": f"there is no placement {', '.join(sorted(absent))}"}


@pytest.mark.parametrize(
    ("waive", "asked"),
    [
        ((), {"placement": (TOP,), "decision rule": (RULE,)}),
        (("missing_rule",), {"placement": (TOP,)}),
        (("missing_placement", "missing_rule"), None),
    ],
)
def test_a_list_looks_for_placements_and_rules_at_the_same_time(waive: Any, asked: Any) -> None:
    script = Script()
    access = script.access()
    flow = obstacles(replace(access, ahead=Ahead(access.exchange)), PERSONALIZED, RULED, NOW, waive)
    question = next(flow, None)
    if asked is None:
        assert question is None
    else:
        assert isinstance(question, Ask)
        assert {kind.noun: ids for kind, ids in question.question.wanted} == asked
    flow.close()
