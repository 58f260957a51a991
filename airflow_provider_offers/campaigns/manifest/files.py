"""The files of a manifest: reads them, includes one in another, and never leaves the manifest's folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from airflow_provider_offers.campaigns.errors import CampaignError, may_pass
from airflow_provider_offers.campaigns.manifest.findings import Findings
from airflow_provider_offers.campaigns.manifest.nodes import Node
from airflow_provider_offers.campaigns.manifest.reading_json import node_of_json
from airflow_provider_offers.campaigns.manifest.reading_yaml import node_of_yaml
from airflow_provider_offers.campaigns.objects import Origin
from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.model.likeness import near, perhaps
from airflow_provider_offers.client.rows.reading import ENDINGS as TABLE_ENDINGS
from airflow_provider_offers.client.rows.reading import decoded, table_of_file
from airflow_provider_offers.client.rows.table import Table
from airflow_provider_offers.client.text import quoted

YAML_ENDINGS = (".yaml", ".yml")
ENDINGS = (*YAML_ENDINGS, ".json")
MAX_BYTES = 20 * 2**20


class Files:
    """The files at and below a folder. Every path is relative to it, with `/`.

    `root` is a folder: a `pathlib.Path`, or a path of object storage with the same methods. `prefix` stands before the
    name of every file in messages, such as `campaigns/spring/`.
    """

    def __init__(self, root: Any, findings: Findings, prefix: str = "") -> None:
        self._root = root
        self._prefix = prefix
        self._findings = findings
        self._nodes: dict[str, Node | None] = {}
        self._tables: dict[str, Table | None] = {}
        self._included_files: set[str] = set()
        self._open: list[str] = []
        # Of the field that names the file that is read now, where its place does not say it.
        self._pointer = ""

    @property
    def included(self) -> set[str]:
        """The files that other files include."""
        return self._included_files

    def node(self, path: str, origin: Origin) -> Node | None:
        """The node of a YAML or JSON file, or the text of any other; None with a violation at `origin` or in the file.

        Each file is read once.
        """
        if path in self._open:
            chain = " includes ".join([*self._open[self._open.index(path) :], path])
            self._tell(origin, f"an endless inclusion: {chain}", "a file that does not include itself")
            return None
        if path not in self._nodes:
            self._open.append(path)
            self._nodes[path] = self._read(path, origin)
            self._open.pop()
        return self._nodes[path]

    def table(self, named: str, origin: Origin, pointer: str) -> Table | None:
        """The table in a file that is named at `origin`, by the field at `pointer`; None with a violation."""
        self._pointer = pointer
        try:
            return self._table_at(named, origin)
        finally:
            self._pointer = ""

    def _table_at(self, named: str, origin: Origin) -> Table | None:
        path = self._resolved(named, origin)
        if path is None:
            return None
        if not path.lower().endswith(TABLE_ENDINGS):
            accepted = f"a file that ends in {', '.join(TABLE_ENDINGS)}"
            self._tell(origin, f"the file {quoted(named, 120)} as rows", accepted)
            return None
        if path not in self._tables:
            content = self._content(path, origin, limit=None)
            self._tables[path] = None if content is None else self._table(path, content, origin)
        return self._tables[path]

    def _table(self, path: str, content: bytes, origin: Origin) -> Table | None:
        shown, name = self._prefix + path, path.rpartition("/")[2]
        try:
            return replace(table_of_file(path, content), source=shown)
        except InvalidInputError as error:
            for each in error.violations:
                pointer = (
                    f"{origin} {self._pointer}" if each.pointer == "rows" else shown + each.pointer.removeprefix(name)
                )
                self._findings.add(replace(each, pointer=pointer))
            return None

    def _read(self, path: str, origin: Origin) -> Node | None:
        content = self._content(path, origin, limit=MAX_BYTES)
        if content is None:
            return None
        try:
            shown = self._prefix + path
            text = decoded(content, shown)
        except InvalidInputError as error:
            for each in error.violations:
                self._findings.add(each)
            return None
        if path.lower().endswith(YAML_ENDINGS):
            return node_of_yaml(text, shown, lambda named, at: self._included(named, at, path), self._findings)
        if path.lower().endswith(".json"):
            return node_of_json(text, shown, self._findings)
        return Node(text, Origin(shown, 1, 1))

    def _included(self, named: str, origin: Origin, by: str) -> Node | None:
        path = self._resolved(named, origin, by)
        if path is None:
            return None
        self._included_files.add(path)
        return self.node(path, origin)

    def _resolved(self, named: str, origin: Origin, by: str | None = None) -> str | None:
        """The path from the root of a file that another one names."""
        accepted = "a path with /, relative to this file, in the manifest's folder"
        text = named.strip()
        steps: list[str] = list(PurePosixPath(by or origin.file.removeprefix(self._prefix)).parent.parts)
        if not text or text.startswith("/") or "\\" in text or "://" in text or text[1:2] == ":":
            self._tell(origin, f"the path {quoted(named, 120)}", accepted)
            return None
        for step in PurePosixPath(text).parts:
            if step == "..":
                if not steps:
                    self._tell(origin, f"the path {quoted(named, 120)}, which leaves the manifest's folder", accepted)
                    return None
                steps.pop()
            else:
                steps.append(step)
        return "/".join(steps)

    def _content(self, path: str, origin: Origin, *, limit: int | None) -> bytes | None:
        file = self._root.joinpath(*path.split("/"))
        try:
            if isinstance(file, Path) and not file.resolve().is_relative_to(self._root.resolve()):
                accepted = "a file in the manifest's folder"
                self._tell(origin, f"{path!r}, a link that leaves the manifest's folder", accepted)
                return None
            if not file.is_file():
                self._tell(origin, *self._no_file(path, file))
                return None
            if limit is not None and (size := file.stat().st_size) > limit:
                accepted = f"at most {limit:,} bytes; rows of a table may be in a larger file (`for_each`)"
                self._tell(origin, f"{path!r}, a file of {size:,} bytes", accepted)
                return None
            content: bytes = file.read_bytes()
        except (OSError, ValueError, RuntimeError) as error:
            expect_store(file, error)
            # Before Python 3.13, a circle of links is a RuntimeError.
            self._tell(origin, f"{path!r}, which cannot be read: {_why(error)}", "a readable file")
            return None
        return content

    def _no_file(self, path: str, file: Any) -> tuple[str, str]:
        if file.is_dir():
            return f"{path!r}, a folder", "a file"
        if file.exists():
            return f"{path!r}, a pipe or a device", "a file"
        return f"{path!r}, which does not exist", f"a file{self.likely(path)}"

    def likely(self, path: str, *, folders: bool = False) -> str:
        """The end of a message about a file, or also a folder, that does not exist."""
        file = self._root.joinpath(*path.split("/"))
        there = file.parent.iterdir() if file.parent.is_dir() else ()
        beside = [each.name for each in there if folders or each.is_file()]
        return perhaps(near(file.name, beside))

    def _tell(self, origin: Origin, given: str, accepted: str) -> None:
        self._findings.tell(origin, given, accepted, self._pointer)


def expect_store(path: Any, error: Exception) -> None:
    """Raise a `CampaignError` that may be retried if an object store has failed: the manifest may be right."""
    if not isinstance(path, Path) and isinstance(error, OSError) and may_pass(error):
        why = f"{type(error).__name__}: {error}"
        raise CampaignError(f"The manifest's file {path} cannot be read now: {why}", retryable=True) from error


def _why(error: Exception) -> str:
    if isinstance(error, RuntimeError):
        return "a circle of links"
    return getattr(error, "strerror", None) or type(error).__name__
