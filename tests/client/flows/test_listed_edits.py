"""Writes that rely on objects that a list read ahead: guarded writes do, and everything else reads the object first."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import Look
from airflow_provider_offers.client.flows.editing import schedule, take_step
from airflow_provider_offers.client.flows.memory import Intent, Plan, TaskTries
from airflow_provider_offers.client.flows.patching import patch
from airflow_provider_offers.client.model.entities import Written
from airflow_provider_offers.client.model.lifecycle import UNPUBLISH
from airflow_provider_offers.client.model.windows import resolve_window
from airflow_provider_offers.client.wire.memory import NO_MEMORY
from airflow_provider_offers.client.wire.messages import Ask, Flow
from tests.client.library import entity, page, receipt, reference, sale
from tests.client.script import Script, Step, answer, body_of
from tests.client.writes import ADD_TAG, AFTER, BEFORE, BOTH, Kept, methods, prepared, read_ahead, shown

LONG_AGO, NOW = "2026-03-02T08:00:00.000Z", "2026-03-02T09:00:01.000Z"
LATER = resolve_window(start="2026-08-01T00:00:00Z", end="2026-09-01T00:00:00Z")


class Listed(Script):
    """The list has read the block of every object, and reads it once."""

    def _perform(self, effect: Any) -> Any:
        if isinstance(effect, Ask) and isinstance(effect.question, Look):
            return None
        return super()._perform(effect)


def listed(api: str, properties: Any, etag: int, *steps: Step, kept: Kept | None = None) -> tuple[Script, Access]:
    """A list that read the object with these properties a moment ago, and the answers to what comes then."""
    script = Listed(answer(200, page(api, [entity(api, properties, etag=etag)])), memory=kept or NO_MEMORY)
    return script, read_ahead(script, api, *steps)


def changed(api: str, when: str) -> dict[str, Any]:
    return {"modified" if api == "dps" else "repo:lastModifiedDate": when}


def unpublish(access: Access, api: str, **options: Any) -> Flow[Written]:
    return take_step(access, reference(api), UNPUBLISH, **options)


def set_window(access: Access, api: str) -> Flow[Written]:
    return schedule(access, reference(api), LATER)


def add_tag(access: Access, api: str, **options: Any) -> Flow[Written]:
    return patch(access, reference(api), prepared(ADD_TAG), **options)


@BOTH
@pytest.mark.parametrize(
    ("work", "properties"),
    [(unpublish, sale(status="approved")), (set_window, sale()), (add_tag, BEFORE)],
    ids=["step", "window", "patch"],
)
def test_a_guarded_write_needs_no_other_read(api: str, work: Any, properties: Any) -> None:
    script, access = listed(api, properties, 3, answer(200, receipt(api, etag=4), {"x-request-id": "theirs"}))
    written = script.run(work(access, api))
    assert (written.receipt.etag, written.name) == (4, "Spring voucher")
    assert "theirs" in str(written.request_id)
    assert methods(script) == ["PATCH"]
    (request,) = script.requests
    if api == "xcore":
        assert request.headers["If-Match"] == '"3"'
    else:
        assert body_of(request)[0]["op"] == "test"


def test_an_edit_of_a_listed_offer_depends_on_its_status_on_dps() -> None:
    """Checks depend on the status, and somebody may have changed it since the listing."""
    script, access = listed("dps", sale(), 3, answer(200, receipt("dps", etag=4)))
    script.run(set_window(access, "dps"))
    tests = [each for each in body_of(script.requests[0]) if each["op"] == "test"]
    assert {"op": "test", "path": "/status", "value": "draft"} in tests


@BOTH
def test_a_listing_that_shows_nothing_to_do_is_not_relied_on(api: str) -> None:
    """Somebody published the offer since, and the listing lags."""
    script, access = listed(api, sale(), 3, shown(api, sale(status="approved"), 4), answer(200, receipt(api, etag=5)))
    assert script.run(unpublish(access, api)).action == "unpublished"
    assert methods(script) == ["GET", "PATCH"]
    script, access = listed(api, sale(), 3, shown(api, sale(), 3))
    assert script.run(unpublish(access, api)).action == "unchanged"
    assert methods(script) == ["GET"]


@BOTH
def test_a_listing_that_allows_no_step_is_not_relied_on(api: str) -> None:
    """The listing shows an archived offer. Somebody has taken it back since."""
    there = shown(api, sale(status="approved"), 4)
    script, access = listed(api, sale(status="archived"), 3, there, answer(200, receipt(api, etag=5)))
    assert script.run(unpublish(access, api)).action == "unpublished"
    assert methods(script) == ["GET", "PATCH"]


@BOTH
@pytest.mark.parametrize("work", [unpublish, add_tag], ids=["step", "patch"])
def test_what_an_earlier_try_may_have_written_is_read_first(api: str, work: Any) -> None:
    """The listing shows the offer as it was before the earlier try wrote it."""
    before, after = (sale(status="approved"), sale()) if work is unpublish else (BEFORE, AFTER)
    earlier = Kept()
    # A retry of a patch reads in any case.
    reads = [shown(api, before, 3)] if work is add_tag else []
    script, access = listed(api, before, 3, *reads, answer(200, receipt(api, etag=4)), kept=earlier)
    script.run(work(access, api, intent=earlier.intent))
    kept = Kept(earlier.kept[0])
    script, access = listed(api, before, 3, shown(api, after, 4), kept=kept)
    written = script.run(work(access, api, intent=kept.intent))
    assert written.receipt.etag == 4
    assert methods(script) == ["GET"]


@BOTH
@pytest.mark.parametrize(
    ("when", "patches"),
    [
        pytest.param(LONG_AGO, 2, id="somebody made the same edit before the listing caught up"),
        pytest.param(NOW, 1, id="a gateway sent ours twice"),
        pytest.param("yesterday", 1, id="no time"),
    ],
)
def test_an_edit_that_a_lagging_listing_did_not_show_is_not_taken_for_ours(api: str, when: str, patches: int) -> None:
    refusal = answer(409, {"title": "stale"}) if api == "xcore" else answer(422, {"title": "a test failed"})
    there = shown(api, AFTER, 4, **changed(api, when))
    steps: list[Step] = [refusal, there]
    if patches == 2:
        steps += [there, answer(200, receipt(api, etag=5))]
    script, access = listed(api, BEFORE, 3, *steps)
    script.run(add_tag(access, api))
    assert methods(script).count("PATCH") == patches


class KeptByALaterTry(Kept):
    """A try that seemed dead is still working: the one after it has kept a plan for the same patch."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.intent = Intent(TaskTries(number=1, last=2, durable=True), "intent", "work")

    def recall(self, key: str) -> Any:
        assert key == "intent_2"
        return super().recall("intent_1")


@BOTH
def test_a_listed_object_is_read_if_another_try_has_planned_the_patch(api: str) -> None:
    """The list may have read the object before the other try wrote it."""
    kept = KeptByALaterTry(Plan(3, prepared(ADD_TAG).fingerprint(AFTER)))
    script, access = listed(api, BEFORE, 3, shown(api, AFTER, 4), kept=kept)
    written = script.run(add_tag(access, api, intent=kept.intent))
    assert (written.receipt.etag, methods(script)) == (4, ["GET"])
