"""Scopes: decisions at their own placements in one request, and the reasons of a refusal."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.deciding.asking import decide
from airflow_provider_offers.client.deciding.jobs import Workload, submit
from airflow_provider_offers.client.deciding.questions import Question
from airflow_provider_offers.client.errors import InvalidInputError, RuntimeRefusalError
from tests.client.deciding.test_deciding import DECISION, OPTION, OTHER_PLACEMENT, PLACEMENT, decided, question
from tests.client.deciding.test_jobs import shown, workload
from tests.client.library import entity, page
from tests.client.script import Script, answer, body_of

OTHER_DECISION = "dps:offer-activity:1c2655439f013002"
BOTH: list[dict[str, Any]] = [
    {"decision": DECISION, "placement": PLACEMENT, "itemCount": 2},
    {"decision": OTHER_DECISION, "placement": OTHER_PLACEMENT},
]
ASKED: list[dict[str, Any]] = [
    {"xdm:activityId": DECISION, "xdm:placementId": PLACEMENT, "xdm:itemCount": 2},
    {"xdm:activityId": OTHER_DECISION, "xdm:placementId": OTHER_PLACEMENT},
]
UNNAMED: dict[str, Any] = {"decision_id": None, "placement_id": None}


def scoped(scopes: Any, **changes: Any) -> Question:
    return question(**{**UNNAMED, "item_count": None, **changes}, scopes=scopes)


@pytest.mark.parametrize("api", ["dps", "xcore"])
def test_each_decision_is_asked_at_its_own_placement_in_one_request(api: str) -> None:
    script = Script(answer(200, decided(OPTION)))
    script.run(decide(script.access(api), scoped(BOTH)))
    (request,) = script.requests
    assert body_of(request)["xdm:propositionRequests"] == ASKED


@pytest.mark.parametrize("api", ["dps", "xcore"])
def test_a_batch_takes_scopes_as_well(api: str) -> None:
    script = Script(answer(200, shown()))
    script.run(submit(script.access(api), workload(**UNNAMED, scopes=BOTH)))
    assert body_of(script.requests[0])["xdm:propositionRequests"] == [ASKED[0], {**ASKED[1], "xdm:itemCount": 1}]


@pytest.mark.parametrize(
    "spelled",
    [
        ASKED,
        [{"decision_id": DECISION, "placement_id": PLACEMENT, "item_count": "2"}, BOTH[1]],
        [{"decision": {"id": DECISION, "kind": "decision"}, "placement": [PLACEMENT], "itemCount": 2}, BOTH[1]],
        [*BOTH, BOTH[0]],
    ],
)
def test_scopes_are_understood_in_our_words_and_in_adobes(spelled: Any) -> None:
    assert scoped(spelled) == scoped(BOTH)


def test_one_scope_needs_no_list_and_may_list_placements() -> None:
    one = scoped({"decision": DECISION, "placement": [PLACEMENT, OTHER_PLACEMENT]}, item_count=3)
    assert one == question(placement_id=[PLACEMENT, OTHER_PLACEMENT], item_count=3)


def test_what_is_known_by_name_is_looked_up_once() -> None:
    there = {**entity("dps", {"name": "d3"}), "id": DECISION}
    script = Script(answer(200, page("dps", [there])), answer(200, there), answer(200, decided(OPTION)))
    named = [{"decision": "name:d3", "placement": PLACEMENT}, {"decision": "name:d3", "placement": OTHER_PLACEMENT}]
    script.run(decide(script.access(), scoped(named)))
    sent = body_of(script.requests[-1])["xdm:propositionRequests"]
    assert [each["xdm:activityId"] for each in sent] == [DECISION, DECISION]


def test_two_names_of_one_decision_cannot_ask_for_two_counts() -> None:
    there = {**entity("dps", {"name": "d3"}), "id": DECISION}
    script = Script(answer(200, page("dps", [there])), answer(200, there))
    named = [{"decision": "name:d3", "placement": PLACEMENT}, BOTH[0]]
    with pytest.raises(InvalidInputError, match="twice, with different counts"):
        script.run(decide(script.access(), scoped(named)))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "both ways": (
        {"scopes": BOTH, "decision_id": DECISION},
        f"decision_id: given {DECISION!r}; expected nothing",
    ),
    "a placement beside": ({"scopes": BOTH, "placement_id": [PLACEMENT]}, f"placement_id: given [{PLACEMENT!r}]"),
    "none": ({"scopes": []}, "scopes: given []; expected a list of objects such as"),
    "text": ({"scopes": "both"}, "scopes: given 'both'"),
    "a list of ids": ({"scopes": [DECISION]}, f"scopes/0: given '{DECISION}'; expected an object"),
    "no placement": ({"scopes": [{"decision": DECISION}]}, "scopes/0/placement: given"),
    "swapped": ({"scopes": [{"decision": PLACEMENT, "placement": DECISION}]}, "scopes/0/decision"),
    "misspelt": ({"scopes": [{**BOTH[0], "itemcount": 2}]}, "scopes/0/itemcount: given an unknown member"),
    "a near miss": ({"scopes": [{"decison": DECISION, "placement": PLACEMENT}]}, "expected 'decision'"),
    "twice": ({"scopes": [{**BOTH[0], "item_count": 2}]}, "scopes/0/item_count: given a second itemCount"),
    "no count": ({"scopes": [{**BOTH[0], "itemCount": 0}]}, "scopes/0/itemCount: given 0; expected a whole number"),
    "two counts": ({"scopes": [BOTH[0], {**BOTH[0], "itemCount": 3}]}, "twice, with different counts"),
    "too many": (
        {"scopes": [{"decision": DECISION, "placement": f"dps:offer-placement:{n}"} for n in range(31)]},
        "scopes: given 31 pairs of them; expected at most 30 decisions and placements",
    ),
    "too many offers": (
        {
            "scopes": [
                {"decision": DECISION, "placement": f"dps:offer-placement:{n}", "itemCount": 26} for n in range(4)
            ]
        },
        "scopes: given 104 for 4 decisions and placements; expected at most 100 offers",
    ),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("make", [question, workload])
def test_what_is_wrong_is_said_before_anything_is_sent(case: str, make: Any) -> None:
    changes, said = WRONG[case]
    if case == "too many offers" and make is workload:
        # The limit for the offers of one answer does not apply to a job.
        assert isinstance(workload(**{**UNNAMED, **changes}), Workload)
        return
    with pytest.raises(InvalidInputError) as caught:
        make(**{**UNNAMED, **changes})
    assert said in str(caught.value)


LIVE = {"name": "Newsletter", "status": "live", "criteria": [{"placements": [PLACEMENT]}]}
OVER = {"startDate": "2020-01-01T00:00:00Z", "endDate": "2021-01-01T00:00:00Z"}
LASTING: dict[str, tuple[dict[str, Any] | None, str]] = {
    "gone": (None, f"there is no decision {DECISION}"),
    "a draft": ({**LIVE, "status": "draft"}, "is draft, not live"),
    "complete": ({**LIVE, "status": "complete"}, "is complete, not live"),
    "over": ({**LIVE, **OVER}, "ended at 2021-01-01T00:00:00Z"),
    "another placement": (
        {**LIVE, "criteria": [{"placements": [OTHER_PLACEMENT]}]},
        f"has no criterion for the placement {PLACEMENT}",
    ),
}


@pytest.mark.parametrize("case", LASTING)
@pytest.mark.parametrize("api", ["dps", "xcore"])
def test_a_refusal_that_will_not_pass_says_so_and_is_not_retried(api: str, case: str) -> None:
    properties, said = LASTING[case]
    look = answer(404, {"title": "Not found"}) if properties is None else answer(200, _there(api, properties))
    looks = [answer(200, page(api))] if properties is None and api == "xcore" else [look]
    if properties is not None and api == "xcore":
        looks = [answer(200, page(api, [_there(api, properties)])), look]
    script = Script(answer(422, {"title": "Refused"}), *looks)
    with pytest.raises(RuntimeRefusalError, match="A retry cannot help") as caught:
        script.run(decide(script.access(api), question()))
    assert said in str(caught.value)
    assert not caught.value.retryable
    assert "later" not in str(caught.value)


def _there(api: str, properties: dict[str, Any]) -> dict[str, Any]:
    body = entity(api, properties)
    return {**body, "id": DECISION} if api == "dps" else {**body, "_instance": {**body["_instance"], "@id": DECISION}}


def test_a_refused_batch_is_looked_into_as_well() -> None:
    script = Script(answer(422, {"title": "Refused"}), answer(200, _there("dps", {**LIVE, "status": "archived"})))
    with pytest.raises(RuntimeRefusalError, match="is archived, not live") as caught:
        script.run(submit(script.access(), workload()))
    assert not caught.value.retryable


def test_a_library_that_cannot_be_read_speaks_for_nothing() -> None:
    script = Script(answer(422, {"title": "Refused"}), answer(403, {"title": "Forbidden"}))
    with pytest.raises(RuntimeRefusalError, match="with a delay") as caught:
        script.run(decide(script.access(), question()))
    assert caught.value.retryable
