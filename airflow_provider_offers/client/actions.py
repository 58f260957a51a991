"""What a door drives: an action, whose flow it runs on the way to the sandbox, or a search, which it pages through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.wire.messages import Flow

T = TypeVar("T")

# What can be done in a sandbox: the flow that does it, once there is a way there.
Action: TypeAlias = Callable[[Access], Flow[T]]


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """An action whose result is known already; a door returns it without a request."""

    value: T

    def __call__(self, access: Access) -> Flow[T]:
        yield from ()
        return self.value


@dataclass(frozen=True, slots=True)
class Search(Generic[T]):
    """A search: `begin` makes its listing, `show` makes of each entity what the caller gets.

    `limit` bounds the results. `ended` gets their number after the last one.
    """

    begin: Action[Listing]
    show: Callable[[Entity], T]
    limit: int | None = None
    ended: Callable[[int], None] = lambda _: None
