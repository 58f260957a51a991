"""The harness returns exactly what Airflow did."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, BaseHook, BaseOperator, BaseSensorOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

from tests.airflow.harness import Airflow, load_dags

START = datetime(2026, 1, 1, tzinfo=UTC)


class Echo(BaseOperator):
    """Returns and logs its template field."""

    template_fields = ("text",)

    def __init__(self, *, text: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text

    def execute(self, context: Any) -> str:
        self.log.info("logged %s", self.text)
        self.log.debug("debugged %s", self.text)
        print("printed", self.text)
        return self.text


class Fail(BaseOperator):
    """Fails on its first tries."""

    def __init__(self, *, times: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.times = times

    def execute(self, context: Any) -> int:
        if context["ti"].try_number <= self.times:
            raise ValueError(f"try {context['ti'].try_number}")
        return context["ti"].try_number


class Password(BaseOperator):
    """Returns the password of a connection."""

    def execute(self, context: Any) -> str | None:
        return BaseHook.get_connection("somewhere").password


class Answer(BaseTrigger):
    """Fires at once, with its argument as payload."""

    def __init__(self, answer: str) -> None:
        super().__init__()
        self.answer = answer

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "tests.airflow.test_harness.Answer", {"answer": self.answer}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        yield TriggerEvent({"answer": self.answer})


class Defer(BaseOperator):
    """Defers once and returns the trigger's payload."""

    def execute(self, context: Any) -> None:
        self.defer(trigger=Answer("forty-two"), method_name="resume")

    def resume(self, context: Any, event: dict[str, Any]) -> str:
        return event["answer"]


class SecondLook(BaseSensorOperator):
    """Succeeds at its second look, also across reschedules."""

    looks = 0

    def poke(self, context: Any) -> bool:
        SecondLook.looks += 1
        return SecondLook.looks > 1


def test_a_run_hands_back_states_results_rendered_fields_and_logs(airflow: Airflow) -> None:
    with DAG("echoes", schedule=None, start_date=START) as dag:
        first = Echo(task_id="first", text="{{ dag_run.conf['word'] }}")
        Echo(task_id="second", text="{{ ti.xcom_pull('first') }} again") >> Echo(task_id="third", text="x")
        first >> dag.get_task("second")

    run = airflow.run(dag, conf={"word": "hello"})

    assert run.state == "success"
    assert run.states == {"first": "success", "second": "success", "third": "success"}
    assert run.result("second") == "hello again"
    assert run.rendered["first"] == {"text": "hello"}
    for wanted in ("logged hello", "debugged hello", "printed hello"):
        assert wanted in run.logs


def test_a_dag_may_run_again_and_be_changed_between_runs(airflow: Airflow) -> None:
    def dag_of(text: str) -> DAG:
        with DAG("changing", schedule=None, start_date=START) as dag:
            Echo(task_id=f"say_{text}", text=text)
        return dag

    same = dag_of("one")
    assert [airflow.run(dag).states for dag in (same, same, dag_of("two"))] == [
        {"say_one": "success"},
        {"say_one": "success"},
        {"say_two": "success"},
    ]


def test_a_failing_task_hands_back_its_exception_and_stops_those_below(airflow: Airflow) -> None:
    with DAG("failing", schedule=None, start_date=START) as dag:
        Fail(task_id="fails", times=99) >> Echo(task_id="below", text="never")

    run = airflow.run(dag)

    assert run.state == "failed"
    assert run.states == {"fails": "failed", "below": "upstream_failed"}
    assert isinstance(run.error("fails"), ValueError)
    assert "ValueError: try 1" in run.logs


def test_retries_are_seen_one_by_one(airflow: Airflow) -> None:
    with DAG("retrying", schedule=None, start_date=START) as dag:
        Fail(task_id="fails", times=2, retries=2, retry_delay=timedelta(0))

    run = airflow.run(dag)

    assert run.states == {"fails": "success"}
    assert [attempt.state for attempt in run.tries("fails")] == ["up_for_retry", "up_for_retry", "success"]
    assert [str(attempt.error) for attempt in run.tries("fails")] == ["try 1", "try 2", "None"]
    assert run.result("fails") == 3


