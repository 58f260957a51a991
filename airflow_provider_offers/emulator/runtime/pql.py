"""A small subset of Profile Query Language: the conditions of rules and the expressions of formulas, evaluated.

Literals, paths, `and or not`, `= != < <= > >=`, `in (…)`, `+ - * / %`, `if(…, …, …)`, and the functions in
`FUNCTIONS`, called as methods or with the subject as first argument. Queries over events are not supported.
Comparisons with missing values are false. Arithmetic with missing values or non-numbers yields a missing value.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MAX_LENGTH = 15 * 1024
"""The longest expression, in UTF-8 bytes, that Adobe's guardrails allow for a rule."""


_HUGE = 1e300


class PqlSyntaxError(ValueError):
    """An expression that is never valid PQL: an unclosed text or bracket."""


class PqlUnsupported(ValueError):
    """An expression outside the supported subset."""


@dataclass(frozen=True)
class Scope:
    """The values of an expression: a profile, the context of the request, and the offer to be ranked."""

    profile: Mapping[str, Any]
    context: Sequence[tuple[str, Mapping[str, Any]]] = ()
    offer: Mapping[str, Any] | None = None

    def root(self, name: str) -> Any:
        """The meaning of the first word of a path."""
        if name == "profile":
            return self.profile
        if name == "offer" and self.offer is not None:
            return self.offer
        for holder in (self.profile, *(data for _, data in self.context)):
            found = _member(holder, name)
            if found is not None:
                return found
        return None

    def context_of(self, schema: str) -> Any:
        """The context data of a schema, in any version."""
        wanted = schema.partition(";")[0].strip()
        found = [data for name, data in self.context if name.partition(";")[0].strip() == wanted]
        return found if len(found) > 1 else next(iter(found), None)


Expression = Callable[[Scope], Any]


@lru_cache(maxsize=1024)
def parse(text: str) -> Expression:
    """The expression in a text."""
    if len(text.encode()) > MAX_LENGTH:
        raise PqlUnsupported(f"the expression is longer than {MAX_LENGTH} bytes")
    parser = _Parser(_tokens(text))
    try:
        expression = parser.either()
    except RecursionError:
        raise PqlUnsupported("the expression is nested too deep") from None
    if parser.peek() != "":
        raise PqlUnsupported(f"{parser.peek()!r} is not understood")
    return expression


def holds(expression: Expression, scope: Scope) -> bool:
    """Whether a condition is true."""
    return expression(scope) is True


def number(expression: Expression, scope: Scope) -> float:
    """The result of a formula; everything except a JSON number counts as 0."""
    value = expression(scope)
    return value if _is_number(value) and abs(value) < _HUGE else 0


