"""The search: each of its parameters is described once here, and a checked search is a `Query` in neutral names.

Whatever takes a search reads its parameters off the description: the hooks, the operators, the sensor, the checks of
templates, and the tables of the docs. The generations spell a `Query` for their URLs.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, TypedDict, TypeGuard, TypeVar, Unpack, get_args, get_type_hints

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.text import quoted

Qop = Literal["AND", "OR", "and", "or"]
Texts = Sequence[str] | str

F = TypeVar("F", bound=Callable[..., Any])

_PATH = r"[A-Za-z_@][\w@:-]*(?:\.[\w@:-]+)*"
# Not compiled here: every DAG file imports this module, and few search while they are parsed.
_FILTER = rf"(?s:(?P<absent>!)?(?P<path>{_PATH})\s*(?:(?P<operator>==|!=|<=|>=|<|>|~)\s*(?P<value>.*))?)"
# What follows a value in other languages: another filter.
_NEXT_FILTER = rf"(?i:\s(?:and|or)\s|&&|\|\||;)\s*(?P<path>{_PATH})\s*(?:==|!=|<=|>=|<|>|~)"
_ORDER = rf"(?P<sign>[+-]?)(?P<path>{_PATH})"
_Q_SPECIAL = r'&&|\|\||[+\-=><!(){}\[\]^"~*?:\\/]'
_MAX_Q = 2_000
_SMALL_LIMIT = 50
_MAX_COUNT = 10**9

OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "~")
# These operators compare with one exact value, which may be spelled differently on the wire.
EXACT = ("==", "!=")


@dataclass(frozen=True, slots=True)
class Filter:
    """One `property` expression. Without an operator it requires the property to exist (`absent`: not to exist)."""

    path: str
    operator: str | None = None
    value: str = ""
    absent: bool = False

    @property
    def text(self) -> str:
        """The expression in a form that its author may have written."""
        return f"{'!' if self.absent else ''}{self.path}{self.operator or ''}{self.value}"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A search parameter: everything besides its name and its type.

    The default of each is None. `description` is its line in the docs. `check` converts a given value for `Query`, and
    adds its errors to the violations. `example` is a valid value. `refines` names the parameter that it needs. With
    `narrows`, the search may find more than intended if a template leaves the parameter empty.
    """

    description: str
    check: Callable[[str, Any, list[Violation]], Any]
    example: Any
    refines: str | None = None
    narrows: bool = False


class Conditions(TypedDict, total=False):
    """The conditions and the order of a search, for all searches."""

    q: Annotated[
        str | None,
        Parameter(
            "words to search for; use double quotes for an exact phrase. xcore searches every field. dps has no "
            "full-text search: it needs exactly one of `fields`, and finds the words as parts of its text",
            _checked_q,
            example="spring",
            narrows=True,
        ),
    ]
    qop: Annotated[
        Qop | None,
        Parameter(
            "`AND`: all words must match; `OR`: one word is enough (the service's default)",
            _checked_qop,
            example="AND",
            refines="q",
        ),
    ]
    fields: Annotated[
        Texts | None,
        Parameter(
            "the properties to search for `q`, such as `name`",
            _checked_fields,
            example="name",
            refines="q",
        ),
    ]
    properties: Annotated[
        Texts | None,
        Parameter(
            "filters that must all match, such as `status==approved`, `name~Spring.*` or "
            "`selectionConstraint.endDate<2036-07-01T00:00:00Z`: a path, one of `==` `!=` `<` `<=` `>` `>=` `~`, and a "
            "value. A path alone tests that the property exists. Commas [separate](checks.md#slips) several filters",
            _checked_filters,
            example="status==approved",
            narrows=True,
        ),
    ]
    order_by: Annotated[
        Texts | None,
        Parameter(
            "properties to sort by; a `-` in front sorts in descending order, such as `-modified`",
            _checked_order,
            example="-modified",
        ),
    ]


