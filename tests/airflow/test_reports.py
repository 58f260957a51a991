"""Long results go to a file: the task returns a summary, and later tasks accept it instead of a list."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from airflow.sdk import ObjectStoragePath

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.library import CreateLibraryObjectOperator, DeleteLibraryObjectOperator
from airflow_provider_offers.operators.offers import (
    ArchiveExpiredOffersOperator,
    CreateOfferOperator,
    GetOfferOperator,
    PublishOfferOperator,
    SearchOffersOperator,
)
from airflow_provider_offers.operators.reports import returned
from airflow_provider_offers.sensors.offers import OfferStatusSensor
from tests.airflow.capture import captured_output
from tests.airflow.harness import Airflow
from tests.airflow.library import CONNECTION, dag_of, errors, offers, personalized, run, writes
from tests.airflow.task_runner import Ended, run_task

NAMES = [f"Voucher {number}" for number in range(12)]
WINDOW = {"selectionConstraint": {"startDate": "2026-03-10T00:00:00Z", "endDate": "2036-06-30T21:59:59Z"}}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_report_stands_for_its_list_in_later_tasks(
    airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path
) -> None:
    folder = tmp_path / "not yet there"
    with dag_of("reported") as dag:
        create = CreateOfferOperator(
            task_id="create",
            offer=[personalized(name, **WINDOW) for name in NAMES],
            report=f"file://{folder}/{{{{ run_id }}}}/created.jsonl",
        )
        publish = PublishOfferOperator(
            task_id="publish", offer_id=create.output, report=str(folder / "published.jsonl")
        )
        wait = OfferStatusSensor(
            task_id="wait", offer_id="{{ ti.xcom_pull('publish') }}", status="approved", poke_interval=0.1, timeout=30
        )
        search = SearchOffersOperator(task_id="search", report=str(folder / "found.jsonl"))
        look = GetOfferOperator(task_id="look", offer_id=search.output, report=str(folder / "read.jsonl"))
        copy = CreateOfferOperator(
            task_id="copy",
            rows=look.output,
            offer={**personalized("{{ row.name }} again", rank="{{ row.offer.rank }}"), **WINDOW},
        )
        tag = CreateLibraryObjectOperator(
            task_id="tag", kind="tag", object=[{"name": "T1"}, {"name": "T2"}], report=str(folder / "tags.jsonl")
        )
        untag = DeleteLibraryObjectOperator(task_id="untag", kind="tag", object_id=tag.output)
        expired = ArchiveExpiredOffersOperator(task_id="expired", report=str(folder / "expired.jsonl"))
        publish >> wait >> search >> look >> copy >> expired >> untag

    result = run(airflow, emulator, api, dag)

    assert set(result.states.values()) == {"success"}, errors(result, result.states)
    summary = result.result("create")
    assert summary["report"] == f"file://{folder}/{result.run_id}/created.jsonl"
    assert (summary["count"], summary["actions"]) == (12, {"created": 12})
    receipts = lines(folder / result.run_id / "created.jsonl")
    assert [receipt["name"] for receipt in receipts] == NAMES
    assert summary["first"] == [{"id": each["id"], "name": each["name"]} for each in receipts[:5]]
    assert len(json.dumps(summary)) < 1_500
    assert result.result("publish")["actions"] == {"published": 12}
    assert sorted(each["name"] for each in lines(folder / "read.jsonl")) == sorted(NAMES)
    assert [each["name"] for each in result.result("look")["first"]] == [
        each["name"] for each in lines(folder / "read.jsonl")[:5]
    ]
    assert sorted(each["name"] for each in result.result("copy")) == sorted(f"{name} again" for name in NAMES)
    assert {each["body"]["rank"]["priority"] for each in offers(emulator)} == {10}
    assert len(offers(emulator)) == 24
    assert [each["kind"] for each in lines(folder / "tags.jsonl")] == ["tag", "tag"]
    assert result.result("expired")["archived"]["count"] == 0


def test_a_report_has_what_failed_and_lets_later_tasks_go_on_with_the_rest(
    airflow: Airflow, emulator: Emulator, tmp_path: Path
) -> None:
    emulator.add_fault("status", status=422, contains='"Voucher 3"', method="POST")
    with dag_of("reported_failure") as dag:
        create = CreateOfferOperator(
            task_id="create",
            offer=[personalized(name, **WINDOW) for name in NAMES],
            on_failure="continue",
            report=str(tmp_path / "created.jsonl"),
        )
        GetOfferOperator(task_id="look", offer_id=create.output, trigger_rule="all_done")

    result = run(airflow, emulator, "dps", dag)

    assert result.states == {"create": "failed", "look": "success"}, errors(result, ["look"])
    assert result.result("create")["actions"] == {"created": 11, "failed": 1}
    assert list(result.result("create")["failures"]) == ["'Voucher 3'"]
    (failed,) = [each for each in lines(tmp_path / "created.jsonl") if each["action"] == "failed"]
    assert failed["name"] == "'Voucher 3'"
    assert "422" in failed["error"]
    assert len(result.result("look")) == 11


def test_a_report_that_cannot_be_is_refused_before_any_request(
    airflow: Airflow, emulator: Emulator, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    lost: dict[str, Any] = {"report": str(tmp_path / "lost.jsonl"), "digest": "0", "count": 1}
    with dag_of("no_report") as dag:
        for name, report in (
            ("relative", "created.jsonl"),
            ("scheme", "nowhere://bucket/created.jsonl"),
            ("password", "ftp://me:hunter2@host/created.jsonl"),
            ("folder", str(tmp_path / "file" / "created.jsonl")),
        ):
            CreateOfferOperator(task_id=name, offer=[personalized(name)], report=report)
        GetOfferOperator(task_id="lost", offer_id=lost)
        GetOfferOperator(task_id="other", offer_id={**lost, "report": str(tmp_path / "file")})

    result = run(airflow, emulator, "dps", dag)

    assert set(result.states.values()) == {"failed"}
    found = errors(result, result.states)
    assert (
        "report: given 'created.jsonl'; expected an address of object storage or an absolute path" in found["relative"]
    )
    assert "report: given 'nowhere://bucket/created.jsonl'" in found["scheme"]
    assert "report: given an address with a password; expected the id of a connection" in found["password"]
    assert "cannot be written" in found["folder"]
    assert "which does not exist" in found["lost"]
    assert "which another task has overwritten; expected the report as its task wrote it" in found["other"]
    assert writes(emulator) == []
    assert "hunter2" not in str(found)


# The same without a scheduler.


@pytest.fixture
def connected(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, airflow_home: Path) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(emulator.connection("dps")))


def ended(operator: type[Any], **arguments: Any) -> Ended:
    with dag_of("reporting"):
        task = operator(task_id="task", **arguments)
    return run_task(task)


@pytest.mark.usefixtures("connected")
def test_a_report_may_be_a_path_of_object_storage() -> None:
    place = ObjectStoragePath(f"memory://{uuid4()}/created.jsonl")

    end = ended(CreateOfferOperator, offer=[personalized("One", **WINDOW)], report=place)

    assert end.error is None
    assert (end.result["report"], end.result["count"]) == (str(place), 1)
    assert [json.loads(line)["name"] for line in place.read_text().splitlines()] == ["One"]


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("report", ["http://[", "http://127.0.0.1:9/created.jsonl", "gs://bucket/created.jsonl"])
def test_an_address_that_nothing_can_be_written_to_is_refused(emulator: Emulator, report: str) -> None:
    end = ended(CreateOfferOperator, offer=[personalized("One", **WINDOW)], report=report)

    assert type(end.error).__name__ == "AirflowFailException"
    assert str(end.error).startswith(f"The report cannot be used:\n  report: given {report!r}")
    assert "; expected an address of object storage or an absolute path" in str(end.error)
    assert writes(emulator) == []


class LosesItsFolder(CreateOfferOperator):
    """A file takes the place of the report's folder while the task works."""

    def work(self, hook: Any, context: Any) -> Any:
        done = super().work(hook, context)
        folder = Path(self.report).parent
        shutil.rmtree(folder)
        folder.write_text("")
        return done


