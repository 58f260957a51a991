"""Which known word may have been meant by one that is not known: a slip of the fingers, not another word."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SEPARATORS = re.compile(r"[-_\s]+")
# Up to how many slips a name of so many letters is still the same name.
_SLIPS = ((14, 3), (7, 2), (1, 1))
_LONGEST = 60


def near(given: str, known: Iterable[str]) -> list[str]:
    """The known words that differ from the given one by a slip, the nearest only; none where it is another word."""
    if len(given) > _LONGEST:
        return []
    found: dict[str, int] = {}
    for word in known:
        slips = 0 if folded(word) == folded(given) else _distance(word.casefold(), given.casefold())
        if slips <= _allowed(word, given):
            found[word] = slips
    least = min(found.values(), default=0)
    return sorted(word for word, slips in found.items() if slips == least)


def folded(word: str) -> str:
    """The word without what authors spell in their own way: case, and what separates its parts."""
    return _SEPARATORS.sub("", word).casefold()


def perhaps(words: Iterable[str]) -> str:
    """The words that may have been meant, as the end of a sentence."""
    listed = " or ".join(map(repr, words))
    return f"; did you mean {listed}?" if listed else ""


def _allowed(word: str, given: str) -> int:
    shorter = min(len(word), len(given))
    return next((slips for length, slips in _SLIPS if shorter >= length), 0)


def _distance(one: str, other: str) -> int:
    """How many letters were added, left out, mistaken or swapped with their neighbour (optimal string alignment)."""
    if abs(len(one) - len(other)) > _SLIPS[0][1]:
        return len(one) + len(other)
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        now = [row]
        for column, opposite in enumerate(other, 1):
            cost = min(last[column] + 1, now[column - 1] + 1, last[column - 1] + (letter != opposite))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == opposite:
                cost = min(cost, before[column - 2] + 1)
            now.append(cost)
        before, last = last, now
    return last[-1]
