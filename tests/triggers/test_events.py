"""Event triggers on the emulator: what they tell, what they cost, and what survives the death of a triggerer."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from airflow.triggers.base import BaseEventTrigger

from airflow_provider_offers.campaigns.manifest.models import SECTION_OF
from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.kinds import KINDS, PERSONALIZED, Kind
from airflow_provider_offers.client.model.lifecycle import SHOWN
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.client.waiting.happenings import CLOSED, CLOSING, OPENED
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.triggers import overviews
from airflow_provider_offers.triggers.event_arguments import NEEDED, STATUSES, STATUSES_OF
from airflow_provider_offers.triggers.events import OfferLibraryEventTrigger
from airflow_provider_offers.triggers.shared import watching
from tests.airflow.library import personalized
from tests.triggers.events import until
from tests.triggers.stores import Store, Stores

SHARES = hasattr(BaseEventTrigger, "shared_stream_key")
shared = pytest.mark.skipif(not SHARES, reason="Airflow has shared streams since 3.3")
WINDOW = {"startDate": "2026-05-01T12:00:00Z", "endDate": "2026-05-03T12:00:00Z"}


@pytest.fixture(params=["dps", "xcore"])
def api(request: pytest.FixtureRequest, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each generation, behind the connection `offers`."""
    monkeypatch.setenv("AIRFLOW_CONN_OFFERS", json.dumps(emulator.connection(request.param)))
    return str(request.param)


def library(emulator: Emulator) -> OfferLibrary:
    """A person's access."""
    connection = emulator.connection("dps")
    connection.pop("conn_type")
    return OfferLibrary(parse_settings(**connection))


def trigger(events: Any, **options: Any) -> OfferLibraryEventTrigger:
    return OfferLibraryEventTrigger(events=events, offer_library_conn_id="offers", poll_interval=0.2, **options)


async def edit(emulator: Emulator, identifier: str, pointer: str, value: Any) -> None:
    def do() -> None:
        with library(emulator) as door:
            door.patch(PERSONALIZED, identifier, [{"op": "add", "path": pointer, "value": value}])

    await asyncio.to_thread(do)


async def create(emulator: Emulator, name: str) -> None:
    def do() -> None:
        with library(emulator) as door:
            door.create(PERSONALIZED, personalized(name))

    await asyncio.to_thread(do)


class Told(list[dict[str, Any]]):
    """The payloads of a trigger, in order."""

    def of(self, event: str) -> list[str]:
        return [each["name"] for each in self if each["event"] == event]


@asynccontextmanager
async def alone(*triggers: OfferLibraryEventTrigger) -> AsyncIterator[list[Told]]:
    """The triggers as Airflow 3.2 runs them."""
    told = [Told() for _ in triggers]

    async def run(one: OfferLibraryEventTrigger, payloads: Told) -> None:
        async for event in one.run():
            assert json.loads(json.dumps(event.payload)) == event.payload
            payloads.append(event.payload)

    tasks = [asyncio.create_task(run(one, payloads)) for one, payloads in zip(triggers, told, strict=True)]
    try:
        await until(lambda: _has_begun(triggers))
        yield told
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in results), results


def _has_begun(triggers: Any) -> bool:
    views = overviews._overviews.get(asyncio.get_running_loop(), {})
    rows = [row for one in triggers for row in one._rows()]
    return any(view.things(rows) is not None for view in views.values())