class SearchParameters(Conditions, total=False):
    """The conditions, and the number of results, for operators."""

    limit: Annotated[
        int | str | None,
        Parameter("maximum number of results; default all", _checked_count, example=10, narrows=True),
    ]
    page_size: Annotated[
        int | str | None,
        Parameter(
            "number of results per request; a hint for the service",
            _checked_count,
            example=100,
        ),
    ]


class HookSearch(SearchParameters, total=False):
    """The search parameters, and lookups of known objects, for hooks."""

    name: Annotated[str | None, Parameter("the exact name", _checked_name, example="Spring")]
    ids: Annotated[
        Texts | None, Parameter("exact reference ids; an empty list finds nothing", _checked_ids, example=["a:b:c"])
    ]


class ClientSearch(HookSearch, total=False):
    """The hook's parameters, and the end of an earlier listing, for the client."""

    start: Annotated[
        str | None,
        Parameter(
            "the cursor of an earlier listing, in the wire's own form",
            _checked_start,
            example="5",
        ),
    ]


@dataclass(frozen=True, slots=True)
class Query:
    """A checked search. `limit` bounds its results; `page_size` is the request's own `limit`, a hint to the service.

    `order_by` holds pairs of path and descending.
    """

    q: str | None = None
    qop: Literal["AND", "OR"] | None = None
    fields: tuple[str, ...] = ()
    properties: tuple[Filter, ...] = ()
    order_by: tuple[tuple[str, bool], ...] = ()
    limit: int | None = None
    page_size: int | None = None
    name: str | None = None
    ids: tuple[str, ...] = ()
    start: str | None = None

    @property
    def given(self) -> list[str]:
        """The names of the parameters that have a value."""
        return [each.name for each in fields(self) if getattr(self, each.name) not in (None, ())]

    @property
    def request_size(self) -> int | None:
        """The page size in the request: `page_size`, or else at most the limit of a small search."""
        if self.page_size is None and self.limit is not None and self.limit <= _SMALL_LIMIT:
            return self.limit
        return self.page_size


def parse_query(**given: Unpack[ClientSearch]) -> Query:
    """A checked query. Raises `InvalidInputError` with every violation at once, and `TypeError` for another parameter.

    `q` is plain text: reserved characters of the service's search syntax are escaped here, and the text becomes lower
    case, as Adobe's documents require. Double quotes around it make one exact phrase. One text with commas may replace
    a list.
    """
    stated = {name: value for name, value in given.items() if value is not None}
    if unknown := sorted(stated.keys() - PARAMETERS.keys()):
        from airflow_provider_offers.client.model.likeness import near, perhaps

        raise TypeError(f"a search has no parameter {unknown[0]!r}{perhaps(near(unknown[0], PARAMETERS))}")
    violations: list[Violation] = []
    checked = {name: each.check(name, stated[name], violations) for name, each in PARAMETERS.items() if name in stated}
    for name, value in checked.items():
        needed = PARAMETERS[name].refines
        if needed is not None and needed not in stated and value:
            violations.append(Violation(name, f"without {needed}", f"together with {needed}, which it refines"))
    if "name" in stated and "ids" in stated:
        violations.append(Violation("name", "together with ids", "either exact ids or one exact name"))
    if violations:
        raise InvalidInputError("The search cannot be sent", violations)
    if checked.get("ids") == ():
        # An empty list names no object. A request without ids would find all of them.
        checked["limit"] = 0
    return Query(**checked)


