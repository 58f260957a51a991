"""The end of a sensor's wait: mistakes fail it in every mode, an unmet condition can skip it, and the log says why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.sensors.decisions import OfferLiveSensor
from airflow_provider_offers.sensors.offers import OffersFoundSensor, OfferStatusSensor, OfferWindowSensor
from tests.airflow.harness import Airflow
from tests.airflow.library import CONNECTION, NO_DELAY, dag_of, errors, fallback, library_of, run, seed
from tests.airflow.test_sensors import KEEPS_STATE, MODES, OPEN, OVER, POLL

FLAGS: dict[str, dict[str, Any]] = {
    "soft": {"soft_fail": True},
    "never": {"never_fail": True},
    "silent": {"silent_fail": True},
}
UNKNOWN = "dps:personalized-offer:1c265317da412003"


@pytest.mark.parametrize("flag", FLAGS)
def test_a_mistake_is_red_in_every_mode_whatever_is_to_be_skipped(
    airflow: Airflow, emulator: Emulator, flag: str
) -> None:
    api = "xcore" if flag == "never" else "dps"
    draft = seed(emulator, api, "Draft", changes={"selectionConstraint": OPEN})["id"]
    wanted = {"offer_id": draft, "status": "approved"}
    mistakes: dict[str, dict[str, Any]] = {
        "wrong_secret": {**wanted, "offer_library_conn_id": "wrong"},
        "no_permission": {**wanted, "offer_library_conn_id": "outsider"},
        "wrong_settings": {**wanted, "offer_library_conn_id": "unfit"},
        "no_connection": {**wanted, "offer_library_conn_id": "nowhere"},
        "no_offer": {"offer_id": UNKNOWN, "status": "approved"},
        "wrong_word": {"offer_id": draft, "status": "{{ 'aproved' }}"},
        "no_template": {"offer_id": "{{ params.get('nope') }}", "status": "approved"},
    }
    common = {"poke_interval": POLL, "timeout": 4, "retries": 2, "retry_delay": NO_DELAY, **FLAGS[flag]}
    with dag_of("mistakes") as dag:
        for mode, arguments in MODES.items():
            for mistake, given in mistakes.items():
                OfferStatusSensor(task_id=f"{mistake}_{mode}", **given, **arguments, **common)
            OfferWindowSensor(task_id=f"no_window_{mode}", offer_id=_fallback(emulator, mode), **arguments, **common)
            OfferStatusSensor.partial(task_id=f"mapped_{mode}", offer_id=draft, **arguments, **common).expand(
                status=["{{ 'aproved' }}"]
            )
            OfferLiveSensor(
                task_id=f"no_decision_{mode}",
                offer_id=draft,
                decision_id=f"{api}:offer-activity:0",
                profile={"Email": "a@example.com"},
                **arguments,
                **common,
            )
    connection = emulator.connection(api)
    connections = {
        CONNECTION: connection,
        "wrong": {**connection, "password": "not the secret"},
        "outsider": emulator.connection(api, login=Emulator.OUTSIDER_CLIENT_ID),
        "unfit": emulator.connection(api, timeout="soon"),
    }
    result = airflow.run(dag, connections=connections)
    assert {task: state for task, state in result.states.items() if state != "failed"} == {}
    # A retry cannot correct a mistake, and the sensor does not wait until its timeout.
    assert {len(result.tries(task)) for task in result.states} == {1}
    assert {type(result.error(task)) for task in result.states} == {AirflowFailException}
    # The log shows each error once, without its cause.
    told = [result.error(task) for task in result.states]
    assert all(error.__cause__ is None and error.__suppress_context__ for error in told if error is not None)


def _fallback(emulator: Emulator, mode: str) -> dict[str, Any]:
    offer = {"kind": "fallback-offer", "generation": "dps", "body": fallback(f"Fallback {mode}")}
    (identifier,) = emulator.seed(objects=[offer])
    return {"id": identifier, "offer_type": "fallback"}


def test_what_did_not_come_about_is_skipped_in_every_mode(airflow: Airflow, emulator: Emulator, api: str) -> None:
    archived = seed(emulator, api, "Archived", changes={"status": "archived"})["id"]
    over = seed(emulator, api, "Over", changes={"selectionConstraint": OVER})["id"]
    draft = seed(emulator, api, "Draft")["id"]
    with dag_of("skipped") as dag:
        for (mode, arguments), flag in product(MODES.items(), ("soft", "never")):
            common = {**arguments, **FLAGS[flag], "poke_interval": POLL, "timeout": 0.5}
            OfferStatusSensor(task_id=f"archived_{mode}_{flag}", offer_id=archived, status="approved", **common)
            OfferWindowSensor(task_id=f"over_{mode}_{flag}", offer_id=over, **common)
            if flag == "soft":
                OfferStatusSensor(task_id=f"late_{mode}", offer_id=draft, status="approved", **common)
                OffersFoundSensor(task_id=f"none_{mode}", properties=["name==Nothing"], **common)
    result = run(airflow, emulator, api, dag)
    assert set(result.states.values()) == {"skipped"}


@pytest.mark.parametrize("mode", MODES)
def test_an_outage_is_no_mistake_and_silent_fail_looks_on(airflow: Airflow, emulator: Emulator, mode: str) -> None:
    offer = seed(emulator, "dps", "Approved", changes={"status": "approved"})["id"]
    emulator.add_fault("status", status=503, times=3, method="GET", path="/data/*")
    with dag_of("outage") as dag:
        OfferStatusSensor(
            task_id="wait", offer_id=offer, status="approved", silent_fail=True, poke_interval=0.1, **MODES[mode]
        )
    result = run(airflow, emulator, "dps", dag, max_retries=0)
    assert result.states == {"wait": "success"}
    assert {attempt.try_number for attempt in result.tries("wait")} == {1}


@pytest.mark.parametrize("mode", MODES)
def test_a_wait_tells_what_it_waits_for_what_changes_and_what_was_there_at_its_end(
    airflow: Airflow, emulator: Emulator, api: str, mode: str, meanwhile: Any
) -> None:
    offers = [seed(emulator, api, name, changes={"selectionConstraint": OPEN})["id"] for name in ("Spring", "Summer")]
    path = "/selectionConstraint/endDate"

    def change() -> None:
        with library_of(emulator, api) as library:
            library.patch(
                PERSONALIZED,
                offers[0],
                [
                    {"op": "replace", "path": "/status", "value": "approved"},
                    {"op": "replace", "path": "/name", "value": "Easter"},
                    {"op": "replace", "path": path, "value": "2080-01-01T00:00:00Z"},
                ],
            )

    with dag_of("told") as dag:
        OfferStatusSensor(
            task_id="wait",
            offer_id=offers,
            status="approved",
            poke_interval=POLL,
            timeout=8 if mode == "reschedule" else 4,
            on_execute_callback=meanwhile(change),
            **MODES[mode],
        )
    result = run(airflow, emulator, api, dag)
    assert isinstance(result.error("wait"), AirflowSensorTimeout)
    told = errors(result, ["wait"])["wait"]
    assert "Sensor has timed out" in told
    assert f"'Easter' ({offers[0]}) is approved" in told
    assert f"'Summer' ({offers[1]}) is draft" in told
    assert f"aiting until each is approved. 'Spring' ({offers[0]}) is draft, with the window [" in result.logs
    until = datetime.now(UTC).strftime("until %Y-%m-%dT")
    assert until in result.logs
    if mode == "reschedule":
        # Each look has its own process, which logs the state at that time.
        assert f"Still waiting until each is approved. 'Easter' ({offers[0]}) is approved" in result.logs
        if not KEEPS_STATE:
            return
    for change_told in (
        f"'Spring' ({offers[0]}) was renamed to 'Easter'",
        f"'Easter' ({offers[0]}) went from draft to approved",
        f"The window of 'Easter' ({offers[0]}) moved from [2020-01-01T00:00:00",
    ):
        assert result.logs.count(change_told) == 1


def test_the_scheduler_that_ends_a_deferral_says_what_was_waited_for(airflow: Airflow) -> None:
    from unittest.mock import patch

    from airflow.sdk.exceptions import TaskDeferralTimeout

    with dag_of("resumed"):
        sensor = OfferStatusSensor(task_id="late", offer_id=UNKNOWN, status=["draft", "approved"], timeout=60)
    with (
        patch.object(OfferStatusSensor, "execute_complete", side_effect=TaskDeferralTimeout("too long")),
        pytest.raises(AirflowSensorTimeout, match=r"waited 60 s deferred.* each is approved or draft"),
    ):
        sensor.resume_execution("execute_complete", {"event": None}, {})


ODD: list[Any] = [
    *(None, "", " ", 0, -1, 1.5, True, float("nan"), float("inf"), 10**30, b"x", "x" * 10_000, "\ud800", "a\nb"),
    *([], {}, [None], [[]], [1, "x"], {"id": None}, {"id": 5}, {"a": []}, set(), timedelta(1)),
    datetime(2026, 1, 1, tzinfo=UTC),
]
SENSORS: dict[type, dict[str, Any]] = {
    OfferStatusSensor: {"offer_id": UNKNOWN, "status": "draft"},
    OfferWindowSensor: {"offer_id": UNKNOWN, "until": "open"},
    OffersFoundSensor: {"properties": ["status==draft"]},
    OfferLiveSensor: {"offer_id": UNKNOWN, "decision_id": "dps:offer-activity:0", "profile": {"Email": "a@b.example"}},
}


@pytest.mark.parametrize("sensor", SENSORS, ids=lambda sensor: sensor.__name__)
@pytest.mark.parametrize("flag", ["deferrable", "soft_fail", "silent_fail", "never_fail"])
def test_text_for_a_flag_is_refused_where_the_dag_is_parsed(sensor: type[OfferStatusSensor], flag: str) -> None:
    """The text "False" would count as true, and a wait in vain would end green."""
    with pytest.raises(InvalidInputError, match=f"{flag}: given 'False'; expected True or False"):
        sensor(task_id="odd", **{**SENSORS[sensor], flag: "False"})
    sensor(task_id="even", **{**SENSORS[sensor], flag: False})


@pytest.mark.parametrize("sensor", SENSORS, ids=lambda sensor: sensor.__name__)
def test_odd_arguments_end_in_errors_of_ours(
    sensor: type[OfferStatusSensor], emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the DAG is parsed, or at the first look; an odd value with a meaning is looked up."""
    import inspect
    import json

    monkeypatch.setenv("AIRFLOW_CONN_OFFER_LIBRARY_DEFAULT", json.dumps(emulator.connection("dps", max_retries=0)))
    names = set(inspect.signature(sensor.__init__).parameters) - {"self", "kwargs"}
    assert {"offer_library_conn_id", "sandbox", "deferrable", "max_outage"} < names
    outcomes = set()
    for name in names:
        for value in ODD:
            try:
                made = sensor(task_id="odd", **{**SENSORS[sensor], name: value})
            except InvalidInputError as refused:
                assert name in str(refused)  # noqa: PT017
                outcomes.add("parsing")
                continue
            try:
                made.poke({})
            except AirflowFailException:
                outcomes.add("looking")
            else:
                outcomes.add("looked")
    assert {"parsing", "looking"} <= outcomes


