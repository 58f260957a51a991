"""Workers are killed right after their write, in real DAG runs: an edit that undoes the write is kept by the retry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.wire.async_shell import AsyncShell
from airflow_provider_offers.client.wire.sync_shell import SyncShell
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.offers import CreateOfferOperator, PublishOfferOperator, ScheduleOfferOperator
from airflow_provider_offers.policies.retry import retry_arguments
from tests.airflow.child import in_a_child, kill_this_worker
from tests.airflow.harness import Airflow, Run
from tests.airflow.library import CONNECTION, NO_DELAY, dag_of, library_of, offers, personalized, seed

pytestmark = pytest.mark.parametrize("api", ["dps", "xcore"])

# Airflow 3.2 keeps nothing between the tries of a task.
KEEPS_STATE = bool(retry_arguments())
WINDOW = {"start": "2026-03-25T09:00", "duration": "P14D", "timezone": "Europe/Paris"}


class Mortal:
    """Is killed in its first try, right after the service has applied a patch; on request, it is cleared after that."""

    is_cleared = False

    def execute(self, context: Any) -> Any:
        if context["ti"].try_number == 1:
            die_after_the_patch()
        elif self.is_cleared:
            # Clearing a task allows it its number of tries again.
            context["ti"].max_tries = context["ti"].try_number + 1
        return super().execute(context)  # type: ignore[misc]


class MortalPublish(Mortal, PublishOfferOperator):
    """Publishes, and is killed."""


class ClearedPublish(MortalPublish):
    """Publishes, is killed, and is cleared."""

    is_cleared = True


class MortalUpdate(Mortal, CreateOfferOperator):
    """Updates the existing offer, and is killed."""


class MortalSchedule(Mortal, ScheduleOfferOperator):
    """Schedules, and is killed."""


def die_after_the_patch() -> None:
    """Kill this process after its first patch. It is a child of the test's process, so nothing needs to be restored."""
    exchange, send = SyncShell._exchange, AsyncShell._send

    def exchange_and_die(self: Any, request: Any) -> Any:
        answer = exchange(self, request)
        if request.method == "PATCH":
            kill_this_worker()
        return answer

    async def send_and_die(self: Any, request: Any) -> Any:
        answer = await send(self, request)
        if request.method == "PATCH":
            kill_this_worker()
        return answer

    SyncShell._exchange = exchange_and_die  # type: ignore[method-assign]
    AsyncShell._send = send_and_die  # type: ignore[method-assign]


def run_with(airflow: Airflow, emulator: Emulator, api: str, dag: Any, between: Callable[[], None]) -> Run:
    """Run the DAG with each attempt in its own process, and act after the first."""

    def runner(actual: Any, *, ti: Any, task: Any) -> Any:
        result = in_a_child(actual, ti=ti, task=task)
        if ti.try_number == 1:
            between()
        return result

    return airflow.run(dag, connections={CONNECTION: emulator.connection(api)}, task_runner=runner)


def undo(emulator: Emulator, api: str, offer: str, path: str, value: Any) -> None:
    """The change that a marketer makes in between."""
    with library_of(emulator, api) as library:
        library.patch(PERSONALIZED, offer, [{"op": "replace", "path": path, "value": value}])


CASES: dict[str, tuple[type, dict[str, Any], str, str, Any]] = {
    "publish": (MortalPublish, {"waive": ["window_over"]}, "published", "/status", "draft"),
    "schedule": (MortalSchedule, WINDOW, "scheduled", "/selectionConstraint/endDate", "2026-05-01T00:00:00Z"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("listed", [False, True], ids=["one", "list"])
def test_what_is_undone_after_a_killed_try_stays_undone(
    airflow: Airflow, emulator: Emulator, api: str, case: str, listed: bool
) -> None:
    operator, arguments, done, path, value = CASES[case]
    offer = seed(emulator, api, "Wrong price")["id"]
    with dag_of("undone") as dag:
        operator(task_id="edit", offer_id=[offer] if listed else offer, retries=2, retry_delay=NO_DELAY, **arguments)
    left: list[Any] = []

    def between() -> None:
        undo(emulator, api, offer, path, value)
        left.extend(each["body"] for each in offers(emulator))

    result = run_with(airflow, emulator, api, dag, between)

    if not KEEPS_STATE:
        assert result.states == {"edit": "success"}
        return
    assert [attempt.state for attempt in result.tries("edit")] == ["up_for_retry", "failed"]
    error = result.error("edit")
    assert isinstance(error, AirflowFailException)
    assert f"may have been {done} by this task already" in str(error)
    assert "its etag went from 1 to 3" in str(error)
    assert "@techacct.adobe.com" in str(error)
    assert [each["body"] for each in offers(emulator)] == left


@pytest.mark.parametrize("case", CASES)
def test_what_a_killed_try_did_counts_as_done(airflow: Airflow, emulator: Emulator, api: str, case: str) -> None:
    operator, arguments, done, _, _ = CASES[case]
    offer = seed(emulator, api, "Right price")["id"]
    with dag_of("done") as dag:
        operator(task_id="edit", offer_id=offer, retries=1, retry_delay=NO_DELAY, **arguments)

    result = run_with(airflow, emulator, api, dag, lambda: undo(emulator, api, offer, "/rank/priority", 7))

    assert [attempt.state for attempt in result.tries("edit")] == ["up_for_retry", "success"]
    assert result.result("edit")["action"] == (done if KEEPS_STATE else "unchanged")
    # The edits of the first try and of the marketer.
    assert [(each["etag"], each["body"]["rank"]["priority"]) for each in offers(emulator)] == [(3, 7)]


def test_an_update_that_somebody_undoes_after_a_killed_try_stays_undone(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    offer = seed(emulator, api, "Kept up to date")["id"]
    wanted = personalized("Kept up to date", rank={"priority": 77})
    with dag_of("updating") as dag:
        MortalUpdate(task_id="update", offer=wanted, if_exists="update", retries=1, retry_delay=NO_DELAY)

    result = run_with(airflow, emulator, api, dag, lambda: undo(emulator, api, offer, "/rank", {"priority": 5}))

    if not KEEPS_STATE:
        assert result.states == {"update": "success"}
        return
    assert result.states == {"update": "failed"}
    assert "may have been updated by this task already" in str(result.error("update"))
    assert [each["body"]["rank"]["priority"] for each in offers(emulator)] == [5]


def test_clearing_the_task_does_it_all_the_same(airflow: Airflow, emulator: Emulator, api: str) -> None:
    offer = seed(emulator, api, "Right price after all")["id"]
    with dag_of("cleared") as dag:
        ClearedPublish(task_id="publish", offer_id=offer, waive=["window_over"], retries=1, retry_delay=NO_DELAY)

    result = run_with(airflow, emulator, api, dag, lambda: undo(emulator, api, offer, "/status", "draft"))

    assert result.states == {"publish": "success"}, result.error("publish")
    assert result.result("publish")["action"] == "published"
    assert [each["body"]["status"] for each in offers(emulator)] == ["approved"]
