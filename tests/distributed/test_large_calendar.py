"""The calendar page with 10,000 offers: the API server reads the library once for all browsers, and the page draws only
what is in view. `make test-distributed PYTEST_ARGS="-s -k large_calendar"` prints how long it takes.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.metadata.browser import Page, chromium, page_of, started
from tests.metadata.calendar_page import connect, opened
from tests.metadata.conftest import environment_of, served

pytestmark = [
    pytest.mark.distributed,
    pytest.mark.timeout(1_800),
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed: apt-get install chromium"),
]

OFFERS = 10_000
STEPS = 60
MOST = 600
"""Bars that the page may have at a time. The library has far more windows in the month that it shows."""
# The page comes to rest, and then does one step in each frame. The result is the milliseconds of each frame.
_FRAMES = """
(async () => {
  const act = (%s)(document.querySelector('.board-scroll'), document.querySelector('.vis-center'));
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  await new Promise((done) => setTimeout(done, 1000));
  const took = [];
  for (let step = 0, last = await frame(); step < %d; step++) {
    act(step);
    const now = await frame();
    took.push(now - last);
    last = now;
  }
  return took.sort((one, other) => one - other);
})()
"""
_SEEN = """
document.querySelector('.board-scroll').scrollTop > 10000 && (() => {
  const {top, bottom} = document.querySelector('.bars').getBoundingClientRect();
  return [...document.querySelectorAll('.bar')].some((bar) => {
    const place = bar.getBoundingClientRect();
    return place.top >= top && place.bottom <= bottom;
  });
})()
"""
_WHEEL = (
    "(scroll, center) => (step) => center.dispatchEvent(new WheelEvent('wheel', "
    "{bubbles: true, cancelable: true, clientX: 700, clientY: 600, %s}))"
)
MOVES = {
    "20 pixels down": "(scroll) => () => { scroll.scrollTop += 20; }",
    "120 pixels down": "(scroll) => () => { scroll.scrollTop += 120; }",
    "40 pixels along": _WHEEL % "deltaY: 40, shiftKey: true",
    "one notch of zoom": _WHEEL % "deltaY: step % 16 < 8 ? 3 : -3, ctrlKey: true",
}


@pytest.fixture
def library() -> Iterator[Emulator]:
    with Emulator() as emulator:
        emulator.seed_sample(offers=OFFERS)
        yield emulator


def test_ten_thousand_offers_are_read_once_and_drawn_as_far_as_they_are_seen(tmp_path: Path, library: Emulator) -> None:
    environment = environment_of(tmp_path) | {"AIRFLOW__OFFER_LIBRARY__PAGE_REFRESH": "3600"}
    airflow = [sys.executable, "-m", "airflow"]
    subprocess.run([*airflow, "db", "migrate"], env=environment, check=True, capture_output=True)
    server = served([*airflow, "api-server", "--host", "127.0.0.1"], environment, tmp_path / "log")
    with ExitStack() as ending:
        url = ending.enter_context(server)
        connect(url, library)
        first = ending.enter_context(started(tmp_path / "first"))
        library.clear_journal()
        asyncio.run(_visit(first, url, moves={}))
        requests = len(library.journal())
        # Objects are read by pages, and not one by one.
        assert 0 < requests < OFFERS / 10
        second = ending.enter_context(started(tmp_path / "second"))
        told = asyncio.run(_visit(second, url))
        print(json.dumps({"requests": requests, **told}, indent=1))
        assert len(library.journal()) == requests
        # The rows go on to the end, and few of their bars are in the page at a time.
        assert told["bars"][-1] > 0
        assert max(told["bars"]) < MOST


async def _visit(browser: str, url: str, moves: dict[str, str] = MOVES) -> dict[str, Any]:
    """Open the page as a user, move in it, and go to its end; returns what was seen."""
    async with page_of(browser) as page:
        await page.call("Emulation.setDeviceMetricsOverride", width=1400, height=900, deviceScaleFactor=1, mobile=False)
        await opened(page, url)
        assert "10,0" in await page.text(".foot", "offers")
        found: dict[str, Any] = {}
        await page.open("about:blank")
        await opened(page, url)
        found["milliseconds to bars"] = await page.evaluate("Math.round(performance.now())")
        found["milliseconds to paint"] = await page.evaluate(
            "Math.round(performance.getEntriesByName('first-contentful-paint')[0].startTime)"
        )
        found["bars"] = [await _bars(page)]
        # The time of the thread, of which other work on the machine takes little.
        await page.call("Performance.enable", timeDomain="threadTicks")
        for name, move in moves.items():
            before = await _worked(page)
            frames = await page.evaluate(_FRAMES % (move, STEPS))
            found[name] = {
                "milliseconds of work": round((await _worked(page) - before) / STEPS, 1),
                "median of frames": round(frames[STEPS // 2], 1),
                "95 % of frames": round(frames[STEPS * 95 // 100], 1),
            }
            found["bars"].append(await _bars(page))
        await page.evaluate("document.querySelector('.steps > :nth-child(2)').click()")
        await page.evaluate("document.querySelector('.board-scroll').scrollTop = 1e9")
        await page.until(_SEEN)
        found["bars"].append(await _bars(page))
        return found


async def _worked(page: Page) -> float:
    """The milliseconds that the page's main thread has worked."""
    metrics = (await page.call("Performance.getMetrics"))["metrics"]
    return 1000.0 * next(float(each["value"]) for each in metrics if each["name"] == "TaskDuration")


async def _bars(page: Page) -> int:
    return int(await page.evaluate("document.querySelectorAll('.bar').length"))
