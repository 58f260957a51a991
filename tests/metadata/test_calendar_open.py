"""The calendar page in Chromium while it stays open: it is read again while somebody reads, types and clicks."""

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

# Every offer has another name after `next` is set.
RENAMED = """
routes.calendar = (document) => {
  if (window.next) for (const row of document.rows) row[document.columns.indexOf("name")] += window.next;
  return document;
};
"""
# Three hours later, and nothing else.
LATER = """
routes.calendar = (document) => {
  const later = Date.parse(document.service_now) + (window.later ?? 0);
  return {...document, service_now: new Date(later).toISOString()};
};
"""


def test_what_somebody_types_outlives_a_refresh(travel: Callable[[Journey], None], address: str) -> None:
    sandbox = "document.querySelector('[name=sandbox]')"

    async def journey(page: Page) -> None:
        await opened(page, address, "&view=agenda", routes=RENAMED)
        await page.type("[name=sandbox]", "nowhere-ty")
        await page.evaluate("window.next = ' again'; window.refresh()")
        await page.until(f"{NAMES}.includes(' again')")
        assert await page.evaluate(f"[{sandbox}.value, document.activeElement === {sandbox}]") == ["nowhere-ty", True]
        await page.call("Input.insertText", text="ped")
        await page.press("Enter")
        await page.text(".empty.error", "nowhere-typed")

    travel(journey)


def test_a_filter_that_is_not_taken_yet_is_not_lost(travel: Callable[[Journey], None], address: str) -> None:
    search = "document.querySelector('input[type=search]')"
    typed = f"{search}.focus(); document.execCommand('insertText', false, 'rainc')"

    async def journey(page: Page) -> None:
        await opened(page, address, "&view=agenda")
        # All of it in one go, before the page takes the text.
        kept = f"(() => {{{typed}; document.querySelector('[data-mark=ended]').click(); return {search}.value}})()"
        assert await page.evaluate(kept) == "rainc"
        await page.until("location.hash.includes('text=rainc') && location.hash.includes('mark=ended')")
        # What is cleared stays so.
        cleared = f"(() => {{{typed}; document.querySelector('[data-act=clear]').click(); return {search}.value}})()"
        assert await page.evaluate(cleared) == ""
        await page.evaluate("new Promise((done) => setTimeout(done, 400))")
        assert await page.evaluate(f"{search}.value + location.hash.includes('text=')") == "false"

    travel(journey)


def test_composed_characters_filter_once_they_are_there(travel: Callable[[Journey], None], address: str) -> None:
    async def journey(page: Page) -> None:
        await opened(page, address, "&view=agenda")
        await page.click("input[type=search]")
        await page.call("Input.imeSetComposition", text="rainco", selectionStart=6, selectionEnd=6)
        await page.call("Input.insertText", text="raincoats")
        await page.until("location.hash.includes('text=raincoats')")

    travel(journey)


def test_the_clock_goes_on_while_a_field_beside_it_has_the_focus(
    travel: Callable[[Journey], None], address: str
) -> None:
    async def journey(page: Page) -> None:
        await page.call("Emulation.setTimezoneOverride", timezoneId="Asia/Tokyo")
        await opened(page, address)
        await page.text(".clock b", "UTC")
        await page.evaluate(
            "(({set}, field) => { field.focus(); set.call(field, 'browser');"
            " field.dispatchEvent(new Event('change')); })"
            "(Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, 'value'),"
            " document.querySelector('[name=zone]'))"
        )
        await page.text(".clock b", "GMT+9")
        # What has the focus stays on the page, or a screen reader would read it again at each second.
        await page.evaluate("window.button = document.querySelector('.clock button'); button.focus()")
        read = "document.querySelector('.clock .quiet').textContent"
        before = await page.evaluate(read)
        await page.until(f"{read} !== {before!r}")
        assert await page.evaluate("button.isConnected && document.activeElement === button")

    travel(journey)


def test_what_happens_next_is_told_by_the_clock_of_now(travel: Callable[[Journey], None], address: str) -> None:
    told = "document.querySelector('.agenda tr[data-at] td:nth-child(3)').innerText"

    async def journey(page: Page) -> None:
        await opened(page, address, "&view=agenda&mark=live", routes=LATER)
        before = await page.evaluate(told)
        assert before.startswith("ends in ")
        await page.evaluate(
            "window.later = 72 * 3600000; window.row = document.querySelector('tr[data-at]'); refresh()"
        )
        await page.until(f"{told} !== {before!r}")
        assert await page.evaluate("row.isConnected")

    travel(journey)


