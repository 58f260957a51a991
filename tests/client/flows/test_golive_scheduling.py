"""Scheduling a live decision, and the forms of a criterion's selection, against the emulator."""

from __future__ import annotations

import json

import pytest

from airflow_provider_offers.client.errors import InvalidInputError, NotPublishableError, OfferLibraryError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.editing import schedule, take_step
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.entities import Reference, Written
from airflow_provider_offers.client.model.kinds import DECISION, PERSONALIZED
from airflow_provider_offers.client.model.lifecycle import ACTIVATE, PUBLISH, Step
from airflow_provider_offers.client.model.windows import window_from
from airflow_provider_offers.client.wire.messages import Flow, Request
from airflow_provider_offers.emulator import Emulator
from tests.client.campaign import campaign, decision, offer, seed


def test_a_live_decision_is_not_scheduled_to_where_it_has_nothing_to_show(
    library: OfferLibrary, emulator: Emulator
) -> None:
    ids = campaign(emulator)
    draft = seed(emulator, "personalized-offer", **offer("Unready", ids["placement"], status="draft"))
    listed = [ids["personalized"], draft]
    ids["collection"] = seed(emulator, "offer-filter", name="Listed", filterType="offers", ids=listed)
    there = seed(emulator, "offer-activity", **decision(ids, status="live"))

    def to(start: str, end: str) -> str:
        window = window_from({"start": start, "end": end})
        return library.edit(DECISION, there, lambda access, it: schedule(access, it, window)).action

    with pytest.raises(NotPublishableError, match="window_over"):
        to("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z")
    with pytest.raises(NotPublishableError, match="no_offer_to_show"):
        to("2100-01-01T00:00:00Z", "2101-01-01T00:00:00Z")
    assert emulator.objects("offer-activity")[0]["body"]["endDate"].startswith("2099")
    # Earlier problems do not concern the window.
    assert to("2026-01-01T00:00:00Z", "2098-01-01T00:00:00Z") == "scheduled"
    library.patch(DECISION, there, [{"op": "replace", "path": "/status", "value": "draft"}])
    assert to("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z") == "scheduled"


def watched(flow: Flow[Written], sent: list[Request]) -> Flow[Written]:
    """The flow itself; `sent` gets its requests."""
    try:
        effect = next(flow)
        while True:
            if isinstance(effect, Request):
                sent.append(effect)
            try:
                answer = yield effect
            except OfferLibraryError as error:
                effect = flow.throw(error)
            else:
                effect = flow.send(answer)
    except StopIteration as stop:
        written: Written = stop.value
        return written


def test_the_window_of_a_live_decision_is_set_only_if_what_was_checked_stays(
    library: OfferLibrary, emulator: Emulator, api: str
) -> None:
    """The check depends on the criteria, so the patch is refused if somebody edits them meanwhile."""
    there = seed(emulator, "offer-activity", **decision(campaign(emulator), status="live"))
    window = window_from({"start": "2026-01-01T00:00:00Z", "end": "2098-01-01T00:00:00Z"})
    sent: list[Request] = []
    library.edit(DECISION, there, lambda access, it: watched(schedule(access, it, window), sent))
    (patch,) = [request for request in sent if request.method == "PATCH"]
    if api == "xcore":
        assert patch.headers["If-Match"] == '"1"'
    else:
        tested = [each["path"] for each in json.loads(patch.body or b"") if each["op"] == "test"]
        assert {"/criteria", "/endDate"} <= set(tested)


def test_a_step_is_taken_only_if_what_was_checked_stays(library: OfferLibrary, emulator: Emulator, api: str) -> None:
    """Customers see at once what is published or activated."""
    ids = campaign(emulator)
    voucher = seed(emulator, "personalized-offer", **offer("Voucher", ids["placement"], status="draft"))
    there = seed(emulator, "offer-activity", **decision(ids, status="draft"))
    waive = ("rule_not_named", "no_offer_to_show", "offers_not_approved")
    for kind, identifier, step, checked in (
        (PERSONALIZED, voucher, PUBLISH, {"/selectionConstraint", "/representations"}),
        (DECISION, there, ACTIVATE, {"/criteria", "/fallback", "/startDate", "/endDate"}),
    ):
        sent: list[Request] = []

        def work(access: Access, it: Reference, step: Step = step, sent: list[Request] = sent) -> Flow[Written]:
            return watched(take_step(access, it, step, waive=waive), sent)

        library.edit(kind, identifier, work)
        (patch,) = [request for request in sent if request.method == "PATCH"]
        if api == "xcore":
            assert patch.headers["If-Match"] == '"1"'
        else:
            assert checked <= {each["path"] for each in json.loads(patch.body or b"") if each["op"] == "test"}


def test_a_criterion_may_list_its_offers_itself(library: OfferLibrary, emulator: Emulator, api: str) -> None:
    ids = campaign(emulator)

    def draft(name: str, **selection: str) -> dict[str, object]:
        criteria = [{"placements": [ids["placement"]], "optionSelection": selection}]
        return {"name": name, "status": "draft", "criteria": criteria}

    made = library.create(DECISION, draft("Direct", optionSelectionType="directList"))
    found = library.get(DECISION, made.receipt.id)
    assert found is not None
    assert found.properties["criteria"][0]["optionSelection"] == {"optionSelectionType": "directList"}
    for selection in ({}, {"optionSelectionType": "filter"}, {"optionSelectionType": "other"}):
        with pytest.raises(InvalidInputError, match="optionSelection"):
            library.create(DECISION, draft("Wrong", **selection))
