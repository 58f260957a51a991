"""The operators in real DAG runs: their receipts, their combinations, and their treatment of existing offers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import task

from airflow_provider_offers.client.errors import ConflictError, InvalidInputError
from airflow_provider_offers.client.flows import deleting
from airflow_provider_offers.client.flows.memory import Intents, TaskTries
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import kind_of
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.library import (
    DeleteLibraryObjectOperator,
    PatchLibraryObjectOperator,
    SearchLibraryObjectsOperator,
)
from airflow_provider_offers.operators.offers import (
    CreateFallbackOfferOperator,
    CreateOfferOperator,
    DeleteOfferOperator,
    GetOfferOperator,
    PatchOfferOperator,
    SearchOffersOperator,
)
from tests.airflow.harness import Airflow
from tests.airflow.library import (
    dag_of,
    document,
    errors,
    fallback,
    named,
    offer_of,
    offers,
    personalized,
    run,
    seed,
    writes,
)
from tests.client.script import SETTINGS

CREATE = {"personalized": CreateOfferOperator, "fallback": CreateFallbackOfferOperator}
REPLACE = [{"op": "replace", "path": "/status", "value": "approved"}]


def receipt_of(stored: dict[str, Any], api: str, action: str | None, **changes: Any) -> dict[str, Any]:
    """The receipt that a task should return for an offer that the emulator shows."""
    receipt = {
        "id": stored["id"],
        "instance_id": stored["instance_id"] if api == "xcore" else stored["id"],
        "name": stored["body"]["name"],
        "etag": stored["etag"],
        "offer_type": stored["kind"].removesuffix("-offer"),
        "api": api,
        "sandbox": stored["sandbox"],
    }
    return {**receipt, **({} if action is None else {"action": action}), **changes}


@pytest.mark.parametrize("offer_type", ["personalized", "fallback"])
def test_the_life_of_an_offer(airflow: Airflow, emulator: Emulator, api: str, offer_type: str) -> None:
    with dag_of("life") as dag:
        create = CREATE[offer_type](task_id="create", offer=offer_of(offer_type, "Voucher"))
        look = GetOfferOperator(task_id="get", offer_id=create.output)
        change = PatchOfferOperator(task_id="patch", offer_id=look.output, patch=REPLACE)
        find = SearchOffersOperator(task_id="search", properties="name==Voucher", offer_type=offer_type)  # type: ignore[arg-type]
        found = GetOfferOperator.partial(task_id="get_found").expand(offer_id=find.output)
        delete = DeleteOfferOperator(task_id="delete", offer_id=change.output)
        change >> find
        found >> delete

    result = run(airflow, emulator, api, dag)

    assert set(result.states.values()) == {"success"}, result.states
    created = result.result("create")
    stored = {"id": created["id"], "instance_id": created["instance_id"], "kind": f"{offer_type}-offer"}
    first = {**stored, "etag": 1, "sandbox": "prod", "body": {"name": "Voucher"}}
    assert created == receipt_of(first, api, "created")
    # A patch that only sets properties does not read the offer, so the name is that of the given receipt.
    second = receipt_of({**first, "etag": 2}, api, None)
    assert result.result("patch") == {**second, "action": "updated"}
    assert result.result("delete") == {**second, "etag": None, "action": "deleted"}
    assert offers(emulator) == []

    read = result.result("get")
    assert {name: read[name] for name in created if name != "action"} == receipt_of(first, api, None)
    assert set(read) - set(created) == {"status", "window", "created", "modified", "offer"}
    assert read["status"] == read["offer"]["status"] == "draft"
    shown = ("2026-03-10T00:00:00", "2026-06-30T21:59:59") if offer_type == "personalized" else ("None", "None")
    assert tuple(str(read["window"][end])[:19] for end in ("start", "end")) == shown
    assert read["offer"]["representations"] == offer_of(offer_type, "Voucher")["representations"]

    (listed,) = result.result("search")
    assert {name: listed[name] for name in second} == second
    assert set(listed) == set(read) - {"offer"}
    assert listed["status"] == "approved"
    assert result.result("get_found[0]")["offer"]["status"] == "approved"


def test_every_way_to_name_an_offer(airflow: Airflow, emulator: Emulator, api: str) -> None:
    stored = seed(emulator, api, "Named")
    receipt = receipt_of(stored, api, "created")
    ways: dict[str, Any] = {
        "by_reference_id": stored["id"],
        "by_receipt": receipt,
        "by_ids_alone": {"id": stored["id"]},
        "by_json": "{{ params.receipt | tojson }}",
        "by_template": "{{ params.receipt.id }}",
    }
    if api == "xcore":
        ways |= {"by_instance_id": stored["instance_id"], "by_adobes_receipt": {"instanceId": stored["instance_id"]}}
    with dag_of("naming", params={"receipt": receipt}) as dag:
        for name, way in ways.items():
            GetOfferOperator(task_id=name, offer_id=way)

    result = run(airflow, emulator, api, dag)

    assert {name: result.xcoms.get(name, {}).get("return_value", {}).get("id") for name in ways} == dict.fromkeys(
        ways, stored["id"]
    ), errors(result, ways)


def test_ids_of_either_generation_are_known_on_both(airflow: Airflow, emulator: Emulator, api: str) -> None:
    there = {made: seed(emulator, made, f"From {made}") for made in ("dps", "xcore")}
    with dag_of("ids") as dag:
        for made, stored in there.items():
            PatchOfferOperator(task_id=made, offer_id=stored["id"], patch=REPLACE)

    result = run(airflow, emulator, api, dag)

    assert set(result.states.values()) == {"success"}
    assert {each["body"]["status"] for each in offers(emulator)} == {"approved"}


def test_the_sandbox_of_a_task_overrides_the_connections(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("sandboxes") as dag:
        create = CreateOfferOperator(task_id="create", offer=personalized("Elsewhere"), sandbox="dev")
        patch = PatchOfferOperator(task_id="patch", offer_id=create.output, patch=REPLACE, sandbox="dev")
        search = SearchOffersOperator(task_id="search", sandbox="dev")
        here = SearchOffersOperator(task_id="search_here")
        misled = GetOfferOperator(task_id="misled", offer_id=create.output)
        delete = DeleteOfferOperator(task_id="delete", offer_id=create.output, sandbox="dev", trigger_rule="all_done")
        patch >> [search, here, misled] >> delete

    result = run(airflow, emulator, api, dag)

    assert result.states.pop("misled") == "failed"
    assert set(result.states.values()) == {"success"}
    assert result.result("create")["sandbox"] == "dev"
    assert [each["name"] for each in result.result("search")] == ["Elsewhere"]
    assert result.result("search_here") == []
    assert "given a receipt from 'dev'" in str(result.error("misled"))
    assert {write.headers["x-sandbox-name"] for write in writes(emulator)} == {"dev"}


@pytest.mark.parametrize("offer_type", ["personalized", "fallback"])
def test_if_exists(airflow: Airflow, emulator: Emulator, api: str, offer_type: str) -> None:
    same = seed(emulator, api, "Same", offer_type)
    other = seed(emulator, api, "Other", offer_type)
    choices = ("fail", "adopt", "update", "skip")
    with dag_of("existing") as dag:
        for choice in choices:
            wanted = offer_of(offer_type, "Other", description="new") if choice == "update" else same["body"]
            wanted = {**wanted, "name": "Other" if choice == "update" else "Same"}
            CREATE[offer_type](task_id=choice, offer=wanted, if_exists=choice, retries=2)  # type: ignore[arg-type]
        skipped = dag.get_task("skip").output
        PatchOfferOperator(task_id="after_skip", offer_id=skipped, patch=REPLACE, trigger_rule="all_done")
        CREATE[offer_type](task_id="unchanged", offer=offer_of(offer_type, "Same"), if_exists="update")
        dag.get_task("unchanged") >> [dag.get_task(choice) for choice in choices]

    result = run(airflow, emulator, api, dag)

    assert {choice: result.states[choice] for choice in (*choices, "unchanged")} == {
        "fail": "failed",
        "adopt": "success",
        "update": "success",
        "skip": "skipped",
        "unchanged": "success",
    }
    # Another try would fail in the same way, so there is none.
    assert len(result.tries("fail")) == 1
    assert "named 'Same' already exists in the sandbox 'prod'" in str(result.error("fail"))
    assert same["id"] in str(result.error("fail"))
    assert result.result("adopt") == receipt_of(same, api, "adopted")
    assert result.result("unchanged") == receipt_of(same, api, "unchanged")
    assert result.result("skip") == receipt_of(same, api, "skipped")
    assert result.result("after_skip")["id"] == same["id"]
    assert result.result("update") == receipt_of(other, api, "updated", etag=2)
    assert named(emulator, "Other")[0]["body"]["description"] == "new"
    assert len(offers(emulator)) == 2


def test_names_that_several_offers_have_are_not_guessed_about(airflow: Airflow, emulator: Emulator, api: str) -> None:
    for _ in range(2):
        seed(emulator, api, "Twin")
    choices = ("fail", "adopt", "update", "skip")
    with dag_of("twins") as dag:
        for choice in choices:
            CreateOfferOperator(task_id=choice, offer=personalized("Twin"), if_exists=choice, retries=1)  # type: ignore[arg-type]

    result = run(airflow, emulator, api, dag)

    assert set(result.states.values()) == {"failed"}
    assert len(result.attempts) == len(choices)
    for text in errors(result, choices[1:]).values():
        assert "2 personalized offers are named 'Twin'" in text
    assert writes(emulator) == []


def test_an_offer_of_the_other_type_has_a_name_of_its_own(airflow: Airflow, emulator: Emulator, api: str) -> None:
    seed(emulator, api, "Shared", "fallback")
    with dag_of("types") as dag:
        CreateOfferOperator(task_id="create", offer=personalized("Shared"))

    assert run(airflow, emulator, api, dag).result("create")["action"] == "created"


def test_if_match_and_both_spellings_of_a_patch(airflow: Airflow, emulator: Emulator, api: str) -> None:
    stored = seed(emulator, api, "Guarded")
    with dag_of("guarded") as dag:
        first = PatchOfferOperator(
            task_id="first",
            offer_id=stored["id"],
            if_match=1,
            patch=[{"op": "replace", "path": "/rank/priority", "value": 20}],
        )
        stale = PatchOfferOperator(
            task_id="stale",
            offer_id=stored["id"],
            if_match="1",
            patch=[{"op": "replace", "path": "/rank/priority", "value": 30}],
        )
        fresh = PatchOfferOperator(
            task_id="fresh",
            offer_id=stored["id"],
            if_match="{{ ti.xcom_pull('first')['etag'] }}",
            patch=[{"op": "add", "path": "/_instance/xdm:cappingConstraint", "value": {"xdm:globalCap": 7}}],
            trigger_rule="all_done",
        )
        first >> stale >> fresh

    result = run(airflow, emulator, api, dag)

    assert result.states == {"first": "success", "stale": "failed", "fresh": "success"}
    assert "its etag is 2, not 1" in str(result.error("stale"))
    (offer,) = offers(emulator)
    assert (offer["etag"], offer["body"]["rank"], offer["body"]["cappingConstraint"]) == (
        3,
        {"priority": 20},
        {"globalCap": 7},
    )


def test_searches(airflow: Airflow, emulator: Emulator, api: str) -> None:
    for number, status in ((1, "draft"), (2, "approved"), (3, "approved")):
        seed(emulator, api, f"Spring voucher {number}", changes={"status": status, "rank": {"priority": number}})
    seed(emulator, api, "Banner", "fallback")
    searches: dict[str, tuple[dict[str, Any], list[str]]] = {
        "everything": ({}, ["1", "2", "3"]),
        "one_status": ({"properties": ["status==approved"]}, ["2", "3"]),
        "two_filters": ({"properties": ["_instance.xdm:rank.xdm:priority>1", "name~.*3"]}, ["3"]),
        "words": ({"q": "SPRING 2", "qop": "AND", "fields": ["name"]}, ["2"]),
        "a_phrase": ({"q": '"voucher 1"', "fields": "_instance.xdm:name"}, ["1"]),
        "newest_first": ({"order_by": "-repo:createdDate", "limit": "2"}, ["3", "2"]),
        "small_pages": ({"order_by": ["created"], "page_size": "1"}, ["1", "2", "3"]),
        "none": ({"properties": "name==Nobody"}, []),
        "fallbacks": ({"offer_type": "fallback", "full": True}, ["Banner"]),
    }
    with dag_of("searching") as dag:
        for name, (parameters, _) in searches.items():
            SearchOffersOperator(task_id=name, **parameters)

    result = run(airflow, emulator, api, dag)

    found = {name: [each["name"].split()[-1] for each in result.result(name)] for name in searches}
    unordered = {name: order if "order_by" in searches[name][0] else sorted(order) for name, order in found.items()}
    assert unordered == {name: expected for name, (_, expected) in searches.items()}
    assert result.result("fallbacks")[0]["offer"]["name"] == "Banner"


def test_what_dps_cannot_express_is_refused_and_not_dropped(airflow: Airflow, emulator: Emulator) -> None:
    refused: dict[str, dict[str, Any]] = {
        "q_everywhere": {"q": "spring"},
        "q_in_two_fields": {"q": "spring", "fields": ["name", "description"]},
        "by_client": {"properties": "createdByClientId==x"},
    }
    with dag_of("refused") as dag:
        for name, parameters in refused.items():
            SearchOffersOperator(task_id=name, **parameters, retries=3)

    result = run(airflow, emulator, "dps", dag)

    assert result.states == dict.fromkeys(refused, "failed")
    assert len(result.attempts) == len(refused)
    said = errors(result, refused)
    assert all("dps has no full-text search" in said[name] for name in ("q_everywhere", "q_in_two_fields"))
    assert "dps does not store 'createdByClientId'" in said["by_client"]
    assert emulator.journal(path="/data/core/*") == []


def test_deletions(airflow: Airflow, emulator: Emulator, api: str) -> None:
    emulator.configure(delete_delay=0.3)
    seeded = seed(emulator, api, "Going")
    gone = "dps:personalized-offer:1c265317da412003"
    with dag_of("deleting") as dag:
        delete = DeleteOfferOperator(task_id="delete", offer_id=seeded["id"])
        again = DeleteOfferOperator(task_id="again", offer_id=delete.output)
        content = DeleteOfferOperator(task_id="content", offer_id=gone, missing_ok=True, trigger_rule="all_done")
        again >> content

    result = run(airflow, emulator, api, dag)

    assert result.states == {"delete": "success", "again": "failed", "content": "success"}
    common = {"name": None, "etag": None, "offer_type": "personalized", "api": api, "sandbox": "prod"}
    instance_id = seeded["instance_id"] if api == "xcore" else seeded["id"]
    assert result.result("delete") == {
        "id": seeded["id"],
        "instance_id": instance_id,
        **common,
        "action": "deleted",
    }
    assert result.result("content") == {"id": gone, "instance_id": gone, **common, "action": "unchanged"}
    assert "there is no personalized offer" in str(result.error("again")) or "404" in str(result.error("again"))
    if api == "xcore":
        # An accepted deletion may not be done yet: the offer is read until it is gone.
        assert writes(emulator)[0].status == 202
        looks = [entry.status for entry in emulator.journal(route="xcore.get")]
        assert (looks[0], looks[-1]) == (200, 404)


def test_an_offer_that_a_collection_names_is_not_deleted(
    airflow: Airflow, emulator: Emulator, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deleting, "_GRACE_SECONDS", 0.0)
    emulator.configure(delete_delay=0.3)
    stored = seed(emulator, api, "Collected")
    collection = {"name": "Set", "filterType": "offers", "ids": [stored["id"]]}
    emulator.seed(objects=[{"kind": "offer-filter", "body": collection}])
    with dag_of("referenced") as dag:
        DeleteOfferOperator(task_id="delete", offer_id=stored["id"])

    result = run(airflow, emulator, api, dag)

    assert result.states == {"delete": "failed"}
    assert isinstance(result.error("delete"), ConflictError)
    assert stored["id"] in str(result.error("delete"))
    assert len(offers(emulator)) == 1
    if api == "xcore":
        # An accepted deletion may not be done yet: the verdict is polled until there is one.
        verdicts = [entry.status for entry in emulator.journal(route="xcore.deletion")]
        assert (verdicts[0], verdicts[-1]) == (202, 200)


def test_mapped_creations_and_their_receipts(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("mapped") as dag:

        @task
        def plan() -> list[dict[str, Any]]:
            return [fallback(f"Banner {number}") for number in range(3)]

        made = CreateFallbackOfferOperator.partial(task_id="create", if_exists="fail").expand(offer=plan())
        PatchOfferOperator.partial(task_id="patch", patch=REPLACE).expand(offer_id=made.output)
        CreateOfferOperator.partial(task_id="literal").expand(offer=[personalized("A"), personalized("B")])

    result = run(airflow, emulator, api, dag)

    assert set(result.states.values()) == {"success"}, result.states
    assert [result.result(f"create[{n}]")["name"] for n in range(3)] == [f"Banner {n}" for n in range(3)]
    assert [result.result(f"patch[{n}]")["id"] for n in range(3)] == [
        result.result(f"create[{n}]")["id"] for n in range(3)
    ]
    assert len(offers(emulator)) == 5


def test_what_a_log_tells_of_a_task(airflow: Airflow, emulator: Emulator, api: str) -> None:
    payload = personalized("Told", description="nobody's business", characteristics={"note": "unlogged"})
    with dag_of("telling") as dag:
        create = CreateOfferOperator(task_id="create", offer=payload)
        look = GetOfferOperator(task_id="get", offer_id=create.output)
        patch = PatchOfferOperator(
            task_id="patch",
            offer_id=create.output,
            patch=[{"op": "replace", "path": "/description", "value": "a well-kept text"}],
        )
        search = SearchOffersOperator(task_id="search", properties="name==Told")
        delete = DeleteOfferOperator(task_id="delete", offer_id=create.output)
        look >> patch >> search >> delete

    result = run(airflow, emulator, api, dag)

    identifier = result.result("create")["id"]
    answered = {entry.response_headers.get("x-request-id") for entry in emulator.journal(path="/data/core/*")}
    for verb in ("Created", "Read", "Updated", "Deleted"):
        line = next(line for line in result.logs.splitlines() if f"{verb} personalized offer 'Told'" in line)
        assert f"({identifier}) in sandbox 'prod' over {api} in " in line
        assert line.split("[request id ")[1].split("]")[0] in answered
    line = next(line for line in result.logs.splitlines() if "Found 1 personalized offer in sandbox 'prod'" in line)
    assert line.split("[request id ")[1].split("]")[0] in answered
    told = [line for line in result.logs.splitlines() if "OfferLibraryHook" in line]
    for secret in ("nobody's business", "unlogged", "a well-kept text", "<p>10%</p>"):
        assert not [line for line in told if secret in line]


def test_a_log_tells_of_nothing_and_of_one_in_plain_words(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("nothing") as dag:
        DeleteLibraryObjectOperator(task_id="delete", kind="tag", object_id="name:nope", missing_ok=True)
        SearchLibraryObjectsOperator(task_id="search", kind="tag", properties="name==nope")
        SearchLibraryObjectsOperator(task_id="one", kind="tag", limit=1)

    logs = run(airflow, emulator, api, dag).logs

    for line in (
        "Unchanged tag 'nope' in sandbox 'prod'",
        "Found 0 collection qualifiers in sandbox 'prod'",
        "Found 1 collection qualifier in sandbox 'prod'",
    ):
        assert line in logs


def test_an_unreferenced_document_is_kept_as_it_was_written(airflow: Airflow, emulator: Emulator, api: str) -> None:
    """Unknown properties, empty ones and every kind of JSON value arrive unchanged."""
    strange = {"adobe:new": {"deep": [1, 2.5, True, None, "ü"]}, "characteristics": {"sku": "SPR-10"}}
    with dag_of("strange") as dag:
        CreateOfferOperator(task_id="create", offer={**personalized("Strange"), **strange})

    result = run(airflow, emulator, api, dag)

    assert result.states == {"create": "success"}, result.error("create")
    (write,) = writes(emulator)
    sent = document(write)
    assert sent["adobe:new"] == strange["adobe:new"]
    assert sent["characteristics" if api == "dps" else "xdm:characteristics"] == strange["characteristics"]


def test_a_patch_of_no_object_is_checked_by_the_rules_of_its_kind() -> None:
    """A list may be empty, such as the output of a search."""
    hook: Any = SimpleNamespace(
        library=OfferLibrary(SETTINGS), objects=lambda kind: SimpleNamespace(kind=kind_of(kind))
    )
    go_live = [{"op": "replace", "path": "/status", "value": "live"}]
    with dag_of("none"):
        decisions = PatchLibraryObjectOperator(task_id="decisions", kind="decision", object_id=[], patch=go_live)
        offers = PatchOfferOperator(task_id="offers", offer_id=[], patch=go_live)
    for each in (decisions, offers):
        each.intents = Intents(TaskTries(), [])
    decisions.edit(hook, [])
    with pytest.raises(InvalidInputError, match="expected 'draft' or 'approved' or 'archived'"):
        offers.edit(hook, [])
