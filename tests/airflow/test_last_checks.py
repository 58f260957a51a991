"""What only the rendered fields show together is refused before anything is sent, with the field and what it may be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.library import PatchLibraryObjectOperator
from airflow_provider_offers.operators.offers import (
    ArchiveExpiredOffersOperator,
    CreateOfferOperator,
    PatchOfferOperator,
    ScheduleOfferOperator,
)
from airflow_provider_offers.operators.replacing import ReplaceOfferOperator
from tests.airflow.capture import captured_output
from tests.airflow.library import CONNECTION, dag_of, offers, personalized, seed, writes
from tests.airflow.task_runner import Ended, run_task
from tests.client.library import entity, page, sale

DRAFT = [{"op": "replace", "path": "/status", "value": "draft"}]
AMBIGUOUS: dict[str, Any] = {"start": "2035-10-28T02:30", "duration": "P14D", "timezone": "Europe/Berlin"}


@pytest.fixture(autouse=True)
def connected(emulator: Emulator, api: str, monkeypatch: pytest.MonkeyPatch, airflow_home: Any) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(emulator.connection(api)))


def ended(operator: type[Any], **arguments: Any) -> Ended:
    with dag_of("checked"):
        task = operator(task_id="task", **arguments)
    return run_task(task, logged=True)


@pytest.mark.parametrize(
    ("operator", "name", "arguments", "said"),
    [
        (
            PatchOfferOperator,
            "offer_id",
            {"patch": DRAFT, "if_match": 1},
            "The patch cannot be sent:\n  if_match: given one etag for 2 offers; expected if_match with one offer only",
        ),
        (
            PatchLibraryObjectOperator,
            "object_id",
            {"kind": "personalized", "patch": DRAFT, "if_match": 1},
            "The patch cannot be sent:\n  if_match: given one etag for 2 offers; expected if_match with one offer only",
        ),
        (
            ReplaceOfferOperator,
            "offer_id",
            {"offer": personalized("One"), "if_match": 1},
            "The replacement is not valid:\n"
            "  offer: given 1 for 2 objects; expected a list of 2 documents, one for each\n"
            "  if_match: given one etag for 2 objects; expected if_match with one object only",
        ),
    ],
    ids=["patch", "object", "replacement"],
)
def test_an_etag_is_that_of_one_object(
    emulator: Emulator, api: str, operator: type[Any], name: str, arguments: dict[str, Any], said: str
) -> None:
    there = [seed(emulator, api, each)["id"] for each in ("One", "Two")]

    end = ended(operator, **{name: there}, **arguments)

    assert (end.state, type(end.error).__name__, str(end.error)) == ("failed", "AirflowFailException", said)
    assert writes(emulator) == []


@pytest.mark.parametrize("etag", ["", " ", '""'])
@pytest.mark.parametrize(
    ("operator", "name", "arguments"),
    [
        (PatchOfferOperator, "offer_id", {"patch": DRAFT}),
        (ReplaceOfferOperator, "offer_id", {"offer": personalized("One")}),
    ],
)
def test_an_empty_etag_is_refused(
    emulator: Emulator, api: str, operator: type[Any], name: str, arguments: dict[str, Any], etag: str
) -> None:
    """It would guard nothing, although the author asked for a guard."""
    there = seed(emulator, api, "One")["id"]

    end = ended(operator, **{name: there}, **arguments, if_match=etag)

    assert end.state == "failed"
    assert "if_match: given " in str(end.error)
    assert "; expected the etag of the object, such as 3, or None" in str(end.error)
    assert writes(emulator) == []


def test_a_doubtful_window_of_a_list_is_refused_or_silent_as_asked(emulator: Emulator, api: str) -> None:
    there = [seed(emulator, api, each)["id"] for each in ("One", "Two")]

    end = ended(ScheduleOfferOperator, offer_id=there, validate="strict", **AMBIGUOUS)

    assert str(end.error).startswith("The window is doubtful:\n  ambiguous_time: given ")
    assert str(end.error).endswith("; expected a window without this doubt, or waive=['ambiguous_time']")
    assert writes(emulator) == []
    with captured_output() as output:
        # A template that renders nothing waives nothing.
        end = ended(ScheduleOfferOperator, offer_id=there, waive="{{ '' }}", **AMBIGUOUS)
        told = output.text()
    assert [each["action"] for each in end.result] == ["scheduled", "scheduled"]
    assert "2035-10-28T01:30:00Z" in told
    assert "2 offers scheduled in sandbox 'prod'" in told


def test_a_list_of_new_offers_may_hold_json_text(emulator: Emulator) -> None:
    end = ended(CreateOfferOperator, offer=[json.dumps(personalized("One")), personalized("Two")])

    assert [each["name"] for each in end.result] == ["One", "Two"]
    said = str(ended(CreateOfferOperator, offer=["three.yaml"]).error)
    assert said.startswith("offer/0 is not JSON:\n  offer/0: given 'three.yaml'; expected the name of a .json file")
    assert len(offers(emulator)) == 2


def test_a_wrong_window_of_a_list_is_told_once_and_of_no_offer(emulator: Emulator) -> None:
    documents = [personalized(name, selectionConstraint=None) for name in ("One", "Two")]

    end = ended(CreateOfferOperator, offer=documents, window={"start": "soon", "duration": "P1D"})

    assert str(end.error).startswith("The list is not valid:\n  start: given 'soon'")
    assert str(end.error).count("given") == 1
    assert writes(emulator) == []


def test_a_limit_that_is_no_number_is_refused_before_the_search(emulator: Emulator) -> None:
    end = ended(ArchiveExpiredOffersOperator, limit="{{ 'many' }}")

    assert str(end.error) == (
        "The limit is not valid:\n"
        "  limit: given 'many', from the template \"{{ 'many' }}\"; expected a whole number, at least 0"
    )
    assert emulator.journal(path="/data/core/*") == []


def test_what_the_service_takes_for_expired_is_archived_only_if_its_own_dates_say_so(
    emulator: Emulator, api: str
) -> None:
    """A search may be wrong about dates and lag behind edits, and archiving is final."""
    over = {"startDate": "2020-01-01T00:00:00Z", "endDate": "2020-02-01T00:00:00Z"}
    told: dict[str, dict[str, Any]] = {
        "Unreadable": {"selectionConstraint": {**over, "endDate": "soon"}},
        "Archived": {"selectionConstraint": over, "status": "archived"},
        "Shown": {"selectionConstraint": {**over, "endDate": "2036-01-01T00:00:00Z"}},
    }
    found = [
        entity(api, sale(name=name, **changes), number=index) for index, (name, changes) in enumerate(told.items(), 1)
    ]
    listing = json.dumps(page(api, found))
    emulator.add_fault(
        "status", route="dps.list" if api == "dps" else "xcore.search", status=200, body=listing, times=9
    )

    with captured_output() as output:
        end = ended(ArchiveExpiredOffersOperator)
        said = output.text()

    assert end.result["expired"] == 0
    assert writes(emulator) == []
    assert (
        f"'Unreadable' ({api}:personalized-offer:0000000000000001) is left as it is, because the end of its window "
        "cannot be read: 'soon', which is not an RFC 3339 date-time"
    ) in said
    assert "'Archived'" not in said
