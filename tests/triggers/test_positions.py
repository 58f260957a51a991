"""A position survives Airflow's asset state: it is read as it was kept, by each asset."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_offers.client.waiting.happenings import Seen
from airflow_provider_offers.triggers.positions import Positions
from tests.client.waiting.things import EVERY, at, started, thing
from tests.triggers.stores import Store, Stores


@pytest.mark.parametrize("count", [0, 3, 1_000])
def test_a_position_is_read_as_it_was_kept(count: int) -> None:
    things = [thing(id=f"id-{each}", name=f"Ü {each}") for each in range(count)]
    memory, store, second = started(things), Store(), Store()

    async def main() -> None:
        positions = Positions(Stores(store, second), {"a": 1})
        await positions.write(memory, {"personalized/Ü": "digest"})
        pages = len(store.written)
        await positions.write(memory.after([thing(id="id-0", etag=9)], (), at(1), EVERY), {})
        assert len(store.written) == pages + 2, "one page, and the head"
        # A trigger with other arguments has another position.
        assert await Positions(Stores(store), {"a": 2}).read() is None
        kept = await Positions(Stores(Store(), second), {"a": 1}).read()
        assert kept is not None
        assert kept[0].since == at(1)
        assert kept[0].seen["id-0"] == Seen.of(thing(id="id-0", etag=9))
        assert {**kept[0].seen, "id-0": 0} == {**memory.seen, "id-0": 0}

    asyncio.run(main())


def test_an_asset_that_comes_later_has_the_whole_position() -> None:
    memory = started([thing(id=f"id-{each}") for each in range(1_000)])
    store, later = Store(), Store()

    async def main() -> None:
        await Positions(Stores(store), {}).write(memory, {})
        both = Positions(Stores(store, later), {})
        await both.read()
        await both.write(memory, {})
        assert await Positions(Stores(later), {}).read() == (memory, {})

    asyncio.run(main())
