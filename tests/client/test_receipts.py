"""The small objects that tasks return: the same keys for every write, and JSON throughout."""

from __future__ import annotations

import json
from dataclasses import replace

from airflow_provider_offers.client.entities import Entity, Receipt, parse_reference
from airflow_provider_offers.client.flows.writing import Written
from airflow_provider_offers.client.kinds import FALLBACK, PERSONALIZED
from airflow_provider_offers.client.receipts import entity_receipt, write_receipt
from tests.client.library import INSTANCE_ID, XCORE_ID, sale
from tests.client.script import SETTINGS

XCORE = replace(SETTINGS, api="xcore")
KEYS = ["id", "instance_id", "name", "etag", "offer_type", "api", "sandbox", "action"]


def test_a_write_leaves_the_receipt_that_the_design_promises() -> None:
    written = Written(Receipt(XCORE_ID, INSTANCE_ID, 2), "updated", "Spring voucher")
    receipt = write_receipt(written, XCORE, "personalized")
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
    again = parse_reference(receipt, offer_type=None, api="xcore", sandbox="dev1")
    assert (again.kind, again.id, again.instance_id) == (PERSONALIZED, XCORE_ID, INSTANCE_ID)


def test_the_name_may_come_from_the_receipt_that_named_the_offer() -> None:
    written = Written(Receipt(XCORE_ID, INSTANCE_ID, 2), "updated")
    assert write_receipt(written, XCORE, "personalized", {"name": "known"})["name"] == "known"
    assert write_receipt(written, XCORE, "personalized", XCORE_ID)["name"] is None


def test_a_deletion_leaves_the_same_keys() -> None:
    written = Written(Receipt(XCORE_ID, INSTANCE_ID, None), "deleted")
    receipt = write_receipt(written, XCORE, "personalized", {"name": "known"})
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
