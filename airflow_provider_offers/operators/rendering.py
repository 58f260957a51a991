"""The rendering of one task's fields: None is not a name, files contain JSON, and errors are collected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.model.literals import parsed
from airflow_provider_offers.client.model.query import PARAMETERS, SearchParameters, names
from airflow_provider_offers.client.text import damage_in, damage_of, legible, quoted
from airflow_provider_offers.operators import adobe, files
from airflow_provider_offers.operators.carrying import uncarriable
from airflow_provider_offers.operators.expressions import is_of_the_template, or_none, takes_context, telling

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context

# Fields whose templates may render to nothing and are then absent. Every other field needs a value.
_SEARCH = names(SearchParameters)
_OPTIONAL = frozenset(
    (
        *(*_SEARCH, "window", "end", "duration", "timezone", "waive", "item_count", "context_data", "scopes"),
        *("columns", "report"),
    )
)
# Fields of words, of which a template may render a list. No such word begins like a list.
_LISTS = frozenset(("fields", "order_by", "properties", "status", "waive"))
# Fields that limit the work of a task: without them, the task may do more than intended.
_NARROWING = frozenset(name for name in _SEARCH if PARAMETERS[name].narrows)
# The texts of a template that renders to nothing.
_NOTHING = ("", "None", "null", "Undefined")
# The properties of a document that refer to other objects, with plain names.
_REFERENCES = frozenset(
    ("placement", "placements", "eligibilityRule", "tags", "function", "rankingStrategy", "ids", "filter", "fallback")
)
# Below these, the author chooses the names.
_FREE = frozenset(("characteristics", "definedOn", "contextData", *adobe.CONTENT))
ABSENT = object()
_BROKEN = "A template cannot be rendered"
# The name of a row in templates.
_ROW = "row"

RAW = "{% raw %}...{% endraw %} around Adobe's own templates"
KEEP_ADOBES = f"keep_adobe_templates=True, or {RAW}"


class Rendering:
    """The rendering of one task's fields. `findings` are errors by subject; nothing is raised."""

    def __init__(self, task: Any, context: Context, env: jinja2.Environment, seen: set[int]) -> None:
        self.findings: list[tuple[str, Violation]] = []
        self.warnings: list[str] = []
        # Templates by the pointer or field of their values.
        self.origins: dict[str, str] = {}
        self._task = task
        self._context = context
        self._env = env.overlay(undefined=telling(env.undefined, (*context, *env.globals)))
        self._finalizing = self._env.overlay(finalize=env.finalize or or_none)
        self._seen = seen
        self._spared: set[tuple[str, tuple[Any, ...]]] = set()
        self._compiled: dict[str, jinja2.Template] = {}

    def error(self) -> InvalidInputError:
        """All findings."""
        subjects = list(dict.fromkeys(subject for subject, _ in self.findings))
        subject = subjects[0] if len(subjects) == 1 else "The task's templates and files cannot be used"
        return InvalidInputError(subject, [violation for _, violation in self.findings])

    def told(self, violation: Violation) -> Violation:
        """The violation, with the template of its value."""
        if violation.pointer not in self.origins:
            return violation
        given = f"{violation.given}, from the template {self.origins[violation.pointer]!r}"
        return Violation(violation.pointer, given, violation.expected)

    def field(self, name: str, value: Any) -> Any:
        """A rendered field; unchanged if it has an error."""
        if value is None or (isinstance(value, (str, tuple)) and not value):
            return value
        found = len(self.findings)
        try:
            rendered = self._field(name, value)
            for tokens, given, accepted in uncarriable(rendered):
                self._found("A value cannot be used", Violation(_place(name, tokens), given, accepted))
        except RecursionError:
            self._found(_BROKEN, Violation(name, "a value with too many levels", "a value with fewer levels"))
        if len(self.findings) == found:
            return rendered
        # Airflow sends the fields to its supervisor before `execute` can raise the error.
        return value if next(uncarriable(value), None) is None else quoted(value)

    def _field(self, name: str, value: Any) -> Any:
        import jinja2
        from airflow.sdk import XComArg

        if isinstance(value, jinja2.Undefined):
            return self._nothing(name, (), repr(value), None)
        if callable(value) and not isinstance(value, type):
            if not takes_context(value):
                given = f"the function {getattr(value, '__qualname__', type(value).__name__)}"
                accepted = "a function with the parameters context and jinja_env"
                self._found(_BROKEN, Violation(name, given, accepted))
                return None
            value = value(context=self._context, jinja_env=self._env)
        if name in self._task.json_fields and files.names_a_file(value, self._task.template_ext):
            return self._file(name, value, (), is_template=id(value) not in self._seen)
        if name in self._task.json_fields and isinstance(value, str) and id(value) not in self._seen:
            rendered = self._document_text(name, value, ())
        else:
            rendered = self.value(value, name, ())
        if isinstance(value, XComArg) and is_nothing(rendered):
            return self._nothing(name, (), value, rendered)
        if name in _LISTS and isinstance(value, str) and rendered is not value:
            rendered = _list_in(rendered)
        if name in _LISTS and _is_empty_list(rendered) and (rendered is not value or name in _NARROWING):
            # A list whose entries rendered nothing has a warning for each of them.
            return None if isinstance(value, list) and value else self._nothing(name, (), value, rendered)
        return self._files_of(name, rendered) if name in self._task.json_fields else rendered

    def _files_of(self, name: str, value: Any) -> Any:
        """Read the files in a field, or in the items of its list, after rendering."""
        if files.names_a_file(value, self._task.template_ext):
            return self._file(name, value, (), is_template=False)
        if isinstance(value, (list, tuple)):
            return [
                self._file(name, each, (index,), is_template=False)
                if files.names_a_file(each, self._task.template_ext)
                else each
                for index, each in enumerate(value)
            ]
        return value

    def value(self, value: Any, field: str, tokens: tuple[Any, ...]) -> Any:
        """A value in a field, rendered as in Airflow; `ABSENT` if an optional value is empty."""
        if id(value) in self._seen:
            return value
        if isinstance(value, str):
            return self._leaf(value, field, tokens)
        if isinstance(value, dict):
            if any(adobe.plain(key) == "deliveryURL" and each for key, each in value.items()):
                # Such a component has something to show without its own content.
                self._spared.add((field, tokens))
            self._warn_of_names(value, field, tokens)
            members = {key: self.value(each, field, (*tokens, key)) for key, each in value.items()}
            return {key: each for key, each in members.items() if each is not ABSENT}
        if type(value) in (list, tuple, set):
            items = [self.value(each, field, (*tokens, index)) for index, each in enumerate(value)]
            return type(value)(each for each in items if each is not ABSENT)
        return self._object(value, field, tokens)

    def _warn_of_names(self, value: dict[Any, Any], field: str, tokens: tuple[Any, ...]) -> None:
        """Warn of templates in the names of an object's members."""
        for name in value:
            if isinstance(name, str) and self._is_template(name):
                place = _place(field, (*tokens, name))
                self.warnings.append(f"{place}: the name {_short(name)!r} stays as it is; Airflow renders values only")

    def _object(self, value: Any, field: str, tokens: tuple[Any, ...]) -> Any:
        import os

        import jinja2

        if isinstance(value, jinja2.Undefined):
            # The text of a strict one, and each comparison with it, is an error.
            return self._nothing(field, tokens, repr(value), None)
        if not isinstance(value, os.PathLike) and hasattr(value, "resolve"):
            return value.resolve(self._context)
        if hasattr(value, "template_fields"):
            self._task._render_nested_template_fields(value, self._context, self._env, self._seen)
        return value

    def _leaf(self, text: str, field: str, tokens: tuple[Any, ...]) -> Any:
        """One text, rendered."""
        if not self._is_template(text):
            return text
        if self._waits_for_row(text, field, tokens):
            from airflow_provider_offers.client.rows.rendering import RowTemplate

            return RowTemplate(text)
        found = len(self.findings)
        if self._task.keep_adobe_templates and self._is_content(field, tokens):
            rendered: Any = "".join(
                str(self._rendered(piece, field, tokens)) if is_airflows else piece
                for is_airflows, piece in adobe.pieces(text, self._env, self._known)
            )
        else:
            rendered = self._rendered(text, field, tokens)
        if len(self.findings) > found:
            return rendered
        if is_nothing(rendered):
            return self._nothing(field, tokens, text, rendered)
        place = pointer(tokens) or field
        self.origins[place] = text
        if isinstance(rendered, str) and (damage := self._damage_of_template(rendered, text, field, tokens)):
            where = _place(field, tokens)
            self.warnings.append(f"{where}: the template {text!r} rendered {rendered!r}; {damage}")
        return rendered

    def _damage_of_template(self, rendered: str, text: str, field: str, tokens: tuple[Any, ...]) -> str:
        """What a program seems to have done to a name, or to a part of a content or of a characteristic.

        The checks of the document find a whole text that is damaged.
        """
        if self._is_content(field, tokens) and self._names(field, tokens):
            # Content may be JSON, and so may have a null.
            return damage_of("None") if "None" in rendered and "None" not in text else ""
        if field == "rows" and rendered.lstrip().startswith("["):
            # Its cells are checked where they are used; a null is an empty one.
            return ""
        is_own = field in self._task.json_fields and "characteristics" in map(adobe.plain, tokens)
        if field in _NARROWING or self._names(field, tokens) or (is_own and not damage_of(rendered)):
            return damage_in(rendered, text)
        return ""

    def _rendered(self, text: str, field: str, tokens: tuple[Any, ...]) -> Any:
        """The result of a template: text, or with native rendering the value of its expression."""
        import jinja2

        try:
            return self._render(text)
        except jinja2.TemplateSyntaxError as error:
            self._broken(text, field, tokens, error.message or "it is not a template")
        except jinja2.UndefinedError as error:
            self._broken(text, field, tokens, error.message or "something is undefined")
        except jinja2.TemplateNotFound as error:
            self._broken(text, field, tokens, f"it includes {error.name!r}, which does not exist")
        except Exception as error:
            if not is_of_the_template(error):
                # A macro of the author's, or Airflow: what it does may succeed in the next try.
                raise
            self._broken(text, field, tokens, f"{type(error).__name__}: {legible(str(error))}")
        return text

    def _render(self, text: str) -> Any:
        import copy

        from jinja2.nativetypes import NativeEnvironment

        env = self._finalizing
        template = self._compiled.get(text)
        if template is None:
            template = self._compiled[text] = env.from_string(text)
        # As in Airflow: resolving the whole context would log deprecation warnings.
        context: Any = copy.copy(self._context)
        context.update((key, value) for key, value in template.globals.items() if key not in context)
        nodes = list(template.root_render_func(env.context_class(env, context, template.name, template.blocks)))
        if isinstance(env, NativeEnvironment) and len(nodes) == 1:
            only: Any = nodes[0]
            if isinstance(only, env.undefined):
                str(only)
            return only
        return "".join(map(str, nodes))

    def _broken(self, text: str, field: str, tokens: tuple[Any, ...], why: str) -> None:
        accepted = "a template of Airflow's"
        if (
            why.partition(";")[0] in (f"'{each}' is undefined" for each in (_ROW, "Row", "rows"))
            and self._task.row_fields
        ):
            accepted += f"; with `rows`, {', '.join(self._task.row_fields)} may use `row`"
        elif self._is_content(field, tokens) or adobe.looks_like_adobes(text):
            accepted += f"; {KEEP_ADOBES if self._task.can_keep_adobe_templates else RAW}"
        given = f"the template {_short(text)!r}, which ends in an error: {why}"
        self._found(_BROKEN, Violation(_place(field, tokens), given, accepted))

    def _document_text(self, field: str, text: str, tokens: tuple[Any, ...], name: str | None = None) -> Any:
        """Rendered JSON text of a field or a file: each string separately, or the whole text if it is only JSON then.

        `name` is that of the file.
        """
        try:
            document = parsed(text)
        except ValueError:
            document = None
        if not isinstance(document, (dict, list)):
            return self._whole(field, text, tokens, name)
        before = len(self.findings)
        rendered = self.value(document, field, tokens)
        broken = [subject == _BROKEN for subject, _ in self.findings[before:]]
        if broken and all(broken) and not self._task.keep_adobe_templates:
            # A template can begin in one string and end in another.
            findings, self.findings = self.findings, self.findings[:before]
            whole = self._whole(field, text, tokens, name)
            if len(self.findings) == before:
                return whole
            self.findings = findings
        return rendered

    def _whole(self, field: str, text: str, tokens: tuple[Any, ...], name: str | None) -> Any:
        def render(part: str) -> str:
            return str(self._rendered(part, field, tokens))

        begins = text.lstrip()
        if name is None and (not begins.startswith(("{", "[")) or begins.startswith(("{{", "{%", "{#"))):
            return self._leaf(text, field, tokens)
        if self._waits_for_rows(field) and self._uses_row_as_a_whole(text):
            from airflow_provider_offers.client.rows.rendering import RowDocument

            return RowDocument(text)
        rendered = self._around(text, render)
        if name is None:
            return rendered
        try:
            return parsed(rendered)
        except ValueError as error:
            given = f"the file {name!r}, which is not JSON after rendering: {error}"
            self._found("A file cannot be read", Violation(_place(field, tokens), given, "a file of JSON"))
            return None

    def _around(self, text: str, render: Callable[[str], str]) -> str:
        """JSON text, rendered as a whole; Adobe's templates stay if they are to be kept."""
        if self._task.keep_adobe_templates:
            return adobe.render_around(text, self._env, self._known, render)
        return render(text)

    def _waits_for_rows(self, field: str) -> bool:
        return self._task.rows is not None and field in self._task.row_fields and _ROW not in self._context

    def _waits_for_row(self, text: str, field: str, tokens: tuple[Any, ...]) -> bool:
        """Whether a text is rendered later, once for each row."""
        if not self._waits_for_rows(field):
            return False
        if self._task.keep_adobe_templates and self._is_content(field, tokens):
            parts = [piece for is_airflows, piece in adobe.pieces(text, self._env, self._known) if is_airflows]
        else:
            parts = [text]
        return self._uses_row(parts)

    def _uses_row_as_a_whole(self, text: str) -> bool:
        parts: list[str] = []

        def noted(part: str) -> str:
            parts.append(part)
            return part

        self._around(text, noted)
        return self._uses_row(parts)

    def _uses_row(self, texts: Sequence[str]) -> bool:
        from airflow_provider_offers.client.rows.rendering import uses_row

        return any(uses_row(text, self._env) for text in texts)

    def _file(self, field: str, given: Any, tokens: tuple[Any, ...], *, is_template: bool) -> Any:
        """The rendered content of a file; its name can be a template."""
        found = len(self.findings)
        if is_template and isinstance(given, str):
            rendered = self._leaf(given, field, tokens)
        elif is_template and self._is_template(str(given)):
            rendered = type(given)(self._leaf(str(given), field, tokens))
        else:
            rendered = given
        if len(self.findings) > found or not files.names_a_file(rendered, self._task.template_ext):
            return rendered
        try:
            text = files.read(_place(field, tokens), rendered, self._env, self._task.template_ext)
        except InvalidInputError as error:
            self.findings += [(error.subject, violation) for violation in error.violations]
            return None
        return self._document_text(field, text, tokens, str(rendered))

    def _nothing(self, field: str, tokens: tuple[Any, ...], template: Any, rendered: Any) -> Any:
        """A template that rendered nothing is an error for a name; elsewhere its value is absent."""
        if self._names(field, tokens):
            place = _place(field, tokens)
            given = f"the template {_short(str(template))!r}, which rendered {rendered!r}"
            accepted = "a template that renders a value" if tokens else f"a template that renders the {field}"
            self._found("A template renders nothing", Violation(place, given, accepted))
            return template
        if field in _NARROWING:
            place = _place(field, tokens)
            is_template = not isinstance(template, (list, tuple))
            why = f"the template {_short(str(template))!r} rendered nothing" if is_template else "the list is empty"
            self.warnings.append(f"{place}: {why}, so {place} has no effect")
        if not tokens:
            return None
        return rendered if rendered == "" else ABSENT

    def _names(self, field: str, tokens: tuple[Any, ...]) -> bool:
        """Whether the place needs a value: an object, a sandbox, or another required name."""
        if field == "rows" and tokens:
            # A cell of a row in the DAG's code.
            return False
        if field not in self._task.json_fields or not tokens:
            return field not in _OPTIONAL
        names = [adobe.plain(token) for token in tokens if isinstance(token, str) and token != "_instance"]
        if field == "profile" or (field == "patch" and len(names) == 1):
            return True
        if field == "scopes":
            return names[-1:] not in (["item_count"], ["itemCount"])
        if field == "patch":
            names = names[1:]
        if names[-1:] == ["content"]:
            return (field, tokens[:-1]) not in self._spared
        return field != "context_data" and (names == ["name"] or _refers(names))

    def _is_content(self, field: str, tokens: tuple[Any, ...]) -> bool:
        return field in self._task.json_fields and adobe.is_content(tokens)

    def _is_template(self, text: str) -> bool:
        env = self._env
        if env.line_statement_prefix or env.line_comment_prefix:
            return True
        return any(
            mark in text for mark in (env.variable_start_string, env.block_start_string, env.comment_start_string)
        )

    @property
    def _known(self) -> set[str]:
        """The names that Airflow's templates can begin with: those of the context, and the DAG's own macros."""
        from jinja2.defaults import DEFAULT_NAMESPACE

        own = {_ROW} if self._task.rows is not None else set()
        return {*self._context, *own, *(name for name in self._env.globals if name not in DEFAULT_NAMESPACE)}

    def _found(self, subject: str, violation: Violation) -> None:
        self.findings.append((subject, violation))


