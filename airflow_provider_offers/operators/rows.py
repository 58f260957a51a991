"""Rows as input: reads them for a task, and fills each into the templates of the task's fields."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.model.literals import parsed
from airflow_provider_offers.client.text import damage_in, damage_of, quoted
from airflow_provider_offers.operators import adobe, files, reports
from airflow_provider_offers.operators.carrying import uncarriable
from airflow_provider_offers.operators.documents import listed_document
from airflow_provider_offers.operators.rendering import Rendering, pointer

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_offers.client.rows.table import Table
    from airflow_provider_offers.operators.creating import CreateOperator

_SUBJECT = "The rows cannot be used"


class FilledIn:
    """The documents of a task's rows, and their names in messages."""

    def __init__(self, table: Table, documents: list[Any], origins: Mapping[str, str]) -> None:
        self._table = table
        self._documents = documents
        self._origins = origins

    def place(self, index: int, documents: Any) -> str:
        """The row of the document at an index. If an earlier try had other rows, only the row's number."""
        return self._table.place(index) if documents is self._documents else f"row {index + 1}"

    def told(self, violation: Violation) -> Violation:
        """A violation of one document, with the template that the value comes from."""
        template = self._origins.get(violation.pointer)
        if template is None:
            return violation
        given = f"{violation.given}, from the template {quoted(template, 120)}"
        return Violation(violation.pointer, given, violation.expected)


def fill_in(task: CreateOperator, context: Context) -> FilledIn:
    """Render each field with `row` for each row; the document becomes a list.

    Raises `InvalidInputError` with all errors in the rows and in their templates.
    """
    from airflow_provider_offers.client.rows.rendering import PerRow, waits

    table = _table(task)
    _check_document(task)
    waiting = {name: getattr(task, name) for name in task.row_fields if waits(getattr(task, name))}
    origins = {f"{name}{place}": each for name in waiting for place, each in _origins(waiting[name]).items()}
    if not table.rows:
        _check_columns(table, origins, task)
    rendering = RowRendering(task, context, table)
    filled: dict[str, PerRow] = {name: PerRow() for name in waiting}
    wrong: list[tuple[int, Violation]] = []
    for index, row in enumerate(table):
        if index == 0:
            task.sample_row = row
        values, violations = rendering.filled(row, waiting)
        wrong += [(index, violation) for violation in violations]
        for name, value in values.items():
            filled[name].append(value)
    if wrong:
        raise InvalidInputError(_SUBJECT, together(wrong, table.place))
    rendering.warn_of_damage()
    for name, made in filled.items():
        setattr(task, name, list(made) if name == task.document_field else made)
    _tell(task, table)
    return FilledIn(table, getattr(task, task.document_field), _in_messages(origins, task.document_field))


def _check_document(task: CreateOperator) -> None:
    """Refuse a list of documents, and a document that is the same for every row."""
    from airflow_provider_offers.client.rows.rendering import waits

    template = getattr(task, task.document_field)
    if isinstance(template, (list, tuple)):
        raise InvalidInputError(_SUBJECT, [Violation(task.document_field, "a list", "one document, for every row")])
    if not waits(template):
        accepted = "one document with templates that use `row`, such as {{ row.name }}, so that each differs"
        raise InvalidInputError(_SUBJECT, [Violation(task.document_field, "no column of the rows", accepted)])


def _tell(task: CreateOperator, table: Table) -> None:
    """Log how many rows there are."""
    if table.rows:
        source = f" of {table.source}" if table.lines else ""
        task.log.info("Filled %d rows%s into the %s", len(table), source, task.document_field)
    else:
        task.log.warning("There are no rows, so nothing is created")


def _check_columns(table: Table, origins: Mapping[str, str], task: CreateOperator) -> None:
    """Refuse a file that has no rows, and not the columns of the templates either: it may be the wrong file."""
    from airflow_provider_offers.client.rows.rendering import cells_of, remedy

    wrong = [
        Violation(place, _ends_in_an_error(template, table.unknown(name)), remedy(""))
        for place, template in origins.items()
        for name in cells_of(template, task.get_template_env())
        if name not in table.columns
    ]
    if table.columns and wrong:
        raise InvalidInputError(_SUBJECT, wrong)


def _in_messages(origins: Mapping[str, str], document_field: str) -> dict[str, str]:
    """The templates by the places that violations name: pointers into the document, and members of the window."""
    whole = f"{document_field}/"
    return {
        each.removeprefix(document_field if f"{each}/".startswith(whole) else "window/"): template
        for each, template in origins.items()
    }


def _ends_in_an_error(template: str, why: str) -> str:
    return f"the template {quoted(template, 120)}, which ends in an error: {why}"


