"""What Airflow can carry between the processes of a task: whole characters, finite numbers of 64 bits, few levels."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from airflow_provider_offers.client.text import legible

# Airflow's own limit is 255, with the levels that it adds.
_MOST_LEVELS = 200
_LEAST, _MOST = -(2**63), 2**64 - 1
_ODD_NUMBER = re.compile(rb"[0-9]{19}|NaN|Infinity")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_MOST_TOLD = 5

Tokens = tuple[Any, ...]


def uncarriable(value: Any) -> Iterator[tuple[Tokens, str, str]]:
    """The parts of a value that Airflow cannot carry: the place, what is wrong, and what is accepted.

    A worker sends the rendered fields of a task, its results and its state to its supervisor. A task with such a part
    would end in an error of Airflow's that names no field.
    """
    yield from _parts(value, (), ())


def _parts(value: Any, tokens: Tokens, above: tuple[int, ...]) -> Iterator[tuple[Tokens, str, str]]:
    if isinstance(value, str):
        if not _is_whole_text(value):
            yield tokens, "text with half of a surrogate pair", "text of complete characters"
    elif isinstance(value, int):
        if not _LEAST <= value <= _MOST:
            yield tokens, "a number of more than 64 bits", "a smaller number"
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield tokens, f"{value}, which JSON does not have", "a number, or None for a missing value"
    elif isinstance(value, (Mapping, list, tuple, set, frozenset)):
        if id(value) in above or len(above) >= _MOST_LEVELS:
            yield (), "a value with too many levels", "a value with fewer levels"
        else:
            yield from _members(value, tokens, (*above, id(value)))


def _members(value: Any, tokens: Tokens, above: tuple[int, ...]) -> Iterator[tuple[Tokens, str, str]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            for _, given, accepted in _parts(key, (), ()):
                yield tokens, f"a name that is {given}", accepted
            yield from _parts(each, (*tokens, key), above)
    else:
        for index, each in enumerate(value):
            yield from _parts(each, (*tokens, index), above)


def _is_whole_text(text: str) -> bool:
    return text.isascii() or _HALF_PAIR.search(text) is None


def carried(value: Any) -> tuple[Any, str]:
    """JSON as Airflow can carry it, and what had to change: halves of pairs become U+FFFD, odd numbers become text.

    The service may hold such values. A task that ended in an error over them would look as if it had done nothing.
    """
    if not _may_be_uncarriable(value):
        return value, ""
    found = [f"{'/'.join(map(str, tokens)) or 'the whole result'}: {given}" for tokens, given, _ in uncarriable(value)]
    if not found:
        return value, ""
    told = "; ".join(map(legible, islice(found, _MOST_TOLD)))
    return _changed(value), told if len(found) <= _MOST_TOLD else f"{told}; and {len(found) - _MOST_TOLD} more"


def _may_be_uncarriable(value: Any) -> bool:
    """A quick look; results may have a hundred thousand entries."""
    try:
        return _ODD_NUMBER.search(json.dumps(value, ensure_ascii=False).encode()) is not None
    except UnicodeEncodeError:
        return True
    except (TypeError, ValueError, RecursionError):
        return False


def _changed(value: Any) -> Any:
    if isinstance(value, str):
        return _HALF_PAIR.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, int):
        return value if _LEAST <= value <= _MOST else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {_changed(key): _changed(each) for key, each in value.items()}
    return list(map(_changed, value)) if isinstance(value, (list, tuple)) else value
