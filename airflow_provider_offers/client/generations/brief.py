"""Pages of offers in brief: only what their receipts show is kept, and all else is skipped while the page is parsed.

That takes half the time, and makes a fifth of the objects that Python's garbage collector has to look at.
"""

from __future__ import annotations

import msgspec

from airflow_provider_offers.client.generations.reading import are_plain, optional_integer
from airflow_provider_offers.client.model.entities import Entity, Page
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.wire.messages import Answer, Json


class _Constraint(msgspec.Struct, gc=False):
    startDate: str | None = None
    endDate: str | None = None


class _Row(msgspec.Struct, gc=False):
    id: str
    # Otherwise, 1.0 would be read as 1.
    etag: int | float
    name: str | None = None
    status: str | None = None
    created: str | None = None
    modified: str | None = None
    selectionConstraint: _Constraint | None = None


class _Link(msgspec.Struct, gc=False):
    href: str | None = None


class _Links(msgspec.Struct, gc=False):
    next: _Link | None = None


class _Body(msgspec.Struct):
    results: list[_Row]
    total: int | float | None = None
    links: _Links | None = msgspec.field(name="_links", default=None)


_DECODER = msgspec.json.Decoder(_Body)


def brief_page(kind: Kind, answer: Answer) -> Page | None:
    """A page of offers of generation 2, whose entities have only a name, a status and a window.

    None for a page with anything unusual in what it reads; the caller then reads the whole page, and judges it.
    """
    body = answer.typed(_DECODER)
    if body is None:
        return None
    ids: list[Json] = [row.id for row in body.results]
    if ids and not are_plain(ids, [row.etag for row in body.results]):
        return None
    following = None if body.links is None or body.links.next is None else body.links.next.href
    return Page(
        entities=[_entity(kind, row) for row in body.results],
        next=following or None,
        total=optional_integer({"total": body.total}, "total"),
    )


def _entity(kind: Kind, row: _Row) -> Entity:
    properties: dict[str, Json] = {"name": row.name, "status": row.status}
    window = row.selectionConstraint
    if window is not None:
        properties["selectionConstraint"] = {"startDate": window.startDate, "endDate": window.endDate}
    return Entity(kind, row.id, row.id, int(row.etag), properties, row.created or None, row.modified or None)
