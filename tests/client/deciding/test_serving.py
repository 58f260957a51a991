"""Whether the runtime serves an offer: the request of a look, and the verdicts about its result."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.deciding.serving import (
    Sight,
    Viewpoint,
    check_etag,
    new_viewpoint,
    served_verdict,
    sight,
)
from airflow_provider_offers.client.errors import (
    BadRequestError,
    GoneError,
    HopelessError,
    InvalidInputError,
    UnsupportedError,
)
from airflow_provider_offers.client.model.decided import Decided, Package, Proposition, Shown
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.kinds import FALLBACK, PERSONALIZED
from airflow_provider_offers.client.settings import Settings
from tests.client.deciding.test_deciding import DECISION, OPTION, OTHER_PLACEMENT, PLACEMENT, PROFILE, decided
from tests.client.library import DPS_ID, entity
from tests.client.script import CONTAINER, SETTINGS, START, Script, answer, body_of

XCORE_SETTINGS = Settings(client_id="c", org_id="o@AdobeOrg", client_secret="s", sandbox="dev1", api="xcore")
MODIFIED = START - timedelta(minutes=5)


def offer(status: str = "approved", etag: int = 3, end: str = "2026-06-30T21:59:59Z", **changes: Any) -> Entity:
    window = {"startDate": "2026-03-01T00:00:00Z", "endDate": end}
    properties = {"name": "Spring voucher", "status": status, "selectionConstraint": window}
    return Entity(PERSONALIZED, DPS_ID, DPS_ID, etag, {**properties, **changes}, modified=MODIFIED.isoformat())


def seen(*options: Shown, fallback: Shown | None = None) -> Sight:
    proposition = Proposition(Shown(DECISION, 4), Shown(PLACEMENT, 1), options, fallback)
    return Sight(decided=Decided("p", "2026-03-02T09:00:00Z", (proposition,)))


def verdict(sight: Sight | None, entity: Entity | None, etag: int | None = None) -> Any:
    return served_verdict(DPS_ID, entity, etag, sight, START)


@pytest.mark.parametrize(("shown", "wanted", "met"), [(3, None, True), (2, None, False), (2, 2, True), (5, 3, True)])
def test_an_offer_is_served_with_the_etag_waited_for_or_a_later_one(shown: int, wanted: int | None, met: bool) -> None:
    found = verdict(seen(Shown("dps:personalized-offer:9", 99), Shown(DPS_ID, shown)), offer(), wanted)
    if met:
        assert found.value == {
            "id": DPS_ID,
            "etag": shown,
            "decision": DECISION,
            "placement": PLACEMENT,
            "updated": "2026-03-02T09:00:00Z",
        }
    else:
        assert found.value is None
        assert f"({DPS_ID}); the sensor waits for etag {wanted or 3}" in found.reason


def test_a_fallback_is_served_where_nothing_else_is() -> None:
    fallback = Entity(FALLBACK, "dps:fallback-offer:1", "dps:fallback-offer:1", 2, {"name": "F", "status": "approved"})
    found = served_verdict(fallback.id, fallback, None, seen(fallback=Shown(fallback.id, 2)), START)
    assert found.value is not None
    assert found.value["etag"] == 2


def test_an_offer_that_is_not_proposed_is_not_served_and_the_reason_names_its_status() -> None:
    other = seen(Shown("dps:personalized-offer:9", 99), Shown(DPS_ID, None))
    called = f"'Spring voucher' ({DPS_ID})"
    assert verdict(other, offer()).reason == f"The runtime does not propose {called} to this profile"
    assert "which is draft," in verdict(other, offer("draft")).reason
    assert "no such decision" in verdict(Sight(reason="no such decision"), offer()).reason


def test_what_will_never_be_served_is_hopeless_whatever_is_seen() -> None:
    there = seen(Shown(DPS_ID, 3))
    for entity_, said in (
        (None, "There is no offer"),
        (offer("archived"), "is archived and will not be served"),
        (offer(end="2026-03-02T08:59:59Z"), "closed at 2026-03-02T08:59:59Z"),
    ):
        for sight_ in (there, None, Sight(reason="x")):
            with pytest.raises(HopelessError, match=said):
                verdict(sight_, entity_)


def test_a_name_that_finds_nothing_may_be_a_fallbacks() -> None:
    with pytest.raises(HopelessError, match=r"There is no offer name:FB of the type .* offer_type='fallback'"):
        served_verdict("name:FB", None, None, None, START)


@pytest.mark.parametrize(
    ("package", "entity", "etag", "said"),
    [
        (Package(None, ()), offer(), None, "has not been updated yet"),
        (Package(START, ("a rule is broken", "a fallback is gone")), offer(), None, "a rule is broken; a fallback is"),
        (Package(MODIFIED - timedelta(milliseconds=1), ()), offer(), None, "was last updated at"),
        (Package(START, ()), offer("draft"), None, "is draft with etag 3"),
        (Package(START, ()), offer(), 4, "is approved with etag 3"),
        (Package(MODIFIED, ()), offer(), 3, None),
        (Package(START, ()), offer(), None, None),
    ],
)
def test_diagnostics_must_be_clean_and_later_than_the_change(
    package: Package, entity: Entity, etag: int | None, said: str | None
) -> None:
    found = verdict(Sight(package=package), entity, etag)
    if said is None:
        assert found.value["updated"] == (package.date or START).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert (found.value["decision"], found.value["etag"]) == (None, 3)
    else:
        assert found.value is None
        assert said in found.reason


def test_diagnostics_count_milliseconds_and_the_library_may_be_finer() -> None:
    finer = offer()
    finer.modified = (MODIFIED + timedelta(microseconds=169_455)).isoformat()
    for milliseconds, met in ((169, True), (168, False)):
        found = verdict(Sight(package=Package(MODIFIED + timedelta(milliseconds=milliseconds), ())), finer)
        assert (found.value is not None) == met


def test_a_sight_is_a_dry_run_for_as_many_offers_as_an_answer_holds() -> None:
    script = Script(answer(200, decided(OPTION)))
    viewpoint = new_viewpoint(
        decision_id=DECISION, placement_id=PLACEMENT, profile=PROFILE, context_data=None, settings=SETTINGS
    )
    found = script.run(sight(script.access(), viewpoint))
    assert found.decided is not None
    body = body_of(script.requests[0])
    assert body["xdm:dryRun"] is True
    assert body["xdm:propositionRequests"][0]["xdm:itemCount"] == 30
    assert body["xdm:responseFormat"] == {"xdm:includeContent": False}
    assert body["xdm:allowDuplicatePropositions"] == {"xdm:acrossActivities": True, "xdm:acrossPlacements": True}


def decision(**changes: Any) -> dict[str, Any]:
    placements = [f"dps:offer-placement:{n}" for n in range(4)]
    criteria = [{"placements": [PLACEMENT, OTHER_PLACEMENT]}, {"placements": [PLACEMENT, *placements]}, {}]
    return {**entity("dps", {"name": "D", "status": "live", "criteria": criteria}), "id": DECISION, **changes}


def test_without_a_placement_every_one_of_the_decision_is_asked() -> None:
    script = Script(answer(200, decision()), answer(200, decided(OPTION)))
    viewpoint = new_viewpoint(
        decision_id=DECISION, placement_id=None, profile=PROFILE, context_data={"s": {"x": 1}}, settings=SETTINGS
    )
    script.run(sight(script.access(), viewpoint))
    assert script.sent == [f"GET /data/core/dps/offer-decisions/{DECISION}", "POST /data/core/ods/decisions"]
    requests = body_of(script.requests[1])["xdm:propositionRequests"]
    assert [each["xdm:placementId"] for each in requests[:2]] == [PLACEMENT, OTHER_PLACEMENT]
    # One answer holds at most a hundred offers.
    assert [each["xdm:itemCount"] for each in requests] == [16] * 6


@pytest.mark.parametrize(("criteria", "asked"), [(None, 1), ([], 1), ("x", 1), ([{"placements": None}, 3], 1)])
def test_a_decision_without_placements_shows_nothing_yet(criteria: Any, asked: int) -> None:
    script = Script(answer(200, decision(criteria=criteria)))
    found = script.run(sight(script.access(), Viewpoint(_reference(), None, {"Email": [{"id": "a"}]})))
    assert (found.reason, len(script.requests)) == (f"the decision {DECISION} has no placements", asked)


def _reference() -> Any:
    return new_viewpoint(
        decision_id=DECISION, placement_id=None, profile=PROFILE, context_data=None, settings=SETTINGS
    ).decision


def viewpoint(placement: str | None) -> Viewpoint:
    return new_viewpoint(
        decision_id=DECISION, placement_id=placement, profile=PROFILE, context_data=None, settings=SETTINGS
    )


REFUSED = {"title": "Refused", "detail": "the runtime knows no such decision"}
HERO = {**entity("dps", {"name": "Web hero"}), "id": PLACEMENT}
SOON = {"startDate": "2026-03-03T00:00:00Z", "endDate": "2026-03-04T00:00:00Z"}


@pytest.mark.parametrize("placement", [PLACEMENT, None])
@pytest.mark.parametrize("status", [404, 409, 422])
@pytest.mark.parametrize("changes", [{}, {"status": "draft"}, SOON, {"endDate": "some day"}])
def test_what_the_runtime_does_not_know_yet_is_waited_for(
    status: int, changes: dict[str, Any], placement: str | None
) -> None:
    refused, there = answer(status, REFUSED), answer(200, decision(**changes))
    # One read of the decision, before the request or after the refusal; then one of the placement, if one is given.
    script = Script(*([there, refused] if placement is None else [refused, there, answer(200, HERO)]))
    found = script.run(sight(script.access(), viewpoint(placement)))
    assert "the runtime knows no such decision" in (found.reason or "")
    sent = ["GET", "POST"] if placement is None else ["POST", "GET", "GET"]
    assert [each.partition(" ")[0] for each in script.sent] == sent


def test_a_placement_that_does_not_exist_is_not_waited_for() -> None:
    script = Script(answer(422, REFUSED), answer(200, decision()), answer(404))
    with pytest.raises(GoneError, match=f"There is no placement {PLACEMENT}"):
        script.run(sight(script.access(), viewpoint(PLACEMENT)))


@pytest.mark.parametrize("placement", [PLACEMENT, None])
@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (answer(404), "There is no decision"),
        (answer(200, decision(status="archived")), "is archived and no longer runs"),
        (answer(200, decision(status="complete")), "is complete and no longer runs"),
        (answer(200, decision(endDate="2026-03-02T08:59:59.999+00:00")), "closed at 2026-03-02T08:59:59.999"),
        # A half-open window does not contain its end.
        (answer(200, decision(endDate="2026-03-02T10:00:00+01:00")), "closed at"),
    ],
)
def test_a_decision_that_will_never_be_made_again_is_hopeless(reply: Any, said: str, placement: str | None) -> None:
    script = Script(reply) if placement is None else Script(answer(422, REFUSED), reply)
    with pytest.raises(HopelessError, match=said):
        script.run(sight(script.access(), viewpoint(placement)))


def test_what_the_runtime_answers_for_needs_no_look_at_the_decision() -> None:
    script = Script(answer(200, decided(OPTION)))
    assert script.run(sight(script.access(), viewpoint(PLACEMENT))).decided is not None


def test_a_wrong_request_is_an_error() -> None:
    script = Script(answer(400, {"title": "Malformed"}))
    viewpoint = new_viewpoint(
        decision_id=DECISION, placement_id=PLACEMENT, profile=PROFILE, context_data=None, settings=SETTINGS
    )
    with pytest.raises(BadRequestError):
        script.run(sight(script.access(), viewpoint))


def test_without_a_decision_xcore_is_asked_for_diagnostics_and_dps_is_refused() -> None:
    nothing: dict[str, Any] = {"decision_id": None, "placement_id": None, "profile": None, "context_data": None}
    with pytest.raises(UnsupportedError, match="give decision_id and profile"):
        new_viewpoint(**nothing, settings=SETTINGS)
    script = Script(answer(200, {"xdm:operations": {}}))
    found = script.run(sight(script.access("xcore"), new_viewpoint(**nothing, settings=XCORE_SETTINGS)))
    assert found.package == Package(None, ())
    assert script.sent == [f"GET /data/core/ode/{CONTAINER}/diagnostics"]


def test_what_is_wrong_with_a_viewpoint_is_said_at_once() -> None:
    with pytest.raises(InvalidInputError, match="nothing, or decision_id beside it"):
        new_viewpoint(decision_id=None, placement_id=None, profile=PROFILE, context_data=None, settings=XCORE_SETTINGS)
    with pytest.raises(InvalidInputError) as caught:
        new_viewpoint(decision_id=PLACEMENT, placement_id=DECISION, profile=None, context_data=1, settings=SETTINGS)
    named = [violation.pointer for violation in caught.value.violations]
    assert named == ["decision_id", "placement_id", "profile", "context_data/0"]


@pytest.mark.parametrize(("given", "etag"), [(None, None), ("", None), (3, 3), ("3", 3), ('"12"', 12), (0, 0)])
def test_an_etag_is_a_number_in_whichever_form(given: Any, etag: int | None) -> None:
    assert check_etag(given) == etag


@pytest.mark.parametrize("given", ["latest", 1.5, True, -1, "٣", {}, "9" * 30])
def test_what_is_no_etag_is_refused(given: Any) -> None:
    with pytest.raises(InvalidInputError, match="etag"):
        check_etag(given)


def test_now_is_compared_in_whatever_zone() -> None:
    assert verdict(seen(Shown(DPS_ID, 3)), offer(end="2026-03-02T10:30:00+01:00")).value is not None
