"""The example DAGs: each is tagged, runs to its end on both generations, and makes no twin when run again."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.decisions import DecideOperator
from airflow_provider_offers.operators.library import ScheduleDecisionOperator
from tests.airflow.harness import Airflow, load_dags
from tests.airflow.library import CONNECTION, dag_of, offers

EXAMPLES = Path(__file__).parent.parent.parent / "example_dags"
DURATION = "PT10S"
"""An example that waits for a window is given one that is open, and closes when even a slow machine has published."""

LOOKS_BEFORE = {"example_campaign_from_scratch": timedelta(seconds=12)}
"""One that looks before the window opens too needs time until then."""

FILES = sorted(path.name for path in EXAMPLES.glob("*.py"))


def soon(dag: Any) -> dict[str, Any]:
    """A window that is open now, or soon, for an example that has one."""
    opens = datetime.now(UTC) + LOOKS_BEFORE.get(dag.dag_id, timedelta(0))
    conf = {"start": opens.isoformat(), "duration": DURATION}
    return {name: value for name, value in conf.items() if name in dag.params}


def dags(file: str) -> dict[str, Any]:
    return load_dags(EXAMPLES / file)


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
        first = airflow.run(dag, connections=connections, conf=soon(dag))
        assert set(first.states.values()) == {"success"}, [str(each.error) for each in first.attempts if each.error]
        left = offers(emulator)

        second = airflow.run(dag, connections=connections, conf=soon(dag))
        assert set(second.states.values()) == {"success"}, [str(each.error) for each in second.attempts if each.error]

        # A campaign named after its run is another one each time; whatever has one name is one offer.
        again = offers(emulator)
        assert max(Counter((each["kind"], each["body"]["name"]) for each in again).values(), default=1) == 1
        status = {each["id"]: each["body"]["status"] for each in again}
        assert {each["id"]: each["body"]["status"] for each in left}.items() <= status.items()


def test_nothing_is_read_while_a_dag_file_is_parsed(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsing sends nothing and asks for no connection: there is none here to be found."""
    monkeypatch.delenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", raising=False)

    for file in FILES:
        assert dags(file)

    assert emulator.journal() == []


MOMENTS = {
    "2090-01-01T09:59:59Z": "create_fallback",
    "2090-01-01T10:00:00Z": "create_offer",
    "2090-01-15T09:59:59Z": "create_offer",
    "2090-01-15T10:00:00Z": "create_fallback",
}


def test_the_campaign_from_scratch_shows_the_right_thing_at_any_moment(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    """The example's own tasks up to the live decision, then the question under the service's clock."""
    connections = {CONNECTION: emulator.connection(api)}
    (whole,) = dags("campaign_from_scratch.py").values()
    conf = {"start": "2090-01-01T10:00:00Z", "duration": "P14D"}
    made = airflow.run(whole.partial_subset("activate_decision"), connections=connections, conf=conf)
    assert set(made.states.values()) == {"success"}, [str(each.error) for each in made.attempts if each.error]
    decision = made.result("create_decision")
    with dag_of("lasting") as lasting:
        # The example's decision ends after sixty days.
        ScheduleDecisionOperator(
            task_id="last", object_id=decision, start="2026-01-01T00:00:00Z", end="2091-01-01T00:00:00Z"
        )
    assert airflow.run(lasting, connections=connections).state == "success"

    for moment, shown in MOMENTS.items():
        emulator.clock.set(moment)
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
