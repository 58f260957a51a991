"""A real Airflow for tests: runs DAGs with `dag.test()` and returns all results."""

import functools
import gc
import importlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.airflow.capture import captured_output
from tests.airflow.cheaper import make_attempts_cheaper
from tests.airflow.kept import Kept, read_kept

BUNDLE = "dags-folder"


@dataclass(frozen=True)
class Attempt:
    """One run of a task by Airflow: a first try, a retry, or a return from deferral."""

    task_id: str
    map_index: int
    try_number: int
    state: str
    error: BaseException | None
    message: Any
    """What the task told Airflow at its end, a DeferTask for example."""


@dataclass(frozen=True)
class Run:
    """One finished DAG run. Tasks are named by their id, mapped ones as `task_id[0]`."""

    run_id: str
    state: str
    states: dict[str, str]
    xcoms: dict[str, dict[str, Any]]
    """By task and key, decoded as a downstream task would see them."""
    rendered: dict[str, dict[str, Any]]
    attempts: list[Attempt]
    logs: str
    """All that was logged or printed meanwhile, before Airflow's masking: a secret here is one of ours."""

    def result(self, task: str) -> Any:
        """The return value of the task."""
        return self.xcoms[task]["return_value"]

    def error(self, task: str) -> BaseException | None:
        """The exception of the task's last attempt; None if it succeeded."""
        return next((a.error for a in reversed(self.attempts) if _label(a) == task), None)

    def tries(self, task: str) -> list[Attempt]:
        """The task's attempts, in order."""
        return [attempt for attempt in self.attempts if _label(attempt) == task]


@dataclass
class Airflow:
    """An Airflow home with a database, which runs DAGs."""

    home: Path
    _pristine: Path = field(init=False)
    _masked: list[tuple[Any, frozenset[str], Any]] = field(init=False)
    """Each masker, with the patterns that it starts with."""

    @classmethod
    def start(cls, home: Path) -> "Airflow":
        """Create the database of an empty home. AIRFLOW_HOME must name it already."""
        from airflow.dag_processing.bundles.manager import DagBundlesManager
        from airflow.utils.db import initdb

        _never_wait_for_the_disk()
        initdb()
        DagBundlesManager().sync_bundles_to_db()
        make_attempts_cheaper()
        _keep_out_of_garbage_collections()
        started = cls(home)
        started._pristine = home / "pristine.db"
        _copy_database(started.database, started._pristine)
        started._masked = [(each, frozenset(each.patterns), each.replacer) for each in _maskers()]
        return started

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.home / "airflow.db"

    def copy_new_database(self, path: Path) -> None:
        """Copy the new database, without the data of earlier tests, for another home."""
        _copy_database(self._pristine, path)

    def forget(self) -> None:
        """Restore the new database, remove the log files, and unmask the secrets of earlier tests.

        Airflow compiles all known secrets into one expression for each new secret: old ones slow every test down.
        """
        _copy_database(self._pristine, self.database)
        shutil.rmtree(self.home / "logs", ignore_errors=True)
        for masker, patterns, replacer in self._masked:
            masker.patterns, masker.replacer = set(patterns), replacer

    def run(
        self,
        dag: Any,
        *,
        conf: dict[str, Any] | None = None,
        connections: Mapping[str, Mapping[str, Any] | str] | None = None,
        environment: Mapping[str, str] | None = None,
        task_runner: Callable[..., Any] | None = None,
        **options: Any,
    ) -> Run:
        """Run the DAG to its end.

        A failing task fails the run, not the test. `connections` maps connection ids to a URI or to the fields of a
        Connection. `task_runner(run, ti=, task=)` may run each attempt in another way, for example `in_a_child`. Other
        options are those of `dag.test()`.
        """
        self._store(dag)
        attempts: list[Attempt] = []
        with ExitStack() as stack:
            stack.enter_context(patch.dict(os.environ, _as_environment(connections, environment)))
            stack.enter_context(_recorded(attempts, task_runner))
            output = stack.enter_context(captured_output())
            dag_run = dag.test(run_conf=conf, **options)
            return self._collect(dag_run, attempts, output.text())

    def run_file(self, path: Path, dag_id: str | None = None, **options: Any) -> Run:
        """Run the DAG of a DAG file; `dag_id` selects one of several."""
        dags = load_dags(path)
        return self.run(dags[dag_id or _only(dags)], **options)

    def kept(self) -> Kept:
        """Everything that Airflow has stored since the test began, as text."""
        return read_kept(self.home, self.database)

    def _store(self, dag: Any) -> None:
        """Store the serialized DAG, which `dag.test()` needs, also for a DAG without a file."""
        from airflow.dag_processing.collection import update_dag_parsing_results_in_db
        from airflow.serialization.serialized_objects import LazyDeserializedDAG
        from airflow.utils.session import create_session

        errors: dict[Any, str] = {}
        with create_session() as session:
            update_dag_parsing_results_in_db(
                BUNDLE, None, [LazyDeserializedDAG.from_dag(dag)], errors, None, set(), session=session
            )
        if errors:
            raise ValueError(f"Airflow cannot serialize {dag.dag_id}: {'; '.join(errors.values())}")

    def _collect(self, dag_run: Any, attempts: list[Attempt], logs: str) -> Run:
        with closing(sqlite3.connect(self.database)) as database:
            _name_tables_as_before(database)
            return Run(
                run_id=dag_run.run_id,
                state=str(dag_run.state),
                states=_states(database, dag_run),
                xcoms=_xcoms(database, dag_run),
                rendered=_rendered(database, dag_run),
                attempts=attempts,
                logs=logs,
            )


