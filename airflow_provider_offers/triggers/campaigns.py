"""The trigger of the drift sensor: waits at the change feed, and looks for drift after a change."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_offers.triggers.offers import OfferTrigger
from airflow_provider_offers.triggers.shared import asking, reading_connection, watching

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from airflow_provider_offers.campaigns.objects import Campaign
    from airflow_provider_offers.campaigns.planning.drift import Drift
    from airflow_provider_offers.campaigns.state.states import State
    from airflow_provider_offers.client.flows.access import Access
    from airflow_provider_offers.client.model.kinds import Kind
    from airflow_provider_offers.client.waiting.watch import SharedSearch, Watch
    from airflow_provider_offers.client.wire.messages import Flow
    from airflow_provider_offers.hooks.campaigns import DriftLook

T = TypeVar("T")

# The longest time between two looks, in case a listing of changes missed one.
_LONGEST_SLEEP = 900.0


class CampaignDriftTrigger(OfferTrigger):
    """Waits until somebody else has changed an object of a campaign.

    `ignored` holds the `pointers` of `ignore_changes`, with the `kind` and the `name` of their object. A look reads
    each kind of the campaign, and happens only after a change of one of them, or after a quarter of an hour.
    """

    def __init__(self, *, campaign: str, ignored: list[dict[str, Any]], state_path: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.campaign = campaign
        self.ignored = ignored
        self.state_path = state_path
        self._seen = ""

    def arguments(self) -> dict[str, Any]:
        return {"campaign": self.campaign, "ignored": self.ignored, "state_path": self.state_path}

    def last(self) -> str:
        return self._seen

    async def wait(self) -> dict[str, Any]:
        """The drift, once there is one."""
        while True:
            kinds = _kinds_of((await self._patiently(self._looked)).state)
            async with AsyncExitStack() as stack:
                watches = [await stack.enter_async_context(self._watching(kind)) for kind in kinds]
                found = await self._wait_at(watches, kinds)
            if found is not None:
                return found

    async def _wait_at(self, watches: Sequence[Watch], kinds: Sequence[Kind]) -> dict[str, Any] | None:
        """The drift; None if the campaign has other kinds meanwhile, so that other watches are needed."""
        from airflow_provider_offers.operators.manifests import told_drift

        while True:
            look = await self._patiently(self._looked)
            if _kinds_of(look.state) != kinds:
                return None
            drift = await self._patiently(partial(self._drift, look, self._stub()))
            meanwhile = await self._patiently(partial(asyncio.to_thread, look.apply_meanwhile))
            self._seen = meanwhile or f"{len(drift.objects)} of {drift.managed} objects drifted"
            if meanwhile is not None:
                self.log.info("Looking again in %g s: %s", self.poll_interval, meanwhile)
                await asyncio.sleep(self.poll_interval)
            elif drift:
                self.log.info("%s", self._seen)
                return told_drift(drift, self.offer_library_conn_id)
            elif watches:
                await _first_news(watches)
            else:
                # Before the first apply, nothing can drift.
                await asyncio.sleep(self.poll_interval)

    def _watching(self, kind: Kind) -> AbstractAsyncContextManager[Watch]:
        return watching(
            self.offer_library_conn_id,
            self.sandbox,
            interval=self.poll_interval,
            search=_any_change(kind),
            outage=self.max_outage,
        )

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """The result of an attempt, which is repeated during an outage of the service, of Airflow or of the states."""
        from airflow_provider_offers.client.errors import OfferLibraryError
        from airflow_provider_offers.client.waiting.polling import Patience, length

        patience = Patience(self.poll_interval, outage=self.max_outage)
        while True:
            try:
                return await attempt()
            except OfferLibraryError as error:
                pause = patience.after_failure(error)
                self.log.warning(
                    "Look %d for drift failed, the next is in %s: %s", patience.failures, length(pause), error
                )
                await asyncio.sleep(pause)

    async def _looked(self) -> DriftLook:
        return await asyncio.to_thread(self._look)

    def _look(self) -> DriftLook:
        from airflow_provider_offers.hooks.campaigns import DriftLook, state_store
        from airflow_provider_offers.hooks.offer_library import OfferLibraryHook

        with reading_connection(self.offer_library_conn_id):
            settings = OfferLibraryHook(self.offer_library_conn_id, self.sandbox).settings
        return DriftLook(state_store(self.state_path), self.campaign, settings.org_id, settings.sandbox)

    async def look_once(self, *, max_age: float, view: int) -> Drift | None:
        """The drift now by the manifest that was applied last; None while an apply runs.

        Looks within `max_age` seconds of each other share the answer, if they have seen the same objects: `view` is the
        same for them. An answer from before an edit would hide the edit.
        """
        look = await self._looked()
        drift = await self._drift(look, None, max_age=max_age, view=view)
        return None if await asyncio.to_thread(look.apply_meanwhile) is not None else drift

    async def _drift(self, look: DriftLook, campaign: Campaign | None, *, max_age: float = 0.0, view: int = 0) -> Drift:
        from airflow_provider_offers.campaigns.planning.drift import find_drift

        def ask(access: Access) -> Flow[Drift]:
            return find_drift(access, look.state, campaign)

        async with asking(self.offer_library_conn_id, self.sandbox) as asker:
            key = f"drift:{self.campaign}:{self.state_path}:{look.state.generation}:{self.ignored}:{view}"
            return await asker.ask(key, ask, max_age=max_age)

    def _stub(self) -> Campaign:
        """As much of the campaign as a look for drift needs: its name, and what it ignores."""
        from airflow_provider_offers.campaigns.objects import Campaign, Lifecycle, Origin, Target, WantedObject
        from airflow_provider_offers.client.model.kinds import kind_of

        origin = Origin("", 1, 1)
        objects = [
            WantedObject(
                kind_of(each["kind"]), each["name"], {}, origin, Lifecycle(ignore_changes=tuple(each["pointers"]))
            )
            for each in self.ignored
        ]
        return Campaign(self.campaign, Target("", self.offer_library_conn_id), objects, digest="")


def _kinds_of(state: State) -> list[Kind]:
    """The kinds of the objects that were applied."""
    from airflow_provider_offers.client.model.kinds import KINDS

    there = {kind for kind, _ in state.objects}
    return [kind for kind in KINDS.values() if kind.key in there]


def _any_change(kind: Kind) -> SharedSearch:
    """A search without a request: the feed repeats it after each change of the kind."""
    from airflow_provider_offers.client.waiting.watch import SharedSearch

    def ask(access: Access) -> Flow[list[Any]]:
        yield from ()
        return []

    return SharedSearch(f"any change of {kind.key}", kind, ask)


async def _first_news(watches: Sequence[Watch]) -> None:
    """Wait until one watch has news, at most a quarter of an hour. Raises the error that ended a watch."""
    tasks = [asyncio.ensure_future(watch.news(_LONGEST_SLEEP)) for watch in watches]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
