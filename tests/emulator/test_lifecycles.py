"""The statuses of offers and decisions, what a live decision must have, and who enforces it."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.emulator.conftest import Caller
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
