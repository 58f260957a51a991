"""The statuses of offers and decisions, and the requirements of a live decision."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.emulator.conftest import CREATE, Caller
from tests.emulator.kinds import Writer, family

DECISIONS = {
    "draft": {"live", "archived"},
    "live": {"draft", "complete", "archived"},
    "complete": {"archived"},
    "archived": set(),
}
OFFERS = {"draft": {"approved", "archived"}, "approved": {"draft", "archived"}, "archived": set()}


@pytest.fixture(params=("dps", "xcore"))
def writer(request: pytest.FixtureRequest, caller: Caller) -> Writer:
    """A writer of each generation."""
    return Writer(caller, request.param)


@pytest.mark.parametrize("name", ["decision", "offer", "fallback"])
def test_status_changes(writer: Writer, name: str) -> None:
    allowed = DECISIONS if name == "decision" else OFFERS
    known, _ = family(writer)
    for before, following in allowed.items():
        for after in allowed:
            object_id = writer.made(known[name], status=before)
            answer = writer.patch(known[name], object_id, "replace", "/status", after)
            if after == before or after in following:
                assert answer.status_code == 200, f"{before} to {after}"
            else:
                assert answer.status_code == writer.refused, f"{before} to {after}"
                assert f"from {before!r} to {after!r}" in answer.json()["detail"]
                writer.emulator.configure(strict_status=False)
                assert writer.patch(known[name], object_id, "replace", "/status", after).status_code == 200
                writer.emulator.configure(strict_status=True)


FINAL = [("offer", "archived"), ("fallback", "archived"), ("decision", "complete"), ("decision", "archived")]


@pytest.mark.parametrize(("name", "status"), FINAL)
def test_what_is_final_is_not_changed(writer: Writer, name: str, status: str) -> None:
    known, _ = family(writer)
    object_id = writer.made(known[name], status=status)
    date = "/selectionConstraint/endDate" if name == "offer" else "/endDate"
    changes: list[tuple[str, str, Any]] = [("replace", "/name", "Renamed"), ("add", "/description", "more")]
    changes += [("replace", date, "2027-01-01T00:00:00Z")] if name != "fallback" else []
    for change in changes:
        answer = writer.patch(known[name], object_id, *change)
        assert answer.status_code == writer.refused
        assert answer.json()["title"] == "Status change not allowed"
        assert f"that is {status!r} can only be duplicated or deleted" in answer.json()["detail"]
    # A patch that changes nothing is accepted.
    assert writer.patch(known[name], object_id, "replace", "/name", known[name].plain["name"]).status_code == 200
    if status == "complete":
        assert writer.patch(known[name], object_id, "replace", "/status", "archived").status_code == 200
    writer.emulator.configure(strict_status=False)
    assert writer.patch(known[name], object_id, "replace", "/name", "Renamed").status_code == 200
    assert writer.delete(known[name], object_id)


def test_a_replacement_does_not_change_what_is_final(caller: Caller) -> None:
    writer = Writer(caller, "xcore")
    kind = family(writer)[0]["offer"]
    instance = writer.instance_of(writer.made(kind, status="archived"))
    headers = {"Content-Type": CREATE.format(kind.stamped)}
    archived = {**kind.prefixed, "xdm:status": "archived"}
    assert caller.instances("PUT", instance, json=archived, headers=headers).status_code == 200
    answer = caller.instances("PUT", instance, json={**archived, "xdm:name": "Renamed"}, headers=headers)
    assert answer.status_code == 422
    assert "not changed (name)" in answer.json()["detail"]


def test_what_is_final_is_deleted(writer: Writer) -> None:
    known, _ = family(writer)
    for name, status in FINAL:
        assert writer.delete(known[name], writer.made(known[name], status=status))


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_a_decision_goes_live_with_an_approved_fallback_only(writer: Writer, status: str) -> None:
    known, _ = family(writer)
    fallback = writer.made(known["fallback"], status=status)
    answer = writer.create_neutral(known["decision"], fallback=fallback)
    assert answer.status_code == writer.refused
    assert f"{fallback} is {status}, and the fallback of a live decision must be approved" in answer.json()["detail"]
    decision = writer.made(known["decision"], fallback=fallback, status="draft")
    live = ("replace", "/status", "live")
    assert writer.patch(known["decision"], decision, *live).status_code == writer.refused
    writer.emulator.configure(live_decision="any")
    assert writer.patch(known["decision"], decision, *live).status_code == 200


def test_a_decision_may_be_born_in_any_status(writer: Writer) -> None:
    known, _ = family(writer)
    for status in DECISIONS:
        writer.made(known["decision"], status=status)
    assert writer.create_neutral(known["decision"], status="approved").status_code == writer.refused
    assert writer.create_neutral(known["offer"], status="live").status_code == writer.refused


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"name": ...}, "name: is required"),
        ({"startDate": ...}, "startDate: is required of a live decision"),
        ({"endDate": ...}, "endDate: is required of a live decision"),
        ({"criteria": ...}, "criteria: is required of a live decision"),
        ({"criteria": []}, "criteria: is required of a live decision"),
        ({"fallback": ...}, "fallback: is required of a live decision"),
    ],
)
def test_what_a_live_decision_needs(writer: Writer, changes: dict[str, Any], where: str) -> None:
    known, _ = family(writer)
    answer = writer.create_neutral(known["decision"], **changes)
    assert answer.status_code == writer.refused
    assert where in answer.json()["detail"]
    if "name" in changes:
        return
    draft = writer.made(known["decision"], status="draft", **changes)
    answer = writer.patch(known["decision"], draft, "replace", "/status", "live")
    assert answer.status_code == writer.refused
    assert where in answer.json()["detail"]
    writer.emulator.configure(live_decision="any")
    assert writer.patch(known["decision"], draft, "replace", "/status", "live").status_code == 200


def test_everything_a_live_decision_lacks_is_told_at_once(writer: Writer) -> None:
    known, _ = family(writer)
    nothing = {"startDate": ..., "endDate": ..., "criteria": ..., "fallback": ...}
    problems = writer.create_neutral(known["decision"], **nothing).json()["report"]["additionalContext"]["problems"]
    prefix = "/" if writer.api == "dps" else "/xdm:"
    assert [each["path"] for each in problems] == [prefix + name for name in nothing]


@pytest.mark.parametrize("part", ["placements", "filter"])
def test_a_criterion_needs_placements_and_a_collection(writer: Writer, part: str) -> None:
    known, _ = family(writer)
    prefix = "" if writer.api == "dps" else "xdm:"
    document = known["decision"].plain if writer.api == "dps" else known["decision"].prefixed
    criterion = dict(document[f"{prefix}criteria"][0])
    if part == "placements":
        criterion[f"{prefix}placements"] = []
    else:
        criterion[f"{prefix}optionSelection"] = {}
    answer = writer.create_neutral(known["decision"], criteria=[criterion])
    assert answer.status_code == writer.refused
    assert f"/{prefix}criteria/0/" in answer.json()["detail"]


def test_a_live_decisions_fallback_covers_every_placement(writer: Writer) -> None:
    known, ids = family(writer)
    add = ("add", "/criteria/0/placements/-", Emulator.PLACEMENT_ID)
    answer = writer.patch(known["decision"], ids["decision"], *add)
    assert answer.status_code == writer.refused
    detail = answer.json()["detail"]
    assert f"{ids['fallback']} has no representation for {Emulator.PLACEMENT_ID}" in detail
    writer.patch(known["decision"], ids["decision"], "replace", "/status", "draft")
    assert writer.patch(known["decision"], ids["decision"], *add).status_code == 200
    assert writer.patch(known["decision"], ids["decision"], "replace", "/status", "live").status_code == writer.refused
    shown = known["fallback"].plain if writer.api == "dps" else known["fallback"].prefixed
    prefix = "" if writer.api == "dps" else "xdm:"
    further = {**shown[f"{prefix}representations"][0], f"{prefix}placement": Emulator.PLACEMENT_ID}
    assert writer.patch(known["fallback"], ids["fallback"], "add", "/representations/-", further).status_code == 200
    assert writer.patch(known["decision"], ids["decision"], "replace", "/status", "live").status_code == 200


def test_a_decisions_window_is_not_reversed(writer: Writer) -> None:
    known, ids = family(writer)
    answer = writer.patch(known["decision"], ids["decision"], "replace", "/endDate", "2026-03-09T00:00:00Z")
    assert answer.status_code == writer.refused
    assert "is before the start" in answer.json()["detail"]
