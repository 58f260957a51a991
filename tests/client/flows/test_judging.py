"""Whether a write took effect, by the object before it, as the write means it, and as it is now."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import ConflictError, NoAnswerError, OfferLibraryError, OutcomeUnknownError
from airflow_provider_offers.client.flows.judging import Change, judge_edited
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from tests.client.library import DPS_ID, reference

DONE, CONFLICT, UNKNOWN = None, ConflictError, OutcomeUnknownError
CALL = Dps().patch(reference("dps"), ())
REFUSED = ConflictError(method="PATCH", path="/offers", status=409, title="stale", detail="it was edited")
LOST = NoAnswerError("the connection was lost", method="PATCH", path="/offers", sent=True)


def there(etag: int, **properties: Any) -> Entity:
    return Entity(PERSONALIZED, DPS_ID, DPS_ID, etag, properties, "2026-03-02", "2026-03-02")


def verdict(before: Any, meant: Any, now: Any, edits: int, error: OfferLibraryError) -> type[Exception] | None:
    """What is known after the write and that many edits."""
    change = Change(meant, frozenset(meant))
    try:
        judge_edited(CALL, there(7, **before), there(7 + edits, **now), change, error, lost=error is LOST)
    except OfferLibraryError as told:
        return type(told)
    return None


def tags(*names: str, **more: Any) -> dict[str, Any]:
    return {"tags": list(names), **more}


@pytest.mark.parametrize(
    ("before", "meant", "now", "one", "several"),
    [
        # The object shows everything that the write changes.
        pytest.param(tags("a"), tags("a", "b"), tags("a", "b"), DONE, DONE, id="added"),
        pytest.param(tags("a"), tags("a", "b"), tags("c", "b", "a"), DONE, DONE, id="added, beside another"),
        pytest.param(tags("a"), tags("a", "b"), tags("b"), DONE, DONE, id="added, and another was removed"),
        pytest.param(tags("a"), tags("a", "b"), tags("a", "a", "b"), DONE, DONE, id="added, and another was doubled"),
        pytest.param(tags("a"), tags("a", "a"), tags("a", "a", "c"), DONE, DONE, id="added once more"),
        pytest.param(tags("a", "b"), tags("a"), tags("a", "c"), DONE, DONE, id="removed, beside another"),
        pytest.param(tags("a", "a"), tags("a"), tags("a", "c"), DONE, DONE, id="one of two removed"),
        pytest.param(tags("a", "a"), tags("a"), tags("c"), DONE, DONE, id="both removed"),
        pytest.param(tags("a"), tags("b"), tags("b", "c"), DONE, DONE, id="exchanged, beside another"),
        pytest.param({}, tags("a"), tags("a", "c"), DONE, DONE, id="a list that was not there"),
        pytest.param(tags(status="draft"), tags(status="live"), tags(status="live"), DONE, DONE, id="set"),
        # It shows nothing of it.
        pytest.param(tags("a"), tags("a", "b"), tags("a", "c"), CONFLICT, CONFLICT, id="not added"),
        pytest.param(tags("a"), tags("a", "a"), tags("a", "c"), CONFLICT, CONFLICT, id="not added once more"),
        pytest.param(tags("a", "b"), tags("a"), tags("a", "b", "c"), CONFLICT, CONFLICT, id="not removed"),
        pytest.param(tags("a", "a"), tags("a"), tags("a", "a", "c"), CONFLICT, CONFLICT, id="not one of two removed"),
        pytest.param(tags("a"), tags("b"), tags("a", "c"), CONFLICT, CONFLICT, id="not exchanged"),
        pytest.param({"status": "draft"}, {"status": "live"}, {"status": "done"}, CONFLICT, CONFLICT, id="not set"),
        # It shows a part: one write is all or nothing, but a second one may have undone the rest.
        pytest.param(tags("a"), tags("b"), tags("a", "b"), CONFLICT, UNKNOWN, id="added, and not removed"),
        pytest.param(tags("a"), tags("a", "b", "c"), tags("a", "b"), CONFLICT, UNKNOWN, id="one of two added"),
        pytest.param(
            tags("a", status="draft"),
            tags("a", "b", status="live"),
            tags("a", "b", status="draft"),
            CONFLICT,
            UNKNOWN,
            id="added, and not set",
        ),
    ],
)
def test_a_refused_write_may_have_taken_effect(before: Any, meant: Any, now: Any, one: Any, several: Any) -> None:
    assert verdict(before, meant, now, 1, REFUSED) is one
    assert verdict(before, meant, now, 2, REFUSED) is several
    assert verdict(before, meant, now, 9, REFUSED) is several


@pytest.mark.parametrize(
    ("now", "one", "several"),
    [
        pytest.param(tags("a", "b"), DONE, DONE, id="as it was meant"),
        pytest.param(tags("a", "c"), CONFLICT, UNKNOWN, id="not as it was meant"),
        # Somebody may have added another tag before ours or after it.
        pytest.param(tags("a", "b", "c"), CONFLICT, UNKNOWN, id="and more"),
    ],
)
def test_after_a_lost_answer_only_the_whole_write_shows_itself(now: Any, one: Any, several: Any) -> None:
    assert verdict(tags("a"), tags("a", "b"), now, 1, LOST) is one
    assert verdict(tags("a"), tags("a", "b"), now, 2, LOST) is several
