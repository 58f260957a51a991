"""The shared view of a sandbox for all event triggers of a process: one reading for each kind, for any number of them.

The view follows the change feed, which sensors use too. A full read when it begins, then every quarter of an hour and
when the service's count shows deletions, finds what no listing of changes shows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.triggers.shared import asking, watching

if TYPE_CHECKING:
    from airflow_provider_offers.client.flows.access import Access
    from airflow_provider_offers.client.model.entities import Entity
    from airflow_provider_offers.client.model.kinds import Kind
    from airflow_provider_offers.client.waiting.happenings import Thing
    from airflow_provider_offers.client.waiting.watch import Watch
    from airflow_provider_offers.client.wire.messages import Flow

# Seconds between two full reads of a kind.
FULL_READ = 900.0
# Seconds between two attempts after a failure that ended the feed.
_AFTER_FAILURE = 30.0
_PAGE = 100

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Look:
    """A moment at which the view is worth looking at. `saves` is what a trigger keeps once its events are stored."""

    now: datetime
    saves: list[Callable[[], Awaitable[None]]] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Demand:
    """What one trigger needs: its kinds, and the seconds between two looks."""

    kinds: tuple[Kind, ...]
    interval: float


class Overview:
    """The view of one connection and sandbox. It reads while something demands it."""

    def __init__(self, conn_id: str, sandbox: str | None) -> None:
        self._place = (conn_id, sandbox)
        self._demands: set[Demand] = set()
        self._listeners: set[asyncio.Queue[Look]] = set()
        self._readers: dict[str, asyncio.Task[None]] = {}
        self._ticking: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._things: dict[str, dict[str, Thing]] = {}
        self._service_now: Callable[[], datetime] | None = None
        self.users = 0

    def demand(self, demand: Demand) -> None:
        """Read these kinds from now on."""
        is_faster = bool(self._demands) and demand.interval < self._interval()
        self._demands.add(demand)
        if is_faster:
            # The feed reads as often as its most impatient member asks.
            self._stop(self._readers)
        for kind in (kind for each in self._demands for kind in each.kinds):
            if kind.key not in self._readers:
                self._readers[kind.key] = asyncio.create_task(self._read(kind), name=f"offer-library-view-{kind.key}")
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._tick(), name="offer-library-view")
        # A newcomer looks at once at what is known.
        self._news.set()

    def withdraw(self, demand: Demand) -> None:
        """End a demand; kinds that no other one needs are read no longer."""
        self._demands.discard(demand)
        needed = {kind.key for each in self._demands for kind in each.kinds}
        self._stop([key for key in self._readers if key not in needed])

    async def looks(self) -> AsyncIterator[Look]:
        """Every moment to look, without an end."""
        queue: asyncio.Queue[Look] = asyncio.Queue(maxsize=1)
        self._listeners.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)

    def things(self, kinds: Iterable[Kind]) -> Mapping[str, Thing] | None:
        """Every object of these kinds, by id; None until they have been read."""
        found: dict[str, Thing] = {}
        for kind in kinds:
            if kind.key not in self._things:
                return None
            found |= self._things[kind.key]
        return found

    async def gone(self, kind: Kind, ids: list[str]) -> list[str]:
        """Those of the ids that certainly do not exist: each is read by its id."""
        from airflow_provider_offers.client.flows.reading import BATCH, look_at
        from airflow_provider_offers.client.model.entities import Reference

        found: list[str] = []
        for start in range(0, len(ids), BATCH):
            batch = sorted(ids)[start : start + BATCH]

            def flow(access: Access, batch: list[str] = batch) -> Flow[dict[str, Entity | None]]:
                return look_at(access, [Reference(kind, id=each) for each in batch])

            key = f"gone:{kind.key}:{','.join(batch)}"
            async with asking(*self._place) as asker:
                states = await asker.ask(key, flow, max_age=self._interval())
            found += [each for each, entity in states.items() if entity is None]
        return found

    async def close(self) -> None:
        """End every reading."""
        tasks = [*self._readers.values(), *([self._ticking] if self._ticking else [])]
        self._stop(list(self._readers))
        if self._ticking is not None:
            self._ticking.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _stop(self, keys: Iterable[str]) -> None:
        for key in list(keys):
            self._readers.pop(key).cancel()
            self._things.pop(key, None)

    def _interval(self) -> float:
        return min((each.interval for each in self._demands), default=1.0)

    async def _tick(self) -> None:
        """Tell the listeners to look, once in an interval and at news. A look that nobody took yet is enough."""
        while True:
            self._news.clear()
            if self._service_now is not None:
                look = Look(self._service_now())
                for queue in self._listeners:
                    if queue.empty():
                        queue.put_nowait(look)
            try:
                async with asyncio.timeout(self._interval()):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _read(self, kind: Kind) -> None:
        """Keep the view of a kind. A failure ends no trigger: it is logged, and the next full read finds all."""
        while True:
            try:
                async with watching(*self._place, interval=self._interval(), follows=kind) as watch:
                    await self._follow(watch, kind)
            except OfferLibraryError as error:
                log.warning("The events of each %s come later: %s", kind.noun, error)
            except Exception:
                # No watcher may go blind without a word.
                log.exception("The view of each %s broke; it begins again", kind.noun)
            await asyncio.sleep(max(self._interval(), _AFTER_FAILURE))

    async def _follow(self, watch: Watch, kind: Kind) -> None:
        # The first reading finds the place to start; a full read after it misses nothing.
        await watch.news()
        clock = asyncio.get_running_loop().time
        read_at: float | None = None
        while True:
            readings = watch.taken_changes()
            is_due = read_at is None or clock() - read_at >= FULL_READ or any(each.vanished for each in readings)
            if is_due:
                read_at = clock()
                self._take_all(kind, await self._read_all(kind))
            for each in readings:
                self._take(kind, each.entities)
            self._service_now = watch.now
            if is_due or any(each.entities for each in readings):
                self._news.set()
            assert read_at is not None
            await watch.news(max(0.0, read_at + FULL_READ - clock()))

    async def _read_all(self, kind: Kind) -> list[Entity]:
        from airflow_provider_offers.client.flows.listing import Listing

        def flow(access: Access) -> Flow[list[Entity]]:
            if not access.generation.supports(kind):
                log.warning("There are no events of any %s: the API of the connection has none", kind.noun)
                return []
            listing = Listing(access, kind, access.generation.every(kind, _PAGE))
            found: list[Entity] = []
            while (page := (yield from listing.advance())) is not None:
                found += page
            return found

        async with asking(*self._place) as asker:
            return await asker.ask(f"all:{kind.key}", flow, max_age=0.0)

    def _take_all(self, kind: Kind, entities: Iterable[Entity]) -> None:
        known = self._things.get(kind.key, {})
        self._things[kind.key] = {}
        self._take(kind, entities, known)

    def _take(self, kind: Kind, entities: Iterable[Entity], known: Mapping[str, Thing] | None = None) -> None:
        from airflow_provider_offers.client.waiting.happenings import Thing

        things = self._things[kind.key]
        before = things if known is None else known
        for entity in entities:
            there = before.get(entity.id)
            # A listing may lag behind.
            things[entity.id] = Thing.of(entity) if there is None or entity.etag > there.etag else there


_overviews: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str | None], Overview]] = WeakKeyDictionary()


@asynccontextmanager
async def overview(conn_id: str, sandbox: str | None) -> AsyncIterator[Overview]:
    """The view of that connection and sandbox. Its last user closes it."""
    overviews = _overviews.setdefault(asyncio.get_running_loop(), {})
    shared = overviews.setdefault((conn_id, sandbox), Overview(conn_id, sandbox))
    shared.users += 1
    try:
        yield shared
    finally:
        shared.users -= 1
        if not shared.users:
            del overviews[conn_id, sandbox]
            await shared.close()
