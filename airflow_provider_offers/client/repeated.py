"""Warnings about the objects of a list: those that are alike are logged once, with their number and some places."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

_MOST_PLACES = 5


@dataclass(slots=True)
class _Warning:
    """A warning as it was given first; the number of those like it, and the places of the first ones."""

    log: logging.Logger
    level: int
    text: str
    count: int = 0
    places: list[str] = field(default_factory=list)

    def add(self, place: str) -> None:
        self.count += 1
        if place and len(self.places) < _MOST_PLACES:
            self.places.append(place)

    @property
    def where(self) -> str:
        """The end of its line in the log."""
        left = self.count - len(self.places)
        told = [f"{self.count} times in this list"] if self.count > 1 else []
        if self.places:
            told.append(", ".join(self.places) + (f" and {left} more" if left else ""))
        return f" [{': '.join(told)}]" if told else ""


class Repeated:
    """The warnings of one list. `place` is the place in the list of the object that is looked at, if it is known.

    With `at_once`, the first of each kind is logged at once, because the work on the list takes long.
    """

    def __init__(self, *, at_once: bool) -> None:
        self.place = ""
        self._at_once = at_once
        self._warnings: dict[tuple[str, str], _Warning] = {}

    def add(self, log: logging.Logger, level: int, text: str, about: str, like: str) -> None:
        warning = self._warnings.setdefault((log.name, like), _Warning(log, level, text))
        if self._at_once and not warning.count:
            log.log(level, "%s", text)
        warning.add(" at ".join(filter(None, (about, self.place))))

    def tell(self) -> None:
        """Log the warnings. Leaves out those that were logged already, and of which there is only one."""
        for each in self._warnings.values():
            if each.count > 1 or not self._at_once:
                each.log.log(each.level, "%s%s", each.text, each.where)


_LIST: ContextVar[Repeated | None] = ContextVar("offer_library_list", default=None)


@contextmanager
def told_once(*, at_once: bool = False) -> Iterator[Repeated]:
    """Work on a list: at the end, warnings that are alike become one line."""
    repeated = Repeated(at_once=at_once)
    outer = _LIST.set(repeated)
    try:
        yield repeated
    finally:
        _LIST.reset(outer)
        repeated.tell()


def tell(log: logging.Logger, text: str, *, level: int = logging.WARNING, about: str = "", like: str = "") -> None:
    """Log a line, or in a list count it. `about` names the object; lines are alike if they have the same `like`."""
    repeated = _LIST.get()
    if repeated is None or not like:
        log.log(level, "%s", text)
    else:
        repeated.add(log, level, text, about, like)
