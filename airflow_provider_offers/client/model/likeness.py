"""Finds the known word behind a typing error, and letters that look like others."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import Any

_SEPARATORS = re.compile(r"[-_\s]+")
# (length, slips): a word of at least this length may have this many typing errors.
_SLIPS = ((14, 3), (7, 2), (1, 1))
_LONGEST = 60
_WRONG_PLURAL = re.compile(r"ys$")
# A part of a URI with as many letters has slips; a shorter one with another letter may be another word.
_LONG_PART = 7
_ALPHABETS = ("LATIN", "CYRILLIC", "GREEK")
# Joiners of letters and emoji, and the tags of flags.
_JOINERS = re.compile("[\u200c\u200d\U000e0020-\U000e007f]")


def near(given: str, known: Iterable[str]) -> list[str]:
    """The known words that differ from the given one by a typing error, only the nearest; empty if none is near."""
    if len(given) > _LONGEST:
        return []
    found: dict[str, int] = {}
    bare = folded(given)
    # A wrong plural, such as `retrys`, is one slip.
    plural = _WRONG_PLURAL.sub("ies", bare)
    for word in known:
        allowed = _allowed(word, given)
        slips = 1 if folded(word) == plural != bare else _distance(folded(word), bare, allowed)
        if slips <= allowed:
            found[word] = slips
    least = min(found.values(), default=0)
    return sorted(word for word, slips in found.items() if slips == least)


def with_nearest_names(error: TypeError, given: Iterable[str], known: Collection[str]) -> TypeError:
    """The error about unknown arguments, with the known ones that were probably meant.

    Those are the near ones, or else those of which an argument is the end, such as `conn_id`.
    """
    meant = {
        name: near(name, known) or sorted(each for each in known if each.endswith(f"_{name}"))
        for name in given
        if name not in known
    }
    hints = [f"\n  {name}: given an unknown argument{perhaps(words)}" for name, words in meant.items() if words]
    return TypeError(f"{error}{''.join(hints)}") if hints else error


def has_letters_of(given: str, word: str) -> bool:
    """Whether the text has the letters of the word and no others, in any order and case."""
    return sorted(given.casefold()) == sorted(word.casefold())


def is_slip(given: str, word: str) -> bool:
    """Whether one letter of the word is missing or doubled, or two neighbors are swapped, in any case.

    This is stricter than `near`: a replaced letter often makes another word, such as `game` or `gps`.
    """
    text = given.casefold()
    cut = [(word[:at], word[at], word[at + 1 :]) for at in range(len(word))]
    return text != word and any(
        text in (head + tail, f"{head}{letter}{letter}{tail}", f"{head}{tail[:1]}{letter}{tail[1:]}")
        for head, letter, tail in cut
    )


def near_uris(given: str, known: Iterable[str]) -> list[str]:
    """The known URIs from which the given one differs by slips in its parts, only the nearest; empty if none is near.

    A short part with a replaced letter may be another word, such as the name of a tenant.
    """
    parts = given.split("/")
    found: dict[str, int] = {}
    for uri in known:
        wanted = uri.split("/")
        wrong = [(part, want) for part, want in zip(parts, wanted, strict=False) if part.casefold() != want.casefold()]
        if len(parts) == len(wanted) and all(is_slip(*pair) or _is_near_part(*pair) for pair in wrong):
            found[uri] = len(wrong)
    least = min(found.values(), default=0)
    return [uri for uri, count in found.items() if count == least]


def _is_near_part(part: str, wanted: str) -> bool:
    return len(wanted) >= _LONG_PART and bool(near(part, (wanted,)))


def folded(word: str) -> str:
    """The word without case and separators, which authors write in their own way."""
    return _SEPARATORS.sub("", word).casefold()


def is_hidden(letter: str) -> bool:
    """Whether nobody sees the letter, such as a zero-width space or a tab."""
    return unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp") and not _JOINERS.match(letter)


def alphabets(word: str) -> set[str]:
    """Those of a word's alphabets whose letters look alike; empty for a word in ASCII alone."""
    if word.isascii():
        return set()
    names = (unicodedata.name(letter, "") for letter in word if letter.isalpha())
    return {first.capitalize() for name in names if (first := name.partition(" ")[0]) in _ALPHABETS}


def perhaps(words: Iterable[str]) -> str:
    """The end of a message with the words that were probably meant."""
    listed = " or ".join(map(repr, words))
    return f"; did you mean {listed}?" if listed else ""


def one_of(words: Sequence[str], value: Any) -> str:
    """The words of a closed list, with the one that was probably meant."""
    meant = near(value, words) if isinstance(value, str) and len(words) > 1 else []
    return " or ".join(map(repr, words)) + perhaps(meant)


def some_of(words: Sequence[str], unknown: Iterable[Any]) -> str:
    """The words of a closed list of which some were wanted, with those that were probably meant by unknown ones."""
    meant = [word for each in unknown if isinstance(each, str) for word in near(each, words)]
    return f"some of {', '.join(words)}{perhaps(dict.fromkeys(meant))}"


def _allowed(word: str, given: str) -> int:
    shorter = min(len(word), len(given))
    return next((slips for length, slips in _SLIPS if shorter >= length), 0)


def _distance(one: str, other: str, allowed: int) -> int:
    """How many letters were added, left out, replaced or swapped with a neighbor (optimal string alignment).

    If more than `allowed`, the answer is at least one more than that.
    """
    if (least := _letters_apart(one, other)) > allowed:
        return least
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


def _letters_apart(one: str, other: str) -> int:
    """How many letters of one text the other lacks, wherever they stand: the distance is never less."""
    left = other
    for letter in one:
        left = left.replace(letter, "", 1)
    return max(len(left), len(one) - len(other) + len(left))
