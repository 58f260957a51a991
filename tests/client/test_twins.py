"""Both doors of the client, and both hooks, have the same methods with the same signatures."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_offers.client.calls import Calls
from airflow_provider_offers.client.library import AsyncOfferLibrary, OfferLibrary
from airflow_provider_offers.client.model.kinds import KINDS
from airflow_provider_offers.hooks.objects import AsyncLibraryObjects, LibraryObjects
from airflow_provider_offers.hooks.offer_library import OfferLibraryAsyncHook, OfferLibraryHook

PAIRS = {
    "doors": (OfferLibrary, AsyncOfferLibrary),
    "hooks": (OfferLibraryHook, OfferLibraryAsyncHook),
    "objects": (LibraryObjects, AsyncLibraryObjects),
}
# Methods that only one of the two has: for access to the client, and for many flows at once.
ALONE = {
    "doors": (set(), {"session"}),
    "hooks": ({"async_session", "get_conn"}, {"library", "session", "settings"}),
    "objects": (set(), set()),
}
# The asynchronous twin's types for the synchronous return types.
RENAMED = {"OfferLibrary": "AsyncOfferLibrary", "LibraryObjects": "AsyncLibraryObjects"}


def _methods(door: type) -> dict[str, Callable[..., Any]]:
    """The public methods of a class that are the provider's own."""
    return {
        name: method
        for name, method in inspect.getmembers(door, inspect.isfunction)
        if not name.startswith("_") and method.__module__.startswith("airflow_provider_offers.")
    }


@pytest.mark.parametrize("pair", list(PAIRS))
def test_twins_have_the_same_methods(pair: str) -> None:
    (one, other), (only_one, only_other) = (set(_methods(each)) for each in PAIRS[pair]), ALONE[pair]
    assert (one - other, other - one) == (only_one, only_other)


def test_the_doors_have_all_calls_but_the_search_of_the_hooks() -> None:
    assert set(_methods(Calls)) - set(_methods(OfferLibrary)) == {"search_for_receipts"}


@pytest.mark.parametrize("pair", ["doors", "objects"])
def test_every_step_of_a_lifecycle_has_a_method(pair: str) -> None:
    steps = {step.verb for kind in KINDS.values() for step in kind.steps}
    assert steps - set(_methods(PAIRS[pair][0])) == set()


@pytest.mark.parametrize(
    ("pair", "name"),
    [(pair, name) for pair, (one, _) in PAIRS.items() for name in _methods(one) if name not in ALONE[pair][0]],
)
def test_twins_have_the_same_signatures(pair: str, name: str) -> None:
    one, other = PAIRS[pair]
    method, twin = _methods(one)[name], _methods(other)[name]
    told, awaited = inspect.signature(method), inspect.signature(twin)
    assert list(told.parameters.values()) == list(awaited.parameters.values())
    returned = told.return_annotation
    assert awaited.return_annotation in (returned, f"Async{returned}", RENAMED.get(returned))
    if awaited.return_annotation == f"Async{returned}" and returned.startswith("Iterator"):
        assert inspect.isasyncgenfunction(twin)
    # A method without `await` sends no request.
    if not inspect.iscoroutinefunction(twin) and not inspect.isasyncgenfunction(twin):
        assert name in ("objects", "offer_reference", "reference", "service_now", "tell_withdrawn", "with_kind")


@pytest.mark.parametrize("pair", list(PAIRS))
def test_every_method_tells_what_it_does(pair: str) -> None:
    for door in PAIRS[pair]:
        assert [name for name, method in _methods(door).items() if not method.__doc__] == []
