"""References to offers: ids of both generations, instance ids, and results of tasks."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.model.entities import Reference, parse_offer_reference, parse_reference
from airflow_provider_offers.client.model.kinds import COLLECTION, DECISION, FALLBACK, PERSONALIZED, offer_kind
from tests.client.library import DPS_ID, INSTANCE_ID, XCORE_ID

FALLBACK_ID = "xcore:fallback-offer:124e2e764b1ac1b9"


def parse(given: Any, offer_type: str | None = None, api: str = "xcore", sandbox: str = "dev1") -> Reference:
    return parse_offer_reference(given, offer_kind(offer_type) if offer_type else None, api=api, sandbox=sandbox)


@pytest.mark.parametrize(
    ("given", "offer_type", "expected"),
    [
        (DPS_ID, None, Reference(PERSONALIZED, id=DPS_ID)),
        (f" {XCORE_ID}\n", None, Reference(PERSONALIZED, id=XCORE_ID)),
        (FALLBACK_ID, None, Reference(FALLBACK, id=FALLBACK_ID)),
        (FALLBACK_ID, "fallback", Reference(FALLBACK, id=FALLBACK_ID)),
        (INSTANCE_ID, None, Reference(PERSONALIZED, instance_id=INSTANCE_ID)),
        (INSTANCE_ID, "fallback", Reference(FALLBACK, instance_id=INSTANCE_ID)),
        ("personalizedOffer1234", "fallback", Reference(FALLBACK, id="personalizedOffer1234")),
        ("dps::19a7426d533db126", None, Reference(PERSONALIZED, id="dps::19a7426d533db126")),
    ],
)
def test_ids(given: str, offer_type: str | None, expected: Reference) -> None:
    assert parse(given, offer_type) == expected


RECEIPT = {
    "id": XCORE_ID,
    "instance_id": INSTANCE_ID,
    "name": "x",
    "etag": 1,
    "offer_type": "personalized",
    "api": "xcore",
    "sandbox": "dev1",
    "action": "created",
}


def test_receipts_know_both_ids() -> None:
    assert parse(RECEIPT) == Reference(PERSONALIZED, id=XCORE_ID, instance_id=INSTANCE_ID)
    assert parse({**RECEIPT, "id": FALLBACK_ID, "offer_type": "fallback"}).kind is FALLBACK
    documented = {"@id": XCORE_ID, "instanceId": INSTANCE_ID, "repo:etag": 1}
    assert parse(documented) == Reference(PERSONALIZED, id=XCORE_ID, instance_id=INSTANCE_ID)


def test_a_receipt_of_the_other_generation_is_known_by_its_reference_id() -> None:
    dps_receipt = {**RECEIPT, "id": DPS_ID, "instance_id": DPS_ID, "api": "dps"}
    assert parse(dps_receipt, api="xcore") == Reference(PERSONALIZED, id=DPS_ID)
    assert parse(dps_receipt, api="dps") == Reference(PERSONALIZED, id=DPS_ID)
    assert parse(RECEIPT, api="dps").id == XCORE_ID


@pytest.mark.parametrize(
    "given",
    [
        "",
        " ",
        "..",
        "a b",
        "a/b",
        "a?x=1",
        "a%2F",
        "ü",
        "dps:offer-placement:1c2651d4d6411005",
        None,
        5,
        [XCORE_ID],
        {},
        {"id": None},
        {"id": 5},
        {"name": "x"},
        {**RECEIPT, "sandbox": "prod"},
        {**RECEIPT, "offer_type": "fallback"},
        {**RECEIPT, "offer_type": ["personalized"]},
    ],
)
def test_what_names_no_offer(given: Any) -> None:
    with pytest.raises(InvalidInputError):
        parse(given)


@pytest.mark.parametrize(
    ("given", "offer_type"),
    [(FALLBACK_ID, "personalized"), (XCORE_ID, "fallback"), (RECEIPT, "fallback"), (XCORE_ID, "x")],
)
def test_an_id_and_a_type_that_disagree(given: Any, offer_type: str) -> None:
    with pytest.raises(InvalidInputError):
        parse(given, offer_type)


def test_an_id_of_another_kind_is_told_with_what_is_accepted() -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_reference(XCORE_ID, kind=DECISION, api="dps", sandbox="prod")
    assert str(caught.value) == (
        "The task and the id disagree about the kind of object:\n"
        f"  object_id: given {XCORE_ID!r}, the id of a personalized offer; "
        "expected the id of a decision, the result of a task, or name: and its name"
    )


def test_of_two_types_of_offers_either_may_be_meant() -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse(XCORE_ID, "fallback")
    (violation,) = caught.value.violations
    assert violation.pointer == "offer_type"
    assert violation.expected == f"'personalized', by {XCORE_ID!r}, the id of a personalized offer"
    with pytest.raises(InvalidInputError, match="offer_id: given 'dps:tag:1', the id of a collection qualifier"):
        parse("dps:tag:1", "fallback")


UUID, OTHER_UUID = "0f32d8a0-1619-11f1-9d55-1b1f0c9a7e21", "11111111-1619-11f1-9d55-1b1f0c9a7e21"
OURS, THEIRS = "1c265317da412003", "ffffffffda412003"


@pytest.mark.parametrize(
    ("reference", "ids", "may_be"),
    [
        # The same id, in either generation's spelling.
        (Reference(PERSONALIZED, id=f"dps:personalized-offer:{OURS}"), [f"dps:personalized-offer:{OURS}"], True),
        (Reference(PERSONALIZED, id=f"dps:personalized-offer:{OURS}"), [f"xcore:personalized-offer:{OURS}"], True),
        (Reference(PERSONALIZED, id=f"dps:personalized-offer:{OURS}"), [f"dps:x:{OURS.upper()}"], True),
        (Reference(PERSONALIZED, instance_id=UUID), [UUID], True),
        (Reference(PERSONALIZED, instance_id=UUID), [UUID.upper()], True),
        # One of two ids is enough.
        (Reference(PERSONALIZED, id=f"xcore:personalized-offer:{OURS}", instance_id=UUID), [UUID], True),
        (Reference(PERSONALIZED, id=f"xcore:x:{OURS}", instance_id=UUID), [f"xcore:x:{OURS}", OTHER_UUID], True),
        # Ids of the same form that differ.
        (Reference(PERSONALIZED, id=f"dps:personalized-offer:{OURS}"), [f"dps:personalized-offer:{THEIRS}"], False),
        (Reference(PERSONALIZED, id=f"dps:personalized-offer:{OURS}"), [f"xcore:personalized-offer:{THEIRS}"], False),
        (Reference(PERSONALIZED, instance_id=UUID), [OTHER_UUID], False),
        (Reference(PERSONALIZED, id="plain"), ["another"], False),
        (Reference(PERSONALIZED, id=f"xcore:x:{OURS}", instance_id=UUID), [f"xcore:x:{THEIRS}", OTHER_UUID], False),
        # Ids of different forms say nothing about each other.
        (Reference(PERSONALIZED, id=f"xcore:personalized-offer:{OURS}"), [UUID], True),
        (Reference(PERSONALIZED, instance_id=UUID), [f"xcore:personalized-offer:{OURS}"], True),
        (Reference(PERSONALIZED, id="plain"), [UUID], True),
    ],
)
def test_an_answer_is_about_another_object_only_if_its_ids_of_the_same_form_differ(
    reference: Reference, ids: list[str], may_be: bool
) -> None:
    assert reference.may_be(*ids) is may_be


@pytest.mark.parametrize("given", ["name:", "name: "])
def test_a_prefix_without_a_name_is_told_without_a_suggestion(given: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_offer_reference(given, api="dps", sandbox="prod")
    assert f"given {given.strip()!r}" in str(refused.value)
    assert "did you mean" not in str(refused.value)


@pytest.mark.parametrize("told", ["decision", "offer-activity"])
def test_the_receipt_of_another_kind_is_refused_by_its_key_and_by_its_type(told: str) -> None:
    with pytest.raises(InvalidInputError, match="the receipt of a decision"):
        parse_reference({"id": "some-id", "kind": told}, COLLECTION, api="dps", sandbox="dev1")
    given = {"id": "some-id", "kind": told}
    assert parse_reference(given, DECISION, api="dps", sandbox="dev1") == Reference(DECISION, id="some-id")
