"""The demo: two campaign DAGs in a real Airflow, on both generations of the API, and a campaign as code.

Run it with `make demo`. It writes only to `.demo/` in the checkout. Airflow's log goes to a file there, so the screen
only shows what happens to the offers.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

import as_code
import task_api

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".demo"
LOG = HOME / "airflow.log"
DAGS = ROOT / "example_dags"
# The life of an offer, and the answers of a decision that is created from scratch.
CAMPAIGNS = ("example_campaign_launch", "example_campaign_from_scratch")
# One sandbox for each generation, so each table shows the objects of its own run.
SANDBOXES = {"dps": "prod", "xcore": "dev"}
# A campaign opens shortly after its launch and lasts a few seconds, so the demo sees its end. TASKS has the number of
# tasks before the window opens, and while it is open. Each gets five times the average duration of the earlier tasks.
TASKS = {"example_campaign_launch": (5, 3), "example_campaign_from_scratch": (10, 3)}
OPENS_IN = {"example_campaign_launch": 3.0, "example_campaign_from_scratch": 8.0}
LASTS = 7.0
# The purpose of each wait; its result names the offer.
WAITED = {
    "wait_until_open": "the window is open: ",
    "wait_until_closed": "the window is over: ",
    "wait_until_known": "the decision knows its fallback: ",
    "wait_until_live": "the decision knows the offer: ",
}
TITLES = {"dps": "generation 2 (dps)", "xcore": "generation 1 (xcore)"}

# The real screen; all other output goes to the log file.
SCREEN = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)


def main() -> int:
    """Run the campaigns on both generations. Returns 0 when every task succeeded."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    with LOG.open("wb") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    say("The Offer Library from Airflow: two campaigns, launched on both generations of the API.\n")
    try:
        succeeded = launch()
    except Exception:  # noqa: BLE001  the screen shows every error
        say(f"\n{traceback.format_exc()}\nThe demo failed. Airflow's log is {LOG.relative_to(ROOT)}.")
        return 1
    if not succeeded:
        say(f"\nSome tasks failed. Airflow's log is {LOG.relative_to(ROOT)}.")
        return 1
    say(f"\nThe DAGs are in {DAGS.relative_to(ROOT)}; Airflow's log is {LOG.relative_to(ROOT)}.")
    say("To try your own DAGs, start the emulator: .venv/bin/python -m airflow_provider_offers.emulator")
    return 0


def launch() -> bool:
    """Prepare Airflow, start the emulator, run each DAG once for each generation, and show the library."""
    from airflow_provider_offers.emulator import Emulator

    prepare_environment()
    with working("Loading Airflow"):
        from airflow.utils.db import initdb
    with working("Creating Airflow's database"):
        initdb()
    with Emulator(sandboxes=[*SANDBOXES.values(), as_code.SANDBOX]) as emulator:
        for api, sandbox in SANDBOXES.items():
            name = f"AIRFLOW_CONN_OFFER_LIBRARY_{api.upper()}"
            os.environ[name] = json.dumps(emulator.connection(api=api, sandbox=sandbox))
        with working("Reading the DAGs"):
            dags = load_dags()
        with working("Starting Airflow's task API"):
            began = time.monotonic()
            task_api.build_the_newest_only()
            task_api.wake(task_api.built_once())
            # A first guess of the machine's speed: a task takes a small part of this time.
            _TOOK.append((time.monotonic() - began) / 10)
        say(f"The emulator answers on {emulator.url}")
        say(
            "Each line is a task. A line with ... is a task that is still running or waiting, with its duration so far."
        )
        results = [run(dag, api) for dag in dags for api in SANDBOXES]
        for api, sandbox in SANDBOXES.items():
            show_library(api, emulator.objects(sandbox=sandbox))
        results.append(as_code.show(emulator, HOME, say))
    return all(results)


def prepare_environment() -> None:
    """Set a separate Airflow home for the demo, before Airflow is imported."""
    os.environ.update(
        AIRFLOW_HOME=str(HOME),
        AIRFLOW__CORE__DAGS_FOLDER=str(DAGS),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
    )


