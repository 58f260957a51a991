"""Verdicts about offers: when a wait is over, when it is hopeless, and when to look again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import HopelessError, InvalidInputError, TransitionError
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.kinds import FALLBACK, PERSONALIZED
from airflow_provider_offers.client.model.lifecycle import ARCHIVE, PUBLISH, STEPS, UNPUBLISH, Step, is_done
from airflow_provider_offers.client.model.windows import OfferWindow
from airflow_provider_offers.client.waiting.verdicts import (
    History,
    check_statuses,
    check_until,
    status_verdict,
    window_verdict,
)

STATUSES = ("draft", "approved", "archived")
NOW = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def offer(number: int, status: str = "draft", window: tuple[datetime, datetime] | None = None) -> Entity:
    properties: dict[str, Any] = {"name": f"Offer {number}", "status": status}
    if window is not None:
        properties["selectionConstraint"] = OfferWindow(*window).as_constraint()
    return Entity(PERSONALIZED, f"id-{number}", f"id-{number}", 1, properties)


def states(*entities: Entity | None) -> dict[str, Entity | None]:
    return {f"id-{number}": entity for number, entity in enumerate(entities)}


@given(
    st.lists(st.sampled_from([*STATUSES, None]), max_size=5),
    st.integers(0, 2),
    st.lists(st.sampled_from(STATUSES), min_size=1, unique=True),
)
def test_statuses_are_judged_as_the_model_says(found: list[str | None], missing: int, wanted: list[str]) -> None:
    seen = states(*(None if status is None else offer(n, status) for n, status in enumerate(found)))
    hopeless = any(status is None or (status == "archived" and status not in wanted) for status in found)
    if hopeless:
        with pytest.raises(HopelessError):
            status_verdict(seen, len(found) + missing, wanted)
    else:
        met = missing == 0 and all(status in wanted for status in found)
        assert status_verdict(seen, len(found) + missing, wanted).met is met


WINDOWS = st.tuples(st.integers(-50, 50), st.integers(1, 40)).map(
    lambda pair: (NOW + pair[0] * HOUR, NOW + (pair[0] + pair[1]) * HOUR)
)


@given(st.lists(WINDOWS, min_size=1, max_size=4), st.sampled_from(["open", "closed"]))
def test_windows_are_judged_as_the_model_says_and_the_next_look_is_never_too_late(
    windows: list[tuple[datetime, datetime]], until: Literal["open", "closed"]
) -> None:
    seen = states(*(offer(n, window=window) for n, window in enumerate(windows)))
    if until == "open" and any(end <= NOW for _, end in windows):
        with pytest.raises(HopelessError, match="closed at"):
            window_verdict(seen, len(seen), until, NOW)
        return
    instants = [start if until == "open" else end for start, end in windows]
    verdict = window_verdict(seen, len(seen), until, NOW)
    assert verdict.met is all(instant <= NOW for instant in instants)
    assert verdict.until == min((instant for instant in instants if instant > NOW), default=None)
    assert not window_verdict(seen, len(seen) + 1, until, NOW).met


def test_the_last_window_decides_and_the_earliest_instant_is_the_next_look() -> None:
    soon, later = offer(0, window=(NOW + HOUR, NOW + 3 * HOUR)), offer(1, window=(NOW + 2 * HOUR, NOW + 4 * HOUR))
    seen = states(soon, later)
    for now, until, met, look in (
        (NOW, "open", False, NOW + HOUR),
        (NOW + HOUR, "open", False, NOW + 2 * HOUR),
        (NOW + 2 * HOUR, "open", True, None),
        (NOW + 2 * HOUR, "closed", False, NOW + 3 * HOUR),
        (NOW + 4 * HOUR, "closed", True, None),
    ):
        verdict = window_verdict(seen, 2, check_until(until), now)
        assert (verdict.met, verdict.until) == (met, look)
    with pytest.raises(HopelessError, match=r"The window of 'Offer 0' \(id-0\) closed at 2026-03-02T03:00:00Z"):
        window_verdict(seen, 2, "open", NOW + 3 * HOUR)


def test_a_fallback_offer_has_no_window_to_wait_for() -> None:
    fallback = replace(offer(0), kind=FALLBACK)
    with pytest.raises(InvalidInputError) as caught:
        window_verdict(states(fallback), 1, "open", NOW)
    assert "offer_id: given 'Offer 0' (id-0), a fallback offer, which has no window; expected" in str(caught.value)


def test_an_archived_offer_will_not_become_anything_else() -> None:
    assert status_verdict(states(offer(0, "archived")), 1, ["archived"]).met
    with pytest.raises(HopelessError, match=r"'Offer 0' \(id-0\) is archived and will not become approved or draft"):
        status_verdict(states(offer(0, "archived")), 1, ["draft", "approved"])


def test_an_archived_offer_is_closed_and_never_opens() -> None:
    seen = states(offer(0, "archived", (NOW + HOUR, NOW + 2 * HOUR)))
    assert window_verdict(seen, 1, "closed", NOW).met
    with pytest.raises(HopelessError, match="is archived and will not be shown"):
        window_verdict(seen, 1, "open", NOW)


@pytest.mark.parametrize("until", ["open", "closed"])
def test_an_offer_that_is_gone_or_has_no_window_is_hopeless(until: Literal["open", "closed"]) -> None:
    with pytest.raises(HopelessError, match="There is no offer id-0"):
        window_verdict(states(None), 1, until, NOW)
    with pytest.raises(HopelessError, match="has no window"):
        window_verdict(states(offer(0)), 1, until, NOW)


def test_what_to_wait_for_is_one_of_the_services_words() -> None:
    assert check_statuses("draft") == ("draft",)
    assert check_statuses(["approved", "archived"]) == ("approved", "archived")
    for wrong in ("published", [], "", None, 5, ["draft", 3], {"draft": 1}):
        with pytest.raises(InvalidInputError, match="expected some of draft, approved, archived"):
            check_statuses(wrong)
    assert check_until("open") == "open"
    with pytest.raises(InvalidInputError, match="'open' or 'closed'"):
        check_until("later")


def test_a_history_tells_each_change_once_and_another_process_goes_on_with_it() -> None:
    history = History()
    assert history.news(states(offer(0), None)) == []
    assert history.last() == "'Offer 0' (id-0) is draft; id-1 is deleted"
    opened = offer(0, "approved", (NOW, NOW + HOUR))
    later = History(json.loads(json.dumps(history.as_json())))
    window = "[2026-03-02T00:00:00Z, 2026-03-02T01:00:00Z)"
    assert later.news(states(opened, offer(1))) == [
        "'Offer 0' (id-0) went from draft to approved",
        f"The window of 'Offer 0' (id-0) moved from none to {window}",
        "'Offer 1' (id-1) is draft, and exists again",
    ]
    assert later.news(states(opened, offer(1))) == []
    assert later.news(states(None, replace(offer(1), properties={"name": "New\nname", "status": "draft"}))) == [
        "'Offer 0' (id-0) was deleted",
        "'Offer 1' (id-1) was renamed to 'New\\nname'",
    ]
    assert History(None).last() == History({}).last() == ""


def test_a_long_history_names_only_some_of_the_offers() -> None:
    history = History()
    history.news(states(*(offer(number) for number in range(23))))
    assert history.last().endswith("'Offer 19' (id-19) is draft; and 3 more")


LEGAL = {("draft", PUBLISH), ("approved", UNPUBLISH), ("draft", ARCHIVE), ("approved", ARCHIVE)}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.verb)
@pytest.mark.parametrize("status", [*STATUSES, "other", None])
def test_a_step_is_made_from_where_it_may_be_and_once(step: Step, status: str | None) -> None:
    if status == step.target:
        assert is_done(step, status, "the offer")
    elif (status, step) in LEGAL:
        assert not is_done(step, status, "the offer")
    else:
        with pytest.raises(TransitionError) as refused:
            is_done(step, status, "the offer")
        legal = [other.verb for other in STEPS if (status, other) in LEGAL]
        assert all(verb in str(refused.value) for verb in legal or ["deleting or duplicating"])
