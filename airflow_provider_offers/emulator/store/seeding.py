"""Adding many objects to the library at once, without the APIs."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_offers.emulator import instants, wellknown
from airflow_provider_offers.emulator.http.messages import ServiceError
from airflow_provider_offers.emulator.kinds import WORDS, Kind, by_word
from airflow_provider_offers.emulator.settings import Settings, nearest
from airflow_provider_offers.emulator.shapes import Spelling
from airflow_provider_offers.emulator.store import references, rules
from airflow_provider_offers.emulator.store.library import Library, NewObject, Record

_OBJECT_KEYS = (
    "kind",
    "sandbox",
    "body",
    "id",
    "instance_id",
    "generation",
    "client_id",
    "created",
    "modified",
)

# Generation 1's prefix; the name of every object has it.
_PREFIX = "xdm:"
_REPRESENTATION = {
    "channel": "https://ns.adobe.com/xdm/channel-types/web",
    "placement": wellknown.HTML_PLACEMENT,
    "components": [{"type": "html", "format": "text/html", "language": ["en"], "content": "<p>Seeded</p>"}],
}
_WINDOW = {"startDate": "2026-01-01T00:00:00.000Z", "endDate": "2036-01-01T00:00:00.000Z"}
TEMPLATES: Mapping[str, Mapping[str, Any]] = {
    "personalized-offer": {
        "status": "approved",
        "representations": [_REPRESENTATION],
        "selectionConstraint": {**_WINDOW, "profileConstraintType": "none"},
        "rank": {"priority": 0},
    },
    "fallback-offer": {"status": "approved", "representations": [_REPRESENTATION]},
    "eligibility-rule": {"condition": {"type": "PQL", "format": "pql/text", "value": "true"}},
    "offer-activity": {"status": "draft"},
    "ranking-function": {"expression": {"type": "PQL", "format": "pql/text", "value": "offer.rank.priority"}},
}
"""The default properties of seeded objects, by kind."""


class SeedError(ValueError):
    """Seed objects that are not valid."""


def seed_count(
    library: Library,
    settings: Settings,
    count: int,
    *,
    kind: str = "personalized-offer",
    sandbox: str = wellknown.SANDBOX,
    name: str = "Seeded {n:05d}",
    template: Mapping[str, Any] | None = None,
    generation: str = "dps",
    client_id: str = wellknown.OWNER.client_id,
) -> list[Record]:
    """`count` objects from one template, one second apart, all older than the objects in the library."""
    row = _kind(kind)
    _text("client_id", client_id)
    _text("name", name)
    _known("sandbox", sandbox, settings.sandboxes)
    _known("generation", generation, ("dps", "xcore"))
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= 1_000_000:
        raise SeedError(f"count must be a whole number from 0 to 1000000, not {count!r}")
    try:
        names = [name.format(n=number) for number in range(1, count + 1)]
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise SeedError(f"name {name!r} must be a text with {{n}} in it: {error}") from None
    if not isinstance(template, Mapping | None):
        raise SeedError(f"template must be an object, not {template!r}")
    document = {**TEMPLATES.get(row.name, {}), **copy.deepcopy(dict(template or {})), "name": name}
    body = _checked(library, settings, sandbox, row, document)
    earliest = library.earliest_us()
    first = min(library.clock.now_us(), earliest if earliest is not None else 2**62) - count * 1_000_000
    records = []
    for number, each in enumerate(names):
        # Whole milliseconds, so no two objects have the same one.
        created = (first + number * 1_000_000) // 1000 * 1000
        new = NewObject(row, {**body, "name": each}, generation, client_id=client_id, created_us=created)
        records.append(library.insert(sandbox, new, created))
    return records


def seed_objects(
    library: Library, settings: Settings, objects: Sequence[Mapping[str, Any]], *, checked: bool = True
) -> list[Record]:
    """The given objects, each with a `kind` and a `body`.

    A body has the spelling of either generation. Unchecked objects can break the library's rules; their bodies are
    neutral.
    """
    if isinstance(objects, str | bytes | Mapping) or not isinstance(objects, Sequence):
        raise SeedError("objects must be a list")
    records = []
    for given in objects:
        for key in given if isinstance(given, Mapping) else ():
            _known("key in an object:", key, _OBJECT_KEYS)
        if not isinstance(given, Mapping) or not isinstance(given.get("body"), Mapping):
            raise SeedError("an object needs a kind and a body")
        row, sandbox = _kind(given.get("kind", "personalized-offer")), given.get("sandbox", wellknown.SANDBOX)
        _known("sandbox", sandbox, settings.sandboxes)
        _known("generation", given.get("generation", "dps"), ("dps", "xcore"))
        for key in ("id", "instance_id", "client_id"):
            if given.get(key) is not None:
                _text(key, given[key])
        body = dict(given["body"])
        body = _checked(library, settings, sandbox, row, body) if checked else _storable("body", body)
        object_id, instance_id = given.get("id"), given.get("instance_id")
        if object_id is not None and library.get(sandbox, object_id) is not None:
            raise SeedError(f"id {object_id!r} exists already")
        if instance_id is not None and library.get_instance(sandbox, instance_id) is not None:
            raise SeedError(f"instance_id {instance_id!r} exists already")
        stamp = library.clock.stamp(unique=settings.unique_timestamps)
        new = NewObject(
            row,
            body,
            given.get("generation", "dps"),
            client_id=given.get("client_id") or wellknown.OWNER.client_id,
            id=object_id,
            instance_id=instance_id,
            created_us=_instant("created", given.get("created")),
            modified_us=_instant("modified", given.get("modified")),
        )
        records.append(library.insert(sandbox, new, stamp))
    return records


def _checked(library: Library, settings: Settings, sandbox: str, kind: Kind, document: Any) -> dict[str, Any]:
    _storable("body", document)
    spelling: Spelling = "xcore" if any(str(name).startswith(_PREFIX) for name in document) else "dps"
    try:
        body = rules.read_body(kind, document, spelling, settings, 400)
        references.check(library, sandbox, kind, body, None, spelling, settings, 400)
    except ServiceError as error:
        raise SeedError(error.detail) from None
    return body


def _kind(name: Any) -> Kind:
    found = by_word(name)
    if found is None:
        raise SeedError(f"unknown kind {name!r}{nearest(str(name), list(WORDS))}")
    return found


def _known(what: str, name: Any, known: Sequence[str]) -> None:
    if name not in known:
        raise SeedError(f"unknown {what} {name!r}{nearest(str(name), list(known))}")


def _text(key: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise SeedError(f"{key} must be a text that is not empty, not {value!r}")
    _storable(key, value)


def _storable(key: str, value: Any) -> Any:
    """The value; it must be valid in JSON as UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise SeedError(f"{key} must be JSON: {error}") from None
    return value


def _instant(key: str, text: Any) -> int | None:
    try:
        return None if text is None else instants.to_us(text)
    except (TypeError, ValueError, AttributeError) as error:
        raise SeedError(f"{key} must be an RFC 3339 date-time: {error}") from None
