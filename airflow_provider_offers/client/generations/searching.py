"""Each generation's parameters of a search, in a table.

A parameter that is not in the table is refused, not dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from airflow_provider_offers.client.errors import UnsupportedError
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.query import Query

Pairs = list[tuple[str, str]]
Search = Mapping[str, Callable[[Query, Kind], Pairs]]


def spelled(query: Query, kind: Kind, search: Search, api: str) -> Pairs:
    """The parameters of the URL, in the order of the table.

    Raises `UnsupportedError` for a parameter that is not in it.
    """
    given = query.given
    if missing := [name for name in given if name not in search]:
        raise UnsupportedError(f"{api} has no search by {' and '.join(missing)}; leave it out")
    return [pair for name, spell in search.items() if name in given for pair in spell(query, kind)]


def order_of(query: Query, wire_path: Callable[[str], str]) -> str:
    """The properties that a search sorts by, as both generations write them."""
    return ",".join(("-" if descending else "") + wire_path(path) for path, descending in query.order_by)


def size_of(query: Query) -> Pairs:
    """The size of a page, if the request has one."""
    return [] if query.request_size is None else [("limit", str(query.request_size))]
