"""Airflow's own task runner without a scheduler and a database, so that thousands of tasks run in a minute."""

from __future__ import annotations

import inspect
import json
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog

from tests.airflow.cheaper import reuse_adapters

_SOME_ID = UUID("00000000-0000-7000-8000-000000000000")
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Ended:
    """How an attempt of a task ended: Airflow's word for its state, and its error."""

    state: str
    error: BaseException | None
    sent: list[Any]
    """What the task told the supervisor."""

    @property
    def result(self) -> Any:
        """What the task returned, as it was pushed."""
        from airflow.sdk.serde import deserialize

        (pushed,) = (each for each in self.sent if type(each).__name__ == "SetXCom" and each.key == "return_value")
        return deserialize(pushed.value)


@dataclass
class _Supervisor:
    """The supervisor's side: it has no connections and XComs, and keeps a task's state.

    A worker sends each message over a socket. What could not travel there fails here too.
    """

    sent: list[Any] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)

    def send(self, msg: Any) -> Any:
        import msgspec
        from airflow.sdk.exceptions import ErrorType
        from airflow.sdk.execution_time import comms

        msgspec.msgpack.encode(msg.model_dump(), enc_hook=comms._msgpack_enc_hook)
        self.sent.append(msg)
        name = type(msg).__name__
        if name in ("SetTaskStateStore", "SetTaskState"):
            # As the API server takes it.
            self.kept[msg.key] = json.loads(msg.model_dump_json())["value"]
        elif name in ("GetTaskStateStore", "GetTaskState"):
            if msg.key in self.kept:
                return comms.TaskStateStoreResult(value=self.kept[msg.key])
            return comms.ErrorResponse(error=ErrorType.TASK_STORE_NOT_FOUND)
        elif name == "GetConnection":
            return comms.ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND)
        elif name == "ValidateInletsAndOutlets":
            return comms.InactiveAssetsResult(inactive_assets=[])
        elif name == "GetTaskRescheduleStartDate":
            return comms.TaskRescheduleStartDate(start_date=None)
        elif name in ("SucceedTask", "DeferTask", "RetryTask", "TaskState", "RescheduleTask", "SetXCom"):
            msg.model_dump_json()
        return comms.OKResponse(ok=True)

    async def asend(self, msg: Any) -> Any:
        return self.send(msg)


def run_task(task: Any, *, try_number: int = 1, map_index: int = -1, logged: bool = False) -> Ended:
    """Run one attempt of a task whose DAG is stored nowhere: Airflow renders, executes, and reports its end."""
    from airflow.sdk.api.datamodels import _generated as api
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance, run

    reuse_adapters()
    names = {"dag_id": task.dag.dag_id, "run_id": "by itself"}
    about: dict[str, Any] = {
        **names,
        "logical_date": _NOW,
        "data_interval_start": _NOW,
        "data_interval_end": _NOW,
        "run_after": _NOW,
        "start_date": _NOW,
        "end_date": None,
        "run_type": "manual",
        "state": "running",
        "consumed_asset_events": [],
        "partition_key": None,
    }
    dag_run = api.DagRun(**{name: each for name, each in about.items() if name in api.DagRun.model_fields})
    ti = RuntimeTaskInstance.model_construct(
        id=_SOME_ID,
        task_id=task.task_id,
        **names,
        try_number=try_number,
        dag_version_id=_SOME_ID,
        map_index=map_index,
        hostname="here",
        context_carrier=None,
        task=task,
        _ti_context_from_server=api.TIRunContext(dag_run=dag_run, max_tries=0),
        max_tries=0,
        start_date=datetime.now(UTC),
        state="running",
    )
    # The task runner has a handler of its own for the whole process.
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with _supervised() as supervisor, _quiet(logged) as log:
            state, _, error = run(ti, ti.get_template_context(), log)
    finally:
        signal.signal(signal.SIGTERM, handler)
    return Ended(str(getattr(state, "value", state)), error, supervisor.sent)


@contextmanager
def _supervised() -> Iterator[_Supervisor]:
    from airflow.sdk.execution_time.supervisor import set_supervisor_comms

    supervisor = _Supervisor()
    with set_supervisor_comms(supervisor):
        yield supervisor


@contextmanager
def _quiet(logged: bool) -> Iterator[Any]:
    """A log; unless asked for, one that nobody reads: that of thousands of tasks would be gigabytes."""
    if logged:
        yield structlog.get_logger(logger_name="task")
        return
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield structlog.wrap_logger(_Nowhere(), processors=[_dropped])
    finally:
        logging.disable(before)


class _Nowhere:
    def __getattr__(self, name: str) -> Any:
        return lambda *_args, **_fields: None


def _dropped(_logger: Any, _name: str, _event: Any) -> Any:
    raise structlog.DropEvent


def arguments_of(operator: type[Any]) -> dict[str, inspect.Parameter]:
    """The arguments that an operator or sensor names; those of `BaseOperator` are Airflow's."""
    signature = inspect.signature(inspect.unwrap(operator.__init__))
    return {name: each for name, each in signature.parameters.items() if name not in ("self", "kwargs", "task_id")}
