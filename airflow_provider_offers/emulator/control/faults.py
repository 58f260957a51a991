"""Faults on demand: rules that select requests, and their effects."""

from __future__ import annotations

import dataclasses
import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from airflow_provider_offers.emulator.control.matching import (
    STATUSES,
    check_method,
    check_path,
    check_route,
    check_texts,
)
from airflow_provider_offers.emulator.http.messages import Request
from airflow_provider_offers.emulator.settings import nearest


@dataclass(frozen=True, slots=True)
class Effect:
    """What a rule may do. `timed` effects strike before or after the request takes effect, as the rule says.

    `status` is the default status of the answer; with `interim` it is that of an interim answer (1xx). `keys` are those
    of a rule that the effect obeys, besides `when`.
    """

    description: str
    keys: tuple[str, ...] = ()
    timed: bool = False
    interim: bool = False
    status: int = 503

    @property
    def obeyed(self) -> tuple[str, ...]:
        """The keys of a rule that the effect obeys."""
        return (*self.keys, "when") if self.timed else self.keys


_ANSWER = ("status", "body", "headers", "retry_after", "retry_after_form")


EFFECTS: Mapping[str, Effect] = {
    "status": Effect("answer with another status, before or after the request took effect", _ANSWER, timed=True),
    "drop": Effect("close the connection without an answer, before or after the request took effect", timed=True),
    "delay": Effect("wait, before or after the request took effect", ("seconds",), timed=True),
    "late": Effect(
        "close the connection without an answer; the request takes effect later, by the emulator's clock", ("seconds",)
    ),
    "early": Effect(
        "answer with another status at once; the request takes effect later, by the emulator's clock",
        (*_ANSWER, "seconds"),
        status=504,
    ),
    "repeat": Effect(
        "let the request take effect twice and send the second answer, like a gateway that repeats requests"
    ),
    "foreign": Effect("let the request take effect and send the latest answer to another caller of its route"),
    "interim": Effect(
        "send an interim answer (1xx) before the answer", ("status", "headers"), interim=True, status=103
    ),
    "unended": Effect(
        "send an interim answer (1xx) and close the connection, before or after the request took effect",
        ("status", "headers"),
        timed=True,
        interim=True,
        status=103,
    ),
    "lengths": Effect("send an answer with two unequal Content-Length headers"),
    "garble": Effect(
        "send bytes that are not HTTP, before or after the request took effect; `body` sets them", ("body",), timed=True
    ),
    "html": Effect(
        "answer with a proxy's HTML page, before or after the request took effect",
        tuple(each for each in _ANSWER if each != "body"),
        timed=True,
    ),
    "dribble": Effect("send the answer's body in small pieces with pauses", ("seconds", "chunk")),
    "truncate": Effect("close the connection in the middle of the answer's body", ("bytes",)),
    "malformed": Effect("send a body that is not JSON"),
    "fail_job": Effect("let the batch job of the request end in ERROR; `body` sets the reason", ("body",)),
    "expire_token": Effect("expire the token of the request and reject the request with 401013"),
}
"""All effects."""


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"(?:[!-~\x80-\xff](?:[ \t!-~\x80-\xff]*[!-~\x80-\xff])?)?")


class FaultError(ValueError):
    """A fault rule that is not valid."""


