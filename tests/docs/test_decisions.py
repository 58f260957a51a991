"""Compares the page about decisions with the operators and the sensor, and its examples with the code."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

from airflow_provider_offers.client.deciding.jobs import job_receipt
from airflow_provider_offers.client.deciding.questions import MOST_ITEMS, MOST_OFFERS, MOST_SCOPES
from airflow_provider_offers.client.model.decided import RUNNING_AT_ONCE, STATUSES, Job, Shown
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
from airflow_provider_offers.operators.decisions import BatchDecisionOperator, DecideOperator
from airflow_provider_offers.operators.words import IF_UNKNOWN
from airflow_provider_offers.sensors.decisions import OfferLiveSensor
from tests.client.script import SETTINGS
from tests.docs.pages import page, quoted, table

PAGE = page("docs/decisions.md")
EVERY: dict[str, Any] = {each.__name__: each for each in (DecideOperator, OfferLiveSensor, BatchDecisionOperator)}
COMMON = {"offer_library_conn_id", "sandbox"}


def parameters(name: str) -> dict[str, inspect.Parameter]:
    found = inspect.signature(inspect.unwrap(vars(EVERY[name])["__init__"])).parameters
    return {each: found[each] for each in found if each not in ("self", "kwargs", *COMMON)}


def rows(name: str) -> dict[str, str]:
    return {quoted(row[0])[0]: row[1] for row in table(PAGE.section(name), "parameter")}


@pytest.mark.parametrize("name", EVERY)
def test_every_parameter_is_explained_and_no_other(name: str) -> None:
    assert list(rows(name)) == list(parameters(name))


@pytest.mark.parametrize("name", EVERY)
def test_templated_is_what_the_page_says(name: str) -> None:
    stated = {each for each, text in rows(name).items() if text.endswith("templated")}
    assert stated | COMMON == set(EVERY[name].template_fields)


@pytest.mark.parametrize("name", EVERY)
def test_stated_defaults_are_the_defaults(name: str) -> None:
    defaults = parameters(name)
    for each, text in rows(name).items():
        _, found, stated = text.partition("; default ")
        if found:
            assert str(defaults[each].default).removesuffix(".0") == stated.partition(";")[0]


def test_the_bounds_and_words_are_the_codes_own() -> None:
    assert f"1 to {MOST_ITEMS}, and {MOST_OFFERS} in one request" in rows("DecideOperator")["item_count"]
    assert f"{MOST_SCOPES} pairs at most" in rows("DecideOperator")["placement_id"]
    assert quoted(rows("BatchDecisionOperator")["if_unknown"]) == list(IF_UNKNOWN)
    statuses = table(PAGE.section("BatchDecisionOperator"), "status")
    assert [quoted(row[0])[0] for row in statuses] == list(STATUSES)
    assert f"at most {['no', 'one', 'two', 'three', 'four', 'five'][RUNNING_AT_ONCE]} jobs" in statuses[0][1]


def test_what_is_returned_is_what_the_page_shows(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = (json.loads(block.text) for block in PAGE.blocks("json"))
    monkeypatch.setenv("AIRFLOW_CONN_OFFERS", json.dumps(emulator.connection()))
    decision, placement = (example["propositions"][0][each]["id"] for each in ("decision", "placement"))
    with OfferLibraryHook("offers") as hook:
        hook.patch_offer(
            "dps:personalized-offer:1c265317da412007", [{"op": "replace", "path": "/status", "value": "approved"}]
        )
        found = hook.decide(decision, placement, {"Email": "test.customer@example.com"})
    assert set(found) == set(example)
    (shown,), (real,) = example["propositions"], found["propositions"]
    assert set(real) == set(shown)
    assert real["options"][0].items() >= {**shown["options"][0]}.items()
    stated = PAGE.section("DecideOperator").partition("An offer has ")[2].partition(".\n")[0]
    assert set(quoted(stated)) == set(Shown.__dataclass_fields__)
    receipt = job_receipt(Job("j", "QUEUED"), SETTINGS, dataset="d", audience="a")
    assert f"`{{{', '.join(json.dumps(name) for name in receipt)}}}`" in PAGE.section("BatchDecisionOperator")
