"""Lists: the requests for each object, and the objects per second, for each operation on a list.

`python -m benchmarks.bulk --objects 2000 --others 10000` runs one size. Lists of personalized offers work against the
emulator, which counts the requests. It runs in the same process and takes most of the time, so the speed only compares
operations and sizes. `benchmarks.writing` measures the client's write speed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from benchmarks.measure import CHECKOUT, Figures, alone, table, verdict
from benchmarks.plots import Curve, plot

if TYPE_CHECKING:
    from airflow_provider_offers.client.flows.access import Access
    from airflow_provider_offers.client.lists import Batch
    from airflow_provider_offers.client.model.entities import Reference, Written
    from airflow_provider_offers.client.settings import Settings
    from airflow_provider_offers.client.wire.messages import Flow
    from airflow_provider_offers.emulator import Emulator

SIZES = (100, 2_000, 10_000)
OTHERS = (0, 10_000)
APIS = ("dps", "xcore")
CONNECTIONS = 32
# The maximum number of objects on a page of a listing.
_PAGE = 100
PICTURE = CHECKOUT / "docs" / "pictures" / "list-cost.svg"
OPERATIONS = ("create", "get", "patch", "schedule", "publish", "unpublish", "archive", "delete")

Work = Callable[["Access", Any], "Flow[Written]"]


def bound(objects: int, others: int) -> float:
    """The maximum number of requests of a list: about one for each object, and the pages of the whole library."""
    return 1.1 * objects + (objects + others) / _PAGE + 20


def measure(sizes: Sequence[int], others: Sequence[int], *, draw: bool = False) -> str:
    """The section of the results. With `draw`, the plot of the documentation is drawn again."""
    rows, missed = [], 0
    curves: dict[str, list[tuple[float, float]]] = {}
    cases = [(api, count, beside) for count in sizes for beside in others for api in APIS]
    # Both generations at the same time: each case keeps one core busy, and the requests do not depend on the time.
    with ThreadPoolExecutor(len(APIS)) as pool:
        found = dict(zip(cases, pool.map(_alone, cases), strict=True))
    for (api, count, beside), figures in sorted(found.items()):
        for operation in OPERATIONS:
            requests, seconds = figures[operation]["requests"], figures[operation]["seconds"]
            missed += requests > bound(count, beside)
            speed = f"{count / seconds:,.0f}"
            if (api, beside) == (APIS[0], others[-1]):
                curves.setdefault(operation, []).append((count, requests))
            rows.append([operation, api, f"{count:,}", f"{beside:,}", f"{requests / count:.3f}", speed])
    columns = ("operation", "generation", "objects", "others", "requests per object", "objects/s")
    if draw:
        shown = [Curve(operation, points) for operation, points in curves.items()]
        title = f"Requests of a list by its objects, next to {others[-1]:,} others, on generation 2"
        PICTURE.write_text(plot(title, "objects", "requests", shown), encoding="utf-8")
    goal = ["1.1 requests an object, the pages of one listing, and 20", f"{missed} missed", verdict(missed == 0)]
    return (
        f"## Lists\n\nLists of personalized offers, {CONNECTIONS} at once, on the emulator in the same process; both "
        f"generations run at the same time. Compare the speed between rows only.\n\n{table(columns, rows)}\n\n"
        f"{table(('goal: at most', 'measured', ''), [goal])}\n"
    )


def _alone(case: tuple[str, int, int]) -> Figures:
    api, objects, others = case
    return alone("benchmarks.bulk", "--api", api, "--objects", objects, "--others", others, "--json")


def run(api: str, objects: int, others: int) -> Figures:
    """Run all operations with one list, next to other offers in the library, on one generation."""
    from airflow_provider_offers.client.settings import parse_settings
    from airflow_provider_offers.emulator import Emulator

    with Emulator() as emulator:
        emulator.configure(journal_limit=10)
        connection = emulator.connection(api)
        connection.pop("conn_type")
        settings = parse_settings(**connection)
        if others:
            emulator.seed(others, name="Other {n:06d}")
        # The existing offers are older than the lag of a listing.
        emulator.clock.advance(3600)
        items: list[Any] = _creations([f"Ours {number:06d}" for number in range(objects)])
        figures = {}
        for operation in OPERATIONS:
            done, figures[operation] = _timed(emulator, settings, operation, items)
            if len(done) != objects:
                raise RuntimeError(f"{operation}: {len(done)} of {objects} were done")
            # The operations after the first work on the created objects.
            items = done if operation == "create" else items
        return figures


def _timed(
    emulator: Emulator, settings: Settings, operation: str, items: Sequence[Any]
) -> tuple[list[Reference], Figures]:
    """The objects that an operation was done for, and its figures."""
    emulator.clear_journal()
    before, began = sum(emulator.request_counts().values()), time.monotonic()
    done = asyncio.run(_get(settings, items) if operation == "get" else _work(settings, items, operation))
    seconds = time.monotonic() - began
    requests = sum(emulator.request_counts().values()) - before
    emulator.clock.advance(3600)
    return done, {"requests": requests, "seconds": seconds}


def _creations(names: Sequence[str]) -> list[Any]:
    from airflow_provider_offers.client.flows.creation_arguments import new_creation
    from airflow_provider_offers.client.model.kinds import PERSONALIZED
    from airflow_provider_offers.emulator import Emulator

    shown = {"type": "html", "format": "text/html", "language": ["en"], "content": "<p>10%</p>"}
    document = {
        "status": "draft",
        "representations": [
            {
                "channel": "https://ns.adobe.com/xdm/channel-types/web",
                "placement": Emulator.PLACEMENT_ID,
                "components": [shown],
            }
        ],
        "selectionConstraint": {
            "startDate": "2026-03-10T00:00:00Z",
            "endDate": "2099-06-30T21:59:59Z",
            "profileConstraintType": "none",
        },
        "rank": {"priority": 10},
        "tags": [],
    }
    switches: dict[str, Any] = {"window": None, "if_exists": "fail", "patience": 10.0, "marker": None, "earlier": None}
    return [new_creation(PERSONALIZED, {**document, "name": name}, validate=True, **switches) for name in names]


def _work_of(operation: str) -> Work:
    from airflow_provider_offers.client.flows.adding import create_object
    from airflow_provider_offers.client.flows.deleting import delete_written
    from airflow_provider_offers.client.flows.editing import schedule, take_step
    from airflow_provider_offers.client.flows.patching import patch
    from airflow_provider_offers.client.model.lifecycle import STEPS
    from airflow_provider_offers.client.model.patches import PreparedPatch
    from airflow_provider_offers.client.model.windows import resolve_window
    from airflow_provider_offers.emulator import Emulator

    if operation == "create":
        return create_object
    if operation == "delete":
        return delete_written
    if operation == "patch":
        prepared = PreparedPatch([{"op": "add", "path": "/tags/-", "value": Emulator.TAG_ID}])
        return lambda access, each: patch(access, each, prepared)
    if operation == "schedule":
        window = resolve_window("2026-04-01T00:00:00Z", "2099-01-01T00:00:00Z")
        return lambda access, each: schedule(access, each, window)
    step = next(each for each in STEPS if each.verb == operation)
    now = datetime(2050, 1, 1, tzinfo=UTC)
    return lambda access, each: take_step(access, each, step, now=now)


async def _work(settings: Settings, items: Sequence[Any], operation: str) -> list[Reference]:
    from airflow_provider_offers.client.errors import OfferLibraryError
    from airflow_provider_offers.client.lists import run_batch
    from airflow_provider_offers.client.model.entities import Reference
    from airflow_provider_offers.client.model.kinds import PERSONALIZED
    from airflow_provider_offers.client.session import AsyncSession

    class Progress:
        """Stops at the first failure."""

        def succeeded(self, index: int, written: Written) -> Flow[None]:
            yield from ()

        def parked(self) -> Flow[None]:
            yield from ()

        def failed(self, index: int, error: OfferLibraryError) -> None:
            raise error

    session = await AsyncSession.open(settings)
    try:
        batch: Batch = await run_batch(
            session, items, _work_of(operation), max_concurrent=CONNECTIONS, stop=True, progress=Progress()
        )
    finally:
        await session.close()
    receipts = [batch.written[index].receipt for index in sorted(batch.written)]
    return [Reference(PERSONALIZED, id=each.id, instance_id=each.instance_id) for each in receipts]


async def _get(settings: Settings, items: Sequence[Any]) -> list[Reference]:
    from airflow_provider_offers.client.flows.several import look_at_all
    from airflow_provider_offers.client.session import AsyncSession

    session = await AsyncSession.open(settings)
    try:
        found = await session.run(look_at_all(session.access, items))
    finally:
        await session.close()
    return [entity.reference for entity in found if entity is not None]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=SIZES[1])
    parser.add_argument("--others", type=int, default=OTHERS[1])
    parser.add_argument("--api", choices=APIS, default=APIS[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    if options.json:
        print(json.dumps(run(options.api, options.objects, options.others)))
    else:
        print(measure([options.objects], [options.others]))


if __name__ == "__main__":
    main()
