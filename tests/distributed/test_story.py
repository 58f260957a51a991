"""The story of `docs/story.md` in a real Airflow and a real browser: a person approves a campaign and watches it.

With `OFFER_LIBRARY_PICTURES=1` the run takes the pictures of the page again; `make screenshots` does that.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.emulator import Emulator
from tests.distributed.cluster import Cluster, wait_until
from tests.distributed.test_triggerer import client
from tests.docs.pages import CHECKOUT, page
from tests.metadata import browser
from tests.metadata.browser import Page, chromium, page_of, started

pytestmark = [
    pytest.mark.distributed,
    pytest.mark.timeout(1_800),
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed: apt-get install chromium"),
]

CONN_ID = "offer_library_default"
PASSWORD = "of-this-test"
EVE, FIRST_DAY = "2035-05-31T09:00:00Z", "2035-06-01T09:00:00Z"
EDIT = [{"op": "replace", "path": "/rank/priority", "value": 50}]
FRAME = "document.querySelector('iframe')?.contentDocument"
PICTURES = bool(os.environ.get("OFFER_LIBRARY_PICTURES"))
LARGEST = 200_000
"""Bytes of a picture at most."""
PATIENCE = 150.0
"""Seconds for anything to appear on the page, on a machine with other work."""


class Story:
    """The steps of the story, each in Airflow, the library or the browser."""

    def __init__(self, cluster: Cluster, library: Emulator, page: Page, shots: Path) -> None:
        self._cluster, self._library, self._page, self._shots = cluster, library, page, shots
        self._token = ""

    async def log_in(self) -> None:
        await self._page.call(
            "Emulation.setDeviceMetricsOverride", width=1280, height=800, deviceScaleFactor=1, mobile=False
        )
        await self._page.open(f"{self._cluster.url}/")
        await self._page.type("[name=username]", "ada")
        await self._page.type("[name=password]", PASSWORD)
        await self._page.click("button", "Sign in")
        await self._page.text("body", "Active Dags")

    async def launch(self) -> None:
        """A run plans the campaign; the calendar tells of the plan, and nothing is written."""
        await self._start("summer_launch")
        await self._until("a plan waits", lambda: bool(self._waiting()))
        assert self._summer() == {}
        await self._calendar()
        await self._page.until(f"{FRAME}?.querySelector('.notice.plan')?.innerText.includes('8 to create')")
        await self._picture("story-plan.png")

    async def approve(self, picture: str = "") -> None:
        """The person follows the link of the calendar, reads the plan, and approves it."""
        await self._page.evaluate(f"{FRAME}.querySelector('.notice.plan a').click()")
        await self._page.text("body", "Summer towels")
        if picture:
            await self._picture(picture)
        await self._page.click("button", "Approve")
        await self._until("nothing waits", lambda: not self._waiting())

    async def see_it_ahead(self) -> None:
        await self._until("the campaign is applied", lambda: self._states("summer_launch") == ["success"])
        assert set(self._summer().values()) == {"approved"}
        await self._seen("Opens next", 3)
        await self._timeline()
        await self._picture("story-ahead.png")

    async def see_it_live(self) -> None:
        self._library.clock.set(FIRST_DAY)
        await self._seen("Live now", 3)
        await self._timeline()
        await self._picture("story-live.png")

    async def let_a_marketer_edit(self) -> None:
        """Nobody starts the DAG that watches: the edit does."""
        assert self._states("summer_watch") == []
        with client(self._library) as adobe:
            adobe.patch(PERSONALIZED, "name:Summer towels", EDIT)
        await self._until("the edit starts a run", lambda: self._states("summer_watch")[:1] == ["success"])

    async def see_the_drift(self) -> None:
        """The log of the run says which value, and the calendar says that it was no run."""
        run = self._runs("summer_watch")[0]["dag_run_id"]
        await self._page.open(f"{self._cluster.url}/dags/summer_watch/runs/{run}/tasks/compare")
        told = await self._page.text("body", "the library has 50")
        assert "/rank/priority: the library has 50, the manifest wants 30, and 30 was applied last" in told
        await self._picture("story-drift.png")
        towels = next(each["id"] for each in self._offers() if each["body"]["name"] == "Summer towels")
        await self._calendar(f"&kind=personalized&id={towels}")
        await self._page.until(f"{FRAME}?.querySelector('.detail .history')?.innerText.includes('outside these runs')")
        assert "summer_launch" in await self._page.evaluate(f"{FRAME}.querySelector('.detail .run').innerText")
        await self._page.evaluate(f"{FRAME}.querySelector('.detail .history').scrollIntoView()")
        await self._picture("story-edit.png")

    async def end(self) -> None:
        await self._start("summer_end")
        await self._until("a plan waits", lambda: bool(self._waiting()))
        await self._calendar()
        await self._page.until(f"{FRAME}?.querySelector('.notice.plan')?.innerText.includes('5 to retire')")
        await self.approve()
        await self._until("the campaign is over", lambda: self._states("summer_end") == ["success"])
        assert set(self._summer().values()) == {"archived"}
        await self._seen("Archived", 3)
        await self._picture("story-archived.png")

    async def _calendar(self, state: str = "") -> None:
        """The page in Airflow's own frame, read anew."""
        await self._page.open("about:blank")
        await self._page.open(
            f"{self._cluster.url}/plugin/offer-library/offer-library/#conn_id={CONN_ID}&zone=UTC&group=decision{state}"
        )

    async def _seen(self, state: str, count: int) -> None:
        """Wait until that many offers of the campaign have the state in the agenda."""
        await self._calendar("&view=agenda&text=Summer&type=personalized")
        rows = f"[...({FRAME}?.querySelectorAll('.agenda tbody tr') ?? [])]"
        await self._page.until(f"{rows}.filter((row) => row.innerText.includes('{state}')).length === {count}")

    async def _timeline(self) -> None:
        await self._calendar("&text=Summer&zoom=quarter&at=2035-06-15T00:00:00Z")
        await self._page.until(f"{FRAME}?.querySelectorAll('.bar').length >= 3")

    async def _picture(self, name: str) -> None:
        if PICTURES:
            # Fonts, frames and the animation of a zoom come to rest.
            await asyncio.sleep(2)
            picture = await self._page.picture()
            assert len(picture) <= LARGEST, (name, len(picture))
            (self._shots / name).write_bytes(picture)

    async def _start(self, dag_id: str) -> None:
        await self._until(f"{dag_id} is read", lambda: "dag_id" in self._asked(f"dags/{dag_id}"))
        self._asked(f"dags/{dag_id}/dagRuns", {"logical_date": None})

    async def _until(self, what: str, condition: Callable[[], bool]) -> None:
        await asyncio.to_thread(wait_until, condition, what)

    def _runs(self, dag_id: str) -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = self._asked(f"dags/{dag_id}/dagRuns?order_by=id")["dag_runs"]
        return runs

    def _states(self, dag_id: str) -> list[str]:
        return [each["state"] for each in self._runs(dag_id)]

    def _waiting(self) -> list[Any]:
        found = self._asked("dags/~/dagRuns/~/hitlDetails?response_received=false")["hitl_details"]
        return [each for each in found if each["task_instance"]["state"] in ("deferred", "awaiting_input")]

    def _offers(self) -> list[dict[str, Any]]:
        return [each for each in self._library.objects("personalized-offer") if "Summer" in each["body"]["name"]]

    def _summer(self) -> dict[str, str]:
        return {each["body"]["name"]: each["body"]["status"] for each in self._offers()}

    def _asked(self, path: str, body: Any = None) -> Any:
        """The answer of Airflow's API to the person of the story."""
        if not self._token:
            given = {"username": "ada", "password": PASSWORD}
            answer = requests.post(f"{self._cluster.url}/auth/token", json=given, timeout=60)
            self._token = answer.json()["access_token"]
        headers = {"Authorization": f"Bearer {self._token}"}
        method = "GET" if body is None else "POST"
        url = f"{self._cluster.url}/api/v2/{path}"
        return requests.request(method, url, json=body, headers=headers, timeout=60).json()


