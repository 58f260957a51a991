"""Naming the objects that refer to another one: as many as a message needs, and the refusal that it explains."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import APIError, ConflictError
from airflow_provider_offers.client.flows.referring import ENOUGH, explained, ids_of, referrers, still_referred
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import COLLECTION, DECISION, TAG
from airflow_provider_offers.client.model.spelling import wire_value
from tests.client.library import CREATED, page
from tests.client.script import Script, Step, answer

TAG_ID, UUID = "xcore:tag:1", "0f32d8a0-1619-11f1-9d55-1b1f0c9a7e21"
REFUSED = APIError(method="DELETE", path="/x", status=422, title="in use", request_id="theirs")


def body(number: int, properties: dict[str, Any], type_name: str = "offer-filter") -> dict[str, Any]:
    """An object of generation 1."""
    return {
        "instanceId": f"{number:08x}{UUID[8:]}",
        "schemas": [],
        "repo:etag": 1,
        "repo:createdDate": CREATED,
        "repo:lastModifiedDate": CREATED,
        "_instance": {**wire_value(properties, COLLECTION.names), "@id": f"xcore:{type_name}:{number}"},
    }


def collections(count: int) -> list[dict[str, Any]]:
    return [
        body(number, {"name": f"Set {number}", "filterType": "any-tags", "ids": [TAG_ID]}) for number in range(count)
    ]


def steps(there: list[dict[str, Any]], reads: int) -> list[Step]:
    """No offers, these collections, and the reads of the first ones."""
    nothing = answer(200, page("xcore"))
    return [nothing, nothing, answer(200, page("xcore", there)), *[answer(200, each) for each in there[:reads]]]


@pytest.mark.parametrize(("at_most", "reads"), [(1, 1), (2, 2), (3, 3), (None, 4)])
def test_no_more_are_read_than_are_wanted(at_most: int | None, reads: int) -> None:
    script = Script(*steps(collections(4), reads))
    found = script.run(referrers(script.access("xcore"), TAG, [TAG_ID], at_most=at_most))
    assert [str(each) for each in found] == [
        f"the collection 'Set {number}' (xcore:offer-filter:{number}) at /ids/0" for number in range(reads)
    ]


def test_the_id_is_what_others_refer_to() -> None:
    assert ids_of(Reference(TAG, id=TAG_ID)) == [TAG_ID]
    assert ids_of(Reference(TAG, instance_id=UUID)) == []


@pytest.mark.parametrize("reference", [Reference(TAG, id=TAG_ID, instance_id=UUID), Reference(TAG, instance_id=UUID)])
def test_a_refusal_is_explained_by_those_that_refer(reference: Reference) -> None:
    script = Script()
    access = script.access("xcore")
    # Without its id, the object is read first.
    look = [] if reference.id else [answer(200, {**body(1, {"name": "Spring"}, "tag"), "instanceId": UUID})]
    script.steps = [*look, *steps(collections(ENOUGH + 3), ENOUGH)]
    error = script.run(explained(access, reference, REFUSED, "remove them first"))
    assert isinstance(error, ConflictError)
    assert (error.method, error.status, error.request_id) == ("DELETE", 409, "theirs")
    assert error.path.endswith(f"/instances/{UUID}")
    message = str(error)
    assert "The collection qualifier is still referred to; the service refused to delete it" in message
    assert "'Set 9' (xcore:offer-filter:9) at /ids/0; and more; remove them first" in message
    assert "Set 10" not in message


@pytest.mark.parametrize("there", [True, False])
def test_a_refusal_that_nothing_explains_stays(there: bool) -> None:
    reference = Reference(TAG, instance_id=UUID)
    look = answer(200, {**body(1, {"name": "Spring"}, "tag"), "instanceId": UUID}) if there else answer(404)
    script = Script(look, *steps([], 0))
    assert script.run(explained(script.access("xcore"), reference, REFUSED, "-")) is REFUSED


def test_a_refusal_stays_if_the_look_fails() -> None:
    script = Script(*[answer(500)] * 9)
    assert script.go(explained(script.access("xcore"), Reference(TAG, id=TAG_ID), REFUSED, "-")) is REFUSED


@pytest.mark.parametrize("count", [1, 10, 11])
def test_nothing_was_sent_if_the_client_looked_first(count: int) -> None:
    script = Script(*steps(collections(count), count))
    access, reference = script.access("xcore"), Reference(TAG, id=TAG_ID, instance_id=UUID)
    found = script.run(referrers(access, TAG, [TAG_ID]))
    error = still_referred(access, reference, found, "cascade")
    assert "The collection qualifier is still referred to; nothing was sent" in str(error)
    assert (error.request_id, error.refused) == (None, False)
    assert ("; and more; cascade" in str(error)) is (count > 10)
    assert still_referred(access, reference, found, "cascade", REFUSED).refused


def test_no_kind_refers_to_a_decision() -> None:
    script = Script()
    assert script.run(referrers(script.access("xcore"), DECISION, ["xcore:offer-activity:1"])) == []
