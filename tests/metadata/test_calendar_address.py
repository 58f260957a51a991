"""The address of the calendar page in Chromium: it says what the page shows, and damaged ones do no harm."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.metadata.browser import Page, chromium
from tests.metadata.calendar_page import BARS, CONN_ID, NAMES, Journey, opened

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed: apt-get install chromium"),
]

PRESSED = "document.querySelector('[data-value={}]')?.ariaPressed === 'true'"
CLOSED = "document.querySelector('.detail').hidden"


def test_the_way_back_leads_from_the_agenda_to_the_timeline(travel: Callable[[Journey], None], address: str) -> None:
    async def journey(page: Page) -> None:
        await opened(page, address)
        await page.click(".filters button", "Agenda")
        await page.until(NAMES)
        await page.evaluate("history.back()")
        await page.until(f"{PRESSED.format('timeline')} && {BARS}")
        await page.evaluate("history.forward()")
        await page.until(NAMES)

    travel(journey)


def test_an_address_shows_everybody_the_same(travel: Callable[[Journey], None], address: str) -> None:
    async def journey(page: Page) -> None:
        await opened(page, address)
        given = await page.evaluate("location.hash")
        # Somebody else likes another view, zone and span.
        await page.evaluate(f"location.hash = '#conn_id={CONN_ID}&view=agenda&zone=UTC&days=30'")
        await page.until(NAMES)
        await page.evaluate("document.querySelector('[data-value=timeline]').click()")
        await page.until(BARS)
        await page.evaluate("document.querySelector('[data-value=agenda]').click()")
        await page.until(NAMES)
        await page.evaluate(f"location.hash = {given!r}")
        await page.until(f"{PRESSED.format('timeline')} && {BARS}")
        assert await page.evaluate("document.querySelector('[name=days]').value") == "14"
        # Without an address, the page is as this person had it.
        await page.evaluate("document.querySelector('[data-value=agenda]').click()")
        await page.until(NAMES)
        await page.open("about:blank")
        await page.open(f"{address}/offer-library/")
        await page.until(NAMES)
        assert f"conn_id={CONN_ID}" in await page.evaluate("location.hash")

    travel(journey)


def test_an_address_that_is_pasted_moves_and_zooms_the_timeline(
    travel: Callable[[Journey], None], address: str
) -> None:
    years = "[...document.querySelectorAll('.vis-major')].map((each) => each.innerText).join()"

    async def journey(page: Page) -> None:
        await opened(page, address)
        await page.until("location.hash.includes('at=')")
        await page.evaluate(f"location.hash = '#conn_id={CONN_ID}&zone=UTC&zoom=year&at=2031-07-01T00:00:00.000Z'")
        await page.until(f"{years}.includes('2031') && {PRESSED.format('year')}")
        await page.until("location.hash.includes('at=2031-07-01')")

    travel(journey)


def test_what_an_address_has_wrong_is_told_and_left_out(travel: Callable[[Journey], None], address: str) -> None:
    wrong = "view=foo&group=x&zoom=foo&at=garbage&zone=Nowhere&days=abc&status=aproved&mark=x&type=x&toString=y"

    async def journey(page: Page) -> None:
        await opened(page, address)
        await page.evaluate(f"location.hash = '#conn_id={CONN_ID}&text=raincoats&{wrong}'")
        told = await page.text(".notice", "does not know")
        assert all(each in told for each in wrong.split("&"))
        await page.until(f"{PRESSED.format('month')} && {PRESSED.format('timeline')} && {BARS}")
        assert await page.evaluate("document.querySelector('[name=days]').value") == "14"
        assert await page.evaluate("document.querySelector('input[type=search]').value") == "raincoats"
        # What was remembered before is no better than an address.
        await page.evaluate("localStorage.setItem('offer-library-page', JSON.stringify({days: 'abc', view: 'foo'}))")
        await page.open("about:blank")
        await page.open(f"{address}/offer-library/#conn_id={CONN_ID}&at=%2B275760-09-12T00:00:00Z&days=367")
        await page.text(".notice", "at=+275760-09-12T00:00:00Z, days=367")
        await page.until(BARS)
        # A span that no choice has is shown as it is.
        await page.evaluate(f"location.hash = '#conn_id={CONN_ID}&days=20'")
        await page.until("document.querySelector('[name=days]')?.value === '20'")
        await page.gone(".notice")
        # An object that the library does not have is no filter "All".
        await page.evaluate(f"location.hash = '#conn_id={CONN_ID}&placement=gone'")
        await page.text(".empty", "No offer passes the filters")
        assert await page.evaluate("document.querySelector('[name=placement]').value") == "gone"
        assert await page.complaints() == []

    travel(journey)


def test_every_list_shows_what_the_address_names(travel: Callable[[Journey], None], address: str) -> None:
    async def journey(page: Page) -> None:
        await opened(page, address)
        lists = "[...document.querySelectorAll('.filters select, .clock select')]"
        given = await page.evaluate(f"{lists}.map((one) => [one.name, [...one.options].map(({{value}}) => value)])")
        assert {name for name, _ in given} == {"type", "status", "placement", "decision", "days", "zone"}
        for name, values in given:
            for value in (*reversed(values), *values):
                await page.evaluate(f"location.hash = '#conn_id={CONN_ID}&{name}={value}'")
                await page.until(f"document.querySelector('[name={name}]')?.value === {value!r}")
        assert await page.complaints() == []

    travel(journey)


def test_an_object_of_another_sandbox_does_not_stay_open(travel: Callable[[Journey], None], address: str) -> None:
    async def journey(page: Page) -> None:
        await opened(page, address, "&text=raincoats+flash")
        placement = await page.evaluate("document.querySelector('[name=placement] option:nth-child(2)').value")
        await page.click(".bar", "Flash sale")
        await page.text(".detail h2", "Flash sale")
        await page.evaluate(f"location.hash += '&placement={placement}'")
        await page.until(f"document.querySelector('[name=placement]')?.value === {placement!r}")
        await page.evaluate(
            "(({set}, field) => { field.focus(); set.call(field, 'nowhere');"
            " field.dispatchEvent(new Event('change')); })"
            "(Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value'),"
            " document.querySelector('[name=sandbox]'))"
        )
        await page.text(".empty.error", "nowhere")
        assert await page.evaluate(CLOSED)
        # Filters by objects of the other sandbox are gone, too.
        assert "placement" not in await page.evaluate("location.hash")

    travel(journey)


def test_the_panel_closes_while_the_library_cannot_be_read(travel: Callable[[Journey], None], address: str) -> None:
    async def journey(page: Page) -> None:
        await opened(page, address, "&text=raincoats+flash")
        await page.click(".bar", "Flash sale")
        await page.text(".detail", "Homepage hero")
        await page.evaluate("location.hash += '&sandbox=nowhere'")
        await page.text(".empty.error", "nowhere")
        await page.until(CLOSED)
        await page.evaluate("history.back()")
        await page.text(".detail", "Homepage hero")
        await page.click(".detail .close")
        await page.until(CLOSED)
        await page.until(BARS)

    travel(journey)