def cluster_of(home: Path, library: Emulator) -> Cluster:
    """An Airflow with the files of the page, a user who logs in, and a connection to the library."""
    home.mkdir()
    (home / "passwords.json").write_text(json.dumps({"ada": PASSWORD}))
    environment = {
        f"AIRFLOW_CONN_{CONN_ID.upper()}": json.dumps(library.connection()),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "ada:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__OFFER_LIBRARY__STATE_PATH": str(home / "states"),
        "AIRFLOW__OFFER_LIBRARY__POLL_INTERVAL": "2",
        "AIRFLOW__OFFER_LIBRARY__PAGE_REFRESH": "1",
    }
    cluster = Cluster(home, environment)
    story = page("docs/story.md")
    (dags,) = story.blocks("python")
    (home / "dags" / "summer.py").write_text(dags.text)
    for block in [*story.blocks("yaml"), *story.blocks("csv")]:
        assert block.file is not None
        (home / "dags" / block.file).write_text(block.text)
    return cluster


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/api/v2/version", timeout=60).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


async def play(cluster: Cluster, library: Emulator, address: str, folder: Path) -> None:
    async with page_of(address) as window:
        story = Story(cluster, library, window, CHECKOUT / "docs" / "pictures")
        try:
            await story.log_in()
            await story.launch()
            await story.approve("story-approval.png")
            await story.see_it_ahead()
            await story.see_it_live()
            await story.let_a_marketer_edit()
            await story.see_the_drift()
            await story.end()
        except BaseException:
            (folder / "failed.png").write_bytes(await window.picture())
            raise


def test_a_campaign_from_the_plan_to_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "PATIENCE", PATIENCE)
    with Emulator() as library:
        library.clock.set(EVE)
        cluster = cluster_of(tmp_path / "airflow", library)
        with cluster, started(tmp_path / "chromium") as address:
            wait_until(lambda: answers(cluster.url), "Airflow answers")
            asyncio.run(play(cluster, library, address, tmp_path))
