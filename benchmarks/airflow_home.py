"""The Airflow database for the contestants that run tasks."""

from __future__ import annotations

from typing import Any


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
