"""The drift sensor ends when somebody else changes a managed value, in every mode, and not before."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_offers.campaigns.errors import StateError
from airflow_provider_offers.campaigns.planning import drift
from airflow_provider_offers.campaigns.state.storage import StateStore
from airflow_provider_offers.client.errors import InvalidInputError, NoAnswerError
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.hooks import campaigns
from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
from airflow_provider_offers.operators.campaigns import ApplyCampaignOperator
from airflow_provider_offers.sensors.campaigns import CampaignDriftSensor
from airflow_provider_offers.triggers.campaigns import CampaignDriftTrigger
from airflow_provider_offers.triggers.events import OfferLibraryEventTrigger
from airflow_provider_offers.triggers.shared import asking
from tests.airflow.campaigns import SPRING, written
from tests.airflow.harness import Airflow
from tests.airflow.library import dag_of, library_of, run, writes
from tests.campaigns.making import PQL, put_wanted, state, wanted
from tests.triggers.events import event_of, until
from tests.triggers.test_events import alone, trigger

MODES: dict[str, dict[str, Any]] = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferred": {"deferrable": True},
}


@pytest.fixture
def applied(airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path) -> dict[str, Any]:
    """The arguments of a sensor for a campaign that was applied; `/rank/priority` is not watched in `Winter towels`."""
    text = SPRING.replace(
        "collections:",
        "  - {name: Winter towels, rank: {priority: 3}, lifecycle: {ignore_changes: [/rank/priority]}}\ncollections:",
    )
    arguments: dict[str, Any] = {
        "manifest": written(tmp_path, text),
        "target": "dev",
        "state_path": str(tmp_path / "state"),
    }
    with dag_of("applied") as dag:
        ApplyCampaignOperator(task_id="apply", **arguments)
    assert run(airflow, emulator, api, dag).state == "success"
    return arguments


def edit(emulator: Emulator, api: str, name: str, pointer: str, value: Any) -> None:
    """A marketer's edit."""
    with library_of(emulator, api) as library:
        library.patch(PERSONALIZED, f"name:{name}", [{"op": "add", "path": pointer, "value": value}])


@pytest.mark.parametrize("mode", MODES)
def test_an_edit_ends_the_wait_and_is_told(
    airflow: Airflow, emulator: Emulator, api: str, applied: dict[str, Any], mode: str, meanwhile: Any
) -> None:
    edit(emulator, api, "Winter towels", "/rank/priority", 4)
    edit(emulator, api, "Spring towels", "/characteristics", {"color": "red"})
    with dag_of("drift") as dag:
        CampaignDriftSensor(
            task_id="drift",
            poke_interval=0.2,
            timeout=60,
            on_execute_callback=meanwhile(lambda: edit(emulator, api, "Spring towels", "/rank/priority", 55)),
            **applied,
            **MODES[mode],
        )
    before = len(writes(emulator))

    done = run(airflow, emulator, api, dag)

    assert done.state == "success", [str(each.error) for each in done.attempts]
    result = done.result("drift")
    (drifted,) = result["objects"]
    assert (drifted["kind"], drifted["name"]) == ("personalized", "Spring towels")
    assert drifted["edits"] == [{"pointer": "/rank/priority", "applied": 10, "live": 55}]
    assert result["managed"] == 4
    assert len(writes(emulator)) == before + 1, "only the edit itself"


