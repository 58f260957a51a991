"""Generation 2, `dps`: plain names, one path for each kind, the sandbox only in a header.

Sources: Adobe's decision management API pages (offers, list, filter, patch, delete). Where the pages leave something
open, the client accepts every variant. Properties need no conversion, because the neutral form is this spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal
from urllib.parse import quote

from airflow_provider_offers.client.errors import UnsupportedError
from airflow_provider_offers.client.generations import writes
from airflow_provider_offers.client.generations.brief import brief_page
from airflow_provider_offers.client.generations.reading import (
    are_plain,
    integer,
    optional_integer,
    optional_text,
    rows,
    text,
)
from airflow_provider_offers.client.generations.searching import Search, order_of, size_of, spelled
from airflow_provider_offers.client.model.capabilities import DPS, Capabilities
from airflow_provider_offers.client.model.entities import Entity, Page, Receipt, Reference
from airflow_provider_offers.client.model.envelope import neutral_path
from airflow_provider_offers.client.model.kinds import KINDS, Kind
from airflow_provider_offers.client.model.names_on_xcore import compared_of
from airflow_provider_offers.client.model.operations import Patch
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.query import EXACT, Filter, Query, terms_of_q
from airflow_provider_offers.client.model.spelling import Spelled, neutral_tokens, neutral_value
from airflow_provider_offers.client.wire.messages import Answer, Call, Json

_READ = {"Accept": "*,application/json"}
_WRITE = {"Accept": "application/json", "Content-Type": "application/json"}

_ENVELOPE = ("createdBy", "lastModifiedBy", "schemas")
# Members that only generation 1 has; a filter on them would silently find nothing.
_NOT_KEPT = ("instanceId", "createdByClientId", "lastModifiedByClientId")


@dataclass(frozen=True, slots=True)
class Dps:
    """Calls and answers of generation 2."""

    api: Literal["dps"] = "dps"
    base: str = "/data/core/dps"
    total_is_whole: bool = True
    capabilities: Capabilities = DPS

    @property
    def runtime(self) -> tuple[str, str]:
        return "/data/core/ods", ""

    def supports(self, kind: Kind) -> bool:
        return True

    def renames(self, call: Call) -> bool:
        return call.method == "PATCH" and writes(call.body or (), ("name",))

    def create(self, kind: Kind, properties: Mapping[str, Json]) -> Call:
        return Call("POST", _path(kind), _WRITE, dict(properties), repeatable=False)

    def read(self, reference: Reference, *, etag: int | str | None = None) -> Call:
        headers = _READ if etag is None else {**_READ, "If-None-Match": f'"{etag}"'}
        return Call("GET", _item(reference), headers)

    def patch(self, reference: Reference, patch: Patch, *, etag: int | str | None = None) -> Call:
        """`etag` is not sent, because no dps page documents If-Match. A `test` operation in the patch is the guard."""
        return Call("PATCH", _item(reference), _WRITE, [dict(operation) for operation in patch], repeatable=False)

    def replace(self, reference: Reference, properties: Mapping[str, Json], *, etag: int | str | None = None) -> Call:
        raise UnsupportedError(
            "dps documents no replacement (PUT) of an offer; patch it instead, or use a connection with api=xcore"
        )

    def delete(self, reference: Reference) -> Call:
        return Call("DELETE", _item(reference), {"Accept": "application/json"})

    def search(self, kind: Kind, query: Query) -> Call:
        return Call("GET", _path(kind, spelled(query, kind, _SEARCH, self.api)), _READ)

    def lookup(self, kind: Kind, *, name: str | None = None, ids: Sequence[str] = ()) -> Call:
        return self.search(kind, Query(name=name, ids=tuple(ids), page_size=len(ids) if len(ids) > 1 else None))

    def recent(self, kind: Kind, page_size: int) -> Call:
        return self.search(kind, Query(order_by=(("modified", True),), page_size=page_size))

    def every(self, kind: Kind, page_size: int) -> Call:
        return self.oldest(kind, page_size)

    def oldest(self, kind: Kind, page_size: int) -> Call:
        return self.search(kind, Query(order_by=(("created", False),), page_size=page_size))

    def newest(self, kind: Kind, page_size: int) -> Call:
        return self.search(kind, Query(order_by=(("created", True),), page_size=page_size))

    def follow(self, href: str) -> Call:
        return Call("GET", href, _READ)

    def needs_instance_id(self, reference: Reference) -> bool:
        if reference.id is None:
            raise UnsupportedError(
                f"{reference.instance_id} is an instance id, which only generation 1 (api=xcore) can address; "
                f"give the reference id, such as dps:{reference.kind.type_name}:1c265317da412003"
            )
        return False

    def needs_read(self, kind: Kind, patch: PreparedPatch) -> bool:
        return False

    def as_read(self, properties: Mapping[str, Json], kind: Kind) -> Mapping[str, Json]:
        # Reads keep the stored spelling, because the guards of a patch repeat it exactly.
        return as_compared(properties)

    def receipt(self, answer: Answer) -> Receipt:
        body = answer.object()
        identifier = text(answer, body, "id")
        return Receipt(
            id=identifier,
            instance_id=identifier,
            etag=integer(answer, body, "etag"),
            created=optional_text(body, "createdDate") or optional_text(body, "created"),
            modified=optional_text(body, "lastModifiedDate") or optional_text(body, "modified"),
        )

    def entity(self, kind: Kind, answer: Answer) -> Entity:
        return _entity(kind, answer, answer.object())

    def page(self, kind: Kind, answer: Answer, *, brief: bool = False) -> Page:
        if brief and kind.is_offer and (page := brief_page(kind, answer)) is not None:
            return page
        body = answer.object()
        links = body.get("_links")
        following = links.get("next") if isinstance(links, Mapping) else None
        return Page(
            entities=_entities(kind, answer, rows(answer, body, "results")),
            next=optional_text(following, "href") if isinstance(following, Mapping) else None,
            total=optional_integer(body, "total"),
        )


def as_compared(properties: Mapping[str, Json]) -> dict[str, Json]:
    """Neutral properties of any kind, for a comparison with a read; they can be sent too.

    This generation keeps words with two spellings as it received them.
    """
    return dict(neutral_value(properties, _compared()))


@cache
def _compared() -> Spelled:
    """The places of such words in all kinds together, because no name has two meanings."""
    trees = [compared_of(kind.model).members for kind in KINDS.values()]
    return Spelled(members={name: each for tree in trees for name, each in tree.items()})


def _entity(kind: Kind, answer: Answer, body: dict[str, Json]) -> Entity:
    """The entity of a document, which was parsed for it and becomes its properties."""
    return _entity_of(kind, text(answer, body, "id"), integer(answer, body, "etag"), body)


def _entity_of(kind: Kind, identifier: str, etag: int, body: dict[str, Json]) -> Entity:
    take = body.pop
    take("id")
    take("etag")
    created, modified = take("created", None), take("modified", None)
    envelope = {}
    for name in _ENVELOPE:
        if name in body:
            envelope[name] = take(name)
    if type(created) is not str:
        created = None
    if type(modified) is not str:
        modified = None
    return Entity(kind, identifier, identifier, etag, body, created or None, modified or None, envelope)


def _entities(kind: Kind, answer: Answer, found: list[dict[str, Json]]) -> list[Entity]:
    """The entities of the documents of a page."""
    ids: list[Json] = [row.get("id") for row in found]
    etags: list[Json] = [row.get("etag") for row in found]
    # A listing has hundreds of thousands of objects, and nearly all have a plain id.
    if are_plain(ids, etags):
        return [_entity_of(kind, ids[at], etags[at], row) for at, row in enumerate(found)]
    return [_entity(kind, answer, row) for row in found]


def _path(kind: Kind, parameters: Sequence[tuple[str, str]] = ()) -> str:
    query = "&".join(f"{name}={_quoted(value)}" for name, value in (*kind.dps_query, *parameters))
    return f"{kind.dps_path}?{query}" if query else kind.dps_path


def _item(reference: Reference) -> str:
    if reference.id is None:
        raise UnsupportedError(f"dps cannot address {reference}, an instance id of generation 1; give the reference id")
    query = "&".join(f"{name}={value}" for name, value in reference.kind.dps_query)
    # Adobe's own curls leave the colons of an id bare.
    return f"{reference.kind.dps_path}/{quote(reference.id, safe=':')}{f'?{query}' if query else ''}"


def _quoted(value: str) -> str:
    return quote(value, safe=":/,=!~")


def _wire_path(path: str, kind: Kind) -> str:
    neutral = neutral_path(path, kind.names)
    if neutral[0] in _NOT_KEPT:
        noun = "an offer" if kind.is_offer else f"a {kind.noun}"
        raise UnsupportedError(
            f"dps does not store {neutral[0]!r} for {noun}, so it cannot search or sort by it; leave it out, or use a "
            "connection with api=xcore"
        )
    return ".".join(neutral)


def _expression(expression: Filter, kind: Kind) -> str:
    path = _wire_path(expression.path, kind)
    if expression.operator is None:
        return f"!{path}" if expression.absent else path
    value = expression.value
    if expression.operator in EXACT:
        value = neutral_value(value, neutral_tokens(path.split("."), kind.names)[1])
    if "," in value:
        # On dps a comma ends an expression, also within quotes. A regular expression can match it with `.`.
        if expression.operator == "==":
            return f"{path}~{_pattern(value)}"
        if expression.operator != "~":
            raise UnsupportedError(
                f"dps splits filters at commas, so it does not support {path}{expression.operator}{value!r}"
            )
        raise UnsupportedError(f"dps splits filters at commas; write '.' for ',' in the expression {value!r}")
    return f"{path}{expression.operator}{value}"


def _exactly(path: str, value: str) -> Filter:
    return Filter(path, "==", value)


def _one_of(path: str, values: Sequence[str]) -> Filter:
    if len(values) == 1:
        return _exactly(path, values[0])
    # Ids differ only in their last part, and search engines limit the length of a pattern.
    endings: dict[str, list[str]] = {}
    for value in values:
        beginning, colon, ending = value.rpartition(":")
        endings.setdefault(beginning + colon, []).append(_pattern(ending))
    return Filter(path, "~", "|".join(f"{_pattern(start)}({'|'.join(ends)})" for start, ends in endings.items()))


def _pattern(value: str) -> str:
    """A regular expression for exactly this text; only commas match any character."""
    return re.sub(r"[.^$*+?{}\[\]\\|()]", r"\\\g<0>", value).replace(",", ".")


def _text_filters(query: Query) -> list[Filter]:
    """`q` as regular expressions over its one field, because dps has no full-text search."""
    if query.q is None:
        return []
    if len(query.fields) != 1:
        raise UnsupportedError(
            f"dps has no full-text search, so q needs exactly one field: given fields={list(query.fields)}; expected "
            "one, such as fields=['name']"
        )
    patterns = [_any_case(term) for term in terms_of_q(query.q)]
    if query.qop == "AND":
        return [Filter(query.fields[0], "~", f".*{pattern}.*") for pattern in patterns]
    joined = patterns[0] if len(patterns) == 1 else f"({'|'.join(patterns)})"
    return [Filter(query.fields[0], "~", f".*{joined}.*")]


def _any_case(term: str) -> str:
    """A pattern for the term in either case, because Adobe does not document whether dps compares cases."""
    return "".join(
        f"[{letter.lower()}{letter.upper()}]" if letter.lower() != letter.upper() else _pattern(letter)
        for letter in term
    )


def _properties(filters: Iterable[Filter], kind: Kind) -> list[tuple[str, str]]:
    return [("property", _expression(each, kind)) for each in filters]


_SEARCH: Search = {
    "properties": lambda query, kind: _properties(query.properties, kind),
    "q": lambda query, kind: _properties(_text_filters(query), kind),
    # Both are in the filters of `q`.
    "qop": lambda query, kind: [],
    "fields": lambda query, kind: [],
    "name": lambda query, kind: _properties([_exactly("name", query.name or "")], kind),
    "ids": lambda query, kind: _properties([_one_of("id", query.ids)], kind),
    "order_by": lambda query, kind: [("orderby", order_of(query, lambda path: _wire_path(path, kind)))],
    "limit": lambda query, kind: size_of(query) if query.page_size is None else [],
    "page_size": lambda query, kind: size_of(query),
    "start": lambda query, kind: [("start", str(query.start))],
}
