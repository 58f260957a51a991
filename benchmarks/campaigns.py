"""Campaigns: the requests, the time and the memory of a plan and an apply, as the campaign grows.

`python -m benchmarks.campaigns --objects 2000` runs one size. The emulator counts the requests. It runs in a process of
its own, so that the memory is the planner's. Beside them stands the simplest client that does the same: it lists all
offers page by page, and posts one offer after the other on 32 connections.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import CHECKOUT, Figures, alone, forget_peak, peak_bytes, resident_bytes, table, verdict
from benchmarks.plots import Curve, plot

if TYPE_CHECKING:
    from airflow_provider_offers.campaigns.plans import Plan
    from airflow_provider_offers.client.settings import Settings

SIZES = (100, 500, 2_000, 10_000)
APIS = ("dps", "xcore")
CONNECTIONS = 32
_PAGE = 100
PICTURE = CHECKOUT / "docs" / "pictures" / "campaign-cost.svg"
_KINDS = 8
_MEGABYTE = 2**20
STEPS = ("load", "plan of new objects", "apply", "plan of unchanged objects", "list of all offers", "posts of offers")

MANIFEST = """\
apiVersion: offers/v1
campaign: benchmark
targets: {dev: {connection: ajo}}
placements: [{name: Hero, channel: "https://ns.adobe.com/xdm/channel-types/web", componentType: html}]
tags: [{name: Season}]
offers:
  - for_each: offers.csv
    name: "Offer {{ row.sku }}"
    status: approved
    window: {start: 2027-03-01, duration: P31D, timezone: Europe/Paris}
    tags: ["name:Season"]
    rank: {priority: "{{ row.priority }}"}
    representations:
      - {placement: "name:Hero", components: [{type: html, format: text/html, content: "<p>{{ row.text }}</p>"}]}
