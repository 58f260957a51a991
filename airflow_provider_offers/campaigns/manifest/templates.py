"""Renders the templates of a manifest: Jinja in a sandbox, where every name has to be known."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from airflow_provider_offers.campaigns.manifest.findings import Findings
from airflow_provider_offers.campaigns.manifest.nodes import Node
from airflow_provider_offers.client.model.likeness import near, perhaps
from airflow_provider_offers.client.model.spelling import escape_token
from airflow_provider_offers.client.rows.rendering import (
    NONE,
    ROW,
    RowTemplates,
    cells_of,
    in_text,
    plain_value,
    remedy,
)
from airflow_provider_offers.client.text import legible, listed, quoted

if TYPE_CHECKING:
    from jinja2 import TemplateError
    from jinja2.sandbox import SandboxedEnvironment

# The value of a template that renders to nothing: the member is left out.
ABSENT: Any = object()
RAW = "{% raw %}...{% endraw %} around text that Adobe renders, or `templates: false` on the object"
# The service refuses objects of much fewer characters.
MAX_TEXT = 1_000_000
# The maximum number of names in a message.
_NAMED = 12
# An expression that is only a path. Jinja reads three braces in another way.
_PATH = re.compile(r"(?<!\{)\{\{\s*([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)\s*\}\}(?!\})", re.ASCII)
# What a task instance and a task offer, and what leads to all names of Airflow.
_WITHHELD = frozenset({"get_template_context", "get_template_env", "render_template", "render_template_fields"})
_BEGINNINGS = ("{{", "{%", "{#")


class Names:
    """A group of names in templates, such as `var`. An unknown name is an error that says which ones exist.

    The error about a name in `elsewhere` has the words `where` in it.
    """

    __slots__ = ("__elsewhere", "__group", "__known", "__noun", "__where")

    def __init__(
        self, group: str, noun: str, known: Mapping[str, Any], elsewhere: Collection[str] = (), where: str = ""
    ) -> None:
        self.__group, self.__noun, self.__known = group, noun, known
        self.__elsewhere, self.__where = elsewhere, where

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: Any) -> Any:
        if self.__known.get(name) is not None:
            return self.__known[name]
        from jinja2 import StrictUndefined

        where = self.__where if name in self.__elsewhere else ""
        if name in self.__known:
            why = f"the {self.__noun} {quoted(name, 80)} has no value{where}"
        else:
            likely = perhaps(near(name, self.__known)) if isinstance(name, str) else ""
            known = f"; known are {', '.join(map(legible, self.__known)) or 'none'}"
            why = f"there is no {self.__noun} {quoted(name, 80)}{where}{likely or known}"
        return StrictUndefined(why, name=str(name))

    def __contains__(self, name: object) -> bool:
        return name in self.__known

    def __iter__(self) -> Iterator[str]:
        return iter(self.__known)

    def __len__(self) -> int:
        return len(self.__known)

    def __str__(self) -> str:
        from jinja2 import UndefinedError

        raise UndefinedError(f"an expression in it is the whole of `{self.__group}`")

    def as_dict(self) -> dict[str, Any]:
        """The values by their names."""
        return dict(self.__known)


@dataclass(frozen=True, slots=True)
class _Path:
    """An expression such as `row.name`."""

    name: str
    attributes: tuple[str, ...]


def _environment() -> SandboxedEnvironment:
    """Jinja in a sandbox, which also keeps a manifest from leaving Airflow's names: a plan must hold no secret.

    A module shows its own modules only, not those that it has imported, such as `os`. A task instance does not give
    Airflow's whole context, which has connections.
    """
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Environment(ImmutableSandboxedEnvironment):
        def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
            if isinstance(value, ModuleType) and isinstance(obj, ModuleType) and not _belongs(value, obj):
                return False
            return attr not in _WITHHELD and super().is_safe_attribute(obj, attr, value)

    return Environment(undefined=StrictUndefined, keep_trailing_newline=True)


def _belongs(module: ModuleType, to: ModuleType) -> bool:
    """Whether a module is part of another, or one that Airflow's macros offer."""
    return to.__name__.endswith(".macros") or module.__name__.startswith(f"{to.__name__}.")