@dataclass
class Fault:
    """One rule: which requests (all given conditions must match), how often, and the effect."""

    effect: str
    method: str | None = None
    route: str | None = None
    path: str | None = None
    path_regex: str | None = None
    contains: str | None = None
    times: int | None = 1
    after: int = 0
    probability: float | None = None
    seed: int = 0
    when: str = "before"
    status: int | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    retry_after: float | None = None
    retry_after_form: str = "seconds"
    seconds: float = 1.0
    chunk: int = 16
    bytes: int | None = None
    id: int = 0
    seen: int = 0
    applied: int = 0

    def __post_init__(self) -> None:
        self._check()
        self.status = self.code
        self._random = random.Random(self.seed)

    @property
    def code(self) -> int:
        """The status of the answer, or of the interim answer."""
        return EFFECTS[self.effect].status if self.status is None else self.status

    def fits(self, request: Request, route: str) -> bool:
        """Whether the rule matches this request."""
        return (
            (self.method is None or self.method.upper() == request.method)
            and (self.route is None or fnmatchcase(route, self.route))
            and (self.path is None or fnmatchcase(request.path, self.path))
            and (self.path_regex is None or re.search(self.path_regex, request.path) is not None)
            and (self.contains is None or self.contains.encode() in request.body)
        )

    def strikes(self) -> bool:
        """Whether the rule is due for this request; counts the request."""
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.applied >= self.times):
            return False
        if self.probability is not None and self._random.random() >= self.probability:
            return False
        self.applied += 1
        return True

    def as_json(self) -> dict[str, Any]:
        """The rule as the control plane shows it."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        return f"{self.id} {self.effect}" + (f" {self.when}" if EFFECTS[self.effect].timed else "")

    def _check(self) -> None:
        if not isinstance(self.effect, str) or self.effect not in EFFECTS:
            raise FaultError(f"unknown effect {self.effect!r}{nearest(str(self.effect), list(EFFECTS))}")
        for name, value, choices in (
            ("when", self.when, ("before", "after")),
            ("retry_after_form", self.retry_after_form, ("seconds", "date")),
        ):
            if value not in choices:
                raise FaultError(f"{name} must be {' or '.join(choices)}, not {value!r}")
        texts = ("method", "route", "path", "path_regex", "contains")
        check_texts(FaultError, **{name: getattr(self, name) for name in texts})
        check_method(FaultError, self.method)
        check_path(FaultError, self.path)
        self._check_numbers()
        self._check_body()
        if not isinstance(self.headers, dict) or not all(map(_is_header, self.headers, self.headers.values())):
            raise FaultError("headers must be an object of strings that HTTP can carry")
        if self.path_regex is not None:
            try:
                re.compile(self.path_regex)
            except (re.error, TypeError) as error:
                raise FaultError(f"path_regex is not a regular expression: {error}") from None

    def _check_numbers(self) -> None:
        for name, least, most, kind in (*_BOUNDS, _INTERIM_STATUS if EFFECTS[self.effect].interim else _STATUS):
            value = getattr(self, name)
            right = isinstance(value, kind) and not isinstance(value, bool) and least <= value <= most
            if not right and not (value is None and name in _OPTIONAL):
                what = "number" if kind is not int else "whole number"
                raise FaultError(f"{name} must be a {what} from {least} to {most}, not {value!r}")

    def _check_body(self) -> None:
        try:
            json.dumps(self.body, ensure_ascii=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise FaultError(f"body must be a text or JSON: {error}") from None


_BOUNDS: tuple[tuple[str, float, float, Any], ...] = (
    ("times", 0, 10**9, int),
    ("after", 0, 10**9, int),
    ("probability", 0, 1, int | float),
    ("seed", -(10**18), 10**18, int),
    ("retry_after", 0, 86_400, int | float),
    ("seconds", 0, 3_600, int | float),
    ("chunk", 1, 10**6, int),
    ("bytes", 0, 10**9, int),
)
# The keys that only some effects obey.
_BY_EFFECT = ("when", *_ANSWER, "seconds", "chunk", "bytes")
_STATUS, _INTERIM_STATUS = ("status", *STATUSES, int), ("status", 100, 199, int)
_OPTIONAL = ("times", "probability", "status", "retry_after", "bytes")
_DEFAULTS = {
    each.name: {} if each.default is dataclasses.MISSING else each.default
    for each in dataclasses.fields(Fault)
    if each.name in _BY_EFFECT
}
_GIVEN = tuple(each.name for each in dataclasses.fields(Fault) if each.name not in ("id", "seen", "applied"))


class Faults:
    """The active rules, in the order in which they were added; the first one that is due applies."""

    def __init__(self, routes: tuple[str, ...]) -> None:
        self._routes = routes
        self._rules: list[Fault] = []
        self._last_id = 0

    def add(self, given: Mapping[str, Any]) -> Fault:
        """Add a rule; without `times` it applies once, or without limit if it has a probability."""
        for name in given:
            if name not in _GIVEN:
                raise FaultError(f"unknown key {name!r} in a fault{nearest(name, list(_GIVEN))}")
        if "effect" not in given:
            raise FaultError(f"a fault needs an effect: {', '.join(EFFECTS)}")
        values = dict(given)
        if "times" not in values and values.get("probability") is not None:
            values["times"] = None
        rule = Fault(**values)
        _check_obeyed(rule.effect, given)
        check_route(FaultError, rule.route, self._routes)
        self._last_id += 1
        rule.id = self._last_id
        self._rules.append(rule)
        return rule

    def strike(self, request: Request, route: str) -> Fault | None:
        """The fault that applies to this request."""
        for rule in list(self._rules):
            if rule.fits(request, route) and rule.strikes():
                return rule
        return None

    def all(self) -> list[Fault]:
        """The rules, with the number of matches and applications of each."""
        return list(self._rules)

    def clear(self, fault_id: int | None = None) -> int:
        """Remove one rule or all rules; returns the number."""
        kept = [rule for rule in self._rules if fault_id is not None and rule.id != fault_id]
        removed = len(self._rules) - len(kept)
        self._rules = kept
        return removed


def _check_obeyed(effect: str, given: Mapping[str, Any]) -> None:
    """Refuse a key that the effect ignores: the test would show something else than its author thinks."""
    obeyed = EFFECTS[effect].obeyed
    for name, default in _DEFAULTS.items():
        if name in given and name not in obeyed and given[name] != default:
            others = [each for each, about in EFFECTS.items() if name in about.obeyed]
            ours = f"its keys are {', '.join(obeyed)}" if obeyed else "it has no keys of its own"
            raise FaultError(f"the effect {effect!r} ignores {name!r}; {ours}; {name!r} is for {', '.join(others)}")


def _is_header(name: str, value: Any) -> bool:
    return isinstance(value, str) and bool(_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value))
