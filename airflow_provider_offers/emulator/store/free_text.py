"""The search string `q`: terms, quotes, escapes, and the search in the texts of an object."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_offers.emulator.store.filters import FilterError, Path, wildcard
from airflow_provider_offers.emulator.store.library import Record
from airflow_provider_offers.emulator.store.patterns import glob

_SPECIAL = set('+-=><!(){}[]^"~:\\/')
# A single one of these means nothing.
_SPECIAL_PAIRS = ("&&", "||")
_WORD = re.compile(r"\w+")

# A word, or the parts of a word with `*` and `?`.
_Word = str | tuple[str, ...]


@dataclass(frozen=True)
class TextSearch:
    """A parsed search: every phrase of words, which can contain `*` and `?`, must occur in one text."""

    runs: tuple[tuple[_Word, ...], ...]
    all_of_them: bool
    fields: tuple[Path, ...]

    def holds(self, record: Record) -> bool:
        """Whether the search finds the object."""
        texts = [_words(text) for text in self._texts(record)]
        found = (any(_is_in(run, text) for text in texts) for run in self.runs)
        return all(found) if self.all_of_them else any(found)

    def _texts(self, record: Record) -> Iterator[str]:
        if not self.fields:
            yield from _leaves(record.body)
        for path in self.fields:
            for value in path.values(record):
                yield from _leaves(value)


def parse(q: str, qop: str | None, fields: Sequence[Path]) -> TextSearch:
    """The search for `q`, `qop` and `field`; without `qop`, one term is enough."""
    if qop is not None and qop.upper() not in ("AND", "OR"):
        raise FilterError(f"qop must be AND or OR, not {qop!r}")
    text = q.strip()
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        runs = [_run(_tokens(text[1:-1], quoted=True))]
    else:
        runs = [_run([token]) for token in _tokens(text, quoted=False)]
    if not runs or not runs[0]:
        raise FilterError("q contains no term to search for")
    return TextSearch(tuple(runs), (qop or "OR").upper() == "AND", tuple(fields))


def _tokens(text: str, *, quoted: bool) -> list[str]:
    plain, position = "", 0
    while position < len(text):
        character = text[position]
        if character == "\\" and not quoted:
            if position + 1 == len(text):
                raise FilterError("q ends in a single backslash")
            plain += text[position + 1] if text[position + 1] not in "*?" else " "
            position += 2
            continue
        pair = text[position : position + 2]
        if not quoted and (character in _SPECIAL or pair in _SPECIAL_PAIRS):
            special = pair if pair in _SPECIAL_PAIRS else character
            raise FilterError(f"q holds {special!r}, which has a special meaning: escape it with a backslash")
        plain += character if not quoted or character not in "*?" else " "
        position += 1
    return re.findall(r"[\w*?]+", plain)


def _run(tokens: list[str]) -> tuple[_Word, ...]:
    # Case matters: the index is in lower case, and the query is not converted.
    return tuple(wildcard(token) if set(token) & set("*?") else token for token in tokens)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _is_in(run: tuple[_Word, ...], words: list[str]) -> bool:
    return any(all(map(_is_word, run, words[start : start + len(run)])) for start in range(len(words) - len(run) + 1))


def _is_word(wanted: _Word, word: str) -> bool:
    return wanted == word if isinstance(wanted, str) else glob(wanted, word)


def _leaves(value: Any) -> Iterator[str]:
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            stack.extend(each.values())
        elif isinstance(each, list):
            stack.extend(each)
        elif isinstance(each, str):
            yield each
        elif isinstance(each, int | float) and not isinstance(each, bool):
            yield str(each)