def _list_in(rendered: Any) -> Any:
    """The list of which a template rendered the text, as JSON or as a Python literal; any other value as it is."""
    if not isinstance(rendered, str) or not rendered.lstrip().startswith(("[", "(")):
        return rendered
    try:
        found = parsed(rendered)
    except ValueError:
        return rendered
    return found if isinstance(found, list) else rendered


def _is_empty_list(rendered: Any) -> bool:
    """Whether it is a list, or a sequence of Airflow's, without an entry."""
    return isinstance(rendered, Sequence) and not isinstance(rendered, (str, bytes)) and len(rendered) == 0


def is_nothing(rendered: Any) -> bool:
    """Whether a template rendered None, Undefined or nothing, also as text."""
    import jinja2

    if rendered is None or isinstance(rendered, jinja2.Undefined):
        return True
    return isinstance(rendered, str) and rendered.strip() in _NOTHING


def pointer(tokens: Sequence[Any]) -> str:
    """The JSON pointer of a place in a document."""
    from airflow_provider_offers.client.model.spelling import join_pointer

    return join_pointer(tokens)


def _place(field: str, tokens: Sequence[Any]) -> str:
    return f"{field}{pointer(tokens)}"


def _refers(names: Sequence[str]) -> bool:
    return bool(names) and names[-1] in _REFERENCES and not _FREE.intersection(names[:-1])


def _short(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:117]}..."