def test_the_panel_tells_the_time_of_now_and_keeps_what_is_open_in_it(
    travel: Callable[[Journey], None], address: str
) -> None:
    told = "document.querySelector('.detail .badges .quiet').innerText"
    part = "document.querySelector('.detail .progress i').style.width"
    json = "document.querySelector('.detail details.json')"

    async def journey(page: Page) -> None:
        await opened(page, address, "&view=agenda&mark=live", routes=LATER)
        await page.evaluate("document.querySelector('.agenda .name').click()")
        await page.until(json)
        before = await page.evaluate(f"[{told}, {part}]")
        assert before[0].startswith("ends in ")
        await page.evaluate(
            f"{json}.open = true; {json}.querySelector('pre').focus(); window.later = 7200000; refresh()"
        )
        await page.until(f"{told} !== {before[0]!r} && {part} !== {before[1]!r}")
        assert await page.evaluate(f"{json}.open && document.activeElement === {json}.querySelector('pre')")

    travel(journey)


def test_the_panel_shows_what_somebody_changed_meanwhile(travel: Callable[[Journey], None], address: str) -> None:
    routes = """
      routes.object = (document) => {
        window.reads = (window.reads ?? 0) + 1;
        if (window.fails) throw new Error("broken");
        if (window.next) document.entity.name += window.next;
        return document;
      };
    """

    async def journey(page: Page) -> None:
        await opened(page, address, "&view=agenda&text=raincoats+flash", routes=RENAMED + routes)
        await page.evaluate("document.querySelector('.agenda .name').click()")
        await page.text(".detail h2", "Flash sale")
        await page.until("document.querySelector('.detail details.json')")
        # A reading that fails takes nothing away.
        await page.evaluate("window.fails = true; window.next = ' again'; refresh()")
        await page.until(f"{NAMES}.includes(' again') && window.reads === 2")
        assert await page.evaluate("document.querySelector('.detail .error')") is None
        await page.evaluate("window.fails = false; window.next = ' and again'; refresh()")
        await page.text(".detail h2", " and again")

    travel(journey)


def test_a_click_on_a_row_counts_although_the_table_is_drawn_again_meanwhile(
    travel: Callable[[Journey], None], address: str
) -> None:
    async def journey(page: Page) -> None:
        await opened(page, address, "&view=agenda&text=raincoats+flash", routes=RENAMED)
        await page.hold(".agenda .name", "Flash sale")
        await page.evaluate("window.next = ' again'; refresh()")
        await page.release()
        await page.text(".detail h2", "Flash sale")
        await page.until(f"{NAMES}.includes(' again')")

    travel(journey)


def test_a_press_whose_end_a_menu_swallows_holds_nothing_for_long(
    travel: Callable[[Journey], None], address: str
) -> None:
    async def journey(page: Page) -> None:
        await opened(page, address, "&view=agenda&text=raincoats+flash", routes=RENAMED)
        await page.hold(".agenda .name", "Flash sale")
        await page.evaluate("window.next = ' again'; refresh()")
        await page.evaluate("document.body.dispatchEvent(new PointerEvent('pointermove', {bubbles: true, buttons: 0}))")
        await page.until(f"{NAMES}.includes(' again')")
        await page.release()

    travel(journey)


def test_plans_of_another_connection_do_not_come_later(travel: Callable[[Journey], None], address: str) -> None:
    routes = """
      const plan = {dag_id: "late", task_id: "ask", href: "../", campaign: "Late", summary: "1 to create"};
      window.came = false;
      const late = new Promise((done) => (window.release = done));
      routes.plans = async (document, options, address) => {
        if (address.includes("shop_xcore")) return document;
        await late;
        setTimeout(() => (window.came = true));
        return {plans: [plan]};
      };
    """

    async def journey(page: Page) -> None:
        await opened(page, address, routes=routes)
        await page.evaluate("location.hash = '#conn_id=shop_xcore'")
        await page.until(
            f"{BARS} && performance.getEntriesByType('resource').some(({{name}}) => /plans.*xcore/.test(name))"
        )
        await page.evaluate("release()")
        await page.until("came")
        assert await page.evaluate("document.querySelectorAll('.notice.plan').length") == 0
        # Those of the chosen one are shown.
        await page.evaluate(f"location.hash = '#conn_id={CONN_ID}'")
        await page.text(".notice.plan", "Campaign Late waits for approval: 1 to create")

    travel(journey)


def test_a_reading_that_is_given_up_is_no_failure(travel: Callable[[Journey], None], address: str) -> None:
    routes = """
      window.seen = [];
      routes.calendar = (document, {signal}) => {
        if (!window.stalls) return document;
        window.stalls = false;
        return new Promise((_, no) => {
          window.stalled = true;
          signal.addEventListener("abort", () => no(signal.reason));
        });
      };
    """

    async def journey(page: Page) -> None:
        await opened(page, address, routes=routes)
        await page.evaluate(
            "new MutationObserver(() => seen.push(...[...document.querySelectorAll('.empty.error')]"
            ".map((each) => each.innerText))).observe(document.body, {childList: true, subtree: true});"
            f"window.stalls = true; location.hash = '#conn_id={CONN_ID}&days=30'"
        )
        await page.until("window.stalled")
        await page.evaluate(f"location.hash = '#conn_id={CONN_ID}&days=60'")
        await page.text(".mark", "within 60 days")
        await page.until(BARS)
        assert await page.evaluate("seen") == []

    travel(journey)