def test_an_event_trigger_tells_each_drift_once(
    emulator: Emulator, api: str, applied: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OFFER_LIBRARY_DEFAULT", json.dumps(emulator.connection(api)))
    watcher = OfferLibraryEventTrigger(
        events="drifted", campaign="spring", state_path=applied["state_path"], poll_interval=0.2
    )
    told: list[dict[str, Any]] = []

    async def listen() -> None:
        async for event in watcher.run():
            told.extend([event.payload])

    async def main() -> None:
        listening = asyncio.create_task(listen())
        # The manifest ignores it.
        await asyncio.to_thread(edit, emulator, api, "Winter towels", "/rank/priority", 4)
        for count, priority in enumerate((55, 56), 1):
            await asyncio.to_thread(edit, emulator, api, "Spring towels", "/rank/priority", priority)
            await until(lambda count=count: len(told) == count)  # type: ignore[misc]
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await share()

    async def share() -> None:
        """Looks share an answer if they have seen the same: one from before an edit would hide the edit."""
        looking = CampaignDriftTrigger(
            campaign="spring",
            ignored=[],
            state_path=applied["state_path"],
            offer_library_conn_id="offer_library_default",
            sandbox=None,
            poll_interval=1,
        )
        async with asking("offer_library_default", None):
            first = await looking.look_once(max_age=60, view=1)
            await asyncio.to_thread(edit, emulator, api, "Spring towels", "/rank/priority", 57)
            assert await looking.look_once(max_age=60, view=1) is first
            after = await looking.look_once(max_age=60, view=2)
        assert first is not None
        assert after is not None
        assert [each.objects[0].edits[0].live for each in (first, after)] == [56, 57]

    asyncio.run(main())
    assert [(each["name"], each["campaign"], each["pointers"]) for each in told] == [
        ("Spring towels", "spring", ["/rank/priority"])
    ] * 2
    assert json.loads(json.dumps(told)) == told


def test_a_wait_for_a_campaign_without_a_state_is_warned_of(
    airflow: Airflow, emulator: Emulator, tmp_path: Path, applied: dict[str, Any]
) -> None:
    """A wrong `state_path` would never see a drift."""
    with dag_of("elsewhere") as dag:
        for name, path in (("wrong", str(tmp_path / "stat")), ("right", applied["state_path"])):
            CampaignDriftSensor(task_id=name, poke_interval=0.1, timeout=0.3, **{**applied, "state_path": path})

    done = run(airflow, emulator, "dps", dag)

    assert set(done.states.values()) == {"failed"}
    assert done.logs.count("The state has no objects of 'spring' in the sandbox 'prod', so nothing can drift") == 1


def test_an_event_trigger_warns_of_a_campaign_without_a_state(
    emulator: Emulator,
    api: str,
    applied: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A misspelt name would never see a drift."""
    monkeypatch.setenv("AIRFLOW_CONN_OFFERS", json.dumps(emulator.connection(api)))
    warning = "The state has no objects of the campaign 'sprng', so nothing can drift"

    async def main() -> None:
        printed: list[str] = []

        def is_warned() -> bool:
            printed.append(capsys.readouterr().out)
            return warning in "".join(printed)

        async with alone(trigger("drifted", campaign="sprng", state_path=applied["state_path"])):
            await until(is_warned)

    asyncio.run(main())


def test_the_filters_of_an_event_trigger_count_for_drift_too(
    emulator: Emulator, api: str, applied: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OFFERS", json.dumps(emulator.connection(api)))
    with library_of(emulator, api) as library:
        status = library.get(PERSONALIZED, "name:Spring towels").status
    other = "draft" if status == "approved" else "approved"
    wanted: list[dict[str, Any]] = [
        {"statuses": status},
        {"statuses": other},
        {"kinds": "collection"},
        {"tags": "dps:tag:1c265317da412003"},
    ]
    given = {"campaign": "spring", "state_path": applied["state_path"]}

    async def main() -> None:
        async with alone(*(trigger("drifted", **given, **each) for each in wanted)) as told:
            # Every trigger has told the first drift before one tells the second.
            for count, priority in enumerate((55, 56), 1):
                await asyncio.to_thread(edit, emulator, api, "Spring towels", "/rank/priority", priority)
                await until(lambda count=count: len(told[0]) == count)  # type: ignore[misc]
            assert [len(each) for each in told] == [2, 0, 0, 0]

    asyncio.run(main())


@pytest.mark.parametrize("api", ["dps"], indirect=True)
def test_an_event_trigger_tells_the_drift_of_a_formula(
    emulator: Emulator, api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OFFERS", json.dumps(emulator.connection(api)))
    formula = wanted("formula", "By margin", returnType={"type": "integer"}, expression=PQL)
    put_wanted(emulator, formula, expression={**PQL, "value": "offer.rank.priority"})
    StateStore(tmp_path).write(state(formula, generation=0))

    async def main() -> None:
        watching = trigger("drifted", campaign="spring", state_path=str(tmp_path))
        async with alone(watching) as (told,):
            await until(lambda: bool(told))
            assert (told[0]["name"], told[0]["pointers"]) == ("By margin", ["/expression/value"])

    asyncio.run(main())


def test_a_wait_that_is_over_names_what_it_saw(
    airflow: Airflow, emulator: Emulator, api: str, applied: dict[str, Any]
) -> None:
    with dag_of("patient") as dag:
        CampaignDriftSensor(task_id="drift", poke_interval=0.2, timeout=1, **applied)

    done = run(airflow, emulator, api, dag)

    assert done.states["drift"] == "failed"
    assert "until somebody else changes the campaign 'spring'" in str(done.error("drift"))
    assert "At the last look, 0 of 4 objects drifted" in str(done.error("drift"))


def waiting_for_drift(applied: dict[str, Any]) -> CampaignDriftTrigger:
    return CampaignDriftTrigger(
        campaign="spring",
        ignored=[],
        state_path=applied["state_path"],
        offer_library_conn_id="offer_library_default",
        sandbox=None,
        poll_interval=0.2,
        sensor_deadline=time.time() + 60,
    )


def test_an_outage_of_the_service_or_of_airflow_ends_no_wait(
    emulator: Emulator, api: str, applied: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OFFER_LIBRARY_DEFAULT", json.dumps(emulator.connection(api)))
    edit(emulator, api, "Spring towels", "/rank/priority", 55)
    find, read = drift.find_drift, OfferLibraryHook.get_connection
    outages, away = (
        iter([NoAnswerError("reset", method="GET", path="/offers", sent=True)] * 2),
        iter([TimeoutError("Airflow's API is away")]),
    )

    def find_later(*arguments: Any) -> Any:
        for outage in outages:
            raise outage
        return find(*arguments)

    def read_later(conn_id: str) -> Any:
        for failure in away:
            raise failure
        return read(conn_id)

    monkeypatch.setattr(drift, "find_drift", find_later)
    monkeypatch.setattr(OfferLibraryHook, "get_connection", staticmethod(read_later))
    event = asyncio.run(event_of(waiting_for_drift(applied)))

    assert (event["status"], next(outages, None), next(away, None)) == ("met", None, None)


@pytest.mark.parametrize("method", ["__init__", "apply_meanwhile"], ids=["before", "after"])
def test_an_outage_of_the_states_ends_no_wait(
    emulator: Emulator, api: str, applied: dict[str, Any], monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OFFER_LIBRARY_DEFAULT", json.dumps(emulator.connection(api)))
    edit(emulator, api, "Spring towels", "/rank/priority", 55)
    real, outages = getattr(campaigns.DriftLook, method), iter([StateError("reset by peer", retryable=True)] * 2)

    def later(*arguments: Any) -> Any:
        for outage in outages:
            raise outage
        return real(*arguments)

    monkeypatch.setattr(campaigns.DriftLook, method, later)
    event = asyncio.run(event_of(waiting_for_drift(applied)))

    assert (event["status"], next(outages, None)) == ("met", None)


def test_a_mistake_in_the_manifest_fails_the_task_even_with_soft_fail(
    airflow: Airflow, emulator: Emulator, tmp_path: Path
) -> None:
    manifest = written(tmp_path, SPRING.replace("rank:", "rnak:"))
    with dag_of("mistaken") as dag:
        CampaignDriftSensor(task_id="drift", manifest=manifest, target="dev", soft_fail=True, retries=2)

    done = run(airflow, emulator, "dps", dag)

    assert done.states["drift"] == "failed"
    assert "'rnak'" in str(done.error("drift"))
    assert len(done.tries("drift")) == 1


def test_arguments_that_cannot_work_are_errors_when_the_dag_is_parsed() -> None:
    with dag_of("wrong"), pytest.raises(InvalidInputError) as refused:
        CampaignDriftSensor(task_id="drift", manifest="spring.yaml", target=7, deferrable="no")  # type: ignore[arg-type]

    assert [each.pointer for each in refused.value.violations] == ["deferrable", "target"]


def test_the_trigger_carries_no_content_of_the_campaign() -> None:
    given = {
        "offer_library_conn_id": "ajo",
        "sandbox": None,
        "poll_interval": 5.0,
        "execution_deadline": None,
        "sensor_deadline": 1.0,
        "max_outage": 60.0,
        "campaign": "spring",
        "ignored": [{"kind": "personalized", "name": "Towels", "pointers": ["/rank/priority"]}],
        "state_path": None,
    }
    path, arguments = CampaignDriftTrigger(**given).serialize()  # type: ignore[arg-type]

    assert path == "airflow_provider_offers.triggers.campaigns.CampaignDriftTrigger"
    assert arguments == given
