"""Restores what the author meant where templates and files changed words, numbers and dates.

The functions work on neutral values before they are checked. A second cleaning changes nothing.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping

from pydantic import StringConstraints

from airflow_provider_offers.client.model.facts import HoldsJson, InstantInZone, KnownUri, Many, Respelled
from airflow_provider_offers.client.model.identifiers import TYPED_ID
from airflow_provider_offers.client.model.instants import format_instant, parse_instant
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.likeness import folded
from airflow_provider_offers.client.model.names import BESIDE
from airflow_provider_offers.client.model.places import Place
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Json

log = logging.getLogger(__name__)

_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})", re.ASCII)
_FLAGS = {"true": True, "false": False}


def cleaned(place: Place, value: Json) -> Json:
    """The value as its author means it.

    - An optional member that is null or "" is left out.
    - A whole number in text becomes a number where a number belongs, and `true` in text becomes a flag. A whole number
      becomes text where text belongs. A fraction does not, because 4.50 has become 4.5 before.
    - An object or a list becomes JSON text where text may hold JSON.
    - A date becomes RFC 3339, and a word of a closed list gets the spelling of the list.
    """
    if place.members:
        return _members(place, value)
    if place.item or place.own:
        return _inside(place, value)
    if place.holds is str:
        return _text(place, value)
    if place.holds is int:
        return _whole(value)
    if place.holds is bool:
        return _FLAGS.get(value.strip().casefold(), value) if isinstance(value, str) else value
    return _instant(value) if place.fact(InstantInZone) else value


def tidied(kind: Kind, properties: Mapping[str, Json]) -> dict[str, Json]:
    """An object as its author means it, without the members that the service assigns.

    A document that was copied from a read has them; the log says which are left out.
    """
    left_out = [name for name in properties if name in BESIDE and not _is_slip(kind, properties, name)]
    if left_out:
        name = quoted(properties.get("name"), 80)
        log.info("Left out of the %s %s, since the service assigns them: %s", kind.noun, name, ", ".join(left_out))
    kept = {name: value for name, value in properties.items() if name not in left_out}
    clean: dict[str, Json] = cleaned(kind.place, kept)
    return clean


def _is_slip(kind: Kind, properties: Mapping[str, Json], name: str) -> bool:
    """Whether an `id` stands for `ids`: no read shows a list there, or the id of another kind."""
    if name != "id" or "ids" in properties or "ids" not in kind.place.members:
        return False
    value = properties[name]
    typed = TYPED_ID.fullmatch(value) if isinstance(value, str) else None
    return isinstance(value, list) or (typed is not None and typed["type"] != kind.type_name)


def word_of(words: tuple[str, ...], value: Json) -> Json:
    """A word in the spelling of a closed list, without regard to case and separators; any other value is unchanged."""
    if not isinstance(value, str) or value in words:
        return value
    same = [word for word in words if folded(word) == folded(value.strip())]
    return same[0] if len(same) == 1 else value


def _members(place: Place, value: Json) -> Json:
    if not isinstance(value, Mapping):
        return value
    clean = {name: cleaned(place.below(name), member) for name, member in value.items()}
    return {name: member for name, member in clean.items() if not (_is_empty(member) and _may_be_absent(place, name))}


def _is_empty(value: Json) -> bool:
    return value is None or (isinstance(value, str) and not value)


def _may_be_absent(place: Place, name: str) -> bool:
    member = place.members.get(name)
    many = None if member is None else member.fact(Many)
    return member is not None and (not member.is_required or (many is not None and bool(many.until_shown)))


def _inside(place: Place, value: Json) -> Json:
    if isinstance(value, list) and place.item:
        return [cleaned(place.item, item) for item in value]
    if isinstance(value, Mapping) and place.own:
        # A text under a name that the author chose is left out if it is null.
        left_out = (None,) if place.own.holds is str else ()
        return {name: cleaned(place.own, member) for name, member in value.items() if member not in left_out}
    return value


def _text(place: Place, value: Json) -> Json:
    known = place.fact(KnownUri)
    if known and isinstance(value, str) and value.strip() not in ("", value):
        # Lines of a template leave blanks around a URI.
        respelled = place.fact(Respelled)
        return _text(place, respelled.to_neutral(value.strip()) if respelled else value.strip())
    if words := known.words if known else place.words:
        return word_of(words, value)
    if known or place.fact(StringConstraints):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if place.fact(HoldsJson) and isinstance(value, (Mapping, list)):
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
