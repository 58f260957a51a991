"""The lifecycle of an offer in real DAG runs: window, publish, unpublish, archive, for one offer and for lists."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from airflow_provider_offers.client.errors import BatchError
from airflow_provider_offers.client.flows import pages
from airflow_provider_offers.client.wire.async_shell import AsyncShell
from airflow_provider_offers.client.wire.messages import Flow, Request, Response
from airflow_provider_offers.client.wire.service_clock import MARGIN
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators import progress
from airflow_provider_offers.operators.offers import (
    ArchiveExpiredOffersOperator,
    ArchiveOfferOperator,
    CreateOfferOperator,
    PublishOfferOperator,
    ScheduleOfferOperator,
    SearchOffersOperator,
    UnpublishOfferOperator,
)
from airflow_provider_offers.policies.retry import retry_arguments
from tests.airflow.child import in_a_child, kill_this_worker
from tests.airflow.harness import Airflow
from tests.airflow.library import CONNECTION, NO_DELAY, dag_of, personalized, run

pytestmark = pytest.mark.parametrize("api", ["dps", "xcore"])


def patches(emulator: Emulator) -> int:
    return sum(1 for entry in emulator.journal(method="PATCH") if entry.status is not None and entry.status < 300)


def test_an_offer_is_scheduled_published_unpublished_and_archived_once_each(airflow: Airflow, api: str) -> None:
    with Emulator() as emulator:
        with dag_of("life") as dag:
            create = CreateOfferOperator(task_id="create", offer=personalized("Voucher"))
            previous = create
            for task_id, operator, arguments in [
                ("schedule", ScheduleOfferOperator, _WINDOW),
                ("schedule_again", ScheduleOfferOperator, _WINDOW),
                ("publish", PublishOfferOperator, {"waive": ["window_over"]}),
                ("publish_again", PublishOfferOperator, {}),
                ("unpublish", UnpublishOfferOperator, {}),
                ("archive", ArchiveOfferOperator, {}),
                ("archive_again", ArchiveOfferOperator, {}),
            ]:
                task = operator(task_id=task_id, offer_id=create.output, **arguments)
                previous >> task
                previous = task
        result = run(airflow, emulator, api, dag)
        actions = {task: result.result(task)["action"] for task in result.states}
        (offer,) = emulator.objects(kind="personalized-offer")
        assert patches(emulator) == 4
    assert actions == {
        "create": "created",
        "schedule": "scheduled",
        "schedule_again": "unchanged",
        "publish": "published",
        "publish_again": "unchanged",
        "unpublish": "unpublished",
        "archive": "archived",
        "archive_again": "unchanged",
    }
    assert offer["body"]["status"] == "archived"
    assert offer["body"]["selectionConstraint"]["startDate"].startswith("2026-03-25T08:00:00")
    assert offer["body"]["selectionConstraint"]["endDate"].startswith("2026-04-08T07:00:00")


_WINDOW: dict[str, Any] = {"start": "2026-03-25T09:00", "duration": "P14D", "timezone": "Europe/Paris"}


def test_a_list_is_published_and_a_retry_takes_up_what_is_left(airflow: Airflow, api: str) -> None:
    with Emulator() as emulator:
        emulator.seed(30, template={"status": "draft"})
        emulator.add_fault("status", method="PATCH", after=10, times=1, status=503)
        with dag_of("many") as dag:
            search = SearchOffersOperator(task_id="search", properties=["status==draft"])
            PublishOfferOperator(task_id="publish", offer_id=search.output, retries=1, retry_delay=0, max_concurrent=4)
        result = run(airflow, emulator, api, dag, max_retries=0)
        assert [attempt.state for attempt in result.tries("publish")] == ["up_for_retry", "success"]
        receipts = result.result("publish")
        statuses = Counter(offer["body"]["status"] for offer in emulator.objects(kind="personalized-offer"))
        assert patches(emulator) == 30
    assert len(receipts) == 30
    assert statuses == {"approved": 30}


def test_what_is_over_is_archived_and_the_rest_is_not(airflow: Airflow, api: str) -> None:
    over = personalized("x")["selectionConstraint"] | {
        "startDate": "2020-01-01T00:00:00Z",
        "endDate": "2020-02-01T00:00:00Z",
    }
    with Emulator() as emulator:
        emulator.seed(7, template={"selectionConstraint": over}, name="Old {n}")
        emulator.seed(3, name="New {n}")
        with dag_of("tidy") as dag:
            report = ArchiveExpiredOffersOperator(task_id="report", older_than="P30D", dry_run=True)
            some = ArchiveExpiredOffersOperator(task_id="some", older_than="P30D", limit=5)
            rest = ArchiveExpiredOffersOperator(task_id="rest", older_than="P30D")
            report >> some >> rest
        result = run(airflow, emulator, api, dag)
        left = {
            o["body"]["name"] for o in emulator.objects(kind="personalized-offer") if o["body"]["status"] != "archived"
        }
    counts = {
        task: (report["expired"], len(report["archived"]), report["left"])
        for task in ("report", "some", "rest")
        for report in [result.result(task)]
    }
    assert counts == {"report": (7, 0, 7), "some": (7, 5, 2), "rest": (2, 2, 0)}
    assert left == {"New 1", "New 2", "New 3"}


def refused(emulator: Emulator, offers: list[str], api: str, status: int = 422) -> None:
    """Let the service refuse changes to some of the offers."""
    shown = {each["id"]: each for each in emulator.objects()}
    for offer in offers:
        name = offer if api == "dps" else shown[offer]["instance_id"]
        emulator.add_fault("status", method="PATCH", path=f"*{name}*", status=status, times=100)


@pytest.mark.parametrize("on_failure", ["stop", "continue"])
def test_a_failure_in_a_list_stops_it_or_not_as_asked(
    airflow: Airflow, emulator: Emulator, api: str, on_failure: str
) -> None:
    offers = emulator.seed(20, template={"status": "draft"})
    refused(emulator, offers[3:5], api)
    with dag_of("failing") as dag:
        PublishOfferOperator(task_id="publish", offer_id=offers, max_concurrent=1, on_failure=on_failure)  # type: ignore[arg-type]
    result = run(airflow, emulator, api, dag)
    failed = result.error("publish")
    # No retry helps against refused content, so the task fails at once.
    assert isinstance(failed, AirflowFailException)
    error = failed.__context__
    assert isinstance(error, BatchError)
    assert result.states == {"publish": "failed"}
    done = [receipt["id"] for receipt in result.result("publish")]
    if on_failure == "stop":
        assert done == offers[:3]
        assert len(error.failures) == 1
        assert "3 of 20 offers were published, 1 failed and 16 were not begun" in str(error)
    else:
        assert done == offers[:3] + offers[5:]
        assert list(error.failures) == offers[3:5]
        assert "18 of 20 offers were published, 2 failed:" in str(error)


def test_no_more_are_under_way_than_asked_and_all_of_those(
    airflow: Airflow, emulator: Emulator, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers = emulator.seed(40, template={"status": "draft"})
    under_way: list[int] = [0]
    send = AsyncShell._send

    async def counted(self: AsyncShell, request: Request) -> Response:
        if request.method != "PATCH":
            return await send(self, request)
        under_way.append(under_way[-1] + 1)
        await asyncio.sleep(0)
        try:
            return await send(self, request)
        finally:
            under_way.append(under_way[-1] - 1)

    monkeypatch.setattr(AsyncShell, "_send", counted)
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0.0)
    with dag_of("bounded") as dag:
        ArchiveOfferOperator(task_id="archive", offer_id=offers, max_concurrent=5)
    result = run(airflow, emulator, api, dag)
    assert result.states == {"archive": "success"}
    assert max(under_way) == 5
    # A receipt for each, in order, and the log shows the progress.
    assert [receipt["id"] for receipt in result.result("archive")] == offers
    assert "7 of 40 offers done, 0 failed" in result.logs
    assert "40 offers archived" in result.logs


def test_a_retry_after_a_killed_worker_goes_on_at_the_first_undone(
    airflow: Airflow, emulator: Emulator, api: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    offers = emulator.seed(30, template={"status": "draft"})
    killed, succeeded = tmp_path / "killed", progress.ListProgress.succeeded
    done: list[int] = []

    def then_die(self: progress.ListProgress, index: int, written: Any) -> Flow[None]:
        yield from succeeded(self, index, written)
        done.append(index)
        if len(done) == 10 and not killed.exists():
            killed.touch()
            kill_this_worker()

    monkeypatch.setattr(progress.ListProgress, "succeeded", then_die)
    monkeypatch.setattr(pages, "_BUNCH", timedelta(0))
    with dag_of("killed") as dag:
        PublishOfferOperator(task_id="publish", offer_id=offers, max_concurrent=2, retries=1, retry_delay=NO_DELAY)
    connection = emulator.connection(api, container_id=emulator.container_id() if api == "xcore" else None)
    connection["extra"] = {name: value for name, value in connection["extra"].items() if value is not None}
    result = airflow.run(dag, connections={CONNECTION: connection}, task_runner=in_a_child)
    assert [attempt.state for attempt in result.tries("publish")] == ["up_for_retry", "success"]
    assert [receipt["id"] for receipt in result.result("publish")] == offers
    assert patches(emulator) == 30
    unchanged = sum(receipt["action"] == "unchanged" for receipt in result.result("publish"))
    # Besides the last offer, at most one running offer is checked again; on 3.2, which keeps no state, all are.
    assert unchanged <= (1 if retry_arguments() else 11)


def test_a_timeout_ends_a_list_as_a_timeout(airflow: Airflow, emulator: Emulator, api: str) -> None:
    offers = emulator.seed(20, template={"status": "draft"})
    emulator.add_fault("delay", method="PATCH", seconds=1.0, times=1_000, path="/data/*")
    with dag_of("timeout") as dag:
        PublishOfferOperator(
            task_id="publish", offer_id=offers, max_concurrent=2, execution_timeout=timedelta(seconds=3)
        )
    result = run(airflow, emulator, api, dag)
    assert result.states == {"publish": "failed"}
    assert isinstance(result.error("publish"), AirflowTaskTimeout)


def test_what_a_list_may_not_be_is_refused_before_anything_is_sent(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    offers = emulator.seed(2, template={"status": "draft"})
    with dag_of("refused") as dag:
        wrong: dict[str, dict[str, Any]] = {
            "failure": {"on_failure": "{{ 'pause' }}"},
            "concurrent": {"max_concurrent": 0},
            "waive": {"waive": ["everything"]},
        }
        for task_id, arguments in wrong.items():
            PublishOfferOperator(task_id=task_id, offer_id=offers, retries=1, retry_delay=NO_DELAY, **arguments)
    result = run(airflow, emulator, api, dag)
    assert {len(result.tries(task)) for task in result.states} == {1}
    assert "'stop' or 'continue'" in str(result.error("failure"))
    assert "a whole number from 1 to 32" in str(result.error("concurrent"))
    assert "window_over" in str(result.error("waive"))
    assert not emulator.journal(method="PATCH")


def test_a_nightly_archiving_that_fails_half_way_is_taken_up_by_the_next(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    over = {"startDate": "2020-01-01T00:00:00Z", "endDate": "2020-02-01T00:00:00Z"}
    offers = emulator.seed(12, template={"status": "approved", "selectionConstraint": over})
    refused(emulator, offers[:2], api, status=503)
    with dag_of("nightly") as dag:
        ArchiveExpiredOffersOperator(task_id="tidy")
    first = run(airflow, emulator, api, dag, max_retries=0)
    assert first.states == {"tidy": "failed"}
    assert patches(emulator) == 10
    emulator.clear_faults()
    second = run(airflow, emulator, api, dag)
    report = second.result("tidy")
    assert (report["expired"], len(report["archived"]), report["left"]) == (2, 2, 0)
    assert {offer["body"]["status"] for offer in emulator.objects(kind="personalized-offer")} == {"archived"}


@pytest.mark.parametrize("ahead", [timedelta(minutes=5), timedelta(minutes=-5)])
def test_what_is_over_is_a_matter_of_the_services_clock(airflow: Airflow, api: str, ahead: timedelta) -> None:
    """The worker's clock is five minutes ahead, or behind."""
    with Emulator() as emulator:
        emulator.clock.set(datetime.now(UTC) - ahead)
        now = emulator.clock.now()
        for name, ended in (("Over", now - timedelta(minutes=1)), ("Shown", now + timedelta(minutes=1))):
            window = {"startDate": "2020-01-01T00:00:00Z", "endDate": ended.isoformat()}
            emulator.seed(1, name=name, template={"status": "approved", "selectionConstraint": window})
        with dag_of("skewed") as dag:
            ArchiveExpiredOffersOperator(task_id="tidy")
        result = run(airflow, emulator, api, dag)
        objects = emulator.objects(kind="personalized-offer")
    assert {offer["body"]["name"]: offer["body"]["status"] for offer in objects} == {
        "Over": "archived",
        "Shown": "approved",
    }
    side = "ahead of" if ahead > timedelta(0) else "behind"
    assert f"The clock of this machine is 0:05:00 {side} that of" in result.logs


def test_what_ended_a_moment_ago_is_archived_once_a_margin_has_passed(airflow: Airflow, api: str) -> None:
    with Emulator() as emulator:
        end = datetime.now(UTC) - MARGIN + timedelta(seconds=1)
        window = {"startDate": "2020-01-01T00:00:00Z", "endDate": end.isoformat()}
        emulator.seed(1, template={"status": "approved", "selectionConstraint": window})
        with dag_of("just_over") as dag:
            ArchiveExpiredOffersOperator(task_id="tidy")
        result = run(airflow, emulator, api, dag)
        (archived,) = result.result("tidy")["archived"]
        (entry,) = emulator.journal(method="PATCH")
    assert archived["action"] == "archived"
    assert datetime.fromisoformat(entry.time) >= end + MARGIN
