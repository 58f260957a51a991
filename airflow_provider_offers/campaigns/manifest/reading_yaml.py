"""Reads YAML text: plain values, each with its line and column.

Words and numbers are those of JSON (and `~` for null). All other text stays text: `no`, `on`, `2027-03-01`, `12:30`
and `010` are what they look like. Anchors, aliases and `<<` work. `!include` is the only tag of our own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import yaml

from airflow_provider_offers.campaigns.manifest.findings import Findings
from airflow_provider_offers.campaigns.manifest.nodes import MAX_LEVELS, MAX_VALUES, Node, list_of, mapping_of
from airflow_provider_offers.campaigns.objects import Origin
from airflow_provider_offers.client.text import quoted

INCLUDE = "!include"
# Gives the node of an included file, or None if it has added violations.
Include = Callable[[str, Origin], Node | None]

_CORE = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"-?(?:0|[1-9]\d*)", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?", re.ASCII)
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {word: truth == "true" for truth in ("true", "false") for word in (truth, truth.title(), truth.upper())}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StoppedError(Exception):
    """The rest of the file cannot be read; the violation is told."""


def node_of_yaml(text: str, file: str, include: Include, findings: Findings) -> Node | None:
    """The node of YAML text; None if it is not readable. Adds every violation that it finds."""
    before = findings.count
    try:
        node = _Composer(text, file, include, findings).document()
    except _StoppedError:
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        origin = Origin(file, mark.line + 1, mark.column + 1) if mark else Origin(file, 1, 1)
        findings.tell(origin, f"text that is not YAML: {_why(error, text)}", "YAML")
        return None
    except yaml.reader.ReaderError as error:
        at = next((at for at, each in enumerate(text) if ord(each) == error.character), 0)
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        accepted = 'text without it; in double quotes, an escape such as "\\x07"'
        given = f"the character U+{ord(text[at]):04X}, which YAML does not allow"
        findings.tell(Origin(file, line, column), given, accepted)
        return None
    return node if findings.count == before else None


def _why(error: yaml.MarkedYAMLError, text: str) -> str:
    why = f"{error.problem or 'it is cut off'}{f', {error.context}' if error.context else ''}"
    mark = error.problem_mark
    line = text.split("\n")[mark.line] if mark and mark.line <= text.count("\n") else ""
    if mark and "\t" in line[: mark.column + 1]:
        return f"{why}; a tab cannot indent, use blanks"
    return why


class _Composer:
    """Makes nodes of the parser's events. PyYAML's own composer has no limit of depth, and C code for it crashes."""

    def __init__(self, text: str, file: str, include: Include, findings: Findings) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self._file = file
        self._include = include
        self._findings = findings
        self._anchors: dict[str, Node] = {}

    def document(self) -> Node:
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            self._stop(Origin(self._file, 1, 1), "an empty file", "a mapping or a list")
        node = self._node(next(self._events), 0)
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._tell(self._at(after), "a second document", "one document in a file")
        return node

    def _node(self, event: Any, level: int) -> Node:
        origin = self._at(event)
        if level > MAX_LEVELS:
            self._stop(origin, f"more than {MAX_LEVELS} levels", "fewer levels")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, origin)
        if isinstance(event, yaml.MappingStartEvent):
            node = self._mapping(event, origin, level)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._list(event, origin, level)
        else:
            node = self._scalar(event, origin)
        if node.size > MAX_VALUES:
            accepted = f"at most {MAX_VALUES:,} values, with those that aliases and included files repeat"
            self._stop(origin, f"{node.size:,} values", accepted)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any, origin: Origin) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            self._tell(origin, f"the alias *{event.anchor}", f"an anchor &{event.anchor} that ends before it")
            return Node(None, origin)
        return node

    def _list(self, event: Any, origin: Origin, level: int) -> Node:
        self._check_tag(event, origin, "seq")
        items = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, level + 1))
        return list_of(items, origin)

    def _mapping(self, event: Any, origin: Origin, level: int) -> Node:
        self._check_tag(event, origin, "map")
        members: dict[str, Node] = {}
        names: dict[str, Origin] = {}
        merged: list[Node] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            at = self._at(event)
            name = self._name(event, level)
            node = self._node(next(self._events), level + 1)
            if name == "<<" and not getattr(event, "style", None):
                merged += self._merged(node)
            elif name in members:
                first = names[name]
                given = f"the name {quoted(name, 80)} a second time; it is already at line {first.line}"
                self._tell(at, given, "each name once in a mapping")
            else:
                members[name], names[name] = node, at
        for each in merged:
            for name, node in each.members.items():
                if name not in members:
                    members[name], names[name] = node, each.names[name]
        return mapping_of(members, origin, names)

    def _name(self, event: Any, level: int) -> str:
        if isinstance(event, yaml.ScalarEvent) and event.tag in (None, "!", f"{_CORE}str"):
            if event.anchor:
                self._anchors[event.anchor] = Node(str(event.value), self._at(event))
            return str(event.value)
        value = self._node(event, level + 1).value if isinstance(event, yaml.AliasEvent) else None
        if not isinstance(value, str):
            accepted = "text as the name of a member; a template needs quotes"
            self._stop(self._at(event), "a name that is not text", accepted)
        return value

    def _merged(self, node: Node) -> list[Node]:
        """The mappings that `<<` merges, the first one wins."""
        listed = list(node.items) if isinstance(node.value, list) else [node]
        for each in listed:
            if not isinstance(each.value, dict):
                self._tell(each.origin, "a value that << cannot merge", "an alias of a mapping, or a list of them")
        return [each for each in listed if isinstance(each.value, dict)]

    def _scalar(self, event: Any, origin: Origin) -> Node:
        text, tag = str(event.value), event.tag
        if tag == INCLUDE:
            return self._include(text, origin) or Node(None, origin)
        if tag is None and event.implicit[0]:
            return Node(self._plain(text, origin), origin)
        if tag in (None, "!", f"{_CORE}str"):
            return Node(text, origin)
        value = self._plain(text, origin)
        name = tag.removeprefix(_CORE)
        kinds: dict[str, Any] = {"int": int, "float": (int, float), "bool": bool, "null": type(None)}
        if name not in kinds or not tag.startswith(_CORE):
            self._wrong_tag(tag, origin)
        elif not isinstance(value, kinds[name]) or (name != "bool" and isinstance(value, bool)):
            self._tell(origin, f"{quoted(text, 80)} with the tag !!{name}", f"a value of the type {name}")
        return Node(value, origin)

    def _plain(self, text: str, origin: Origin) -> Any:
        if text in _WORDS:
            return _WORDS[text]
        if not _NUMBER.fullmatch(text):
            return text
        try:
            return int(text) if _INTEGER.fullmatch(text) else float(text)
        except ValueError:
            self._tell(origin, f"a number of {len(text)} digits", "a shorter number, or text in quotes")
            return None

    def _check_tag(self, event: Any, origin: Origin, name: str) -> None:
        if event.tag == INCLUDE:
            self._stop(origin, "!include with a list or a mapping", "!include and the path of one file")
        if event.tag not in (None, "!", f"{_CORE}{name}"):
            self._wrong_tag(event.tag, origin)

    def _wrong_tag(self, tag: str, origin: Origin) -> None:
        shown = f"!!{tag.removeprefix(_CORE)}" if tag.startswith(_CORE) else tag
        self._tell(origin, f"the tag {quoted(shown, 80)}", f"no tag, {INCLUDE}, or one of JSON's types such as !!str")

    def _at(self, event: Any) -> Origin:
        return Origin(self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _tell(self, origin: Origin, given: str, accepted: str) -> None:
        self._findings.tell(origin, given, accepted)

    def _stop(self, origin: Origin, given: str, accepted: str) -> NoReturn:
        self._tell(origin, given, accepted)
        raise _StoppedError
