"""Airflow stores the watcher of an asset, and an event of its trigger queues the DAG and reaches its tasks."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

from airflow.triggers.base import TriggerEvent

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.triggers.events import OfferLibraryEventTrigger
from tests.airflow.harness import Airflow
from tests.airflow.library import CONNECTION, personalized, seed
from tests.airflow.test_examples import dags


def test_an_approval_queues_the_example(airflow: Airflow, emulator: Emulator) -> None:
    from airflow.models.trigger import Trigger
    from airflow.utils.session import create_session

    (dag,) = dags("offer_approved.py").values()
    dag.is_paused_upon_creation = False
    airflow._store(dag)
    with create_session() as session:
        (trigger,) = session.query(Trigger).all()
        path, arguments, number = trigger.classpath, trigger.kwargs, trigger.id
        assert OfferLibraryEventTrigger(**arguments).serialize() == (path, arguments)
    with create_session() as session:
        Trigger.submit_event(number, TriggerEvent({"event": "status", "id": "dps:1"}), session=session)

    with closing(sqlite3.connect(airflow.database)) as database:
        ((extra,),) = database.execute("SELECT extra FROM asset_event").fetchall()
        queued = database.execute("SELECT target_dag_id FROM asset_dag_run_queue").fetchall()
    assert json.loads(extra)["payload"] == {"event": "status", "id": "dps:1"}
    assert queued == [(dag.dag_id,)]


def test_the_example_checks_an_offer_by_hand(airflow: Airflow, emulator: Emulator, api: str) -> None:
    (dag,) = dags("offer_approved.py").values()
    late = personalized("Late")["selectionConstraint"] | {
        "startDate": "2020-01-01T00:00:00Z",
        "endDate": "2021-01-01T00:00:00Z",
    }
    offer = seed(emulator, api, "Late", changes={"selectionConstraint": late})

    done = airflow.run(dag, connections={CONNECTION: emulator.connection(api)}, conf={"offer_id": offer["id"]})

    assert done.state == "success", [str(each.error) for each in done.attempts if each.error]
    assert done.result("warn_of_the_past") == ["Late"]
