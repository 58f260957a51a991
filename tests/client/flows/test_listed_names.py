"""Writes to an object that only a list shows under its name: if time passes, or the name goes to another object."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import NotFoundError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import Turn
from airflow_provider_offers.client.flows.editing import schedule
from airflow_provider_offers.client.flows.memory import Intent, TaskTries
from airflow_provider_offers.client.flows.patching import patch
from airflow_provider_offers.client.model.entities import Entity, Reference, Written
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.wire.messages import Ask, Flow, Recall, Request, Response
from tests.client.flows.test_listed_edits import LATER, Listed, changed
from tests.client.library import entity, page, receipt, reference, sale
from tests.client.script import Script, Step, answer, body_of, lost
from tests.client.writes import ADD_TAG, BOTH, Kept, methods, prepared, read_ahead, shown

NAMED = Reference(PERSONALIZED, name="Spring voucher")
DESCRIBE = [{"op": "add", "path": "/description", "value": "changed"}]
FIRST_TRY = Intent(TaskTries(number=1, last=2, durable=True), "intent", "work")


class Waiting(Listed):
    """The memory and the turn of the object take their time."""

    recall_takes = 0.0
    turn_takes = 0.0

    def _perform(self, effect: Any) -> Any:
        if isinstance(effect, Recall):
            self.time += self.recall_takes
        if isinstance(effect, Ask) and isinstance(effect.question, Turn):
            self.time += self.turn_takes
        return super()._perform(effect)


class Empty(Kept):
    """The memory of a first try."""

    def recall(self, key: str) -> Any:
        return None

    def keep(self, key: str, value: Any) -> None:
        pass


def listed(api: str, *steps: Step) -> tuple[Waiting, Access]:
    """A list of names that read its only object a moment ago, and the answers to what comes then."""
    script = Waiting(answer(200, page(api, [entity(api, sale(), etag=3)])), memory=Empty())
    return script, with_name(script, api, *steps)


def with_name(script: Script, api: str, *steps: Step) -> Access:
    """The access of that list."""
    access = read_ahead(script, api, *steps)
    there: Entity | None = access.ahead.peek(reference(api))
    assert there is not None
    access.ahead.want(PERSONALIZED, ["Spring voucher"])
    access.ahead.saw(there)
    access.ahead.set_whole(PERSONALIZED)
    return access


def describe(access: Access) -> Flow[Written]:
    return patch(access, NAMED, prepared(DESCRIBE), intent=FIRST_TRY)


def paths(script: Script) -> list[str]:
    return [request.url.partition("?")[0].rpartition("/")[2] for request in script.requests]


def renamed(api: str, when: str) -> Response:
    return shown(api, sale(name="Put aside"), 4, **changed(api, when))


def other(api: str, created: str) -> dict[str, Any]:
    """The object that was created under the name since."""
    return entity(api, sale(), number=2, created=created)


def receipt_of_other(api: str) -> Response:
    body = receipt(api, etag=2)
    there = other(api, "")
    ids = {"id": there["id"]} if api == "dps" else {"@id": there["_instance"]["@id"], "instanceId": there["instanceId"]}
    return answer(200, {**body, **ids})


@BOTH
@pytest.mark.parametrize("seconds", [0.0, 61.0])
def test_an_object_that_was_read_too_long_ago_is_read_again(api: str, seconds: float) -> None:
    """The memory took long, so the list has not kept the object."""
    reads = [shown(api, sale(), 3)] if seconds else []
    script, access = listed(api, *reads, answer(200, receipt(api, etag=4)))
    script.recall_takes = seconds
    assert script.run(describe(access)).receipt.etag == 4
    assert methods(script) == [*["GET"] * len(reads), "PATCH"]


@BOTH
def test_an_edit_before_the_turn_is_no_conflict_after_a_lost_answer(api: str) -> None:
    """Somebody edited another property while the object waited for its turn."""
    edited = shown(api, sale(rank={"priority": 7}), 4, **changed(api, "2026-03-02T09:01:00.000Z"))
    script, access = listed(api, lost(), edited, edited, answer(200, receipt(api, etag=5)))
    script.turn_takes = 120.0
    assert script.run(describe(access)).receipt.etag == 5
    assert methods(script) == ["PATCH", "GET", "GET", "PATCH"]


@BOTH
def test_after_a_lost_answer_another_object_may_have_the_name(api: str) -> None:
    """It was created after the lost request, but nobody has edited it."""
    created = other(api, "2026-03-02T09:00:05.000Z")
    found = [answer(200, page(api, [created])), answer(200, created)]
    script, access = listed(api, lost(), renamed(api, "2026-03-02T09:00:04.000Z"), *found, receipt_of_other(api))
    written = script.run(describe(access))
    assert written.receipt.etag == 2
    assert methods(script) == ["PATCH", "GET", "GET", "GET", "PATCH"]
    assert paths(script)[4] == paths(script)[3]
    # The first request was guarded by the name, or by the etag of the object that had it.
    (operation,) = body_of(script.requests[4])
    assert operation["op"] == "add"
    assert "If-Match" not in script.requests[4].headers


class Renamed(Waiting):
    """A service whose only object has lost the name. The clock jumps by a minute when it is read for the `nth` time."""

    nth = -1

    def __init__(self, api: str, *steps: Step) -> None:
        super().__init__(*steps, memory=Empty())
        self._api = api
        self.has_written = False

    def clock(self) -> float:
        self.nth -= 1
        self.time += 61.0 if self.nth == 0 else 0.0
        return super().clock()

    def answer(self, request: Request) -> Response:
        if request.method == "GET":
            is_read = request.url.partition("?")[0].endswith(str(reference(self._api).instance_id))
            return renamed(self._api, "2026-03-02T08:59:00.000Z") if is_read else answer(200, page(self._api))
        guard = {"op": "test", "path": "/name", "value": "Spring voucher"}
        if request.headers.get("If-Match") == '"3"' or guard in body_of(request):
            return answer(412 if self._api == "xcore" else 422, {"title": "no"})
        self.has_written = True
        return answer(200, receipt(self._api, etag=5))


def add_tag(access: Access) -> Flow[Written]:
    return patch(access, NAMED, prepared(ADD_TAG), intent=FIRST_TRY)


def set_window(access: Access) -> Flow[Written]:
    return schedule(access, NAMED, LATER, intent=FIRST_TRY)


@BOTH
@pytest.mark.parametrize("is_remembered", [False, True], ids=["", "remembered"])
@pytest.mark.parametrize("work", [describe, add_tag, set_window])
def test_an_object_that_lost_its_name_is_not_written(api: str, work: Any, is_remembered: bool) -> None:
    """Whenever the list stops keeping the object, and if somebody else looked the name up before it was lost."""
    for nth in range(30):
        script = Renamed(api, answer(200, page(api, [entity(api, sale(), etag=3)])))
        access = with_name(script, api, *[script.answer] * 20)
        if is_remembered:
            access.remember((PERSONALIZED.key, "Spring voucher"), reference(api))
        script.nth = nth
        with pytest.raises(NotFoundError, match="named 'Spring voucher'"):
            script.go(work(access))
        assert not script.has_written
