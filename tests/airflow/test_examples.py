"""The example DAGs have tags, run to their end on both generations, and create no duplicates in a second run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pendulum
import pytest

from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.decisions import DecideOperator
from airflow_provider_offers.sensors.base import OfferLibrarySensor
from tests.airflow.campaigns import somebody_answers
from tests.airflow.harness import Airflow, load_dags
from tests.airflow.library import CONNECTION, dag_of, library_of, offers

EXAMPLES = Path(__file__).parent.parent.parent / "example_dags"
OPENS = pendulum.now("America/New_York").add(days=30).start_of("second")
LAUNCHES = (OPENS.subtract(days=31), OPENS.subtract(days=30))
"""When an example runs, and runs again. A campaign is named after the second from which its run may start, and two
quick runs would share one."""
FAR = {"start": OPENS.isoformat(), "duration": "P14D"}

MOVED = {
    "example_campaign_launch": {"publish_offer": "start", "search_offers": "end"},
    "example_campaign_from_scratch": {"decide_before": "start", "decide_during": "end"},
}
"""After which task of an example its window opens, and after which it closes: not by the clock, which a slow machine
would miss, but by a marketer's hand."""

PAST = {"start": "2020-01-01T00:00:00Z", "end": "2021-01-01T00:00:00Z"}

FILES = sorted(path.name for path in EXAMPLES.glob("*.py"))


def dags(file: str) -> dict[str, Any]:
    return load_dags(EXAMPLES / file)


def conf_of(dag: Any) -> dict[str, Any]:
    """A window far in the future, for an example that has one."""
    return {name: value for name, value in FAR.items() if name in dag.params}


def move_the_window(dag: Any, emulator: Emulator, api: str) -> None:
    """Let somebody open and close the offer's window after the tasks that `MOVED` names."""
    for task_id, edge in MOVED.get(dag.dag_id, {}).items():
        dag.get_task(task_id).on_success_callback = [partial(_moved, emulator, api, edge)]
    for each in dag.tasks:
        if isinstance(each, OfferLibrarySensor):
            each.poke_interval = 0.2


@pytest.fixture(autouse=True)
def a_person_approves() -> Iterator[None]:
    """Every plan of a campaign is approved."""
    with somebody_answers():
        yield


@pytest.fixture(autouse=True)
def states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The states of campaigns are in a folder of the test."""
    monkeypatch.setenv("AIRFLOW__OFFER_LIBRARY__STATE_PATH", str(tmp_path / "states"))


def let_a_marketer_edit(dag: Any, emulator: Emulator, api: str) -> None:
    """Let somebody change a managed value once the campaign is live, and take it back when the drift is found."""
    if dag.dag_id == "example_campaign_as_code":
        dag.get_task("wait_until_live").on_success_callback = [partial(_prioritized, emulator, api, 99)]
        dag.get_task("watch_for_drift").on_success_callback = [partial(_prioritized, emulator, api, 20)]


def _prioritized(emulator: Emulator, api: str, priority: int, context: Any) -> None:
    with library_of(emulator, api) as library:
        change = [{"op": "replace", "path": "/rank/priority", "value": priority}]
        library.patch(PERSONALIZED, "name:Beach: Small towels", change)


def _moved(emulator: Emulator, api: str, edge: str, context: Any) -> None:
    offer = context["ti"].xcom_pull(task_ids="create_offer")["id"]
    with library_of(emulator, api) as library:
        change = [{"op": "replace", "path": f"/selectionConstraint/{edge}Date", "value": PAST[edge]}]
        library.patch(PERSONALIZED, offer, change)
    if edge == "end":
        # The runtime would know the end that the clock reaches.
        emulator.configure(runtime_lag=0)


@pytest.mark.parametrize("file", FILES)
def test_every_example_is_tagged_and_told(file: str) -> None:
    found = dags(file)

    assert found
    for dag in found.values():
        assert "example" in dag.tags
        assert dag.dag_id.startswith("example_")
        assert dag.doc_md


@pytest.mark.parametrize("file", FILES)
def test_every_example_runs_and_runs_again(airflow: Airflow, emulator: Emulator, api: str, file: str) -> None:
    connections = {CONNECTION: emulator.connection(api)}
    for dag in dags(file).values():
        emulator.configure(runtime_lag=1)
        move_the_window(dag, emulator, api)
        let_a_marketer_edit(dag, emulator, api)
        first = airflow.run(dag, connections=connections, conf=conf_of(dag), run_after=LAUNCHES[0])
        assert set(first.states.values()) == {"success"}, [str(each.error) for each in first.attempts if each.error]
        left = offers(emulator)

        emulator.configure(runtime_lag=1)
        second = airflow.run(dag, connections=connections, conf=conf_of(dag), run_after=LAUNCHES[1])
        assert set(second.states.values()) == {"success"}, [str(each.error) for each in second.attempts if each.error]

        # A campaign that is named after its run is a new one each time; objects with the same name are the same offer.
        again = offers(emulator)
        assert max(Counter((each["kind"], each["body"]["name"]) for each in again).values(), default=1) == 1
        status = {each["id"]: each["body"]["status"] for each in again}
        assert {each["id"]: each["body"]["status"] for each in left}.items() <= status.items()


def test_nothing_is_read_while_a_dag_file_is_parsed(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsing sends nothing and reads no connection; no connection exists here."""
    monkeypatch.delenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", raising=False)

    for file in FILES:
        assert dags(file)

    assert emulator.journal() == []


CLOSES = OPENS.add(days=14)
MOMENTS = {
    OPENS.subtract(seconds=1): "create_fallback",
    OPENS: "create_offer",
    CLOSES.subtract(seconds=1): "create_offer",
    CLOSES: "create_fallback",
}


def test_the_campaign_from_scratch_shows_the_right_thing_at_any_moment(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    """The example's own tasks up to the live decision, then the decision request by the service's clock."""
    connections = {CONNECTION: emulator.connection(api)}
    (whole,) = dags("campaign_from_scratch.py").values()
    made = airflow.run(whole.partial_subset("activate_decision"), connections=connections, conf=FAR)
    assert set(made.states.values()) == {"success"}, [str(each.error) for each in made.attempts if each.error]
    decision = made.result("create_decision")
    for moment, shown in MOMENTS.items():
        emulator.clock.freeze(moment.in_timezone("UTC").isoformat())
        with dag_of("asking") as asking:
            DecideOperator(
                task_id="decide",
                decision_id=decision,
                placement_id=made.result("create_placement"),
                profile={"Email": "test@example.com"},
            )
        run = airflow.run(asking, connections=connections)
        assert run.state == "success", run.error("decide")
        (proposition,) = run.result("decide")["propositions"]
        served = proposition["options"] or [proposition["fallback"]]
        assert [each["id"] for each in served] == [made.result(shown)["id"]], moment
