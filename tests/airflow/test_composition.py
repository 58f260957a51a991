"""Values that tasks pass to each other beyond one receipt: outputs of mapped tasks, windows, and earlier tries."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.library import (
    CreateLibraryObjectOperator,
    GetLibraryObjectOperator,
    ReplaceLibraryObjectOperator,
)
from airflow_provider_offers.operators.offers import (
    CreateFallbackOfferOperator,
    CreateOfferOperator,
    DeleteOfferOperator,
    GetOfferOperator,
    PatchOfferOperator,
    PublishOfferOperator,
)
from airflow_provider_offers.sensors.offers import OfferStatusSensor
from tests.airflow.harness import Airflow
from tests.airflow.library import dag_of, errors, offers, personalized, run


def test_the_output_of_a_mapped_task_is_a_list_of_offers(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("mapped") as dag:
        create = CreateOfferOperator.partial(task_id="create").expand(
            offer=[personalized(f"Voucher {number}") for number in range(3)]
        )
        patch = PatchOfferOperator(
            task_id="patch",
            offer_id=create.output,
            patch=[{"op": "replace", "path": "/rank/priority", "value": 7}],
        )
        publish = PublishOfferOperator(task_id="publish", offer_id=create.output, waive=["window_over"])
        wait = OfferStatusSensor(task_id="wait", offer_id=create.output, status="approved", deferrable=True)
        look = GetOfferOperator(task_id="look", offer_id=create.output)
        delete = DeleteOfferOperator(task_id="delete", offer_id=create.output)
        patch >> publish >> wait >> look >> delete
    result = run(airflow, emulator, api, dag)

    assert set(result.states.values()) == {"success"}, [str(each.error) for each in result.attempts if each.error]
    made = [result.result(f"create[{index}]")["id"] for index in range(3)]
    for task, action in [("patch", "updated"), ("publish", "published"), ("delete", "deleted")]:
        receipts = result.result(task)
        assert [receipt["id"] for receipt in receipts] == made
        assert {receipt["action"] for receipt in receipts} == {action}
    assert [(each["id"], each["offer"]["rank"]["priority"]) for each in result.result("look")] == [
        (identifier, 7) for identifier in made
    ]
    assert offers(emulator) == []


def test_the_outputs_of_mapped_tasks_that_return_lists_are_one_list(
    airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path
) -> None:
    with dag_of("lists") as dag:
        made = CreateOfferOperator.partial(task_id="made").expand(
            offer=[[personalized("A"), personalized("B")], personalized("C")]
        )
        reported = CreateOfferOperator.partial(task_id="reported", report=f"{tmp_path}/{{{{ ti.map_index }}}}.jsonl")
        filed = reported.expand(offer=[[personalized("D"), personalized("E")], [personalized("F")]])
        one = CreateOfferOperator(task_id="one", offer=[personalized("G")])
        two = CreateOfferOperator(task_id="two", offer=personalized("H"))
        PublishOfferOperator(task_id="publish", offer_id=made.output, waive=["window_over"])
        look = GetOfferOperator(task_id="look", offer_id=[one.output, two.output])
        wrong = [one.output, None, 5, [6]]
        PublishOfferOperator(task_id="no_offers", offer_id=wrong)
        GetOfferOperator(task_id="no_reads", offer_id=wrong)
        OfferStatusSensor(task_id="no_waits", offer_id=wrong, status="draft")
        wait = OfferStatusSensor(task_id="wait", offer_id=filed.output, status=["draft", "approved"])
        DeleteOfferOperator(task_id="delete", offer_id="{{ ti.xcom_pull('reported') }}")
        [look, wait] >> dag.get_task("delete")
    result = run(airflow, emulator, api, dag)

    told = errors(result, [task for task, state in result.states.items() if state != "success"])
    assert set(told) == {"no_offers", "no_reads", "no_waits"}, told
    for each in told.values():
        assert re.findall(r"offer_id/(\d): given (\w+)", each) == [("1", "nothing"), ("2", "an"), ("3", "an")], each
    assert [each["name"] for each in result.result("publish")] == ["A", "B", "C"]
    assert [each["name"] for each in result.result("look")] == ["G", "H"]
    assert {each["body"]["name"] for each in offers(emulator)} == {"A", "B", "C", "G", "H"}


@pytest.mark.parametrize("as_text", ["", " | tojson"])
def test_what_a_template_renders_of_a_result_is_used_anywhere_in_a_document(
    airflow: Airflow, emulator: Emulator, api: str, as_text: str
) -> None:
    def pulled(name: str) -> str:
        return "{{ ti.xcom_pull('" + name + "')" + as_text + " }}"

    shown = [{"placement": pulled("placement"), "components": "{{ params.shown" + as_text + " }}"}]
    options = {"shown": [{"type": "html", "format": "text/html", "content": "<p>x</p>"}], "rank": {"xdm:priority": 3}}
    with dag_of("text", params=options) as dag:
        placement = CreateLibraryObjectOperator(task_id="placement", kind="placement", object={"name": "Top"})
        tag = CreateLibraryObjectOperator(task_id="tag", kind="tag", object={"name": "Spring"})
        create = CreateOfferOperator(
            task_id="create",
            offer=personalized("Sale", representations=shown, rank="{{ params.rank" + as_text + " }}"),
        )
        patch = PatchOfferOperator(
            task_id="patch",
            offer_id=pulled("create"),
            patch=[{"op": "add", "path": "/tags", "value": "{{ [ti.xcom_pull('tag')]" + as_text + " }}"}],
        )
        [placement, tag] >> create >> patch

    result = run(airflow, emulator, api, dag)

    assert set(result.states.values()) == {"success"}, [str(each.error) for each in result.attempts if each.error]
    (made,) = offers(emulator)
    assert made["body"]["representations"][0]["placement"] == result.result("placement")["id"]
    assert made["body"]["rank"] == {"priority": 3}
    assert made["body"]["tags"] == [result.result("tag")["id"]]


def test_the_result_of_a_task_is_not_a_document(airflow: Airflow, emulator: Emulator, api: str) -> None:
    """A placement and a qualifier need only a name, which every result has: they would lose their content."""
    web = {"name": "Web", "channel": "https://ns.adobe.com/xdm/channel-types/web", "componentType": "html"}
    with dag_of("results") as dag:
        made = CreateLibraryObjectOperator(task_id="made", kind="placement", object=web)
        look = GetLibraryObjectOperator(task_id="look", kind="placement", object_id=made.output)
        offer = CreateOfferOperator(task_id="offer", offer=personalized("Voucher"))
        got = GetOfferOperator(task_id="got", offer_id=[offer.output])
        ReplaceLibraryObjectOperator(task_id="replace", kind="placement", object_id=made.output, object=look.output)
        CreateLibraryObjectOperator(task_id="again", kind="placement", object=made.output, if_exists="update")
        CreateLibraryObjectOperator(task_id="qualifier", kind="tag", object="{{ ti.xcom_pull('look') | tojson }}")
        CreateOfferOperator(task_id="offers", offer=got.output, if_exists="adopt")
        clone = CreateLibraryObjectOperator(
            task_id="clone",
            kind="placement",
            object="{{ ti.xcom_pull('look')['object'] | tojson }}",
            if_exists="update",
        )
        look >> [clone, dag.get_task("qualifier")]
    result = run(airflow, emulator, api, dag)

    told = errors(result, result.states)
    inside = "the document in it, such as \"{{ ti.xcom_pull(...)['%s'] | tojson }}\""
    for each in ("replace", "qualifier"):
        assert f"given the result of a task; expected {inside % 'object'}" in told[each]
    assert f"/0: given the result of a task in 'Voucher'; expected {inside % 'offer'}" in told["offers"]
    assert "given the result of a task; expected a document, which tasks that get objects have" in told["again"]
    assert result.result("clone")["action"] == "unchanged"
    (placement,) = [each["body"] for each in emulator.objects() if each["body"]["name"] == "Web"]
    assert placement == web


def test_an_offer_is_created_with_its_window(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("windowed") as dag:
        CreateOfferOperator(
            task_id="create",
            offer=personalized("Voucher"),
            window={
                "start": "{{ '2026-10-20' }}T09:00",
                "duration": "P14D",
                "timezone": "America/New_York",
            },
        )
        CreateFallbackOfferOperator(
            task_id="fallback",
            offer={"name": "Else", "status": "draft", "representations": []},
            window={"start": "2026-10-20T09:00:00Z", "duration": "P1D"},
        )
    result = run(airflow, emulator, api, dag)

    assert result.states == {"create": "success", "fallback": "failed"}
    assert isinstance(result.error("fallback"), AirflowFailException)
    assert "A fallback offer has no window" in str(result.error("fallback"))
    (offer,) = offers(emulator)
    constraint = offer["body"]["selectionConstraint"]
    assert constraint["startDate"].startswith("2026-10-20T13:00:00")
    assert constraint["endDate"].startswith("2026-11-03T14:00:00")


@pytest.mark.parametrize("lag", [0, 1])
def test_a_retry_waits_for_what_the_try_before_may_have_made(
    airflow: Airflow, emulator: Emulator, api: str, lag: int
) -> None:
    """The first try posts, gets no answer and cannot read: it ends as if its worker had died."""
    emulator.configure(list_lag=lag, index_lag=lag)
    emulator.add_fault("drop", when="after", method="POST", path="/data/core/*", times=1)
    emulator.add_fault(
        "status", status=503, method="GET", path="/data/core/*", after=2 if api == "xcore" else 1, times=1
    )
    with dag_of("again") as dag:
        # The second try looks for twice as long, however slow the machine is, and at least once after that.
        CreateOfferOperator(
            task_id="create", offer=personalized("Voucher"), retries=1, retry_delay=0, patience=lag + 0.5
        )
    result = run(airflow, emulator, api, dag, max_retries=0)

    assert [attempt.state for attempt in result.tries("create")] == ["up_for_retry", "success"]
    assert result.result("create")["action"] == "adopted"
    assert len(offers(emulator)) == 1
