"""The arguments of the hooks' methods, as functions of authors pass them: nobody renders or checks them before."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk import task

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.hooks.offer_library import OfferLibraryAsyncHook, OfferLibraryHook
from tests.airflow.harness import Airflow
from tests.airflow.library import CONNECTION, dag_of, seed, writes
from tests.deciding import Stage

JOB = {"audience_id": "609028e4-e66c-4776-b0d9-c782887e2273", "dataset_id": "6196b4a1a63bd118dafe093c"}


@pytest.fixture
def hook(airflow: Airflow, emulator: Emulator, api: str, monkeypatch: pytest.MonkeyPatch) -> OfferLibraryHook:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(emulator.connection(api)))
    return OfferLibraryHook()


def test_a_param_that_is_text_deletes_nothing_that_refers_to_the_object(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    before = emulator.objects()
    with dag_of("cascading", params={"cascade": "False"}) as dag:

        @task
        def delete(placement: str, params: Any = None) -> Any:
            with OfferLibraryHook() as hook:
                return hook.objects("placement").delete(placement, cascade=params["cascade"])

        delete(stage.placement)
    result = airflow.run(dag, connections={CONNECTION: emulator.connection(api)})
    assert result.states == {"delete": "failed"}
    assert "cascade: given 'False'; expected True or False, not text" in str(result.error("delete"))
    assert emulator.objects() == before


CALLS: dict[str, tuple[str, Callable[[OfferLibraryHook, Stage], Any]]] = {
    "missing_ok": ("missing_ok", lambda hook, _: hook.delete_offer("name:Nobody", missing_ok="False")),  # type: ignore[arg-type]
    "missing_ok of an object": (
        "missing_ok",
        lambda hook, _: hook.objects("tag").delete("name:Nobody", missing_ok="False"),  # type: ignore[arg-type]
    ),
    "cascade": (
        "cascade",
        lambda hook, stage: hook.objects("personalized").delete(stage.offers[0], cascade="no"),  # type: ignore[arg-type]
    ),
    "full": ("full", lambda hook, _: list(hook.search_offers(full="False"))),  # type: ignore[arg-type]
    "include_content": (
        "include_content",
        lambda hook, stage: hook.submit_batch(stage.decision, stage.placement, **JOB, include_content="False"),  # type: ignore[arg-type]
    ),
}


@pytest.mark.parametrize("which", CALLS)
def test_a_flag_that_is_text_is_refused(emulator: Emulator, hook: OfferLibraryHook, stage: Stage, which: str) -> None:
    name, call = CALLS[which]
    with pytest.raises(InvalidInputError, match=f"{name}: given '(False|no)'; expected True or False"):
        call(hook, stage)
    assert emulator.journal(path="/data/core/*") == []


@pytest.mark.parametrize("given", [True, 4.0, {"etag": 4}, ["4"], b"4"], ids=repr)
def test_what_is_no_etag_is_not_told_as_an_edit_of_somebody(
    emulator: Emulator, api: str, hook: OfferLibraryHook, given: Any
) -> None:
    offer = seed(emulator, api, "Guarded")
    patch = [{"op": "replace", "path": "/rank/priority", "value": 5}]
    for write in (
        lambda: hook.patch_offer(offer["id"], patch, if_match=given),
        lambda: hook.replace_offer(offer["id"], offer["body"], if_match=given),
    ):
        with pytest.raises(InvalidInputError, match=r"if_match: given .*; expected the etag of the object, such as 3"):
            write()
    assert writes(emulator) == []


def test_a_number_of_another_library_is_an_etag(emulator: Emulator, api: str, hook: OfferLibraryHook) -> None:
    class Number:
        def __str__(self) -> str:
            return "1"

    offer = seed(emulator, api, "Guarded")
    patch = [{"op": "replace", "path": "/rank/priority", "value": 5}]
    assert hook.patch_offer(offer["id"], patch, if_match=Number())["action"] == "updated"  # type: ignore[arg-type]


def test_a_search_for_no_ids_finds_nothing(emulator: Emulator, api: str, hook: OfferLibraryHook) -> None:
    there = seed(emulator, api, "One")
    seed(emulator, api, "Other")
    assert [each["id"] for each in hook.search_offers(ids=[there["id"]])] == [there["id"]]
    emulator.clear_journal()
    assert list(hook.search_offers(ids=[])) == []
    assert list(hook.objects("personalized").search(ids=(), full=True)) == []
    assert emulator.journal(path="/data/core/*") == []
    with pytest.raises(InvalidInputError, match="name: given together with ids"):
        hook.search_offers(ids=[], name="One")


def test_a_search_with_an_empty_list_of_filters_is_refused(hook: OfferLibraryHook) -> None:
    """It found everything, although its author has filters in mind."""
    for search in (hook.search_offers, hook.objects("tag").search):
        with pytest.raises(InvalidInputError, match=r"properties: given \[\]; expected at least one filter, or None"):
            search(properties=[])
    assert list(hook.search_offers(properties=None)) == []


@pytest.mark.parametrize("hook_class", [OfferLibraryHook, OfferLibraryAsyncHook])
def test_an_unknown_argument_of_a_hook_is_told_with_the_nearest_one(hook_class: Any) -> None:
    for slip, meant in {"sandbx": "sandbox", "conn_id": "offer_library_conn_id", "memry": "memory"}.items():
        with pytest.raises(TypeError, match=f"{slip}: given an unknown argument; did you mean '{meant}'"):
            hook_class(**{slip: "x"})


def test_one_offer_in_place_of_a_list_is_a_list_of_one(emulator: Emulator, api: str, hook: OfferLibraryHook) -> None:
    there = seed(emulator, api, "One")
    ways: tuple[Any, ...] = (there["id"], hook.get_offer(there["id"]))
    for given in ways:
        assert [each["name"] for each in hook.get_offers(given)] == ["One"]
        assert [each["name"] for each in hook.objects("personalized").get_many(given)] == ["One"]


@pytest.mark.parametrize("given", [None, 7, b"abc", {"report": "file:///tmp/found.jsonl"}], ids=repr)
def test_what_is_no_list_of_offers_is_named(hook: OfferLibraryHook, given: Any) -> None:
    with pytest.raises(InvalidInputError, match="offer_id/0: given "):
        hook.get_offers(given)
