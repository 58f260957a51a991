"""The emulator's page in Chromium while it stays open: the library, the journal and the clock change meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.emulator.service import Service
from tests.emulator.conftest import Caller, dps_offer
from tests.emulator.control.test_browser_page import NOON, browser, in_chromium, opened
from tests.metadata.browser import Page

__all__ = ["browser", "opened"]

pytestmark = [pytest.mark.slow, *in_chromium]

# A test holds the answers whose path has `held` in it, until it calls `release`.
HOLD = """
window.waiting = 0;
window.came = 0;
const [fetched, gate] = [window.fetch, new Promise((done) => (window.release = done))];
window.fetch = async (path, options) => {
  const answer = await fetched(path, options);
  if (!window.held || !String(path).includes(window.held)) return answer;
  window.waiting++;
  await gate;
  return {ok: answer.ok, json: async () => {
    const read = await answer.json();
    setTimeout(() => window.came++);
    return read;
  }};
};
"""


def window(offer: str, opens: int, closes: int, status: str = "approved") -> dict[str, Any]:
    """An offer whose window is so many days after noon."""
    start, end = (f"{NOON + timedelta(days=days):%Y-%m-%dT%H:%M:%S}.000Z" for days in (opens, closes))
    constraint = {"startDate": start, "endDate": end, "profileConstraintType": "none"}
    return {"kind": "personalized-offer", "body": dps_offer(offer, status=status, selectionConstraint=constraint)}


async def ticked(page: Page, emulator: Emulator) -> None:
    """Wait until the page has looked once more."""
    emulator.clock.freeze(emulator.clock.now() + timedelta(minutes=1))
    await page.text("#now", f"{emulator.clock.now():%Y-%m-%d %H:%M}")


def test_a_window_that_is_passed_in_one_step_is_over(opened: Callable[..., None], emulator: Emulator) -> None:
    emulator.clock.freeze(NOON)
    emulator.seed(objects=[window("Short", 1, 2)])

    async def use(page: Page) -> None:
        assert "opens later" in await page.text("#objects tr", "Short")
        await page.click("#clock button", "+7 d")
        await page.text("#now", "2026-12-03")
        await page.until(
            "[...document.querySelectorAll('#objects tr')].some((row) => /Short.*over/s.test(row.innerText))"
        )

    opened(use)


def test_a_chosen_state_stays_chosen_while_no_object_has_it(opened: Callable[..., None], emulator: Emulator) -> None:
    emulator.clock.freeze(NOON)
    emulator.seed(objects=[window("Short", -1, 1)])

    async def use(page: Page) -> None:
        await page.text("#objects tr", "Short")
        await page.evaluate(
            "document.querySelector('#state').value = 'live now';"
            "document.querySelector('#state').dispatchEvent(new Event('input', {bubbles: true}))"
        )
        await page.text("#library-shown", "1 of")
        await page.click("#clock button", "+7 d")
        await page.text("#library-shown", "0 of")
        assert await page.evaluate("document.querySelector('#state').value") == "live now"

    opened(use)


def test_the_focus_stays_on_a_button_of_a_table(
    opened: Callable[..., None], emulator: Emulator, caller: Caller
) -> None:
    emulator.clock.freeze(NOON)

    async def use(page: Page) -> None:
        await page.click("nav a", "Faults")
        await page.type("#route", "dps.get")
        await page.click("#add-fault button", "Add")
        await page.text("#rules tr", "dps.get")
        await page.evaluate("window.button = document.querySelector('#rules button'); button.focus()")
        await ticked(page, emulator)
        assert await page.evaluate("button.isConnected && document.activeElement === button")
        # Its row has other numbers.
        caller.dps("GET", "/offers/none?offer-type=personalized")
        await page.until("document.querySelector('#rules td:nth-child(8)').innerText === '1'")
        assert await page.evaluate("document.activeElement.dataset.fault === button.dataset.fault")

    opened(use)


def test_no_request_is_listed_twice(opened: Callable[..., None], emulator: Emulator, caller: Caller) -> None:
    numbers = "[...document.querySelectorAll('#entries td:first-child')].map((each) => each.innerText)"

    async def use(page: Page) -> None:
        await page.text("#clock-state", "real time")
        await page.click("nav a", "Journal")
        await page.evaluate(f"{HOLD}window.held = 'journal?'")
        caller.dps("GET", "/tags")
        # Each of them looks at everything, and so does the page by itself.
        await page.evaluate("for (const each of ['freeze', 'resume']) document.getElementById(each).click()")
        await page.until("window.waiting >= 2")
        await page.evaluate("window.held = null; release()")
        await page.until("window.came >= 2")
        shown = await page.until(f"({numbers}).length && ({numbers})")
        assert len(set(shown)) == len(shown)

    opened(use)


def test_a_request_that_takes_long_is_no_lost_one(
    opened: Callable[..., None], emulator: Emulator, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.clock.freeze(NOON)
    statuses = "[...document.querySelectorAll('#entries td:nth-child(4)')].map((each) => each.innerText).join()"

    async def use(page: Page) -> None:
        await page.click("nav a", "Journal")
        request = Thread(target=caller.dps, args=("GET", "/tags"))
        with monkeypatch.context() as patched:
            handle, may_end = Service.answer, Event()

            def answer(service: Service, *arguments: Any) -> Any:
                may_end.wait(300)
                return handle(service, *arguments)

            patched.setattr(Service, "answer", answer)
            request.start()
            await page.until(f"{statuses} === '…'")
            may_end.set()
            request.join()
        await page.until(f"{statuses} === '200'")
        emulator.add_fault("drop", route="dps.list")
        with pytest.raises(OSError, match=r"."):
            caller.dps("GET", "/tags")
        await page.until(f"{statuses} === 'lost,200'")
        assert [each.open for each in emulator.journal()] == [False, False]

    opened(use)


def test_a_press_whose_end_a_menu_swallows_does_not_stop_the_page(
    opened: Callable[..., None], emulator: Emulator
) -> None:
    emulator.clock.freeze(NOON)

    async def use(page: Page) -> None:
        await page.evaluate("document.body.dispatchEvent(new PointerEvent('pointerdown', {buttons: 2}))")
        await page.evaluate("document.body.dispatchEvent(new PointerEvent('pointermove', {buttons: 0}))")
        await ticked(page, emulator)

    opened(use)


def test_an_object_whose_answer_comes_late_does_not_take_the_place_of_another(
    opened: Callable[..., None], emulator: Emulator
) -> None:
    emulator.clock.freeze(NOON)
    emulator.seed(objects=[window("Early", 1, 2), window("Late", 1, 2)])
    late = next(each["id"] for each in emulator.objects("personalized-offer") if each["body"]["name"] == "Late")

    async def use(page: Page) -> None:
        await page.text("#objects tr", "Early")
        await page.evaluate(f"{HOLD}window.held = 'id={late.replace(':', '%3A')}'")
        await page.click("#objects .link", "Late")
        await page.until("window.waiting === 1")
        await page.click("#objects .link", "Early")
        await page.text("#object-name", "Early")
        await page.evaluate("release()")
        await page.until("window.came === 1")
        assert await page.evaluate("document.getElementById('object-name').innerText") == "Early"

    opened(use)


def test_what_is_wrong_stays_told_while_the_library_changes(
    opened: Callable[..., None], emulator: Emulator, caller: Caller
) -> None:
    emulator.clock.freeze(NOON)
    emulator.seed(objects=[window("Short", 1, 2)])

    async def use(page: Page) -> None:
        await page.click("#objects .link", "Short")
        await page.text("#object-name", "Short")
        await page.type("#set-to", "tomorrow")
        await page.press("Enter")
        await page.until("!document.getElementById('trouble').hidden")
        caller.create_dps(dps_offer("Brand new"))
        await page.text("#objects tr", "Brand new")
        await ticked(page, emulator)
        assert await page.evaluate("document.getElementById('trouble').hidden") is False

    opened(use)
