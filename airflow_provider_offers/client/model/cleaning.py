"""What an author means by what stands in a document: words, numbers, dates and text that templates and files turned.

Everything here is done to neutral values before they are checked. Cleaning what is clean changes nothing.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping

from airflow_provider_offers.client.generations import Patch
from airflow_provider_offers.client.model.instants import format_instant, parse_instant
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.likeness import folded
from airflow_provider_offers.client.model.names import BESIDE
from airflow_provider_offers.client.model.shapes import (
    Flag,
    Instant,
    Items,
    Members,
    Named,
    OneOf,
    Shape,
    Text,
    TextMap,
    Whole,
    shapes_at,
)
from airflow_provider_offers.client.model.spelling import split_pointer
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Json

log = logging.getLogger(__name__)

_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})", re.ASCII)
_FLAGS = {"true": True, "false": False}


def cleaned(shape: Shape, value: Json) -> Json:
    """The value as its author means it.

    - A member that may be absent and is null or "" is absent.
    - A whole number in text is a number where one belongs, `true` in text is a flag, and a whole number is text where
      text belongs. A fraction is not: 4.50 has become 4.5 by then.
    - An object or a list where text may hold JSON is written as JSON.
    - A date is RFC 3339, and a word of a closed list is spelled as the list spells it.
    """
    if isinstance(shape, Members):
        return _members(shape, value)
    if isinstance(shape, (Items, Named, TextMap)):
        return _inside(shape, value)
    if isinstance(shape, Text):
        return _text(shape, value)
    if isinstance(shape, OneOf):
        return word_of(shape.words, value) if shape.words else value
    if isinstance(shape, Whole):
        return _whole(value)
    if isinstance(shape, Flag):
        return _FLAGS.get(value.strip().casefold(), value) if isinstance(value, str) else value
    return _instant(value) if isinstance(shape, Instant) else value


def tidied(kind: Kind, properties: Mapping[str, Json]) -> dict[str, Json]:
    """An object as its author means it, without what the service keeps beside the properties.

    An object copied out of a read carries that; the log says what is left out.
    """
    left_out = [name for name in properties if name in BESIDE]
    if left_out:
        name = quoted(properties.get("name"), 80)
        log.info("Left out of the %s %s, since the service assigns them: %s", kind.noun, name, ", ".join(left_out))
    kept = {name: value for name, value in properties.items() if name not in left_out}
    clean: dict[str, Json] = cleaned(kind.shape, kept)
    return clean


def tidied_patch(kind: Kind, patch: Patch) -> list[dict[str, Json]]:
    """A patch whose values are what their author means. A value that is null or "" as a whole stays what it is."""
    return [
        {**operation, "value": cleaned(_shape_at(kind, operation["path"]), operation["value"])}
        if operation["op"] in ("add", "replace")
        else dict(operation)
        for operation in patch
    ]


def _shape_at(kind: Kind, path: str) -> Shape:
    return shapes_at(kind.shape, split_pointer(path))[1]


def word_of(words: tuple[str, ...], value: Json) -> Json:
    """A word as a closed list spells it, whatever its case and separators; anything else as it is."""
    if not isinstance(value, str) or value in words:
        return value
    same = [word for word in words if folded(word) == folded(value.strip())]
    return same[0] if len(same) == 1 else value


def _members(shape: Members, value: Json) -> Json:
    if not isinstance(value, Mapping):
        return value
    clean = {name: cleaned(shape.below(name), member) for name, member in value.items()}
    optional = shape.members.keys() - set(shape.required)
    return {
        name: member
        for name, member in clean.items()
        if not (name in optional and (member is None or (isinstance(member, str) and not member)))
    }


def _inside(shape: Items | Named | TextMap, value: Json) -> Json:
    if isinstance(value, list):
        return [cleaned(shape.below(""), item) for item in value] if isinstance(shape, Items) else value
    if isinstance(value, Mapping) and isinstance(shape, Named):
        return {name: cleaned(shape.item, member) for name, member in value.items()}
    if isinstance(value, Mapping) and isinstance(shape, TextMap):
        text = shape.below("")
        return {name: cleaned(text, member) for name, member in value.items() if member is not None}
    return value


def _text(shape: Text, value: Json) -> Json:
    if shape.words:
        return word_of(shape.words, value)
    if shape.pattern is None and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if shape.may_hold_json and isinstance(value, (Mapping, list)):
        return json.dumps(value, ensure_ascii=False)
    return value


def _whole(value: Json) -> Json:
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def _instant(value: Json) -> Json:
    if not isinstance(value, str) or _RFC_3339.fullmatch(value):
        return value
    try:
        return format_instant(parse_instant(value))
    except ValueError:
        return value