def test_connections_last_for_their_run_only(airflow: Airflow) -> None:
    with DAG("connecting", schedule=None, start_date=START) as dag:
        Password(task_id="password")

    fields = {"conn_type": "generic", "password": "opensesame"}
    assert airflow.run(dag, connections={"somewhere": fields}).result("password") == "opensesame"
    uri = "generic://login:tomorrow@host"
    assert airflow.run(dag, connections={"somewhere": uri}).result("password") == "tomorrow"
    assert airflow.run(dag).state == "failed"


def test_deferral_runs_the_trigger_and_resumes(airflow: Airflow) -> None:
    with DAG("deferring", schedule=None, start_date=START) as dag:
        Defer(task_id="defers")

    run = airflow.run(dag)

    assert run.result("defers") == "forty-two"
    assert [attempt.state for attempt in run.tries("defers")] == ["deferred", "success"]
    assert run.tries("defers")[0].message.classpath == "tests.airflow.test_harness.Answer"
    assert airflow.kept().where("forty-two") == ["trigger.kwargs", "xcom.value"]


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_sensors_look_again(airflow: Airflow, mode: str) -> None:
    SecondLook.looks = 0
    with DAG("sensing", schedule=None, start_date=START) as dag:
        SecondLook(task_id="looks", mode=mode, poke_interval=0.1)

    assert airflow.run(dag).states == {"looks": "success"}
    assert SecondLook.looks == 2


def test_mapped_tasks_are_named_by_their_index(airflow: Airflow) -> None:
    with DAG("mapping", schedule=None, start_date=START) as dag:
        Echo.partial(task_id="each").expand(text=["a", "b"])

    run = airflow.run(dag)

    assert run.states == {"each[0]": "success", "each[1]": "success"}
    assert run.result("each[1]") == "b"
    assert {attempt.map_index for attempt in run.attempts} == {0, 1}


def test_dag_files_are_run_from_where_they_lie(airflow: Airflow, tmp_path: Path) -> None:
    path = tmp_path / "one_dag.py"
    path.write_text(
        "from airflow.sdk import dag, task\n"
        "@dag(schedule=None)\n"
        "def from_a_file():\n"
        "    @task\n"
        "    def seven() -> int:\n"
        "        return 7\n"
        "    seven()\n"
        "from_a_file()\n"
    )
    assert airflow.run_file(path).result("seven") == 7


def test_dag_files_that_cannot_be_imported_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("from airflow.sdk import DAG\nimport nonexistent_module\n")
    with pytest.raises(ImportError, match="nonexistent_module"):
        load_dags(path)


def test_what_airflow_kept_can_be_searched_and_forgotten(airflow: Airflow) -> None:
    with DAG("keeping", schedule=None, start_date=START) as dag:
        Echo(task_id="first", text="needle")

    airflow.run(dag)

    places = airflow.kept().where("needle")
    assert {"xcom.value", "rendered_task_instance_fields.rendered_fields", "serialized_dag.data"} <= set(places)
    airflow.forget()
    assert airflow.kept().where("needle") == []
    assert airflow.run(dag).state == "success"


def test_a_secret_of_one_test_is_none_in_the_next(airflow: Airflow) -> None:
    from airflow._shared import secrets_masker as of_the_server
    from airflow.sdk._shared import secrets_masker as of_tasks

    for masker in (of_the_server, of_tasks):
        masker.mask_secret("opensesame")
        assert masker.redact("the opensesame of yesterday") == "the *** of yesterday"

    airflow.forget()

    for masker in (of_the_server, of_tasks):
        assert masker.redact("the opensesame of yesterday") == "the opensesame of yesterday"
