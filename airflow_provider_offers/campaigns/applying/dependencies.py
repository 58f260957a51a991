"""What an object of a plan depends on: an object that failed holds back what refers to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from airflow_provider_offers.campaigns.applying.references import named_in
from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.campaigns.plans import PlannedObject
from airflow_provider_offers.campaigns.reports import Outcome
from airflow_provider_offers.campaigns.state.states import Applied
from airflow_provider_offers.client.model.kinds import COLLECTION, FALLBACK, KINDS, PERSONALIZED
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Json


class Planned(Protocol):
    """An object of a plan, and what became of it so far."""

    planned: PlannedObject
    outcome: Outcome | None


class Dependencies:
    """The references of the objects of a plan. `bases` is the state, for the objects that the plan does not change."""

    def __init__(self, items: Mapping[Key, Planned], bases: Mapping[Key, Applied]) -> None:
        self._items, self._bases = items, bases

    def obstacle(self, key: Key, *, shown: bool = False) -> str:
        """Why the object cannot be written: one to which it refers failed or was skipped. Empty if it can be.

        With `shown`, everything counts that it leads to, and the offers in its collections by their tags, too: all that
        customers would see.
        """
        for each in self.leads_to(key) if shown else self._refers_to(key):
            item = self._items.get(each)
            if item is not None and item.outcome is not None and item.outcome.end != "done":
                how = "shows" if shown else "refers to"
                return f"it {how} the {KINDS[each[0]].noun} {quoted(each[1], 80)}, which {item.outcome.undone}"
        return ""

    def leads_to(self, key: Key) -> Iterator[Key]:
        """All objects that customers may see with this one."""
        seen, left = {key}, [key]
        while left:
            here = left.pop(0)
            for each in (*self._refers_to(here), *self._contains(here)):
                if each not in seen:
                    seen.add(each)
                    left.append(each)
                    yield each

    def _refers_to(self, key: Key) -> Iterator[Key]:
        for _, keys in named_in(KINDS[key[0]], self._properties(key)):
            found = [each for each in keys if each in self._items or each in self._bases]
            yield from found[:1]

    def _contains(self, key: Key) -> Iterator[Key]:
        """The offers of the plan that a collection contains by their tags."""
        properties = self._properties(key)
        how, ids = properties.get("filterType"), properties.get("ids")
        if key[0] != COLLECTION.key or how not in ("any-tags", "all-tags") or not isinstance(ids, list):
            return
        for other in self._items:
            tags = self._properties(other).get("tags") if other[0] in (PERSONALIZED.key, FALLBACK.key) else None
            if isinstance(tags, list) and (any if how == "any-tags" else all)(each in tags for each in ids):
                yield other

    def _properties(self, key: Key) -> Mapping[str, Json]:
        item, base = self._items.get(key), self._bases.get(key)
        if item is not None and item.planned.properties is not None:
            return item.planned.properties
        return {} if base is None else base.properties
