"""Generation 1's lists: the containers, the instances of a schema, and the search."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from airflow_provider_offers.emulator import instants, wellknown
from airflow_provider_offers.emulator.http import xcore_form
from airflow_provider_offers.emulator.http.calls import Call
from airflow_provider_offers.emulator.http.messages import Answer, Reason, ServiceError
from airflow_provider_offers.emulator.http.xcore import check_container
from airflow_provider_offers.emulator.http.xcore_form import HAL, HOME, RESULTS_SCHEMA, SCHEMA_INSTANCE
from airflow_provider_offers.emulator.kinds import Kind
from airflow_provider_offers.emulator.store import filters, free_text, ordering
from airflow_provider_offers.emulator.store.library import Record
from airflow_provider_offers.emulator.store.listing import Page, Selection
from airflow_provider_offers.emulator.store.ordering import SortKey
from airflow_provider_offers.emulator.store.patterns import glob

_LIST = ("schema", "id", "name", "property", "orderBy", "start", "limit")
_SEARCH = (*_LIST, "q", "qop", "field")


class _NameMatches:
    def __init__(self, pattern: str) -> None:
        self._pattern = filters.wildcard(pattern)

    def holds(self, record: Record) -> bool:
        """Whether the whole name matches."""
        return glob(self._pattern, record.name)


def home(call: Call) -> Answer:
    """`GET /`: the containers that the caller has access to."""
    call.accepts(HOME, "application/json")
    products = call.request.all("product")
    documents = [
        xcore_form.container_document(sandbox, wellknown.CONTAINERS_BORN_US + number)
        for number, sandbox in enumerate(call.settings.sandboxes)
        if not products or xcore_form.PRODUCT in products
    ]
    for text in call.request.all("property"):
        documents = [each for each in documents if _container_passes(each, text)]
    ids, start, limit = [each["instanceId"] for each in documents], call.request.one("start"), call.limit()
    if start is not None and start not in ids:
        raise ServiceError(400, Reason.MALFORMED, f"start must be the id of the last container seen, not {start!r}")
    after = 0 if start is None else ids.index(start) + 1
    documents, more = documents[after : after + limit], len(documents) > after + limit

    def link(query: str) -> dict[str, str]:
        return {"href": f"/?{query}", "@type": xcore_form.HOME_SCHEMA}

    links = {"self": link(call.request.query_string)}
    if more:
        rest = [f"{name}={quote(value, safe='=')}" for name, value in call.request.parameters if name != "start"]
        links["next"] = link("&".join([*rest, f"start={documents[-1]['instanceId']}"]))
    document = {"_embedded": {xcore_form.CONTAINER_SCHEMA: documents}, "_links": links}
    return Answer.of(200, document, HOME, note=f"listed {len(documents)} containers")


def list_instances(call: Call) -> Answer:
    """`GET /{container}/instances?schema=…`: lists and lookups, always up to date."""
    return _results(call, "instances", _LIST, call.as_of(call.settings.list_lag))


def search(call: Call) -> Answer:
    """`GET /{container}/queries/core/search?schema=…`: the same on an index, with free text."""
    return _results(call, "queries/core/search", _SEARCH, call.as_of(call.settings.index_lag))


def _results(call: Call, route: str, known: tuple[str, ...], as_of_us: int | None) -> Answer:
    container = check_container(call)
    call.accepts(HAL, SCHEMA_INSTANCE, "application/json")
    schema = call.request.one("schema")
    kind = xcore_form.kind_of(schema) if schema else None
    if schema is None or kind is None:
        detail = f"the repository has no schema {schema!r}" if schema else "the query parameter schema is required"
        raise ServiceError(400, Reason.MALFORMED, detail)
    try:
        selection, cursor = _selection(call, kind, as_of_us, free="q" in known)
    except filters.FilterError as error:
        raise ServiceError(400, Reason.MALFORMED, str(error)) from None
    limit = call.limit()
    page = call.listing.page(selection, limit, cursor)
    counted_from = cursor if call.settings.xcore_total == "remaining" else None
    scored = any(name in known and call.request.one(name) is not None for name in ("id", "name", "q"))
    concrete = schema if xcore_form.version_of(schema) else f"{kind.schema};version={kind.xcore_version}"
    total = call.listing.total(selection, counted_from)
    document = {
        "containerId": container,
        "schemaNs": concrete,
        "requestTime": instants.micros_text(call.library.clock.now_us()),
        "_embedded": {
            "results": [
                {
                    **xcore_form.envelope(record, container, call.settings.xcore_rule_names),
                    "sandboxName": record.sandbox,
                    **({"_score": 0} if scored else {}),
                }
                for record, _ in page.items
            ],
            "total": total,
            "count": len(page.items),
        },
        "_links": _links(call, f"/{container}/{route}", known, selection.keys, page),
    }
    ignored = call.ignored(known)
    headers = {"x-emulator-ignored-parameters": quote(",".join(ignored), safe=",")} if ignored else {}
    note = f"found {len(page.items)} of {total} {kind.title}s" + (f"; ignored {', '.join(ignored)}" if ignored else "")
    return Answer.of(200, document, f'{HAL}; schema="{RESULTS_SCHEMA}"', headers=headers, note=note)


def _selection(call: Call, kind: Kind, as_of_us: int | None, *, free: bool) -> tuple[Selection, list[Any] | None]:
    request = call.request
    name, ids = request.one("name"), request.all("id")
    if name is not None and ids:
        raise filters.FilterError("name and id cannot be combined")
    wild = name is not None and any(character in name for character in "*?\\")
    properties = request.all("property")
    tests: list[Any] = [_NameMatches(name)] if name is not None and wild else []
    label = [*properties, name or ""]
    q = request.one("q") if free else None
    if q is not None:
        fields = [part.strip() for value in request.all("field") for part in value.split(",") if part.strip()]
        paths = [filters.path_of(each, kind, "xcore") for each in fields]
        tests.append(free_text.parse(q, request.one("qop"), paths))
        label += ["q", q, (request.one("qop") or "OR").upper(), *fields]
    orders = [value for value in request.all("orderBy") if value.strip()]
    keys = ordering.parse(orders or _default_order(call, free=free), kind, "xcore")
    if keys[-1].path.column != "instance_id":
        keys.append(SortKey("instanceId", filters.path_of("instanceId", kind, "xcore")))
    start = request.one("start")
    selection = Selection(
        call.sandbox,
        kind,
        keys,
        [filters.parse(each, kind, "xcore") for each in properties],
        tests,
        names=[name] if name is not None and not wild else [],
        ids=ids,
        as_of_us=as_of_us,
        label=json.dumps(label),
    )
    return selection, ordering.cursor_values(keys, start) if start else None


def _default_order(call: Call, *, free: bool) -> list[str]:
    return [call.settings.xcore_default_order if free else "instanceId"]


def _links(call: Call, path: str, known: tuple[str, ...], keys: Any, page: Page) -> dict[str, Any]:
    given = [pair for pair in call.request.parameters if pair[0].lower() in {name.lower() for name in known}]

    def link(pairs: list[tuple[str, str]], readable: str = "") -> dict[str, str]:
        query = "&".join(f"{name}={_quoted(name, value, readable)}" for name, value in pairs)
        return {"href": f"{path}?{query}", "@type": RESULTS_SCHEMA}

    own = [("orderby" if name.lower() == "orderby" else name, value) for name, value in given]
    links = {"self": link(own, ":,")}
    if page.following is not None:
        start = ordering.cursor_text(keys, page.items[-1][1], dates="ms")
        orderby = ",".join(key.spelled for key in keys)
        pairs = [("start", start)]
        pairs += [pair for pair in own if pair[0] not in ("start", "orderby", "limit")]
        pairs += [("orderby", orderby), ("limit", str(call.limit()))]
        links["next"] = link(pairs)
    return links


def _quoted(name: str, value: str, readable: str) -> str:
    # As in the service's links: the schema is not escaped in `next`, other values are.
    return quote(value, safe=":/;=" if name == "schema" else readable)


def _container_passes(document: dict[str, Any], text: str) -> bool:
    path, operator, value = text, None, ""
    for position in range(len(text)):
        operator = next((each for each in ("==", "!=", "~") if text.startswith(each, position)), None)
        if operator is not None:
            path, value = text[:position], text[position + len(operator) :]
            break
    found: Any = document
    for step in path.strip().split("."):
        found = found.get(step) if isinstance(found, dict) else None
    if operator is None:
        return found is not None
    if operator == "~":
        try:
            return found is not None and filters.compiled(value).fullmatch(str(found))
        except filters.FilterError as error:
            raise ServiceError(400, Reason.MALFORMED, str(error)) from None
    return (str(found) == value) is (operator == "==")
