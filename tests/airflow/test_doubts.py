"""Live decisions and approved offers from the start, in real DAG runs, are sent with a warning."""

from __future__ import annotations

from typing import Any

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.library import CreateLibraryObjectOperator, PatchLibraryObjectOperator
from airflow_provider_offers.operators.offers import CreateOfferOperator, PatchOfferOperator
from tests.airflow.harness import Airflow
from tests.airflow.library import dag_of, errors, personalized, run

OVER = {"startDate": "2021-08-23T07:00:00.000+00:00", "endDate": "2021-08-25T07:00:00.000+00:00"}
# As the dps page and the legacy page create a decision, including the ids.
PAGES: dict[str, dict[str, Any]] = {
    "dps_page": {
        "name": "D1",
        "status": "live",
        **OVER,
        "fallback": "fallbackOffer1234",
        "criteria": [
            {
                "placements": ["offerPlacement1234"],
                "rank": {
                    "priority": 0,
                    "order": {"orderEvaluationType": "ranking-strategy", "rankingStrategy": "123456789123"},
                },
                "profileConstraint": {"profileConstraintType": "none"},
                "optionSelection": {"filter": "offerCollection1234"},
            }
        ],
    },
    "legacy_page": {
        "_instance": {
            "xdm:name": "D2",
            "xdm:status": "live",
            "xdm:startDate": "2022-01-20T16:00:00Z",
            "xdm:endDate": "2022-01-27T16:00:00Z",
            "xdm:criteria": [
                {
                    "xdm:placements": ["xcore:offer-placement:124e0be5699743d3"],
                    "xdm:optionSelection": {"xdm:filter": "xcore:offer-filter:1457f93227d0b6f0"},
                }
            ],
            "xdm:fallback": "xcore:fallback-offer:13c259399d8bf013",
        },
        "_links": {},
    },
}
WARNS = "although the window ended at"


def create(task_id: str, **options: Any) -> CreateLibraryObjectOperator:
    return CreateLibraryObjectOperator(task_id=task_id, kind="decision", object=PAGES[task_id], **options)


def test_the_decisions_of_the_pages_are_created_live_with_a_warning_for_each_finding(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    emulator.configure(missing_references="allow", live_decision="any")
    with dag_of("pages") as dag:
        for page in PAGES:
            create(page)
    result = run(airflow, emulator, api, dag)
    assert set(result.states.values()) == {"success"}, errors(result, result.states)
    assert "'D1' goes live although the window ended at 2021-08-25T07:00:00" in result.logs
    assert "'D2' goes live although the window ended at 2022-01-27T16:00:00" in result.logs
    assert "by the service's clock" in result.logs
    assert "there is no fallback offer fallbackOffer1234" in result.logs
    assert {each["body"]["status"] for each in emulator.objects("offer-activity")} == {"live"}


def test_strict_refuses_what_is_not_waived_and_waived_is_silent(airflow: Airflow, emulator: Emulator, api: str) -> None:
    emulator.configure(missing_references="allow", live_decision="any")
    every = ["window_over", "missing_placement", "missing_collection", "missing_fallback", "missing_formula"]
    with dag_of("strict") as dag:
        create("dps_page", validate="strict", waive="window_over")
        create("legacy_page", waive=every)
    result = run(airflow, emulator, api, dag)
    assert result.states == {"dps_page": "failed", "legacy_page": "success"}
    assert len(result.tries("dps_page")) == 1
    told = errors(result, result.states)["dps_page"]
    assert "missing_fallback" in told
    assert "window_over" not in told
    assert WARNS not in result.logs


def test_an_offer_approved_too_late_is_green_with_a_warning(airflow: Airflow, emulator: Emulator, api: str) -> None:
    late = {**OVER, "profileConstraintType": "none"}
    approve = [{"op": "replace", "path": "/status", "value": "approved"}]
    with dag_of("late") as dag:
        at_once = CreateOfferOperator(
            task_id="at_once", offer=personalized("Late", status="approved", selectionConstraint=late)
        )
        draft = CreateOfferOperator(task_id="draft", offer=personalized("Draft", selectionConstraint=late))
        by_patch = PatchOfferOperator(task_id="by_patch", offer_id=draft.output, patch=approve)
        unknown = PatchLibraryObjectOperator(
            task_id="unknown", kind="tag", object_id="name:Sale", patch=approve, waive="window_over"
        )
        at_once >> draft >> by_patch >> unknown
    result = run(airflow, emulator, api, dag)
    assert result.states == {"at_once": "success", "draft": "success", "by_patch": "success", "unknown": "failed"}
    assert "The personalized offer 'Late' is approved although the window ended at 2021-08-25T07:00:00" in result.logs
    assert "The personalized offer 'Draft' (" in result.logs
    assert result.logs.count(WARNS) >= 2
    assert "waive=['window_over'] silences this" in result.logs


def test_one_doubt_of_many_rows_is_one_warning_with_the_first_rows(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    template = personalized("{{ row.name }}", color="{{ row.color }}")
    rows = [{"name": f"Towel {number}", "color": f"color {number}"} for number in range(1, 9)]
    with dag_of("rows") as dag:
        CreateOfferOperator(task_id="create", offer=template, rows=rows)
    result = run(airflow, emulator, api, dag)
    assert result.states == {"create": "success"}, errors(result, result.states)
    (line,) = (each for each in result.logs.splitlines() if "is sent although it may be wrong" in each)
    assert "The personalized offer 'Towel 1' is sent although" in line
    assert "[8 times in this list: 'Towel 1' at row 1, " in line
    assert "'Towel 5' at row 5 and 3 more]" in line


def test_doubts_of_a_list_that_differ_are_all_told_with_their_places(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    offers = [personalized("A", color="red"), personalized("B", season="spring"), personalized("C", color="blue")]
    with dag_of("list") as dag:
        CreateOfferOperator(task_id="create", offer=offers)
    result = run(airflow, emulator, api, dag)
    assert result.states == {"create": "success"}, errors(result, result.states)
    lines = [each for each in result.logs.splitlines() if "is sent although it may be wrong" in each]
    assert [each.rpartition(" [")[2] for each in lines] == ["2 times in this list: 'A' at /0, 'C' at /2]", "'B' at /1]"]


def test_offers_of_a_list_that_are_approved_too_late_are_told_with_their_number(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    late = {**OVER, "profileConstraintType": "none"}
    offers = [personalized(f"Late {number}", status="approved", selectionConstraint=late) for number in range(1, 8)]
    with dag_of("late_list") as dag:
        CreateOfferOperator(task_id="create", offer=offers)
    result = run(airflow, emulator, api, dag)
    assert result.states == {"create": "success"}, errors(result, result.states)
    first, last = (each for each in result.logs.splitlines() if WARNS in each)
    assert "times in this list" not in first
    assert "[7 times in this list: 'Late " in last
    assert last.endswith(" and 2 more]")
