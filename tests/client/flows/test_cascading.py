"""A deletion step by step: what is read and sent, what may be gone meanwhile, and the receipt of what was deleted."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import ConflictError, NotFoundError
from airflow_provider_offers.client.flows.cascading import delete_object
from airflow_provider_offers.client.model.entities import Deleted, Receipt, Reference
from airflow_provider_offers.client.model.kinds import COLLECTION, DECISION, PERSONALIZED, TAG
from tests.client.library import CREATED, page
from tests.client.script import Script, Step, answer
from tests.client.writes import methods

TAG_ID, SET_ID, OFFER_ID = "dps:tag:1", "dps:offer-filter:1", "dps:personalized-offer:1c265317da412003"
GONE, NOBODY = answer(404, {"title": "not there"}), answer(200, page("dps"))
DONE = answer(204)
UUID = "0f32d8a0-1619-11f1-9d55-1b1f0c9a7e21"


def shown(identifier: str, **properties: Any) -> dict[str, Any]:
    return {"id": identifier, "etag": 1, "created": CREATED, "modified": CREATED, "name": identifier, **properties}


A_SET = shown(SET_ID, filterType="any-tags", ids=[TAG_ID])
AN_OFFER = shown(OFFER_ID, status="approved", tags=[TAG_ID])


def listed(*bodies: dict[str, Any]) -> Step:
    return answer(200, page("dps", bodies))


def read(body: dict[str, Any]) -> Step:
    return answer(200, body)


def deleted(reference: Reference, *steps: Step, api: str = "dps", **options: Any) -> tuple[Deleted, Script]:
    script = Script(*steps)
    return script.run(delete_object(script.access(api), reference, **options)), script


def refused(error: type[Exception], reference: Reference, *steps: Step, **options: Any) -> str:
    with pytest.raises(error) as caught:
        deleted(reference, *steps, **options)
    return str(caught.value)


@pytest.mark.parametrize("missing_ok", [True, False])
def test_what_is_deleted_between_the_look_and_the_deletion(missing_ok: bool) -> None:
    reference = Reference(DECISION, id="dps:offer-activity:1", instance_id="dps:offer-activity:1")
    steps = [read(shown("dps:offer-activity:1")), GONE]
    if missing_ok:
        done, script = deleted(reference, *steps, GONE, missing_ok=True)
        assert (done.action, methods(script)) == ("unchanged", ["GET", "DELETE", "GET"])
    else:
        refused(NotFoundError, reference, *steps)


@pytest.mark.parametrize("cascade", [True, False])
def test_the_receipt_has_both_ids(cascade: bool) -> None:
    done, script = deleted(Reference(TAG, id=TAG_ID), read(shown(TAG_ID)), *[NOBODY] * 3, DONE, GONE, cascade=cascade)
    assert (done.action, done.receipt, done.cascaded) == ("deleted", Receipt(TAG_ID, TAG_ID, None), ())
    # Each kind that may refer to a collection qualifier is listed once.
    assert methods(script) == ["GET"] * 4 + ["DELETE", "GET"]


@pytest.mark.parametrize(
    ("reference", "steps", "receipt_", "name"),
    [
        (Reference(TAG, name="Spring"), [answer(200, page("xcore"))], Receipt("", "", None), "Spring"),
        (
            Reference(TAG, id="xcore:tag:1"),
            [answer(200, page("xcore"))],
            Receipt("xcore:tag:1", "xcore:tag:1", None),
            None,
        ),
        (Reference(TAG, instance_id=UUID), [GONE], Receipt(UUID, UUID, None), None),
        (Reference(TAG, id="xcore:tag:1", instance_id=UUID), [GONE], Receipt("xcore:tag:1", UUID, None), None),
    ],
)
def test_what_is_not_there_has_the_ids_that_were_given(
    reference: Reference, steps: list[Step], receipt_: Receipt, name: str | None
) -> None:
    done, _ = deleted(reference, *steps, api="xcore", missing_ok=True)
    assert (done.action, done.receipt, done.name) == ("unchanged", receipt_, name)


def test_who_refers_is_told_with_what_to_do() -> None:
    reference, there = Reference(TAG, id=TAG_ID), read(shown(TAG_ID))
    looks = [NOBODY, NOBODY, listed(A_SET), read(A_SET)]
    assert "cascade deletes these first" in refused(ConflictError, reference, there, *looks)
    # The service knows of one that no listing showed at first.
    steps = [there, NOBODY, NOBODY, NOBODY, answer(409, {"title": "in use"}), there, *looks]
    assert "cascade deletes these first" in refused(ConflictError, reference, *steps)
    assert "run the deletion again to delete it too" in refused(ConflictError, reference, *steps, cascade=True)


def test_a_cascade_goes_on_if_somebody_else_deleted_the_object() -> None:
    there = read(shown(TAG_ID))
    looks = [NOBODY, NOBODY, listed(A_SET), read(A_SET), NOBODY]
    # A draft, and what has no status, is not read again before it is deleted.
    done, script = deleted(Reference(TAG, id=TAG_ID), there, *looks, read(A_SET), GONE, GONE, DONE, GONE, cascade=True)
    assert (done.action, done.cascaded) == ("deleted", ())
    assert methods(script) == ["GET"] * 7 + ["DELETE", "GET", "DELETE", "GET"]


def test_a_new_reference_to_an_object_of_the_cascade_is_told_with_what_to_do() -> None:
    looks = [NOBODY, NOBODY, listed(A_SET), read(A_SET), NOBODY]
    decision = shown("dps:offer-activity:1", criteria=[{"placements": [], "optionSelection": {"filter": SET_ID}}])
    late = [answer(409, {"title": "in use"}), read(A_SET), listed(decision), read(decision)]
    steps = [read(shown(TAG_ID)), *looks, read(A_SET), *late]
    message = refused(ConflictError, Reference(TAG, id=TAG_ID), *steps, cascade=True)
    assert "The collection is still referred to" in message
    assert "run the deletion again to delete it too" in message


def test_only_what_may_refer_to_the_kind_is_listed() -> None:
    """Whoever refers to an offer is a collection, and to that a decision."""
    reference = Reference(PERSONALIZED, id=OFFER_ID)
    set_ = shown(SET_ID, filterType="offers", ids=[OFFER_ID])
    steps = [read(AN_OFFER), listed(set_), read(set_), NOBODY, read(set_), DONE, GONE, DONE, GONE]
    done, script = deleted(reference, *steps, cascade=True)
    assert [(each.kind, each.id) for each in done.cascaded] == [(COLLECTION, SET_ID)]
    assert [path.rpartition("/")[2] for path in script.sent[1:4:2]] == ["offer-collections", "offer-decisions"]


@pytest.mark.parametrize(
    ("meanwhile", "left"),
    [
        # Deleted by somebody else.
        ([GONE, GONE], 0),
        # Archived by somebody else; it still refers to the qualifier.
        ([read({**AN_OFFER, "status": "archived"})] * 2 + [DONE, GONE], 1),
    ],
)
def test_an_offer_that_somebody_else_took_back_is_no_obstacle(meanwhile: list[Step], left: int) -> None:
    looks = [listed(AN_OFFER), read(AN_OFFER), NOBODY, NOBODY, NOBODY]
    steps = [read(shown(TAG_ID)), *looks, read(AN_OFFER), *meanwhile, DONE, GONE]
    done, _ = deleted(Reference(TAG, id=TAG_ID), *steps, cascade=True)
    assert len(done.cascaded) == left
