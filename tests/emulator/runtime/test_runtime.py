"""The decision runtime behind the library: what it has synced and when, and properties of its decisions."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.emulator.instants import to_us
from airflow_provider_offers.emulator.runtime import pql
from airflow_provider_offers.emulator.runtime.capping import period_start
from tests.effort import examples
from tests.emulator.campaigns import ANNA, BEN, HTML, IMAGE, NOW, Campaign, constrained, frequency, rule, shown_in
from tests.emulator.conftest import Caller

OTHER_TAG = "xcore:tag:124f4e5c8a00cd92"


# The runtime behind the library


def test_the_runtime_lags_behind(emulator: Emulator, campaign: Campaign) -> None:
    offer = campaign.offer("Original")
    decision = campaign.decision()
    emulator.configure(runtime_lag=5)
    assert campaign.ask((decision, HTML)).status_code == 422
    emulator.clock.advance(6)
    format_ = {"xdm:includeMetadata": {"xdm:option": ["name"]}}

    def seen() -> tuple[str, int]:
        (found,) = campaign.ask((decision, HTML), responseFormat=format_).json()["xdm:propositions"]
        return found["xdm:options"][0]["xdm:name"], found["xdm:options"][0]["repo:etag"]

    assert seen() == ("Original", 1)
    campaign.patch(f"offers/{offer}?offer-type=personalized", {"op": "replace", "path": "/name", "value": "Renamed"})
    emulator.clock.advance(4.5)
    assert seen() == ("Original", 1)
    emulator.clock.advance(0.5)
    assert seen() == ("Renamed", 2)
    campaign.patch(f"offers/{offer}?offer-type=personalized", {"op": "replace", "path": "/status", "value": "draft"})
    assert seen() == ("Renamed", 2)
    emulator.clock.advance(5)
    assert campaign.proposed(decision) == []


def diagnostics(campaign: Campaign) -> Any:
    answer = campaign.caller.call("GET", f"/data/core/ode/{campaign.caller.container}/diagnostics")
    assert answer.status_code == 200
    return answer.json()["xdm:operations"]


def test_diagnostics_tell_when_the_runtime_was_built(emulator: Emulator, campaign: Campaign) -> None:
    assert diagnostics(campaign) == {}
    campaign.offer()
    emulator.configure(runtime_lag=2)
    assert diagnostics(campaign) == {}
    emulator.clock.advance(2)
    expected = {"xdm:date": "2026-05-01T12:00:02.000Z", "xdm:errors": []}
    assert diagnostics(campaign) == {"xdm:decisioningPackageUpdate": expected}
    assert emulator.request_counts()["ode.diagnostics"] == 3


def test_an_error_keeps_everything_newer_from_the_runtime(emulator: Emulator, campaign: Campaign) -> None:
    fallback = campaign.fallback(HTML)
    offer = campaign.offer("Before")
    decision = campaign.decision(fallback=fallback)
    assert campaign.proposed(decision) == [offer]
    path = f"offers/{fallback}?offer-type=fallback"
    campaign.patch(path, {"op": "replace", "path": "/representations", "value": shown_in(IMAGE)})
    campaign.offer("After", 9)
    (error,) = diagnostics(campaign)["xdm:decisioningPackageUpdate"]["xdm:errors"]
    assert error["xdm:description"] == "Error(s) were found in instances related to a live activity"
    details = error["xdm:causes"][0]["xdm:details"]
    assert details["@id"] == decision
    assert details["href"].endswith(f"/instances/{details['instanceId']}")
    assert "no representation for" in json.dumps(error)
    assert campaign.proposed(decision) == [offer]
    campaign.patch(path, {"op": "add", "path": "/representations/-", "value": shown_in(HTML)[0]})
    assert diagnostics(campaign)["xdm:decisioningPackageUpdate"]["xdm:errors"] == []
    assert campaign.proposed(decision) != [offer]


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_a_fallback_that_is_not_approved_is_an_error(emulator: Emulator, campaign: Campaign, status: str) -> None:
    fallback = campaign.fallback()
    decision = campaign.decision(fallback=fallback)
    offer = campaign.offer("Before")
    assert campaign.proposed(decision) == [offer]
    campaign.patch(f"offers/{fallback}?offer-type=fallback", {"op": "replace", "path": "/status", "value": status})
    campaign.offer("After", 9)
    (error,) = diagnostics(campaign)["xdm:decisioningPackageUpdate"]["xdm:errors"]
    assert f"The fallback offer {fallback} is {status}, and not approved" in json.dumps(error)
    assert campaign.proposed(decision) == [offer]
    emulator.configure(live_decision="any")
    assert campaign.proposed(decision) != [offer]


def test_the_last_good_state_is_kept_for_as_long_as_something_is_wrong(emulator: Emulator, campaign: Campaign) -> None:
    fallback = campaign.fallback(HTML)
    offer = campaign.offer("Before")
    decision = campaign.decision(fallback=fallback)
    path = f"offers/{fallback}?offer-type=fallback"
    lose, regain = ({"op": "replace", "path": "/representations", "value": shown_in(each)} for each in (IMAGE, HTML))
    for change in (lose, regain, lose):
        campaign.patch(path, change)
        if change is regain:
            better = campaign.offer("Better", 1)
    for number in range(4):
        assert campaign.proposed(decision) == [better]
        campaign.offer(f"Later {number}", 5)
    campaign.patch(path, regain)
    assert campaign.proposed(decision) not in ([offer], [better])
    campaign.patch(path, lose)
    campaign.offer("Last", 9)
    (found,) = campaign.proposed(decision)
    assert found in {each["id"] for each in emulator.objects("personalized-offer") if "Later" in each["body"]["name"]}


def test_a_broken_rule_is_an_error(campaign: Campaign) -> None:
    rule_id = rule(campaign, "loyalty.tier = 'gold")
    campaign.decision(campaign.criterion(profileConstraint=constrained(rule_id)))
    (error,) = diagnostics(campaign)["xdm:decisioningPackageUpdate"]["xdm:errors"]
    assert f"Encountered issues with the dependency: {rule_id}" in json.dumps(error)
    assert "is not closed" in json.dumps(error)


def test_offers_of_a_decision(emulator: Emulator, campaign: Campaign) -> None:
    good = campaign.offer("Good", constraint={"startDate": "2026-05-20T00:00:00Z"})
    campaign.offer("Draft", status="draft")
    campaign.offer("Elsewhere", representations=shown_in(IMAGE))
    fallback = campaign.fallback()
    decision, other = campaign.decision(fallback=fallback), campaign.decision(fallback=fallback)
    path = f"/data/core/ode/{emulator.CONTAINER_ID}/offers"
    answer = campaign.caller.call("GET", f"{path}?activityId={decision}&activityId={other}")
    assert answer.status_code == 200
    first, second = answer.json()["xdm:activityOffers"]
    assert first["xdm:offerActivity"]["@id"] == decision
    assert second["xdm:offerActivity"]["@id"] == other
    (found,) = first["xdm:offers"]
    assert (found["@id"], found["repo:etag"]) == (good, "1")
    assert first["xdm:fallbackOffer"]["@id"] == fallback
    instance = found["_links"]["self"]["href"].removeprefix(emulator.url)
    assert campaign.caller.call("GET", instance).json()["_instance"]["@id"] == good
    assert campaign.caller.call("GET", path).status_code == 400
    many = "&".join(f"activityId={number}" for number in range(31))
    assert campaign.caller.call("GET", f"{path}?{many}").status_code == 400
    assert campaign.caller.call("GET", f"{path}?activityId=nothing").status_code == 422


# Laws


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def _places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All places in a document."""
    members = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path, *(place for name, member in members for place in _places(member, (*path, name)))]


