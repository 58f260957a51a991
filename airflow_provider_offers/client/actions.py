"""The two things that a door runs: an `Action`, which makes a flow, and a `Search`, which makes a listing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.wire.messages import Flow

T = TypeVar("T")

# Makes the flow of one task in a sandbox, after the access to the sandbox is open.
Action: TypeAlias = Callable[[Access], Flow[T]]


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """An action whose result is already known; a door returns it without a request."""

    value: T

    def __call__(self, access: Access) -> Flow[T]:
        yield from ()
        return self.value


@dataclass(frozen=True, slots=True)
class Search(Generic[T]):
    """A search: `begin` makes its listing, and `show` turns each entity into the caller's result.

    `ended` gets the number of results after the last one.
    """

    begin: Action[Listing]
    show: Callable[[Entity], T]
    ended: Callable[[int], None] = lambda _: None
