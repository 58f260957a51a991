"""Expands a manifest for one target: rows are filled in, templates rendered, and objects checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_offers.campaigns.entries import (
    FOR_EACH,
    LIFECYCLE,
    TEMPLATES,
    WINDOW,
    Checker,
    Entry,
    Filled,
    entry_of,
)
from airflow_provider_offers.campaigns.files import Files
from airflow_provider_offers.campaigns.findings import Findings
from airflow_provider_offers.campaigns.lifecycles import lifecycle_of
from airflow_provider_offers.campaigns.linking import check_links, external_of, moves_of
from airflow_provider_offers.campaigns.models import SECTIONS
from airflow_provider_offers.campaigns.nodes import Node, plain
from airflow_provider_offers.campaigns.objects import Campaign, Lifecycle, Target
from airflow_provider_offers.campaigns.templates import ABSENT, Names, Templates, is_template
from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.rows.reading import ENDINGS, table_of_list
from airflow_provider_offers.client.rows.rendering import ROW
from airflow_provider_offers.client.rows.table import Table
from airflow_provider_offers.client.text import quoted, typed


class Expansion:
    """The expansion of one manifest for one target.

    `rows` are lists of dicts by the names that `for_each` uses. With `partial`, rows that are not given are no error:
    the objects they would fill are unknown.
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
        self._open: set[str] = set()
        where = f" for the target {target.name!r}"
        self._names = {
            **(context or {}),
            "var": Names("var", "variable", target.variables, where),
            "target": Names("target", "property of the target", _told(target)),
        }

    def campaign(self, source: str) -> Campaign:
        """The campaign; what is wrong is in the findings."""
        filled = [each for section in SECTIONS for each in self._section(section)]
        objects = [each.wanted for each in filled]
        external = external_of(self._part("external"), self._findings)
        moved = moves_of(self._part("moved"), self._findings)
        check_links(filled, external, moved, self._findings, self._open)
        for name in self._rows.keys() - self._used:
            given, accepted = f"rows {quoted(name, 80)}", "rows that a `for_each` of the manifest names"
            self._findings.add(Violation("rows", given, accepted))
        name = plain(self._manifest.members["campaign"])
        campaign = Campaign(
            name=name,
            target=self._target,
            objects=objects,
            digest="",
            external=[key for key, _ in external],
            moved=moved,
            source=source,
            warnings=self._findings.warnings,
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
        for row, names in self._every_row(entry):
            before = len(self._findings)
            document = self._render(entry, entry.document, "", names, row)
            own = {
                name: self._render(entry, node, f"/{name}", names, row)
                for name, node in entry.own.items()
                if name in (WINDOW, LIFECYCLE)
            }
            if len(self._findings) > before:
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
        for index, row in enumerate(table if table is not None else ()):
            yield table.place(index) if table is not None else "", {**self._names, ROW: row}

    def _table(self, entry: Entry) -> Table | None:
        node = entry.own[FOR_EACH]
        named = self._templates.render(node, self._names, f"{entry.pointer}/{FOR_EACH}")
        if isinstance(named, list):
            return self._listed(named, str(node.origin), entry)
        if not isinstance(named, str):
            if named is not ABSENT or not is_template(node.value):
                accepted = f"the name of rows, a list of them, or a file that ends in {', '.join(ENDINGS)}"
                self._tell(entry, FOR_EACH, typed(named), accepted)
            return None
        is_file = named.lower().endswith(ENDINGS)
        stem = named.rpartition("/")[2].rpartition(".")[0] if is_file else named
        for name in dict.fromkeys((named, stem)):
            if name in self._rows:
                self._used.add(name)
                return self._listed(self._rows[name], f"the rows {name!r}", entry)
        if is_file:
            return self._files.table(named, node.origin)
        if self._partial:
            self._open.add(entry.kind.key)
        else:
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
                self._tell(entry, FOR_EACH, f"{each.given} in {each.pointer} of {source}", each.accepted)
            return None

    def _tell(self, entry: Entry, word: str, given: str, accepted: str) -> None:
        self._findings.tell(entry.place(f"/{word}"), given, accepted, f"{entry.pointer}/{word}")


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
    for part in (
        head,
        *(
            [*each.key, each.properties, sorted(each.lifecycle.ignore_changes), each.lifecycle.prevent_destroy]
            for each in campaign.objects
        ),
    ):
        told.update(json.dumps(part, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode())
        told.update(b"\n")
    return replace(campaign, digest=f"sha256:{told.hexdigest()}")
