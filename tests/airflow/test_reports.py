"""Long results go to a file: the task returns a summary, and later tasks accept it instead of a list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.library import CreateLibraryObjectOperator, DeleteLibraryObjectOperator
from airflow_provider_offers.operators.offers import (
    ArchiveExpiredOffersOperator,
    CreateOfferOperator,
    GetOfferOperator,
    PublishOfferOperator,
    SearchOffersOperator,
)
from airflow_provider_offers.sensors.offers import OfferStatusSensor
from tests.airflow.harness import Airflow
from tests.airflow.library import dag_of, errors, offers, personalized, run, writes

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