def search_of(given: Mapping[str, Any], search: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The search parameters among the keywords (None for a missing one), and the other keywords."""
    return {name: given.get(name) for name in search}, {name: given[name] for name in given if name not in search}


def asked_of(source: object, search: Sequence[str]) -> dict[str, Any]:
    """The search in the attributes of an object, without parameters that a template left empty."""
    found = {name: getattr(source, name) for name in search}
    return {name: value for name, value in found.items() if value or isinstance(value, (bool, int, float))}


def takes(parameters: type, *, others: bool = False) -> Callable[[F], F]:
    """Shows each search parameter in the signature of a function that takes them as unpacked keywords.

    Type checkers and editors read them from the annotation of the function. Airflow, `help` and the docs read the
    signature. With `others`, the function also takes keywords that are not search parameters.
    """

    def shown(function: F) -> F:
        own = inspect.signature(function)
        named = [each for each in own.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        rest = [each for each in own.parameters.values() if each.kind is inspect.Parameter.VAR_KEYWORD and others]
        search = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=TYPES[name])
            for name in names(parameters)
        ]
        function.__signature__ = own.replace(parameters=[*named, *search, *rest])  # type: ignore[attr-defined]
        return function

    return shown


def names(parameters: type) -> tuple[str, ...]:
    """The names of search parameters, in order."""
    return tuple(name for name in PARAMETERS if name in parameters.__annotations__)


def escape_q(text: str) -> str:
    """Plain text in the service's search syntax: lower case, with a backslash before reserved characters."""
    text = text.lower().strip()
    if len(text) > 2 and text[0] == text[-1] == '"':
        return f'"{_escape(text[1:-1])}"'
    return _escape(text)


def terms_of_q(text: str) -> list[str]:
    """The terms that a search looks for: the phrase in quotes, or each word."""
    text = text.lower().strip()
    if len(text) > 2 and text[0] == text[-1] == '"':
        return [text[1:-1]]
    return text.split()


def _escape(text: str) -> str:
    return re.sub(_Q_SPECIAL, lambda match: "".join("\\" + character for character in match[0]), text)


def _checked_q(name: str, given: Any, violations: list[Violation]) -> str | None:
    if not _is_text(given) or not given.strip().strip('"').strip():
        violations.append(Violation(name, quoted(given), "the words to search for"))
        return None
    if len(given) > _MAX_Q:
        violations.append(Violation(name, f"{len(given)} characters", f"at most {_MAX_Q}"))
    return given


def _checked_qop(name: str, given: Any, violations: list[Violation]) -> str | None:
    word = given.strip().upper() if isinstance(given, str) else given
    if word in ("AND", "OR"):
        return str(word)
    violations.append(Violation(name, quoted(word), "'AND' or 'OR'"))
    return None


def _checked_fields(name: str, given: Any, violations: list[Violation]) -> tuple[str, ...]:
    return tuple(_field(text, violations) for text in _texts(name, given, violations, split=True))


def _checked_filters(name: str, given: Any, violations: list[Violation]) -> tuple[Filter, ...]:
    if isinstance(given, (list, tuple)) and not given:
        # The author has filters in mind, and the search would find everything.
        violations.append(Violation(name, quoted(given), "at least one filter, or None for a search without filters"))
    return tuple(each for text in _texts(name, given, violations) for each in _filters(text, violations))


def _checked_order(name: str, given: Any, violations: list[Violation]) -> tuple[tuple[str, bool], ...]:
    found = [_order(text, violations) for text in _texts(name, given, violations, split=True)]
    return tuple(order for order in found if order is not None)


def _checked_name(name: str, given: Any, violations: list[Violation]) -> str | None:
    if not (_is_text(given) and given):
        violations.append(Violation(name, quoted(given), "the exact name of an object"))
        return None
    return given


def _checked_ids(name: str, given: Any, violations: list[Violation]) -> tuple[str, ...]:
    return tuple(_texts(name, given, violations))


def _checked_start(name: str, given: Any, violations: list[Violation]) -> str | None:
    if not _is_text(given):
        violations.append(Violation(name, quoted(given), "the cursor of an earlier listing, as text"))
        return None
    return given


def _texts(name: str, given: Any, violations: list[Violation], *, split: bool = False) -> list[str]:
    if isinstance(given, str):
        given = given.split(",") if split else [given]
    if not isinstance(given, (list, tuple)) or not all(_is_text(text) and text.strip() for text in given):
        accepted = f"a text or a list of texts, such as {PARAMETERS[name].example!r}"
        violations.append(Violation(name, quoted(given), accepted))
        return []
    return [text.strip() for text in given]


def _is_text(given: Any) -> TypeGuard[str]:
    """Whether the value is text that a URL can hold, so not half of a surrogate pair."""
    return isinstance(given, str) and not any("\ud800" <= letter <= "\udfff" for letter in given)


def _field(text: str, violations: list[Violation]) -> str:
    if not re.fullmatch(_PATH, text):
        violations.append(Violation("fields", quoted(text), "a property such as name or selectionConstraint.startDate"))
    return text


def _filters(text: str, violations: list[Violation]) -> list[Filter]:
    """The filters in one text: commas separate them, as on Adobe's list pages.

    A known property must follow each comma; any other text may be the rest of a value.
    """
    from airflow_provider_offers.client.model.filters import is_known

    first, *others = text.split(",")
    found = [_filter(first, violations)]
    for other in others:
        match = re.fullmatch(_FILTER, other.strip())
        if match is None or not is_known(match["path"]):
            accepted = (
                "a known property after each comma, because commas separate filters; for a value with a comma, use a "
                "pattern with . in its place, such as name~Spring. Summer"
            )
            violations.append(Violation("properties", quoted(text), accepted))
            return []
        found.append(_filter(other.strip(), violations))
    return [each for each in found if each is not None]


def _filter(text: str, violations: list[Violation]) -> Filter | None:
    match = re.fullmatch(_FILTER, text.strip())
    if match is None or (match["absent"] and match["operator"]):
        accepted = f"path, operator ({' '.join(OPERATORS)}), value; or a bare path; or !path"
        violations.append(Violation("properties", quoted(text), accepted))
        return None
    value = (match["value"] or "").strip()
    if _has_another_filter(value):
        accepted = "one filter; commas separate filters, which must all match"
        violations.append(Violation("properties", quoted(text), accepted))
        return None
    if match["operator"] == "<" and value.startswith(">"):
        # In the service's grammar, this is "less than" a text that begins with ">".
        violations.append(
            Violation("properties", quoted(text), f"!= in place of <>; operators are {' '.join(OPERATORS)}")
        )
        return None
    return Filter(match["path"], match["operator"], value, bool(match["absent"]))


def _has_another_filter(value: str) -> bool:
    """Whether a value goes on like an expression of another language: `Spring and status==approved`."""
    from airflow_provider_offers.client.model.filters import is_known

    return any(is_known(each["path"]) for each in re.finditer(_NEXT_FILTER, value))


def _order(text: str, violations: list[Violation]) -> tuple[str, bool] | None:
    match = re.fullmatch(_ORDER, text)
    if match is None:
        from airflow_provider_offers.client.model.likeness import perhaps

        word = re.fullmatch(rf"(?i:(?P<path>{_PATH})\s+(?P<down>desc(?:ending)?|asc(?:ending)?))", text.strip())
        meant = [] if word is None else [f"{'-' if word['down'].lower().startswith('d') else ''}{word['path']}"]
        accepted = f"a property, with - in front for descending{perhaps(meant)}"
        violations.append(Violation("order_by", quoted(text), accepted))
        return None
    return match["path"], match["sign"] == "-"


def _checked_count(name: str, given: Any, violations: list[Violation]) -> int | None:
    """A whole number of at least 1, also as text, because templates render to text."""
    try:
        count = int(given) if isinstance(given, (int, str)) and not isinstance(given, bool) else 0
    except ValueError:
        count = 0
    if not 1 <= count <= _MAX_COUNT:
        violations.append(Violation(name, quoted(given), f"a whole number of at least 1 and at most {_MAX_COUNT}"))
        return None
    return count


_HINTS = get_type_hints(ClientSearch, include_extras=True)
PARAMETERS: dict[str, Parameter] = {
    each.name: parameter
    for each in fields(Query)
    for parameter in get_args(_HINTS[each.name])
    if isinstance(parameter, Parameter)
}
"""The description of every search parameter by its name, in the order of `Query`."""
TYPES: dict[str, Any] = {name: get_args(_HINTS[name])[0] for name in PARAMETERS}
"""The type of each for its authors."""
