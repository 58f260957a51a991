"""The trigger that starts DAGs: it tells an asset's watcher what happens in the library, including edits by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_offers import DEFAULT_CONNECTION, configuration
from airflow_provider_offers.triggers.overviews import Demand, Look, overview

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow_provider_offers.client.model.kinds import Kind
    from airflow_provider_offers.client.waiting.happenings import Happening, Memory, Thing, Wanted
    from airflow_provider_offers.operators.words import KindName
    from airflow_provider_offers.triggers.overviews import Overview
    from airflow_provider_offers.triggers.positions import Positions

__all__ = ["OfferLibraryEventTrigger"]

# A day in seconds.
DAY = 86_400.0
LibraryEvent: TypeAlias = Literal[
    "created", "changed", "status", "window_opened", "window_closing", "window_closed", "deleted", "drifted"
]
DRIFTED = "drifted"
# The kinds that a campaign may have. Generation 1 has no calls for formulas, and the log of the triggerer says so.
_CAMPAIGN_KINDS = ("placement", "tag", "rule", "formula", "personalized", "fallback", "collection", "decision")
_INTERVAL = 30.0
# A position without new events is kept this often, in seconds.
_KEEP_EVERY = 600.0


class OfferLibraryEventTrigger(BaseEventTrigger):
    """Tell an `AssetWatcher` what happens to the objects of a sandbox, including edits by hand.

    :param events: `created`, `changed`, `status`, `window_opened`, `window_closing`, `window_closed`, `deleted`,
        `drifted`: one, or a list
    :param kinds: the kinds of objects: one, or a list (default `personalized`; for `drifted` every kind of a campaign)
    :param names: only objects with one of these names; patterns such as `Spring*` are possible
    :param statuses: only objects with one of these statuses; for `status`, the new status. Windows count for objects
        that customers can see: `approved` offers and `live` decisions, unless this names other statuses
    :param tags: only objects with one of these collection qualifiers, by id
    :param closing_within: for `window_closing`: how long before its end a window is closing, in seconds or as a
        timedelta (default a day)
    :param campaign: the name of the campaign, for `drifted`
    :param state_path: where the states of campaigns are kept, instead of `[offer_library] state_path`; for `drifted`
    :param poll_interval: seconds between two looks (default: `[offer_library] poll_interval`, else 30)
    :param offer_library_conn_id: the connection, of type `offer_library`
    :param sandbox: overrides the sandbox of the connection

    An empty list is an error: perhaps the list was computed, and its author does not want to watch everything.

    Each event has the payload `event`, `kind`, `id`, `instance_id`, `name`, `etag`, `status`, `window` (`start` and
    `end`), `modified`, `at` (the service's time of the look), for `status` also `was`, and for `drifted` `campaign`,
    `pointers` and `reason`. Several edits between two looks are one event. The first look of a new trigger reports
    only objects that have drifted already. Other events are reported only if they happen after it.

    Raises `InvalidInputError` for arguments that cannot work, when the DAG is parsed. Calls one listing of the objects
    that were modified last for each kind and interval, for all triggers of a sandbox together; and a listing of all
    objects at the start, then every quarter of an hour, and when objects were deleted.
    """

    def __init__(
        self,
        *,
        events: LibraryEvent | Sequence[LibraryEvent],
        kinds: KindName | Sequence[KindName] | None = None,
        names: str | Sequence[str] | None = None,
        statuses: str | Sequence[str] | None = None,
        tags: str | Sequence[str] | None = None,
        closing_within: timedelta | float = DAY,
        campaign: str | None = None,
        state_path: str | None = None,
        poll_interval: float | None = None,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
    ) -> None:
        super().__init__()
        self.events = _sorted(events)
        default = _CAMPAIGN_KINDS if DRIFTED in self.events else "personalized"
        self.kinds = _sorted(default if kinds is None else kinds)
        self.names = None if names is None else _sorted(names)
        self.statuses = None if statuses is None else _sorted(statuses)
        self.tags = None if tags is None else _sorted(tags)
        seconds: Any = getattr(closing_within, "total_seconds", None)
        self.closing_within: float = closing_within if seconds is None else seconds()  # type: ignore[assignment]
        self.campaign = campaign
        self.state_path = state_path
        if poll_interval is None:
            poll_interval = configuration.poll_interval() or _INTERVAL
        self.poll_interval = poll_interval
        self.offer_library_conn_id = configuration.connection_id(offer_library_conn_id)
        self.sandbox = sandbox
        # Loaded when a trigger is made, and not with each DAG file that imports the class.
        from airflow_provider_offers.triggers.event_arguments import check_event_trigger

        check_event_trigger(self)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and its arguments. Equal arguments are one trigger for Airflow, so they have one order."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "events": self.events,
            "kinds": self.kinds,
            "names": self.names,
            "statuses": self.statuses,
            "tags": self.tags,
            "closing_within": self.closing_within,
            "campaign": self.campaign,
            "state_path": self.state_path,
            "poll_interval": self.poll_interval,
            "offer_library_conn_id": self.offer_library_conn_id,
            "sandbox": self.sandbox,
        }

    def shared_stream_key(self) -> tuple[str, ...]:
        """All triggers of a sandbox share one stream (Airflow 3.3)."""
        return ("offer-library", self.offer_library_conn_id, self.sandbox or "")

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> Any:
        """The stream of looks. Airflow says when the events of a look are stored."""
        from airflow_provider_offers.triggers.streams import Looks

        return Looks(kwargs["offer_library_conn_id"], kwargs["sandbox"])

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        """The events of this trigger, from the looks of the shared stream."""
        async with overview(self.offer_library_conn_id, self.sandbox) as view:
            async for event in self._tell(view, shared_stream):
                yield event

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """The events of this trigger, without a shared stream (Airflow 3.2). Looks are shared all the same."""
        async with overview(self.offer_library_conn_id, self.sandbox) as view:
            async for event in self._tell(view, view.looks()):
                yield event

    async def _tell(self, view: Overview, looks: AsyncIterator[Look]) -> AsyncIterator[TriggerEvent]:
        demand = Demand(self._rows(), self.poll_interval)
        teller = Teller(self, view)
        view.demand(demand)
        try:
            async for look in looks:
                for payload in await teller.look(look):
                    yield TriggerEvent(payload)
        finally:
            view.withdraw(demand)

    def _rows(self) -> tuple[Kind, ...]:
        from airflow_provider_offers.client.model.kinds import kind_of

        return tuple(kind_of(each) for each in self.kinds)


class Teller:
    """The events of one trigger: compares each look with what it remembers."""

    def __init__(self, trigger: OfferLibraryEventTrigger, view: Overview) -> None:
        self._trigger, self._view = trigger, view
        self._positions: Positions | None = None
        self._memory: Memory | None = None
        self._drift: dict[str, str] = {}
        self._drift_seen_of: int | None = None
        # The number of the latest position that is worth keeping, and of the latest one that is kept.
        self._due, self._kept = 0, 0
        self._kept_at: Any = None

    async def look(self, look: Look) -> list[dict[str, Any]]:
        """The payloads of a look; empty until every kind has been read."""
        things = self._view.things(self._trigger._rows())
        if things is None:
            return []
        wanted = self._wanted()
        is_first = self._memory is None
        memory = self._memory or await self._begin(things, look, wanted)
        gone = await self._gone(memory, things)
        found: list[Happening] = memory.happenings(things.values(), look.now, wanted)
        found += memory.deletions(gone, look.now, wanted)
        payloads = [each.as_json() for each in found]
        self._memory = memory.after(things.values(), gone, look.now, wanted)
        drift = self._drift
        payloads += await self._drifted(things, look)
        self._keep_later(look, is_due=is_first or bool(payloads) or self._drift != drift)
        return payloads

    async def _begin(self, things: Mapping[str, Thing], look: Look, wanted: Wanted) -> Memory:
        """The memory that is kept; without one, everything that is there is known."""
        from airflow_provider_offers.client.waiting.happenings import Memory
        from airflow_provider_offers.triggers.positions import Positions

        store = getattr(self._trigger, "asset_state_store", None)
        self._positions = Positions(store, self._trigger.serialize()[1])
        kept = await self._positions.read()
        if kept is not None:
            memory, self._drift = kept
            return memory
        return Memory(look.now).after(things.values(), (), look.now, wanted)

    async def _gone(self, memory: Memory, things: Mapping[str, Thing]) -> list[str]:
        """The remembered objects that do not exist any more, each confirmed by a read."""
        from airflow_provider_offers.client.errors import OfferLibraryError

        missing = memory.missing(things)
        found: list[str] = []
        for kind in self._trigger._rows():
            ids = [each for each in missing if memory.seen[each].kind == kind.key]
            try:
                found += await self._view.gone(kind, ids) if ids else []
            except OfferLibraryError as error:
                self._trigger.log.warning("Deletions are reported later: %s", error)
        return found

    async def _drifted(self, things: Mapping[str, Thing], look: Look) -> list[dict[str, Any]]:
        """The payloads of objects that differ from the campaign's state, each difference once."""
        if DRIFTED not in self._trigger.events:
            return []
        signature = hash(frozenset((each.id, each.etag) for each in things.values()))
        if signature == self._drift_seen_of:
            return []
        from airflow_provider_offers.triggers.drifting import drifted_objects

        found = await drifted_objects(self._trigger, signature)
        if found is None:
            # An apply runs: look again at the next look.
            return []
        self._drift_seen_of = signature
        now = {name: each for name, each in found.items() if self._is_watched(each[1], things)}
        before, self._drift = self._drift, {name: digest for name, (digest, _) in now.items()}
        at = self._memory.since if self._memory else look.now
        return [
            {"event": DRIFTED, "at": at.isoformat(), **payload}
            for name, (digest, payload) in now.items()
            if before.get(name) != digest
        ]

    def _is_watched(self, drifted: Mapping[str, Any], things: Mapping[str, Thing]) -> bool:
        """Whether the filters let a drifted object pass. What is gone has its kind and its name only."""
        wanted, thing = self._wanted(), things.get(drifted["id"])
        if drifted["kind"] not in self._trigger.kinds or not wanted.names_one(drifted["name"]):
            return False
        if thing is None:
            return True
        has_tag = not wanted.tags or not wanted.tags.isdisjoint(thing.tags)
        return has_tag and (not wanted.statuses or thing.status in wanted.statuses)

    def _keep_later(self, look: Look, *, is_due: bool) -> None:
        """Keep the position once Airflow has stored the events of this look."""
        positions, memory = self._positions, self._memory
        if positions is None or memory is None or not positions.is_kept:
            return
        is_old = self._kept_at is not None and abs((look.now - self._kept_at).total_seconds()) >= _KEEP_EVERY
        self._due += is_due or is_old
        # A position that could not be kept is due until one is.
        if self._due > self._kept:
            self._kept_at = look.now
            look.saves.append(partial(self._keep, positions, memory, dict(self._drift), self._due))

    async def _keep(self, positions: Positions, memory: Memory, drift: dict[str, str], number: int) -> None:
        await positions.write(memory, drift)
        self._kept = max(self._kept, number)

    def _wanted(self) -> Wanted:
        from datetime import timedelta

        from airflow_provider_offers.client.waiting.happenings import Wanted

        trigger = self._trigger
        return Wanted(
            frozenset(trigger.events),
            tuple(trigger.names or ()),
            tuple(trigger.statuses or ()),
            frozenset(trigger.tags or ()),
            timedelta(seconds=trigger.closing_within),
        )


def _sorted(given: Any) -> list[Any]:
    values = [given] if isinstance(given, str) else list(given) if isinstance(given, (list, tuple, set)) else [given]
    return sorted(set(values), key=str) if all(isinstance(each, str) for each in values) else values
