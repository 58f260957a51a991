"""A search in neutral names: checked here, spelled by the generations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.text import quoted

Qop = Literal["AND", "OR"]

_PATH = r"[A-Za-z_@][\w@:-]*(?:\.[\w@:-]+)*"
_FILTER = re.compile(
    rf"(?P<absent>!)?(?P<path>{_PATH})\s*(?:(?P<operator>==|!=|<=|>=|<|>|~)\s*(?P<value>.*))?", re.DOTALL
)
_ORDER = re.compile(rf"(?P<sign>[+-]?)(?P<path>{_PATH})")
_Q_SPECIAL = re.compile(r'&&|\|\||[+\-=><!(){}\[\]^"~*?:\\/]')
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
class Query:
    """A checked search. `limit` bounds its results; `page_size` is the request's own `limit`, a hint to the service.

    `ids` and `name` are exact lookups. `start` continues an earlier listing, in the wire's own form. `order_by` holds
    pairs of path and descending.
    """

    q: str | None = None
    qop: Qop | None = None
    fields: tuple[str, ...] = ()
    properties: tuple[Filter, ...] = ()
    order_by: tuple[tuple[str, bool], ...] = ()
    limit: int | None = None
    page_size: int | None = None
    ids: tuple[str, ...] = ()
    name: str | None = None
    start: str | None = None

    @property
    def request_size(self) -> int | None:
        """The page size in the request: `page_size`, or else at most the limit of a small search."""
        if self.page_size is None and self.limit is not None and self.limit <= _SMALL_LIMIT:
            return self.limit
        return self.page_size


def parse_query(
    *,
    q: str | None = None,
    qop: str | None = None,
    fields: Sequence[str] | str | None = None,
    properties: Sequence[str] | str | None = None,
    order_by: Sequence[str] | str | None = None,
    limit: int | str | None = None,
    page_size: int | str | None = None,
    ids: Sequence[str] | str | None = None,
    name: str | None = None,
    start: str | None = None,
) -> Query:
    """A checked query. Raises `InvalidInputError` with every violation at once.

    `q` is plain text: reserved characters of the service's search syntax are escaped here, and the text becomes lower
    case, as Adobe's documents require. Double quotes around it make one exact phrase. `properties` are expressions such
    as `status==approved` or `selectionConstraint.endDate<2026-07-01T00:00:00Z`; all must hold. `order_by` names
    properties; `-` in front means descending. One text with commas may replace a list.
    """
    violations: list[Violation] = []
    text_of_q = _checked_q(q, violations)
    qop = qop.strip().upper() if isinstance(qop, str) else qop
    if qop is not None and qop not in ("AND", "OR"):
        violations.append(Violation("qop", quoted(qop), "'AND' or 'OR'"))
    if name is not None and not (_is_text(name) and name):
        violations.append(Violation("name", quoted(name), "the exact name of an object"))
    if start is not None and not _is_text(start):
        violations.append(Violation("start", quoted(start), "the cursor of an earlier listing, as text"))
    if name is not None and ids:
        violations.append(Violation("name", "together with ids", "either exact ids or one exact name"))
    query = Query(
        q=text_of_q,
        qop="AND" if qop == "AND" else "OR" if qop == "OR" else None,
        fields=tuple(_field(text, violations) for text in _texts("fields", fields, violations, split=True)),
        properties=tuple(
            each for text in _texts("properties", properties, violations) for each in _filters(text, violations)
        ),
        order_by=tuple(
            order
            for text in _texts("order_by", order_by, violations, split=True)
            if (order := _order(text, violations)) is not None
        ),
        limit=_count("limit", limit, violations),
        page_size=_count("page_size", page_size, violations),
        ids=tuple(_texts("ids", ids, violations)),
        name=name,
        start=start,
    )
    if query.q is None and (query.fields or query.qop) and q is None:
        given = "fields" if query.fields else "qop"
        violations.append(Violation(given, "without q", "together with q, which it refines"))
    if violations:
        raise InvalidInputError("The search cannot be sent", violations)
    return query


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
    return _Q_SPECIAL.sub(lambda match: "".join("\\" + character for character in match[0]), text)


def _checked_q(q: Any, violations: list[Violation]) -> str | None:
    if q is None:
        return None
    if not _is_text(q) or not q.strip().strip('"').strip():
        violations.append(Violation("q", quoted(q), "the words to search for"))
        return None
    if len(q) > _MAX_Q:
        violations.append(Violation("q", f"{len(q)} characters", f"at most {_MAX_Q}"))
    return q


def _texts(name: str, given: Any, violations: list[Violation], *, split: bool = False) -> list[str]:
    if given is None:
        return []
    if isinstance(given, str):
        given = given.split(",") if split else [given]
    if not isinstance(given, (list, tuple)) or not all(_is_text(text) and text.strip() for text in given):
        violations.append(Violation(name, quoted(given), "a text or a list of texts"))
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
        match = _FILTER.fullmatch(other.strip())
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
    match = _FILTER.fullmatch(text.strip())
    if match is None or (match["absent"] and match["operator"]):
        accepted = f"path, operator ({' '.join(OPERATORS)}), value; or a bare path; or !path"
        violations.append(Violation("properties", quoted(text), accepted))
        return None
    return Filter(match["path"], match["operator"], (match["value"] or "").strip(), bool(match["absent"]))


def _order(text: str, violations: list[Violation]) -> tuple[str, bool] | None:
    match = _ORDER.fullmatch(text)
    if match is None:
        violations.append(Violation("order_by", quoted(text), "a property, with - in front for descending"))
        return None
    return match["path"], match["sign"] == "-"


def _count(name: str, given: Any, violations: list[Violation]) -> int | None:
    """A whole number of at least 1, also as text, because templates render to text."""
    if given is None:
        return None
    try:
        count = int(given) if isinstance(given, (int, str)) and not isinstance(given, bool) else 0
    except ValueError:
        count = 0
    if not 1 <= count <= _MAX_COUNT:
        violations.append(Violation(name, quoted(given), f"a whole number of at least 1 and at most {_MAX_COUNT}"))
        return None
    return count
