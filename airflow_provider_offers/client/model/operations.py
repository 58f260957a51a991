"""The operations of a JSON Patch (RFC 6902), as plain objects and parsed, and the value to which a pointer leads."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from airflow_provider_offers.client.model.spelling import split_pointer
from airflow_provider_offers.client.text import legible
from airflow_provider_offers.client.wire.messages import Json

_INDEX = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)

Operation = Mapping[str, Json]
Patch = Sequence[Operation]


class Mark(Enum):
    """Marks for places without a value. A copy of a mark is the mark itself, even in another process."""

    MISSING = auto()
    IMPOSSIBLE = auto()


MISSING, IMPOSSIBLE = Mark.MISSING, Mark.IMPOSSIBLE


@dataclass(frozen=True, slots=True)
class Parsed:
    """A well-formed operation as it is sent (`plain`), and the tokens of its pointers: `path`, and `source` for `from`.

    `names` are the top-level properties that it names.
    """

    plain: Operation
    op: str
    path: list[str]
    source: list[str] | None
    names: tuple[str, ...]

    @classmethod
    def of(cls, operation: Operation) -> Parsed:
        op, path = operation["op"], split_pointer(operation["path"])
        source = split_pointer(operation["from"]) if op in ("move", "copy") else None
        return cls(operation, op, path, source, (*path[:1], *(source or ())[:1]))

    @property
    def sets(self) -> bool:
        """Whether it gives a place a value of the author."""
        return self.op in ("add", "replace")

    @property
    def value(self) -> Json:
        """The value of an operation that `has_value`."""
        return self.plain["value"]

    @property
    def has_value(self) -> bool:
        return self.sets or self.op == "test"

    @property
    def in_list(self) -> bool:
        """Whether a part of its path can name a place in a list."""
        return any(map(is_index, self.path))


def is_index(token: str) -> bool:
    """Whether a token of a pointer can name a place in a list."""
    return token == "-" or token.isdecimal()


def value_at(document: Json, tokens: Sequence[str]) -> Json | object:
    """The value at the place; `MISSING` if there is none."""
    for token in tokens:
        if isinstance(document, Mapping) and token in document:
            document = document[token]
        elif isinstance(document, list) and _INDEX.fullmatch(token) and int(token) < len(document):
            document = document[int(token)]
        else:
            return MISSING
    return document


def as_text(value: Json | object) -> str:
    """A value of `value_at`, for a message."""
    return "nothing" if value is MISSING else legible(json.dumps(value, ensure_ascii=False))
