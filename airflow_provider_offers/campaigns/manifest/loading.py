"""Loads a manifest: a file or a folder becomes a campaign for one target. Nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_provider_offers.campaigns.errors import ManifestError
from airflow_provider_offers.campaigns.manifest.entries import Filled
from airflow_provider_offers.campaigns.manifest.expanding import Expansion
from airflow_provider_offers.campaigns.manifest.files import ENDINGS, YAML_ENDINGS, Files, expect_store
from airflow_provider_offers.campaigns.manifest.findings import Findings
from airflow_provider_offers.campaigns.manifest.models import SECTIONS
from airflow_provider_offers.campaigns.manifest.nodes import Node, list_of, mapping_of, plain
from airflow_provider_offers.campaigns.manifest.structure import check_structure
from airflow_provider_offers.campaigns.objects import Campaign, Key, Origin, Target
from airflow_provider_offers.client.errors import Violation
from airflow_provider_offers.client.model.likeness import near, perhaps
from airflow_provider_offers.client.text import quoted

_SUBJECT = "The manifest is not valid"
_NO_FILE = ", which does not exist"


def load(
    path: Any,
    *,
    target: str | None = None,
    rows: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
) -> Campaign:
    """The campaign that a manifest describes for one target. Makes no API call.

    `path` is a YAML or JSON file, or a folder of them: text, a `pathlib.Path`, or a path of object storage with the
    same methods. `target` may be None if the manifest has exactly one. `rows` are lists of dicts by the names that
    `for_each` uses; they replace a file of that name. `context` are more names for templates, and `variables` replace
    values of the manifest's variables.

    Raises `ManifestError` with every violation, each with file, line and column; and a `CampaignError` that may be
    retried if an object store fails.
    """
    loader = _Loader(path)
    chosen = loader.target(target)
    expansion = loader.expansion(chosen, rows=rows, context=context, variables=variables)
    campaign = expansion.campaign(str(path))
    loader.settle()
    return campaign


def load_head(path: Any, *, target: str | None = None) -> tuple[str, Target]:
    """The name of the campaign, and its target. Objects, rows and templates are not looked at. Makes no API call."""
    loader = _Loader(path)
    return loader.campaign, loader.chosen(loader.target(target), {})


def load_filled(
    path: Any,
    *,
    target: str | None = None,
    rows: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
) -> dict[Key, Filled]:
    """The objects of `load` with the entries of the manifest that they come from. Makes no API call."""
    loader = _Loader(path)
    expansion = loader.expansion(loader.target(target), rows=rows, context=None, variables=variables)
    expansion.campaign(str(path))
    loader.settle()
    return {each.wanted.key: each for each in expansion.filled}


def validate(
    path: Any,
    *,
    rows: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
) -> list[Campaign]:
    """Check a manifest for all of its targets, without a connection. Makes no API call.

    Returns the campaign of each target. Rows that `for_each` names and that are not given are left out, with the
    objects they would fill; everything else is as in `load`.
    """
    loader = _Loader(path)
    campaigns = [
        loader.expansion(name, rows=rows, context=context, variables=variables, partial=True).campaign(str(path))
        for name in loader.targets
    ]
    loader.settle()
    return campaigns


class _Loader:
    """A manifest that was read and whose form is checked."""

    def __init__(self, path: Any) -> None:
        self._path = Path(path) if isinstance(path, str) else path
        if not hasattr(self._path, "is_dir") or not str(path):
            accepted = f"the path of a folder, or of a file that ends in {', '.join(ENDINGS)}"
            raise ManifestError(_SUBJECT, [Violation("manifest", quoted(path), accepted)])
        self._findings = Findings()
        try:
            is_folder = self._path.is_dir()
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from None
        root = self._path if is_folder else self._path.parent
        # A path as somebody typed it leads there; the absolute path of a machine would only be long.
        typed = isinstance(root, Path) and not root.is_absolute() and root != Path()
        self._prefix = f"{root.as_posix()}/" if typed else ""
        self._files = Files(root, self._findings, self._prefix)
        try:
            node = self._folder() if is_folder else self._file()
        except OSError as error:
            raise self._unreadable(error) from None
        self.settle()
        assert node is not None
        self._node: Node = node
        check_structure(self._node, self._findings)
        self.settle()

    def _unreadable(self, error: Exception) -> ManifestError:
        """The error for a file or a folder that the system does not let us read."""
        expect_store(self._path, error)
        why = getattr(error, "strerror", None) or type(error).__name__
        given = f"{quoted(str(self._path))}, which cannot be read: {why}"
        return ManifestError(_SUBJECT, [Violation("manifest", given, "a readable file or folder")])

    @property
    def targets(self) -> list[str]:
        """The names of the targets."""
        return list(self._node.members["targets"].members)

    def target(self, name: str | None) -> str:
        """The chosen target. Raises `ManifestError` if it is not known, or if several may be meant."""
        known = self.targets
        if name in known:
            return name
        if name is None and len(known) == 1:
            return known[0]
        listed = " or ".join(map(repr, known))
        given = "nothing" if name is None else quoted(name, 80)
        likely = perhaps(near(name, known)) if isinstance(name, str) else ""
        raise ManifestError(_SUBJECT, [Violation("target", given, f"one of its targets, {listed}{likely}")])

    def expansion(
        self,
        name: str,
        *,
        rows: Mapping[str, Any] | None,
        context: Mapping[str, Any] | None,
        variables: Mapping[str, Any] | None,
        partial: bool = False,
    ) -> Expansion:
        """The manifest for one target."""
        target = self.chosen(name, variables or {})
        return Expansion(self._node, target, self._files, self._findings, rows=rows, context=context, partial=partial)

    @property
    def campaign(self) -> str:
        """The name of the campaign."""
        name: str = plain(self._node.members["campaign"])
        return name

    def chosen(self, name: str, variables: Mapping[str, Any]) -> Target:
        """The target of that name. `variables` replace those of the manifest."""
        entry = plain(self._node.members["targets"].members[name])
        own = self._node.members.get("variables")
        declared = {**(plain(own) if own is not None else {}), **(entry.get("variables") or {})}
        for each in variables.keys() - declared.keys():
            accepted = f"a variable of the manifest{perhaps(near(each, declared))}"
            self._findings.add(Violation("variables", f"the variable {quoted(each, 80)}", accepted))
        protected = bool(entry.get("protected"))
        return Target(name, entry["connection"], entry.get("sandbox"), protected, {**declared, **variables})

    def settle(self) -> None:
        """Raise `ManifestError` if anything is wrong."""
        if self._findings.count:
            raise ManifestError(_SUBJECT, self._findings.errors)

    def _file(self) -> Node | None:
        name = self._path.name
        if not name.lower().endswith(ENDINGS):
            accepted = f"a folder, or a file that ends in {', '.join(ENDINGS)}"
            given = quoted(str(self._path))
            if not self._path.exists():
                given, accepted = given + _NO_FILE, accepted + self._files.likely(name, folders=True)
            self._findings.add(Violation("manifest", given, accepted))
            return None
        if not self._path.exists():
            given = quoted(str(self._path)) + _NO_FILE
            self._findings.add(Violation("manifest", given, f"a file{self._files.likely(name)}"))
            return None
        node = self._files.node(name, Origin(self._prefix + name, 1, 1))
        if node is not None and _is_saved(node):
            given, accepted = f"{quoted(str(self._path))}, a saved plan or a state", "a manifest"
            self._findings.add(Violation("manifest", given, f"{accepted}; only an apply takes a saved plan"))
        return node

    def _folder(self) -> Node | None:
        names = sorted(
            each.name
            for each in self._path.iterdir()
            if each.name.lower().endswith(ENDINGS) and not each.name.startswith((".", "_"))
            # A link that leads nowhere is a part that is missing.
            if each.is_file() or not each.exists()
        )
        nodes = {name: self._files.node(name, Origin(self._prefix + name, 1, 1)) for name in names}
        included = self._files.included
        parts = {
            name: node
            for name, node in nodes.items()
            if node is not None and name not in included and not _is_data(name, node)
        }
        if not parts and not self._findings.count:
            accepted = f"a folder with a file that ends in {', '.join(YAML_ENDINGS)}"
            self._findings.add(Violation("manifest", f"the folder {quoted(str(self._path))}", accepted))
        return _merged(parts, self._findings)


def _is_data(name: str, node: Node) -> bool:
    """Whether a file of the folder is a table of rows, or a saved plan: a manifest is not a list, and has no format."""
    if not name.lower().endswith(".json"):
        return False
    return isinstance(node.value, list) or _is_saved(node)


def _is_saved(node: Node) -> bool:
    """Whether a document is a saved plan, or a state."""
    saved = node.members.get("format")
    return saved is not None and str(saved.value).startswith("offers.")


def _merged(parts: Mapping[str, Node], findings: Findings) -> Node | None:
    """One manifest of several files: lists are joined, and everything else is in one file only."""
    members: dict[str, Node] = {}
    names: dict[str, Origin] = {}
    for node in parts.values():
        if not isinstance(node.value, dict):
            accepted = "a mapping with sections of the manifest; a file for `!include` belongs into a folder below"
            findings.add(Violation(str(node.origin), "a file that is not part of a manifest", accepted))
        for name, each in node.members.items():
            members[name] = each if name not in members else _joined(name, members[name], each, node, names, findings)
            names.setdefault(name, node.names[name])
    origin = next((node.origin for node in parts.values()), None)
    return None if origin is None else mapping_of(members, origin, names)


def _joined_lists(one: Node, other: Node) -> Node:
    """Both lists as one. The check of the form says what is wrong with what is no list."""
    if isinstance(one.value, list) and isinstance(other.value, list):
        return list_of([*one.items, *other.items], one.origin)
    return other if isinstance(one.value, list) else one


def _joined(name: str, one: Node, other: Node, node: Node, names: Mapping[str, Origin], findings: Findings) -> Node:
    if name == "apiVersion" and one.value == other.value:
        return one
    if name in SECTIONS or name == "moved":
        return _joined_lists(one, other)
    if name == "external":
        if not (isinstance(one.value, dict) and isinstance(other.value, dict)):
            # The check of the form says what is wrong with it.
            return other if isinstance(one.value, dict) else one
        members = dict(one.members)
        for section, each in other.members.items():
            members[section] = _joined_lists(members[section], each) if section in members else each
        return mapping_of(members, one.origin, {**other.names, **one.names})
    given, accepted = f"{name} in a second file", f"{name} in one file of the folder; it is already at {names[name]}"
    findings.add(Violation(str(node.names[name]), given, accepted))
    return one
