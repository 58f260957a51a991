"""Waiting in real DAG runs until the runtime serves an offer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import task as airflow_task
from airflow.sdk.exceptions import AirflowTaskTimeout
from airflow.sdk.execution_time import context as airflow_context

from airflow_provider_offers.client.model.kinds import KINDS, PERSONALIZED
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.library import PatchLibraryObjectOperator
from airflow_provider_offers.operators.offers import PublishOfferOperator
from tests.airflow.decisions import RETRIED, asked, decide, live
from tests.airflow.harness import Airflow
from tests.airflow.library import dag_of, errors, library_of, run
from tests.deciding import Stage, set_up

KEEPS_STATE = hasattr(airflow_context, "TaskStateStoreAccessor")
MODES: dict[str, dict[str, Any]] = {
    "poke": {"deferrable": False, "mode": "poke"},
    "reschedule": {"deferrable": False, "mode": "reschedule"},
    "deferred": {"deferrable": True},
}


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
    """An `on_execute_callback`: the runtime learns nothing until the task has looked a few times.

    All tasks share one runtime, so only one of them may run at a time.
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


@pytest.mark.parametrize("mode", MODES)
def test_names_stand_for_the_objects_of_the_first_look(
    airflow: Airflow, emulator: Emulator, api: str, meanwhile: Any, mode: str
) -> None:
    if mode == "reschedule" and not KEEPS_STATE:
        pytest.skip("Airflow 3.2 keeps nothing between two pokes")
    stage = set_up(emulator, api, offers=1, status="draft")
    named = {
        kind: next(each["body"]["name"] for each in emulator.objects() if each["id"] == identifier)
        for kind, identifier in (("decision", stage.decision), ("placement", stage.placement))
    }

    def rename_and_publish() -> None:
        with library_of(emulator, api) as library:
            for kind, identifier in (("decision", stage.decision), ("placement", stage.placement)):
                library.patch(KINDS[kind], identifier, [{"op": "replace", "path": "/name", "value": f"Another {kind}"}])
            library.patch(PERSONALIZED, stage.offers[0], [{"op": "replace", "path": "/status", "value": "approved"}])

    with dag_of("renamed") as dag:
        names = {f"{kind}_id": f"name:{name}" for kind, name in named.items()}
        live(stage, "live", on_execute_callback=meanwhile(rename_and_publish), **{**names, **MODES[mode]})
    result = run(airflow, emulator, api, dag)

    assert result.states == {"live": "success"}, [str(each.error) for each in result.attempts if each.error]
    (served,) = result.result("live")
    assert (served["id"], served["etag"], served["decision"]) == (stage.offers[0], 2, stage.decision)


def test_a_placement_that_does_not_exist_is_not_waited_for(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    placements = {"id": f"{api}:offer-placement:1c2655439f01ffff", "name": "name:Web heroe"}
    with dag_of("no_placement") as dag:
        for mode, arguments in MODES.items():
            for how, placement_id in placements.items():
                live(stage, f"{how}_{mode}", placement_id=placement_id, soft_fail=True, **{**arguments, **RETRIED})
    result = run(airflow, emulator, api, dag)
    # A mistake fails the task, with soft_fail too.
    assert set(result.states.values()) == {"failed"}
    for task, told in errors(result, result.states).items():
        assert f"There is no placement {placements[task.partition('_')[0]]}" in told


def test_a_placement_without_a_criterion_is_no_delay_of_the_runtime(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    body = {
        "name": "Other",
        "channel": "https://ns.adobe.com/xdm/channel-types/web",
        "componentType": "https://ns.adobe.com/experience/offer-management/content-component-html",
    }
    (placement,) = emulator.seed(objects=[{"kind": "offer-placement", "generation": api, "body": body}])
    with dag_of("criteria") as dag:
        live(stage, "poke", placement_id=placement, timeout=1)
        live(stage, "deferred", placement_id="name:Other", timeout=1, deferrable=True)
    result = run(airflow, emulator, api, dag)
    for told in errors(result, result.states).values():
        assert f"the decision 'Newsletter' ({stage.decision}) has no criterion for the placement {placement}" in told
        assert "syncs the library with a delay" not in told


def test_a_task_that_found_no_decision_or_placement_is_no_default(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    with dag_of("nothing_found") as dag:

        @airflow_task
        def found() -> list[str]:
            return []

        nothing: Any = found()
        live(stage, "placement_id", placement_id=nothing, timeout=1)
        live(stage, "decision_id", decision_id=nothing, profile=None, timeout=1)
        live(stage, "as_it_is", placement_id="", timeout=1)
    result = run(airflow, emulator, api, dag)
    told = errors(result, result.states)
    for field in ("placement_id", "decision_id"):
        assert result.states[field] == "failed"
        assert f"{field}: given a list; expected an id" in told[field]
    assert result.states["as_it_is"] == "success"


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
    # A request takes precedence over the placement.
    assert len(options["asked"]) == 1
    assert "content" not in options["asked"][0]
