"""Who waits at the change feed: the watches, by their objects, their searches and the kinds that they follow."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Collection
from typing import TypeVar

from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.waiting.polling import LONGEST_OUTAGE
from airflow_provider_offers.client.waiting.watch import SharedSearch, Watch

# The kind and the id of an object.
Key = tuple[str, str]
K = TypeVar("K")


class Roster:
    """The watches of a feed. `references` are the watched objects in the order of their next lookups."""

    def __init__(self) -> None:
        self.members: set[Watch] = set()
        self.references: OrderedDict[Key, Reference] = OrderedDict()
        self.searches: dict[str, SharedSearch] = {}
        self._watching: dict[Key, set[Watch]] = defaultdict(set)
        self._asking: dict[str, set[Watch]] = defaultdict(set)
        self._following: dict[str, set[Watch]] = defaultdict(set)

    def add(self, watch: Watch) -> None:
        """Add a watch with everything that it waits for."""
        self.members.add(watch)
        for reference in watch.references:
            self.references.setdefault(key_of(reference), reference)
            self._watching[key_of(reference)].add(watch)
        if watch.search is not None:
            self.searches.setdefault(watch.search.key, watch.search)
            self._asking[watch.search.key].add(watch)
        if watch.follows is not None:
            self._following[watch.follows.key].add(watch)

    def remove(self, watch: Watch) -> tuple[list[Key], str | None]:
        """Remove a watch; returns the objects and the search that no other watch waits for."""
        self.members.discard(watch)
        left = [key for key in map(key_of, watch.references) if not _is_shared(self._watching, key, watch)]
        for key in left:
            self.references.pop(key, None)
        if watch.follows is not None:
            _is_shared(self._following, watch.follows.key, watch)
        if watch.search is None or _is_shared(self._asking, watch.search.key, watch):
            return left, None
        self.searches.pop(watch.search.key, None)
        return left, watch.search.key

    def watching(self, key: Key) -> Collection[Watch]:
        """The watches of an object."""
        return self._watching.get(key, ())

    def asking(self, search: str) -> Collection[Watch]:
        """The watches of a search."""
        return self._asking.get(search, ())

    def followers(self, kind_key: str) -> Collection[Watch]:
        """The watches that follow every change of a kind."""
        return self._following.get(kind_key, ())

    def about(self, kind_key: str) -> list[Watch]:
        """The watches that wait for anything of a kind."""
        return [watch for watch in self.members if kind_key in watch.kind_keys]

    def kinds(self) -> list[Kind]:
        """The kinds of everything that somebody waits for."""
        kinds = {reference.kind.key: reference.kind for reference in self.references.values()}
        kinds |= {search.kind.key: search.kind for search in self.searches.values()}
        kinds |= {watch.follows.key: watch.follows for watch in self.members if watch.follows is not None}
        return list(kinds.values())

    @property
    def interval(self) -> float:
        """The seconds between two looks of the most impatient watch."""
        return min((watch.interval for watch in self.members), default=1.0)

    @property
    def longest_outage(self) -> float:
        """The seconds of an outage that the most patient watch tolerates."""
        return max((watch.outage for watch in self.members), default=LONGEST_OUTAGE)


def key_of(reference: Reference) -> Key:
    return reference.kind.key, reference.id or ""


def _is_shared(watches: dict[K, set[Watch]], key: K, watch: Watch) -> bool:
    """Take a watch out of the set under a key; returns whether others are left there."""
    others = watches.get(key, set())
    others.discard(watch)
    if not others:
        watches.pop(key, None)
    return bool(others)
