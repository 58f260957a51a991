"""Patterns from requests that match in bounded time, for every pattern and every text.

Python's regular expressions can backtrack without end. This module uses Python's parser, and runs the pattern as a
set of states that moves over the text once. Features that this cannot support (lookaround, references to groups)
are rejected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from re import _constants as codes  # type: ignore[attr-defined]  # isort: skip
from re import _parser as parser  # type: ignore[attr-defined]  # isort: skip

MAX_LENGTH = 1000
# A plain text needs one state per character, and alternatives need a few more. Only repetitions exceed this.
_MAX_STATES = 500
_STATES_A_CHARACTER = 3
_MAX_WORK = 10_000
# The maximum number of texts of a pattern that stands for a list of texts.
_MAX_TEXTS = 500
# The maximum number of cached sets of states; a text of this length can add the same number once more.
_MAX_SETS = 10_000

_Test = Callable[[str], bool]
_CATEGORIES: dict[Any, re.Pattern[str]] = {
    codes.CATEGORY_DIGIT: re.compile(r"\d"),
    codes.CATEGORY_NOT_DIGIT: re.compile(r"\D"),
    codes.CATEGORY_SPACE: re.compile(r"\s"),
    codes.CATEGORY_NOT_SPACE: re.compile(r"\S"),
    codes.CATEGORY_WORD: re.compile(r"\w"),
    codes.CATEGORY_NOT_WORD: re.compile(r"\W"),
}
_FLAGS = re.IGNORECASE | re.DOTALL | re.UNICODE


class PatternError(ValueError):
    """A text that is not a regular expression, or one that this engine does not support."""


@dataclass
class _State:
    """A state of a pattern: it consumes a character that passes the test, or continues without one."""

    test: _Test | None = None
    only_at: str = ""
    following: list[int] = field(default_factory=list)


class Pattern:
    """A case-insensitive regular expression that matches whole texts, in time proportional to their length."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise PatternError(f"a regular expression may have at most {MAX_LENGTH} characters")
        try:
            parsed = parser.parse(text, re.IGNORECASE | re.DOTALL)
        except (re.error, OverflowError, RecursionError) as error:
            raise PatternError(f"{text!r} is not a regular expression: {error}") from None
        if parsed.state.flags & ~_FLAGS:
            raise PatternError(f"{text!r} has flags, which are not supported; matching ignores case")
        self._text = text
        self.texts = _texts(parsed)
        """All texts that match, apart from upper and lower case; None if it is not a plain list of texts."""
        self._states: list[_State] = []
        self._work = 0
        self._start = self._new()
        self._end = self._sequence(parsed, self._start)
        self._forget()

    def fullmatch(self, text: str) -> bool:
        """Whether the whole text matches."""
        if not text:
            return self._end in self._closed([self._start], at_start=True, at_end=True)
        if len(self._sets) > _MAX_SETS:
            self._forget()
        now = 0
        for character in text[:-1]:
            moves = self._moves[now]
            now = moves[character] if character in moves else self._moved(now, character)
            if now < 0:
                return False
        return self._ends(now, text[-1])

    def _forget(self) -> None:
        """Reset the cache of sets of states; the first set is the start of a text."""
        first = self._closed([self._start], at_start=True, at_end=False)
        self._numbers: dict[frozenset[int], int] = {first: 0}
        self._sets: list[frozenset[int]] = [first]
        self._moves: list[dict[str, int]] = [{}]
        self._endings: list[dict[str, bool]] = [{}]

    def _moved(self, now: int, character: str) -> int:
        """The next set of states after a character; -1 if there is none."""
        after = self._closed(self._after(now, character), at_start=False, at_end=False)
        number = self._numbers.get(after, -1) if after else -1
        if after and number < 0:
            number = self._numbers[after] = len(self._sets)
            self._sets.append(after)
            self._moves.append({})
            self._endings.append({})
        self._moves[now][character] = number
        return number

    def _ends(self, now: int, character: str) -> bool:
        """Whether the pattern can end with this last character."""
        endings = self._endings[now]
        if character not in endings:
            endings[character] = self._end in self._closed(self._after(now, character), at_start=False, at_end=True)
        return endings[character]

    def _after(self, now: int, character: str) -> list[int]:
        passed = [self._states[each] for each in self._sets[now]]
        return [after for state in passed if state.test and state.test(character) for after in state.following]

    def _closed(self, states: Iterable[int], *, at_start: bool, at_end: bool) -> frozenset[int]:
        """These states, and all states that can be reached without a character."""
        reached: set[int] = set()
        waiting = list(states)
        while waiting:
            number = waiting.pop()
            state = self._states[number]
            there = {"": True, "start": at_start, "end": at_end}[state.only_at]
            if number in reached or not there:
                continue
            reached.add(number)
            if state.test is None:
                waiting.extend(state.following)
        return frozenset(reached)

    def _new(self, test: _Test | None = None, only_at: str = "") -> int:
        if len(self._states) >= max(_MAX_STATES, _STATES_A_CHARACTER * len(self._text)):
            raise PatternError(f"{self._text!r} repeats too much")
        self._states.append(_State(test, only_at))
        return len(self._states) - 1

    def _link(self, before: int, after: int) -> int:
        self._states[before].following.append(after)
        return after

    def _sequence(self, items: Any, before: int) -> int:
        """Add the states after a state; returns the last one."""
        self._work += 1
        if self._work > _MAX_WORK:
            raise PatternError(f"{self._text!r} repeats too much")
        for code, argument in items:
            before = self._item(code, argument, before)
        return before

    def _item(self, code: Any, argument: Any, before: int) -> int:
        if code in _SINGLE:
            single = self._link(before, self._new(_SINGLE[code](argument)))
            return self._link(single, self._new())
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            least, most, items = argument
            return self._repeat(least, most, items, before)
        if code is codes.BRANCH:
            after = self._new()
            for branch in argument[1]:
                self._link(self._sequence(branch, self._link(before, self._new())), after)
            return after
        if code is codes.SUBPATTERN and not argument[1] and not argument[2]:
            return self._sequence(argument[3], before)
        if code is codes.AT and argument in _ANCHORS:
            return self._link(before, self._new(only_at=_ANCHORS[argument]))
        raise PatternError(
            f"{self._text!r} uses lookaround, a group reference or another feature ({str(code).lower()}) that this "
            "service does not support"
        )

    def _repeat(self, least: int, most: Any, items: Any, before: int) -> int:
        for _ in range(least):
            before = self._sequence(items, before)
        if most is codes.MAXREPEAT:
            loop = self._link(before, self._new())
            self._link(self._sequence(items, loop), loop)
            return self._link(loop, self._new())
        after = self._new()
        self._link(before, after)
        for _ in range(most - least):
            before = self._sequence(items, before)
            self._link(before, after)
        return after


