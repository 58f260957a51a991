"""Generation 1, `xcore`: prefixed names, the container in the path, schemas in media types, HAL around everything.

Sources: Adobe's pages for creating, updating and listing personalized offers and for creating fallback offers
(offers-api). The repository's own description has the rest (If-Match, PUT, the steps of a deletion).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from airflow_provider_offers.client.errors import UnsupportedError
from airflow_provider_offers.client.generations import writes
from airflow_provider_offers.client.generations.reading import (
    integer,
    is_fit,
    optional_integer,
    optional_text,
    rows,
    text,
)
from airflow_provider_offers.client.generations.searching import Search, order_of, size_of, spelled
from airflow_provider_offers.client.model.capabilities import XCORE, Capabilities
from airflow_provider_offers.client.model.entities import Entity, Page, Receipt, Reference
from airflow_provider_offers.client.model.envelope import ENVELOPE, NEUTRAL_BESIDE, neutral_path
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.operations import Operation, Patch
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.query import EXACT, Filter, Query, escape_q
from airflow_provider_offers.client.model.spelling import (
    Spelled,
    join_pointer,
    neutral_value,
    split_pointer,
    wire_tokens,
    wire_value,
)
from airflow_provider_offers.client.wire.messages import Answer, Call, Json

_RECEIPT = "application/vnd.adobe.platform.xcore.xdm.receipt+json; version=1"
_RESULTS = '*,application/vnd.adobe.platform.xcore.hal+json; schema="https://ns.adobe.com/experience/xcore/hal/results"'
_HOME = "application/vnd.adobe.platform.xcore.home.hal+json"
_CONTAINER = "https://ns.adobe.com/experience/xcore/container"


@dataclass(frozen=True, slots=True)
class Xcore:
    """Calls and answers of generation 1 in one container."""

    container_id: str
    api: Literal["xcore"] = "xcore"
    base: str = "/data/core/xcore"
    # Adobe's documents contradict each other about `total`.
    total_is_whole: bool = False
    capabilities: Capabilities = XCORE

    @property
    def runtime(self) -> tuple[str, str]:
        return "/data/core/ode", self._container

    def supports(self, kind: Kind) -> bool:
        return kind.xcore_version is not None

    def renames(self, call: Call) -> bool:
        return call.method == "PUT" or (call.method == "PATCH" and writes(call.body or (), ("xdm:name", "name")))

    def create(self, kind: Kind, properties: Mapping[str, Json]) -> Call:
        headers = {
            "Accept": _RECEIPT,
            "Content-Type": f'application/schema-instance+json; version=1; schema="{_schema(kind)}"',
        }
        return Call("POST", self._instances, headers, wire_value(properties, kind.names), repeatable=False)

    def read(self, reference: Reference, *, etag: int | str | None = None) -> Call:
        headers = {"Accept": f'*, application/vnd.adobe.platform.xcore.hal+json; schema="{_schema(reference.kind)}"'}
        if etag is not None:
            headers["If-None-Match"] = f'"{etag}"'
        return Call("GET", self._instance(reference), headers)

    def patch(self, reference: Reference, patch: Patch, *, etag: int | str | None = None) -> Call:
        headers = {
            "Accept": _RECEIPT,
            "Content-Type": "application/vnd.adobe.platform.xcore.patch.hal+json; version=1; "
            f'schema="{_schema(reference.kind)}"',
            **_if_match(etag),
        }
        names = reference.names or reference.kind.names
        body = [_wire_operation(operation, names) for operation in patch]
        return Call("PATCH", self._instance(reference), headers, body, repeatable=False)

    def replace(self, reference: Reference, properties: Mapping[str, Json], *, etag: int | str | None = None) -> Call:
        headers = {
            "Accept": _RECEIPT,
            "Content-Type": f'application/vnd.adobe.platform.xcore.hal+json; schema="{_schema(reference.kind)}"',
            **_if_match(etag),
        }
        names = reference.names or reference.kind.names
        body = {"_instance": wire_value(properties, names), "_links": {}}
        return Call("PUT", self._instance(reference), headers, body, repeatable=False)

    def delete(self, reference: Reference) -> Call:
        _schema(reference.kind)
        return Call("DELETE", self._instance(reference), {"Accept": _RECEIPT})

    def search(self, kind: Kind, query: Query) -> Call:
        parameters = spelled(query, kind, _SEARCH, self.api)
        return self._listing(f"{self._container}/queries/core/search", kind, parameters)

    def lookup(self, kind: Kind, *, name: str | None = None, ids: Sequence[str] = ()) -> Call:
        parameters = [("id", identifier) for identifier in ids] + _name_parameters(name)
        if len(ids) > 1:
            parameters.append(("limit", str(len(ids))))
        return self._listing(self._instances, kind, parameters)

    def recent(self, kind: Kind, page_size: int) -> Call:
        parameters = [("orderBy", "-repo:lastModifiedDate"), ("limit", str(page_size))]
        return self._listing(self._instances, kind, parameters)

    def every(self, kind: Kind, page_size: int) -> Call:
        # Without an order, it sorts by instance id.
        return self._listing(self._instances, kind, [("limit", str(page_size))])

    def oldest(self, kind: Kind, page_size: int) -> Call:
        parameters = [("orderBy", "repo:createdDate"), ("limit", str(page_size))]
        return self._listing(self._instances, kind, parameters)

    def newest(self, kind: Kind, page_size: int) -> Call:
        parameters = [("orderBy", "-repo:createdDate"), ("limit", str(page_size))]
        return self._listing(self._instances, kind, parameters)

    def follow(self, href: str) -> Call:
        return Call("GET", href, {"Accept": _RESULTS})

    def needs_instance_id(self, reference: Reference) -> bool:
        return reference.instance_id is None

    def needs_read(self, kind: Kind, patch: PreparedPatch) -> bool:
        return any(name in kind.names.either for operation in patch.parsed for name in operation.names)

    def as_read(self, properties: Mapping[str, Json], kind: Kind) -> Mapping[str, Json]:
        read: Mapping[str, Json] = neutral_value(wire_value(properties, kind.names), kind.names)
        return read

    def receipt(self, answer: Answer) -> Receipt:
        body = answer.object()
        return Receipt(
            id=text(answer, body, "@id"),
            # One version of a receipt lacks it. The Location of a creation then ends with it.
            instance_id=text(answer, body, "instanceId") if body.get("instanceId") else self._located(answer),
            etag=integer(answer, body, "repo:etag"),
            created=optional_text(body, "repo:createdDate"),
            modified=optional_text(body, "repo:lastModifiedDate"),
        )

    def entity(self, kind: Kind, answer: Answer) -> Entity:
        return _entity(kind, answer, answer.object())

    def page(self, kind: Kind, answer: Answer, *, brief: bool = False) -> Page:
        body = answer.object()
        embedded, links = body.get("_embedded"), body.get("_links")
        if not isinstance(embedded, Mapping):
            raise answer.unexpected("its '_embedded' is missing or not an object")
        following = links.get("next") if isinstance(links, Mapping) else None
        return Page(
            entities=[_entity(kind, answer, row) for row in rows(answer, embedded, "results")],
            next=optional_text(following, "href") if isinstance(following, Mapping) else None,
            total=optional_integer(embedded, "total"),
        )

    @property
    def _container(self) -> str:
        return f"/{quote(self.container_id, safe='')}"

    @property
    def _instances(self) -> str:
        return f"{self._container}/instances"

    def _instance(self, reference: Reference) -> str:
        if reference.instance_id is None:
            raise UnsupportedError(f"{reference} must be looked up before xcore can address it")
        return f"{self._instances}/{quote(reference.instance_id, safe='')}"

    def _listing(self, path: str, kind: Kind, parameters: Sequence[tuple[str, str]]) -> Call:
        # Adobe's documents send the schema unquoted, with `;`; everything else is quoted.
        query = "".join(f"&{name}={quote(value, safe=':/,=!~@')}" for name, value in parameters)
        return Call("GET", f"{path}?schema={_schema(kind)}{query}", {"Accept": _RESULTS})

    def _located(self, answer: Answer) -> str:
        location = answer.response.headers.get("location", answer.call.bare_path)
        last = location.rstrip("/").rpartition("/")[2]
        if not is_fit(last) or last == "instances":
            raise answer.unexpected("its 'instanceId' is missing")
        return last


def containers() -> Call:
    """The call that lists the containers of decision objects to which the credential has access."""
    return Call("GET", "/?product=acp&property=_instance.containerType==decisioning", {"Accept": _HOME})


def read_containers(answer: Answer) -> dict[str, set[str]]:
    """The ids of those containers, each with its sandbox names."""
    embedded = answer.object().get("_embedded")
    if not isinstance(embedded, Mapping):
        raise answer.unexpected("its '_embedded' is missing or not an object")
    found = {}
    for row in rows(answer, {_CONTAINER: [], **embedded}, _CONTAINER):
        instance = row.get("_instance")
        names = [instance.get("repo:name"), instance.get("parentName")] if isinstance(instance, Mapping) else []
        found[text(answer, row, "instanceId")] = {name for name in names if isinstance(name, str)}
    return found


def _entity(kind: Kind, answer: Answer, body: Mapping[str, Json]) -> Entity:
    instance = body.get("_instance")
    if not isinstance(instance, Mapping):
        raise answer.unexpected("its '_instance' is missing or not an object")
    properties = kind.model.in_todays_form(neutral_value(instance, kind.names, is_read=True))
    identifier = properties.pop("id", None)
    return Entity(
        kind=kind,
        id=identifier if is_fit(identifier) else text(answer, body, "@id"),
        instance_id=text(answer, body, "instanceId"),
        etag=integer(answer, body, "repo:etag"),
        created=optional_text(body, "repo:createdDate"),
        modified=optional_text(body, "repo:lastModifiedDate"),
        properties=properties,
        names=kind.names.as_shown(instance) if kind.names.either else None,
        envelope={
            ENVELOPE.get(name, name): value
            for name, value in body.items()
            if name
            not in (
                "_instance",
                "instanceId",
                "repo:etag",
                "repo:createdDate",
                "repo:lastModifiedDate",
                "@id",
            )
        },
    )


def _schema(kind: Kind) -> str:
    if kind.xcore_version is None:
        raise UnsupportedError(
            f"Generation 1 (api=xcore) documents no calls for a {kind.noun}; use a connection with api=dps"
        )
    return f"{kind.schema};version={kind.xcore_version}"


def _if_match(etag: int | str | None) -> dict[str, str]:
    return {} if etag is None else {"If-Match": f'"{etag}"'}


def _wire_operation(operation: Operation, names: Spelled) -> dict[str, Json]:
    """A neutral operation with its paths below `/_instance` and its value in prefixed names."""
    wire: dict[str, Json] = {}
    for name, value in operation.items():
        if name in ("path", "from"):
            wire[name] = _wire_pointer(value, names)
        elif name == "value":
            wire[name] = wire_value(value, wire_tokens(split_pointer(operation["path"]), names)[1])
        else:
            wire[name] = value
    return wire


def _wire_pointer(pointer: str, names: Spelled) -> str:
    tokens = split_pointer(pointer)
    if tokens[0] == "_links":
        return pointer
    for wire, plain in NEUTRAL_BESIDE.items():
        if tokens == [plain]:
            return f"/{wire}"
    return "/_instance" + join_pointer(wire_tokens(tokens, names)[0])


def _wire_path(path: str, kind: Kind) -> str:
    """A property of a search: a member beside the object has the repository's name, all others lie in `_instance`."""
    neutral = neutral_path(path, kind.names)
    for wire, plain in ENVELOPE.items():
        if neutral == [plain]:
            return wire
    return ".".join(["_instance", *wire_tokens(neutral, kind.names)[0]])


