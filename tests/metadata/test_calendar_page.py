"""The calendar page in Chromium, on a real API server with the emulator behind it: read, filtered, zoomed, opened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.metadata.browser import Page, chromium
from tests.metadata.calendar_page import BARS, CONN_ID, EVIL_NAME, NAMES, Journey, opened

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed: apt-get install chromium"),
]

FOCUSED = "(document.activeElement.matches('.bar') && document.activeElement.innerText.trim())"


def test_a_person_finds_an_offer_and_reads_all_about_it(travel: Callable[[Journey], None], address: str) -> None:
    async def journey(page: Page) -> None:
        await opened(page, address)
        assert "Homepage hero" in await page.text(".board-labels", "Homepage hero")
        await page.click(".filters button", "Quarter")
        await page.until(f"{BARS} && document.querySelector('[data-value=quarter]').ariaPressed === 'true'")
        await page.type("input[type=search]", "raincoats flash")
        await page.text(".foot", "1 of ")
        await page.click(".bar", "Flash sale")
        await page.text(".detail h2", "Flash sale: 30 % off raincoats")
        await page.text(".detail", "Homepage hero")
        await page.click(".detail .links a", "Fashion")
        await page.text(".detail h2", "Fashion")
        assert "kind=tag" in await page.evaluate("location.hash")
        await page.evaluate("history.back()")
        await page.text(".detail h2", "Flash sale")
        await page.until("document.querySelector('.detail .json')")
        await page.click(".detail .close")
        await page.gone(".detail:not([hidden])")
        await page.click("[data-act=clear]")
        await page.click(".mark", "Gaps")
        await page.text("[data-part=spoken]", "Only the fallback in ")
        await page.until("document.querySelector('.band .gap-name')")
        await page.click(".mark", "never shown")
        await page.text(".bar", "Partner week")
        assert "mark=unreachable" in await page.evaluate("document.querySelector('[data-export=csv]').href")
        told = await page.evaluate("fetch(document.querySelector('[data-export=csv]').href).then((got) => got.text())")
        assert "Partner week" in told
        assert "Flash sale" not in told
        assert await page.complaints() == []

    travel(journey)


def test_only_the_gaps_of_what_is_shown_count_and_are_walked(travel: Callable[[Journey], None], address: str) -> None:
    tile = "document.querySelector('.mark.gap')"

    async def journey(page: Page) -> None:
        await opened(page, address)
        told = await page.evaluate(f"fetch('api/calendar?conn_id={CONN_ID}').then((got) => got.json())")
        ids = {each["name"]: each["id"] for each in told["placements"]}
        places = [told["placements"][gap["placement"]]["name"] for gap in told["gaps"]]
        count = places.count("Receipt coupon")
        assert 1 < count < len(places)
        assert "Newsletter footer" not in places
        await page.until(f"{tile}.querySelector('b').innerText === '{len(places)}'")

        await page.evaluate(f"location.hash += '&placement={ids['Receipt coupon']}'")
        await page.until(f"{tile}.querySelector('b').innerText === '{count}'")
        lanes = "[...document.querySelectorAll('.lane strong')].map((each) => each.innerText).join()"
        await page.until(f"{lanes} === 'Receipt coupon'")
        spoken = []
        for _ in range(count + 1):
            await page.click(".mark", "Gaps")
            spoken.append(await page.text("[data-part=spoken]", "Only the fallback in Receipt coupon from "))
        assert len(set(spoken)) == count
        assert spoken[0] == spoken[-1]

        await page.evaluate(f"location.hash = 'conn_id={CONN_ID}&placement={ids['Newsletter footer']}'")
        await page.until(f"{tile}.disabled && {tile}.querySelector('b').innerText === '0'")
        assert await page.complaints() == []

    travel(journey)


def test_an_address_that_changes_just_before_the_page_writes_its_own_is_taken(
    travel: Callable[[Journey], None], address: str
) -> None:
    async def journey(page: Page) -> None:
        await opened(page, address)
        # The browser tells of a new hash later: the click comes first.
        await page.evaluate(
            "location.hash += '&text=raincoats+flash'; document.querySelector('[data-value=quarter]').click()"
        )
        await page.text(".foot", "1 of ")
        await page.until("document.querySelector('[data-value=quarter]').ariaPressed === 'true'")
        for part in ("text=raincoats", "zoom=quarter"):
            assert part in await page.evaluate("location.hash")

    travel(journey)


def test_what_somebody_wrote_into_an_offer_neither_runs_nor_loads(
    travel: Callable[[Journey], None], address: str
) -> None:
    async def journey(page: Page) -> None:
        await opened(page, address, "&view=agenda&text=onerror")
        assert await page.evaluate(NAMES) == EVIL_NAME
        await page.click(".agenda .name")
        assert await page.text(".detail h2", "<script>") == EVIL_NAME
        frame = await page.until("document.querySelector('.detail iframe')?.srcdoc")
        assert "20 % off" in frame
        assert await page.evaluate("document.querySelector('.detail iframe').getAttribute('sandbox')") == ""
        await page.evaluate("new Promise((done) => setTimeout(done, 300))")
        assert await page.evaluate("window.ran === undefined && document.querySelectorAll('main img').length === 0")
        assert await page.complaints() == []
        # The same by the browser's own means, without what the page takes out.
        await page.evaluate("document.querySelector('.detail iframe').srcdoc = '<script>parent.ran=1</script>'")
        await page.until("!document.querySelector('.detail iframe').srcdoc.includes('20')")
        assert (
            await page.evaluate("new Promise((done) => setTimeout(() => done(window.ran ?? 'never'), 300))") == "never"
        )

    travel(journey)


def test_the_keyboard_alone_reaches_every_offer(travel: Callable[[Journey], None], address: str) -> None:
    async def journey(page: Page) -> None:
        await opened(page, address)
        await page.evaluate("document.querySelector('.board').focus()")
        name = ""
        for _ in range(2):
            await page.press("ArrowDown")
            name = await page.until(f"{FOCUSED} !== {name!r} && {FOCUSED}")
        await page.press("Enter")
        await page.text(".detail h2", name)
        await page.until("document.activeElement.matches('.detail h2')")
        await page.press("Escape")
        await page.gone(".detail:not([hidden])")
        await page.click(".filters button", "Agenda")
        await page.until("document.querySelector('.agenda .name')")
        await page.evaluate("document.querySelector('.agenda .name').focus()")
        await page.press("ArrowDown")
        name = await page.until("document.activeElement.closest('[data-at=\"1\"]') && document.activeElement.innerText")
        await page.press("Enter")
        await page.text(".detail h2", name.strip())
        assert await page.evaluate("document.querySelector('.agenda table').ariaRowCount") != "0"
        assert await page.complaints() == []

    travel(journey)


def test_a_drag_that_ends_below_the_timeline_is_over(travel: Callable[[Journey], None], address: str) -> None:
    async def journey(page: Page) -> None:
        await opened(page, address)
        await page.until("location.hash.includes('at=')")
        await page.gone(".vis-loading-screen")
        before = await page.evaluate("location.hash")
        await page.drag(".board", across=150, below=20)
        await page.until(f"location.hash !== {before!r}")

    travel(journey)


def test_a_click_counts_although_the_page_is_drawn_again_meanwhile(
    travel: Callable[[Journey], None], address: str
) -> None:
    async def journey(page: Page) -> None:
        await opened(page, address, "&text=flash")
        await page.text(".foot", "1 of ")
        await page.hold(".bar", "Flash sale")
        await page.evaluate("location.hash = location.hash.replace('text=flash', 'text=flash%20sale')")
        await page.until("document.querySelector('input[type=search]').value === 'flash sale'")
        await page.release()
        await page.text(".detail h2", "Flash sale")
        # The clock is drawn every second.
        await page.evaluate("window.reads = performance.getEntriesByType('resource').length")
        await page.hold(".clock button")
        await page.evaluate("new Promise((done) => setTimeout(done, 1500))")
        await page.release()
        await page.until(
            "performance.getEntriesByType('resource').slice(reads).some(({name}) => name.includes('/calendar?'))"
        )

    travel(journey)


def test_airflow_shows_the_page_in_its_own_frame_as_dark_as_itself(
    travel: Callable[[Journey], None], address: str
) -> None:
    frame = "document.querySelector('iframe')?.contentDocument"

    async def journey(page: Page) -> None:
        await page.open(f"{address}/")
        await page.text("body", "Dags")
        await page.evaluate("localStorage.setItem('theme', 'dark')")
        await page.open(f"{address}/plugin/offer-library/offer-library/#conn_id=shop_xcore&view=agenda&text=coupon")
        await page.until(f"{frame}?.querySelector('.agenda .name')")
        assert await page.evaluate(f"{frame}.documentElement.className") == "dark"
        assert await page.evaluate(f"{frame}.querySelector('[name=conn_id]').value") == "shop_xcore"
        await page.evaluate(f"{frame}.querySelector('.agenda .name').click()")
        await page.until(f"{frame}.querySelector('.detail h2')?.innerText.startsWith('Receipt coupon')")
        await page.until("location.hash.includes('kind=personalized')")
        assert await page.evaluate("location.pathname") == "/plugin/offer-library/offer-library/"
        # An address that somebody pastes is Airflow's, and a way back is the page's: each follows the other.
        await page.evaluate("location.hash = '#conn_id=shop_xcore&view=agenda&text=raincoats'")
        await page.until(f"{frame}.querySelector('input[type=search]').value === 'raincoats'")
        # Airflow may lead its frame to the pasted address once more.
        opens = f"{frame}.querySelector('.agenda .name')?.click()"
        await page.until(f"location.hash.includes('kind=personalized') || ({opens}, false)")
        await page.evaluate(f"{frame}.defaultView.history.back()")
        await page.until("!location.hash.includes('kind=personalized')")
        await page.evaluate("location.hash = '#conn_id=shop_xcore&view=agenda&text=coupon'")
        await page.until(f"{frame}.querySelector('.agenda .name')?.innerText.startsWith('Receipt coupon')")
        title = f"{frame}.querySelector('.detail h2')?.innerText"
        await page.until(f"{title}?.startsWith('Receipt coupon') || ({opens}, false)")
        # Airflow's frame may open no windows; the link opens one all the same.
        before = len((await page.call("Target.getTargets"))["targetInfos"])
        link = f"{frame}.querySelector('.component a')"
        await page.until(link)
        await page.evaluate(f"{link}.href = '{address}/api/v2/version'")
        await page.call("Runtime.evaluate", expression=f"{link}.click()", userGesture=True)
        for _ in range(50):
            if len((await page.call("Target.getTargets"))["targetInfos"]) > before:
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail("no window was opened")

    travel(journey)


def test_a_failure_is_told_with_what_to_do(travel: Callable[[Journey], None], address: str) -> None:
    async def journey(page: Page) -> None:
        await opened(page, address)
        await page.evaluate(f"location.hash = 'conn_id={CONN_ID}&sandbox=nowhere'")
        told = await page.text(".empty.error", "Try again")
        assert "nowhere" in told
        await page.evaluate(f"location.hash = 'conn_id={CONN_ID}&text=no-such-offer-anywhere'")
        await page.click(".empty button", "Show all offers")
        await page.until(BARS)

    travel(journey)