def _member(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return value[name] if name in value else value.get(f"xdm:{name}")
    if isinstance(value, list):
        found = [_member(each, name) for each in value]
        return [each for each in found if each is not None] or None
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _some(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """A test that an array passes if one of its elements passes."""

    def tested(left: Any, right: Any) -> bool:
        lefts = left if isinstance(left, list) else [left]
        rights = right if isinstance(right, list) else [right]
        return any(test(one, other) for one in lefts for other in rights if one is not None and other is not None)

    return tested


def _equal(left: Any, right: Any) -> bool:
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compared(left: Any, right: Any) -> bool:
        alike = (_is_number(left) and _is_number(right)) or (isinstance(left, str) and isinstance(right, str))
        return alike and compare(left, right)

    return _some(compared)


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": _some(_equal),
    "==": _some(_equal),
    "!=": _some(lambda left, right: not _equal(left, right)),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
}


def _arithmetic(compute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def computed(left: Any, right: Any) -> Any:
        if not (_is_number(left) and _is_number(right)):
            return None
        try:
            return compute(left, right)
        except (ZeroDivisionError, OverflowError):
            return None

    return computed


_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": _arithmetic(operator.add),
    "-": _arithmetic(operator.sub),
    "*": _arithmetic(operator.mul),
    "/": _arithmetic(operator.truediv),
    "%": _arithmetic(operator.mod),
}


def _text_test(test: Callable[[str, str], bool], *, wanted: bool = True) -> Callable[..., bool]:
    """A comparison of two texts; a third argument sets whether case matters (the default)."""

    def tested(subject: Any, other: Any, case_sensitive: Any = True) -> bool:
        def passes(one: Any, another: Any) -> bool:
            if not (isinstance(one, str) and isinstance(another, str)):
                return test is operator.eq and _equal(one, another) is wanted
            if case_sensitive is False:
                one, another = one.casefold(), another.casefold()
            return test(one, another) is wanted

        return _some(passes)(subject, other)

    return tested


def _get(subject: Any, name: Any) -> Any:
    return subject.get(name) if isinstance(subject, Mapping) and isinstance(name, str) else None


FUNCTIONS: Mapping[str, tuple[Callable[..., Any], int, int]] = {
    "equals": (_text_test(operator.eq), 2, 3),
    "notEqualTo": (_text_test(operator.eq, wanted=False), 2, 3),
    "contains": (_text_test(operator.contains), 2, 3),
    "doesNotContain": (_text_test(operator.contains, wanted=False), 2, 3),
    "startsWith": (_text_test(str.startswith), 2, 3),
    "doesNotStartWith": (_text_test(str.startswith, wanted=False), 2, 3),
    "endsWith": (_text_test(str.endswith), 2, 3),
    "doesNotEndWith": (_text_test(str.endswith, wanted=False), 2, 3),
    "isNull": (lambda subject: subject is None, 1, 1),
    "isNotNull": (lambda subject: subject is not None, 1, 1),
    "get": (_get, 2, 2),
}
"""The supported functions, each with its minimum and maximum number of arguments, including the subject."""

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<schema>@\{[^}]*\}+)|(?P<number>\d+(?:\.\d+)?)"""
    r"""|(?P<name>[A-Za-z_]\w*)|(?P<sign><=|>=|!=|==|[-+*/%=<>!().,]))""",
    re.DOTALL,
)


def _tokens(text: str) -> list[str]:
    tokens, at, depth = [], 0, 0
    stripped = text.rstrip()
    while at < len(stripped):
        found = _TOKEN.match(stripped, at)
        if found is None:
            rest = stripped[at:].lstrip()
            if rest[0] in "\"'@":
                raise PqlSyntaxError(f"the text from {rest[:20]!r} is not closed")
            raise PqlUnsupported(f"{rest[:20]!r} is not understood")
        token = found[0].strip()
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth < 0:
            raise PqlSyntaxError("a closing bracket has no opening bracket")
        tokens.append(token)
        at = found.end()
    if depth:
        raise PqlSyntaxError("a bracket is not closed")
    return tokens


class _Parser:
    """Recursive descent: one method for each level of precedence."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens, self._at = tokens, 0

    def peek(self) -> str:
        """The next token, or an empty text at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def either(self) -> Expression:
        """`… or …`"""
        parts = [self.both()]
        while self._word("or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else lambda scope: any(each(scope) is True for each in parts)

    def both(self) -> Expression:
        """`… and …`"""
        parts = [self.negation()]
        while self._word("and"):
            parts.append(self.negation())
        return parts[0] if len(parts) == 1 else lambda scope: all(each(scope) is True for each in parts)

    def negation(self) -> Expression:
        """`not …`"""
        if self._word("not") or self._sign("!"):
            inner = self.negation()
            return lambda scope: inner(scope) is not True
        return self.comparison()

    def comparison(self) -> Expression:
        """`… = …`, `… in (…)`"""
        left = self.sum()
        sign = self.peek()
        if sign in _COMPARISONS:
            self._at += 1
            return _binary(_COMPARISONS[sign], left, self.sum())
        negated = self._word("not")
        if not self._word("in"):
            if negated:
                raise PqlUnsupported("'not' is not understood after a value")
            return left
        self._expect("(")
        choices = self._arguments()
        within = _COMPARISONS["="]
        return lambda scope: within(left(scope), [each(scope) for each in choices]) is not negated

    def sum(self) -> Expression:
        """`… + …`"""
        return self._chain(("+", "-"), self.product)

    def product(self) -> Expression:
        """`… * …`"""
        return self._chain(("*", "/", "%"), self.signed)

    def signed(self) -> Expression:
        """`-…`"""
        if self._sign("-"):
            return _binary(_ARITHMETIC["-"], lambda scope: 0, self.signed())
        value = self.primary()
        while self._sign("."):
            name = self._take()
            if not name.isidentifier():
                raise PqlUnsupported(f"{name!r} is not understood after a dot")
            value = self._call(name, [value]) if self._sign("(") else _step(value, name)
        return value

    def primary(self) -> Expression:
        """A literal, the start of a path, a call, or an expression in brackets."""
        token = self._take()
        if token == "(":
            inner = self.either()
            self._expect(")")
            return inner
        if token[:1] in ('"', "'"):
            text = re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL)
            return lambda scope: text
        if token[:1].isdigit():
            if len(token) > 300:
                raise PqlUnsupported("a number is longer than 300 digits")
            value = float(token) if "." in token else int(token)
            return lambda scope: value
        if token.startswith("@"):
            schema = token[2:].rstrip("}")
            return lambda scope: scope.context_of(schema)
        if not token.isidentifier() or token in ("xEvent", "select", "exists", "forall", "chain", "in", "and", "or"):
            raise PqlUnsupported(f"{token!r} is not understood" if token else "the expression ends too early")
        return self._named(token)

    def _named(self, token: str) -> Expression:
        if token.lower() in ("true", "false", "null"):
            constant = {"true": True, "false": False}.get(token.lower())
            return lambda scope: constant
        if not self._sign("("):
            return lambda scope: scope.root(token)
        if token.lower() != "if":
            return self._call(token, [])
        parts = self._arguments()
        if len(parts) != 3:
            raise PqlUnsupported(f"if takes 3 arguments, not {len(parts)}")
        condition, then, otherwise = parts
        return lambda scope: then(scope) if condition(scope) is True else otherwise(scope)

    def _call(self, name: str, subject: list[Expression]) -> Expression:
        if name not in FUNCTIONS:
            raise PqlUnsupported(f"the function {name!r} is not in the subset: {', '.join(FUNCTIONS)}")
        function, least, most = FUNCTIONS[name]
        arguments = [*subject, *self._arguments()]
        if not least <= len(arguments) <= most:
            raise PqlUnsupported(f"{name} takes {least} to {most} arguments, not {len(arguments)}")
        return lambda scope: function(*(each(scope) for each in arguments))

    def _arguments(self) -> list[Expression]:
        """The content of a bracket."""
        found: list[Expression] = []
        while not self._sign(")"):
            if found:
                self._expect(",")
            found.append(self.either())
        return found

    def _chain(self, signs: tuple[str, ...], part: Callable[[], Expression]) -> Expression:
        value = part()
        while self.peek() in signs:
            sign = self._take()
            value = _binary(_ARITHMETIC[sign], value, part())
        return value

    def _take(self) -> str:
        token = self.peek()
        self._at += 1
        return token

    def _sign(self, sign: str) -> bool:
        if self.peek() != sign:
            return False
        self._at += 1
        return True

    def _word(self, word: str) -> bool:
        if self.peek().lower() != word:
            return False
        self._at += 1
        return True

    def _expect(self, sign: str) -> None:
        if not self._sign(sign):
            raise PqlUnsupported(f"{sign!r} is expected before {self.peek() or 'the end'!r}")


def _binary(compute: Callable[[Any, Any], Any], left: Expression, right: Expression) -> Expression:
    return lambda scope: compute(left(scope), right(scope))


def _step(value: Expression, name: str) -> Expression:
    return lambda scope: _member(value(scope), name)
