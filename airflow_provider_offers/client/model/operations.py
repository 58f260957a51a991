"""The operations of a JSON Patch (RFC 6902): as plain objects in neutral names, and parsed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from airflow_provider_offers.client.model.spelling import join_pointer, split_pointer
from airflow_provider_offers.client.wire.messages import Json

Operation = Mapping[str, Json]
Patch = Sequence[Operation]


@dataclass(frozen=True, eq=False, slots=True)
class Form:
    """What an operation does, without its value: `op`, and the tokens of its pointers: `path`, and `source` for `from`.

    `names` are the top-level properties that it names. `sets` says whether it gives a place a value of the author, and
    `in_list` whether a part of its path can name a place in a list. Operations with the same pointers share one form.
    """

    op: str
    path: tuple[str, ...]
    source: tuple[str, ...] | None
    names: tuple[str, ...]
    sets: bool
    in_list: bool


@lru_cache(maxsize=1024)
def _form(op: str, path: str, source: str | None) -> Form:
    at, read = tuple(split_pointer(path)), None if source is None else tuple(split_pointer(source))
    return Form(op, at, read, (*at[:1], *(read or ())[:1]), op in ("add", "replace"), any(map(is_index, at)))


@dataclass(frozen=True, slots=True)
class Parsed:
    """A well-formed operation as it is sent (`plain`), and its form. `written` has the pointers as its author wrote."""

    plain: Operation
    form: Form
    written: Mapping[str, str]

    @classmethod
    def of(cls, operation: Operation, written: Mapping[str, str] | None = None) -> Parsed:
        op = operation["op"]
        form = _form(op, operation["path"], operation["from"] if op in ("move", "copy") else None)
        return cls(operation, form, written or operation)

    def pointer_to(self, member: str, depth: int) -> str:
        """The first tokens of its `path` or `from` in the author's spelling, for a message."""
        tokens = split_pointer(self.written[member])
        left = len(self.path if member == "path" else self.source or ()) - depth
        return join_pointer(tokens[: len(tokens) - left])

    @property
    def op(self) -> str:
        return self.form.op

    @property
    def path(self) -> tuple[str, ...]:
        """The tokens of its path."""
        return self.form.path

    @property
    def source(self) -> tuple[str, ...] | None:
        """The tokens of `from`, if it moves or copies."""
        return self.form.source

    @property
    def names(self) -> tuple[str, ...]:
        """The top-level properties that it names."""
        return self.form.names

    @property
    def sets(self) -> bool:
        """Whether it gives a place a value of the author."""
        return self.form.sets

    @property
    def value(self) -> Json:
        """The value of an operation that `has_value`."""
        return self.plain["value"]

    @property
    def has_value(self) -> bool:
        return self.form.sets or self.form.op == "test"

    @property
    def in_list(self) -> bool:
        """Whether a part of its path can name a place in a list."""
        return self.form.in_list


def is_index(token: str) -> bool:
    """Whether a token of a pointer can name a place in a list."""
    return token == "-" or token.isdecimal()
