"""The emulator's page in a real Chromium: it shows the library and the journal live, changes faults and clock, and
runs nothing that the library contains."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.emulator.control.pages import FILES
from tests.emulator.conftest import Caller, dps_offer
from tests.metadata.browser import Page, chromium, page_of, started

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOSTILE = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"

INLINE = "Object.assign(document.createElement('script'), {textContent: 'document.title = 1'})"

in_chromium = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with started(tmp_path_factory.mktemp("chromium")) as address:
        yield address


@pytest.fixture
def opened(browser: str, emulator: Emulator) -> Callable[[Callable[[Page], Awaitable[None]]], None]:
    """A function that opens the page in Chromium and lets another function use it."""

    def run(use: Callable[[Page], Awaitable[None]]) -> None:
        async def play() -> None:
            async with page_of(browser) as page:
                await page.open(f"{emulator.url}/_emulator/")
                await use(page)

        asyncio.run(play())

    return run


def get(emulator: Emulator, path: str, **headers: str) -> requests.Response:
    return requests.get(f"{emulator.url}/_emulator/{path}", headers=headers, timeout=10)


@pytest.mark.parametrize("path", FILES)
def test_every_file_forbids_everything_else(emulator: Emulator, path: str) -> None:
    answer = get(emulator, path, Accept="text/html,*/*")
    assert answer.status_code == 200
    policy = dict(each.strip().partition(" ")[::2] for each in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert get(emulator, path, Host="evil.example.com").status_code == 403
    assert get(emulator, path, Origin="https://evil.example.com").status_code == 403


def test_the_overview_is_told_once(emulator: Emulator, caller: Caller) -> None:
    first = get(emulator, "overview").json()
    assert get(emulator, f"overview?seen={first['changes']}").json() == {"changes": first["changes"]}
    caller.create_dps(dps_offer("New"))
    newer = get(emulator, f"overview?seen={first['changes']}").json()
    (offer,) = (each for each in newer["objects"] if each["kind"] == "personalized-offer")
    assert (offer["name"], offer["status"], offer["etag"]) == ("New", "draft", 1)
    assert emulator.PLACEMENT_ID in offer["references"]
    assert offer["start"] < offer["end"]
    assert get(emulator, "overview?sandbox=none").status_code == 400


@pytest.mark.slow
class TestInChromium:
    pytestmark = in_chromium

    def test_the_library_is_live_and_leads_along_references(
        self, opened: Callable[..., None], emulator: Emulator, caller: Caller
    ) -> None:
        emulator.clock.freeze(NOON)
        emulator.seed_sample(offers=30)

        async def use(page: Page) -> None:
            await page.click("#objects .link", "Receipt coupon 4")
            assert "live now" in await page.text("#objects tr", "Receipt coupon 4")
            assert "selectionConstraint" in await page.text("#object-body", "Receipt coupon 4")
            await page.click("#object-referrers a", "Receipt coupons (collection)")
            await page.text("#object-name", "Receipt coupons")
            # A write of a client is shown without a click.
            caller.create_dps(dps_offer("Brand new"))
            assert "draft" in await page.text("#objects tr", "Brand new")
            await page.type("#text", "partner week")
            await page.text("#library-shown", "1 of ")

        opened(use)

    def test_faults_and_clock_are_set_by_hand(
        self, opened: Callable[..., None], emulator: Emulator, caller: Caller
    ) -> None:
        emulator.clock.freeze(NOON)

        async def use(page: Page) -> None:
            await page.click("#clock button", "+1 d")
            await page.text("#now", "2026-11-27 12:00:00 UTC")
            await page.click("nav a", "Faults")
            await page.type("#route", "dps.list")
            await page.click("#add-fault button", "Add")
            await page.text("#rules tr", "dps.list")
            (fault,) = emulator.faults()
            assert (fault.effect, fault.route, fault.times) == ("status", "dps.list", 1)
            assert caller.dps("GET", "/tags").status_code == 503
            await page.click("nav a", "Journal")
            assert "503" in await page.text("#entries tr", f"[fault {fault.id} status before]")
            await page.click("nav a", "Faults")
            await page.click("#rules button", "Remove")
            await page.gone("#rules tr")
            assert emulator.faults() == []
            await page.type("#route", "dps.nothing")
            await page.click("#add-fault button", "Add")
            assert "did you mean" in await page.text("#trouble", "no route is named")

        opened(use)
        assert emulator.clock.now() == datetime(2026, 11, 27, 12, tzinfo=UTC)

    def test_content_is_text_and_no_secret_is_shown(
        self, opened: Callable[..., None], emulator: Emulator, caller: Caller
    ) -> None:
        caller.create_dps({**dps_offer(HOSTILE), "description": HOSTILE})
        caller.dps("GET", f"/offers/{HOSTILE}?offer-type=personalized")

        async def use(page: Page) -> None:
            await page.click("#objects .link", HOSTILE)
            await page.text("#object-body", "description")
            await page.click("nav a", "Journal")
            await page.click("#entries .link", "POST /data/core/dps/offers")
            told = await page.text("#entries pre", "authorization")
            assert "authorization: ***" in told
            assert "onerror" in told
            shown: Any = await page.evaluate(
                "[document.title, document.querySelectorAll('img, main script, iframe').length]"
            )
            assert shown == ["Offer Library emulator", 0]
            # Even markup that reached the page would not run.
            await page.evaluate(f"document.querySelector('main').append({INLINE})")
            assert await page.evaluate("document.title") == "Offer Library emulator"

        opened(use)
