"""Takes the pictures of the calendar page from a real run: `make screenshots` writes them to docs/pictures.

It starts Airflow's API server with a home of its own, an emulator with a shop's library at a fixed time, and Chromium.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

from airflow_provider_offers.emulator import Emulator
from tests.metadata.browser import Page, page_of, started
from tests.metadata.calendar_page import CONN_ID, connect
from tests.metadata.conftest import environment_of, served

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"
NOW = "2026-11-26T10:00:00Z"
SIZE = 1280, 800
LARGEST = 200_000
"""Bytes of a picture at most: the documentation is read on slow connections too."""
_FRAME = "document.querySelector('iframe')?.contentDocument"


def main() -> int:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, Emulator() as library:
        library.clock.freeze(NOW)
        library.seed_sample(offers=220)
        home = Path(folder)
        environment = environment_of(home)
        airflow = [sys.executable, "-m", "airflow"]
        subprocess.run([*airflow, "db", "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL)
        command = [*airflow, "api-server", "--host", "127.0.0.1", "--workers", "1"]
        with served(command, environment, home / "log") as url, started(home / "chromium") as browser:
            connect(url, library)
            asyncio.run(_pictures(browser, url))
    return 0


async def _pictures(browser: str, url: str) -> None:
    async with page_of(browser) as page:
        width, height = SIZE
        await page.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        await page.open(f"{url}/")
        await page.text("body", "Dags")
        await _shown(page, url, "light", "group=decision")
        # The lanes with a gap, and offers that begin and end.
        await asyncio.sleep(1)
        await page.evaluate(f"{_FRAME}.querySelector('.board-scroll').scrollTo(0, 9999)")
        await _keep(page, "calendar.png")
        await _shown(page, url, "dark", "zoom=week&group=decision")
        await page.evaluate(f"{_FRAME}.querySelector('.bar.expiring').click()")
        await page.until(f"{_FRAME}.querySelector('.detail .json')")
        await _keep(page, "calendar-offer.png")
        await _shown(page, url, "light", "view=agenda&status=approved")
        await _keep(page, "calendar-agenda.png")


async def _shown(page: Page, url: str, theme: str, state: str) -> None:
    await page.evaluate(f"localStorage.setItem('theme', '{theme}')")
    await page.open("about:blank")
    await page.open(f"{url}/plugin/offer-library/offer-library/#conn_id={CONN_ID}&zone=UTC&{state}")
    await page.until(f"{_FRAME}?.querySelector('.bar, .agenda .name')")


async def _keep(page: Page, name: str) -> None:
    # Fonts, frames and the animation of a zoom come to rest.
    await asyncio.sleep(2)
    picture = await page.picture()
    if len(picture) > LARGEST:
        raise RuntimeError(f"{name} has {len(picture)} bytes; expected {LARGEST} at most")
    (FOLDER / name).write_bytes(picture)


if __name__ == "__main__":
    sys.exit(main())
