"""Attempts can run in their own processes and be killed there."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, BaseOperator

from tests.airflow.child import WorkerKilled, in_a_child, kill_this_worker
from tests.airflow.harness import Airflow

START = datetime(2026, 1, 1, tzinfo=UTC)


class Die(BaseOperator):
    """Notes each try in a file, and is killed in its first tries."""

    def __init__(self, *, notes: str, times: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.notes = notes
        self.times = times

    def execute(self, context: Any) -> str:
        with Path(self.notes).open("a") as notes:
            notes.write(f"{context['ti'].try_number};")
        print("about to end")
        try:
            if context["ti"].try_number <= self.times:
                kill_this_worker()
        finally:
            print("alive")
        return "done"


def test_a_killed_attempt_is_retried_and_cleans_nothing_up(airflow: Airflow, tmp_path: Path) -> None:
    with DAG("dying", schedule=None, start_date=START) as dag:
        Die(task_id="dies", notes=str(tmp_path / "notes"), times=1, retries=1, retry_delay=timedelta(0))

    run = airflow.run(dag, task_runner=in_a_child)

    assert run.states == {"dies": "success"}
    assert run.result("dies") == "done"
    assert (tmp_path / "notes").read_text() == "1;2;"
    assert [attempt.state for attempt in run.tries("dies")] == ["up_for_retry", "success"]
    assert isinstance(run.tries("dies")[0].error, WorkerKilled)
    assert run.logs.count("about to end") == 2
    assert run.logs.count("alive") == 1


def test_a_task_killed_in_its_last_try_has_failed(airflow: Airflow, tmp_path: Path) -> None:
    with DAG("dying_for_good", schedule=None, start_date=START) as dag:
        Die(task_id="dies", notes=str(tmp_path / "notes"), times=1)

    assert airflow.run(dag, task_runner=in_a_child).states == {"dies": "failed"}
    assert airflow.run(dag, task_runner=in_a_child).state == "failed", "the parent's Airflow still works"


def test_errors_come_back_from_the_child(airflow: Airflow) -> None:
    class Unlucky(BaseOperator):
        def execute(self, context: Any) -> None:
            raise KeyError("lost")

    with DAG("unlucky", schedule=None, start_date=START) as dag:
        Unlucky(task_id="fails")

    run = airflow.run(dag, task_runner=in_a_child)

    assert run.states == {"fails": "failed"}
    assert repr(run.error("fails")) == "KeyError('lost')"
