"""Capping: how often the emulator proposes an offer, by request, by profile and by period."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.emulator.campaigns import ANNA, BEN, HTML, IMAGE, NOW, Campaign, constrained, frequency, rule
from tests.emulator.conftest import Caller

OTHER_TAG = "xcore:tag:124f4e5c8a00cd92"


# How often offers are proposed


def test_simple_caps(campaign: Campaign) -> None:
    capped = campaign.offer("Capped", 9, cappingConstraint={"globalCap": 3, "profileCap": 2})
    plain = campaign.offer("Plain")
    decision = campaign.decision()
    asked = [campaign.proposed(decision, profile=each)[0] for each in (ANNA, ANNA, ANNA, BEN, BEN)]
    assert asked == [capped, capped, plain, capped, plain]


def test_a_dry_run_obeys_caps_and_counts_nothing(emulator: Emulator, campaign: Campaign) -> None:
    offer = campaign.offer(cappingConstraint={"profileCap": 1})
    decision = campaign.decision()
    for _ in range(3):
        assert campaign.proposed(decision, dryRun=True) == [offer]
    assert [entry.committed for entry in emulator.journal(route="ods.decide")] == [False] * 3
    assert emulator.events() == []
    assert campaign.proposed(decision) == [offer]
    assert campaign.proposed(decision, dryRun=True) == []


def test_one_request_cannot_exceed_a_cap(campaign: Campaign) -> None:
    offer = campaign.offer(cappingConstraint={"globalCap": 2})
    one, other = (campaign.decision(campaign.criterion(None, HTML, IMAGE)) for _ in range(2))
    allowed = {"xdm:acrossActivities": True, "xdm:acrossPlacements": True}
    scopes = [(activity, placement) for activity in (one, other) for placement in (HTML, IMAGE)]
    found = campaign.all_proposed(*scopes, allowDuplicatePropositions=allowed)
    assert sorted(found) == [[], [], [offer], [offer]]


@pytest.mark.parametrize(
    ("unit", "count", "start", "last", "first"),
    [
        ("day", 1, "2026-05-01", "2026-05-01T23:59:59.999999Z", "2026-05-02T00:00:00Z"),
        ("day", 3, "2026-05-01", "2026-05-03T23:59:59.999999Z", "2026-05-04T00:00:00Z"),
        # 1 May 2026 is a Friday.
        ("week", 1, "2026-05-01", "2026-05-02T23:59:59.999999Z", "2026-05-03T00:00:00Z"),
        ("week", 2, "2026-05-01", "2026-05-09T23:59:59.999999Z", "2026-05-10T00:00:00Z"),
        ("month", 1, "2026-05-01", "2026-05-31T23:59:59.999999Z", "2026-06-01T00:00:00Z"),
        ("month", 2, "2026-04-01", "2026-05-31T23:59:59.999999Z", "2026-06-01T00:00:00Z"),
    ],
)
def test_counters_are_reset(
    emulator: Emulator, campaign: Campaign, unit: str, count: int, start: str, last: str, first: str
) -> None:
    caps = frequency(
        startDate=f"{start}T00:00:00Z",
        endDate="2027-01-01T00:00:00Z",
        repeat={"enabled": True, "unit": unit, "unitCount": count},
    )
    window = {"startDate": f"{start}T00:00:00Z", "endDate": "2027-01-01T00:00:00Z"}
    offer = campaign.offer(frequencyCappingConstraints=caps, constraint=window)
    decision = campaign.decision(endDate="2027-01-01T00:00:00Z")
    assert campaign.proposed(decision) == [offer]
    emulator.clock.freeze(last)
    assert campaign.proposed(decision) == []
    emulator.clock.freeze(first)
    assert campaign.proposed(decision) == [offer]
    assert campaign.proposed(decision) == []


def test_frequency_caps_per_placement(campaign: Campaign) -> None:
    each = campaign.offer("Each", frequencyCappingConstraints=frequency(entity="placement"))
    decision = campaign.decision(campaign.criterion(None, HTML, IMAGE))
    assert campaign.proposed(decision, HTML) == [each]
    assert campaign.proposed(decision, HTML) == []
    assert campaign.proposed(decision, IMAGE) == [each]


def test_frequency_cap_of_one_placement(campaign: Campaign) -> None:
    offer = campaign.offer(frequencyCappingConstraints=frequency(entity="placement", placement=HTML))
    decision = campaign.decision(campaign.criterion(None, HTML, IMAGE))
    assert [campaign.proposed(decision, each) for each in (IMAGE, IMAGE, HTML, HTML)] == [[offer], [offer], [offer], []]


def test_frequency_caps_of_all_profiles_and_disabled_ones(campaign: Campaign) -> None:
    total = campaign.offer("Total", 9, frequencyCappingConstraints=frequency(scope="global"))
    free = campaign.offer("Free", frequencyCappingConstraints=frequency(enabled=False))
    decision = campaign.decision()
    assert [campaign.proposed(decision, profile=each)[0] for each in (ANNA, BEN, BEN)] == [total, free, free]


def test_caps_on_other_events_count_what_is_declared(emulator: Emulator, campaign: Campaign) -> None:
    offer = campaign.offer(frequencyCappingConstraints=frequency(events=["click", "impression"], limit=2))
    decision = campaign.decision()
    for _ in range(3):
        assert campaign.proposed(decision) == [offer]
    emulator.add_events(offer, HTML, f"Email:{ANNA}", "click")
    emulator.add_events(offer, HTML, f"Email:{BEN}", "click", count=5)
    assert campaign.proposed(decision) == [offer]
    emulator.add_events(offer, HTML, f"Email:{ANNA}")
    assert campaign.proposed(decision) == []


@pytest.mark.parametrize("event", ["impression", "click", "custom"])
def test_proposals_use_up_no_cap_on_other_events(emulator: Emulator, campaign: Campaign, event: str) -> None:
    offer = campaign.offer(frequencyCappingConstraints=frequency(events=[event]))
    decision = campaign.decision(campaign.criterion(None, HTML, IMAGE))
    scopes = [(decision, HTML), (decision, IMAGE)]
    allowed = {"xdm:acrossActivities": True, "xdm:acrossPlacements": True}
    assert campaign.all_proposed(*scopes, allowDuplicatePropositions=allowed) == [[offer], [offer]]
    emulator.add_events(offer, HTML, f"Email:{ANNA}", event)
    assert campaign.all_proposed(*scopes, allowDuplicatePropositions=allowed) == [[], []]


def test_proposals_use_up_a_cap_on_decisions_among_other_events(campaign: Campaign) -> None:
    offer = campaign.offer(frequencyCappingConstraints=frequency(events=["impression", "decisioning"]))
    decision = campaign.decision(campaign.criterion(None, HTML, IMAGE))
    allowed = {"xdm:acrossActivities": True, "xdm:acrossPlacements": True}
    found = campaign.all_proposed((decision, HTML), (decision, IMAGE), allowDuplicatePropositions=allowed)
    assert sorted(found) == [[], [offer]]


def test_caps_count_by_the_profile_and_not_by_the_order_of_its_identities(campaign: Campaign) -> None:
    campaign.offer(cappingConstraint={"profileCap": 1})
    decision = campaign.decision()
    email, crm = {"Email": [{"xdm:id": ANNA, "primary": True}]}, {"CRM": [{"xdm:id": "7"}]}
    first = [{"xdm:identityMap": {**crm, **email}}]
    second = [{"xdm:identityMap": {**email, **crm}}]
    assert len(campaign.proposed(decision, profiles=first)) == 1
    assert campaign.proposed(decision, profiles=second) == []
    assert len(campaign.proposed(decision, profiles=[{"xdm:identityMap": crm}])) == 1


def test_restart_keeps_caps_answers_and_the_draw(tmp_path: Path) -> None:
    db = tmp_path / "library.db"
    with Emulator(db=db) as first:
        first.clock.freeze(NOW)
        campaign = Campaign(Caller(first))
        rule_id = rule(campaign, "select e from xEvent")
        offer = campaign.offer(cappingConstraint={"profileCap": 2}, constraint=constrained(rule_id))
        decision = campaign.decision()
        first.answer_rule(rule_id, True)
        assert campaign.proposed(decision) == [offer]
        events = first.events()
    with Emulator(db=db) as second:
        second.clock.freeze(NOW)
        campaign = Campaign(Caller(second))
        assert (
            second.events()
            == events
            == [
                {
                    "offer_id": offer,
                    "placement_id": HTML,
                    "profile": f"Email:{ANNA}",
                    "event": "decisioning",
                    "count": 1,
                }
            ]
        )
        assert campaign.proposed(decision) == [offer]
        assert campaign.proposed(decision) == []
        second.reset()
        assert second.events() == []
