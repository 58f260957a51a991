"""The operations of a JSON Patch (RFC 6902): as plain objects in neutral names, and parsed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_offers.client.model.spelling import split_pointer
from airflow_provider_offers.client.wire.messages import Json

Operation = Mapping[str, Json]
Patch = Sequence[Operation]


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