class Triggerer:
    """Airflow's manager of shared streams, and what its runner and supervisor do around it."""

    def __init__(self, *, stores: bool = True) -> None:
        from airflow.triggers.shared_stream import SharedStreamManager

        self._manager: Any = SharedStreamManager()
        self._seqs = itertools.count()
        self._tasks: list[asyncio.Task[None]] = []
        self.stores = stores
        self.told: list[Told] = []

    def start(self, one: OfferLibraryEventTrigger, store: Store) -> Told:
        """Run a trigger; its position is in the store."""
        one.asset_state_store = Stores(store)  # type: ignore[assignment]
        told = Told()
        self.told.append(told)
        self._tasks.append(asyncio.create_task(self._run(len(self._tasks), one, told)))
        return told

    async def _run(self, number: int, one: OfferLibraryEventTrigger, told: Told) -> None:
        key = one.shared_stream_key()
        stream = self._manager.subscribe(trigger_id=number, trigger=one, key=key)
        try:
            async for event in one.filter_shared_stream(stream):
                seq = self._manager.bind_pending_event(trigger_id=number, key=key)
                told.append(event.payload)
                if self.stores:
                    asyncio.get_running_loop().call_later(0.05, self._manager.confirm_persisted, [seq])
        finally:
            await self._manager.unsubscribe(number, key)

    async def kill(self) -> None:
        """End without a word, as after SIGKILL: what is not in a store is lost."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._manager.stop_all()


def test_every_event_is_told(emulator: Emulator, api: str) -> None:
    emulator.clock.freeze("2026-05-01T00:00:00Z")
    (towels,) = emulator.seed(1, template={"status": "draft", "selectionConstraint": WINDOW}, name="Towels")
    (soap,) = emulator.seed(1, template={"status": "draft"}, name="Soap")

    async def main() -> None:
        words = ["created", "changed", "status", "window_opened", "window_closing", "window_closed", "deleted"]
        async with alone(trigger(words, closing_within=timedelta(days=1))) as (told,):
            await until(lambda: len(emulator.journal(path="/data/core/*")) >= 3)
            await edit(emulator, towels, "/status", "approved")
            await until(lambda: told.of("status") == ["Towels"])
            assert told[-1]["was"] == "draft"
            assert told[-1]["status"] == "approved"
            assert told.of("changed") == ["Towels"]
            assert told.of("window_opened") == []
            for moment, event in (
                ("2026-05-01T12:00:01Z", "window_opened"),
                ("2026-05-02T12:00:01Z", "window_closing"),
                ("2026-05-03T12:00:01Z", "window_closed"),
            ):
                emulator.clock.freeze(moment)
                await until(lambda event=event: told.of(event) == ["Towels"])  # type: ignore[misc]
                assert told[-1]["window"] == {"start": "2026-05-01T12:00:00Z", "end": "2026-05-03T12:00:00Z"}
            await create(emulator, "Sponge")
            await until(lambda: told.of("created") == ["Sponge"])

            def delete() -> None:
                with library(emulator) as door:
                    door.delete(PERSONALIZED, soap)

            await asyncio.to_thread(delete)
            await until(lambda: told.of("deleted") == ["Soap"])
            assert told.of("status") == ["Towels", "Sponge"]
            assert len(told) == 8, [(each["event"], each["name"]) for each in told]

    asyncio.run(main())


def test_filters_choose(emulator: Emulator, api: str) -> None:
    first, second = emulator.seed(2, template={"status": "draft"}, name="Offer {n}")

    async def main() -> None:
        async with alone(
            trigger("changed", names="Offer 1"),
            trigger("status", statuses="approved"),
            trigger(["changed"], kinds="placement"),
        ) as (named, approved, placements):
            await edit(emulator, second, "/rank/priority", 7)
            await edit(emulator, first, "/rank/priority", 7)
            await edit(emulator, second, "/status", "approved")
            await until(lambda: len(approved) == 1 and len(named) == 1)
            assert (named[0]["id"], approved[0]["name"]) == (first, "Offer 2")
            assert placements == []

    asyncio.run(main())


@shared
@pytest.mark.parametrize("count", [20])
def test_many_watchers_cost_what_one_costs(emulator: Emulator, count: int) -> None:
    """The same number of full reads, and listings that grow with the time and not with the watchers."""
    emulator.seed(150, template={"status": "draft"})

    def reads() -> tuple[int, int]:
        entries = emulator.journal(path="/data/core/*")
        changes = [entry for entry in entries if "orderby=-modified" in (entry.query or "")]
        return len(entries) - len(changes), len(changes)

    async def cost(watchers: int) -> int:
        emulator.clear_journal()
        triggerer = Triggerer()
        for number in range(watchers):
            triggerer.start(trigger("changed", names=f"Offer {number}*"), Store())
        await until(lambda: reads()[1] >= 6)
        others = reads()[0]
        assert reads()[1] <= 8
        await triggerer.kill()
        return others

    async def main() -> None:
        one, many = await cost(1), await cost(count)
        assert many == one
        assert overviews._overviews[asyncio.get_running_loop()] == {}

    asyncio.run(main())


@shared
def test_nothing_is_lost_over_a_killed_triggerer(emulator: Emulator, api: str) -> None:
    emulator.clock.freeze("2026-05-01T00:00:00Z")
    offers = emulator.seed(3, template={"status": "draft", "selectionConstraint": WINDOW}, name="Offer {n}")
    words = ["changed", "status", "window_opened", "deleted", "created"]

    async def main() -> None:
        store = Store()
        first = Triggerer()
        told = first.start(trigger(words), store)
        await until(lambda: bool(store.kept))
        await edit(emulator, offers[0], "/status", "approved")
        await until(lambda: told.of("status") == ["Offer 1"])
        kept = dict(store.kept)
        await until(lambda: store.kept != kept)
        await first.kill()

        # While no triggerer runs: a publication, a window that opens, a creation and a deletion.
        await edit(emulator, offers[1], "/status", "approved")
        emulator.seed(1, template={"status": "draft"}, name="New")
        emulator.clock.freeze("2026-05-01T13:00:00Z")

        def delete() -> None:
            with library(emulator) as door:
                door.delete(PERSONALIZED, offers[2])

        await asyncio.to_thread(delete)
        second = Triggerer()
        told = second.start(trigger(words), store)
        await until(lambda: len(told) >= 7)
        assert sorted((each["event"], each["name"]) for each in told) == [
            ("changed", "Offer 2"),
            ("created", "New"),
            ("deleted", "Offer 3"),
            ("status", "New"),
            ("status", "Offer 2"),
            ("window_opened", "Offer 1"),
            ("window_opened", "Offer 2"),
        ]
        await second.kill()

    asyncio.run(main())


@shared
def test_what_airflow_did_not_store_is_told_again(emulator: Emulator) -> None:
    (offer,) = emulator.seed(1, template={"status": "draft"}, name="Towels")

    async def main() -> None:
        store = Store()
        first = Triggerer()
        told = first.start(trigger("changed"), store)
        await until(lambda: bool(store.kept))
        first.stores = False
        await edit(emulator, offer, "/rank/priority", 7)
        await until(lambda: len(told) == 1)
        looks = len(emulator.journal())
        await until(lambda: len(emulator.journal()) >= looks + 3)
        await first.kill()

        second = Triggerer()
        again = second.start(trigger("changed"), store)
        await until(lambda: len(again) == 1)
        assert {**again[0], "at": ""} == {**told[0], "at": ""}
        kept = dict(store.kept)
        await until(lambda: store.kept != kept)
        await second.kill()

        third = Triggerer()
        nothing = third.start(trigger("changed"), store)
        looks = len(emulator.journal())
        await until(lambda: len(emulator.journal()) >= looks + 4)
        assert nothing == []
        await third.kill()

    asyncio.run(main())


class Unreachable(Store):
    """A store whose first write fails."""

    failed = False

    async def aset(self, key: str, value: Any) -> None:
        if not self.failed:
            self.failed = True
            raise ConnectionError("Airflow's API server does not answer")
        await super().aset(key, value)


@shared
def test_a_position_that_could_not_be_kept_is_kept_after_the_next_look(emulator: Emulator) -> None:
    async def main() -> None:
        store, triggerer = Unreachable(), Triggerer()
        triggerer.start(trigger("changed"), store)
        await until(lambda: bool(store.kept))
        await triggerer.kill()

    asyncio.run(main())


def test_the_clock_of_the_service_counts_when_its_feed_has_ended(emulator: Emulator) -> None:
    emulator.clock.freeze("2026-05-01T00:00:00Z")

    async def main() -> None:
        async with watching("offers", None, interval=0.1, follows=PERSONALIZED) as watch:
            await watch.news()
        assert watch.now() < parse_instant("2026-05-02T00:00:00Z")

    asyncio.run(main())


def test_a_kind_that_the_generation_lacks_ends_no_other_wait(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OFFERS", json.dumps(emulator.connection("xcore")))
    (offer,) = emulator.seed(1, template={"status": "draft"}, name="Towels")

    async def main() -> None:
        async with alone(trigger("changed", kinds=["formula", "personalized"])) as (told,):
            await edit(emulator, offer, "/rank/priority", 9)
            await until(lambda: told.of("changed") == ["Towels"])

    asyncio.run(main())


def test_an_outage_ends_no_watcher(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overviews, "_AFTER_FAILURE", 0.1)
    (offer,) = emulator.seed(1, template={"status": "draft"}, name="Towels")

    async def main() -> None:
        async with alone(trigger("changed")) as (told,):
            emulator.clear_journal()
            emulator.add_fault("status", status=403, path="/data/core/*")
            await until(lambda: len(emulator.journal(path="/data/core/*")) >= 3)
            emulator.clear_faults()
            await edit(emulator, offer, "/rank/priority", 9)
            await until(lambda: told.of("changed") == ["Towels"])

    asyncio.run(main())


def test_equal_triggers_are_one_row_of_airflow() -> None:
    given: Callable[[Any], OfferLibraryEventTrigger] = lambda words: trigger(words, names=["B", "A"])  # noqa: E731
    assert given(("changed", "status", "status")).serialize() == given(["status", "changed"]).serialize()


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"events": "opened"}, "events"),
        ({"events": []}, "events"),
        ({"events": "changed", "kinds": "offer"}, "kinds"),
        ({"events": "changed", "kinds": []}, "kinds"),
        ({"events": "changed", "statuses": []}, "statuses"),
        ({"events": "changed", "names": []}, "names"),
        ({"events": "changed", "tags": ()}, "tags"),
        ({"events": "changed", "statuses": ["published"]}, "statuses"),
        ({"events": "changed", "names": [7]}, "names"),
        ({"events": "changed", "tags": ""}, "tags"),
        ({"events": "changed", "tags": "name:Spring"}, "tags"),
        ({"events": "changed", "tags": ["Spring sale"]}, "tags"),
        ({"events": "changed", "tags": "Spring"}, "tags"),
        ({"events": "changed", "tags": ["dps:tag:1c265317da412003", "Name:Spring27"]}, "tags"),
        ({"events": "changed", "tags": "dps:personalized-offer:1c265317da412003"}, "tags"),
        ({"events": "changed", "names": "name:Spring"}, "names"),
        ({"events": "changed", "poll_interval": 0}, "poll_interval"),
        ({"events": "changed", "poll_interval": True}, "poll_interval"),
        ({"events": "changed", "closing_within": "P1D"}, "closing_within"),
        ({"events": "drifted", "campaign": "spring", "state_path": "states"}, "state_path"),
        ({"events": "changed", "closing_within": 3600}, "closing_within"),
        ({"events": ["window_opened", "window_closed"], "closing_within": timedelta(days=2)}, "closing_within"),
        ({"events": "drifted"}, "campaign"),
        ({"events": "drifted", "campaign": " "}, "campaign"),
        ({"events": "drifted", "campaign": 5}, "campaign"),
        ({"events": "drifted", "campaign": "{{ params.campaign }}"}, "campaign"),
        ({"events": "drifted", "campaign": "spring", "state_path": "/states/{{ ds }}"}, "state_path"),
        ({"events": "changed", "state_path": "/states"}, "state_path"),
        ({"events": "changed", "names": "Spring {{ ds }}"}, "names"),
        ({"events": "changed", "names": [" "]}, "names"),
        ({"events": "changed", "names": "dps:personalized-offer:1c265317da412003"}, "names"),
        ({"events": "changed", "offer_library_conn_id": None}, "offer_library_conn_id"),
        ({"events": "changed", "offer_library_conn_id": "{{ var.value.offers }}"}, "offer_library_conn_id"),
        ({"events": "changed", "sandbox": ""}, "sandbox"),
        ({"events": "changed", "sandbox": ["prod"]}, "sandbox"),
        ({"events": "changed", "sandbox": "{{ var.value.sandbox }}"}, "sandbox"),
        ({"events": "changed", "campaign": "spring"}, "campaign"),
        ({"events": "status", "statuses": "live"}, "statuses"),
        ({"events": "changed", "kinds": "placement", "statuses": "approved"}, "statuses"),
        ({"events": ["changed", "status"], "kinds": ["tag", "rule"]}, "events"),
        ({"events": ["changed", "window_opened"], "kinds": "fallback"}, "events"),
        ({"events": "changed", "kinds": "decision", "tags": "dps:tag:1c265317da412003"}, "tags"),
    ],
)
def test_arguments_that_cannot_work_are_errors_when_the_dag_is_parsed(wrong: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        OfferLibraryEventTrigger(**wrong)

    assert [each.pointer for each in refused.value.violations] == [place]


def test_an_empty_list_is_not_taken_for_everything() -> None:
    with pytest.raises(InvalidInputError) as refused:
        OfferLibraryEventTrigger(events="changed", names=[])

    (said,) = map(str, refused.value.violations)
    assert said == "names: given an empty list; expected at least one, or None for all"


def test_a_word_that_is_misspelt_is_told_with_the_right_one() -> None:
    misspelt: dict[str, Any] = {"events": ["created", "statuss"], "kinds": "ofer", "statuses": "aproved"}
    with pytest.raises(InvalidInputError) as refused:
        OfferLibraryEventTrigger(**misspelt)
    events, kinds, statuses = map(str, refused.value.violations)
    assert events.endswith("deleted, drifted; did you mean 'status'?")
    assert kinds.endswith("personalized, fallback")
    assert statuses.endswith("; did you mean 'approved'?")


@pytest.mark.parametrize("given", [timedelta(days=367), 367 * 86_400, float("inf")])
def test_a_time_that_is_too_long_is_told_in_days(given: Any) -> None:
    with pytest.raises(InvalidInputError) as refused:
        OfferLibraryEventTrigger(events="window_closing", closing_within=given)

    assert "closing_within: given " in str(refused.value)
    assert "(367 days)" in str(refused.value) or given == float("inf")
    assert "a timedelta, or a number of seconds, from 0 to 366 days" in str(refused.value)
    assert "e+07" not in str(refused.value)


def test_a_trigger_is_made_again_from_what_airflow_stores() -> None:
    """The stored arguments name `closing_within` for every event."""
    stored = OfferLibraryEventTrigger(events="changed").serialize()[1]

    assert OfferLibraryEventTrigger(**stored).serialize()[1] == stored


def test_drift_is_watched_of_every_kind_of_a_campaign() -> None:
    assert OfferLibraryEventTrigger(events="drifted", campaign="summer").kinds == sorted(SECTION_OF)


def test_what_an_event_needs_is_what_the_kinds_have() -> None:
    assert {each.key: each.statuses for each in KINDS.values() if each.statuses} == STATUSES_OF
    assert set(SHOWN) <= set(STATUSES)
    needs: dict[str, Callable[[Kind], bool]] = {
        "status": lambda kind: bool(kind.statuses),
        "tags": lambda kind: "tags" in kind.model.model_fields,
        **dict.fromkeys((OPENED, CLOSING, CLOSED), lambda kind: kind.window is not None),
    }
    assert {word: {each.key for each in KINDS.values() if has(each)} for word, has in needs.items()} == {
        word: set(kinds) for word, kinds in NEEDED.items()
    }
