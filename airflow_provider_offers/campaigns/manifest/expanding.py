"""Expands a manifest for one target: rows are filled in, templates rendered, and objects checked."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from airflow_provider_offers.campaigns.manifest.entries import (
    FOR_EACH,
    LIFECYCLE,
    TEMPLATES,
    WINDOW,
    Checker,
    Entry,
    Filled,
    FilledObjects,
    entry_of,
)
from airflow_provider_offers.campaigns.manifest.files import Files
from airflow_provider_offers.campaigns.manifest.findings import Findings
from airflow_provider_offers.campaigns.manifest.lifecycles import lifecycle_of
from airflow_provider_offers.campaigns.manifest.linking import check_links, external_of, moves_of
from airflow_provider_offers.campaigns.manifest.models import SECTIONS
from airflow_provider_offers.campaigns.manifest.nodes import Node, leaves, plain
from airflow_provider_offers.campaigns.manifest.templates import ABSENT, Names, Templates
from airflow_provider_offers.campaigns.objects import Campaign, Lifecycle, Target
from airflow_provider_offers.client.errors import Doubt, InvalidInputError, Violation
from airflow_provider_offers.client.model.likeness import near, perhaps
from airflow_provider_offers.client.rows.reading import ENDINGS, table_of_list
from airflow_provider_offers.client.rows.rendering import ROW, remedy
from airflow_provider_offers.client.rows.table import Table
from airflow_provider_offers.client.text import quoted, typed

# Any other text is the path of a file.
_NAME_OF_ROWS = re.compile(r"[\w -]+")


class Expansion:
    """The expansion of one manifest for one target.

    `rows` are lists of dicts by the names that `for_each` uses. With `partial`, missing rows are not an error: the
    objects that they would fill are unknown.
    """

    def __init__(
        self,
        manifest: Node,
        target: Target,
        files: Files,
        findings: Findings,
        *,
        rows: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        partial: bool = False,
    ) -> None:
        self._manifest, self._target, self._files, self._findings = manifest, target, files, findings
        self._rows, self._partial = dict(rows or {}), partial
        self._templates = Templates(findings)
        self._checker = Checker(findings)
        self._used: set[str] = set()
        self._named: set[str] = set()
        self._open: set[str] = set()
        # The objects, once the campaign is made.
        self.filled = FilledObjects()
        where = f" for the target {target.name!r}"
        elsewhere = _variables_of_targets(manifest)
        self._names = {
            **(context or {}),
            "var": Names("var", "variable", target.variables, elsewhere, where),
            "target": Names("target", "property of the target", _told(target)),
        }

    def campaign(self, source: str) -> Campaign:
        """The campaign; what is wrong is in the findings."""
        filled = self.filled = FilledObjects()
        for section in SECTIONS:
            for each in self._section(section):
                filled.append(each)
        external = external_of(self._part("external"), self._findings)
        moved = moves_of(self._part("moved"))
        check_links(filled, external, moved, self._findings, self._open)
        for name in self._rows.keys() - self._used:
            given, known = f"rows {quoted(name, 80)}", sorted(self._named)
            accepted = f"rows that a `for_each` of the manifest names{perhaps(near(name, known))}"
            self._findings.add(Violation("rows", given, accepted))
        name = plain(self._manifest.members["campaign"])
        campaign = Campaign(
            name=name,
            target=self._target,
            objects=filled.wanted,
            digest="",
            external=[key for key, _ in external],
            moved=[move for move, _ in moved],
            source=source,
            warnings=self._findings.warnings,
            targets=tuple(self._manifest.members["targets"].members),
        )
        return _with_digest(campaign)

    def _part(self, name: str) -> Any:
        """A part of the manifest with its templates rendered, as a node."""
        node = self._manifest.members.get(name)
        return None if node is None else self._rendered_node(node, f"/{name}")

    def _rendered_node(self, node: Node, pointer: str) -> Node:
        """The node with rendered scalars in their places."""
        if isinstance(node.value, dict):
            members = {name: self._rendered_node(each, f"{pointer}/{name}") for name, each in node.members.items()}
            return Node(members, node.origin, node.names)
        if isinstance(node.value, list):
            items = [self._rendered_node(each, f"{pointer}/{index}") for index, each in enumerate(node.items)]
            return Node(items, node.origin)
        value = self._templates.render(node, self._names, pointer)
        return Node(None if value is ABSENT else value, node.origin)

    def _section(self, section: str) -> Iterator[Filled]:
        entries = self._manifest.members.get(section)
        defaults = self._manifest.members.get("defaults")
        given = {name: (each, defaults.names[name]) for name, each in defaults.members.items()} if defaults else {}
        for index, node in enumerate(entries.items if entries is not None else ()):
            if isinstance(node.value, dict):
                yield from self._filled(entry_of(SECTIONS[section], node, f"/{section}/{index}", given))

    def _filled(self, entry: Entry) -> Iterator[Filled]:
        before = self._findings.count
        yield from self._objects(entry)
        if self._findings.count > before:
            # The name of an object that is not valid may be unknown: what refers to it is not wrong for that.
            self._open.add(entry.kind.key)

    def _objects(self, entry: Entry) -> Iterator[Filled]:
        for row, names in self._every_row(entry):
            before = self._findings.count
            document = self._render(entry, entry.document, "", names, row)
            own = {
                name: self._render(entry, node, f"/{name}", names, row)
                for name, node in entry.own.items()
                if name in (WINDOW, LIFECYCLE)
            }
            if self._findings.count > before:
                continue
            lifecycle = Lifecycle()
            if own.get(LIFECYCLE) not in (None, ABSENT):
                lifecycle = lifecycle_of(entry, own[LIFECYCLE], self._findings, row)
            window = own.get(WINDOW)
            window = None if window is ABSENT or window == {} else window
            wanted = self._checker.object_of(entry, document, window, lifecycle, row)
            if wanted is not None:
                yield Filled(entry, wanted, row)

    def _render(self, entry: Entry, node: Node, pointer: str, names: Mapping[str, Any], row: str) -> Any:
        if not entry.rendered:
            return plain(node)
        return self._templates.render(node, names, f"{entry.pointer}{pointer}", row)

    def _every_row(self, entry: Entry) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The rows of an entry with their names in templates; one without a row if the entry has no `for_each`."""
        flag = entry.own.get(TEMPLATES)
        if flag is not None and not isinstance(flag.value, bool):
            self._tell(entry, TEMPLATES, quoted(flag.value, 80), "true or false")
            return
        if FOR_EACH not in entry.own:
            yield "", self._names
            return
        if not entry.rendered:
            self._tell(entry, FOR_EACH, "rows beside `templates: false`", "templates that use `row`, or no rows")
            return
        table = self._table(entry)
        if table is None:
            self._open.add(entry.kind.key)
            return
        if not table.rows:
            self._check_columns(entry, table)
        for index, row in enumerate(table):
            yield table.place(index), {**self._names, ROW: row}

    def _check_columns(self, entry: Entry, table: Table) -> None:
        """Warn of a table without rows, and refuse one without the templates' columns: it may be the wrong one."""
        place = entry.place(f"/{FOR_EACH}")
        given = f"{table.source}, which has no rows"
        self._findings.add(Doubt(f"{place} {entry.pointer}/{FOR_EACH}", given, "rows", "The entry makes no object"))
        for pointer, node in leaves(entry.document) if table.columns else ():
            for name in self._templates.cells(node.value):
                if name not in table.columns:
                    given = f"the template {quoted(node.value, 120)}, which ends in an error: {table.unknown(name)}"
                    self._findings.tell(node.origin, given, remedy(""), f"{entry.pointer}{pointer}")

    def _table(self, entry: Entry) -> Table | None:
        node = entry.own[FOR_EACH]
        before = self._findings.count
        named = self._templates.render(node, self._names, f"{entry.pointer}/{FOR_EACH}")
        if isinstance(named, list):
            return self._listed(named, "the list", entry)
        if not isinstance(named, str):
            # What is wrong with a template is told already.
            if self._findings.count == before:
                nothing = f"the template {quoted(node.value, 120)}, which renders to nothing"
                accepted = f"the name of rows, a list of them, or a file that ends in {', '.join(ENDINGS)}"
                self._tell(entry, FOR_EACH, nothing if named is ABSENT else typed(named), accepted)
            return None
        is_file = _NAME_OF_ROWS.fullmatch(named) is None
        stem = named.rpartition("/")[2].rpartition(".")[0] if is_file else named
        self._named |= {named, stem}
        for name in dict.fromkeys((named, stem)):
            if name in self._rows:
                self._used.add(name)
                return self._listed(self._rows[name], f"the rows {name!r}", entry)
        if is_file:
            return self._files.table(named, node.origin, f"{entry.pointer}/{FOR_EACH}")
        if not self._partial:
            accepted = f"rows of that name (`rows={{{named!r}: [...]}}`), or a file that ends in {', '.join(ENDINGS)}"
            self._tell(entry, FOR_EACH, f"the rows {quoted(named, 80)}, which nobody gives", accepted)
        return None

    def _listed(self, rows: Any, source: str, entry: Entry) -> Table | None:
        if isinstance(rows, Table):
            return rows
        if not isinstance(rows, Sequence) or isinstance(rows, (str, bytes)):
            self._tell(entry, FOR_EACH, f"{source}, {typed(rows)}", "a list of dicts")
            return None
        try:
            return table_of_list(rows, source=source)
        except InvalidInputError as error:
            for each in error.violations:
                self._tell(entry, FOR_EACH, f"{each.pointer} of {source}: {each.given}", each.expected)
            return None

    def _tell(self, entry: Entry, word: str, given: str, accepted: str) -> None:
        self._findings.tell(entry.place(f"/{word}"), given, accepted, f"{entry.pointer}/{word}")


def _variables_of_targets(manifest: Node) -> set[str]:
    """The names of the variables that some target has of its own."""
    found: set[str] = set()
    for target in manifest.members["targets"].members.values():
        variables = target.members.get("variables")
        found.update(variables.members if variables is not None else ())
    return found


def _told(target: Target) -> dict[str, Any]:
    """The target in templates. A sandbox that is the connection's own has no name here."""
    return {
        "name": target.name,
        "connection": target.connection,
        "sandbox": target.sandbox,
        "protected": target.protected,
    }


def _with_digest(campaign: Campaign) -> Campaign:
    """The campaign with its digest."""
    target = campaign.target
    told = hashlib.sha256()
    head = [
        campaign.name,
        _told(target),
        sorted(campaign.external),
        [[m.kind.key, m.old, m.new] for m in campaign.moved],
    ]
    objects = (
        [*each.key, each.properties, sorted(each.lifecycle.ignore_changes), each.lifecycle.prevent_destroy]
        for each in campaign.objects
    )
    for part in chain([head], objects):
        told.update(json.dumps(part, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode())
        told.update(b"\n")
    return replace(campaign, digest=f"sha256:{told.hexdigest()}")
