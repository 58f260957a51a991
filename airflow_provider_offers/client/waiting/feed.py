"""The change feed: one poller for all waits on a sandbox, so that requests grow with changes, not with waits."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.flows.reading import BATCH, look_alone, look_at
from airflow_provider_offers.client.model.entities import Entity, Reference
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.session import AsyncSession
from airflow_provider_offers.client.verdict import Trouble
from airflow_provider_offers.client.waiting.changes import ChangeReader, Changes
from airflow_provider_offers.client.waiting.polling import (
    LONGEST_OUTAGE,
    LONGEST_REFUSAL,
    Patience,
    ended,
    length,
    outage_limit,
)
from airflow_provider_offers.client.waiting.roster import Key, Roster, key_of
from airflow_provider_offers.client.waiting.watch import SharedSearch, Watch, trimmed
from airflow_provider_offers.client.wire.service_clock import ServiceClock, utc_now

# Minimum seconds between two looks.
_SHORTEST_INTERVAL = 0.1
# New waits are collected for a moment, so that a thousand that start together are looked up in batches.
_GATHERING = 0.05
# Batches of new offers between two looks at the clock.
_BATCHES_A_ROUND = 8
# Lookups for current waits use an allowance of one for each interval. Every other one is saved, up to this many. They
# are spent at once when the service's count shows a deletion.
_MOST_SAVED = 64
# Seconds after a change during which searches are repeated, because the index may lag behind the library.
_INDEX_LAG = 30.0
# How many waits are woken before the event loop can run other tasks.
_WOKEN_AT_ONCE = 100

# Instead of an id: all objects of a kind.
_ALL = "*"

log = logging.getLogger(__name__)


class Feed:
    """Polls one sandbox while something waits. `open_session` opens a session, and opens another after a failure.

    Once in an interval, the feed reads the changes. New offers are looked up when they join. The others are looked up
    in turn, one batch at a time, in case a listing missed a change, and all at once if the service's count shows a
    deletion. An interval costs at most two requests on average, and one for each further page of changes.

    The feed tolerates an outage as long as each watch allows, and a refusal that may be temporary for `refusal`
    seconds. Any other failure ends it for all.
    """

    def __init__(
        self,
        open_session: Callable[[], Awaitable[AsyncSession]],
        *,
        refusal: float = LONGEST_REFUSAL,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._open_session = open_session
        self._refusal = refusal
        self._clock = clock
        self._jitter = jitter
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        # Of the latest session. It goes on while there is none.
        self._service_clock: ServiceClock | None = None
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._roster = Roster()
        self._readers: dict[str, ChangeReader] = {}
        self._newcomers: dict[Key, None] = {}
        self._suspects: dict[Key, None] = {}
        self._unanswered: dict[str, None] = {}
        self._settles_at: dict[str, float] = {}
        # Since when the service refuses an offer, a search or a kind, while it answers for the others.
        self._refused: dict[Any, float] = {}
        self._session: AsyncSession | None = None
        self._moves: int | None = None
        self._read_at = float("-inf")
        self._stretch = 1.0
        self._reads = 0
        self._allowance = 0

    def join(
        self,
        references: Iterable[Reference] = (),
        *,
        interval: float,
        search: SharedSearch | None = None,
        follows: Kind | None = None,
        outage: float = LONGEST_OUTAGE,
    ) -> Watch:
        """Watch some offers, or the results of a search, or follow every change of a kind.

        `interval` is the seconds between two looks; `outage` is how many seconds of an outage the watch tolerates.
        """
        watch = Watch(
            tuple(references), search, max(interval, _SHORTEST_INTERVAL), outage, self.service_now, follows=follows
        )
        self._roster.add(watch)
        self._newcomers.update(dict.fromkeys(map(key_of, watch.references)))
        if search is not None:
            self._unanswered[search.key] = None
            self._settles_at[search.key] = self._clock() + _INDEX_LAG
        self._arrived.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="offer-library-feed")
        return watch

    async def leave(self, watch: Watch) -> None:
        """Stop watching. The last watch to leave ends the polling and closes the connections."""
        references, search = self._roster.remove(watch)
        for key in references:
            for queue in (self._newcomers, self._suspects, self._refused):
                queue.pop(key, None)
        if search is not None:
            for about in (self._unanswered, self._settles_at, self._refused):
                about.pop(search, None)
        if not self._roster.members and self._task is not None:
            task, self._task = self._task, None
            self._start_afresh()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def service_now(self) -> datetime:
        """The time of the service's clock, from its latest answers; before the first one, this machine's time."""
        return utc_now() if self._service_clock is None else self._service_clock.now()

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        return self._task is None

    async def _run(self) -> None:
        try:
            error = await self._poll()
        except Exception as broken:
            # After any error, no wait may hang forever.
            log.exception("The change feed broke")
            error = OfferLibraryError(f"The change feed broke: {type(broken).__name__}: {broken}")
        self._end(error)

    async def _poll(self) -> OfferLibraryError:
        """Poll until a failure ends the feed, and return that failure."""
        session: AsyncSession | None = None
        patience = Patience(1.0, jitter=self._jitter, refusal=self._refusal, clock=self._clock)
        try:
            while True:
                await self._gather()
                try:
                    if session is None:
                        session = await self._open_session()
                    self._session = session
                    self._service_clock = session.access.exchange.service_clock
                    await self._round(session)
                    await self._wake_waits_after_clock_change()
                except OfferLibraryError as error:
                    patience.interval = self._roster.interval
                    # The most patient watch decides when the feed ends; the others are told before.
                    patience.outage = self._roster.longest_outage
                    try:
                        pause = patience.after_failure(error)
                    except OfferLibraryError as told:
                        log.warning("The feed ends for %d waits: %s", len(self._roster.members), told)
                        return told
                    log.warning(
                        "Look %d at the sandbox in a row failed, the next is in %s: %s",
                        patience.failures,
                        length(pause),
                        error,
                    )
                    await self._end_waits_out_of_patience(error, patience)
                    if session is not None:
                        await session.close()
                        session = None
                    await asyncio.sleep(min(pause, self._seconds_until_patience_ends(patience)))
                else:
                    patience.after_look()
                    await self._rest()
        finally:
            if session is not None:
                await session.close()

    async def _end_waits_out_of_patience(self, error: OfferLibraryError, patience: Patience) -> None:
        """Tell the watches whose maximum outage has passed."""
        told: dict[float, list[Watch]] = defaultdict(list)
        for watch in self._roster.members:
            if watch.outage <= patience.lasted:
                told[watch.outage].append(watch)
        for bound, watches in told.items():
            await self._wake(watches, ended(error, outage_limit(bound, patience.lasted, patience.failures)))

    def _seconds_until_patience_ends(self, patience: Patience) -> float:
        lasted = patience.lasted
        return min((watch.outage - lasted for watch in self._roster.members if watch.outage > lasted), default=0.0)

    async def _wake_waits_after_clock_change(self) -> None:
        """Wake all waits if the service's clock was set, because some sleep until an instant."""
        if self._session is None:
            return
        moves = self._session.access.exchange.service_clock.moves
        was, self._moves = self._moves, moves
        if was not in (None, moves):
            await self._wake(self._roster.members)

    async def _gather(self) -> None:
        if self._newcomers:
            await asyncio.sleep(_GATHERING)
        self._arrived.clear()

    async def _rest(self) -> None:
        """Sleep until the next reading of changes, or until new offers join."""
        while not (self._newcomers or self._unanswered) and (left := self._seconds_left()) > 0:
            self._arrived.clear()
            try:
                async with asyncio.timeout(left):
                    await self._arrived.wait()
            except TimeoutError:
                return

    def _seconds_left(self) -> float:
        return self._read_at + self._roster.interval * self._stretch - self._clock()

    async def _round(self, session: AsyncSession) -> None:
        kinds = self._roster.kinds()
        if self._seconds_left() <= 0 or any(kind.key not in self._readers for kind in kinds):
            began = self._clock()
            await self._read_changes_of_all(session, kinds)
            self._read_at, self._stretch = began, 1.0 + 0.1 * self._jitter()
            self._reads += 1
            self._allowance = min(self._allowance + 1, _MOST_SAVED)
            self._add_oldest_batch()
            again = (key for key in self._refused if key in self._roster.references and not self._is_refused(key[0]))
            self._suspects.update(dict.fromkeys(again))
            self._unanswered.update(dict.fromkeys(key for key in self._refused if key in self._roster.searches))
        for _ in range(_BATCHES_A_ROUND):
            if self._newcomers:
                await self._look_up(session, self._newcomers)
        while self._suspects and self._allowance > 0:
            self._allowance -= 1
            await self._look_up(session, self._suspects)
        for key in list(self._unanswered):
            await self._answer(session, key)

    async def _read_changes_of_all(self, session: AsyncSession, kinds: Collection[Kind]) -> None:
        """Read the changes of each kind; a refusal of one kind concerns only the waits for it."""
        refusals: dict[str, OfferLibraryError] = {}
        answered = False
        # Nothing waits for the others any more. A later wait for one of them meets a refusal of its own.
        for key in self._readers.keys() - {kind.key for kind in kinds}:
            self._refused.pop((key, _ALL), None)
        for kind in kinds:
            try:
                await self._read_changes(session, kind)
            except OfferLibraryError as error:
                if error.verdict.is_outage:
                    raise
                refusals[kind.key] = error
            else:
                answered = answered or session.access.generation.supports(kind)
                self._refused.pop((kind.key, _ALL), None)
        for key, refusal in refusals.items():
            if not answered:
                # The service refuses the whole sandbox: all waits share the failure.
                raise refusal
            await self._refuse((key, _ALL), self._roster.about(key), refusal)

    def _is_refused(self, kind_key: str) -> bool:
        return (kind_key, _ALL) in self._refused

    async def _read_changes(self, session: AsyncSession, kind: Kind) -> None:
        reader = self._readers.setdefault(kind.key, ChangeReader(kind))
        if session.access.generation.supports(kind):
            changes = await session.run(reader.read(session.access))
        else:
            # There is no object of this kind. A refusal would end the waits for all other kinds.
            changes, reader.total = Changes((), vanished=False), 0
        if changes.vanished:
            self._suspects.update(dict.fromkeys(key for key in self._roster.references if key[0] == kind.key))
        for search in self._roster.searches.values():
            if search.kind is kind:
                self._ask_again(search, changed=changes.vanished or bool(changes.entities))
        followers = self._roster.followers(kind.key)
        for watch in followers:
            watch.changes.append(changes)
        await self._wake(followers)
        changed = {(kind.key, entity.id): entity for entity in changes.entities}
        await self._spread({key: entity for key, entity in changed.items() if key in self._roster.references})

    def _ask_again(self, search: SharedSearch, *, changed: bool) -> None:
        now = self._clock()
        if changed:
            self._settles_at[search.key] = now + _INDEX_LAG
        if now <= self._settles_at[search.key]:
            self._unanswered[search.key] = None

    def _add_oldest_batch(self) -> None:
        """Add the batch with the oldest look; only every other reading if the service's count shows deletions."""
        counted = all(reader.total is not None for reader in self._readers.values())
        if self._suspects or (counted and self._reads % 2):
            return
        for key in list(itertools.islice(self._roster.references, BATCH)):
            self._roster.references.move_to_end(key)
            self._suspects[key] = None

    async def _look_up(self, session: AsyncSession, queue: dict[Key, None]) -> None:
        """Look up one batch of a queue, all of one kind."""
        kind_key = next(iter(queue))[0]
        batch = list(itertools.islice((key for key in queue if key[0] == kind_key), BATCH))
        references = [self._roster.references[key] for key in batch]
        try:
            states = await session.run(look_at(session.access, references))
        except OfferLibraryError as error:
            if error.verdict.is_outage:
                raise
            # If the service refuses the whole sandbox, this call raises and all waits share the failure.
            await self._read_changes_of_all(session, self._roster.kinds())
            if self._is_refused(kind_key):
                # The next lookup of all of that kind is due once the service shows it again.
                batch, states = [key for key in queue if key[0] == kind_key], {}
                self._refused = dict.fromkeys(batch, self._clock()) | self._refused
            else:
                states = await self._look_one_by_one(session, references)
        for key in batch:
            queue.pop(key, None)
        seen = {(kind_key, identifier): entity for identifier, entity in states.items()}
        for key in seen:
            self._refused.pop(key, None)
        await self._spread(seen)

    async def _look_one_by_one(
        self, session: AsyncSession, references: Iterable[Reference]
    ) -> dict[str, Entity | None]:
        """Look at offers one by one, so that the refusal of one offer concerns only its own waits."""
        states: dict[str, Entity | None] = {}
        for reference in references:
            try:
                states[reference.id or ""] = await session.run(look_alone(session.access, reference))
            except OfferLibraryError as error:
                if error.verdict.is_outage:
                    raise
                key = key_of(reference)
                await self._refuse(key, self._roster.watching(key), error)
        return states

    async def _refuse(self, key: Any, watches: Iterable[Watch], error: OfferLibraryError) -> None:
        """Tell the waits for a refused offer or search, once the refusal has lasted too long to be temporary."""
        now = self._clock()
        lasted = now - self._refused.setdefault(key, now)
        if error.verdict.trouble is Trouble.DOUBTFUL and lasted < self._refusal:
            log.warning("Refused for %s so far: %s", length(lasted), error)
            return
        self._refused.pop(key, None)
        await self._wake(watches, ended(error, f"refused for {length(lasted)}, the maximum for such an error"))

    async def _answer(self, session: AsyncSession, key: str) -> None:
        search = self._roster.searches.get(key)
        if search is None:
            return
        try:
            found = await session.run(search.ask(session.access))
        except OfferLibraryError as error:
            if error.verdict.is_outage:
                raise
            self._unanswered.pop(key, None)
            await self._refuse(key, self._roster.asking(key), error)
            return
        self._unanswered.pop(key, None)
        self._refused.pop(key, None)
        askers = self._roster.asking(key)
        for watch in askers:
            watch.found = found
        await self._wake(askers)

    async def _spread(self, states: Mapping[Key, Entity | None]) -> None:
        """Tell each watch the new states of its offers, if they are new to it."""
        woken: dict[Watch, None] = {}
        for key, entity in states.items():
            kept = trimmed(entity)
            for watch in self._roster.watching(key):
                if watch.see(key[1], kept):
                    woken[watch] = None
        await self._wake(woken)

    async def _wake(self, watches: Iterable[Watch], error: OfferLibraryError | None = None) -> None:
        for number, watch in enumerate(list(watches), start=1):
            watch.tell(error)
            if number % _WOKEN_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _end(self, error: OfferLibraryError) -> None:
        """Tell all members, and reset the feed for the next one."""
        members = self._roster.members
        self._task = None
        self._start_afresh()
        for watch in members:
            watch.tell(error)