def together(wrong: Sequence[tuple[int, Violation]], place: Callable[[int], str]) -> list[Violation]:
    """The violations of rows without repetitions: each with its first row and the number of the others."""
    alike: dict[Violation, list[int]] = {}
    for index, violation in wrong:
        indexes = alike.setdefault(violation, [])
        if index not in indexes[-1:]:
            indexes.append(index)
    return [_of_rows(violation, indexes, place) for violation, indexes in alike.items()]


def _of_rows(violation: Violation, indexes: list[int], place: Callable[[int], str]) -> Violation:
    given = f"{violation.given}{_more(len(indexes) - 1)}"
    where = violation.pointer if violation.pointer.startswith("/") else f" {violation.pointer}".rstrip()
    return Violation(f"{place(indexes[0])}{where}", given, violation.expected)


def _more(rows: int) -> str:
    """The end of a message about one row that is true of others too."""
    return f"; {rows} more row{'s' if rows > 1 else ''} like this" if rows else ""


def _table(task: CreateOperator) -> Table:
    from airflow_provider_offers.client.rows.reading import table_of_list

    rows, columns = _literal("rows", task.rows), _literal("columns", task.columns)
    if isinstance(rows, str) or hasattr(rows, "read_bytes"):
        if columns is not None:
            violation = Violation("columns", quoted(columns), "no `columns`: a file has the names of its columns")
            raise InvalidInputError(_SUBJECT, [violation])
        return _table_of_file(task, rows)
    if reports.is_report(rows):
        rows = reports.read("rows", rows)
    if isinstance(rows, Sequence) and not isinstance(rows, bytes):
        return table_of_list(rows, columns)
    raise InvalidInputError(_SUBJECT, [Violation("rows", quoted(rows), _accepted())])


def _accepted() -> str:
    """What `rows` can be, in messages."""
    from airflow_provider_offers.client.rows.reading import ENDINGS

    return f"a list of dicts, the result of a task, or the name of a file that ends in {', '.join(ENDINGS)}"


def _literal(field: str, given: Any) -> Any:
    """A list or an object, if a template rendered one as text."""
    if not isinstance(given, str) or not given.lstrip().startswith(("[", "(", "{")):
        return given
    try:
        return parsed(given)
    except ValueError as error:
        violation = Violation(field, f"an invalid list: {error}", "a list; in a template, `| tojson`")
        raise InvalidInputError(_SUBJECT, [violation]) from None


def _table_of_file(task: CreateOperator, path: Any) -> Table:
    from airflow_provider_offers.client.rows.reading import ENDINGS, table_of_file

    name = str(path).strip()
    if not name.lower().endswith(ENDINGS):
        raise InvalidInputError(_SUBJECT, [Violation("rows", quoted(name), _accepted())])
    if isinstance(path, str) and "://" in path:
        from airflow.sdk import ObjectStoragePath

        try:
            path = ObjectStoragePath(name)
        except (ValueError, ImportError) as error:
            raise InvalidInputError(_SUBJECT, [Violation("rows", f"{quoted(name)}: {error}", _accepted())]) from None
    try:
        return table_of_file(name, files.content("rows", path, task.get_template_env()))
    except ImportError as error:
        raise InvalidInputError(_SUBJECT, [Violation("rows", f"{quoted(name)}: {error}", _accepted())]) from None


def _origins(template: Any, tokens: tuple[Any, ...] = ()) -> dict[str, str]:
    """The templates that use the row, by the pointers of their values."""
    from airflow_provider_offers.client.rows.rendering import RowTemplate

    if isinstance(template, Mapping):
        items = [_origins(each, (*tokens, name)) for name, each in template.items()]
    elif isinstance(template, (list, tuple)):
        items = [_origins(each, (*tokens, index)) for index, each in enumerate(template)]
    else:
        return {pointer(tokens): str(template)} if isinstance(template, RowTemplate) else {}
    return {place: each for found in items for place, each in found.items()}


