"""Compares the page of the hook with the hook: each public method has a row, and each row has a method."""

import inspect
from typing import Any

import pytest
from airflow.sdk import BaseHook

from airflow_provider_offers.hooks.objects import AsyncLibraryObjects, LibraryObjects
from airflow_provider_offers.hooks.offer_library import OfferLibraryAsyncHook, OfferLibraryHook
from tests.docs.pages import page

TEXT = page("docs/hook.md").text


def _methods(hook: Any) -> set[str]:
    """The public methods of a class."""
    found = {name for name, each in inspect.getmembers(hook, inspect.isfunction) if not name.startswith("_")}
    return found - {name for name, _ in inspect.getmembers(BaseHook, inspect.isroutine) if name not in vars(hook)}


def _rows(text: str) -> set[str]:
    """The names in the first column of the tables."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in cell.split("`")[1::2]}


SYNC, _, ASYNC = TEXT.partition("## The asynchronous hook")
HOOK, _, OBJECTS = SYNC.partition("`hook.objects(kind)` has")
ONLY_SYNC = {"async_session", "get_conn"}


@pytest.mark.parametrize(
    ("hook", "text"), [(OfferLibraryHook, HOOK), (LibraryObjects, OBJECTS)], ids=["hook", "objects"]
)
def test_every_method_has_a_row_and_every_row_a_method(hook: Any, text: str) -> None:
    assert _rows(text) == _methods(hook)


def test_the_asynchronous_hook_has_the_methods_of_both_tables() -> None:
    assert _rows(HOOK) - ONLY_SYNC | _rows(ASYNC) == _methods(OfferLibraryAsyncHook)
    assert _rows(OBJECTS) == _methods(AsyncLibraryObjects)