def test_a_view_that_is_left_while_it_is_loaded_draws_nothing(travel: Callable[[Journey], None], address: str) -> None:
    async def journey(page: Page) -> None:
        await opened(page, address, "&view=agenda")
        everything = await page.evaluate("document.querySelector('.agenda table').ariaRowCount")
        # The timeline is another file, which comes later.
        await page.evaluate(
            "for (const each of ['[data-value=timeline]', '[data-value=agenda]', '[data-mark=ended]'])"
            " document.querySelector(each).click();"
            " import(new URL('static/board.js', document.baseURI)).then(() => setTimeout(() => (window.came = true)))"
        )
        await page.until("window.came")
        assert await page.evaluate("document.querySelector('.agenda table').ariaRowCount") != everything

    travel(journey)


def test_a_year_is_left_out_by_the_calendar_of_the_chosen_zone(travel: Callable[[Journey], None], address: str) -> None:
    routes = """
      routes.calendar = (document) => {
        // Two hours after New Year in UTC, and the evening before it in New York.
        const start = document.columns.indexOf("start");
        document.rows = document.rows.slice(0, 1);
        document.rows[0][start] = `${new Date().getUTCFullYear() + 1}-01-01T02:00:00Z`;
        return document;
      };
    """
    opens = "document.querySelector('.agenda tr[data-at] td:nth-child(4)').innerText"

    async def journey(page: Page) -> None:
        await page.call("Emulation.setTimezoneOverride", timezoneId="America/New_York")
        await opened(page, address, "&view=agenda", routes=routes)
        following = await page.evaluate("String(new Date().getUTCFullYear() + 1)")
        assert following in await page.evaluate(opens)

    travel(journey)


def test_a_login_that_ends_is_told_as_such(travel: Callable[[Journey], None], address: str) -> None:
    async def journey(page: Page) -> None:
        await opened(page, address, routes=RENAMED)
        # Airflow's first answer about a login that it does not know.
        refused = "new Response(JSON.stringify({detail: 'Invalid JWT token'}), {status: 403})"
        await page.evaluate(f"window.fetch = async () => {refused}")
        await page.evaluate("window.refresh()")
        told = await page.text(".notice.warning", "You are logged out")
        assert "The page shows what it read before" in told
        assert await page.evaluate(BARS)

    travel(journey)


def test_no_name_disturbs_the_words_and_the_width_of_the_page(travel: Callable[[Journey], None], address: str) -> None:
    routes = r"""
      const turned = "\u202Eevil";
      const endless = "x".repeat(250);
      routes.plans = () => ({plans: [
        {dag_id: endless, task_id: "ask", href: "../", campaign: endless, summary: endless},
        {dag_id: "x", task_id: "ask", href: "../", campaign: turned, summary: "1 to create"},
      ]});
      routes.calendar = (document) => {
        for (const each of [...document.placements, ...document.decisions]) each.name = turned;
        return {...document, warnings: [endless]};
      };
      routes.object = (document) => {
        document.entity.name = endless;
        document.representations = [{placement: "A", channel: endless, components: []}];
        return document;
      };
      // Whether a text runs from left to right where it stands.
      window.runs = (selector, words) => {
        const walk = document.createTreeWalker(document.querySelector(selector), NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) {
          const at = walk.currentNode.data.indexOf(words);
          if (at < 0) continue;
          const left = (place) => {
            const range = new Range();
            range.setStart(walk.currentNode, place);
            range.setEnd(walk.currentNode, place + 1);
            return range.getBoundingClientRect().left;
          };
          return left(at) < left(at + words.length - 1);
        }
        return null;
      };
    """

    async def journey(page: Page) -> None:
        await opened(page, address, "&view=agenda&mark=live", routes=routes)
        await page.text(".notice.plan", "1 to create")
        assert await page.evaluate("runs('.notices .plan:nth-child(2)', 'waits for')") is True
        assert await page.evaluate("[...document.querySelectorAll('.agenda td:nth-child(6) bdi')].length") >= 1
        for width in (1400, 390):
            await page.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
            )
            await page.until(f"innerWidth === {width}")
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.evaluate("document.querySelector('.agenda .name').click()")
        await page.until("document.querySelector('.representation')")
        panel = "document.querySelector('.detail')"
        assert await page.evaluate(f"{panel}.scrollWidth <= {panel}.clientWidth")

    travel(journey)