class RowRendering(Rendering):
    """Renders the templates with `row`. The value of a template is final, even if it looks like a template."""

    def __init__(self, task: Any, context: Context, table: Table) -> None:
        from airflow_provider_offers.client.rows.rendering import RowDocument, RowTemplate, RowTemplates

        super().__init__(task, context, task.get_template_env(), set())
        self._waiting, self._waiting_as_a_whole = RowTemplate, RowDocument
        self._table = table
        self._templates = RowTemplates(self._env)
        self._names_in_templates: Any = copy.copy(context)
        self._index = -1
        # The rows whose texts a program seems to have damaged, by the place, the template and the damage.
        self._damaged: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
        # The cells that each template writes as they are.
        self._cells: dict[str, list[str]] = {}

    def filled(self, row: Any, waiting: Mapping[str, Any]) -> tuple[dict[str, Any], list[Violation]]:
        """The fields for one row, and their errors."""
        self.findings.clear()
        self._index += 1
        self._names_in_templates["row"] = row
        values = {name: self._field_of_row(name, template) for name, template in waiting.items()}
        whole = f"{self._task.document_field}/"
        return values, [
            replace(each, pointer=f"/{each.pointer.removeprefix(whole)}") if each.pointer.startswith(whole) else each
            for _, each in self.findings
        ]

    def warn_of_damage(self) -> None:
        """Warn of the texts that a program seems to have damaged: each template once, with its first row."""
        for (place, template, damage), found in self._damaged.items():
            index, rendered = found[0]
            message, more = "%s %s: the template %r rendered %s%s; %s", _more(len(found) - 1)
            self._task.log.warning(message, self._table.place(index), place, template, quoted(rendered), more, damage)

    def _field_of_row(self, name: str, template: Any) -> Any:
        found = len(self.findings)
        value = self.value(template, name, ())
        # Only the rows of a file get here with such a value: Airflow carries those of a list.
        for tokens, given, accepted in uncarriable(value):
            self._found(_SUBJECT, Violation(f"{name}{pointer(tokens)}", given, accepted))
        if len(self.findings) > found:
            return value
        if name != self._task.document_field:
            return value
        try:
            return listed_document(name, value)
        except InvalidInputError as error:
            self.findings += [(_SUBJECT, violation) for violation in error.violations]
            return value

    def _leaf(self, text: str, field: str, tokens: tuple[Any, ...]) -> Any:
        if not isinstance(text, self._waiting):
            return text
        if isinstance(text, self._waiting_as_a_whole):
            return self._document(text, field, tokens)
        if self._task.keep_adobe_templates and self._is_content(field, tokens):
            return "".join(
                self._text(piece, field, tokens) if is_airflows else piece
                for is_airflows, piece in adobe.pieces(text, self._env, self._known)
            )
        rendered = self._rendered(text, field, tokens)
        if rendered is None or rendered == "":
            return self._nothing(field, tokens, text, rendered)
        if isinstance(rendered, str) and (damage := self._damage(rendered, text, field, tokens)):
            self._damaged.setdefault((f"{field}{pointer(tokens)}", text, damage), []).append((self._index, rendered))
        return rendered

    def _damage(self, rendered: str, text: str, field: str, tokens: tuple[Any, ...]) -> str:
        """What a program seems to have done to a text: to a name anywhere, and elsewhere to a cell in longer text.

        The checks of the document find a whole text that is damaged.
        """
        if self._names(field, tokens) and not self._is_content(field, tokens):
            return damage_in(rendered, text)
        if field != self._task.document_field or damage_of(rendered):
            return ""
        if text not in self._cells:
            from airflow_provider_offers.client.rows.rendering import cells_of

            self._cells[text] = cells_of(text, self._env)
        row = self._names_in_templates["row"]
        return next((damage for name in self._cells[text] if (damage := damage_of(row[name]))), "")

    def _rendered(self, text: str, field: str, tokens: tuple[Any, ...]) -> Any:
        return self._attempt(self._templates.value, text, field, tokens)

    def _text(self, text: str, field: str, tokens: tuple[Any, ...]) -> str:
        return str(self._attempt(self._templates.text, text, field, tokens))

    def _attempt(self, render: Callable[..., Any], text: str, field: str, tokens: tuple[Any, ...]) -> Any:
        from jinja2 import TemplateError

        try:
            return render(text, self._names_in_templates)
        except TemplateError as error:
            self._broken(text, field, tokens, error.message or type(error).__name__)
        except Exception as error:  # noqa: BLE001  an expression of the author's, on the values of a row
            self._broken(text, field, tokens, f"{type(error).__name__}: {error}")
        return text

    def _broken(self, text: str, field: str, tokens: tuple[Any, ...], why: str) -> None:
        from airflow_provider_offers.client.rows.rendering import NONE, remedy

        given = _ends_in_an_error(text, f"{why}{self._empty_cells(text) if why == NONE else ''}")
        self._found(_SUBJECT, Violation(f"{field}{pointer(tokens)}", given, remedy(why)))

    def _empty_cells(self, text: str) -> str:
        from airflow_provider_offers.client.rows.rendering import cells_of

        row = self._names_in_templates["row"]
        empty = dict.fromkeys(quoted(name, 80) for name in cells_of(text, self._env) if row[name] is None)
        return f" ({', '.join(empty)})" if empty else ""

    def _document(self, text: str, field: str, tokens: tuple[Any, ...]) -> Any:
        before = len(self.findings)
        rendered = self._around(text, lambda part: self._text(part, field, tokens))
        if len(self.findings) > before:
            return text
        try:
            return parsed(rendered)
        except ValueError as error:
            given = f"text that is not JSON after rendering: {error}"
            self._found(_SUBJECT, Violation(field, given, "JSON; `| tojson` behind a value outside of quotes"))
            return text