def _changed(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    copied = dict(document) if isinstance(document, dict) else list(document)
    copied[place[0]] = _changed(document[place[0]], place[1:], value)
    return copied


@examples(30)
@given(data=st.data())
def test_no_body_breaks_the_service(emulator: Emulator, data: st.DataObject) -> None:
    """For any request body, the answer is a decision or a documented refusal."""
    campaign = Campaign(Caller(emulator))
    if not emulator.objects("offer-activity"):
        emulator.clock.freeze(NOW)
        campaign.offer(constraint=constrained(rule(campaign, "store = 'Basel' or @{x}.y > 3")))
        campaign.decision()
    (decision,) = [each["id"] for each in emulator.objects("offer-activity")]
    whole = {
        "xdm:propositionRequests": [{"xdm:activityId": decision, "xdm:placementId": HTML, "xdm:itemCount": 2}],
        "xdm:profiles": [
            {
                "xdm:identityMap": {"Email": [{"xdm:id": ANNA, "primary": True}]},
                "xdm:decisionRequestId": "1",
                "xdm:contextData": [{"@type": "x;version=1", "xdm:data": {"store": "Basel", "y": 4}}],
            }
        ],
        "xdm:allowDuplicatePropositions": {"xdm:acrossActivities": True, "xdm:acrossPlacements": True},
        "xdm:mergePolicy": {"xdm:id": "m"},
        "xdm:enrichedAudience": False,
        "xdm:dryRun": True,
        "xdm:validateContextData": False,
        "xdm:responseFormat": {"xdm:includeContent": True, "xdm:includeMetadata": {"xdm:option": ["name"]}},
    }
    place = data.draw(st.sampled_from(_places(whole)))
    body = _changed(whole, place, data.draw(_json))
    answer = campaign.send(body)
    assert answer.status_code in (200, 400, 422), answer.text
    job = {"xdm:segmentIds": ["a"], "xdm:dataSetId": "d", "xdm:propositionRequests": whole["xdm:propositionRequests"]}
    place = data.draw(st.sampled_from(_places(job)))
    answer = campaign.caller.call(
        "POST",
        "/data/core/dwm/workloads/decisions",
        json=_changed(job, place, data.draw(_json)),
        headers={"x-request-id": "1"},
    )
    assert answer.status_code in (200, 400, 422), answer.text


@examples(70)
@given(st.text("abx()@{}.,'\"!=<>+-*/% 12ornotif", max_size=40))
def test_no_expression_breaks_the_parser(text: str) -> None:
    try:
        expression = pql.parse(text)
    except (pql.PqlSyntaxError, pql.PqlUnsupported):
        return
    pql.holds(expression, pql.Scope({"a": {"b": [1, "x", None]}}))
    pql.number(expression, pql.Scope({"a": 2, "b": "x"}, (("x", {"y": 1}),), {"rank": {"priority": 1}}))


_day = st.integers(-3, 6)
_offer = st.fixed_dictionaries(
    {
        "priority": st.integers(0, 3),
        "start": _day,
        "days": st.integers(0, 6),
        "status": st.sampled_from(["approved", "approved", "approved", "draft", "archived"]),
        "tagged": st.sampled_from([True, True, True, False]),
        "placed": st.sampled_from([True, True, True, False]),
        "caps": st.fixed_dictionaries({}, optional={"globalCap": st.integers(1, 4), "profileCap": st.integers(1, 2)}),
    }
)
_asking = st.tuples(st.integers(0, 5 * 24), st.sampled_from([ANNA, BEN]), st.integers(1, 3), st.booleans())
_BEGIN = datetime(2026, 5, 1, tzinfo=UTC)


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _seeded(emulator: Emulator, offers: list[dict[str, Any]]) -> tuple[dict[str, dict[str, Any]], str]:
    """The offers by their ids, and a live decision that selects the tagged ones."""
    campaign = Campaign(Caller(emulator))
    known = {}
    for number, each in enumerate(offers):
        start = _BEGIN + timedelta(days=each["start"])
        end = start + timedelta(days=each["days"])
        body = {
            "name": f"Offer {number}",
            "status": each["status"],
            "rank": {"priority": each["priority"]},
            "selectionConstraint": {"startDate": _iso(start), "endDate": _iso(end)},
            "representations": shown_in(HTML if each["placed"] else IMAGE),
            "tags": [Emulator.TAG_ID if each["tagged"] else OTHER_TAG],
            "cappingConstraint": each["caps"],
        }
        (object_id,) = emulator.seed(objects=[{"kind": "personalized-offer", "body": body}])
        known[object_id] = {**each, "start": start, "end": end}
    return known, campaign.decision()


@examples(20)
@given(offers=st.lists(_offer, max_size=6), askings=st.lists(_asking, min_size=1, max_size=6).map(sorted))
def test_the_laws_of_choosing(
    emulator: Emulator, offers: list[dict[str, Any]], askings: list[tuple[int, str, int, bool]]
) -> None:
    emulator.reset()
    # An empty window is refused; if it were accepted, it would never be open.
    emulator.configure(token_lifetime=1e8, guardrails="ignore")
    emulator.clock.freeze(_iso(_BEGIN))
    known, decision = _seeded(emulator, offers)
    campaign = Campaign(Caller(emulator))
    counted: Counter[Any] = Counter()
    for hour, profile, items, dry_run in askings:
        now = _BEGIN + timedelta(hours=hour)
        emulator.clock.freeze(_iso(now))
        eligible = {
            object_id: each["priority"]
            for object_id, each in known.items()
            if each["status"] == "approved"
            and each["tagged"]
            and each["placed"]
            and each["start"] <= now < each["end"]
            and counted[object_id] < each["caps"].get("globalCap", 99)
            and counted[object_id, profile] < each["caps"].get("profileCap", 99)
        }
        found = campaign.proposed(decision, profile=profile, items=items, dryRun=dry_run)
        # Only eligible offers, none twice, as many as possible, the highest priorities, best first.
        assert set(found) <= set(eligible)
        assert len(found) == len(set(found)) == min(items, len(eligible))
        priorities = [eligible[each] for each in found]
        assert priorities == sorted(eligible.values(), reverse=True)[: len(found)]
        for each in [] if dry_run else found:
            counted.update([each, (each, profile)])
    for object_id, offer in known.items():
        assert counted[object_id] <= offer["caps"].get("globalCap", 99)


@examples(20)
@given(
    unit=st.sampled_from(["day", "week", "month"]),
    length=st.integers(1, 3),
    limit=st.integers(1, 2),
    hours=st.lists(st.integers(0, 24 * 70), min_size=3, max_size=12).map(sorted),
)
def test_never_more_than_the_cap_in_any_period(
    emulator: Emulator, unit: str, length: int, limit: int, hours: list[int]
) -> None:
    emulator.reset()
    emulator.configure(token_lifetime=1e8)
    begin = datetime(2026, 1, 30, 18, tzinfo=UTC)
    emulator.clock.freeze(_iso(begin))
    campaign = Campaign(Caller(emulator))
    window = {"startDate": _iso(begin), "endDate": "2027-01-01T00:00:00Z"}
    caps = frequency(limit=limit, repeat={"enabled": True, "unit": unit, "unitCount": length}, **window)
    campaign.offer(frequencyCappingConstraints=caps, constraint=window)
    decision = campaign.decision(**window)
    proposed: Counter[int] = Counter()
    asked: Counter[int] = Counter()
    for hour in hours:
        now = begin + timedelta(hours=hour)
        emulator.clock.freeze(_iso(now))
        period = _period(begin, now, unit) // length
        asked[period] += 1
        proposed[period] += len(campaign.proposed(decision))
    assert proposed == {period: min(limit, count) for period, count in asked.items()}


def _period(begin: datetime, now: datetime, unit: str) -> int:
    """The number of a unit's boundaries between two times."""
    if unit == "month":
        return (now.year - begin.year) * 12 + now.month - begin.month
    days = [begin.date() + timedelta(days=number) for number in range((now.date() - begin.date()).days + 1)]
    return len(days) - 1 if unit == "day" else sum(day.isoweekday() == 7 for day in days[1:])


@given(
    begun=st.timedeltas(timedelta(0), timedelta(days=800)).map(lambda delta: _BEGIN - delta),
    later=st.timedeltas(timedelta(0), timedelta(days=800)),
    unit=st.sampled_from(["day", "week", "month"]),
    length=st.integers(1, 12),
)
def test_periods_start_at_midnight_of_their_first_day(
    begun: datetime, later: timedelta, unit: str, length: int
) -> None:
    now = begun + later
    start_us = period_start(to_us(begun), to_us(now), {"unit": unit, "unitCount": length})
    start = datetime.fromtimestamp(start_us / 1_000_000, UTC)
    assert start <= now
    assert (start.hour, start.minute, start.second, start.microsecond) == (0, 0, 0, 0)
    assert unit != "week" or start.isoweekday() == 7
    assert unit != "month" or start.day == 1
    assert (_period(start, now, unit)) < length


@examples(20)
@given(data=st.data(), seed=st.integers(0, 3))
def test_arbitration_uses_as_few_fallbacks_as_possible(emulator: Emulator, data: st.DataObject, seed: int) -> None:
    """Without duplicates, as many permitted scopes as possible get an offer."""
    emulator.reset()
    emulator.configure(decision_seed=seed)
    emulator.clock.freeze(NOW)
    campaign = Campaign(Caller(emulator))
    places = [campaign.create("placements", {"name": str(each), "componentType": "html"}) for each in range(4)]
    fits = data.draw(st.lists(st.sets(st.sampled_from(range(4)), min_size=1), min_size=1, max_size=4))
    offers = {}
    for number, chosen in enumerate(fits):
        priority = random.Random(seed + number).randint(0, 2)
        shown = shown_in(*(places[each] for each in sorted(chosen)))
        cap = {"cappingConstraint": {"profileCap": 1}} if number % 2 else {}
        offers[campaign.offer(f"Offer {number}", priority, representations=shown, **cap)] = chosen
    decision = campaign.decision(campaign.criterion(None, *places), fallback=campaign.fallback(*places))
    found = campaign.all_proposed(*((decision, each) for each in places))
    given_away = [each for options in found for each in options]
    assert len(given_away) == len(set(given_away)) == _best_matching(list(offers.values()))
    for number, options in enumerate(found):
        assert all(number in offers[each] for each in options)


def _best_matching(fits: list[set[int]], taken: frozenset[int] = frozenset()) -> int:
    if not fits:
        return 0
    served = [1 + _best_matching(fits[1:], taken | {each}) for each in fits[0] - taken]
    return max([_best_matching(fits[1:], taken), *served])
