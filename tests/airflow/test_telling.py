"""Progress of long work: every ten seconds, the log shows the finished part, the speed and the remaining time."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_offers.campaigns.applying.items import Progress
from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.wire.messages import Flow
from airflow_provider_offers.operators.progress import CampaignProgress, ListProgress


class Clock:
    """A clock that the test advances."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Receipts:
    """The receipts of the finished objects, in memory."""

    def __init__(self, done: dict[int, dict[str, Any]]) -> None:
        self.done = done

    def add(self, index: int, receipt: dict[str, Any], now: datetime) -> Flow[None]:
        self.done[index] = receipt
        yield from ()

    def keep(self, now: datetime) -> Flow[None]:
        yield from ()

    def save(self) -> Flow[None]:
        yield from ()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def progress(clock: Clock, total: int, done: int = 0) -> ListProgress:
    receipts = Receipts({index: {} for index in range(done)})
    log: Any = logging.getLogger("task")
    return ListProgress(log, receipts, total, lambda index, written: {}, "offer", "number {}".format, clock)


def succeed(telling: ListProgress, index: int) -> None:
    written: Any = SimpleNamespace()
    list(telling.succeeded(index, written))


def test_a_line_every_ten_seconds_tells_rate_and_remaining_time(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    telling = progress(clock, 10_000)
    for index in range(400):
        clock.now += 0.0625
        if index == 7:
            telling.failed(index, OfferLibraryError("no"))
        else:
            succeed(telling, index)

    assert [each.getMessage() for each in caplog.records if each.levelname == "INFO"] == [
        "159 of 10000 offers done, 1 failed; 16 a second, about 10 min 15 s left",
        "319 of 10000 offers done, 1 failed; 16 a second, about 10 min 5 s left",
    ]
    assert "Offer 8 of 10000, number 7, failed: no" in caplog.text
    assert telling.took == "25 s"


def test_what_an_earlier_try_did_does_not_make_this_one_faster(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    telling = progress(clock, 10_000, done=5_000)
    clock.now += 10
    succeed(telling, 5_000)

    assert caplog.messages == [
        "5000 of 10000 offers were done by an earlier try of this task",
        "5001 of 10000 offers done, 0 failed; 0.1 a second, about 13 h 53 min left",
    ]


def test_the_log_has_a_line_even_while_nothing_ends(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    telling = progress(clock, 3)
    looks = 0

    async def pass_quickly(seconds: float) -> None:
        nonlocal looks
        clock.now += seconds
        looks += 1
        if looks == 25:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(telling.keep_telling(pass_quickly))

    assert caplog.messages == ["0 of 3 offers done, 0 failed", "0 of 3 offers done, 0 failed"]


def test_a_campaign_tells_its_reading_and_its_writes(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log: Any = logging.getLogger("task")
    telling = CampaignProgress(log, clock)

    for done in (100, 200, 300):
        clock.now += 6
        telling.read(PERSONALIZED, done)
    clock.now += 6
    telling.applied(Progress("content", 1, 4, ("personalized", "Spring towels")))

    assert caplog.messages == ["200 personalized offers read", "content: 1 of 4 objects"]
