"""The Airflow database for the contestants that run tasks, and their tasks in processes of their own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock


def prepare(dag: Any) -> None:
    """Create the database of this process's Airflow home and register the DAG, which `dag.test()` needs."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.collection import update_dag_parsing_results_in_db
    from airflow.serialization.serialized_objects import LazyDeserializedDAG
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session

    initdb()
    DagBundlesManager().sync_bundles_to_db()
    errors: dict[Any, str] = {}
    with create_session() as session:
        serialized = [LazyDeserializedDAG.from_dag(dag)]
        update_dag_parsing_results_in_db("dags-folder", None, serialized, errors, None, set(), session=session)
    if errors:
        raise RuntimeError(f"Airflow cannot serialize the DAG: {errors}")


def run_in_a_process(dag: Any, file: Path) -> None:
    """Run the DAG, whose file lies in the folder of DAGs. Each task has a process of its own, as on a worker.

    This process is the supervisor of the tasks, and serves Airflow's API to itself.
    """
    from airflow.executors.workloads import BundleInfo
    from airflow.executors.workloads.task import TaskInstanceDTO
    from airflow.sdk.execution_time import supervisor

    def run(ti: Any, task: Any, client: Any = None) -> Any:
        workload: Any = TaskInstanceDTO(**ti.model_dump(), pool_slots=1, priority_weight=1)
        code = supervisor.supervise_task(
            ti=workload,
            bundle_info=BundleInfo(name="dags-folder"),
            dag_rel_path=file.name,
            token="",
            client=supervisor.InProcessTestSupervisor._api_client(task.dag),
        )
        state = "failed" if code else "success"
        return SimpleNamespace(ti=SimpleNamespace(state=state, task=task), state=state, msg=None, error=None)

    # `dag.test()` runs a task in the process of the caller otherwise.
    with mock.patch.object(supervisor, "run_task_in_process", run):
        state = dag.test().state
    if state != "success":
        raise RuntimeError(f"the DAG ended as {state}")
