"""The section `[offer_library]`: each option replaces a default, never an argument, and a wrong value names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_provider_offers import DEFAULT_CONNECTION, configuration
from airflow_provider_offers.client.errors import ConfigurationError
from airflow_provider_offers.get_provider_info import get_provider_info
from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
from airflow_provider_offers.notifications.offers import OfferExpiryNotifier
from airflow_provider_offers.operators.offers import PublishOfferOperator, SearchOffersOperator
from airflow_provider_offers.sensors.offers import OfferWindowSensor

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
WINDOW: dict[str, Any] = {"task_id": "wait", "offer_id": "name:Spring", "until": "open"}


def listed() -> dict[str, Any]:
    """The options that Airflow lists."""
    info: Any = get_provider_info()
    options: dict[str, Any] = info["config"][configuration.SECTION]["options"]
    return options


def set_option(monkeypatch: pytest.MonkeyPatch, option: str, value: str) -> None:
    assert option in listed()
    monkeypatch.setenv(f"AIRFLOW__OFFER_LIBRARY__{option.upper()}", value)


def test_the_page_lists_every_option_with_its_default() -> None:
    rows = [line.split("|")[1:3] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    told = {option.strip().strip("`"): default.strip().strip("`") or None for option, default in rows}
    assert told == {name: option["default"] for name, option in listed().items()}


def test_airflow_lists_the_options(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from airflow.cli.cli_parser import get_parser

    set_option(monkeypatch, "max_concurrent", "5")
    args = get_parser().parse_args(["config", "list", "--section", configuration.SECTION, "--show-values"])
    args.func(args)

    told = capsys.readouterr().out
    assert f"[{configuration.SECTION}]" in told
    assert "max_concurrent = 5" in told
    assert [option for option in listed() if f"{option} =" not in told] == []


def test_without_the_section_nothing_changes() -> None:
    assert (configuration.connection_id(), configuration.concurrent()) == ("offer_library_default", 8)
    assert configuration.poll_interval() is configuration.state_path() is None
    assert str(configuration.page_refresh()) == "15.0"
    assert OfferWindowSensor(**WINDOW).poke_interval == 60
    assert type(SearchOffersOperator(task_id="search").offer_library_conn_id) is str
    assert type(PublishOfferOperator(task_id="publish", offer_id=["a"]).max_concurrent) is int


def test_the_connection_of_everything_that_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    set_option(monkeypatch, configuration.DEFAULT_CONN_ID, " ajo ")
    named = {"offer_library_conn_id": "offer_library_default"}
    makers: tuple[Callable[..., Any], ...] = (
        OfferLibraryHook,
        lambda **given: SearchOffersOperator(task_id="search", **given),
        lambda **given: OfferWindowSensor(**WINDOW, **given),
        OfferExpiryNotifier,
    )
    for make in makers:
        assert make().offer_library_conn_id == "ajo"
        assert make(**named).offer_library_conn_id == "offer_library_default"
    assert DEFAULT_CONNECTION == "offer_library_default"


def test_the_seconds_between_two_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    set_option(monkeypatch, configuration.POLL_INTERVAL, "7.5")
    assert OfferWindowSensor(**WINDOW).poke_interval == 7.5
    assert OfferWindowSensor(**WINDOW, poke_interval=60).poke_interval == 60
    with DAG("defaults", schedule=None, default_args={"poke_interval": 90}):
        assert OfferWindowSensor(**WINDOW).poke_interval == 90


def test_the_items_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    set_option(monkeypatch, configuration.MAX_CONCURRENT, "3")
    arguments: dict[str, Any] = {"task_id": "publish", "offer_id": ["a", "b"]}
    assert PublishOfferOperator(**arguments).max_concurrent == 3
    assert PublishOfferOperator(**arguments, max_concurrent=8).max_concurrent == 8
    with DAG("defaults", schedule=None, default_args={"max_concurrent": 8}):
        assert PublishOfferOperator(**arguments).max_concurrent == 8


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("max_concurrent", "many", "a whole number from 1 to 32"),
        ("max_concurrent", "33", "a whole number from 1 to 32"),
        ("max_concurrent", "2.5", "a whole number from 1 to 32"),
        ("poll_interval", "0", "a number of seconds from 0.1 to 86400"),
        ("poll_interval", "nan", "a number of seconds from 0.1 to 86400"),
        ("page_refresh", "soon", "a number of seconds from 1 to 3600"),
    ],
)
def test_a_wrong_value_names_its_option(
    monkeypatch: pytest.MonkeyPatch, option: str, value: str, expected: str
) -> None:
    set_option(monkeypatch, option, value)
    read = {"max_concurrent": configuration.concurrent}.get(option) or getattr(configuration, option)
    with pytest.raises(ConfigurationError) as told:
        read()
    assert f"[offer_library] {option}: given '{value}'; expected {expected}" in str(told.value)