def _expression(expression: Filter, kind: Kind) -> str:
    path = _wire_path(expression.path, kind)
    if expression.absent:
        raise UnsupportedError(
            f"xcore has no filter for a missing property (!{expression.path}); filter the results, or use a connection "
            "with api=dps"
        )
    if expression.operator is None:
        return path
    value = expression.value
    if expression.operator in EXACT:
        value = wire_value(value, wire_tokens(neutral_path(expression.path, kind.names), kind.names)[1])
    return f"{path}{expression.operator}{value}"


def _name_parameters(name: str | None) -> list[tuple[str, str]]:
    if name is None:
        return []
    # `name` accepts wildcards, but an exact name must not become one.
    if any(character in name for character in "*?\\"):
        return [("property", f"_instance.xdm:name=={name}")]
    return [("name", name)]


_SEARCH: Search = {
    "q": lambda query, kind: [("q", escape_q(query.q or ""))],
    "qop": lambda query, kind: [("qop", str(query.qop))],
    "fields": lambda query, kind: [("field", _wire_path(path, kind)) for path in query.fields],
    "ids": lambda query, kind: [("id", identifier) for identifier in query.ids],
    "name": lambda query, kind: _name_parameters(query.name),
    "properties": lambda query, kind: [("property", _expression(each, kind)) for each in query.properties],
    "order_by": lambda query, kind: [("orderBy", order_of(query, lambda path: _wire_path(path, kind)))],
    "limit": lambda query, kind: size_of(query) if query.page_size is None else [],
    "page_size": lambda query, kind: size_of(query),
    "start": lambda query, kind: [("start", str(query.start))],
}
