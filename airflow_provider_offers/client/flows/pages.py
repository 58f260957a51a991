"""Values that a list keeps by index for other tries: the receipts of its objects, and the list itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from airflow_provider_offers.client.flows.memory import TaskTries, digest
from airflow_provider_offers.client.wire.messages import Flow, Json, Keep, Recall

_PAGE = 100
# The number of receipts in a page, which has about 40 KB.
_RECEIPTS = 180
_BUNCH, _SOON = timedelta(seconds=1), timedelta(seconds=0.2)


class Pages:
    """Values by index, `size` to a key: a long list takes few keys, and a change rewrites little.

    The first value that is added is kept at once. Later values are kept together, at most once in the time `every`, and
    when they fill a page.
    """

    def __init__(self, key: str, every: timedelta = timedelta(0), size: int = _PAGE) -> None:
        self._key = key
        self._every = every
        self._size = size
        self._saved: datetime | None = None
        self._unsaved: set[int] = set()
        self._filled: Counter[int] = Counter()
        self.values: dict[int, Json] = {}

    def load(self, count: int) -> Flow[None]:
        """Recall the values of the indexes below `count`."""
        for page in range(-(-count // self._size)):
            kept = yield Recall(f"{self._key}_{page}")
            for index, value in (kept or {}).items():
                self._take(int(index), value)

    def put(self, index: int, value: Json) -> None:
        """Take a value; the next `save` keeps it."""
        self._take(index, value)
        self._unsaved.add(index // self._size)

    def add(self, index: int, value: Json, now: datetime) -> Flow[None]:
        """Take a value, and keep it if it fills its page, or if no other was kept a moment ago."""
        is_new = index not in self.values
        self.put(index, value)
        if self._saved is None or now - self._saved >= self._every:
            yield from self.save(now)
        elif is_new and self._is_full(index // self._size):
            yield from self._save_page(index // self._size)

    def drop(self, index: int) -> None:
        """Forget the value of an index; the next `save` removes it."""
        if self.values.pop(index, None) is not None:
            self._filled[index // self._size] -= 1
            self._unsaved.add(index // self._size)

    def save(self, now: datetime | None = None) -> Flow[None]:
        """Keep what is not kept yet. If keeping fails, the next `save` tries again."""
        self._saved = now or self._saved
        for page in sorted(self._unsaved):
            yield from self._save_page(page)

    def _save_page(self, page: int) -> Flow[None]:
        self._unsaved.discard(page)
        is_safe = False
        try:
            yield Keep(f"{self._key}_{page}", partial(self._page, page))
            is_safe = True
        finally:
            if not is_safe:
                self._unsaved.add(page)

    def _is_full(self, page: int) -> bool:
        return self._filled[page] == self._size

    def _take(self, index: int, value: Json) -> None:
        self._filled[index // self._size] += index not in self.values
        self.values[index] = value

    def _indexes(self, page: int) -> range:
        return range(page * self._size, (page + 1) * self._size)

    def _page(self, page: int) -> Json:
        indexes = self._indexes(page)
        return {str(index): self.values[index] for index in indexes if index in self.values}


class Checkpoint:
    """The receipts of the finished objects of a list, by index.

    `work` identifies this list and this work: receipts of other work, or from before the task was cleared, are not
    read. Receipts are kept in bunches. After a crash, the next try repeats the work of the last second. For work that
    is not repeatable, the time is shorter, and the plans tell the next try what was done in it.
    """

    def __init__(self, tries: TaskTries, work: Json, count: int, *, repeatable: bool) -> None:
        name = digest([tries.clear_generation, work])[:12]
        self._pages = Pages(f"offers_receipts_{name}", _BUNCH if repeatable else _SOON, _RECEIPTS)
        # As earlier versions of this package kept them.
        self._before = Pages(f"offers_done_{name}")
        self._count = count if tries.is_retry else 0
        self.done: dict[int, dict[str, Any]] = self._pages.values

    def load(self) -> Flow[None]:
        """Recall the receipts of earlier tries."""
        yield from self._pages.load(self._count)
        if not self.done:
            yield from self._before.load(self._count)
            for index, receipt in self._before.values.items():
                self._pages.put(index, receipt)

    def add(self, index: int, receipt: dict[str, Any], now: datetime) -> Flow[None]:
        """Keep a receipt, at once or in a bunch."""
        yield from self._pages.add(index, receipt, now)

    def keep(self, now: datetime) -> Flow[None]:
        """Keep what is not kept yet."""
        yield from self._pages.save(now)

    def save(self) -> Flow[None]:
        """Keep what is not kept yet."""
        yield from self._pages.save()


@dataclass(frozen=True, slots=True)
class ChosenList:
    """The list that a task chose in its first try, so that its next tries process the same list.

    Without a memory, and after the task was cleared, the task chooses again. `plan` identifies the list.
    """

    tries: TaskTries
    plan: Json

    def recall(self) -> Flow[tuple[dict[str, Any], list[Any]] | None]:
        """The list that an earlier try chose, and what that try noted about it; None if there is none."""
        told = (yield Recall(self._key)) if self.tries.is_retry else None
        if not isinstance(told, dict):
            return None
        pages = Pages(self._key)
        yield from pages.load(told["count"])
        return told, [pages.values[index] for index in sorted(pages.values)]

    def keep(self, told: dict[str, Any], chosen: Sequence[Any]) -> Flow[None]:
        """Keep the list, and the notes about it."""
        pages = Pages(self._key)
        for index, each in enumerate(chosen):
            pages.put(index, each)
        yield from pages.save()
        # Keep the key last: it exists only with the whole list.
        yield Keep(self._key, {**told, "count": len(chosen)})

    @property
    def _key(self) -> str:
        return f"offers_chosen_{digest([self.tries.clear_generation, self.plan])[:12]}"
