"""The asynchronous door against the emulator: the same results as the synchronous one, with many calls at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from airflow_provider_offers.client.doctor import examine_async, summary
from airflow_provider_offers.client.errors import InvalidInputError, NotFoundError, UnsupportedError
from airflow_provider_offers.client.library import AsyncOfferLibrary
from airflow_provider_offers.client.model.kinds import DECISION, PERSONALIZED, TAG
from airflow_provider_offers.client.model.query import parse_query
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.emulator import Emulator
from tests.client.campaign import campaign, decision, offer

WINDOW = {"start": "2030-01-01T00:00:00Z", "end": "2030-02-01T00:00:00Z"}


def played(emulator: Emulator, api: str, play: Callable[[AsyncOfferLibrary], Awaitable[None]]) -> None:
    connection = emulator.connection(api)
    connection.pop("conn_type")

    async def main() -> None:
        async with AsyncOfferLibrary(parse_settings(**connection)) as library:
            await play(library)

    asyncio.run(main())


def test_an_offer_from_its_creation_to_its_end(emulator: Emulator, api: str) -> None:
    async def play(library: AsyncOfferLibrary) -> None:
        made = await library.create(PERSONALIZED, offer("Voucher", Emulator.PLACEMENT_ID, status="draft"))
        assert made.action == "created"
        made_id = made.receipt.id
        assert (await library.get(PERSONALIZED, made_id)).name == "Voucher"
        assert [each.id for each in await library.find(PERSONALIZED, "Voucher")] == [made_id]
        assert (await library.schedule(PERSONALIZED, made_id, WINDOW)).action == "scheduled"
        assert (await library.publish(PERSONALIZED, made_id)).action == "published"
        assert (await library.unpublish(PERSONALIZED, "name:Voucher")).action == "unpublished"
        patch = [{"op": "add", "path": "/characteristics", "value": {"sku": "1"}}]
        assert (await library.patch(PERSONALIZED, made_id, patch)).action == "updated"
        assert (
            await library.replace(PERSONALIZED, made_id, offer("Renamed", Emulator.PLACEMENT_ID))
        ).action == "replaced"
        assert (await library.archive(PERSONALIZED, made_id)).action == "archived"
        assert (await library.delete(PERSONALIZED, made_id)).action == "deleted"
        with pytest.raises(NotFoundError):
            await library.get(PERSONALIZED, made_id)

    played(emulator, api, play)


def test_many_at_once_and_found_page_by_page(emulator: Emulator, api: str) -> None:
    async def play(library: AsyncOfferLibrary) -> None:
        names = [f"Tag {number}" for number in range(8)]
        await asyncio.gather(*(library.create(TAG, {"name": name}) for name in names))
        query = parse_query(page_size=3, order_by="name", properties=["name~Tag .*"])
        found = [each async for each in library.search(TAG, query)]
        assert [each.name for each in found] == names
        first = [each async for each in library.search(TAG, parse_query(limit=2, order_by="name"))]
        assert len(first) == 2
        again = await library.get_many([each.reference for each in found])
        assert [each.id for each in again] == [each.id for each in found]
        gone = library.reference(TAG, "dps:tag:0000000000000000")
        assert [each is None for each in await library.look_at([found[0].reference, gone])] == [False, True]

    played(emulator, api, play)


def test_what_is_wrong_is_refused_before_a_request(emulator: Emulator, api: str) -> None:
    async def play(library: AsyncOfferLibrary) -> None:
        with pytest.raises(InvalidInputError):
            await library.create(TAG, {"description": "nameless"})
        with pytest.raises(InvalidInputError):
            await library.get(TAG, "dps:personalized-offer:1")
        with pytest.raises(UnsupportedError, match="'publish'"):
            await library.publish(DECISION, "dps:offer-activity:1")

    played(emulator, api, play)
    assert emulator.journal() == []


def test_a_decision_from_its_creation_to_its_end(emulator: Emulator, api: str) -> None:
    ids = campaign(emulator)
    doubtful = {"start": "2035-10-28T02:30", "duration": "P14D", "timezone": "Europe/Berlin"}

    async def play(library: AsyncOfferLibrary) -> None:
        made = (await library.create(DECISION, decision(ids))).receipt.id
        assert (await library.activate(DECISION, made)).action == "activated"
        assert (await library.deactivate(DECISION, made)).action == "deactivated"
        with pytest.raises(InvalidInputError, match="ambiguous_time"):
            await library.schedule(DECISION, made, doubtful, validate="strict")
        assert (await library.schedule(DECISION, made, doubtful)).action == "scheduled"
        waived = await library.schedule(DECISION, made, doubtful, validate="strict", waive="ambiguous_time")
        assert waived.action == "unchanged"
        assert (await library.activate(DECISION, made, waive="window_over")).action == "activated"
        assert (await library.complete(DECISION, made)).action == "completed"

    played(emulator, api, play)


def test_a_connection_is_examined_step_by_step(emulator: Emulator, api: str) -> None:
    async def play(library: AsyncOfferLibrary) -> None:
        assert summary(await examine_async(library)) == (
            True,
            f"token: ok; organization {emulator.ORG_ID}: ok; sandbox 'prod' over {api}: ok; read permission: ok",
        )
        emulator.add_fault("status", status=403, route="*.*", body='{"title": "Forbidden", "detail": "No permission"}')
        works, told = summary(await examine_async(library))
        assert (works, told.partition(", ")[0]) == (
            False,
            "token: ok; client id: ok; organization: ok; sandbox: ok; read permission: FAILED",
        )

    played(emulator, api, play)
