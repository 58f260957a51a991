"""Writes the document of a manifest as YAML: one file, or a folder with a file for each section."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

from airflow_provider_offers.campaigns.disk import alone_in, write_whole
from airflow_provider_offers.campaigns.manifest.findings import Findings
from airflow_provider_offers.campaigns.manifest.models import SECTIONS
from airflow_provider_offers.campaigns.manifest.nodes import plain
from airflow_provider_offers.campaigns.manifest.reading_yaml import node_of_yaml
from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Json

ENDINGS = (".yaml", ".yml", ".json")
_HEAD = "campaign.yaml"
_SUBJECT = "The manifest cannot be written"
# Endings of files that are no manifest, besides misspellings of those above.
_FILES = (
    ".txt",
    ".csv",
    ".tsv",
    ".md",
    ".xml",
    ".html",
    ".toml",
    ".ini",
    ".zip",
    ".gz",
    ".tar",
    ".py",
    ".jsonl",
    ".j2",
)
# Text that every version of YAML reads as text. All other text is in quotes.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./+ -]*[A-Za-z0-9]|[A-Za-z]")
_WORDS = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_DUMPER):  # type: ignore[misc]
    """PyYAML's dumper, with text in quotes unless nobody can misread it, and long text in lines."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represented(dumper: Any, text: str) -> Any:
    style: str | None = '"'
    if "\n" in text.rstrip("\n"):
        style = "|"
    elif _PLAIN.fullmatch(text) and text.casefold() not in _WORDS:
        style = None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represented)


def as_yaml(document: Json) -> str:
    """The document as YAML text. The reader of manifests reads exactly the same document from it."""
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**30)
    if _read(text) == document:
        return text
    # YAML cannot write some text in lines, but JSON is YAML too.
    return json.dumps(document, ensure_ascii=True, indent=2) + "\n"


def _read(text: str) -> Json:
    node = node_of_yaml(text, "", lambda path, origin: None, Findings())
    return None if node is None else plain(node)


def check_out(name: str, path: Any, *, overwrite: bool) -> None:
    """Refuse a path that looks like a file of another format, which would become a folder of that name.

    A folder that exists may have any name. A file that exists is refused without `overwrite`. Raises
    `InvalidInputError` with `name` as the place.
    """
    ending = PurePosixPath(path.name).suffix.lower()
    misspelled = ending[1:].isalpha() and difflib.get_close_matches(ending, ENDINGS, n=1, cutoff=0.75)
    if ending in ENDINGS and not overwrite and path.is_file():
        raise _taken(name, path.name)
    if ending in ENDINGS or not (misspelled or ending in _FILES) or path.is_dir():
        return
    expected = f"a file that ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}, or a folder"
    hint = f"; did you mean {misspelled[0]!r}?" if misspelled else ""
    given = f"{quoted(path.name, 80)}, a name that ends in {quoted(ending, 20)}"
    raise InvalidInputError(_SUBJECT, [Violation(name, given, expected + hint)])


def write_manifest(document: Mapping[str, Json], path: Any, *, overwrite: bool = False) -> list[str]:
    """Write a manifest; returns the names of the files.

    A path that ends in `.yaml`, `.yml` or `.json` becomes one file, and any other a folder with a file for each
    section. `path` has the methods of `pathlib.Path`.

    Raises `InvalidInputError` if a file is there already; with `overwrite`, it is replaced.
    """
    if path.name.lower().endswith(ENDINGS):
        is_json = path.name.lower().endswith(".json")
        text = json.dumps(document, ensure_ascii=False, indent=2) + "\n" if is_json else as_yaml(document)
        files, folder = {path.name: text}, path.parent
    else:
        head = {name: value for name, value in document.items() if name not in SECTIONS}
        parts = {name: {name: value} for name, value in document.items() if name in SECTIONS}
        files = {_HEAD: as_yaml(head), **{f"{name}.yaml": as_yaml(part) for name, part in parts.items()}}
        folder = path
    _check_free(path, folder, files, overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder):
        # Another process may have written since.
        _check_free(path, folder, files, overwrite)
        # The head comes last: without it, a part of a folder is no manifest.
        for name, text in reversed(files.items()):
            write_whole(folder / name, text.encode())
    return list(files)


def _check_free(path: Any, folder: Any, files: Mapping[str, str], overwrite: bool) -> None:
    """Refuse to write over files, and beside others that would become a part of the manifest."""
    there = [] if overwrite else [name for name in files if (folder / name).exists()]
    if there:
        raise _taken(str(path), there[0])
    others = [each.name for each in path.iterdir()] if folder is path and path.exists() else []
    if joining := [each for each in others if each.lower().endswith(ENDINGS) and each not in files]:
        given = f"a folder that has {quoted(joining[0], 80)} already, which would become a part of the manifest"
        raise InvalidInputError(_SUBJECT, [Violation(str(path), given, "a folder without it, or another folder")])


def _taken(place: str, name: str) -> InvalidInputError:
    given, accepted = f"a path that has {quoted(name, 80)} already", "a path without it, or the option `overwrite`"
    return InvalidInputError(_SUBJECT, [Violation(place, given, accepted)])