collections: [{name: Season, filterType: any-tags, ids: ["name:Season"]}]
"""
# The objects of the manifest beside its offers.
_OTHERS = 3


def bound(objects: int) -> float:
    """The maximum number of requests of a first apply."""
    return 1.2 * objects + objects / _PAGE + 50


def most_reads(objects: int) -> float:
    """The maximum number of requests of a plan: the pages, a page of each kind, a token and the container."""
    return objects / _PAGE + 2 * _KINDS + 2


def measure(sizes: Sequence[int], *, draw: bool = False) -> str:
    """The section of the results. With `draw`, the plot of the documentation is drawn again."""
    rows, missed = [], 0
    curves: dict[str, list[tuple[float, float]]] = {}
    for api in APIS:
        for count in sizes:
            figures = alone("benchmarks.campaigns", "--api", api, "--objects", count, "--json")
            missed += figures["apply"]["requests"] > bound(count)
            missed += figures["plan of unchanged objects"]["requests"] > most_reads(count)
            for step in STEPS:
                each = figures[step]
                memory = f"{each['memory'] / _MEGABYTE:,.0f}" if "memory" in each else ""
                rows.append([step, api, f"{count:,}", f"{each['requests']:,}", f"{each['seconds']:,.2f}", memory])
                if api == APIS[0]:
                    curves.setdefault(step, []).append((count, each["seconds"]))
    columns = ("step", "generation", "offers", "requests", "seconds", "memory, MB")
    goal = [
        "apply: 1.2 requests an object, the pages and 50; plan: the pages and a few",
        f"{missed} missed",
        verdict(missed == 0),
    ]
    if draw:
        shown = [Curve(step, points) for step, points in curves.items()]
        title = "Seconds of a campaign by its offers, on generation 2"
        PICTURE.write_text(plot(title, "offers", "seconds", shown), encoding="utf-8")
    return (
        f"## Campaigns\n\nA manifest of offers from a CSV file, a placement, a tag and a collection, on the emulator "
        f"in its own process. The last two steps are a simple client's.\n\n{table(columns, rows)}\n\n"
        f"{table(('goal: at most', 'measured', ''), [goal])}\n"
    )


def run(api: str, objects: int) -> Figures:
    """Load a manifest, plan it, apply it, and plan it again; then list and post offers in the simplest way."""
    from airflow_provider_offers.campaigns.applying.apply import apply
    from airflow_provider_offers.campaigns.manifest.loading import load
    from airflow_provider_offers.campaigns.state.storage import StateStore

    with tempfile.TemporaryDirectory(dir=CHECKOUT / ".cache") as folder, _emulator(api) as (settings, requests):
        path = _write_manifest(Path(folder), objects)
        store = StateStore(Path(folder) / "state")
        figures: Figures = {}

        def timed(step: str, work: Callable[[], Any]) -> Any:
            before = requests()
            forget_peak()
            memory, began = resident_bytes(), time.monotonic()
            result = work()
            seconds = time.monotonic() - began
            figures[step] = {
                "seconds": seconds,
                "requests": requests() - before,
                "memory": max(0, peak_bytes() - memory),
            }
            return result

        campaign = timed("load", lambda: load(path))
        plan: Plan = timed("plan of new objects", lambda: _plan(settings, campaign, store))
        timed("apply", lambda: apply(settings, plan, store))
        again: Plan = timed("plan of unchanged objects", lambda: _plan(settings, campaign, store))
        if again.objects or again.counts["unchanged"] != objects + _OTHERS:
            raise RuntimeError(f"expected {objects + _OTHERS} unchanged objects; the plan has {dict(again.counts)}")
        if (listed := timed("list of all offers", lambda: _list(settings))) != objects:
            raise RuntimeError(f"listed {listed} of {objects} offers")
        timed("posts of offers", lambda: asyncio.run(_post(settings, objects)))
        return figures


def _write_manifest(folder: Path, objects: int) -> Path:
    with (folder / "offers.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["sku", "priority", "text"])
        rows.writerows([f"{number:06d}", number % 100, f"{number % 50} % off"] for number in range(objects))
    path = folder / "campaign.yaml"
    path.write_text(MANIFEST, encoding="utf-8")
    return path


@contextmanager
def _emulator(api: str) -> Iterator[tuple[Settings, Callable[[], int]]]:
    """An emulator in another process: the settings of a connection to it, and the number of its requests so far."""
    from airflow_provider_offers.client.settings import parse_settings

    command = [sys.executable, "-m", "benchmarks.campaigns", "--serve", "--api", api]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        url, connection = json.loads(process.stdout.readline())

        def requests() -> int:
            with urllib.request.urlopen(f"{url}/_emulator/journal", timeout=30) as answer:
                return int(sum(json.load(answer)["counts"].values()))

        try:
            yield parse_settings(**connection), requests
        finally:
            process.stdin.close()


def _serve(api: str) -> None:
    """Run the emulator until the other process closes the pipe. What it has is older than the lag of a listing."""
    from airflow_provider_offers.emulator import Emulator

    with Emulator(journal_limit=10) as emulator:
        emulator.clock.advance(3600)
        connection = emulator.connection(api)
        connection.pop("conn_type")
        print(json.dumps([emulator.url, connection]), flush=True)
        sys.stdin.read()


def _plan(settings: Settings, campaign: Any, store: Any) -> Plan:
    from airflow_provider_offers.campaigns.planning.planner import plan_campaign
    from airflow_provider_offers.client.library import OfferLibrary

    state = store.read(campaign.name, settings.org_id, settings.sandbox)
    with OfferLibrary(settings) as library:
        return library.run(lambda access: plan_campaign(access, campaign, state))


def _list(settings: Settings) -> int:
    """List all offers, and keep nothing of them."""
    from airflow_provider_offers.client.library import OfferLibrary
    from airflow_provider_offers.client.model.kinds import PERSONALIZED
    from airflow_provider_offers.client.model.query import Query

    with OfferLibrary(settings) as library:
        return sum(1 for _ in library.search(PERSONALIZED, Query(page_size=_PAGE)))


async def _post(settings: Settings, objects: int) -> None:
    """Post offers as a simple loop does: no name is looked up, and nothing is confirmed."""
    from airflow_provider_offers.client.model.kinds import PERSONALIZED
    from airflow_provider_offers.client.session import AsyncSession
    from airflow_provider_offers.emulator import Emulator

    body = {
        "status": "draft",
        "representations": [
            {
                "placement": Emulator.PLACEMENT_ID,
                "components": [{"type": "html", "format": "text/html", "content": "<p>10 % off</p>"}],
            }
        ],
        "selectionConstraint": {"startDate": "2027-03-01T00:00:00Z", "endDate": "2027-04-01T00:00:00Z"},
        "rank": {"priority": 10},
    }
    session = await AsyncSession.open(settings)
    turns = asyncio.Semaphore(CONNECTIONS)

    async def post(number: int) -> None:
        call = session.access.generation.create(PERSONALIZED, {**body, "name": f"Posted {number}"})
        async with turns:
            await session.run(session.access.send(call))

    try:
        await asyncio.gather(*map(post, range(objects)))
    finally:
        await session.close()


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=SIZES[2])
    parser.add_argument("--api", choices=APIS, default=APIS[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        _serve(options.api)
    elif options.json:
        print(json.dumps(run(options.api, options.objects)))
    else:
        print(measure([options.objects]))


if __name__ == "__main__":
    main()
