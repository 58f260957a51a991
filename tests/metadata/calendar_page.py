"""The calendar page on a real API server: a library to look at, a connection to it, and the way to the page."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Coroutine
from typing import Any

from airflow_provider_offers.emulator import Emulator
from tests.metadata.browser import Page
from tests.metadata.conftest import get

Journey = Callable[[Page], Coroutine[Any, Any, None]]

CONN_ID = "shop"
BARS = "document.querySelectorAll('.bar').length"
# The refresh comes when a test calls it, and a test can change or hold the answers of the page's routes.
CONTROLLED = """
  window.routes = {};
  const [fetched, repeated] = [window.fetch, window.setInterval];
  window.setInterval = (work, every) => (every === 30000 ? (window.refresh = work, 0) : repeated(work, every));
  window.fetch = async (address, options) => {
    const route = routes[/^api\\/(\\w+)/.exec(address)?.[1]];
    const answer = await fetched(address, options);
    if (!route || !answer.ok) return answer;
    return {ok: true, status: 200, json: async () => route(await answer.json(), options, String(address))};
  };
"""
NAMES = "[...document.querySelectorAll('.agenda .name')].map((each) => each.innerText).join('\\n')"
EVIL_NAME = "<script>window.ran=1</script><img src=x onerror='window.ran=1'>"
EVIL_PAGE = (
    "<h2 style='color:#b00'>Hello</h2><script>parent.ran=1;top.ran=1</script><img src='https://cdn.example.com/a.png'"
    " alt='Chairs' onerror='parent.ran=1'><a href='javascript:parent.ran=1' onclick='parent.ran=1'>20 % off</a>"
    "<iframe src='https://evil.example.com/'></iframe><link rel=stylesheet href='https://evil.example.com/a.css'>"
    "<meta http-equiv=refresh content='0;url=https://evil.example.com/'><body onload='parent.ran=1'>"
)


def fill(library: Emulator, offers: int = 60) -> None:
    """Add a shop's months of campaigns, and an offer that was written to do harm."""
    library.seed_sample(offers=offers)
    (place,) = (each["id"] for each in library.objects("offer-placement") if each["body"]["name"] == "Homepage hero")
    now = library.clock.now()
    library.seed(objects=[_evil(place, f"{now:%Y-%m}-01T00:00:00.000Z", f"{now.year + 1}-12-31T00:00:00.000Z")])


def _evil(placement: str, start: str, end: str) -> dict[str, Any]:
    component = {"type": "html", "format": "text/html", "content": EVIL_PAGE}
    representation = {
        "channel": "https://ns.adobe.com/xdm/channel-types/web",
        "placement": placement,
        "components": [component],
    }
    body = {
        "name": EVIL_NAME,
        "status": "draft",
        "representations": [representation],
        "selectionConstraint": {"startDate": start, "endDate": end, "profileConstraintType": "none"},
        "rank": {"priority": 0},
    }
    return {"kind": "personalized-offer", "body": body}


def connect(url: str, library: Emulator, api: str = "dps", conn_id: str = CONN_ID) -> None:
    """Store a connection to the library in Airflow, as an administrator does."""
    given = library.connection(api)
    body = {**given, "connection_id": conn_id, "extra": json.dumps(given["extra"]), "description": "The shop"}
    request = urllib.request.Request(
        f"{url}/api/v2/connections",
        json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {get(f'{url}/auth/token')['access_token']}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
        assert answer.status == 201


async def opened(page: Page, url: str, hash_: str = "", *, routes: str = "") -> None:
    """Log in to Airflow, open the page alone, as for the first time, and wait for its offers.

    With `routes`, JavaScript that changes answers of the page's routes, the test refreshes the page.
    """
    if routes:
        await page.call("Page.enable")
        await page.call("Page.addScriptToEvaluateOnNewDocument", source=f"{{{CONTROLLED}{routes}}}")
    await page.open(f"{url}/")
    await page.text("body", "Dags")
    await page.evaluate("localStorage.clear()")
    await page.open(f"{url}/offer-library/#conn_id={CONN_ID}&zone=UTC{hash_}")
    await page.until("document.querySelector('.bar, .agenda tbody .name')")
    await page.watch()
