"""A guarded write, its receipt, and what is known after a refusal or a lost answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.errors import (
    BadRequestError,
    ConflictError,
    OutcomeUnknownError,
    UnexpectedResponseError,
)
from airflow_provider_offers.client.flows.judging import Change
from airflow_provider_offers.client.flows.reading import CLOCK_GRAIN
from airflow_provider_offers.client.flows.sending import send_guarded
from airflow_provider_offers.client.model.entities import Entity, Reference, Written
from airflow_provider_offers.client.model.instants import format_instant
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from tests.client.library import DPS_ID, INSTANCE_ID, XCORE_ID, entity, receipt, sale
from tests.client.script import START, Script, Step, answer, lost
from tests.client.writes import methods, shown

RENAMED = [{"op": "replace", "path": "/name", "value": "New"}]
AFTER = {"name": "New"}


def there(api: str, **changes: Any) -> Entity:
    identifier, instance = (DPS_ID, DPS_ID) if api == "dps" else (XCORE_ID, INSTANCE_ID)
    read = Entity(PERSONALIZED, identifier, instance, 1, sale(), modified=format_instant(START))
    return replace(read, **changes)


def sent(api: str, change: Change, *steps: Step, before: Entity | None = None) -> tuple[Written, Script]:
    script = Script(*steps)
    before = there(api) if before is None else before
    access = script.access(api)
    call = access.generation.patch(before.reference, RENAMED, etag=before.etag)
    return script.run(send_guarded(access, call, before, change)), script


def renaming(**known: Any) -> Change:
    return Change(AFTER, frozenset(AFTER), **known)


@pytest.mark.parametrize("api", ["dps", "xcore"])
def test_a_receipt_has_the_request_id_of_its_answer(api: str) -> None:
    written, _ = sent(api, renaming(), answer(200, receipt(api, etag=2), {"x-request-id": "theirs"}))
    assert (written.receipt.etag, written.action, written.name) == (2, "updated", "Spring voucher")
    assert written.request_id is not None
    assert "theirs" in written.request_id


OTHERS = {"@id": "xcore:personalized-offer:2", "instanceId": "11111111-1619-11f1-9d55-1b1f0c9a7e21"}


def test_a_receipt_of_another_object_does_not_settle_the_write() -> None:
    """The object shows whether it was written."""
    strange = answer(200, {**receipt("xcore", etag=2), **OTHERS})
    written, script = sent("xcore", renaming(), strange, shown("xcore", sale(name="New"), 2))
    assert written.receipt.id == XCORE_ID
    assert methods(script) == ["PATCH", "GET"]
    blind = renaming(tells=False, once=False, idempotent=False)
    with pytest.raises(OutcomeUnknownError, match="the receipt of another object") as caught:
        sent("xcore", blind, strange, shown("xcore", sale(), 1))
    assert isinstance(caught.value.__cause__, UnexpectedResponseError)


@pytest.mark.parametrize("name", OTHERS)
def test_one_of_its_two_ids_is_enough_in_a_receipt(name: str) -> None:
    written, script = sent("xcore", renaming(), answer(200, {**receipt("xcore", etag=2), name: OTHERS[name]}))
    assert written.receipt.etag == 2
    assert methods(script) == ["PATCH"]


LATE = format_instant(START - timedelta(hours=1))


@pytest.mark.parametrize(
    ("first", "once", "idempotent", "error"),
    [
        (answer(409, {"title": "stale"}), False, False, ConflictError),
        (answer(409, {"title": "stale"}), True, True, ConflictError),
        (lost(), True, True, ConflictError),
        (lost(), True, False, ConflictError),
        (lost(), False, True, ConflictError),
        # The lost write may be applied late, and then a second time.
        (lost(), False, False, OutcomeUnknownError),
    ],
)
def test_a_write_on_an_old_listing_is_planned_again_if_it_can_do_no_harm(
    first: Step, once: bool, idempotent: bool, error: type[Exception]
) -> None:
    """The listing lagged: the edit that the read shows is from before the write."""
    change = renaming(once=once, idempotent=idempotent)
    steps = (first, answer(200, {**_old(), "repo:etag": 3}))
    with pytest.raises(error) as caught:
        sent("xcore", change, *steps, before=there("xcore", listed=True))
    if error is OutcomeUnknownError:
        assert "the connection was lost" in str(caught.value)
        assert not caught.value.retryable  # type: ignore[attr-defined]


def _old(**changes: Any) -> dict[str, Any]:
    return {**entity("xcore", sale(**changes)), "repo:lastModifiedDate": LATE}


@pytest.mark.parametrize(
    ("ago", "is_ours"), [(CLOCK_GRAIN, True), (CLOCK_GRAIN + timedelta(milliseconds=1), False), (timedelta(0), True)]
)
def test_an_edit_within_the_grain_of_the_clocks_may_be_ours(ago: timedelta, is_ours: bool) -> None:
    read = {**_old(name="New"), "repo:etag": 2, "repo:lastModifiedDate": format_instant(START - ago)}
    listed = there("xcore", listed=True)
    if is_ours:
        assert sent("xcore", renaming(), lost(), answer(200, read), before=listed)[0].receipt.etag == 2
    else:
        with pytest.raises(ConflictError, match="Somebody else edited the offer meanwhile"):
            sent("xcore", renaming(), lost(), answer(200, read), before=listed)


@pytest.mark.parametrize("api", ["dps", "xcore"])
def test_a_refusal_that_nothing_can_explain_is_told_with_the_failed_look(api: str) -> None:
    """A gateway may have sent the write twice. The first look may be an old answer, and the second one fails."""
    blind = [answer(500, {"title": "down"})] * 9
    script = Script(answer(409, {"title": "stale"}), shown(api, sale(), 1), *blind)
    access, before = script.access(api), there(api)
    call = access.generation.patch(Reference(PERSONALIZED, before.id, before.instance_id), RENAMED, etag=1)
    with pytest.raises(OutcomeUnknownError, match="a gateway may have sent it twice") as caught:
        script.go(send_guarded(access, call, before, renaming()))
    assert "stale" in str(caught.value)
    assert "down" in str(caught.value)


def test_a_lost_answer_is_told_even_if_the_repetition_was_refused() -> None:
    looks = [shown("xcore", sale(), 1)] * 2
    script = Script(lost(), looks[0], answer(409, {"title": "stale"}), looks[1], *[answer(500)] * 9)
    access, before = script.access("xcore"), there("xcore")
    call = access.generation.patch(before.reference, RENAMED, etag=1)
    with pytest.raises(OutcomeUnknownError, match=r"had no answer that settles it \(.*stale"):
        script.go(send_guarded(access, call, before, renaming()))


def test_a_refusal_of_a_guarded_write_is_told_as_it_is_if_no_read_answers() -> None:
    """An etag guard is refused as a conflict, so another refusal answers the write itself."""
    script = Script(answer(400, {"title": "not valid"}), *[answer(500)] * 9)
    access, before = script.access("xcore"), there("xcore")
    call = access.generation.patch(before.reference, RENAMED, etag=1)
    with pytest.raises(BadRequestError, match="not valid"):
        script.go(send_guarded(access, call, before, renaming()))
