"""Every kind through both generations, and its references: they must exist, and keep their targets from deletion."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.emulator.kinds import KINDS
from tests.emulator.conftest import SCHEMA, Caller
from tests.emulator.kinds import SHORT, Kind, Writer, family, kinds

APIS = ("dps", "xcore")


@pytest.fixture(params=APIS)
def writer(request: pytest.FixtureRequest, caller: Caller) -> Writer:
    """A writer of each generation."""
    return Writer(caller, request.param)


def test_the_table_here_has_every_kind_of_the_emulator() -> None:
    assert [kind.schema for kind in kinds({})] == list(SHORT)
    assert {kind.schema: kind.path for kind in kinds({})} == {kind.name: kind.dps_path for kind in KINDS}


@pytest.mark.parametrize("name", SHORT.values())
def test_written_by_either_generation_and_read_by_both(writer: Writer, caller: Caller, name: str) -> None:
    known, ids = family(writer)
    kind, object_id = known[name], ids[name]
    assert object_id.startswith(f"{writer.api}:{kind.schema}:")
    entity = caller.dps("GET", f"/{kind.path}/{object_id}{kind.query}").json()
    assert {key: value for key, value in entity.items() if key in kind.plain} == kind.plain
    envelope = caller.instances("GET", writer.instance_of(object_id)).json()
    assert envelope["_instance"] == {**kind.prefixed, "@id": object_id}
    (listed,) = caller.results(f"&id={object_id}", schema=kind.stamped)["_embedded"]["results"]
    assert listed["_instance"] == envelope["_instance"]
    assert object_id in [each["id"] for each in caller.dps("GET", f"/{kind.path}{kind.query}").json()["results"]]


@pytest.mark.parametrize("name", SHORT.values())
def test_neither_generation_takes_the_others_spelling(writer: Writer, name: str) -> None:
    known, _ = family(writer)
    kind = known[name]
    foreign = kind.prefixed if writer.api == "dps" else kind.plain
    answer = writer.create(kind, foreign)
    assert answer.status_code == writer.refused
    assert "other generation's spelling" in answer.json()["detail"]


@pytest.mark.parametrize("name", SHORT.values())
def test_objects_are_patched_and_deleted(writer: Writer, name: str) -> None:
    known, ids = family(writer)
    kind, object_id = known[name], ids[name]
    assert writer.patch(kind, object_id, "replace", "/name", f"Renamed {name}").status_code == 200
    (found,) = [each for each in writer.emulator.objects(sandbox="prod") if each["id"] == object_id]
    assert (found["body"]["name"], found["etag"]) == (f"Renamed {name}", 2)
    for other in reversed(list(ids)):
        assert writer.delete(known[other], ids[other])
        if other == name:
            break
    assert object_id not in [each["id"] for each in writer.emulator.objects()]


def test_both_spellings_of_a_ranking_strategy_are_taken_by_generation_2(caller: Caller) -> None:
    writer = Writer(caller, "dps")
    known, _ = family(writer)
    criterion = dict(known["decision"].plain["criteria"][0])
    criterion["rank"] = {"order": {"orderEvaluationType": "rankingStrategy", "rankingStrategy": "model1"}}
    object_id = writer.made(known["decision"], criteria=[criterion])
    read = caller.dps("GET", f"/offer-decisions/{object_id}").json()["criteria"][0]["rank"]["order"]
    assert read == {"orderEvaluationType": "ranking-strategy", "rankingStrategy": "model1"}


# Every edge of the graph: the referring kind and place, the other kind, and the form of the reference.
EDGES: list[tuple[str, str, str]] = [
    ("offer", "tags/0", "tag"),
    ("offer", "representations/0/placement", "placement"),
    ("offer", "frequencyCappingConstraints/0/placement", "placement"),
    ("offer", "selectionConstraint/eligibilityRule", "rule"),
    ("offer", "rank/order/function", "formula"),
    ("fallback", "tags/0", "tag"),
    ("fallback", "representations/0/placement", "placement"),
    ("collection", "ids/0", "tag"),
    ("decision", "criteria/0/placements/0", "placement"),
    ("decision", "criteria/0/optionSelection/filter", "collection"),
    ("decision", "criteria/0/profileConstraint/eligibilityRule", "rule"),
    ("decision", "fallback", "fallback"),
]


@pytest.mark.parametrize(("source", "path", "target"), EDGES)
def test_patches_to_missing_or_wrong_objects_are_refused(writer: Writer, source: str, path: str, target: str) -> None:
    known, ids = family(writer)
    missing = f"dps:{known[target].schema}:0000000000000000"
    wrong = ids["decision"]
    for value, where in ((missing, "there is no such"), (wrong, "which is a offer-activity")):
        answer = writer.patch(known[source], ids[source], "replace", f"/{path}", value)
        assert answer.status_code == writer.refused
        assert where in answer.json()["detail"]
    elsewhere = Writer(Caller(writer.emulator, sandbox="dev"), "dps")
    foreign = family(elsewhere)[1][target]
    assert writer.patch(known[source], ids[source], "replace", f"/{path}", foreign).status_code == writer.refused


def replaced(kind: Kind, api: str, path: str, value: str) -> dict[str, Any]:
    """The kind's object with another reference."""

    def put(holder: Any, steps: list[str]) -> Any:
        if not steps:
            return value
        if isinstance(holder, list):
            return [put(holder[0], steps[1:])]
        name = steps[0] if api == "dps" else f"xdm:{steps[0]}"
        return {**holder, name: put(holder[name], steps[1:])}

    document: dict[str, Any] = put(kind.plain if api == "dps" else kind.prefixed, path.split("/"))
    return document


