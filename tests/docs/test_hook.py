"""Holds the page of the hook against the hook: each public method has a row, and no row names another."""

import inspect
from typing import Any

import pytest

from airflow_provider_offers.hooks.objects import LibraryObjects
from airflow_provider_offers.hooks.offer_library import OfferLibraryAsyncHook, OfferLibraryHook
from tests.docs.pages import page

TEXT = page("docs/hook.md").text


def _methods(hook: Any) -> set[str]:
    """The public methods that a class itself defines."""
    return {name for name, each in vars(hook).items() if inspect.isfunction(each) and not name.startswith("_")}


def _rows(text: str) -> set[str]:
    """The names in the first column of the tables."""
    return {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}


BEFORE, _, AFTER = TEXT.partition("`hook.objects(kind)` has")


@pytest.mark.parametrize(
    ("hook", "text"), [(OfferLibraryHook, BEFORE), (LibraryObjects, AFTER)], ids=["hook", "objects"]
)
def test_every_method_has_a_row_and_every_row_a_method(hook: Any, text: str) -> None:
    assert _rows(text) == _methods(hook)


def test_the_asynchronous_hook_has_the_calls_that_the_page_names() -> None:
    assert set(TEXT.rpartition("it has ")[2].split("`")[1::2]) == _methods(OfferLibraryAsyncHook)
