"""One contestant of the writing benchmark: the same patch for many offers, in its own way."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.library import offer_id
from benchmarks.measure import Figures, cpu_seconds
from benchmarks.stub import BASE, Stub
from benchmarks.writing import CONNECTIONS, SERVER_SECONDS, VERBS

if TYPE_CHECKING:
    from airflow.sdk import Context

T = TypeVar("T")

PATCH = [{"op": "replace", "path": "/status", "value": "approved"}]
# What a created offer is, beside its name.
_NEW = {
    "status": "draft",
    "representations": [],
    "selectionConstraint": {"startDate": "2031-01-01T00:00:00Z", "endDate": "2031-02-01T00:00:00Z"},
    "rank": {"priority": 10},
}
HEADERS = {
    "Authorization": "Bearer benchmark",
    "x-api-key": "benchmark",
    "x-gw-ims-org-id": "0123456789ABCDEF01234567@AdobeOrg",
    "x-sandbox-name": "prod",
    "Accept": "application/json",
    "Content-Type": "application/json",
}


def _address(url: str, number: int) -> str:
    return f"{url}{BASE}/offers/{offer_id(number)}?offer-type=personalized"


def limit(url: str, offers: int) -> Callable[[], None]:
    """The limit of aiohttp: only the same requests."""
    import aiohttp

    body = json.dumps(PATCH).encode()

    async def work() -> None:
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as session:
            numbers = iter(range(offers))

            async def worker() -> None:
                for number in numbers:
                    async with session.patch(_address(url, number), data=body) as answer:
                        answer.raise_for_status()
                        await answer.json()

            await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))

    return lambda: asyncio.run(work())


def timed(work: Callable[[], T]) -> tuple[T, Figures]:
    """The result of the work, with its time, the CPU time of the process, and that of this thread."""
    used, own, began = cpu_seconds(), time.thread_time(), time.monotonic()
    result = work()
    seconds = time.monotonic() - began
    return result, {"seconds": seconds, "cpu": cpu_seconds() - used, "own": time.thread_time() - own}


def limit_task(url: str, offers: int) -> Callable[[], Figures]:
    """The same in a task of PythonOperator that `dag.test()` runs. The measured time is that of the callable."""
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.sdk import DAG

    from benchmarks.airflow_home import prepare

    measured: list[Figures] = []

    def write() -> None:
        measured.append(timed(limit(url, offers))[1])

    with DAG("benchmark_limit", schedule=None) as dag:
        PythonOperator(task_id="limit", python_callable=write)
    prepare(dag)

    def work() -> Figures:
        assert dag.test().state == "success"
        return measured[-1]

    return work


def patch(url: str, offers: int) -> Callable[[], None]:
    """The work of an operator on a list, with a plain patch for each offer."""
    from airflow_provider_offers.client.errors import OfferLibraryError
    from airflow_provider_offers.client.flows import patching
    from airflow_provider_offers.client.lists import run_batch
    from airflow_provider_offers.client.model.entities import Reference, Written
    from airflow_provider_offers.client.model.kinds import PERSONALIZED
    from airflow_provider_offers.client.model.patches import PreparedPatch
    from airflow_provider_offers.client.session import AsyncSession
    from airflow_provider_offers.client.wire.messages import Flow
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook

    class Progress:
        """Stops at the first failure."""

        def succeeded(self, index: int, written: Written) -> Flow[None]:
            yield from ()

        def failed(self, index: int, error: OfferLibraryError) -> None:
            raise error

    settings = OfferLibraryHook().settings
    prepared = PreparedPatch(PATCH)
    references = [Reference(PERSONALIZED, id=offer_id(number)) for number in range(offers)]

    async def work() -> None:
        session = await AsyncSession.open(settings)
        try:
            batch = await run_batch(
                session,
                references,
                lambda access, reference: patching.patch(access, reference, prepared),
                max_concurrent=CONNECTIONS,
                stop=True,
                progress=Progress(),
            )
        finally:
            await session.close()
        assert len(batch.written) == offers

    return lambda: asyncio.run(work())


def task(verb: str) -> Callable[[str, int], Callable[[], Figures]]:
    """A task with a list, of the operator for the verb: it reads what it needs, writes each offer, and keeps records.

    `dag.test()` runs it, so it has everything that a task has. The measured time is that of the operator's work.
    """

    def make(url: str, offers: int) -> Callable[[], Figures]:
        from airflow.sdk import DAG

        from airflow_provider_offers.operators import offers as operators
        from benchmarks.airflow_home import prepare

        operator: Any = getattr(operators, f"{verb.capitalize()}OfferOperator")
        measured: list[Figures] = []

        class Timed(operator):  # type: ignore[misc]
            """Measures its own time."""

            def execute(self, context: Context) -> Any:
                written, figures = timed(lambda: super(Timed, self).execute(context))
                measured.append(figures)
                assert len(written) == offers
                return written

        with DAG(f"benchmark_{verb}", schedule=None) as dag:
            Timed(task_id=verb, max_concurrent=CONNECTIONS, **_arguments(verb, offers))
        prepare(dag)

        def work() -> Figures:
            assert dag.test().state == "success"
            return measured[-1]

        return work

    return make


def _arguments(verb: str, offers: int) -> dict[str, Any]:
    """The arguments of the operator, beside those that all have."""
    if verb == "create":
        return {"offer": [{**_NEW, "name": f"New voucher {number:06d}"} for number in range(offers)]}
    chosen = {"offer_id": [offer_id(number) for number in range(offers)]}
    if verb == "patch":
        # A property of its own: the status would be looked at first.
        return {**chosen, "patch": [{"op": "add", "path": "/characteristics/season", "value": "spring"}]}
    if verb == "schedule":
        return {**chosen, "start": "2031-03-01T00:00:00Z", "end": "2031-04-01T00:00:00Z"}
    return chosen


def loop(url: str, offers: int) -> Callable[[], None]:
    """Sends one request after the other on one connection."""
    import requests

    def work() -> None:
        with requests.Session() as session:
            session.headers.update(HEADERS)
            for number in range(offers):
                answer = session.patch(_address(url, number), json=PATCH, timeout=30)
                answer.raise_for_status()
                answer.json()

    return work


def mapped(url: str, offers: int) -> Callable[[], None]:
    """HttpOperator, mapped over the offers: one task for each. `dag.test()` runs them."""
    from airflow.providers.http.operators.http import HttpOperator
    from airflow.sdk import DAG

    from benchmarks.airflow_home import prepare

    with DAG("benchmark_writes", schedule=None) as dag:
        HttpOperator.partial(
            task_id="patch", http_conn_id="http_default", method="PATCH", headers=HEADERS, data=json.dumps(PATCH)
        ).expand(endpoint=[_address("", number).removeprefix("/") for number in range(offers)])
    prepare(dag)

    def work() -> None:
        assert dag.test().state == "success"

    return work


# Each function makes its work. If only a part of the work counts, the work measures itself.
CONTESTANTS: dict[str, Callable[[str, int], Callable[[], Figures | None]]] = {
    "limit": limit,
    "limit_task": limit_task,
    "patch": patch,
    **{f"{verb}_task": task(verb) for verb in VERBS},
    "loop": loop,
    "mapped": mapped,
}


def main() -> None:
    """Run one contestant and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contestant", choices=CONTESTANTS)
    parser.add_argument("--offers", type=int, required=True)
    options = parser.parse_args()
    make = CONTESTANTS[options.contestant]
    # Every contestant works in a process like a task's, with Airflow loaded, and has written a few offers before.
    with Stub(CONNECTIONS, SERVER_SECONDS) as stub:
        os.environ.update(stub.connections())
        import_module("airflow_provider_offers.hooks.offer_library")
        make(stub.url, 2)()
    with Stub(options.offers, SERVER_SECONDS) as stub:
        os.environ.update(stub.connections())
        work = make(stub.url, options.offers)
        began = time.monotonic()
        own, whole = timed(work)
        routes = [route for _, route in stub.log(began)]
    if routes.count("write") != options.offers:
        raise RuntimeError(f"{routes.count('write')} writes arrived instead of {options.offers}")
    print(json.dumps({**(own or whole), "offers": options.offers, "requests": len(routes)}))


if __name__ == "__main__":
    main()