def _texts(items: Any) -> list[str] | None:
    """All texts that match a sequence, if it consists of characters and alternatives only."""
    texts = [""]
    for code, argument in items:
        parts: list[str] | None = None
        if code is codes.LITERAL:
            parts = [chr(argument)]
        elif code is codes.IN and all(each is codes.LITERAL for each, _ in argument):
            parts = [chr(each) for _, each in argument]
        elif code is codes.SUBPATTERN and not argument[1] and not argument[2]:
            parts = _texts(argument[3])
        elif code is codes.BRANCH:
            branches = [_texts(each) for each in argument[1]]
            parts = None if None in branches else [each for branch in branches for each in branch or ()]
        if parts is None or len(texts) * len(parts) > _MAX_TEXTS:
            return None
        texts = [before + part for before in texts for part in parts]
    return texts


def _variants(character: str) -> set[str]:
    return {character, character.lower(), character.upper(), character.swapcase()}


def _literal(code: int) -> _Test:
    wanted = _variants(chr(code))
    return lambda character: not wanted.isdisjoint(_variants(character))


def _not_literal(code: int) -> _Test:
    same = _literal(code)
    return lambda character: not same(character)


def _category(code: Any) -> _Test:
    pattern = _CATEGORIES[code]
    return lambda character: pattern.fullmatch(character) is not None


def _range(bounds: tuple[int, int]) -> _Test:
    first, last = bounds
    return lambda character: any(len(each) == 1 and first <= ord(each) <= last for each in _variants(character))


def _one_of(items: list[tuple[Any, Any]]) -> _Test:
    negated = items[0][0] is codes.NEGATE
    members: dict[Any, Callable[[Any], _Test]] = {
        codes.LITERAL: _literal,
        codes.RANGE: _range,
        codes.CATEGORY: _category,
    }
    tests = [members[code](argument) for code, argument in items if code is not codes.NEGATE]
    return lambda character: any(test(character) for test in tests) is not negated


_SINGLE: dict[Any, Callable[[Any], _Test]] = {
    codes.LITERAL: _literal,
    codes.NOT_LITERAL: _not_literal,
    codes.ANY: lambda argument: lambda character: True,
    codes.IN: _one_of,
}
_ANCHORS = {
    codes.AT_BEGINNING: "start",
    codes.AT_BEGINNING_STRING: "start",
    codes.AT_END: "end",
    codes.AT_END_STRING: "end",
}


def glob(pattern: tuple[str, ...], text: str) -> bool:
    """Whether a text matches the parts: single characters, `?` for any character, `*` for any number of characters.

    Only the last `*` is tried again, which is sufficient. The time is at most the product of both lengths.
    """
    here, there, star, kept = 0, 0, -1, 0
    while here < len(text):
        if there < len(pattern) and pattern[there] == "*":
            star, kept, there = there, here, there + 1
        elif there < len(pattern) and pattern[there] in ("?", f"={text[here]}"):
            here, there = here + 1, there + 1
        elif star >= 0:
            kept += 1
            here, there = kept, star + 1
        else:
            return False
    return all(part == "*" for part in pattern[there:])
