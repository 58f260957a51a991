"""Reads the document of a state piece by piece, so that it is never in memory as a whole."""

from __future__ import annotations

import codecs
import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_offers.campaigns.errors import StateError
from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.campaigns.packing import Packed
from airflow_provider_offers.campaigns.state.states import Applied, State, applied_of
from airflow_provider_offers.client.model.kinds import KINDS
from airflow_provider_offers.client.text import with_each_name_once

_PIECE = 2**16
_BLANKS = " \t\n\r"
_OBJECTS = "objects"
_DECODER = json.JSONDecoder(object_pairs_hook=with_each_name_once)


def streamed(content: bytes) -> State | None:
    """The state in a document that a `StateStore` wrote.

    None for any other one: `State.from_json` then reads it, or says what is wrong with it.
    """
    try:
        return _state(_Text(content))
    except (ValueError, StateError, RecursionError):
        return None


class PackedObjects(Mapping[Key, Applied]):
    """The objects of a state in little memory: only their names are kept as they are, in order."""

    __slots__ = ("_kinds",)

    def __init__(self) -> None:
        self._kinds: dict[str, tuple[list[str], Packed]] = {}

    def add_kind(self, kind: str) -> None:
        """Begin a kind. Raises `ValueError` for one that is there, or that nobody knows."""
        if kind in self._kinds or kind not in KINDS:
            raise ValueError(kind)
        self._kinds[kind] = [], Packed()

    def append(self, kind: str, name: str, applied: Applied) -> None:
        """Add an object of the kind. Raises `ValueError` if its name does not follow on the others."""
        names, packed = self._kinds[kind]
        if names and name <= names[-1]:
            raise ValueError(name)
        names.append(name)
        told = (applied.properties, applied.pending, applied.prevent_destroy, applied.ignore_changes, applied.given_up)
        packed.append(told)

    def _place(self, key: object) -> tuple[Packed, int] | None:
        if not isinstance(key, tuple) or key[0] not in self._kinds:
            return None
        names, packed = self._kinds[key[0]]
        index = bisect_left(names, key[1])
        return (packed, index) if index < len(names) and names[index] == key[1] else None

    def __getitem__(self, key: Key) -> Applied:
        found = self._place(key)
        if found is None:
            raise KeyError(key)
        packed, index = found
        properties, pending, kept, ignored, given_up = packed[index]
        return Applied(properties, pending, kept, tuple(ignored), given_up)

    def __contains__(self, key: object) -> bool:
        return self._place(key) is not None

    def __iter__(self) -> Iterator[Key]:
        return ((kind, name) for kind, (names, _) in self._kinds.items() for name in names)

    def __len__(self) -> int:
        return sum(len(names) for names, _ in self._kinds.values())


class _Text:
    """The text of a JSON document; only the next piece is decoded. Raises `ValueError` where it is not JSON."""

    def __init__(self, content: bytes) -> None:
        self._content, self._read = content, 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text, self._at = "", 0

    def _more(self, size: int = _PIECE) -> bool:
        """Decode at least the next piece; False at the end."""
        if self._read >= len(self._content):
            return False
        piece = self._content[self._read : self._read + size]
        self._read += len(piece)
        more = self._decoder.decode(piece, final=self._read >= len(self._content))
        self._text, self._at = self._text[self._at :] + more, 0
        return True

    def sign(self) -> str:
        """The next character that is not a blank, which is passed; empty at the end."""
        while True:
            while self._at < len(self._text):
                sign = self._text[self._at]
                self._at += 1
                if sign not in _BLANKS:
                    return sign
            if not self._more():
                return ""

    def expect(self, sign: str) -> None:
        """Pass this character."""
        if self.sign() != sign:
            raise ValueError(sign)

    def value(self) -> Any:
        """The next value."""
        if self.sign() == "":
            raise ValueError("the end")
        self._at -= 1
        size = _PIECE
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                if self._more(size):
                    size *= 2
                    continue
                raise
            # A number may go on in the next piece.
            if end == len(self._text) and self._more(size):
                continue
            self._at = end
            return value

    def names(self) -> Iterator[str]:
        """The names of the members of the next value, an object. The caller takes each member before the next name."""
        self.expect("{")
        sign = self.sign()
        while sign != "}":
            self._at -= 1
            if sign != '"':
                raise ValueError(sign)
            name = self.value()
            self.expect(":")
            yield name
            sign = self.sign()
            if sign == ",":
                sign = self.sign()
                if sign == "}":
                    raise ValueError(sign)
            elif sign != "}":
                raise ValueError(sign)


def _state(text: _Text) -> State:
    head: dict[str, Any] = {}
    objects = PackedObjects()
    for name in text.names():
        if name in head:
            raise ValueError(name)
        head[name] = {}
        if name != _OBJECTS:
            head[name] = text.value()
            continue
        for kind in text.names():
            objects.add_kind(kind)
            for each in text.names():
                objects.append(kind, each, applied_of(f"{_OBJECTS}.{kind}.{each}", text.value()))
    if text.sign():
        raise ValueError("text after the document")
    return replace(State.from_json(head), objects=objects)
