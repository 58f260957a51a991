"""The sensors in real DAG runs have the same results and errors in poke, reschedule and deferrable mode."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException, AirflowTaskTimeout
from airflow.sdk.execution_time import context as airflow_context

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.sensors.offers import OffersFoundSensor, OfferStatusSensor, OfferWindowSensor
from tests.airflow.harness import Airflow, Run
from tests.airflow.library import CONNECTION, NO_DELAY, dag_of, errors, fallback, library_of, personalized, run, seed

MODES: dict[str, dict[str, Any]] = {
    "poke": {"deferrable": False, "mode": "poke"},
    "reschedule": {"deferrable": False, "mode": "reschedule"},
    "deferred": {"deferrable": True},
}
POLL = 0.3
KEEPS_STATE = hasattr(airflow_context, "TaskStateStoreAccessor")
OPEN = {"startDate": "2020-01-01T00:00:00Z", "endDate": "2090-01-01T00:00:00Z"}
FUTURE = {"startDate": "2090-01-01T00:00:00Z", "endDate": "2091-01-01T00:00:00Z"}
OVER = {"startDate": "2020-01-01T00:00:00Z", "endDate": "2021-01-01T00:00:00Z"}


def edit(library: OfferLibrary, offer: dict[str, Any], path: str, value: Any) -> Callable[[], Any]:
    return lambda: library.patch(PERSONALIZED, offer["id"], [{"op": "replace", "path": path, "value": value}])


def test_what_is_there_already_is_returned_in_the_order_given(airflow: Airflow, emulator: Emulator, api: str) -> None:
    offers = [seed(emulator, api, f"Offer {n}", changes={"selectionConstraint": OPEN}) for n in range(3)]
    other = seed(emulator, api, "Fallback", offer_type="fallback")
    given = [offers[2], {"id": other["id"], "offer_type": "fallback"}, offers[0]["id"], offers[2]["id"], offers[1]]
    names = [
        each if isinstance(each, str) else {k: each[k] for k in ("id", "offer_type") if k in each} for each in given
    ]
    with dag_of("there") as dag:
        for mode, arguments in MODES.items():
            OfferStatusSensor(task_id=f"status_{mode}", offer_id=names, status=["draft", "approved"], **arguments)
            OfferWindowSensor(task_id=f"window_{mode}", offer_id=offers[1]["id"], **arguments)
            OffersFoundSensor(task_id=f"found_{mode}", properties=["status==draft"], at_least=3, **arguments)
    result = run(airflow, emulator, api, dag)
    wanted = [each["id"] for each in (offers[2], other, offers[0], offers[1])]
    for mode in MODES:
        assert [offer["id"] for offer in result.result(f"status_{mode}")] == wanted
        assert [offer["id"] for offer in result.result(f"window_{mode}")] == [offers[1]["id"]]
        assert len(result.result(f"found_{mode}")) == 3
        # The first look succeeds, so there is no wait.
        assert [attempt.state for attempt in result.tries(f"status_{mode}")] == ["success"]


def test_what_comes_about_meanwhile_ends_the_wait_alike(
    airflow: Airflow, emulator: Emulator, api: str, meanwhile: Any
) -> None:
    with library_of(emulator, api) as library, dag_of("meanwhile") as dag:
        for mode, arguments in MODES.items():
            common = {**arguments, "poke_interval": POLL, "timeout": 60}
            published = seed(emulator, api, f"Published {mode}")
            ready = seed(emulator, api, f"Ready {mode}", changes={"status": "approved"})
            opened, closed = (
                seed(emulator, api, f"{what} {mode}", changes={"selectionConstraint": window})
                for what, window in (("Opened", FUTURE), ("Closed", OPEN))
            )
            new: dict[str, Any] = {"task_id": f"found_{mode}", "properties": [f"name==New {mode}"]}
            OfferStatusSensor(
                task_id=f"status_{mode}",
                offer_id=[ready["id"], published["id"]],
                status="approved",
                on_execute_callback=meanwhile(edit(library, published, "/status", "approved")),
                **common,
            )
            path = "/selectionConstraint/{}Date"
            past = "2021-01-01T00:00:00Z"
            OfferWindowSensor(
                task_id=f"open_{mode}",
                offer_id=opened["id"],
                on_execute_callback=meanwhile(edit(library, opened, path.format("start"), past)),
                **common,
            )
            OfferWindowSensor(
                task_id=f"closed_{mode}",
                offer_id=closed["id"],
                until="closed",
                on_execute_callback=meanwhile(edit(library, closed, path.format("end"), past)),
                **common,
            )
            OffersFoundSensor(
                on_execute_callback=meanwhile(lambda mode=mode: seed(emulator, api, f"New {mode}")), **new, **common
            )
        result = run(airflow, emulator, api, dag)
    assert set(result.states.values()) == {"success"}
    for mode in MODES:
        statuses = [(offer["status"], offer["etag"]) for offer in result.result(f"status_{mode}")]
        assert statuses == [("approved", 1), ("approved", 2)]
        assert [offer["etag"] for offer in result.result(f"open_{mode}")] == [2]
        assert [offer["etag"] for offer in result.result(f"closed_{mode}")] == [2]
        (found,) = result.result(f"found_{mode}")
        assert found["name"] == f"New {mode}"
        assert (found["api"], found["offer_type"], found["status"]) == (api, "personalized", "draft")
    assert set(result.result("found_poke")[0]) == set(result.result("found_deferred")[0])


def hopeless(dag: DAG, emulator: Emulator, api: str, library: OfferLibrary, meanwhile: Any, **options: Any) -> None:
    """Sensors whose condition can no longer occur, one of each kind for each mode."""
    with dag:
        for mode, arguments in MODES.items():
            common = {
                **arguments,
                "poke_interval": POLL,
                "timeout": 60,
                "retries": 2,
                "retry_delay": NO_DELAY,
                **options,
            }
            deleted, archived = (seed(emulator, api, f"{what} {mode}") for what in ("Deleted", "Archived"))
            passed = seed(emulator, api, f"Passed {mode}", changes={"selectionConstraint": FUTURE})
            for task_id, act, offer in (
                ("deleted", lambda deleted=deleted: library.delete(PERSONALIZED, deleted["id"]), deleted),
                ("archived", edit(library, archived, "/status", "archived"), archived),
            ):
                OfferStatusSensor(
                    task_id=f"{task_id}_{mode}",
                    offer_id=offer["id"],
                    status="approved",
                    on_execute_callback=meanwhile(act),
                    **common,
                )
            OfferWindowSensor(
                task_id=f"passed_{mode}",
                offer_id=passed["id"],
                on_execute_callback=meanwhile(edit(library, passed, "/selectionConstraint", OVER)),
                **common,
            )


@pytest.mark.parametrize("soft_fail", [False, True])
def test_what_can_no_longer_come_about_is_an_answer(
    airflow: Airflow, emulator: Emulator, meanwhile: Any, soft_fail: bool
) -> None:
    api = "xcore" if soft_fail else "dps"
    dag = dag_of("hopeless")
    with library_of(emulator, api) as library:
        hopeless(dag, emulator, api, library, meanwhile, soft_fail=soft_fail)
        result = run(airflow, emulator, api, dag)
    assert set(result.states.values()) == {"skipped" if soft_fail else "failed"}
    for task in result.states:
        # A retry would not change the result.
        assert {attempt.try_number for attempt in result.tries(task)} == {1}
    if not soft_fail:
        said = {"deleted": "There is no offer", "archived": "is archived and will not", "passed": "closed at"}
        for task, error in errors(result, result.states).items():
            assert said[task.partition("_")[0]] in error


@pytest.mark.parametrize("mode", MODES)
def test_a_name_stands_for_the_offer_that_had_it_at_the_first_look(
    airflow: Airflow, emulator: Emulator, api: str, meanwhile: Any, mode: str
) -> None:
    if mode == "reschedule" and not KEEPS_STATE:
        pytest.skip("Airflow 3.2 keeps nothing between two pokes")
    renamed, deleted = (seed(emulator, api, name) for name in ("Renamed", "Deleted"))
    with library_of(emulator, api) as library, dag_of("names") as dag:

        def rename() -> None:
            edit(library, renamed, "/name", "Another name")()
            edit(library, renamed, "/status", "approved")()

        def create_again() -> None:
            library.delete(PERSONALIZED, deleted["id"])
            library.create(PERSONALIZED, personalized("Deleted", status="approved"))

        for name, act in (("Renamed", rename), ("Deleted", create_again)):
            OfferStatusSensor(
                task_id=name,
                offer_id=f"name:{name}",
                status="approved",
                poke_interval=POLL,
                timeout=30,
                on_execute_callback=meanwhile(act),
                **MODES[mode],
            )
        result = run(airflow, emulator, api, dag)
    assert result.states == {"Renamed": "success", "Deleted": "failed"}
    assert [offer["id"] for offer in result.result("Renamed")] == [renamed["id"]]
    assert f"There is no offer {deleted['id']}" in str(result.error("Deleted"))


@pytest.mark.parametrize("mode", MODES)
def test_a_wait_stays_in_the_sandbox_of_its_first_look(
    airflow: Airflow, emulator: Emulator, meanwhile: Any, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mode == "reschedule" and not KEEPS_STATE:
        pytest.skip("Airflow 3.2 keeps nothing between two pokes")

    def move() -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(emulator.connection("dps", sandbox="dev")))
        emulator.seed(1, name="New", sandbox="dev")
        # A later wait opens a session with the new settings.
        emulator.add_fault("status", status=503, times=1, method="GET", path="/data/*")
        time.sleep(3 * POLL)
        emulator.seed(1, name="New", sandbox="prod")

    with dag_of("sandboxes") as dag:
        OffersFoundSensor(
            task_id="found",
            properties=["name==New"],
            poke_interval=POLL,
            timeout=30,
            on_execute_callback=meanwhile(move),
            **MODES[mode],
        )
    result = run(airflow, emulator, "dps", dag)
    assert result.states == {"found": "success"}
    assert [offer["sandbox"] for offer in result.result("found")] == ["prod"]


def test_a_listing_that_lags_behind_the_first_look_ends_no_wait(airflow: Airflow, emulator: Emulator, api: str) -> None:
    offer = seed(emulator, api, "Unpublished", changes={"status": "approved"})
    emulator.clock.advance(120)
    emulator.configure(list_lag=60)
    with library_of(emulator, api) as library:
        edit(library, offer, "/status", "draft")()
    with dag_of("lag") as dag:
        for mode, arguments in MODES.items():
            common = {**arguments, "poke_interval": POLL, "timeout": 3}
            OfferStatusSensor(task_id=mode, offer_id=offer["id"], status="approved", **common)
    result = run(airflow, emulator, api, dag)
    assert failures(result) == dict.fromkeys(MODES, ("failed", AirflowSensorTimeout))


def test_a_listing_of_several_offers_that_lags_ends_no_wait(airflow: Airflow, emulator: Emulator, api: str) -> None:
    offers = [seed(emulator, api, f"Offer {number}", changes={"status": "approved"}) for number in range(2)]
    emulator.clock.advance(120)
    emulator.configure(list_lag=60)
    with library_of(emulator, api) as library:
        edit(library, offers[1], "/status", "draft")()
    with dag_of("lag") as dag:
        for mode, arguments in MODES.items():
            common = {**arguments, "poke_interval": POLL, "timeout": 3}
            OfferStatusSensor(task_id=mode, offer_id=[each["id"] for each in offers], status="approved", **common)
    result = run(airflow, emulator, api, dag)
    assert failures(result) == dict.fromkeys(MODES, ("failed", AirflowSensorTimeout))


def test_a_wait_for_many_offers_that_is_over_takes_no_request_for_each(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    offers = [seed(emulator, api, f"Offer {number}", changes={"status": "approved"}) for number in range(101)]
    with dag_of("many") as dag:
        OfferStatusSensor(task_id="wait", offer_id=[each["id"] for each in offers], status="approved")
    assert run(airflow, emulator, api, dag).states == {"wait": "success"}
    assert len(emulator.journal(path="/data/*")) <= 5


def failures(result: Run) -> dict[str, tuple[str, type[Any]]]:
    return {task: (state, type(result.error(task))) for task, state in result.states.items()}


def test_time_runs_out_alike(airflow: Airflow, emulator: Emulator) -> None:
    offer = seed(emulator, "dps", "Draft")
    limit = timedelta(seconds=3)
    with dag_of("late") as dag:
        for mode, arguments in MODES.items():
            common = {"offer_id": offer["id"], "status": "approved", "poke_interval": POLL, **arguments}
            OfferStatusSensor(task_id=f"timeout_{mode}", timeout=0.5, **common)
            OfferStatusSensor(task_id=f"soft_{mode}", timeout=0.5, soft_fail=True, **common)
            if mode != "reschedule":
                OfferStatusSensor(task_id=f"execution_{mode}", execution_timeout=limit, **common)
    result = run(airflow, emulator, "dps", dag)
    assert failures(result) == {
        "timeout_poke": ("failed", AirflowSensorTimeout),
        "timeout_reschedule": ("failed", AirflowSensorTimeout),
        "timeout_deferred": ("failed", AirflowSensorTimeout),
        **{f"soft_{mode}": ("skipped", type(None)) for mode in MODES},
        "execution_poke": ("failed", AirflowTaskTimeout),
        "execution_deferred": ("failed", AirflowTaskTimeout),
    }


@pytest.mark.parametrize("soft_fail", [False, True])
def test_a_deferral_that_takes_too_long_is_a_sensor_timeout(soft_fail: bool) -> None:
    from airflow.sdk.exceptions import TaskDeferralTimeout

    with dag_of("resumed"):
        sensor = OfferStatusSensor(
            task_id="late", offer_id="dps:personalized-offer:1", status="draft", soft_fail=soft_fail
        )
    with (
        patch.object(OfferStatusSensor, "execute_complete", side_effect=TaskDeferralTimeout("too long")),
        pytest.raises(AirflowSkipException if soft_fail else AirflowSensorTimeout),
    ):
        sensor.resume_execution("execute_complete", {"event": None}, {})


@pytest.mark.parametrize("event", [None, {}, {"status": "done"}, "met"])
def test_an_event_that_the_trigger_does_not_have_is_an_error(event: Any) -> None:
    with dag_of("resumed"):
        sensor = OfferStatusSensor(task_id="odd", offer_id="dps:personalized-offer:1", status="draft")
    with pytest.raises(OfferLibraryError, match="an unknown event"):
        sensor.execute_complete({}, event)


def test_what_is_waited_for_is_checked_before_anything_else(airflow: Airflow, emulator: Emulator) -> None:
    offer = seed(emulator, "dps", "Draft")["id"]
    with dag_of("wrong") as dag:
        for mode, arguments in MODES.items():
            common = {**arguments, "retries": 2, "retry_delay": NO_DELAY}
            OfferStatusSensor(task_id=f"status_{mode}", offer_id=offer, status="{{ 'published' }}", **common)  # type: ignore[arg-type]
            OfferWindowSensor(task_id=f"until_{mode}", offer_id=offer, until="{{ 'later' }}", **common)  # type: ignore[arg-type]
            OffersFoundSensor(task_id=f"found_{mode}", at_least="{{ 0 }}", **common)
            OffersFoundSensor(task_id=f"found_block_{mode}", at_least="{{ '{% if ' }}", **common)
            OfferStatusSensor(task_id=f"missing_{mode}", offer_id="dps:personalized-offer:0", status="draft", **common)
            OfferWindowSensor(task_id=f"fallback_{mode}", offer_id=_fallback(emulator, mode), **common)
    result = run(airflow, emulator, "dps", dag)
    assert set(result.states.values()) == {"failed"}
    assert {len(result.tries(task)) for task in result.states} == {1}
    said = {
        "status": "some of draft, approved, archived",
        "until": "'open' or 'closed'",
        "found": "at least 1",
        "missing": "There is no offer",
        "fallback": "has no window",
    }
    for task, error in errors(result, result.states).items():
        assert said[task.partition("_")[0]] in error


def _fallback(emulator: Emulator, mode: str) -> dict[str, Any]:
    offer = {"kind": "fallback-offer", "generation": "dps", "body": fallback(f"Fallback {mode}")}
    (identifier,) = emulator.seed(objects=[offer])
    return {"id": identifier, "offer_type": "fallback"}


def test_a_window_that_opens_by_itself_is_waited_for(airflow: Airflow, emulator: Emulator) -> None:
    begin = datetime.now(UTC) + timedelta(seconds=4)
    opening = seed(emulator, "dps", "Soon", changes={"selectionConstraint": {**FUTURE, "startDate": begin.isoformat()}})
    with dag_of("soon") as dag:
        OfferWindowSensor(task_id="open", offer_id=opening["id"], deferrable=True, poke_interval=600)
    result = run(airflow, emulator, "dps", dag)
    assert result.states == {"open": "success"}
    # The instant comes from the offer: no further request is sent at that time, although the interval is longer.
    assert datetime.now(UTC) >= begin


def test_the_wait_is_deferred_where_airflow_says_so(airflow: Airflow, emulator: Emulator) -> None:
    from tests.airflow.harness import _as_environment

    with patch.dict("os.environ", _as_environment(None, {"AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True"})):
        assert OfferStatusSensor(task_id="a", offer_id="x", status="draft").deferrable
    assert not OfferStatusSensor(task_id="b", offer_id="x", status="draft").deferrable


def test_a_refused_credential_fails_at_once_and_an_outage_is_retried(airflow: Airflow, emulator: Emulator) -> None:
    offer = seed(emulator, "dps", "Draft")["id"]
    with dag_of("refused") as dag:
        for mode, arguments in MODES.items():
            OfferStatusSensor(
                task_id=mode, offer_id=offer, status="approved", retries=1, retry_delay=NO_DELAY, **arguments
            )
    outsider = emulator.connection("dps", login=Emulator.OUTSIDER_CLIENT_ID)
    refused = airflow.run(dag, connections={CONNECTION: outsider})
    assert [len(refused.tries(mode)) for mode in MODES] == [1, 1, 1]
    emulator.add_fault("status", status=503, times=1_000, path="/data/*")
    outage = airflow.run(dag, connections={CONNECTION: emulator.connection("dps", max_retries=0)})
    assert [len(outage.tries(mode)) for mode in MODES] == [2, 2, 2]
    assert set(outage.states.values()) == {"failed"}
