"""One library through both generations: properties that one leaves out, respells or shows twice."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_offers.client.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    OfferLibraryError,
)
from airflow_provider_offers.client.flows.cascading import delete_object
from airflow_provider_offers.client.flows.deleting import delete
from airflow_provider_offers.client.flows.editing import take_step
from airflow_provider_offers.client.generations.dps import Dps, as_compared
from airflow_provider_offers.client.generations.xcore import Xcore
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.component_types import SameComponentType
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.entities import Deleted
from airflow_provider_offers.client.model.kinds import DECISION, PERSONALIZED, PLACEMENT, TAG, Kind
from airflow_provider_offers.client.model.lifecycle import PUBLISH
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.client.wire.messages import Answer
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.emulator import Emulator
from tests.client.campaign import OPEN, campaign, decision, offer, seed
from tests.client.library import reference
from tests.client.script import CONTAINER, answer

QUICK = Retries(max_retries=4, base=0.01, cap=0.05)
NOW = datetime(2026, 3, 20, tzinfo=UTC)
BOTH = pytest.mark.parametrize("api", ["dps", "xcore"])

Open = Callable[[str], OfferLibrary]


@pytest.fixture
def open_library(emulator: Emulator) -> Iterator[Open]:
    opened: list[OfferLibrary] = []

    def open_library(api: str) -> OfferLibrary:
        connection = emulator.connection(api)
        connection.pop("conn_type")
        opened.append(OfferLibrary(parse_settings(**connection), retries=QUICK))
        return opened[-1]

    yield open_library
    for library in opened:
        library.close()


def remove(library: OfferLibrary, kind: Kind, identifier: str, **options: Any) -> Deleted:
    done = library.edit(kind, identifier, lambda access, it: delete_object(access, it, **options))
    assert isinstance(done, Deleted)
    return done


def stored(emulator: Emulator, kind: str, name: str) -> dict[str, Any]:
    (body,) = (each["body"] for each in emulator.objects(kind) if each["body"]["name"] == name)
    return dict(body)


# A deleted object is gone.


@BOTH
def test_what_goes_slowly_is_not_adopted_by_who_creates_next(emulator: Emulator, open_library: Open, api: str) -> None:
    emulator.configure(delete_delay=0.6)
    library = open_library(api)
    first = library.create(PERSONALIZED, offer("Voucher", Emulator.PLACEMENT_ID)).receipt.id
    assert library.delete(PERSONALIZED, first).action == "deleted"
    with pytest.raises(NotFoundError):
        library.get(PERSONALIZED, first)
    again = library.create(PERSONALIZED, offer("Voucher", Emulator.PLACEMENT_ID), if_exists="adopt")
    assert (again.action, again.receipt.id != first) == ("created", True)
    tag = seed(emulator, "tag", name="Soon again")
    assert remove(library, TAG, tag).action == "deleted"
    assert library.create(TAG, {"name": "Soon again"}).action == "created"


@BOTH
def test_a_cascade_waits_for_each_level_to_be_gone(emulator: Emulator, open_library: Open, api: str) -> None:
    emulator.configure(delete_delay=0.6)
    ids = campaign(emulator)
    ids["decision"] = seed(emulator, "offer-activity", **decision(ids, status="live"))
    library = open_library(api)
    done = remove(library, TAG, ids["tag"], cascade=True)
    assert [each.id for each in done.cascaded] == [ids["decision"], ids["collection"], ids["personalized"]]
    assert library.look_at([library.reference(TAG, ids["tag"])]) == [None]
    assert {entry.status for entry in emulator.journal(method="DELETE")} <= {200, 202}


def test_dps_deletes_with_one_look_behind(emulator: Emulator, open_library: Open) -> None:
    library = open_library("dps")
    made = library.create(PERSONALIZED, offer("Voucher", Emulator.PLACEMENT_ID)).receipt.id
    emulator.clear_journal()
    reference = library.offer_reference(made)
    assert library.run(lambda access: delete(access, reference)) == "deleted"
    assert [(entry.method, entry.status) for entry in emulator.journal(path="/data/core/*")] == [
        ("DELETE", 200),
        ("GET", 404),
    ]


def test_cascade_is_not_offered_to_who_cascades(emulator: Emulator, open_library: Open) -> None:
    emulator.configure(dps_delete_referenced=409)
    library, tag = open_library("dps"), seed(emulator, "tag", name="Lonely")
    emulator.add_fault("status", status=409, method="DELETE", path="/data/core/dps/tags/*", times=2)
    seen: list[str] = []
    for cascade in (False, True):
        flow = _refused(emulator, tag, cascade)
        with pytest.raises(ConflictError) as caught:
            library.edit(TAG, tag, flow)
        seen.append(str(caught.value))
    assert "cascade deletes these first" in seen[0]
    assert "cascade deletes" not in seen[1]
    assert "run the deletion again to delete it too" in seen[1]


def test_an_object_to_which_others_refer_is_not_deleted_and_nothing_was_refused(
    emulator: Emulator, open_library: Open, api: str
) -> None:
    ids = campaign(emulator)
    emulator.clear_journal()
    with pytest.raises(ConflictError, match="nothing was sent") as caught:
        remove(open_library(api), TAG, ids["tag"])
    assert not caught.value.refused
    assert list(emulator.journal(method="DELETE")) == []


def _refused(emulator: Emulator, tag: str, cascade: bool) -> Callable[..., Any]:
    """A deletion; between its look and its DELETE, somebody begins to use the qualifier."""
    late = f"Late {cascade}"

    def flow(access: Any, it: Any) -> Any:
        effects = delete_object(access, it, cascade=cascade)
        effect = next(effects)
        while True:
            if getattr(effect, "method", "") == "DELETE" and not _is_there(emulator, late):
                seed(emulator, "offer-filter", name=late, filterType="any-tags", ids=[tag])
            try:
                answered = yield effect
            except OfferLibraryError as error:
                effect = effects.throw(error)
            else:
                try:
                    effect = effects.send(answered)
                except StopIteration as stop:
                    return stop.value

    return flow


def _is_there(emulator: Emulator, name: str) -> bool:
    return any(each["body"]["name"] == name for each in emulator.objects("offer-filter"))


# Objects with one oddity.


@pytest.mark.parametrize("order", [["customQuery", "xdm:customQuery"], ["xdm:customQuery", "customQuery"]])
def test_of_a_property_in_both_spellings_xcore_means_its_own(order: list[str]) -> None:
    rule = {"xdm:limit": 1, **{name: name for name in order}}
    instance = {
        "@id": "xcore:personalized-offer:1",
        "xdm:name": "Odd",
        "name": "odd",
        "future": {"xdm:name": 1, "name": 2},
    }
    row = {"instanceId": "1", "repo:etag": 1, "_instance": {**instance, "xdm:frequencyCappingConstraints": [rule]}}
    xcore = Xcore(CONTAINER)
    read = xcore.entity(PERSONALIZED, Answer(xcore.read(reference("xcore")), answer(200, row), None))
    assert read.properties == {
        "name": "Odd",
        "future": {"xdm:name": 1, "name": 2},
        "frequencyCappingConstraints": [{"limit": 1, "customQuery": "xdm:customQuery"}],
    }
    # Input from a user is different.
    with pytest.raises(InvalidInputError, match="given twice"):
        neutral_payload(row["_instance"])


# Rules without a type, as Adobe's own samples have them.

RULED = {**OPEN, "eligibilityRule": Emulator.RULE_ID}
FIRST_GENERATION = {
    "xdm:name": "Ruled",
    "xdm:status": "approved",
    "xdm:representations": [
        {
            "xdm:placement": Emulator.PLACEMENT_ID,
            "xdm:components": [
                {
                    "@type": "https://ns.adobe.com/experience/offer-management/content-component-html",
                    "dc:format": "text/html",
                    "xdm:content": "<p>10%</p>",
                }
            ],
        }
    ],
    "xdm:selectionConstraint": {f"xdm:{name}": value for name, value in RULED.items()},
    "xdm:rank": {"xdm:priority": 1},
}


def posted(emulator: Emulator, method: str = "POST") -> list[Any]:
    return [json.loads(entry.body) for entry in emulator.journal(method=method, path="/data/core/*")]


def test_a_rule_of_generation_1_is_sent_as_it_is(emulator: Emulator, open_library: Open, api: str) -> None:
    library = open_library(api)
    made = library.create(PERSONALIZED, FIRST_GENERATION)
    sent = posted(emulator)[0]
    assert sent == FIRST_GENERATION or sent["selectionConstraint"] == RULED
    again = library.create(PERSONALIZED, FIRST_GENERATION, if_exists="update")
    assert (again.action, again.receipt.id) == ("unchanged", made.receipt.id)


def test_an_offer_with_a_rule_is_recognised_after_a_lost_answer(
    emulator: Emulator, open_library: Open, api: str
) -> None:
    emulator.add_fault("drop", when="after", method="POST", path="/data/core/*", times=1)
    assert open_library(api).create(PERSONALIZED, FIRST_GENERATION, patience=0.5).action == "created"
    assert [each["body"]["name"] for each in emulator.objects("personalized-offer")].count("Ruled") == 1


# Component types that are kept unchanged.


@pytest.mark.parametrize("mine", ["text", "component-text"])
@pytest.mark.parametrize("maker", ["dps", "xcore"])
@pytest.mark.parametrize("made", ["text", "component-text"])
def test_both_words_for_text_are_one(emulator: Emulator, open_library: Open, maker: str, made: str, mine: str) -> None:
    def voucher(word: str, **changes: Any) -> dict[str, Any]:
        document = offer("Voucher", Emulator.PLACEMENT_ID, status="draft", **changes)
        component = {"type": word, "format": "text/plain", "content": "10 %"}
        return {**document, "representations": [{**document["representations"][0], "components": [component]}]}

    there = open_library(maker).create(PERSONALIZED, voucher(made)).receipt.id
    before = stored(emulator, "personalized-offer", "Voucher")
    for api in ("dps", "xcore"):
        library = open_library(api)
        assert library.create(PERSONALIZED, voucher(mine), if_exists="update").action == "unchanged"
    assert stored(emulator, "personalized-offer", "Voucher") == before
    # The guards of a step repeat the stored word, in either spelling.
    done = open_library("dps").edit(PERSONALIZED, there, lambda access, it: take_step(access, it, PUBLISH, now=NOW))
    assert done.action == "published"
    changed = open_library("dps").create(
        PERSONALIZED, {**voucher(mine, rank={"priority": 7}), "status": "approved"}, if_exists="update"
    )
    assert changed.action == "updated"


@pytest.mark.parametrize("made", ["text", "component-text"])
@pytest.mark.parametrize("mine", ["text", "component-text"])
def test_both_words_for_text_are_one_in_a_placement(
    emulator: Emulator, open_library: Open, made: str, mine: str
) -> None:
    seed(emulator, "offer-placement", name="Lines", componentType=made)
    for api in ("dps", "xcore"):
        again = open_library(api).create(PLACEMENT, {"name": "Lines", "componentType": mine}, if_exists="update")
        assert again.action == "unchanged"
    other = {"name": "Lines", "componentType": "html"}
    assert open_library("dps").create(PLACEMENT, other, if_exists="update").action == "updated"


@pytest.mark.parametrize("word", ["text", "component-text", "html"])
def test_dps_is_sent_the_word_that_was_given(word: str) -> None:
    document = {"representations": [{"components": [{"type": word}]}], "componentType": word}
    assert json.loads(json.dumps(Dps().create(PERSONALIZED, as_compared(document)).body)) == document


def test_a_component_type_equals_its_other_spelling_and_stays_itself() -> None:
    text = SameComponentType("text")
    for other in ("text", "component-text", SameComponentType("component-text")):
        assert text == other
        assert other == text
        assert (text != other) is False
        assert hash(text) == hash(SameComponentType(other))
    assert text != "html"
    assert text != None  # noqa: E711  the operator is what is tested
    assert SameComponentType("html") != "component-text"
    assert [str.__str__(copy.deepcopy(text)), str.__str__(pickle.loads(pickle.dumps(text)))] == ["text", "text"]
    assert as_compared({"representations": [{"components": [{"type": 5}, 6]}, 7]}) == {
        "representations": [{"components": [{"type": 5}, 6]}, 7]
    }


# Decisions in the form of 2019.


@BOTH
def test_a_decision_of_2019_has_one_criterion(emulator: Emulator, open_library: Open, api: str) -> None:
    ids = campaign(emulator)
    flat = {
        "xdm:name": "Flat",
        "xdm:status": "live",
        **{f"xdm:{name}": value for name, value in OPEN.items()},
        "xdm:placement": ids["placement"],
        "xdm:filter": "name:Spring set",
        "xdm:fallback": ids["fallback"],
    }
    library = open_library(api)
    made = library.create(DECISION, flat)
    criteria = [{"placements": [ids["placement"]], "optionSelection": {"filter": ids["collection"]}}]
    body = stored(emulator, "offer-activity", "Flat")
    assert (body["criteria"], body["fallback"]) == (criteria, ids["fallback"])
    assert {"placement", "filter", "xdm:placement", "xdm:filter"}.isdisjoint(body)
    assert library.create(DECISION, flat, if_exists="update").action == "unchanged"
    with pytest.raises(ConflictError, match="'Flat'"):
        remove(library, PLACEMENT, ids["placement"])
    assert made.action == "created"


def test_a_stored_decision_of_2019_is_read_with_one_criterion() -> None:
    xcore = Xcore(CONTAINER)

    def read(**instance: Any) -> Any:
        row = {"instanceId": "1", "repo:etag": 1, "_instance": {"@id": "xcore:offer-activity:1", **instance}}
        return xcore.entity(DECISION, Answer(xcore.read(reference("xcore")), answer(200, row), None)).properties

    flat = {"xdm:placement": "p", "xdm:filter": "c", "xdm:fallback": "f"}
    criterion = {"placements": ["p"], "optionSelection": {"filter": "c"}}
    assert read(**flat) == {"fallback": "f", "criteria": [criterion]}
    assert read(**{"xdm:placement": ["p", "q"]}) == {"criteria": [{"placements": ["p", "q"]}]}
    assert read(**{"xdm:filter": "c"}) == {"criteria": [{"optionSelection": {"filter": "c"}}]}
    assert read(**{"xdm:filter": "c", "xdm:criteria": []}) == {"filter": "c", "criteria": []}


@pytest.mark.parametrize("prefix", ["", "xdm:"])
def test_both_forms_of_a_decision_at_once_are_refused(prefix: str) -> None:
    written: list[tuple[str, Any]] = [("name", "D"), ("filter", "c"), ("criteria", [])]
    given = {f"{prefix}{name}": value for name, value in written}
    with pytest.raises(InvalidInputError, match="the older form of one placement and one filter") as caught:
        neutral_payload(given, DECISION)
    assert [violation.pointer for violation in caught.value.violations] == [f"/{prefix}filter"]


def test_the_older_form_is_a_decisions_alone() -> None:
    assert neutral_payload({"placement": "p", "filter": "c"}, PLACEMENT) == {"placement": "p", "filter": "c"}
