"""The operators for objects of any kind in real DAG runs, on both generations: lifecycles, names and references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import task
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
from airflow_provider_offers.operators.library import (
    ActivateDecisionOperator,
    ArchiveDecisionOperator,
    CompleteDecisionOperator,
    CreateLibraryObjectOperator,
    DeactivateDecisionOperator,
    DeleteLibraryObjectOperator,
    GetLibraryObjectOperator,
    PatchLibraryObjectOperator,
    ScheduleDecisionOperator,
    SearchLibraryObjectsOperator,
)
from airflow_provider_offers.operators.offers import (
    CreateOfferOperator,
    DeleteOfferOperator,
    GetOfferOperator,
    PatchOfferOperator,
    PublishOfferOperator,
)
from airflow_provider_offers.sensors.offers import OfferStatusSensor
from tests.airflow.harness import Airflow, Run
from tests.airflow.library import NO_DELAY, dag_of, errors, personalized, run, shown_once_posted, writes

PQL = {"type": "PQL", "format": "pql/text", "value": "true"}
WINDOW = {"startDate": "2026-01-01T00:00:00Z", "endDate": "2036-01-01T00:00:00Z"}
COMPONENT = {"type": "html", "format": "text/html", "content": "<p>10%</p>"}

# An object of each kind, and a patch that changes it.
OBJECTS: dict[str, dict[str, Any]] = {
    "placement": {"name": "Newsletter top", "componentType": "html", "channel": "https://ns.adobe.com/x/email"},
    "tag": {"name": "Spring", "description": "of the year"},
    "rule": {
        "name": "Gold members",
        "condition": PQL,
        "definedOn": {
            "profile": {
                "schema": {"ref": "https://ns.adobe.com/xdm/context/profile_union", "version": "1"},
                "referencePaths": ["loyalty.tier"],
            }
        },
    },
    "collection": {"name": "Spring set", "filterType": "any-tags", "ids": [Emulator.TAG_ID]},
    "decision": {"name": "Newsletter", "status": "draft", **WINDOW, "criteria": []},
    "fallback": {"name": "Everyone", "status": "draft", "representations": []},
    "personalized": personalized("Voucher"),
    "formula": {"name": "Boosted", "expression": {**PQL, "value": "offer.rank.priority * 2"}, "isPure": True},
}
KINDS = [kind for kind in OBJECTS if kind != "formula"]
TYPES = {
    "placement": "offer-placement",
    "tag": "tag",
    "rule": "eligibility-rule",
    "collection": "offer-filter",
    "decision": "offer-activity",
    "fallback": "fallback-offer",
    "personalized": "personalized-offer",
    "formula": "ranking-function",
}
RENAME = [{"op": "replace", "path": "/name", "value": "Renamed"}]


def stored(emulator: Emulator, kind: str, name: str) -> list[dict[str, Any]]:
    """The objects with that kind and name, as the emulator stores them."""
    return [each for each in emulator.objects(kind=TYPES[kind]) if each["body"]["name"] == name]


def succeeded(result: Run) -> bool:
    assert result.state == "success", [(each.task_id, str(each.error)) for each in result.attempts if each.error]
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_the_life_of_an_object_of_each_kind(airflow: Airflow, emulator: Emulator, api: str, kind: str) -> None:
    with dag_of("life") as dag:
        create = CreateLibraryObjectOperator(task_id="create", kind=kind, object=OBJECTS[kind])  # type: ignore[arg-type]
        look = GetLibraryObjectOperator(task_id="look", kind=kind, object_id=create.output)  # type: ignore[arg-type]
        change = PatchLibraryObjectOperator(task_id="change", kind=kind, object_id=look.output, patch=RENAME)  # type: ignore[arg-type]
        find = SearchLibraryObjectsOperator(task_id="find", kind=kind, properties="name==Renamed", full=True)  # type: ignore[arg-type]
        delete = DeleteLibraryObjectOperator(task_id="delete", kind=kind, object_id=find.output)  # type: ignore[arg-type]
        change >> find >> delete

    result = run(airflow, emulator, api, dag)

    assert succeeded(result)
    created = result.result("create")
    expected: dict[str, Any] = {"name": OBJECTS[kind]["name"], "etag": 1, "kind": kind, "api": api, "sandbox": "prod"}
    if kind in ("personalized", "fallback"):
        expected["offer_type"] = kind
    assert created == {**expected, "id": created["id"], "instance_id": created["instance_id"], "action": "created"}
    assert f":{TYPES[kind]}:" in created["id"]
    assert (created["instance_id"] == created["id"]) == (api == "dps")

    read = result.result("look")
    assert {name: read[name] for name in expected} == expected
    assert {**OBJECTS[kind], **read["object"]}.keys() == OBJECTS[kind].keys()
    assert ("status" in read) == (kind in ("decision", "personalized", "fallback"))
    assert ("window" in read) == (kind in ("decision", "personalized"))
    assert result.result("change") == {**created, "etag": 2, "action": "updated"}
    (found,) = result.result("find")
    assert (found["id"], found["object"]["name"], found["etag"]) == (created["id"], "Renamed", 2)
    (deleted,) = result.result("delete")
    gone = {**created, "name": "Renamed", "etag": None, "action": "deleted", "cascaded": []}
    assert deleted == gone
    assert stored(emulator, kind, "Renamed") == []


def test_a_formula_lives_on_dps_only(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("formula") as dag:
        create = CreateLibraryObjectOperator(task_id="create", kind="formula", object=OBJECTS["formula"])
        look = GetLibraryObjectOperator(task_id="look", kind="formula", object_id=create.output)
        DeleteLibraryObjectOperator(task_id="delete", kind="formula", object_id=look.output)

    result = run(airflow, emulator, api, dag)

    if api == "dps":
        assert succeeded(result)
        assert result.result("look")["object"]["expression"] == OBJECTS["formula"]["expression"]
    else:
        assert isinstance(result.error("create"), AirflowFailException)
        assert "documents no calls for a ranking formula" in str(result.error("create"))
        assert writes(emulator) == []


@pytest.mark.parametrize("if_exists", ["fail", "adopt", "update", "skip"])
@pytest.mark.parametrize("kind", ["tag", "rule", "decision"])
def test_a_name_that_is_taken(airflow: Airflow, emulator: Emulator, api: str, kind: str, if_exists: str) -> None:
    other = {**OBJECTS[kind], "description": "another"}
    (there,) = emulator.seed(objects=[{"kind": TYPES[kind], "generation": api, "body": OBJECTS[kind]}])
    with dag_of("taken") as dag:
        CreateLibraryObjectOperator(task_id="create", kind=kind, object=other, if_exists=if_exists)  # type: ignore[arg-type]

    result = run(airflow, emulator, api, dag)

    if if_exists == "fail":
        assert there in str(result.error("create"))
        assert isinstance(result.error("create"), AirflowFailException)
    else:
        receipt = result.result("create")
        action = {"adopt": "adopted", "update": "updated", "skip": "skipped"}[if_exists]
        assert (receipt["id"], receipt["action"], receipt["kind"]) == (there, action, kind)
        assert result.states["create"] == ("skipped" if if_exists == "skip" else "success")
    (only,) = stored(emulator, kind, OBJECTS[kind]["name"])
    assert only["body"].get("description") == ("another" if if_exists == "update" else OBJECTS[kind].get("description"))


@pytest.mark.parametrize("if_exists", ["fail", "adopt"])
def test_a_tag_that_the_listing_does_not_show_yet_is_answered_like_any_other(
    airflow: Airflow, emulator: Emulator, api: str, if_exists: str
) -> None:
    """The first lookup finds nothing, but the service knows the name and refuses the POST."""
    emulator.configure(list_lag=60, index_lag=60)
    emulator.seed(objects=[{"kind": "tag", "generation": api, "body": {"name": "Spring"}}])
    # An object created within the precision of the clocks could be ours, posted twice by a gateway.
    emulator.clock.advance(8)
    with dag_of("late") as dag:
        CreateLibraryObjectOperator(task_id="create", kind="tag", object={"name": "Spring"}, if_exists=if_exists)  # type: ignore[arg-type]

    with shown_once_posted(emulator):
        result = run(airflow, emulator, api, dag)

    assert [entry.method for entry in writes(emulator)] == ["POST"]
    if if_exists == "fail":
        assert "A collection qualifier named 'Spring' already exists in the sandbox" in str(result.error("create"))
    else:
        assert result.result("create")["action"] == "adopted"
    assert len(stored(emulator, "tag", "Spring")) == 1


@pytest.mark.parametrize("kind", ["placement", "tag", "rule", "collection", "decision"])
def test_a_lost_answer_makes_no_twin(airflow: Airflow, emulator: Emulator, api: str, kind: str) -> None:
    emulator.add_fault("drop", when="after", method="POST", path="/data/core/*", times=1)
    with dag_of("lost") as dag:
        CreateLibraryObjectOperator(task_id="create", kind=kind, object=OBJECTS[kind], patience=0.2)  # type: ignore[arg-type]

    result = run(airflow, emulator, api, dag)

    assert succeeded(result)
    assert result.result("create")["action"] == "created"
    assert len(stored(emulator, kind, OBJECTS[kind]["name"])) == 1
    assert len(writes(emulator)) == 1


def test_a_lost_answer_makes_no_twin_of_what_has_two_spellings(airflow: Airflow, emulator: Emulator, api: str) -> None:
    """Reads of generation 1 show the component type by its other name."""
    emulator.add_fault("drop", when="after", method="POST", path="/data/core/*", times=1)
    with dag_of("lost") as dag:
        CreateLibraryObjectOperator(
            task_id="create",
            kind="placement",
            object={"name": "Plain", "componentType": "component-text"},
            patience=0.2,
        )

    result = run(airflow, emulator, api, dag)

    assert succeeded(result)
    assert len(stored(emulator, "placement", "Plain")) == 1
    assert len(writes(emulator)) == 1


def test_a_hook_does_the_same_in_python(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("python") as dag:

        @task
        def life() -> list[Any]:
            with OfferLibraryHook() as hook:
                tags = hook.objects("tag")
                made = tags.create({"name": "Spring"}, if_exists="adopt")
                again = tags.create({"name": "Spring"}, if_exists="adopt")
                changed = tags.patch("name:Spring", [{"op": "add", "path": "/description", "value": "x"}], if_match=1)
                read = tags.get(made)
                found = list(tags.search(properties="name==Spring"))
                gone = tags.delete("name:Spring", cascade=True)
                return [made, again, changed, read, *found, gone]

        life()

    result = run(airflow, emulator, api, dag)

    assert succeeded(result)
    told = result.result("life")
    assert [each.get("action") for each in told] == ["created", "adopted", "updated", None, None, "deleted"]
    assert {each["kind"] for each in told} == {"tag"}
    assert len({each["id"] for each in told}) == 1
    assert told[3]["object"] == {"name": "Spring", "description": "x"}
    assert "offer_type" not in told[0]
    assert "object" not in told[4]


def test_a_decision_is_built_out_of_names(airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path) -> None:
    shown = [{"placement": "name:Newsletter top", "components": [COMPONENT]}]
    (tmp_path / "decision.json").write_text(
        '{"name": "{{ params.decision }}", "status": "draft", "fallback": "name:Everyone", "criteria": ['
        '{"placements": ["name: Newsletter top"], "optionSelection": {"filter": "name:Spring set"}}]}'
    )
    offer = personalized(
        "Voucher",
        status="approved",
        representations=shown,
        tags=["name:Spring"],
        selectionConstraint={
            **WINDOW,
            "profileConstraintType": "eligibilityRule",
            "eligibilityRule": "name:Gold members",
        },
        frequencyCappingConstraints=[
            {"limit": 3, "scope": "profile", "entity": "placement", "placement": "name:Newsletter top"}
        ],
    )
    everyone = {"name": "Everyone", "status": "approved", "representations": shown}
    with dag_of("campaign", template_searchpath=str(tmp_path), params={"decision": "Newsletter"}) as dag:
        parts = [
            CreateLibraryObjectOperator(task_id=kind, kind=kind, object=OBJECTS[kind])
            for kind in ("placement", "tag", "rule")
        ]
        offers = [
            CreateOfferOperator(task_id="offer", offer=offer),
            CreateLibraryObjectOperator(task_id="fallback", kind="fallback", object=everyone),
        ]
        collection = CreateLibraryObjectOperator(
            task_id="collection",
            kind="collection",
            object={"xdm:name": "Spring set", "xdm:filterType": "anyTags", "ids": ["name:Spring"]},
        )
        decision = CreateLibraryObjectOperator(
            task_id="decision",
            kind="decision",
            object="decision.json",
            window={"start": "2026-03-25T09:00", "end": "2036-01-01", "timezone": "Europe/Paris"},
        )
        activate = ActivateDecisionOperator(task_id="activate", object_id=decision.output)
        for part in parts:
            part >> offers
        offers >> collection >> decision >> activate

    result = run(airflow, emulator, api, dag)

    assert succeeded(result)
    ids = {task: result.result(task)["id"] for task in result.states}
    (kept,) = stored(emulator, "decision", "Newsletter")
    assert kept["body"]["criteria"] == [
        {"placements": [ids["placement"]], "optionSelection": {"filter": ids["collection"]}}
    ]
    assert kept["body"]["fallback"] == ids["fallback"]
    assert kept["body"]["status"] == "live"
    assert kept["body"]["startDate"].startswith("2026-03-25T08:00:00")
    (voucher,) = stored(emulator, "personalized", "Voucher")
    assert voucher["body"]["representations"][0]["placement"] == ids["placement"]
    assert voucher["body"]["tags"] == [ids["tag"]]
    assert voucher["body"]["selectionConstraint"]["eligibilityRule"] == ids["rule"]
    assert voucher["body"]["frequencyCappingConstraints"][0]["placement"] == ids["placement"]


def test_an_offer_is_meant_by_its_name_everywhere(airflow: Airflow, emulator: Emulator, api: str) -> None:
    emulator.seed(
        objects=[
            {"kind": "personalized-offer", "generation": api, "body": personalized("Voucher", tags=[])},
            {"kind": "tag", "generation": api, "body": {"name": "Spring"}},
        ]
    )
    with dag_of("named") as dag:
        tag = PatchOfferOperator(
            task_id="tag", offer_id="name:Voucher", patch=[{"op": "add", "path": "/tags/-", "value": "name:Spring"}]
        )
        publish = PublishOfferOperator(task_id="publish", offer_id="name:Voucher", waive="window_over")
        wait = OfferStatusSensor(task_id="wait", offer_id="name:Voucher", status="approved")
        look = GetOfferOperator(task_id="look", offer_id=["name:Voucher"])
        delete = DeleteOfferOperator(task_id="delete", offer_id="name:Voucher")
        again = DeleteOfferOperator(task_id="again", offer_id="name:Voucher", missing_ok=True)
        tag >> publish >> wait >> look >> delete >> again

    result = run(airflow, emulator, api, dag)

    assert succeeded(result)
    (spring,) = stored(emulator, "tag", "Spring")
    assert result.result("look")[0]["offer"]["tags"] == [spring["id"]]
    assert result.result("publish")["name"] == "Voucher"
    assert [result.result(task)["action"] for task in ("delete", "again")] == ["deleted", "unchanged"]


def test_names_that_nobody_or_several_have_are_refused_by_name(airflow: Airflow, emulator: Emulator, api: str) -> None:
    twin = {"kind": "offer-placement", "generation": api, "body": {"name": "Twin"}}
    first, second = emulator.seed(objects=[twin, twin])
    shown = [{"placement": "name:Twin", "components": [COMPONENT]}]
    lost = [{"placement": "name:Nowhere", "components": [COMPONENT]}]
    with dag_of("refused") as dag:
        CreateOfferOperator(task_id="ambiguous", offer=personalized("A", representations=shown))
        CreateOfferOperator(task_id="unknown", offer=personalized("B", representations=lost))
        GetLibraryObjectOperator(task_id="which", kind="placement", object_id="name:Twin")
        PatchLibraryObjectOperator(task_id="none", kind="tag", object_id="name:Nothing", patch=RENAME)

    result = run(airflow, emulator, api, dag)

    said = errors(result, result.states)
    assert "/representations/0/placement" in said["ambiguous"]
    assert all(each in said["ambiguous"] and each in said["which"] for each in ("'Twin'", first, second))
    assert "/representations/0/placement names 'Nowhere', but there is no such placement" in said["unknown"]
    assert "there is no collection qualifier named 'Nothing' in the sandbox 'prod'" in said["none"]
    assert writes(emulator) == []


def ids_of(
    emulator: Emulator, api: str, *, status: str = "draft", covered: bool = True, offer: str = "approved"
) -> dict[str, str]:
    """A complete decision in the library, with the objects it refers to."""
    body: dict[str, dict[str, Any]] = {
        "placement": {"name": "Newsletter top"},
        "tag": {"name": "Spring"},
        "rule": {"name": "Gold members", "condition": PQL},
    }
    found = {}
    for kind, each in body.items():
        (found[kind],) = emulator.seed(objects=[{"kind": TYPES[kind], "generation": api, "body": each}])
    shown = [{"placement": found["placement"], "components": [COMPONENT]}]
    body = {
        "personalized": personalized(
            "Voucher", status=offer, representations=shown, tags=[found["tag"]], selectionConstraint=WINDOW
        ),
        "fallback": {"name": "Everyone", "status": "approved", "representations": shown if covered else []},
        "collection": {"name": "Spring set", "filterType": "any-tags", "ids": [found["tag"]]},
    }
    for kind, each in body.items():
        (found[kind],) = emulator.seed(objects=[{"kind": TYPES[kind], "generation": api, "body": each}])
    decision = {
        "name": "Newsletter",
        "status": status,
        **WINDOW,
        "fallback": found["fallback"],
        "criteria": [
            {
                "placements": [found["placement"]],
                "optionSelection": {"filter": found["collection"]},
                "profileConstraint": {"profileConstraintType": "eligibilityRule", "eligibilityRule": found["rule"]},
            }
        ],
    }
    (found["decision"],) = emulator.seed(objects=[{"kind": "offer-activity", "generation": api, "body": decision}])
    return found


def test_the_life_of_a_decision(airflow: Airflow, emulator: Emulator, api: str) -> None:
    ids = ids_of(emulator, api)
    steps: list[tuple[str, Any, dict[str, Any]]] = [
        ("schedule", ScheduleDecisionOperator, {"start": "2026-10-20", "duration": "P14D", "timezone": "Europe/Paris"}),
        ("activate", ActivateDecisionOperator, {"waive": ["window_over"]}),
        ("activate_again", ActivateDecisionOperator, {}),
        ("deactivate", DeactivateDecisionOperator, {}),
        ("activate_anew", ActivateDecisionOperator, {"waive": ["window_over"]}),
        ("complete", CompleteDecisionOperator, {}),
        ("archive", ArchiveDecisionOperator, {}),
    ]
    with dag_of("decision") as dag:
        previous: Any = None
        for task_id, operator, arguments in steps:
            task = operator(task_id=task_id, object_id=ids["decision"], **arguments)
            if previous is not None:
                previous >> task
            previous = task
        back = DeactivateDecisionOperator(task_id="back", object_id=ids["decision"])
        previous >> back

    result = run(airflow, emulator, api, dag)

    actions = {task: result.result(task)["action"] for task in result.states if task != "back"}
    assert actions == {
        "schedule": "scheduled",
        "activate": "activated",
        "activate_again": "unchanged",
        "deactivate": "deactivated",
        "activate_anew": "activated",
        "complete": "completed",
        "archive": "archived",
    }
    assert "is 'archived' and cannot be deactivated" in str(result.error("back"))
    (decision,) = stored(emulator, "decision", "Newsletter")
    assert decision["body"]["status"] == "archived"
    # The clocks change within the fourteen days.
    assert decision["body"]["startDate"].startswith("2026-10-19T22:00:00")
    assert decision["body"]["endDate"].startswith("2026-11-02T23:00:00")
    assert result.result("activate")["kind"] == "decision"


def test_what_speaks_against_going_live_is_named(airflow: Airflow, emulator: Emulator, api: str) -> None:
    ids = ids_of(emulator, api, covered=False, offer="draft")
    live = {**OBJECTS["decision"], "name": "Straight", "status": "live", "fallback": ids["fallback"]}
    with dag_of("pointless") as dag:
        ActivateDecisionOperator(task_id="refused", object_id="name:Newsletter")
        ActivateDecisionOperator(task_id="unknown", object_id="name:Newsletter", waive="bad_mood")  # type: ignore[arg-type]
        CreateLibraryObjectOperator(task_id="straight", kind="decision", object=live, validate="strict")

    result = run(airflow, emulator, api, dag)

    said = errors(result, result.states)
    assert "Activating 'Newsletter'" in said["refused"]
    assert "fallback_lacks_placement: the fallback offer 'Everyone'" in said["refused"]
    assert "'Newsletter top'" in said["refused"]
    assert "offers_not_approved: no offer with the qualifiers of 'Spring set'" in said["refused"]
    assert "'bad_mood'" in said["unknown"]
    assert "no_criteria" in said["straight"]
    assert all(isinstance(result.error(task), AirflowFailException) for task in result.states)
    assert writes(emulator) == []


def test_what_speaks_against_going_live_can_be_waived(airflow: Airflow, emulator: Emulator, api: str) -> None:
    ids_of(emulator, api, offer="draft")
    with dag_of("waived") as dag:
        ActivateDecisionOperator(task_id="waived", object_id="name:Newsletter", waive=["offers_not_approved"])

    result = run(airflow, emulator, api, dag)

    assert succeeded(result)
    assert result.result("waived")["action"] == "activated"


@pytest.mark.parametrize(
    ("kind", "users"),
    [
        ("tag", ["'Voucher'", "/tags/0", "'Spring set'", "/ids/0"]),
        ("placement", ["'Voucher'", "/representations/0/placement", "'Everyone'", "'Newsletter'"]),
        ("rule", ["'Newsletter'", "/criteria/0/profileConstraint/eligibilityRule"]),
        ("collection", ["'Newsletter'", "/criteria/0/optionSelection/filter"]),
        ("fallback", ["'Newsletter'", "/fallback"]),
    ],
)
def test_what_is_used_is_not_deleted_and_its_users_are_named(
    airflow: Airflow, emulator: Emulator, api: str, kind: str, users: list[str]
) -> None:
    emulator.configure(dps_delete_referenced=200)
    ids = ids_of(emulator, api)
    with dag_of("used") as dag:
        DeleteLibraryObjectOperator(task_id="delete", kind=kind, object_id=ids[kind])  # type: ignore[arg-type]

    result = run(airflow, emulator, api, dag)

    said = str(result.error("delete"))
    assert all(each in said for each in users), said
    assert writes(emulator) == []


@pytest.mark.parametrize("status", ["draft", "live"])
def test_cascade_deletes_what_refers_to_it_first(airflow: Airflow, emulator: Emulator, api: str, status: str) -> None:
    ids = ids_of(emulator, api, status=status)
    with dag_of("cascade") as dag:
        DeleteLibraryObjectOperator(task_id="delete", kind="placement", object_id="name:Newsletter top", cascade=True)

    result = run(airflow, emulator, api, dag)

    assert succeeded(result)
    receipt = result.result("delete")
    assert (receipt["id"], receipt["action"]) == (ids["placement"], "deleted")
    first, *then = [each["id"] for each in receipt["cascaded"]]
    assert first == ids["decision"]
    assert sorted(then) == sorted([ids["personalized"], ids["fallback"]])
    assert {each["kind"] for each in receipt["cascaded"]} == {"decision", "personalized", "fallback"}
    left = {each["id"] for each in emulator.objects()}
    assert left & set(ids.values()) == {ids["tag"], ids["rule"], ids["collection"]}
    # No customer sees a part of it: live and approved objects are taken back before they are deleted.
    patched = [entry.path for entry in writes(emulator) if entry.method == "PATCH"]
    assert len(patched) == (3 if status == "live" else 2)


def test_a_retried_cascade_takes_up_what_is_left(airflow: Airflow, emulator: Emulator, api: str) -> None:
    ids = ids_of(emulator, api)
    emulator.add_fault("status", status=503, method="DELETE", path="/data/core/*", times=1, after=2)
    with dag_of("again") as dag:
        DeleteLibraryObjectOperator(
            task_id="delete", kind="tag", object_id="name:Spring", cascade=True, retries=1, retry_delay=NO_DELAY
        )

    result = run(airflow, emulator, api, dag, max_retries=0)

    assert [each.state for each in result.tries("delete")] == ["up_for_retry", "success"]
    assert [each["kind"] for each in result.result("delete")["cascaded"]] == ["personalized"]
    left = {each["id"] for each in emulator.objects()} & set(ids.values())
    assert left == {ids["placement"], ids["rule"], ids["fallback"]}


def test_a_list_fails_by_the_kind_that_it_is_of(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("lists") as dag:
        create = CreateLibraryObjectOperator(
            task_id="create", kind="tag", object=[{"name": "One"}, {"name": "Two"}, {"name": "Three"}]
        )
        PatchLibraryObjectOperator(
            task_id="patch",
            kind="tag",
            object_id=["name:One", "name:Four"],
            patch=[{"op": "add", "path": "/description", "value": "x"}],
            on_failure="continue",
        ).set_upstream(create)
        DeleteLibraryObjectOperator(
            task_id="delete", kind="tag", object_id=create.output, trigger_rule="all_done"
        ).set_upstream(dag.get_task("patch"))

    result = run(airflow, emulator, api, dag)

    assert [(each["kind"], each["action"]) for each in result.result("create")] == [("tag", "created")] * 3
    assert "1 of 2 collection qualifiers were patched, 1 failed" in str(result.error("patch"))
    assert [each["name"] for each in result.result("delete")] == ["One", "Two", "Three"]
    for told in ("3 collection qualifiers created in", "Collection qualifier 2 of 2, ", "qualifiers deleted in"):
        assert told in result.logs


@pytest.mark.parametrize(
    ("operator", "arguments", "said"),
    [
        (GetLibraryObjectOperator, {"kind": "{{ 'banner' }}", "object_id": "x"}, "The kind is not valid"),
        (CreateLibraryObjectOperator, {"kind": "{{ 'banner' }}", "object": {"name": "x"}}, "The kind is not valid"),
        (GetLibraryObjectOperator, {"kind": "tag", "object_id": Emulator.PLACEMENT_ID}, "disagree about the kind"),
        (GetLibraryObjectOperator, {"kind": "tag", "object_id": "name: "}, "No collection qualifier is named"),
        (CreateLibraryObjectOperator, {"kind": "tag", "object": {}}, "/name: given nothing"),
        (
            CreateLibraryObjectOperator,
            {"kind": "tag", "object": {"name": "x"}, "marker": "airflow"},
            "a collection qualifier has no characteristics",
        ),
        (
            CreateLibraryObjectOperator,
            {"kind": "tag", "object": {"name": "x"}, "window": {"start": "2026-01-01T00:00:00Z", "duration": "P1D"}},
            "A collection qualifier has no window",
        ),
        (
            CreateLibraryObjectOperator,
            {"kind": "collection", "object": {"xdm:name": "x", "xdm:filterType": "someTags"}},
            "/xdm:filterType",
        ),
        (GetOfferOperator, {"offer_id": {"id": "x", "kind": "placement"}}, "the receipt of a placement"),
    ],
)
def test_what_cannot_be_meant_fails_at_once(
    airflow: Airflow, emulator: Emulator, operator: Any, arguments: dict[str, Any], said: str
) -> None:
    with dag_of("wrong") as dag:
        operator(task_id="wrong", **arguments)

    result = run(airflow, emulator, "dps", dag)

    assert isinstance(result.error("wrong"), AirflowFailException)
    assert said in str(result.error("wrong"))
    assert writes(emulator) == []
