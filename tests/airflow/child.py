"""Runs task attempts in child processes, which a test may kill like workers."""

import os
import pickle
import signal
import traceback
from dataclasses import dataclass
from typing import Any

from tests.airflow.cheaper import warm_the_api_up


class WorkerKilled(Exception):
    """Raised by the harness for an attempt whose process was killed."""


def in_a_child(actual: Any, *, ti: Any, task: Any) -> Any:
    """Run the attempt in a fork of this process.

    Give this function to `Airflow.run` as its `task_runner`. If a signal kills the child, its task is up for retry, or
    failed if no try is left. The scheduler does the same when heartbeats are missing.
    """
    from airflow.sdk.execution_time.supervisor import TaskRunResult

    # Once here, not in every child.
    warm_the_api_up()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run_and_exit(actual, ti, task, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        state = _state_after_death(ti, task)
        _begin_the_next_try(ti, state)
        error: BaseException | None = WorkerKilled(f"signal {os.WTERMSIG(status)}")
        message = None
    else:
        state, message, error = pickle.loads(answer)
    outcome: Any = _Outcome(state, task)
    return TaskRunResult(ti=outcome, state=state, msg=message, error=error)


def kill_this_worker() -> None:
    """End this process at once, without cleanup. For use in a task that runs in a child."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class _Outcome:
    """The attributes that `dag.test()` reads of a finished task instance."""

    state: Any
    task: Any


def _run_and_exit(actual: Any, ti: Any, task: Any, writing: int) -> None:
    """Run the attempt with this process's own connections, and exit without the parent's cleanup."""
    status = 1
    try:
        _let_go_of_the_parents_threads_and_connections()
        result = actual(ti=ti, task=task)
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(_pickled(result.state, result.msg, result.error))
        status = 0
    except BaseException:  # noqa: BLE001 - the child must not go on as a second pytest
        traceback.print_exc()
    finally:
        os._exit(status)


def _let_go_of_the_parents_threads_and_connections() -> None:
    """Drop the objects that do not survive a fork; the parent keeps them. Airflow handles its engines itself."""
    from airflow import settings
    from airflow.sdk.execution_time import supervisor

    sessions: Any = settings.Session
    # The API application is reused, which saves seconds; its thread exists only in the parent.
    api = supervisor.in_process_api_server()
    _PARENTS.extend([api.transport, sessions()])
    del api.transport
    sessions.registry.clear()


_PARENTS: list[Any] = []
"""Collected in a child, they would wait for the parent's thread and end the parent's transaction."""


def _pickled(state: Any, message: Any, error: BaseException | None) -> bytes:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - whatever an exception's own code raises
        error = RuntimeError(f"cannot be pickled: {error!r}")
    return pickle.dumps((state, message, error))


def _state_after_death(ti: Any, task: Any) -> Any:
    from airflow.utils.state import TaskInstanceState

    return TaskInstanceState.UP_FOR_RETRY if ti.try_number <= task.retries else TaskInstanceState.FAILED


def _begin_the_next_try(ti: Any, state: Any) -> None:
    """Do the part of the scheduler in which Airflow 3.4 stores the next try. `dag.test()` of earlier ones counts it."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from airflow.utils.state import TaskInstanceState

    if state != TaskInstanceState.UP_FOR_RETRY or not hasattr(TaskInstance, "region_index"):
        return
    with create_session() as session:
        stored: Any = session.get(TaskInstance, ti.id)
        stored.state = state
        stored.clear_next_method_args()
        stored.prepare_db_for_next_try(session)
