"""Accepts live values: writes those of conflicts back into the files of a manifest."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_offers.campaigns.disk import alone_in, write_whole
from airflow_provider_offers.campaigns.errors import ManifestError
from airflow_provider_offers.campaigns.manifest.editing import as_cell, with_cell, with_value
from airflow_provider_offers.campaigns.manifest.entries import Filled
from airflow_provider_offers.campaigns.manifest.loading import load_filled
from airflow_provider_offers.campaigns.manifest.nodes import Node
from airflow_provider_offers.campaigns.manifest.templates import is_template
from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.campaigns.plans import ABSENT, Change, Plan
from airflow_provider_offers.client.flows.naming import put_at
from airflow_provider_offers.client.model.comparing import same
from airflow_provider_offers.client.model.kinds import KINDS, Kind
from airflow_provider_offers.client.model.spelling import split_pointer
from airflow_provider_offers.client.text import quoted

# A template that is one cell of the row.
_CELL = re.compile(r"""\{\{\s*row(?:\.([A-Za-z_]\w*)|\[(["'])(.+?)\2\])\s*\}\}""")
_ROW = re.compile(r"row \d+ \((.+):(\d+)\)")
_BY_HAND = "write it by hand"
Load = Callable[[], Mapping[Key, Filled]]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A conflict, and where its live value is now: `place` is a file with a line; `reason` says why it is not there."""

    key: Key
    change: Change
    place: str
    reason: str = ""

    def __str__(self) -> str:
        kind, name = self.key
        what = f"{self.change.pointer} of the {KINDS[kind].noun} {quoted(name, 80)}"
        if self.reason:
            return f"not accepted: {self.place}: {what} is {_shown(self.change.live)} in the library: {self.reason}"
        return f"accepted: {self.place}: {what}: {_shown(self.change.wanted)} becomes {_shown(self.change.live)}"


def accept_live(
    manifest: Path,
    target: str | None,
    plan: Plan,
    *,
    rows: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
) -> list[Accepted]:
    """Write the live value of each conflict of a plan into the files of its manifest. Makes no API call.

    A value is written where the manifest has it as a scalar or a flow collection of its own, or as one cell of a CSV
    file. After each, the manifest is loaded again: if anything else has changed, the file gets its old text. Values
    that cannot be written have a `reason`.
    """

    def load() -> Mapping[Key, Filled]:
        return load_filled(manifest, target=target, rows=rows, variables=variables)

    with alone_in(manifest if manifest.is_dir() else manifest.parent):
        return [_accepted(manifest, load, key, change, plan) for key, change in _conflicts(plan)]


def _conflicts(plan: Plan) -> Iterator[tuple[Key, Change]]:
    for each in plan.objects:
        if each.action == "conflict":
            yield from ((each.key, change) for change in each.conflicts if change.pointer != "/name")


def _accepted(manifest: Path, load: Load, key: Key, change: Change, plan: Plan) -> Accepted:
    before = load()
    filled = before.get(key)
    if filled is None:
        return Accepted(key, change, str(manifest), "the manifest has no such object any more")
    if change.live is ABSENT or change.wanted is ABSENT:
        return Accepted(key, change, str(filled.wanted.origin), f"only values are replaced; {_BY_HAND}")
    if _holds(filled.wanted.properties, change.pointer, change.live):
        # A default, for example, is that of several objects.
        return Accepted(key, change, str(filled.wanted.origin))
    node = _node_at(filled, change.pointer)
    if node is None:
        return Accepted(key, change, str(filled.wanted.origin), f"it is not written there in one place; {_BY_HAND}")
    path, line, edited = _edit(manifest, filled, node, change)
    place = f"{path}:{line}"
    if edited is None:
        return Accepted(key, change, place, f"it comes from a template, a block or an anchor; {_BY_HAND}")
    old = path.read_bytes()
    try:
        write_whole(path, edited)
        if not _is_only(before, load(), key, plan):
            write_whole(path, old)
            return Accepted(key, change, place, f"other objects have this value, too; {_BY_HAND}")
    except BaseException as error:
        write_whole(path, old)
        if isinstance(error, ManifestError):
            return Accepted(key, change, place, f"the manifest would not be valid; {_BY_HAND}")
        raise
    return Accepted(key, change, place)


def _edit(manifest: Path, filled: Filled, node: Node, change: Change) -> tuple[Path, int, bytes | None]:
    """The file and the line of a value, and the file's new content; None if it cannot be written there."""
    cell = _CELL.fullmatch(node.value.strip()) if isinstance(node.value, str) and filled.entry.rendered else None
    row = _ROW.fullmatch(filled.row)
    if cell is not None and row is not None:
        path, line = _file(manifest, row[1]), int(row[2])
        value = as_cell(change.live)
        if value is None or path.suffix.lower() != ".csv":
            return path, line, None
        return path, line, _with(path, lambda text: with_cell(text, line, cell[1] or cell[3], value))
    path, at = _file(manifest, node.origin.file), node.origin
    if filled.entry.rendered and any(is_template(each) for each in (node.value, change.live)):
        return path, at.line, None
    return path, at.line, _with(path, lambda text: with_value(text, at.line, at.column, change.live))


def _with(path: Path, edit: Callable[[str], str | None]) -> bytes | None:
    """The edited content of a file in UTF-8, with its byte order mark and its line breaks; None if it is not edited."""
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        return None
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    edited = edit(text.removeprefix(mark))
    return None if edited is None else (mark + edited).encode()


def _file(manifest: Path, shown: str) -> Path:
    """The path of a file that a place names: a relative manifest is part of it."""
    root = manifest if manifest.is_dir() else manifest.parent
    return root / shown if manifest.is_absolute() else Path(shown)


def _node_at(filled: Filled, pointer: str) -> Node | None:
    """The node of a neutral pointer, if the manifest writes each of its names, in either spelling."""
    here, kind = filled.entry.document, filled.entry.kind
    for token in split_pointer(pointer):
        name = _name_of(here, kind, token)
        if name is None:
            return None
        here = here.members[name]
    return here


def _name_of(node: Node, kind: Kind, token: str) -> str | None:
    names: Sequence[str] = [token, kind.names.wire_name(token)[0]]
    return next((each for each in names if each in node.members), None)


def _is_only(before: Mapping[Key, Filled], after: Mapping[Key, Filled], key: Key, plan: Plan) -> bool:
    """Whether nothing but conflicts of the plan has changed, and each of these to its live value."""
    if before.keys() != after.keys():
        return False
    live = {each: {change.pointer: change.live for k, change in _conflicts(plan) if k == each} for each in _keys(plan)}
    changed = [each for each in after if before[each].wanted.properties != after[each].wanted.properties]
    return key in changed and all(
        _is_accepted(before[each].wanted.properties, after[each].wanted.properties, live.get(each, {}))
        for each in changed
    )


def _keys(plan: Plan) -> Sequence[Key]:
    return [each.key for each in plan.objects if each.action == "conflict"]


def _is_accepted(before: Mapping[str, Any], after: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Whether properties differ in live values of conflicts only."""
    expected: Any = copy.deepcopy(dict(before))
    for pointer, value in live.items():
        if value is not ABSENT:
            one = put_at(copy.deepcopy(expected), split_pointer(pointer), value)
            expected = one if _holds(after, pointer, value) else expected
    return same(expected, dict(after))


def _holds(properties: Mapping[str, Any], pointer: str, value: Any) -> bool:
    here: Any = properties
    for token in split_pointer(pointer):
        if not isinstance(here, Mapping) or token not in here:
            return False
        here = here[token]
    return same(here, value)


def _shown(value: Any) -> str:
    return "absent" if value is ABSENT else quoted(value, 120)
