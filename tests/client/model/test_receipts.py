"""The receipts of tasks: the same keys for every write, and only JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.model.entities import (
    Deleted,
    Entity,
    Receipt,
    Written,
    parse_offer_reference,
    parse_reference,
)
from airflow_provider_offers.client.model.kinds import (
    COLLECTION,
    DECISION,
    FALLBACK,
    PERSONALIZED,
    PLACEMENT,
    TAG,
    Kind,
)
from airflow_provider_offers.client.model.receipts import entity_receipt, object_receipt, write_receipt
from tests.client.library import INSTANCE_ID, XCORE_ID, sale
from tests.client.script import SETTINGS

XCORE = replace(SETTINGS, api="xcore")
KEYS = ["id", "instance_id", "name", "etag", "offer_type", "api", "sandbox", "action"]


def test_a_write_leaves_the_receipt_that_the_design_promises() -> None:
    written = Written(Receipt(XCORE_ID, INSTANCE_ID, 2), "updated", "Spring voucher")
    receipt = write_receipt(written, XCORE, PERSONALIZED)
    assert receipt == {
        "id": XCORE_ID,
        "instance_id": INSTANCE_ID,
        "name": "Spring voucher",
        "etag": 2,
        "offer_type": "personalized",
        "api": "xcore",
        "sandbox": "dev1",
        "action": "updated",
    }
    assert json.loads(json.dumps(receipt)) == receipt
    again = parse_offer_reference(receipt, api="xcore", sandbox="dev1")
    assert (again.kind, again.id, again.instance_id) == (PERSONALIZED, XCORE_ID, INSTANCE_ID)


def test_the_name_may_come_from_the_receipt_that_named_the_offer() -> None:
    written = Written(Receipt(XCORE_ID, INSTANCE_ID, 2), "updated")
    assert write_receipt(written, XCORE, PERSONALIZED, {"name": "known"})["name"] == "known"
    assert write_receipt(written, XCORE, PERSONALIZED, XCORE_ID)["name"] is None


def test_a_deletion_leaves_the_same_keys() -> None:
    written = Written(Receipt(XCORE_ID, INSTANCE_ID, None), "deleted")
    receipt = write_receipt(written, XCORE, PERSONALIZED, {"name": "known"})
    assert list(receipt) == KEYS
    assert (receipt["id"], receipt["instance_id"], receipt["name"], receipt["etag"]) == (
        XCORE_ID,
        INSTANCE_ID,
        "known",
        None,
    )


def test_a_read_shows_status_and_window_and_everything_on_request() -> None:
    offer = Entity(PERSONALIZED, XCORE_ID, INSTANCE_ID, 3, sale(), created="c", modified="m")
    receipt = entity_receipt(offer, XCORE, full=False)
    assert receipt["window"] == {"start": "2026-03-10T00:00:00Z", "end": "2026-06-30T21:59:59Z"}
    assert (receipt["status"], receipt["created"], receipt["modified"]) == ("draft", "c", "m")
    assert "offer" not in receipt
    assert entity_receipt(offer, XCORE, full=True)["offer"] == sale()
    fallback = Entity(FALLBACK, XCORE_ID, INSTANCE_ID, 3, {"name": "x", "selectionConstraint": None})
    assert entity_receipt(fallback, XCORE, full=False)["window"] == {"start": None, "end": None}


def test_the_receipt_of_another_kind_names_it_and_no_offer_type() -> None:
    written = Written(Receipt("dps:tag:1", "dps:tag:1", 1), "created", "Spring")
    receipt = write_receipt(written, SETTINGS, TAG)
    assert list(receipt) == ["kind" if key == "offer_type" else key for key in KEYS]
    assert receipt["kind"] == "tag"
    again = parse_reference(receipt, kind=TAG, api="dps", sandbox="dev1")
    assert (again.kind, again.id) == (TAG, "dps:tag:1")
    with pytest.raises(InvalidInputError, match="the receipt of a collection qualifier"):
        parse_offer_reference({**receipt, "id": "opaque"}, api="dps", sandbox="dev1")


def test_the_name_may_come_from_the_name_that_named_the_object() -> None:
    written = Written(Receipt("dps:tag:1", "dps:tag:1", 2), "updated")
    assert write_receipt(written, SETTINGS, TAG, " name: Spring ")["name"] == "Spring"


def test_a_cascade_lists_what_went_before() -> None:
    gone = Entity(COLLECTION, "dps:offer-filter:1", "dps:offer-filter:1", 1, {"name": "Spring set"})
    receipt = write_receipt(
        Deleted(Receipt("dps:tag:1", "dps:tag:1", None), "deleted", cascaded=(gone,)), SETTINGS, TAG
    )
    assert receipt["cascaded"] == [
        {"id": gone.id, "instance_id": gone.id, "name": "Spring set", "kind": "collection"},
    ]
    assert json.loads(json.dumps(receipt)) == receipt


def test_a_read_of_any_kind_shows_status_and_window_only_where_there_are_any() -> None:
    placement = object_receipt(Entity(PLACEMENT, "p", "p", 1, {"name": "Top"}), SETTINGS, full=True)
    assert placement["object"] == {"name": "Top"}
    assert not {"status", "window", "offer_type", "offer"} & set(placement)
    decision = object_receipt(Entity(DECISION, "d", "d", 1, {"status": "live", "startDate": "s"}), SETTINGS, full=False)
    assert (decision["status"], decision["window"]) == ("live", {"start": "s", "end": None})
    fallback = object_receipt(Entity(FALLBACK, "f", "f", 1, {"status": "draft"}), SETTINGS, full=False)
    assert (fallback["kind"], fallback["offer_type"], fallback["status"]) == ("fallback", "fallback", "draft")
    assert "window" not in fallback


WINDOW = {"start": "2026-03-10T00:00:00Z", "end": "2026-06-30T21:59:59Z"}


def found(kind: Kind = PERSONALIZED, **properties: Any) -> Entity:
    return Entity(kind, XCORE_ID, INSTANCE_ID, 3, {**sale(), **properties}, "2026-03-01", "2026-03-02")


def test_what_a_search_of_offers_tells_of_each() -> None:
    expected: dict[str, Any] = {
        "id": XCORE_ID,
        "instance_id": INSTANCE_ID,
        "name": "Spring voucher",
        "etag": 3,
        "offer_type": "personalized",
        "api": "xcore",
        "sandbox": "dev1",
        "status": "draft",
        "window": WINDOW,
        "created": "2026-03-01",
        "modified": "2026-03-02",
    }
    assert entity_receipt(found(), XCORE, full=False) == expected
    assert entity_receipt(found(), XCORE, full=True) == {**expected, "offer": sale()}
    # The service may leave out anything, or spell it as it likes.
    odd = entity_receipt(found(name=7, status=["draft"], selectionConstraint=None), XCORE, full=False)
    assert odd == {**expected, "name": None, "status": None, "window": {"start": None, "end": None}}


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (PERSONALIZED, {"offer_type": "personalized", "status": "draft", "window": WINDOW}),
        (DECISION, {"status": "draft", "window": {"start": "2026-04-01", "end": None}}),
        (TAG, {}),
    ],
)
def test_what_a_search_of_any_kind_tells_of_each(kind: Kind, more: dict[str, Any]) -> None:
    there = found(kind, startDate="2026-04-01")
    expected = {
        "id": XCORE_ID,
        "instance_id": INSTANCE_ID,
        "name": "Spring voucher",
        "etag": 3,
        "api": "xcore",
        "sandbox": "dev1",
        "created": "2026-03-01",
        "modified": "2026-03-02",
        "kind": kind.key,
        **more,
    }
    assert object_receipt(there, XCORE, full=False) == expected
    assert object_receipt(there, XCORE, full=True) == {**expected, "object": there.properties}
