"""The turns of a list: items that begin together leave the event loop to the running ones in between."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from airflow_provider_offers.client.turns import Turns

# As many rounds of the event loop end a test in which items never begin.
ROUNDS = 2_000


def test_items_that_begin_together_begin_one_after_the_other() -> None:
    begun: list[int] = []
    seen: list[int] = []

    async def work() -> None:
        turns = Turns(8)

        async def begin(item: int) -> None:
            await turns.prepare()
            begun.append(item)

        items = [asyncio.create_task(begin(item)) for item in range(40)]
        while len(begun) < len(items) and len(seen) < ROUNDS:
            # Each round could handle an answer to a running item.
            await asyncio.sleep(0)
            seen.append(len(begun))

    asyncio.run(work())
    assert begun == list(range(40))
    assert {later - earlier for earlier, later in pairwise(seen)} == {0, 1}


def test_a_note_waits_until_every_item_with_room_has_begun() -> None:
    begun: list[int] = []

    async def work() -> None:
        turns = Turns(3)

        async def begin(item: int) -> None:
            await turns.prepare()
            begun.append(item)

        items = [asyncio.create_task(begin(item)) for item in range(turns.at_once + 10)]
        await asyncio.sleep(0)
        await asyncio.wait_for(turns.all_begun(), 10)
        assert len(begun) == turns.at_once - 2
        for each in items:
            each.cancel()
        await asyncio.gather(*items, return_exceptions=True)

    asyncio.run(work())


def test_an_item_that_ends_before_it_begins_holds_no_note_up() -> None:
    async def work() -> None:
        turns = Turns(3)
        items = [asyncio.create_task(turns.prepare()) for _ in range(5)]
        await asyncio.sleep(0)
        for each in items:
            each.cancel()
        await asyncio.gather(*items, return_exceptions=True)
        await asyncio.wait_for(turns.all_begun(), 10)

    asyncio.run(work())
