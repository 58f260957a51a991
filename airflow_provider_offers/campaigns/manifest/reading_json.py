"""Reads JSON text: plain values, each with its line and column."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from airflow_provider_offers.campaigns.manifest.findings import Findings
from airflow_provider_offers.campaigns.manifest.nodes import MAX_LEVELS, Node, list_of, mapping_of
from airflow_provider_offers.campaigns.objects import Origin
from airflow_provider_offers.client.text import quoted

_BLANK = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?", re.ASCII)
_WORDS = {"true": True, "false": False, "null": None}


def node_of_json(text: str, file: str, findings: Findings) -> Node | None:
    """The node of JSON text; None if it is not readable. Adds every violation that it finds."""
    before = findings.count
    reader = _Reader(text, file, findings)
    try:
        node = reader.document()
    except json.JSONDecodeError as error:
        findings.tell(reader.place(error.pos), f"text that is not JSON: {error.msg}", "JSON")
        return None
    return node if findings.count == before else None


class _Reader:
    """Python's own decoder tells no places, so this one follows it token by token."""

    def __init__(self, text: str, file: str, findings: Findings) -> None:
        self._text = text
        self._file = file
        self._findings = findings
        self._lines = [0, *(each.end() for each in re.finditer("\n", text))]

    def place(self, at: int) -> Origin:
        """The place of a character."""
        line = bisect_right(self._lines, at)
        return Origin(self._file, line, at - self._lines[line - 1] + 1)

    def document(self) -> Node:
        node, at = self._node(self._skip(0), 0)
        if at < len(self._text):
            raise json.JSONDecodeError("Extra data", self._text, at)
        return node

    def _skip(self, at: int) -> int:
        """The next character that is not blank."""
        found = _BLANK.match(self._text, at)
        return found.end() if found else at

    def _node(self, at: int, level: int) -> tuple[Node, int]:
        if level > MAX_LEVELS:
            raise json.JSONDecodeError(f"more than {MAX_LEVELS} levels", self._text, at)
        first = self._text[at : at + 1]
        if first == "{":
            node, end = self._mapping(at, level)
        elif first == "[":
            node, end = self._list(at, level)
        else:
            value, end = self._scalar(at)
            node = Node(value, self.place(at))
        return node, self._skip(end)

    def _scalar(self, at: int) -> tuple[Any, int]:
        if self._text.startswith('"', at):
            text, end = scanstring(self._text, at + 1, True)
            return text, end
        for word, value in _WORDS.items():
            if self._text.startswith(word, at):
                return value, at + len(word)
        number = _NUMBER.match(self._text, at)
        if number is None:
            raise json.JSONDecodeError("Expecting value", self._text, at)
        try:
            return (float if number[1] or number[2] else int)(number[0]), number.end()
        except ValueError:
            raise json.JSONDecodeError(f"a number of {len(number[0])} digits", self._text, at) from None

    def _list(self, at: int, level: int) -> tuple[Node, int]:
        items: list[Node] = []
        here = self._skip(at + 1)
        if self._text.startswith("]", here):
            return list_of(items, self.place(at)), here + 1
        while True:
            node, here = self._node(here, level + 1)
            items.append(node)
            if self._text.startswith("]", here):
                return list_of(items, self.place(at)), here + 1
            here = self._skip(self._expect(",", here))

    def _mapping(self, at: int, level: int) -> tuple[Node, int]:
        members: dict[str, Node] = {}
        names: dict[str, Origin] = {}
        here = self._skip(at + 1)
        if self._text.startswith("}", here):
            return mapping_of(members, self.place(at), names), here + 1
        while True:
            if not self._text.startswith('"', here):
                raise json.JSONDecodeError("Expecting a name in double quotes", self._text, here)
            place = self.place(here)
            name, after = scanstring(self._text, here + 1, True)
            node, here = self._node(self._skip(self._expect(":", self._skip(after))), level + 1)
            if name in members:
                given = f"the name {quoted(name, 80)} a second time; it is already at line {names[name].line}"
                self._findings.tell(place, given, "each name once in an object")
            members.setdefault(name, node)
            names.setdefault(name, place)
            if self._text.startswith("}", here):
                return mapping_of(members, self.place(at), names), here + 1
            here = self._skip(self._expect(",", here))

    def _expect(self, delimiter: str, at: int) -> int:
        if not self._text.startswith(delimiter, at):
            raise json.JSONDecodeError(f"Expecting {delimiter!r}", self._text, at)
        return at + 1