@pytest.mark.parametrize(
    ("sensor", "given", "said"),
    [
        (
            OfferStatusSensor,
            {"status": "aproved"},
            "status: given 'aproved'; expected some of draft, approved, archived; did you mean 'approved'?",
        ),
        (OfferStatusSensor, {"status": ["draft", "live"]}, "status: given"),
        (OfferStatusSensor, {"offer_id": []}, "offer_id: given"),
        (OfferStatusSensor, {"offer_type": "placement"}, "'personalized' or 'fallback'"),
        (OfferWindowSensor, {"until": "opened"}, "'open' or 'closed'"),
        (OffersFoundSensor, {"at_least": 0}, "at_least: given 0; expected a whole number of at least 1"),
        (OfferLiveSensor, {"etag": "seven"}, "etag: given 'seven'"),
        (OfferStatusSensor, {"max_outage": -1}, "max_outage: given -1"),
    ],
)
def test_a_literal_that_cannot_be_is_refused_where_the_dag_is_parsed(
    sensor: type[OfferStatusSensor], given: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        sensor(task_id="wrong", **{**SENSORS[sensor], **given})
    assert said in str(refused.value)


def test_templates_and_results_of_tasks_are_left_for_later(airflow: Airflow) -> None:
    with dag_of("later"):
        found = OffersFoundSensor(task_id="found", at_least="{{ params.n }}", offer_type="{{ params.type }}")  # type: ignore[arg-type]
        OfferStatusSensor(task_id="a", offer_id=found.output, status=["{{ params.status }}", "draft"])  # type: ignore[list-item]
        OfferWindowSensor(task_id="b", offer_id=found.output, until="{{ params.until }}")  # type: ignore[arg-type]
