"""Templates with `row`: finds them, and renders them for each row."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import TYPE_CHECKING, Any

from airflow_provider_offers.client.rows.table import Row

if TYPE_CHECKING:
    import jinja2

# The name of the row in templates.
ROW = "row"
# The message about an expression without a value in a longer text.
NONE = "an expression in it is None, as an empty cell is"
# The message about the row itself in a longer text.
WHOLE = "an expression in it is the whole row"
# The message about a number that is none, as Parquet files have it in place of an empty cell.
NAN = "an expression in it is NaN, as an empty cell of a column of numbers may be"
# The message about bytes, as databases and Parquet files have them in binary columns.
BYTES = "an expression in it is bytes"
_VALUE = "value_of_the_template"
_INSTEAD = {
    NONE: "a value, or another one for an empty cell: {{ row.name or '-' }}",
    NAN: "a value",
    BYTES: "text; convert the column where the rows are read",
    WHOLE: "one of its cells, such as {{ row.name }}",
}


def remedy(why: str, *, has_row: bool = True) -> str:
    """What is expected in place of a template that ends in that error, for a row or without rows."""
    return _INSTEAD.get(why, "a template that renders for every row" if has_row else "a template that renders")


class RowTemplate(str):
    """Text that is rendered for each row. All other text is final, even if it looks like a template."""

    __slots__ = ()


class RowDocument(RowTemplate):
    """JSON text that is rendered as a whole for each row, with templates outside of its strings."""

    __slots__ = ()


class PerRow(list[Any]):
    """The values of one template: one for each row."""


def uses_row(text: str, env: jinja2.Environment) -> bool:
    """Whether the text is a template that uses the row."""
    from jinja2 import TemplateSyntaxError, meta

    if ROW not in text:
        return False
    try:
        return ROW in meta.find_undeclared_variables(env.parse(text))
    except TemplateSyntaxError:
        return False


def cells_of(text: str, env: jinja2.Environment) -> list[str]:
    """The columns whose cells the template writes as they are, such as `sku` in `{{ row.sku }}`."""
    from jinja2 import TemplateSyntaxError, nodes

    try:
        tree = env.parse(text)
    except TemplateSyntaxError:
        return []
    written = (each for output in tree.body if isinstance(output, nodes.Output) for each in output.nodes)
    return [name for each in written if (name := _cell(each)) is not None]


def _cell(expression: Any) -> str | None:
    """The column, if the expression is a cell of the row and nothing else."""
    from jinja2 import nodes

    match expression:
        case nodes.Getattr(node=nodes.Name(name="row"), attr=str(column)):
            return column
        case nodes.Getitem(node=nodes.Name(name="row"), arg=nodes.Const(value=str(column))):
            return column
    return None


def waits(value: Any) -> bool:
    """Whether the value needs a row, at any depth."""
    if isinstance(value, Mapping):
        return any(map(waits, value.values()))
    if isinstance(value, (list, tuple, set)):
        return any(map(waits, value))
    return isinstance(value, RowTemplate)


class RowTemplates:
    """Renders templates, each compiled once.

    A template of one expression keeps the type of its value, whether or not the environment is a native one. In a
    longer text, an expression that is None raises `jinja2.UndefinedError`, as an unknown name does.
    """

    def __init__(self, env: jinja2.Environment) -> None:
        # An environment with its own `finalize` defines how None is rendered.
        self._env = env.overlay(finalize=env.finalize or in_text)
        self._compiled: dict[str, tuple[jinja2.Template, dict[str, Any], bool]] = {}
        self._parsed: dict[str, Any] = {}

    def value(self, text: str, names: Mapping[str, Any]) -> Any:
        """The value of a template of one expression; any other template renders to text."""
        template, known, is_expression = self._template(text)
        inner = self._env.context_class(self._env, {**known, **names}, template.name, template.blocks)
        pieces = list(template.root_render_func(inner))
        return plain_value(inner.vars[_VALUE]) if is_expression else "".join(map(str, pieces))

    def unknown(self, text: str) -> frozenset[str]:
        """The names that a template uses and that the environment does not define.

        Raises `jinja2.TemplateSyntaxError`.
        """
        from jinja2 import meta

        tree = self._parsed[text] = self._env.parse(text)
        return frozenset(meta.find_undeclared_variables(tree) - self._env.globals.keys())

    def text(self, text: str, names: Mapping[str, Any]) -> str:
        """The rendered text of a template."""
        return str(in_text(self.value(text, names)))

    def _template(self, text: str) -> tuple[jinja2.Template, dict[str, Any], bool]:
        """The compiled template, the names that are known in every template, and whether it is one expression."""
        from jinja2 import nodes

        if text not in self._compiled:
            tree = self._parsed.pop(text, None) or self._env.parse(text)
            only = tree.body[0].nodes if len(tree.body) == 1 and isinstance(tree.body[0], nodes.Output) else []
            is_expression = len(only) == 1 and not isinstance(only[0], nodes.TemplateData)
            if is_expression:
                tree = nodes.Template([nodes.Assign(nodes.Name(_VALUE, "store"), only[0], lineno=1)], lineno=1)
                tree.set_environment(self._env)
            template = self._env.from_string(tree)
            self._compiled[text] = (template, dict(template.globals), is_expression)
        return self._compiled[text]


def plain_value(value: Any) -> Any:
    """The value of a template that is one expression. Raises `jinja2.UndefinedError` for an unknown name."""
    from jinja2 import Undefined

    if isinstance(value, Undefined):
        # It raises an error for an unknown name, unless the environment allows it.
        return str(value) or None
    return value.as_dict() if isinstance(value, Row) else value


def in_text(value: Any) -> Any:
    """The value of an expression in a longer text.

    Raises `jinja2.UndefinedError` for None, NaN, bytes and a whole row.
    """
    from jinja2 import UndefinedError

    if value is None:
        raise UndefinedError(NONE)
    if isinstance(value, Row):
        raise UndefinedError(WHOLE)
    if isinstance(value, float) and isnan(value):
        raise UndefinedError(NAN)
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise UndefinedError(BYTES)
    return value