class Templates:
    """Renders nodes with names. Each template is compiled once."""

    def __init__(self, findings: Findings) -> None:
        self._env = _environment()
        self._templates = RowTemplates(self._env)
        self._findings = findings
        self._unknown: dict[str, frozenset[str] | str] = {}
        self._pieces: dict[str, Sequence[str | _Path] | None] = {}
        self._final: dict[int, tuple[Node, Any]] = {}
        self._rendered_count = 0

    def render(self, node: Node, names: Mapping[str, Any], pointer: str = "", row: str = "") -> Any:
        """The plain value of a node; `ABSENT` if it is a template that renders to nothing.

        Members and items without a value are left out. Errors become findings.
        """
        if id(node) in self._final:
            return self._final[id(node)][1]
        value, before = node.value, self._rendered_count
        rendered = self._inside(value, node, names, pointer, row)
        if self._rendered_count == before:
            # Nothing below is a template, so every row has this value. The node stays alive with its id.
            self._final[id(node)] = node, rendered
        return rendered

    def _inside(self, value: Any, node: Node, names: Mapping[str, Any], pointer: str, row: str) -> Any:
        if isinstance(value, dict):
            members = {
                name: self.render(each, names, f"{pointer}/{escape_token(name)}", row) for name, each in value.items()
            }
            return {name: each for name, each in members.items() if each is not ABSENT}
        if isinstance(value, list):
            items = [self.render(each, names, f"{pointer}/{index}", row) for index, each in enumerate(value)]
            return [each for each in items if each is not ABSENT]
        if not is_template(value):
            return value
        self._rendered_count += 1
        rendered = self._rendered(value, node, names, pointer, row)
        if isinstance(rendered, str) and len(rendered) > MAX_TEXT:
            given = f"the template {quoted(value, 120)}, which renders to {len(rendered):,} characters"
            self._findings.tell(node.origin, given, f"at most {MAX_TEXT:,} characters", pointer, row)
            return ABSENT
        rendered = rendered.as_dict() if isinstance(rendered, Names) else rendered
        return ABSENT if rendered is None or rendered == "" else rendered

    def _rendered(self, text: str, node: Node, names: Mapping[str, Any], pointer: str, row: str) -> Any:
        from jinja2 import TemplateError

        def broken(why: str, accepted: str) -> Any:
            given = f"the template {quoted(text, 120)}, which ends in an error: {why}"
            self._findings.tell(node.origin, given, accepted, pointer, row)
            return ABSENT

        found = self._simple(text)
        if found is not None and all(each.name in names for each in found if isinstance(each, _Path)):
            try:
                return self._joined(found, names)
            except TemplateError as error:
                return broken(*self._told(error, text, names))
        unknown = self._undeclared(text)
        if isinstance(unknown, str):
            return broken(unknown, f"a Jinja template; {RAW}")
        for name in sorted(unknown - names.keys()):
            return broken(*self._unknown_name(name, names))
        try:
            return self._templates.value(text, names)
        except TemplateError as error:
            return broken(*self._told(error, text, names))
        except Exception as error:  # noqa: BLE001  an expression of the author's
            return broken(f"{type(error).__name__}: {error}", remedy("", has_row=ROW in names))

    def _told(self, error: TemplateError, text: str, names: Mapping[str, Any]) -> tuple[str, str]:
        why = error.message or type(error).__name__
        return f"{why}{self._empty_cells(text, names) if why == NONE else ''}", remedy(why, has_row=ROW in names)

    def _simple(self, text: str) -> Sequence[str | _Path] | None:
        """The pieces of a template of nothing but paths such as `row.name`; None for any other.

        Compiling thousands of templates takes longer than everything else about them.
        """
        if text not in self._pieces:
            pieces: list[str | _Path] = []
            end = 0
            for match in _PATH.finditer(text):
                pieces += [text[end : match.start()], _Path(match[1], tuple(match[2].split(".")[1:]))]
                end = match.end()
            pieces.append(text[end:])
            rest = [each for each in pieces if isinstance(each, str)]
            simple = "\r" not in text and not any(map(is_template, rest))
            self._pieces[text] = [each for each in pieces if each != ""] if simple else None
        return self._pieces[text]

    def _joined(self, pieces: Sequence[str | _Path], names: Mapping[str, Any]) -> Any:
        """What Jinja makes of the pieces."""
        values = [each if isinstance(each, str) else self._at(each, names) for each in pieces]
        if len(values) == 1:
            return plain_value(values[0])
        return "".join(str(in_text(each)) for each in values)

    def _at(self, path: _Path, names: Mapping[str, Any]) -> Any:
        value = names[path.name]
        for each in path.attributes:
            value = self._env.getattr(value, each)
        return value

    def cells(self, value: Any) -> list[str]:
        """The columns whose cells a template writes as they are."""
        return cells_of(value, self._env) if is_template(value) else []

    def _undeclared(self, text: str) -> frozenset[str] | str:
        """The names that a template uses, or a sentence that says why it is not a template."""
        from jinja2 import TemplateSyntaxError

        if text not in self._unknown:
            try:
                self._unknown[text] = self._templates.unknown(text)
            except TemplateSyntaxError as error:
                self._unknown[text] = error.message or "it is not a template"
        return self._unknown[text]

    def _unknown_name(self, name: str, names: Mapping[str, Any]) -> tuple[str, str]:
        if name == ROW:
            return "'row' is not known here", "`for_each` on the object, whose rows `row` is then"
        likely = perhaps(near(name, [*names, ROW]))
        # Ours first: an operator's context has many more.
        known = sorted(names, key=lambda each: each not in ("var", "target", ROW))
        return f"{name!r} is not known", f"one of the names {listed(known, _NAMED)}{likely}; {RAW}"

    def _empty_cells(self, text: str, names: Mapping[str, Any]) -> str:
        row = names.get(ROW)
        empty = [] if row is None else [name for name in cells_of(text, self._env) if row[name] is None]
        return f" ({', '.join(quoted(each, 80) for each in dict.fromkeys(empty))})" if empty else ""


def is_template(value: Any) -> bool:
    """Whether a value is text that Jinja changes."""
    return isinstance(value, str) and any(each in value for each in _BEGINNINGS)
