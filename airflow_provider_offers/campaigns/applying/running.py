"""The run of an apply: phase by phase and batch by batch, with the state saved before and after every creation."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from airflow_provider_offers.campaigns.applying.dependencies import Dependencies
from airflow_provider_offers.campaigns.applying.items import (
    Item,
    Progress,
    RunOptions,
    applied,
    called,
    old_key,
    plan_id,
)
from airflow_provider_offers.campaigns.applying.ledger import Ledger
from airflow_provider_offers.campaigns.applying.references import KnownIds
from airflow_provider_offers.campaigns.applying.rereading import WRITES, Library, Sight, is_as_wanted, posted
from airflow_provider_offers.campaigns.applying.steps import content_pointers, is_taken_back, new_status
from airflow_provider_offers.campaigns.applying.writing import (
    after,
    archive,
    change,
    make,
    operations,
    remove,
    set_status,
    while_held,
)
from airflow_provider_offers.campaigns.errors import CampaignError
from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.campaigns.plans import Plan
from airflow_provider_offers.campaigns.reports import Outcome, Report
from airflow_provider_offers.campaigns.state.states import Applied, State
from airflow_provider_offers.campaigns.state.storage import Lock
from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.editing import take_step
from airflow_provider_offers.client.flows.memory import Earlier
from airflow_provider_offers.client.flows.obstacles import REASONS as OFFER_REASONS
from airflow_provider_offers.client.flows.ownership import Creation
from airflow_provider_offers.client.lists import run_batch
from airflow_provider_offers.client.model.comparing import same
from airflow_provider_offers.client.model.entities import Reference, Written
from airflow_provider_offers.client.model.instants import format_instant, parse_instant
from airflow_provider_offers.client.model.kinds import COLLECTION, DECISION, KINDS, Kind
from airflow_provider_offers.client.model.lifecycle import DRAFT, LIVE
from airflow_provider_offers.client.model.operations import Operation
from airflow_provider_offers.client.session import AsyncSession
from airflow_provider_offers.client.text import listed
from airflow_provider_offers.client.wire.messages import Flow, Json, Pause

log = logging.getLogger(__name__)

# The objects of a kind are written in batches, and the state is saved between them. A batch has 200 objects, or a tenth
# of the campaign if that is more.
_BATCH = 200
_MOST_BATCHES = 10
_HALTED = "This apply was ended before it was complete. What was written stays, and another apply does the rest"


class Run:
    """An apply that holds the lock, after the library was read again and the plan still fits."""

    def __init__(
        self,
        session: AsyncSession,
        plan: Plan,
        held: Lock,
        state: State,
        library: Library,
        sights: Mapping[Key, Sight],
        options: RunOptions,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self._session, self._plan, self._held, self._options = session, plan, held, options
        self._names = library.names
        self._ledger = Ledger(held, state, plan)
        self._tell = on_progress or (lambda _: None)
        self._items = {each.key: Item(each, sights[each.key]) for each in plan.objects if each.action in WRITES}
        self._known = KnownIds(plan.ids)
        self._dependencies = Dependencies(self._items, state.objects)
        self._are_waiting = any(each.planned.after_offers for each in self._items.values())
        self._waited = False
        # What an apply that was killed may have created already, and this one has created.
        self._made_again: list[str] = []
        self._is_rerun = state.plan == plan_id(plan)
        for item in self._items.values():
            entity = item.sight.entity
            if entity is not None:
                item.reference = entity.reference
            if item.planned.action != "retire" and entity is not None:
                self._known.learn(item.key, entity.id)

    async def run(self) -> Report:
        """Do everything that is left of the plan."""
        self._learn()
        await self._ledger.save()
        await self._take_back()
        for kind in KINDS.values():
            if kind is COLLECTION:
                self._keep_together()
            await self._content(kind)
        await self._ledger.save()
        await self._show()
        await self._retire()
        await self._ledger.save()
        outcomes = tuple(each.outcome for each in self._items.values() if each.outcome is not None)
        report = Report.of(self._plan, outcomes, self._ledger.generation)
        if not self._made_again:
            return report
        warning = (
            "An earlier apply had created these objects, or was interrupted while it did, and they were gone, so this "
            f"one created them: {listed(self._made_again)}. If somebody deleted, archived or renamed one since, it "
            "exists again"
        )
        return replace(report, warnings=(*report.warnings, warning))

    def _learn(self) -> None:
        """Take into the state what the library has already."""
        for planned in self._plan.objects:
            if planned.action == "unchanged" and planned.properties is not None:
                self._ledger.put(planned.key, applied(planned, planned.properties))
        for key in self._plan.forgotten:
            if not self._may_show_up(self._ledger.base(key)):
                self._ledger.put(key, None)
        self._ledger.give_up(self._plan.given_up)
        for item in self._items.values():
            if item.planned.action == "retire":
                if item.sight.is_there:
                    self._ledger.put(item.key, None)
                    self._finish(item)
            elif item.sight.is_there and item.sight.entity is not None:
                self._content_done(item, item.sight.entity.status)

    def _may_show_up(self, base: Applied | None) -> bool:
        """Whether an earlier apply may have created the object so lately that no listing shows it yet."""
        if base is None or base.pending is None:
            return False
        shown = parse_instant(base.pending) + timedelta(seconds=2 * self._options.patience)
        return self._session.access.exchange.service_now() < shown

    async def _take_back(self) -> None:
        """Take what customers see no longer back to draft, the decisions first."""
        items = [each for each in self._items.values() if is_taken_back(each.planned) and each.sight.left]
        items = [each for each in items if each.sight.entity is not None and each.sight.entity.status != DRAFT]

        def done(item: Item, written: Written) -> None:
            assert item.sight.entity is not None
            item.sight.entity = after(item.sight.entity, written, status=DRAFT)
            self._ledger.put_status(item.key, DRAFT, old_key(item.planned))

        for kind in reversed(KINDS.values()):
            of_kind = [each for each in items if each.kind is kind]
            await self._perform("take back", of_kind, of_kind, _taking_back, done)

    async def _content(self, kind: Kind, *, after_offers: bool = False) -> None:
        """Create and change the objects of a kind, in batches; those that wait for the approval of offers later."""
        items = [
            each
            for each in self._items.values()
            if each.kind is kind and each.planned.action != "retire" and not each.is_content_done and not each.outcome
        ]
        items = [each for each in items if self._waits_for_offers(each) is after_offers]
        size = max(_BATCH, -(-len(self._items) // _MOST_BATCHES))
        for start in range(0, len(items), size):
            ready = [each for each in items[start : start + size] if self._is_ready(each)]
            await self._create([each for each in ready if each.planned.action == "create"])
            await self._change([each for each in ready if each.planned.action != "create"])

    def _waits_for_offers(self, item: Item) -> bool:
        """Whether an object is changed after the approval of offers, or shows one that is."""
        if item.planned.after_offers or not self._are_waiting or not _is_seen(item):
            return item.planned.after_offers
        shown = (self._items.get(each) for each in self._dependencies.leads_to(item.key))
        return any(each is not None and each.planned.after_offers for each in shown)

    def _is_ready(self, item: Item) -> bool:
        reason = self._dependencies.obstacle(item.key, shown=_is_seen(item))
        if reason:
            self._skip(item, reason)
        return not reason

    async def _create(self, items: Sequence[Item]) -> None:
        creations: dict[str, tuple[Item, Creation]] = {}
        now = format_instant(self._session.access.exchange.service_now())
        before = {each.key: self._ledger.base(each.key) for each in items}
        for item in items:
            try:
                properties = self._known.with_ids(item.kind, posted(item.planned))
            except CampaignError as error:
                self._fail(item, error)
                continue
            earlier = await self._earlier(before[item.key], posted(item.planned))
            creation = Creation(item.kind, properties, patience=self._options.patience, earlier=earlier)
            creations[creation.name] = item, creation
            base = before[item.key]
            pending = now if base is None or base.pending is None else base.pending
            self._ledger.put(item.key, replace(applied(item.planned, posted(item.planned)), pending=pending))
        if not creations:
            return
        await self._ledger.save()

        def work(access: Access, creation: Creation) -> Flow[Written]:
            planned = creations[creation.name][0].planned
            return make(access, creation, lambda entity: is_as_wanted(self._names, planned, entity))

        def done(item: Item, written: Written) -> None:
            receipt = written.receipt
            item.reference = Reference(item.kind, id=receipt.id, instance_id=receipt.instance_id)
            self._known.learn(item.key, receipt.id)
            base = before[item.key]
            if base is not None and written.action == "created" and (self._is_rerun or base.pending is not None):
                self._made_again.append(called(item))
            self._content_done(item, posted(item.planned).get("status"))

        def failed(item: Item, error: OfferLibraryError) -> None:
            if error.verdict.settled:
                self._ledger.put(item.key, before[item.key])

        given = [creation for _, creation in creations.values()]
        await self._perform("content", [item for item, _ in creations.values()], given, work, done, failed)

    async def _earlier(self, base: Applied | None, wanted: Mapping[str, Json]) -> Earlier | None:
        """What is known about a creation by an apply that was killed. After a wait, every listing shows it."""
        if base is None or base.pending is None:
            return None
        exchange = self._session.access.exchange
        if not self._waited:
            self._waited = True
            reason = "an apply that was killed may have created objects that no listing shows yet"
            await self._session.run(_pause(2 * self._options.patience, reason))
        since = parse_instant(base.pending) - exchange.service_clock.skew
        return Earlier(since, exchange.now(), changed=not same(base.properties, wanted))

    async def _change(self, items: Sequence[Item]) -> None:
        given: list[tuple[Item, list[Operation]]] = []
        for item in items:
            entity, pointers = item.sight.entity, content_pointers(item.planned)
            assert entity is not None
            changes = [each for each in item.sight.left if each.pointer in pointers]
            try:
                wanted = item.planned.properties or {}
                patch = operations(item.kind, self._known, entity.properties, changes, wanted)
            except CampaignError as error:
                self._fail(item, error)
                continue
            if patch:
                given.append((item, patch))
            else:
                self._content_done(item, entity.status)

        def work(access: Access, each: tuple[Item, list[Operation]]) -> Flow[Written]:
            item, patch = each
            assert item.sight.entity is not None
            return change(access, item.sight.entity, patch)

        def done(item: Item, _: Written) -> None:
            assert item.sight.entity is not None
            is_set = "/status" in content_pointers(item.planned)
            self._content_done(item, new_status(item.planned) if is_set else item.sight.entity.status)

        await self._perform("content", [item for item, _ in given], given, work, done)

    def _content_done(self, item: Item, status: Json) -> None:
        """Take the content of an object into the state, with the status that it has now."""
        item.is_content_done = True
        properties = dict(item.planned.properties or {})
        # A status that the plan does not change is the wanted one. Another one is somebody's edit since.
        if "status" in properties and new_status(item.planned) is not None:
            properties["status"] = status
        if item.planned.old_name is not None:
            self._ledger.put(old_key(item.planned), None)
        self._ledger.put(item.key, applied(item.planned, properties))
        if item.step is None or status == item.step.target:
            self._finish(item)

    def _keep_together(self) -> None:
        """Keep all offers that a live decision can show as drafts if the content of one of them is not there.

        What would show them is not changed then.
        """
        held = [each for each in self._items.values() if each.step is not None and each.kind is not DECISION]
        late = next((each for each in held if not each.is_content_done), None)
        for item in held:
            if late is not None and item.outcome is None:
                why = f"a live decision can show it, such offers go out together, and {called(late)} is not ready"
                self._keep_draft(item, why)

    async def _show(self) -> None:
        """Approve the offers that a live decision can show, together; change what shows them; decisions go live."""
        waiting = [each for each in self._items.values() if each.step is not None]
        for kind in KINDS.values():
            await self._content(kind, after_offers=True)
            of_kind = [each for each in waiting if each.kind is kind and each.outcome is None]
            for item in of_kind:
                if kind is DECISION and (reason := self._dependencies.obstacle(item.key, shown=True)):
                    self._keep_draft(item, reason)
            await self._take_steps([each for each in of_kind if each.outcome is None and each.is_content_done])

    async def _take_steps(self, items: Sequence[Item]) -> None:
        by_id = {each.reference.id: each for each in items if each.reference is not None}

        def work(access: Access, reference: Reference) -> Flow[Written]:
            step = by_id[reference.id].step
            assert step is not None
            waive = self._options.waive if reference.kind is DECISION else OFFER_REASONS
            return take_step(access, reference, step, waive=waive)

        def done(item: Item, _: Written) -> None:
            assert item.step is not None
            self._ledger.put_status(item.key, item.step.target)
            self._finish(item)

        given = [each.reference for each in by_id.values()]
        await self._perform("show", list(by_id.values()), given, work, done)

    async def _retire(self) -> None:
        """Archive or delete what is gone from the manifest, what refers to others first. A failure keeps the rest."""
        items = [each for each in self._items.values() if each.planned.action == "retire" and each.outcome is None]
        by_id = {each.planned.id: each for each in items}

        def work(access: Access, reference: Reference) -> Flow[Written]:
            item = by_id[reference.id]
            assert item.sight.entity is not None
            retire = archive if item.planned.retire == "archive" else remove
            return retire(access, item.sight.entity)

        def done(item: Item, _: Written) -> None:
            self._ledger.put(item.key, None)
            self._finish(item)

        for kind in reversed(KINDS.values()):
            of_kind = [each for each in items if each.kind is kind]
            left = ((each, each.outcome) for each in self._items.values() if each.outcome is not None)
            undone = next(((each, outcome) for each, outcome in left if outcome.end != "done"), None)
            if undone is None:
                given = [each.reference for each in of_kind]
                await self._perform("retire", of_kind, given, work, done)
                continue
            first, outcome = undone
            for item in of_kind:
                self._skip(item, f"retirements come last, and {called(first)} {outcome.undone}")

    async def _perform(
        self,
        phase: str,
        items: Sequence[Item],
        given: Sequence[Any],
        work: Callable[[Access, Any], Flow[Written]],
        done: Callable[[Item, Written], None],
        failed: Callable[[Item, OfferLibraryError], None] | None = None,
    ) -> None:
        """Do the work for each item, many at once; `given` is what it works on."""
        if items:
            heard = _Heard(self, phase, items, done, failed)
            await run_batch(
                self._session,
                given,
                lambda access, each: while_held(work(access, each), self._held.check),
                max_concurrent=self._options.max_concurrent,
                stop=False,
                progress=heard,
                is_halted=self._options.is_halted,
            )
            if self._options.is_halted():
                await self._ledger.save()
                raise CampaignError(_HALTED, retryable=True)

    def _finish(self, item: Item) -> None:
        item.outcome = Outcome(item.key, item.planned.action, "done", item.id, item.etag)

    def _skip(self, item: Item, reason: str) -> None:
        item.outcome = Outcome(item.key, item.planned.action, "skipped", item.id, reason=reason, retryable=True)

    def _keep_draft(self, item: Item, reason: str) -> None:
        """Skip the last step of an object."""
        self._skip(item, f"its content is there, but it stays a draft: {reason}")

    def _fail(self, item: Item, error: OfferLibraryError) -> None:
        reason = f"its content is there, but: {error}" if item.is_content_done else str(error)
        item.outcome = Outcome(
            item.key, item.planned.action, "failed", item.id, reason=reason, retryable=error.retryable
        )
        log.warning("The %s is not applied: %s", called(item), error)


class _Heard:
    """Hears the outcomes of a batch."""

    def __init__(
        self,
        run: Run,
        phase: str,
        items: Sequence[Item],
        done: Callable[[Item, Written], None],
        failed: Callable[[Item, OfferLibraryError], None] | None,
    ) -> None:
        self._run, self._phase, self._items, self._done, self._failed = run, phase, items, done, failed
        self._count = 0

    def succeeded(self, index: int, written: Written) -> Flow[None]:
        yield from ()
        self._items[index].etag = written.receipt.etag
        self._done(self._items[index], written)
        self._tell(index)

    def parked(self) -> Flow[None]:
        yield from ()

    def failed(self, index: int, error: OfferLibraryError) -> None:
        if self._failed is not None:
            self._failed(self._items[index], error)
        self._run._fail(self._items[index], error)
        self._tell(index)

    def _tell(self, index: int) -> None:
        self._count += 1
        self._run._tell(Progress(self._phase, self._count, len(self._items), self._items[index].key))


def _is_seen(item: Item) -> bool:
    """Whether customers see a change at once: that of a live decision, or of a collection that one may use."""
    return item.planned.action != "create" and (item.kind is COLLECTION or item.live_status == LIVE)


def _taking_back(access: Access, item: Item) -> Flow[Written]:
    assert item.sight.entity is not None
    return set_status(access, item.sight.entity, DRAFT)


def _pause(seconds: float, reason: str) -> Flow[None]:
    yield Pause(seconds, reason)
