"""One library, two generations: each reads what the other writes, and nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.emulator.kinds import BY_NAME, KINDS
from airflow_provider_offers.emulator.shapes import Reading, Spelling
from tests.effort import examples
from tests.emulator.conftest import SCHEMA, Caller, dps_offer, xcore_offer


def test_written_by_generation_1_read_by_generation_2(caller: Caller) -> None:
    document = xcore_offer(
        tags=[Emulator.TAG_ID], cappingConstraint={"xdm:globalCap": 5}, characteristics={"xdm:name": "kept"}
    )
    document["_acme"] = {"xdm:name": {"deep": [1, None, True]}}
    receipt = caller.create_xcore(document)
    entity = caller.get_dps(receipt["@id"]).json()
    assert entity["id"] == receipt["@id"]
    assert entity["name"] == "Spring voucher"
    assert entity["representations"] == [
        {
            "channel": "https://ns.adobe.com/xdm/channel-types/web",
            "placement": Emulator.PLACEMENT_ID,
            "components": [{"type": "html", "format": "text/html", "language": ["en"], "content": "<p>10%</p>"}],
        }
    ]
    assert entity["selectionConstraint"] == {
        "startDate": "2026-03-10T00:00:00.000+00:00",
        "endDate": "2026-06-30T21:59:59.000+00:00",
        "eligibilityRule": Emulator.RULE_ID,
    }
    assert entity["cappingConstraint"] == {"globalCap": 5}
    assert entity["characteristics"] == {"xdm:name": "kept"}
    assert entity["_acme"] == {"xdm:name": {"deep": [1, None, True]}}
    assert (entity["rank"], entity["tags"]) == ({"priority": 10}, [Emulator.TAG_ID])


def test_written_by_generation_2_read_by_generation_1(emulator: Emulator, caller: Caller) -> None:
    receipt = caller.create_dps(dps_offer(unheard={"of": 1}))
    (item,) = caller.results(f"&id={receipt['id']}")["_embedded"]["results"]
    assert item["_instance"]["@id"] == receipt["id"]
    assert item["_instance"]["unheard"] == {"of": 1}
    component = item["_instance"]["xdm:representations"][0]["xdm:components"][0]
    assert component["@type"] == f"{SCHEMA}content-component-html"
    assert component["dc:format"] == "text/html"
    assert item["_instance"]["xdm:selectionConstraint"]["xdm:startDate"] == "2026-03-10T00:00:00.000Z"
    assert item["repo:createdDate"][:23] == receipt["createdDate"][:23]
    assert caller.instances("GET", item["instanceId"]).status_code == 200


def test_both_patch_the_same_object(caller: Caller) -> None:
    receipt = caller.create_xcore(xcore_offer())
    caller.patch_dps(receipt["@id"], {"op": "replace", "path": "/name", "value": "Two"})
    approve = {"op": "replace", "path": "/_instance/xdm:status", "value": "approved"}
    assert caller.patch_xcore(receipt["instanceId"], approve, If_Match='"2"').json()["repo:etag"] == 3
    entity = caller.get_dps(receipt["@id"]).json()
    assert (entity["name"], entity["status"], entity["etag"]) == ("Two", "approved", 3)
    assert caller.dps("DELETE", f"/offers/{receipt['@id']}?offer-type=personalized").status_code == 200
    assert caller.instances("GET", receipt["instanceId"]).status_code == 404


def test_dates_keep_their_instant_and_their_digits(caller: Caller) -> None:
    window = {"xdm:startDate": "2026-03-10T01:30:00.123456+05:30", "xdm:endDate": "2026-03-11T00:00:00z"}
    receipt = caller.create_xcore(xcore_offer(selectionConstraint=window))
    assert caller.get_dps(receipt["@id"]).json()["selectionConstraint"] == {
        "startDate": "2026-03-09T20:00:00.123456+00:00",
        "endDate": "2026-03-11T00:00:00.000+00:00",
    }
    caller.patch_dps(receipt["@id"], {"op": "replace", "path": "/name", "value": "Two"})
    read = caller.instances("GET", receipt["instanceId"]).json()["_instance"]["xdm:selectionConstraint"]
    assert read == {"xdm:startDate": "2026-03-09T20:00:00.123456Z", "xdm:endDate": "2026-03-11T00:00:00.000Z"}


def test_text_components_are_shown_in_one_spelling_by_each_generation(emulator: Emulator, caller: Caller) -> None:
    parts = [{"type": word, "format": "text/plain"} for word in ("component-text", "text")]
    caller.create_dps(dps_offer(representations=[{"placement": Emulator.PLACEMENT_ID, "components": parts}]))
    prefixed = [{"@type": f"{SCHEMA}content-component-text", "dc:format": "text/plain"}]
    caller.create_xcore(
        xcore_offer(representations=[{"xdm:placement": Emulator.PLACEMENT_ID, "xdm:components": prefixed}])
    )
    for entity in caller.dps("GET", "/offers?offer-type=personalized").json()["results"]:
        assert {each["type"] for each in entity["representations"][0]["components"]} == {"component-text"}
    for item in caller.results()["_embedded"]["results"]:
        types = {each["@type"] for each in item["_instance"]["xdm:representations"][0]["xdm:components"]}
        assert types == {f"{SCHEMA}content-component-text"}
    stored = [each["body"]["representations"][0]["components"] for each in emulator.objects("personalized-offer")]
    assert {component["type"] for components in stored for component in components} == {"component-text"}
    for word in ("text", "component-text"):
        assert len(caller.listed(f"&property=representations.components.type=={word}")) == 2


def test_the_component_type_of_a_placement_stays_as_generation_2_wrote_it(caller: Caller) -> None:
    for word in ("text", "component-text"):
        receipt = caller.dps("POST", "/placements", json={"name": word, "componentType": word}).json()
        assert caller.dps("GET", f"/placements/{receipt['id']}").json()["componentType"] == word


_words = st.text(min_size=1, max_size=12).filter(str.strip)
_free = st.dictionaries(
    st.sampled_from(["_acme", "colour", "x:y"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | _words, lambda s: st.lists(s) | st.dictionaries(_words, s)
    ),
    max_size=2,
)
_dates = st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z")
_component = st.fixed_dictionaries(
    {"type": st.sampled_from(["html", "component-text", "imagelink", "json"]), "format": st.just("text/html")},
    optional={"language": st.lists(_words), "content": st.text(), "deliveryURL": st.text(), "linkURL": st.text()},
)
_offer = st.builds(
    lambda free, known: {**free, **known},
    _free,
    st.fixed_dictionaries(
        {
            "name": _words,
            "status": st.sampled_from(["draft", "approved", "archived"]),
            "selectionConstraint": st.builds(
                lambda start, end, free: {"startDate": start, "endDate": end, **free}, _dates, _dates, _free
            ),
            "rank": st.fixed_dictionaries({"priority": st.integers(min_value=0)}),
        },
        optional={
            "description": st.text(),
            "representations": st.lists(
                st.fixed_dictionaries({"placement": _words, "components": st.lists(_component, min_size=1)})
            ),
            "characteristics": st.dictionaries(_words, st.text()),
            "cappingConstraint": st.fixed_dictionaries({}, optional={"globalCap": st.integers(min_value=1)}),
            "tags": st.lists(_words),
        },
    ),
)


@pytest.mark.parametrize("spelling", ["xcore", "dps"])
@examples(20)
@given(neutral=_offer)
def test_writing_and_reading_again_loses_nothing(spelling: Spelling, neutral: dict[str, Any]) -> None:
    shape = BY_NAME["personalized-offer"].shape
    reading = Reading(spelling)
    assert shape.read(shape.write(neutral, spelling), "", reading) == neutral
    assert reading.problems == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_names_of_one_generation_are_distinct(kind: Any) -> None:
    spellings: tuple[Spelling, Spelling] = ("xcore", "dps")
    for spelling in spellings:
        names = [each.name(spelling) for each in kind.shape.properties]
        assert len(set(names)) == len(names)