def _never_wait_for_the_disk() -> None:
    """Let SQLite leave it to the system when data reaches the disk. No test survives a crash of the machine."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "connect")
    def never_wait(connection: Any, _: Any) -> None:
        connection.execute("pragma synchronous = off")


def _keep_out_of_garbage_collections() -> None:
    """Leave Airflow's own objects out of garbage collections: they live as long as the process."""
    gc.collect()
    gc.freeze()


def _maskers() -> list[Any]:
    """Airflow's two maskers of secrets: one of the server, one of tasks."""
    modules = ("airflow._shared.secrets_masker", "airflow.sdk._shared.secrets_masker")
    return [importlib.import_module(module)._secrets_masker() for module in modules]


def load_dags(path: Path) -> dict[str, Any]:
    """Load the DAGs of a file or folder as Airflow does; fail if Airflow cannot import one."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(path))
    if bag.import_errors:
        raise ImportError("\n".join(bag.import_errors.values()))
    return dict(bag.dags)


def _as_environment(
    connections: Mapping[str, Mapping[str, Any] | str] | None, environment: Mapping[str, str] | None
) -> dict[str, str]:
    named = {
        f"AIRFLOW_CONN_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in (connections or {}).items()
    }
    return {**named, **(environment or {})}


@contextmanager
def _recorded(attempts: list[Attempt], task_runner: Callable[..., Any] | None) -> Iterator[None]:
    """Record the end of each attempt; `dag.test()` itself keeps only the state of the last."""
    from airflow.sdk.execution_time import supervisor

    actual = supervisor.run_task_in_process

    def run_and_note(ti: Any, task: Any, **options: Any) -> Any:
        run = functools.partial(task_runner, actual) if task_runner else actual
        result = run(ti=ti, task=task, **options)
        state = str(getattr(result.state, "value", result.state))
        map_index = -1 if ti.map_index is None else ti.map_index
        attempts.append(Attempt(ti.task_id, map_index, ti.try_number, state, result.error, result.msg))
        return result

    with patch.object(supervisor, "run_task_in_process", run_and_note):
        yield


def _name_tables_as_before(database: sqlite3.Connection) -> None:
    """Let this connection read the tables of Airflow 3.4 by the names of 3.3. There, each try has a row of its own."""
    if "region_index" not in {row[1] for row in database.execute("pragma table_info(task_instance)")}:
        return
    database.executescript("""
        create temp view task_instance as
            select id, dag_id, run_id, task_id, region_index as map_index, state
            from main.task_instance where working_set;
        create temp view xcom as
            select t.dag_id, t.run_id, t.task_id, t.map_index, x.key, x.value
            from main.xcom_v2 x join temp.task_instance t on t.id = x.task_instance_id;
        create temp view rendered_task_instance_fields as
            select t.dag_id, t.run_id, t.task_id, t.map_index, r.rendered_fields
            from main.rtif_v2 r join temp.task_instance t on t.id = r.task_instance_id;
    """)


def _states(database: sqlite3.Connection, dag_run: Any) -> dict[str, str]:
    rows = _rows(database, "task_instance", "task_id, map_index, state", dag_run)
    return {_name(task_id, map_index): state for task_id, map_index, state in rows}


def _xcoms(database: sqlite3.Connection, dag_run: Any) -> dict[str, dict[str, Any]]:
    from airflow.sdk.serde import deserialize

    found: dict[str, dict[str, Any]] = {}
    # Without the cast, SQLite returns a JSON number as a number.
    columns = "task_id, map_index, key, cast(value as text)"
    for task_id, map_index, key, value in _rows(database, "xcom", columns, dag_run):
        found.setdefault(_name(task_id, map_index), {})[key] = deserialize(json.loads(value))
    return found


def _rendered(database: sqlite3.Connection, dag_run: Any) -> dict[str, dict[str, Any]]:
    columns = "task_id, map_index, rendered_fields"
    rows = _rows(database, "rendered_task_instance_fields", columns, dag_run)
    return {_name(task_id, map_index): json.loads(fields) for task_id, map_index, fields in rows}


def _rows(database: sqlite3.Connection, table: str, columns: str, dag_run: Any) -> list[Any]:
    return database.execute(
        f"select {columns} from {table} where dag_id = ? and run_id = ?", (dag_run.dag_id, dag_run.run_id)
    ).fetchall()


def _copy_database(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def _label(attempt: Attempt) -> str:
    return _name(attempt.task_id, attempt.map_index)


def _name(task_id: str, map_index: int) -> str:
    return task_id if map_index < 0 else f"{task_id}[{map_index}]"


def _only(dags: Mapping[str, Any]) -> str:
    (dag_id,) = dags
    return dag_id
