"""Reads an object that an author gives: unwrapped, in neutral names, and as plain JSON."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from airflow_provider_offers.client.errors import Doubt, InvalidInputError, Violation
from airflow_provider_offers.client.given import as_given, as_json
from airflow_provider_offers.client.model.common import KindModel
from airflow_provider_offers.client.model.envelope import is_prefixed
from airflow_provider_offers.client.model.instants import ACCEPTED, format_instant
from airflow_provider_offers.client.model.kinds import DECISION, PERSONALIZED, Kind
from airflow_provider_offers.client.model.names import BESIDE, paths_of, unknown_member
from airflow_provider_offers.client.model.places import is_receipt, without_receipts, without_text
from airflow_provider_offers.client.model.spelling import (
    Spelled,
    escape_token,
    join_pointer,
    neutral_value,
    split_pointer,
    wire_tokens,
)
from airflow_provider_offers.client.repeated import tell
from airflow_provider_offers.client.text import quoted, typed
from airflow_provider_offers.client.wire.messages import Json

log = logging.getLogger(__name__)

# Where the lists of both generations have their objects.
_LISTS = ("/_embedded/results", "/results")
_MAX_DEPTH = 64
# The largest number of a double, which every JSON parser can read.
_MAX_NUMBER = 10**308


def check_models(given: Any, kinds: Sequence[Kind]) -> None:
    """Refuse a model of another kind, alone or in a list, with `InvalidInputError`. A plain document passes."""
    violations = [
        Violation(pointer, typed(each), " or ".join(f"a {kind.model.__name__}" for kind in kinds))
        for pointer, each in _listed(given)
        if isinstance(each, KindModel) and not isinstance(each, tuple(kind.model for kind in kinds))
    ]
    if violations:
        raise InvalidInputError(f"The {kinds[0].subject} cannot be sent", violations)


def _listed(given: Any) -> list[tuple[str, Any]]:
    if isinstance(given, (list, tuple)):
        return [(str(index), each) for index, each in enumerate(given)]
    return [("", given)]


def neutral_payload(given: Any, kind: Kind = PERSONALIZED) -> dict[str, Json]:
    """An object in neutral names, from either generation's spelling, bare or in generation 1's `_instance` envelope.

    Both kinds of offers are spelled alike. Aware datetimes become RFC 3339 text. A decision in the form of 2019, with
    one placement and one collection, gets a criterion. The result of a task becomes the object's id where an id is
    expected, also as the text that a template renders for it.

    Raises `InvalidInputError` for anything but a JSON object, for the result of a task as the whole object, for a value
    that JSON cannot hold, and for a property that is given twice.
    """
    check_models(given, (kind,))
    given = as_given(given)
    if not isinstance(given, Mapping):
        raise InvalidInputError(
            f"The {kind.subject} cannot be sent",
            [Violation("", typed(given), "a JSON object, or the path of a templated .json file")],
        )
    if is_receipt(given):
        raise InvalidInputError(
            f"The {kind.subject} cannot be sent", [Violation("", "the result of a task", _document_of(given))]
        )
    if place := next((each for each in _LISTS if _holds_list(given, each)), None):
        raise InvalidInputError(
            f"The {kind.subject} cannot be sent",
            [Violation("", "the answer of a list", f"one of its objects, such as that at {place}/0")],
        )
    content = given.get("_instance", given) if "_instance" in given else given
    if not isinstance(content, Mapping):
        raise InvalidInputError(
            f"The {kind.subject} cannot be sent",
            [Violation("/_instance", typed(content), "a JSON object")],
        )
    prefix = "/_instance" if content is not given else ""
    violations = list(_beside(given, kind)) if prefix else []
    clean = json_value(without_text(kind.place, kind.names, content), violations, prefix)
    if violations:
        raise InvalidInputError(f"The {kind.subject} cannot be sent", violations)
    properties: dict[str, Json] = without_receipts(
        kind.place, kind.model.in_todays_form(neutral_value(clean, kind.names, prefix))
    )
    if kind is DECISION and (flat := [name for name in ("placement", "filter") if name in properties]):
        accepted = "criteria, or in their place the older form of one placement and one filter"
        pointers = [given_pointer(given, f"/{name}", kind.names) for name in flat]
        raise InvalidInputError(
            f"The {kind.subject} cannot be sent",
            [Violation(pointer, "a value beside criteria", accepted) for pointer in pointers],
        )
    return properties


def _holds_list(given: Mapping[str, Any], place: str) -> bool:
    """Whether the document has a list at that place, and no name of its own."""
    below: Any = given
    for token in split_pointer(place):
        below = below.get(token) if isinstance(below, Mapping) else None
    return isinstance(below, list) and name_in(given) is None


def _document_of(result: Mapping[str, Any]) -> str:
    """Where the document is that an author may have meant by the result of a task, in messages."""
    member = next((name for name in ("offer", "object") if name in result), None)
    if member is None:
        return "a document, which tasks that get objects have in their results"
    return f"the document in it, such as \"{{{{ ti.xcom_pull(...)['{member}'] | tojson }}}}\""


def _beside(given: Mapping[Any, Any], kind: Kind) -> Iterator[Violation]:
    """The properties beside `_instance`, which would be lost: only what is inside is sent.

    They may be misspelled, or belong deeper inside. An unknown name may be a new one of the service's, from a read.
    """
    place, spelled = kind.place, kind.names
    for name in given:
        if not isinstance(name, str) or name in BESIDE or name == "_instance":
            continue
        pointer, told = f"/{escape_token(name)}", "a property beside _instance"
        if place.knows(spelled.neutral_name(name)[0]):
            yield Violation(pointer, told, f"/_instance{pointer}")
            continue
        unknown = unknown_member(place, spelled, name, pointer, place)
        if unknown is not None and (not isinstance(unknown, Doubt) or paths_of(place, name)):
            yield Violation(pointer, told, unknown.expected.replace("a documented property", "it in _instance", 1))
        else:
            said = f"The {kind.noun} is sent without {pointer}, because only what is in _instance is sent"
            tell(log, said, like=said)


def name_in(given: Any) -> str | None:
    """The name in an author's document, in either generation's spelling; None if it has none."""
    content = given.get("_instance", given) if isinstance(given, Mapping) else None
    if not isinstance(content, Mapping):
        return None
    name = content.get("name") or content.get("xdm:name")
    return name if isinstance(name, str) and name else None


def json_value(value: Any, violations: list[Violation], pointer: str, depth: int = 0) -> Json:
    """The value as plain JSON; other values become violations with their pointers."""
    if type(value) is str and value.isascii():
        return value
    if depth > _MAX_DEPTH:
        violations.append(Violation(pointer, f"more than {_MAX_DEPTH} levels", "a document with fewer levels"))
        return None
    if isinstance(value, Mapping):
        violations += [
            Violation(pointer, f"the property name {quoted(name)}", "text")
            for name in value
            if not isinstance(name, str) or not is_unicode(name)
        ]
        return {
            str(name): json_value(member, violations, f"{pointer}/{escape_token(name)}", depth + 1)
            for name, member in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [json_value(item, violations, f"{pointer}/{index}", depth + 1) for index, item in enumerate(value)]
    if isinstance(value, datetime):
        try:
            return format_instant(value)
        except ValueError as error:
            violations.append(Violation(pointer, str(error), ACCEPTED))
            return None
    value = as_json(value)
    violations += _leaf_violations(value, pointer)
    return value


def _leaf_violations(value: Any, pointer: str) -> Iterator[Violation]:
    if isinstance(value, str):
        if not is_unicode(value):
            yield Violation(pointer, "text with an incomplete surrogate pair", "text that is valid in UTF-8")
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield Violation(pointer, repr(value), "a finite number")
    elif isinstance(value, int):
        if abs(value) > _MAX_NUMBER:
            yield Violation(
                pointer, f"a whole number of {value.bit_length()} bits", "a number that JSON parsers can read"
            )
    elif value is not None:
        yield Violation(pointer, typed(value), "a JSON value")


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold the text: JSON escapes can spell half of a surrogate pair, which UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def given_pointer(given: Any, pointer: str, names: Spelled) -> str:
    """The pointer into the author's document for a neutral pointer.

    A missing property gets the spelling of the rest of the document.
    """
    if not isinstance(given, Mapping):
        return pointer
    prefixed = is_prefixed(given)
    content = given.get("_instance", given)
    prefix = "/_instance" if content is not given else ""
    return prefix + join_pointer(given_tokens(content, split_pointer(pointer), names, prefixed))


def given_tokens(content: Any, tokens: list[str], spelled: Spelled, prefixed: bool) -> list[str]:
    """The tokens of a neutral pointer as the author's content spells them, and missing ones as `prefixed` says."""
    if not tokens:
        return []
    token, *rest = tokens
    wire, child = wire_tokens([token], spelled)
    name = token
    second, below_second = spelled.either.get(token, (wire[0], child))
    if isinstance(content, Mapping) and token not in content and second in content:
        name, child = second, below_second
    elif isinstance(content, Mapping) and token not in content and (wire[0] in content or prefixed):
        name = wire[0]
    below: Any = None
    if isinstance(content, Mapping):
        below = content.get(name)
    elif isinstance(content, (list, tuple)) and token.isdecimal() and int(token) < len(content):
        below = content[int(token)]
    return [name, *given_tokens(below, rest, child, prefixed)]
