"""Decisions delivered in real DAG runs: deciding, waiting until an offer is served, and batch jobs that survive us."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout
from airflow.sdk.execution_time import context as airflow_context

from airflow_provider_offers.client.deciding.batch import BatchRun, Record
from airflow_provider_offers.client.errors import (
    BatchJobError,
    BatchTimeoutError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
    RuntimeRefusalError,
)
from airflow_provider_offers.client.flows.memory import TaskTries
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import DECISION, FALLBACK, PERSONALIZED
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.client.waiting import polling
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.decisions import BatchDecisionOperator, DecideOperator
from airflow_provider_offers.operators.library import PatchLibraryObjectOperator
from airflow_provider_offers.operators.offers import PublishOfferOperator
from airflow_provider_offers.sensors.decisions import OfferLiveSensor
from tests.airflow.capture import captured_output
from tests.airflow.child import WorkerKilled, in_a_child, kill_this_worker
from tests.airflow.harness import Airflow, Run
from tests.airflow.library import CONNECTION, NO_DELAY, dag_of, document, errors, run
from tests.deciding import EMAIL, PROFILE, REPRESENTATION, Stage, set_up

KEEPS_STATE = hasattr(airflow_context, "TaskStateStoreAccessor")
newer = pytest.mark.skipif(not KEEPS_STATE, reason="Airflow keeps a task's state since 3.3")

MODES: dict[str, dict[str, Any]] = {
    "poke": {"deferrable": False, "mode": "poke"},
    "reschedule": {"deferrable": False, "mode": "reschedule"},
    "deferred": {"deferrable": True},
}
WAITS: dict[str, dict[str, Any]] = {"poke": {"deferrable": False}, "deferred": {"deferrable": True}}
POLL = 0.2
RETRIED: dict[str, Any] = {"retries": 1, "retry_delay": NO_DELAY}


@pytest.fixture(autouse=True)
def quick_jobs(emulator: Emulator) -> None:
    emulator.configure(batch_queued_seconds=0.1, batch_processing_seconds=0.1, batch_ingesting_seconds=0.1)


@pytest.fixture
def stage(emulator: Emulator, api: str) -> Stage:
    return set_up(emulator, api)


def asked(emulator: Emulator) -> list[Any]:
    """The decisions that the runtime was asked for."""
    return [*emulator.journal(path="/data/core/ods/*"), *emulator.journal(method="POST", path="/data/core/ode/*")]


def submitted(emulator: Emulator) -> list[Any]:
    return emulator.journal(method="POST", path="/data/core/dwm/*")


def decide(stage: Stage, task_id: str = "decide", **options: Any) -> DecideOperator:
    named: dict[str, Any] = {"decision_id": stage.decision, "placement_id": stage.placement, "profile": PROFILE}
    return DecideOperator(task_id=task_id, **{**named, **options})


def test_a_profile_is_decided_for_and_nothing_is_counted(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    with dag_of("deciding") as dag:
        decide(stage, item_count="{{ 1 + 1 }}", profile={"Email": "{{ 'A.CUSTOMER@EXAMPLE.COM' | lower }}"})
        decide(stage, "bare", include_content=False, decision_id="name:Newsletter")
    result = run(airflow, emulator, api, dag)
    found = result.result("decide")
    assert (found["api"], found["sandbox"], found["dry_run"]) == (api, "prod", True)
    (proposition,) = found["propositions"]
    assert proposition["decision"]["id"] == stage.decision
    assert [(option["id"], option["etag"]) for option in proposition["options"]] == [(id, 1) for id in stage.offers]
    assert proposition["options"][0]["content"] == "<p>10%</p>"
    assert "content" not in result.result("bare")["propositions"][0]["options"][0]
    assert {document(entry)["xdm:dryRun"] for entry in asked(emulator)} == {True}


def test_the_profile_is_in_the_rendered_fields_and_nowhere_else(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    body = json.dumps({"detail": f"no {EMAIL}"})
    emulator.add_fault("status", status=422, times=1_000, body=body, path="/data/core/od?/*")
    draft = set_up(emulator, api, status="draft")
    with dag_of("private") as dag:
        decide(stage, **RETRIED)
        live(draft, "wait", deferrable=True, execution_timeout=timedelta(seconds=3))
    result = run(airflow, emulator, api, dag)
    assert result.states == {"decide": "failed", "wait": "failed"}
    assert EMAIL not in result.logs
    assert not [text for text in errors(result, result.states).values() if EMAIL in text]
    # Here the DAG's own text has it too. A trigger's arguments are read decrypted; Airflow stores them encrypted.
    places = {"rendered_task_instance_fields.rendered_fields", "serialized_dag.data", "trigger.kwargs"}
    assert set(airflow.kept().where(EMAIL)) <= places


def test_a_profile_from_a_connection_is_masked_by_airflow(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    with dag_of("masked") as dag:
        decide(stage, profile={"Email": "{{ conn.test_profile.password }}"})
    connections = {
        CONNECTION: emulator.connection(api),
        "test_profile": {"conn_type": "generic", "password": "hidden.customer@example.com"},
    }
    result = airflow.run(dag, connections=connections)
    assert result.states == {"decide": "success"}
    identities = document(asked(emulator)[0])["xdm:profiles"][0]["xdm:identityMap"]
    assert identities["Email"][0]["xdm:id"] == "hidden.customer@example.com"
    assert airflow.kept().where("hidden.customer@example.com") == []


def test_a_real_decision_counts_once_or_says_that_it_cannot_know(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    emulator.add_fault("drop", when="after", path="/data/core/od?/*")
    with dag_of("counting") as dag:
        decide(stage, dry_run=False, **RETRIED)
    result = run(airflow, emulator, api, dag)
    assert result.states == {"decide": "failed"}
    (attempt,) = result.tries("decide")
    assert isinstance(attempt.error, AirflowFailException)
    assert isinstance(attempt.error.__context__, OutcomeUnknownError)
    assert len(asked(emulator)) == 1
    assert run(airflow, emulator, api, dag).result("decide")["dry_run"] is False


def test_what_is_wrong_fails_at_once_and_names_the_field(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    with dag_of("wrong") as dag:
        decide(stage, "items", item_count=31, **RETRIED)
        decide(stage, "nobody", profile={"Email": "{{ '' }}"}, **RETRIED)
        decide(stage, "swapped", decision_id=stage.placement, placement_id=stage.decision, **RETRIED)
        decide(stage, "plain", profile=EMAIL, **RETRIED)
        decide(stage, "flag", dry_run="false", **RETRIED)
    result = run(airflow, emulator, api, dag)
    assert set(result.states.values()) == {"failed"}
    assert {len(result.tries(task)) for task in result.states} == {1}
    told = errors(result, result.states)
    assert "item_count: given 31; expected a whole number from 1 to 30" in told["items"]
    assert "profile/Email: given the template \"{{ '' }}\"" in told["nobody"]
    assert "decision_id" in told["swapped"]
    assert "placement_id" in told["swapped"]
    assert '{"Email": "a@example.com"}' in told["plain"]
    assert EMAIL not in told["plain"]
    assert "dry_run: given 'false'" in told["flag"]
    assert asked(emulator) == []


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_decision_that_the_runtime_does_not_know_yet_is_asked_for_again(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage, dry_run: bool
) -> None:
    body = json.dumps({"title": "Unprocessable", "detail": "the runtime knows no decision"})
    emulator.add_fault("status", status=422, times=1, body=body, path="/data/core/od?/*")
    with dag_of("early") as dag:
        decide(stage, dry_run=dry_run, **RETRIED)
    result = run(airflow, emulator, api, dag)
    assert result.states == {"decide": "success"}
    first, second = result.tries("decide")
    assert isinstance(first.error, RuntimeRefusalError)
    assert second.error is None


def test_one_offer_is_shown_at_two_placements_where_duplicates_are_allowed(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    stage = set_up(emulator, api, offers=1)
    (second,) = emulator.seed(objects=[{"kind": "offer-placement", "generation": api, "body": {"name": "Second"}}])
    with OfferLibrary(parse_settings(**_plain(emulator.connection(api)))) as library:
        for identifier, kind in ((stage.offers[0], PERSONALIZED), (stage.fallback, FALLBACK)):
            there = {**REPRESENTATION, "placement": second}
            library.patch(kind, identifier, [{"op": "add", "path": "/representations/-", "value": there}])
        placements = {"op": "add", "path": "/criteria/0/placements/-", "value": second}
        library.patch(DECISION, stage.decision, [placements])
    both = [stage.placement, second]
    with dag_of("twice") as dag:
        for task_id, allow in (("left", None), ("never", False), ("twice", True)):
            decide(stage, task_id, placement_id=both, allow_duplicates=allow)
    result = run(airflow, emulator, api, dag)
    shown = {task: sum(bool(each["options"]) for each in result.result(task)["propositions"]) for task in result.states}
    assert shown == {"left": 1, "never": 1, "twice": 2}


def _plain(connection: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in connection.items() if name != "conn_type"}


def test_a_profile_may_come_from_a_file_and_ids_from_tasks(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage, tmp_path: Path
) -> None:
    (tmp_path / "profile.json").write_text(json.dumps({"Email": "{{ 'filed@example.com' }}"}))
    with dag_of("filed", template_searchpath=str(tmp_path)) as dag:
        decide(
            stage,
            profile="profile.json",
            decision_id=json.dumps({"id": stage.decision, "sandbox": "prod"}),
            placement_id=[{"id": stage.placement}],
        )
    result = run(airflow, emulator, api, dag)
    assert result.states == {"decide": "success"}, result.error("decide")
    identities = document(asked(emulator)[0])["xdm:profiles"][0]["xdm:identityMap"]
    assert identities["Email"][0]["xdm:id"] == "filed@example.com"


def live(stage: Stage, task_id: str, **options: Any) -> OfferLiveSensor:
    named: dict[str, Any] = {"offer_id": stage.offers[0], "decision_id": stage.decision, "profile": PROFILE}
    # The deferred sensor's own timeout is kept by the scheduler, which is none here.
    named |= {"poke_interval": POLL, "timeout": 60, "execution_timeout": timedelta(seconds=60)}
    return OfferLiveSensor(task_id=task_id, **{**named, **options})


def test_what_is_served_already_is_told_alike(airflow: Airflow, emulator: Emulator, api: str, stage: Stage) -> None:
    receipts = [{"id": each, "etag": 1} for each in (*reversed(stage.offers), stage.offers[1])]
    with dag_of("served") as dag:
        for mode, arguments in MODES.items():
            live(stage, f"all_{mode}", offer_id=receipts, **arguments)
            live(stage, f"one_{mode}", placement_id=stage.placement, etag="1", **arguments)
    result = run(airflow, emulator, api, dag)
    assert set(result.states.values()) == {"success"}
    for mode in MODES:
        found = result.result(f"all_{mode}")
        assert [each["id"] for each in found] == list(reversed(stage.offers))
        (one,) = result.result(f"one_{mode}")
        assert {**one, "updated": None} == {
            "id": stage.offers[0],
            "etag": 1,
            "decision": stage.decision,
            "placement": stage.placement,
            "updated": None,
        }
        assert len(result.tries(f"all_{mode}")) == 1


@pytest.fixture
def lagging(emulator: Emulator) -> Iterator[Callable[[Any], None]]:
    """An `on_execute_callback`: the runtime hears of nothing until the task has looked a few times.

    There is one runtime for all tasks, so only one of them may be under way.
    """
    threads: dict[str, threading.Thread] = {}

    def callback(context: Any) -> None:
        task = context["ti"].task_id
        if task not in threads:
            emulator.configure(runtime_lag=3_600)
            threads[task] = threading.Thread(target=catch_up, args=(len(emulator.journal()),))
            threads[task].start()

    def catch_up(before: int) -> None:
        end = time.monotonic() + 60
        while len(emulator.journal()) < before + 8 and time.monotonic() < end:
            time.sleep(0.02)
        emulator.configure(runtime_lag=0)

    yield callback
    for thread in threads.values():
        thread.join()


def published_in_turn(stage: Stage, lagging: Any, **options: Any) -> Any:
    """A DAG that publishes an offer for each mode of the sensor and waits for it, one after the other."""
    with dag_of("published") as dag:
        before: Any = None
        for (mode, arguments), offer in zip(MODES.items(), stage.offers, strict=True):
            publish = PublishOfferOperator(task_id=f"publish_{mode}", offer_id=offer)
            wait = live(
                stage,
                f"live_{mode}",
                offer_id=publish.output,
                on_execute_callback=lagging,
                **{**options, **arguments},
            )
            if before is not None:
                before >> publish
            before = wait
    return dag


def test_a_publication_is_waited_for_until_the_runtime_has_it(
    airflow: Airflow, emulator: Emulator, api: str, lagging: Any
) -> None:
    stage = set_up(emulator, api, offers=len(MODES), status="draft")
    result = run(airflow, emulator, api, published_in_turn(stage, lagging))
    assert set(result.states.values()) == {"success"}, [str(each.error) for each in result.attempts if each.error]
    for mode in MODES:
        (served,) = result.result(f"live_{mode}")
        assert (served["id"], served["etag"]) == (result.result(f"publish_{mode}")["id"], 2)
    assert result.logs.count("Not served yet: The runtime ") >= len(MODES)


def test_diagnostics_do_where_there_is_no_decision(airflow: Airflow, emulator: Emulator, lagging: Any) -> None:
    stage = set_up(emulator, "xcore", offers=len(MODES), status="draft")
    dag = published_in_turn(stage, lagging, decision_id=None, profile=None)
    result = run(airflow, emulator, "xcore", dag)
    assert set(result.states.values()) == {"success"}, [str(each.error) for each in result.attempts if each.error]
    for mode in MODES:
        (served,) = result.result(f"live_{mode}")
        assert (served["etag"], served["decision"]) == (2, None)
    assert result.logs.count("Not served yet: The runtime ") >= len(MODES)
    assert asked(emulator) == []


def test_a_runtime_that_cannot_be_built_says_why(airflow: Airflow, emulator: Emulator) -> None:
    stage = set_up(emulator, "xcore")
    _break(emulator, stage)
    with dag_of("broken") as dag:
        for mode in ("poke", "deferred"):
            limit = timedelta(seconds=3)
            live(stage, mode, decision_id=None, profile=None, execution_timeout=limit, **MODES[mode])
    result = run(airflow, emulator, "xcore", dag)
    assert {type(result.error(mode)) for mode in ("poke", "deferred")} == {AirflowTaskTimeout}
    assert result.logs.count("The runtime does not update because of errors in the library: ") >= 2


def _break(emulator: Emulator, stage: Stage) -> None:
    """Add a live decision whose fallback does not exist, with which no runtime can be built."""
    emulator.configure(missing_references="allow", live_decision="any")
    (decision,) = (each for each in emulator.objects("offer-activity") if each["id"] == stage.decision)
    body = {**decision["body"], "name": "Broken", "fallback": "xcore:fallback-offer:0"}
    emulator.seed(objects=[{"kind": "offer-activity", "generation": "xcore", "body": body}])
    emulator.configure(live_decision="complete")


def test_dps_without_a_decision_is_refused_clearly(airflow: Airflow, emulator: Emulator) -> None:
    stage = set_up(emulator, "dps")
    with dag_of("refused") as dag:
        for mode, arguments in MODES.items():
            live(stage, mode, decision_id=None, profile=None, **arguments, **RETRIED)
            live(stage, f"nobody_{mode}", profile=None, **arguments, **RETRIED)
            live(stage, f"etag_{mode}", etag="{{ 'latest' }}", **arguments, **RETRIED)
            live(stage, f"etags_{mode}", etag=2, offer_id=stage.offers, **arguments, **RETRIED)
    result = run(airflow, emulator, "dps", dag)
    assert set(result.states.values()) == {"failed"}
    assert {len(result.tries(task)) for task in result.states} == {1}
    said = {
        "poke": "dps documents no diagnostics",
        "nobody": "profile: given",
        "etag": "an etag, a whole number",
        "etags": "etag with one offer only",
    }
    for task, told in errors(result, result.states).items():
        assert said.get(task.partition("_")[0], said["poke"]) in told


@pytest.mark.parametrize("soft_fail", [False, True])
def test_what_will_never_be_served_is_an_answer(
    airflow: Airflow, emulator: Emulator, api: str, soft_fail: bool
) -> None:
    stage = set_up(emulator, api, status="archived")
    with dag_of("hopeless") as dag:
        for mode, arguments in MODES.items():
            live(stage, mode, soft_fail=soft_fail, **arguments, **RETRIED)
    result = run(airflow, emulator, api, dag)
    assert set(result.states.values()) == {"skipped" if soft_fail else "failed"}
    assert {len(result.tries(task)) for task in result.states} == {1}
    if not soft_fail:
        assert all("is archived and will not be served" in told for told in errors(result, MODES).values())


OVER = {"startDate": "2020-01-01T00:00:00Z", "endDate": "2021-01-01T00:00:00Z"}


@pytest.mark.parametrize("placement", [True, False], ids=["one placement", "every placement"])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "complete"}, "is complete and no longer runs"),
        ({"status": "archived"}, "is archived and no longer runs"),
        (OVER, "closed at 2021-01-01"),
        (None, "There is no decision"),
    ],
    ids=["complete", "archived", "over", "gone"],
)
def test_a_decision_that_is_over_is_not_waited_for(
    airflow: Airflow, emulator: Emulator, api: str, changes: dict[str, str] | None, said: str, placement: bool
) -> None:
    stage = set_up(emulator, api)
    decision_id = f"{api}:offer-activity:1c2655439f01ffff"
    if changes is not None:
        (there,) = (each["body"] for each in emulator.objects("offer-activity") if each["id"] == stage.decision)
        other = {**there, "name": "Other", **changes}
        (decision_id,) = emulator.seed(objects=[{"kind": "offer-activity", "body": other}])
    named: dict[str, Any] = {"decision_id": decision_id, "placement_id": stage.placement if placement else None}
    with dag_of("decision_over") as dag:
        for mode, arguments in MODES.items():
            live(stage, mode, **{**named, **arguments, **RETRIED})
    result = run(airflow, emulator, api, dag)
    assert set(result.states.values()) == {"failed"}
    assert {len(result.tries(task)) for task in result.states} == {1}
    assert all(said in told for told in errors(result, MODES).values())


@pytest.mark.parametrize("placement", [{"itemCount": 2, "returnContent": True}, {}], ids=["two", "silent"])
def test_what_is_not_asked_for_is_the_placements_to_say(
    airflow: Airflow, emulator: Emulator, api: str, placement: dict[str, Any]
) -> None:
    stage = set_up(emulator, api)
    change = [{"op": "add", "path": f"/{name}", "value": value} for name, value in placement.items()]
    with dag_of("placement") as dag:
        if change:
            PatchLibraryObjectOperator(task_id="change", kind="placement", object_id=stage.placement, patch=change)
    assert set(run(airflow, emulator, api, dag).states.values()) <= {"success"}
    with dag_of("deciding") as dag:
        decide(stage, include_content=None)
        decide(stage, "asked", item_count=1, include_content=False)
    result = run(airflow, emulator, api, dag)
    options = {task: result.result(task)["propositions"][0]["options"] for task in ("decide", "asked")}
    assert len(options["decide"]) == placement.get("itemCount", 1)
    assert ("content" in options["decide"][0]) == placement.get("returnContent", False)
    # What a request says wins over the placement.
    assert len(options["asked"]) == 1
    assert "content" not in options["asked"][0]


def batch(stage: Stage, task_id: str, kind: type[BatchDecisionOperator] = BatchDecisionOperator, **options: Any) -> Any:
    named: dict[str, Any] = {
        "decision_id": stage.decision,
        "placement_id": stage.placement,
        "audience_id": "609028e4-e66c-4776-b0d9-c782887e2273",
        "dataset_id": "6196b4a1a63bd118dafe093c",
        "poll_interval": POLL,
    }
    return kind(task_id=task_id, **{**named, **options})


def test_a_batch_is_waited_for_alike(airflow: Airflow, emulator: Emulator, api: str, stage: Stage) -> None:
    with dag_of("batch") as dag:
        for mode, arguments in WAITS.items():
            batch(stage, mode, audience_id="{{ 'aud' }}ience", item_count="2", include_content=True, **arguments)
        batch(stage, "not_waiting", wait_for_completion=False)
    result = run(airflow, emulator, api, dag)
    assert set(result.states.values()) == {"success"}, [str(each.error) for each in result.attempts if each.error]
    for mode in WAITS:
        receipt = result.result(mode)
        assert receipt.pop("job_id")
        assert receipt.pop("created").endswith("Z")
        assert receipt == {
            "status": "COMPLETED",
            "dataset": "6196b4a1a63bd118dafe093c",
            "audience": "audience",
            "detail": None,
            "sandbox": "prod",
            "api": api,
        }
    assert [attempt.state for attempt in result.tries("deferred")] == ["deferred", "success"]
    assert result.result("not_waiting")["status"] == "QUEUED"
    (request, _) = (body for body in map(document, submitted(emulator)) if body["xdm:segmentIds"] == ["audience"])
    assert (request["xdm:propositionRequests"][0]["xdm:itemCount"], request["xdm:includeContent"]) == (2, True)
    assert "5 jobs of a dataset run at once" in result.logs


def test_a_batch_waits_its_turn_behind_others(airflow: Airflow, emulator: Emulator) -> None:
    stage = set_up(emulator, "dps")
    emulator.configure(batch_processing_seconds=0.5)
    with dag_of("queue") as dag:
        begin = [batch(stage, f"before_{number}", wait_for_completion=False) for number in range(5)]
        last = batch(stage, "last", deferrable=True)
        begin[0] >> begin[1] >> begin[2] >> begin[3] >> begin[4] >> last
    result = run(airflow, emulator, "dps", dag)
    assert result.result("last")["status"] == "COMPLETED"


def test_a_failed_batch_tells_its_detail_and_a_retry_submits_another(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    emulator.configure(unknown_audience="error")
    with dag_of("failing") as dag:
        for mode, arguments in WAITS.items():
            batch(stage, mode, **arguments, **RETRIED)
    result = run(airflow, emulator, api, dag)
    assert result.states == {"poke": "failed", "deferred": "failed"}
    for mode in WAITS:
        failures = [each for each in result.tries(mode) if each.error is not None]
        assert [(each.try_number, type(each.error)) for each in failures] == [(1, BatchJobError), (2, BatchJobError)]
        assert "does not exist" in str(failures[0].error)
        # Each try says which job failed.
        assert str(failures[0].error) != str(failures[1].error)
    assert len(submitted(emulator)) == 4


def test_what_is_wrong_with_a_batch_is_said_before_it_is_submitted(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    with dag_of("wrong_batch") as dag:
        batch(stage, "audience_id", audience_id=["a", "b"], **RETRIED)
        batch(stage, "item_count", item_count=0, **RETRIED)
        batch(stage, "poll_interval", poll_interval="often", **RETRIED)
        batch(stage, "timeout", timeout=-1, **RETRIED)
        batch(stage, "if_unknown", if_unknown="{{ 'maybe' }}", **RETRIED)
    result = run(airflow, emulator, api, dag)
    assert set(result.states.values()) == {"failed"}
    for task, told in errors(result, result.states).items():
        assert f"{task}: given" in told
        assert len(result.tries(task)) == 1
    assert submitted(emulator) == []


class _Tried(BatchDecisionOperator):
    """Knows which try it is."""

    def work(self, hook: Any, context: Any) -> Any:
        self.first = context["ti"].try_number == 1
        return super().work(hook, context)


class KilledWhileWaiting(_Tried):
    """Is killed in its first try, once its job is submitted and noted."""

    def _wait(self, *arguments: Any) -> Any:
        if self.first:
            kill_this_worker()
        return super()._wait(*arguments)

    def _defer(self, *arguments: Any) -> None:
        if self.first:
            kill_this_worker()
        super()._defer(*arguments)


class KilledBeforeTheAnswer(_Tried):
    """Is killed in its first try when the service has taken up the job, before its id is noted."""

    def _obtain(self, *arguments: Any) -> Any:
        if not self.first:
            return super()._obtain(*arguments)
        with patch.object(BatchRun, "submitted", lambda batch, job_id: kill_this_worker()):
            return super()._obtain(*arguments)


class KilledAfterTheWait(_Tried):
    """Is killed when it comes back from the triggerer, once."""

    def execute_complete(self, context: Any, event: Any = None, job_id: str | None = None) -> Any:
        if context["ti"].try_number == 1:
            kill_this_worker()
        return super().execute_complete(context, event, job_id)


def killed(
    airflow: Airflow, emulator: Emulator, stage: Stage, kind: type[BatchDecisionOperator], **options: Any
) -> Run:
    with dag_of("killed") as dag:
        batch(stage, "batch", kind, **RETRIED, **options)
    connections = {CONNECTION: emulator.connection("dps")}
    result = airflow.run(dag, connections=connections, task_runner=in_a_child)
    deaths = [each for each in result.tries("batch") if isinstance(each.error, WorkerKilled)]
    assert [each.try_number for each in deaths] == [1]
    return result


CASES = [(KilledWhileWaiting, mode) for mode in WAITS] + [(KilledAfterTheWait, "deferred")]


@newer
@pytest.mark.parametrize(("kind", "mode"), CASES)
def test_a_killed_worker_does_not_submit_twice(airflow: Airflow, emulator: Emulator, kind: Any, mode: str) -> None:
    stage = set_up(emulator, "dps")
    result = killed(airflow, emulator, stage, kind, **WAITS[mode])
    assert result.states == {"batch": "success"}, result.error("batch")
    if kind is KilledWhileWaiting:
        assert "Taking up the job of an earlier try" in result.logs
    assert len(submitted(emulator)) == 1
    assert result.result("batch")["status"] == "COMPLETED"


@pytest.mark.parametrize("kind", [KilledBeforeTheAnswer, *([] if KEEPS_STATE else [KilledWhileWaiting])])
@pytest.mark.parametrize("if_unknown", ["submit", "fail"])
def test_where_nobody_can_know_the_task_does_as_it_was_told(
    airflow: Airflow, emulator: Emulator, kind: Any, if_unknown: str
) -> None:
    stage = set_up(emulator, "dps")
    result = killed(airflow, emulator, stage, kind, if_unknown=if_unknown)
    if if_unknown == "submit":
        assert result.states == {"batch": "success"}
        assert "if there is a job already, its rows will be in the dataset twice" in result.logs
        assert len(submitted(emulator)) == 2
    else:
        assert result.states == {"batch": "failed"}
        assert "set if_unknown='submit', or clear the task" in str(result.error("batch"))
        assert len(submitted(emulator)) == 1


@pytest.mark.parametrize("if_unknown", ["submit", "fail"])
def test_a_lost_answer_is_left_to_the_choice_too(airflow: Airflow, emulator: Emulator, if_unknown: str) -> None:
    stage = set_up(emulator, "dps")
    emulator.add_fault("drop", when="after", method="POST", path="/data/core/dwm/*")
    with dag_of("lost") as dag:
        batch(stage, "batch", if_unknown=if_unknown, **RETRIED)
    result = run(airflow, emulator, "dps", dag)
    first = result.tries("batch")[0].error
    assert first is not None
    # The log shows the error once, without the one that it repeats.
    assert first.__cause__ is None
    if if_unknown == "submit":
        assert isinstance(first, OutcomeUnknownError)
        assert result.states == {"batch": "success"}
        assert len(submitted(emulator)) == 2
    else:
        assert isinstance(first, AirflowFailException)
        assert (len(result.tries("batch")), len(submitted(emulator))) == (1, 1)


def test_what_was_certainly_not_taken_up_leaves_no_doubt(airflow: Airflow, emulator: Emulator) -> None:
    stage = set_up(emulator, "dps")
    emulator.add_fault("status", status=429, method="POST", path="/data/core/dwm/*")
    with dag_of("limited") as dag:
        batch(stage, "batch", if_unknown="fail", **RETRIED)
    result = run(airflow, emulator, "dps", dag, max_retries=0)
    assert [attempt.try_number for attempt in result.tries("batch")] == [1, 2]
    # Airflow 3.2 cannot tell the next try so.
    assert result.states == {"batch": "success" if KEEPS_STATE else "failed"}
    assert len(submitted(emulator)) == (2 if KEEPS_STATE else 1)


def test_time_runs_out_while_the_job_goes_on(airflow: Airflow, emulator: Emulator) -> None:
    stage = set_up(emulator, "dps")
    emulator.configure(batch_queued_seconds=3600)
    with dag_of("late") as dag:
        for mode, arguments in WAITS.items():
            batch(stage, mode, timeout=0.5, **arguments, **RETRIED)
            batch(stage, f"execution_{mode}", execution_timeout=timedelta(seconds=2), **arguments, **RETRIED)
    result = run(airflow, emulator, "dps", dag)
    assert set(result.states.values()) == {"failed"}
    # One job for each task: where a retry knows of it, it waits on; where it would not, there is none.
    assert len(submitted(emulator)) == 4
    for task in result.states:
        (first, *more) = [each for each in result.tries(task) if each.error is not None]
        if KEEPS_STATE:
            assert isinstance(first.error, AirflowTaskTimeout if task.startswith("execution") else BatchTimeoutError)
            assert [each.try_number for each in more] == [2]
        else:
            assert isinstance(first.error, AirflowFailException)
            assert "On Airflow 3.2 a retry would not know of it" in str(first.error)
            assert "The batch job None" not in str(first.error)
            assert more == []


def test_an_outage_while_waiting_is_borne(airflow: Airflow, emulator: Emulator) -> None:
    stage = set_up(emulator, "dps")
    for effect in ({"effect": "status", "status": 503, "times": 3}, {"effect": "drop"}, {"effect": "html"}):
        emulator.add_fault(**effect, method="GET", path="/data/core/dwm/*")
    with dag_of("outage") as dag:
        batch(stage, "poke")
    assert run(airflow, emulator, "dps", dag, max_retries=0).states == {"poke": "success"}
    assert len(submitted(emulator)) == 1


def test_a_job_that_the_service_has_forgotten_is_in_doubt(
    airflow: Airflow, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "_MAX_BACKOFF", 0.1)
    stage = set_up(emulator, "dps")
    with dag_of("forgotten") as dag:
        for mode, arguments in WAITS.items():
            batch(stage, mode, poll_interval=0.1, if_unknown="fail", **arguments, **RETRIED)
    emulator.add_fault("status", status=404, times=22, method="GET", path="/data/core/dwm/*")
    result = run(airflow, emulator, "dps", dag)
    assert set(result.states.values()) == {"failed"}
    for mode in WAITS:
        first, second = (each.error for each in result.tries(mode) if each.error is not None)
        assert isinstance(first, NotFoundError)
        assert "there may be a job already" in str(second)
    assert len(submitted(emulator)) == 2


@newer
@pytest.mark.parametrize(("seconds", "submissions"), [(0.0, 2), (3_600.0, 1)])
def test_a_cleared_task_submits_again_unless_its_job_is_under_way(
    airflow: Airflow, emulator: Emulator, seconds: float, submissions: int
) -> None:
    stage = set_up(emulator, "dps")
    emulator.configure(batch_queued_seconds=seconds)
    with dag_of("cleared") as dag:
        batch(stage, "batch", _ClearedAfterItsFirstTry, wait_for_completion=False, **RETRIED)
    result = run(airflow, emulator, "dps", dag)
    assert result.states == {"batch": "success"}
    assert len(submitted(emulator)) == submissions


class _ClearedAfterItsFirstTry(BatchDecisionOperator):
    """Ends its first try when the job is over, or under way; the second finds itself as after a clearing."""

    def work(self, hook: Any, context: Any) -> Any:
        if context["ti"].try_number > 1:
            context["ti"].max_tries += 1
            return super().work(hook, context)
        super().work(hook, context)
        time.sleep(0.3)
        raise RuntimeError("ended")


@newer
def test_a_batch_whose_template_tells_the_try_is_that_of_the_first_try(airflow: Airflow, emulator: Emulator) -> None:
    stage = set_up(emulator, "dps")
    emulator.configure(batch_queued_seconds=3600)
    with dag_of("edited") as dag:
        batch(stage, "batch", audience_id="audience-{{ ti.try_number }}", timeout=0, **RETRIED)
    result = run(airflow, emulator, "dps", dag)
    assert [document(entry)["xdm:segmentIds"] for entry in submitted(emulator)] == [["audience-1"]]
    assert len(result.tries("batch")) == 2


@pytest.mark.parametrize("known", [True, False])
def test_a_task_that_is_killed_says_what_becomes_of_its_job(known: bool) -> None:
    with dag_of("killing"):
        task = batch(Stage("dps:offer-activity:1", Emulator.PLACEMENT_ID, [], ""), "batch")
    with captured_output() as output:
        task.on_kill()
        assert "batch job" not in output.text()
        task._batch = BatchRun(TaskTries(), record=Record(job_id="a-job" if known else None), is_submitting=True)
        task.on_kill()
        told = output.text()
    assert ("The batch job a-job continues" in told) == known
    assert ("there may be a batch job, whose id is not known" in told) != known


@pytest.mark.parametrize("event", [None, {}, {"status": "hopeless"}, "met"])
def test_an_event_that_the_trigger_does_not_have_is_an_error(event: Any) -> None:
    with dag_of("odd"):
        task = batch(Stage("dps:offer-activity:1", Emulator.PLACEMENT_ID, [], ""), "batch")
    ti = SimpleNamespace(try_number=1, max_tries=0, task=task)
    context: Any = {"task_state_store": {}, "ti": ti}
    with pytest.raises((OfferLibraryError, AirflowFailException), match="an unknown event"):
        task.execute_complete(context, event)


def test_the_wait_is_deferred_where_airflow_says_so() -> None:
    from tests.airflow.harness import _as_environment

    stage = Stage("dps:offer-activity:1", Emulator.PLACEMENT_ID, [], "")
    with patch.dict("os.environ", _as_environment(None, {"AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True"})):
        assert batch(stage, "a").deferrable
    assert not batch(stage, "b").deferrable