@pytest.mark.usefixtures("connected")
def test_what_was_done_is_in_xcom_if_its_report_cannot_be_written(emulator: Emulator, tmp_path: Path) -> None:
    report = str(tmp_path / "reports" / "created.jsonl")

    end = ended(LosesItsFolder, offer=[personalized("One", **WINDOW)], report=report)

    assert type(end.error) is OfferLibraryError
    assert end.error.retryable
    assert str(end.error).startswith(f"The work is done, and its report {report!r} cannot be written: ")
    assert [each["name"] for each in end.result] == ["One"]
    assert len(writes(emulator)) == 1


@pytest.mark.usefixtures("connected")
def test_a_report_that_cannot_be_read_may_be_readable_later_unless_it_has_no_address(tmp_path: Path) -> None:
    summary = {"digest": "0", "count": 1}

    later = ended(GetOfferOperator, offer_id={**summary, "report": str(tmp_path)}).error
    never = ended(GetOfferOperator, offer_id={**summary, "report": "created.jsonl"}).error

    assert type(later) is OfferLibraryError
    assert later.retryable
    assert str(later) == f"The report {str(tmp_path)!r} cannot be read: Is a directory"
    assert type(never).__name__ == "AirflowFailException"
    assert "report: given 'created.jsonl'; expected an address of object storage" in str(never)


@pytest.mark.parametrize(("count", "is_long"), [(1_999, False), (2_000, True)])
def test_a_long_list_in_xcom_is_warned_of(count: int, is_long: bool) -> None:
    receipts: list[dict[str, Any]] = [{}] * count
    context: Any = SimpleNamespace()

    with captured_output() as output:
        assert returned(SearchOffersOperator(task_id="search"), context, receipts) is receipts
        told = output.text()

    said = "The result is a list of 2000 objects in XCom; report='s3://...' puts it into a file instead"
    assert (said in told) == is_long
