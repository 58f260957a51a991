"""The checks of the sensors' arguments when the DAG is parsed. They skip templates and the results of other tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from os import PathLike
from typing import Any

from airflow_provider_offers.client.errors import Violation
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.operators.words import is_template

# An hour, as in `client.waiting.polling`, which is not imported at DAG parsing.
LONGEST_OUTAGE = 3_600.0


def may_render(given: Any) -> bool:
    """Whether the value is known only when the task runs: a template, or the result of another task."""
    if isinstance(given, str):
        return is_template(given)
    # A path has a method of that name too. Jinja's undefined value raises for each attribute, but its class does not.
    is_result = hasattr(type(given), "resolve") and not isinstance(given, PathLike)
    return is_result or (callable(given) and not isinstance(given, type))


def check_text(name: str, given: Any, *, optional: bool = False) -> Iterator[Violation]:
    """Reject anything but non-empty text. An optional argument may be empty."""
    if may_render(given) or (optional and given in (None, "")):
        return
    if not isinstance(given, str) or not given.strip():
        yield Violation(name, quoted(given), "text" if optional else "text that is not empty")


def check_word(name: str, given: Any, words: Sequence[str], *, optional: bool = False) -> Iterator[Violation]:
    """Reject anything but one word of a closed list."""
    if may_render(given) or (optional and given in (None, "")):
        return
    if not isinstance(given, str) or given not in words:
        from airflow_provider_offers.client.model.likeness import one_of

        yield Violation(name, quoted(given), one_of(words, given))


def check_words(name: str, given: Any, words: Sequence[str]) -> Iterator[Violation]:
    """Reject anything but one or several words of a closed list."""
    if may_render(given):
        return
    each = [given] if isinstance(given, str) else list(given) if isinstance(given, (list, tuple, set)) else []
    unknown = [word for word in each if not may_render(word) and (not isinstance(word, str) or word not in words)]
    if unknown or not each:
        from airflow_provider_offers.client.model.likeness import some_of

        yield Violation(name, quoted(given), some_of(words, unknown))


def check_named(name: str, given: Any) -> Iterator[Violation]:
    """Reject an argument that names no object. Only the run shows whether the object exists."""
    if given is None or (isinstance(given, (str, dict)) and not given):
        yield Violation(name, quoted(given), "an id, the result of a task, or a list of either")


def check_offers(name: str, given: Any) -> Iterator[Violation]:
    """Reject an argument that names no offer. An empty list in a DAG is an error; a task may return one."""
    if isinstance(given, (list, tuple)) and not given:
        yield Violation(name, quoted(given), "one id or more")
    yield from check_named(name, given)


def check_etag(name: str, given: Any) -> Iterator[Violation]:
    """Reject anything but an etag, as a number or as text. Empty means the offer's current etag."""
    if may_render(given) or given in (None, ""):
        return
    if not _is_whole(given.strip('"') if isinstance(given, str) else given, 0):
        yield Violation(name, quoted(given), "an etag, a whole number, such as that of a receipt")


def check_count(name: str, given: Any, *, is_rendered: bool) -> Iterator[Violation]:
    """Reject anything but a whole number of at least 1. A value that is rendered is no template any more."""
    if (is_rendered or not may_render(given)) and not _is_whole(given, 1):
        yield Violation(name, quoted(given), "a whole number of at least 1")


def _is_whole(given: Any, least: int) -> bool:
    """Whether it is a whole number of at most eighteen digits, as a number or as text."""
    text = str(given) if isinstance(given, int) and not isinstance(given, bool) and abs(given) < 10**18 else given
    return isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) <= 18 and int(text) >= least


def check_seconds(name: str, given: Any) -> Iterator[Violation]:
    """Reject anything but a finite duration of at least 0."""
    if isinstance(given, timedelta):
        given = given.total_seconds()
    # Larger whole numbers are no `float`.
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 <= given <= 10**15:
        yield Violation(name, quoted(given), "seconds, or a timedelta, of at least 0")


def seconds(given: timedelta | float) -> float:
    """A duration in seconds."""
    return given.total_seconds() if isinstance(given, timedelta) else float(given)