@pytest.mark.parametrize(("source", "path", "target"), EDGES)
def test_creates_that_refer_to_missing_objects_are_refused(writer: Writer, source: str, path: str, target: str) -> None:
    known, _ = family(writer)
    missing = f"dps:{known[target].schema}:0000000000000000"
    document = replaced(known[source], writer.api, path, missing)
    count = len(writer.emulator.objects())
    answer = writer.create(known[source], document)
    assert answer.status_code == writer.refused
    assert missing in answer.json()["detail"]
    assert len(writer.emulator.objects()) == count
    writer.emulator.configure(missing_references="allow", live_decision="any")
    assert writer.create(known[source], document).status_code == 201


def removal(source: str, path: str) -> tuple[str, str, Any]:
    """The patch that removes a reference and leaves the object valid."""
    if source == "decision":
        return ("replace", "/criteria", []) if path.startswith("criteria") else ("remove", "/fallback", None)
    if path.startswith("selectionConstraint"):
        return "remove", f"/{path}", None
    first = path.partition("/")[0]
    return ("remove", "/rank/order", None) if first == "rank" else ("replace", f"/{first}", [])


@pytest.mark.parametrize("target", sorted({target for _, _, target in EDGES}))
def test_what_is_referred_to_cannot_be_deleted(writer: Writer, target: str) -> None:
    known, ids = family(writer)
    writer.patch(known["decision"], ids["decision"], "replace", "/status", "draft")
    for source, path, wanted in EDGES:
        if wanted == target:
            assert not writer.delete(known[target], ids[target]), f"{source} {path} still refers to it"
            assert writer.patch(known[source], ids[source], *removal(source, path)).status_code == 200
    assert writer.delete(known[target], ids[target])


def test_offers_in_a_static_collection_cannot_be_deleted(writer: Writer) -> None:
    known, ids = family(writer)
    collection = writer.made(known["collection"], filterType="offers", ids=[ids["offer"], ids["fallback"]])
    assert not writer.delete(known["offer"], ids["offer"])
    assert writer.delete(known["collection"], collection)
    assert writer.delete(known["offer"], ids["offer"])


@pytest.mark.parametrize("status", [400, 409, 422])
def test_dps_delete_switch(emulator: Emulator, caller: Caller, status: int) -> None:
    emulator.configure(dps_delete_referenced=status)
    _, ids = family(Writer(caller, "dps"))
    answer = caller.dps("DELETE", f"/tags/{ids['tag']}")
    assert answer.status_code == status
    assert set(answer.json()["report"]["additionalContext"]["references"]) == {
        ids["offer"],
        ids["fallback"],
        ids["collection"],
    }


def test_deletes_of_what_is_referred_to_may_be_allowed(writer: Writer) -> None:
    known, ids = family(writer)
    writer.emulator.configure(dps_delete_referenced=200, xcore_delete_referenced="allow")
    assert writer.delete(known["placement"], ids["placement"])
    answer = writer.patch(known["offer"], ids["offer"], "replace", "/name", "Other")
    assert answer.status_code == writer.refused
    assert ids["placement"] in answer.json()["detail"]


def test_tag_names_are_unique_and_no_others(writer: Writer, caller: Caller) -> None:
    known, ids = family(writer)
    answer = writer.create_neutral(known["tag"])
    assert answer.status_code == writer.refused
    assert ids["tag"] in answer.json()["detail"]
    other = writer.made(known["tag"], name="Other")
    assert writer.patch(known["tag"], other, "replace", "/name", "Spring").status_code == writer.refused
    assert writer.patch(known["tag"], ids["tag"], "replace", "/name", "Spring").status_code == 200
    assert writer.made(known["tag"], name="spring")
    assert Writer(Caller(writer.emulator, sandbox="dev"), "dps").made(known["tag"])
    for name in SHORT.values():
        if name != "tag":
            writer.made(known[name])


def test_a_deleted_tags_name_is_free_again(writer: Writer) -> None:
    kind = kinds({})[0]
    assert writer.delete(kind, writer.made(kind))
    writer.made(kind)


def test_lists_of_every_kind_page_and_filter(caller: Caller) -> None:
    known, _ = family(Writer(caller, "xcore"))
    for kind in known.values():
        joint = "&" if kind.query else "?"
        name = kind.plain["name"]
        answer = caller.dps("GET", f"/{kind.path}{kind.query}{joint}property=name=={name}&limit=1").json()
        assert [each["name"] for each in answer["results"]] == [name]
        assert answer["results"][0]["schemas"][0].startswith(f"{SCHEMA}{kind.schema};version=")