def load_dags() -> list[Any]:
    """Register the campaign DAGs with Airflow, and report every task on the screen."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag

    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(str(DAGS))
    if bag.import_errors:
        raise RuntimeError("\n".join(bag.import_errors.values()))
    dags = [bag.dags[dag_id] for dag_id in CAMPAIGNS]
    for dag in dags:
        for task in dag.tasks:
            task.on_execute_callback = [begun]
            task.on_success_callback = [succeeded]
            task.on_failure_callback = [failed]
    return dags


def run(dag: Any, api: str) -> bool:
    """Run the campaign once on one generation."""
    say(f"\nRunning {dag.dag_id} on {TITLES[api]}")
    before, meanwhile = (5 * tasks * fmean(_TOOK) for tasks in TASKS[dag.dag_id])
    opens = datetime.now(UTC) + timedelta(seconds=max(OPENS_IN[dag.dag_id], before))
    with working():
        outcome = dag.test(
            run_conf={
                "offer_library_conn_id": f"offer_library_{api}",
                "start": opens.isoformat(),
                "duration": f"PT{round(max(LASTS, meanwhile))}S",
            }
        )
    return str(outcome.state) == "success"


_BEGAN: dict[str, float] = {}
_TOOK: list[float] = []
"""A first guess, then the seconds of each task that did not wait."""


def begun(context: Mapping[str, Any]) -> None:
    """Record when a task begins; a deferred task begins only once."""
    _BEGAN.setdefault(context["ti"].task_id, time.monotonic())


def succeeded(context: Mapping[str, Any]) -> None:
    """Show what a task did."""
    task = context["ti"].task_id
    result = context["ti"].xcom_pull(task_ids=task)
    took = time.monotonic() - _BEGAN.pop(task)
    if not task.startswith("wait"):
        _TOOK.append(took)
    say(f"  {task:<17} ok  {took:5.2f} s   {WAITED.get(task, '')}{summary(result)}")


def failed(context: Mapping[str, Any]) -> None:
    """Show why a task failed."""
    _BEGAN.pop(context["ti"].task_id, None)
    say(f"  {context['ti'].task_id:<17} FAILED: {context.get('exception') or 'see the log'}")


def summary(result: Any) -> str:
    """The result of a task in one line."""
    if isinstance(result, list):
        return ", ".join(f"{found.get('name') or found['id']} is {found.get('status', 'served')}" for found in result)
    if "propositions" in result:
        return "shown: " + ", ".join(map(proposed, result["propositions"]))
    if "action" not in result:
        return ", ".join(f"{moment}: {shown}" for moment, shown in result.items())
    noun = f"{result['offer_type']} offer" if "offer_type" in result else result["kind"]
    named = f"{result['name']!r} " if result["name"] else ""
    return f"{result['action']} {noun} {named}({result['id']}, etag {result['etag']})"


def proposed(proposition: Mapping[str, Any]) -> str:
    """The offers that a decision shows at one placement."""
    shown = proposition["options"] or [proposition["fallback"]]
    return ", ".join(f"{each['content']} ({each['id']}, etag {each['etag']})" for each in shown)


def show_library(api: str, objects: list[dict[str, Any]]) -> None:
    """Show a table of the offers in a generation's sandbox."""
    rows = [("type", "name", "status", "priority", "shown from", "shown until", "etag")]
    for offer in objects:
        kind, body = offer["kind"], offer["body"]
        if not kind.endswith("-offer"):
            continue
        window = body.get("selectionConstraint", {})
        rows.append(
            (
                kind.removesuffix("-offer"),
                body["name"],
                body["status"],
                str(body.get("rank", {}).get("priority", "")),
                window.get("startDate", "")[:19],
                window.get("endDate", "")[:19],
                str(offer["etag"]),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    say(f"\nIn the library now, through {TITLES[api]}:")
    for number, row in enumerate(rows):
        say("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if number == 0:
            say("  " + "  ".join("-" * width for width in widths))


@contextmanager
def working(what: str = "") -> Iterator[None]:
    """Show progress: a name with a dot for every second, or the running tasks."""
    done = threading.Event()

    def tick() -> None:
        while not done.wait(1.0 if what else 2.0):
            if what:
                SCREEN.write(".")
                SCREEN.flush()
            else:
                for task, began in list(_BEGAN.items()):
                    say(f"  {task:<17} ... {time.monotonic() - began:5.2f} s")

    if what:
        SCREEN.write(f"{what} ")
        SCREEN.flush()
    began = time.monotonic()
    ticking = threading.Thread(target=tick, daemon=True)
    ticking.start()
    try:
        yield
    finally:
        done.set()
        ticking.join()
        if what:
            say(f" {time.monotonic() - began:.1f} s")


def say(text: str) -> None:
    """Print to the real screen."""
    SCREEN.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
