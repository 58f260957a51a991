"""One contestant of the writing benchmark: the same patch for many offers, in its own way."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.library import offer_id
from benchmarks.measure import Figures, cpu_seconds
from benchmarks.stub import BASE, Stub
from benchmarks.writing import CONNECTIONS, SERVER_SECONDS, VERBS

if TYPE_CHECKING:
    from airflow.sdk import Context

T = TypeVar("T")

# The variable that tells a task its work, and the number of offers that each contestant writes before it is measured.
_TASK = "OFFER_LIBRARY_BENCHMARK_TASK"
WARM = 4

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


def limit(url: str, numbers: range) -> Callable[[], None]:
    """The limit of aiohttp: only the same requests."""
    import aiohttp

    body = json.dumps(PATCH).encode()

    async def work() -> None:
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as session:
            waiting = iter(numbers)

            async def worker() -> None:
                for number in waiting:
                    async with session.patch(_address(url, number), data=body) as answer:
                        answer.raise_for_status()
                        await answer.json()

            await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))

    return lambda: asyncio.run(work())


def timed(work: Callable[[], T]) -> tuple[T, Figures]:
    """The result of the work, its time, begin and end, and the CPU time of the process and of this thread."""
    used, own, began = cpu_seconds(), time.thread_time(), time.monotonic()
    result = work()
    ended = time.monotonic()
    figures = {"seconds": ended - began, "cpu": cpu_seconds() - used, "own": time.thread_time() - own}
    return result, {**figures, "began": began, "ended": ended}


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

        def parked(self) -> Flow[None]:
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

    It runs in a process of its own, as on a worker, so it has everything that a task has. The measured time is that of
    the operator's work. For `limit`, it is a task of PythonOperator that sends only the requests of `limit`.
    """

    def make(url: str, offers: int) -> Callable[[], Figures]:
        from benchmarks.airflow_home import prepare, run_in_a_process

        home = Path(os.environ["AIRFLOW_HOME"])
        result = home / "figures.json"
        os.environ[_TASK] = json.dumps({"verb": verb, "url": url, "offers": offers, "result": str(result)})
        file = home / "dags" / "benchmark.py"
        # Airflow looks for these words in a file before it reads it.
        file.write_text("# airflow DAG\nfrom benchmarks.writers import dag_of_a_task\n\ndag = dag_of_a_task()\n")
        dag = dag_of_a_task()
        prepare(dag)

        def work() -> Figures:
            run_in_a_process(dag, file)
            figures: Figures = json.loads(result.read_text())
            return figures

        return work

    return make


def dag_of_a_task() -> Any:
    """The DAG with the task that the environment names. Both its processes make it."""
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.sdk import DAG

    given = json.loads(os.environ[_TASK])
    verb, url, offers, result = given["verb"], given["url"], given["offers"], Path(given["result"])
    with DAG(f"benchmark_{verb}", schedule=None) as dag:
        if verb == "limit":

            def write() -> None:
                limit(url, range(offers, offers + WARM))()
                result.write_text(json.dumps(timed(limit(url, range(offers)))[1]))

            PythonOperator(task_id=verb, python_callable=write)
        else:
            _timed_operator(verb, offers, result)
    return dag


def _timed_operator(verb: str, offers: int, result: Path) -> Any:
    """The operator for the verb. It writes a few other offers first, and then measures its own time."""
    from airflow_provider_offers.operators import offers as operators

    operator: Any = getattr(operators, f"{verb.capitalize()}OfferOperator")

    class Timed(operator):  # type: ignore[misc]
        def execute(self, context: Context) -> Any:
            others = operator(task_id="warm", dag=None, **_arguments(verb, range(offers, offers + WARM)))
            others.execute(context)
            written, figures = timed(lambda: super(Timed, self).execute(context))
            assert len(written) == offers
            result.write_text(json.dumps(figures))
            return written

    return Timed(task_id=verb, max_concurrent=CONNECTIONS, **_arguments(verb, range(offers)))


def _arguments(verb: str, numbers: range) -> dict[str, Any]:
    """The arguments of the operator, beside those that all have."""
    if verb == "create":
        return {"offer": [{**_NEW, "name": f"New voucher {number:06d}"} for number in numbers]}
    chosen = {"offer_id": [offer_id(number) for number in numbers]}
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
    "limit": lambda url, offers: limit(url, range(offers)),
    "limit_task": task("limit"),
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
    with Stub(options.offers + WARM, SERVER_SECONDS) as stub:
        os.environ.update(stub.connections())
        import_module("airflow_provider_offers.hooks.offer_library")
        if not options.contestant.endswith("_task"):
            make(stub.url, WARM)()
        work = make(stub.url, options.offers)
        own, whole = timed(work)
        figures = own or whole
        began, ended = figures.pop("began"), figures.pop("ended")
        routes = [route for moment, route in stub.log(began) if moment <= ended]
    if routes.count("write") != options.offers:
        raise RuntimeError(f"{routes.count('write')} writes arrived instead of {options.offers}")
    print(json.dumps({**figures, "offers": options.offers, "requests": len(routes)}))


if __name__ == "__main__":
    main()
