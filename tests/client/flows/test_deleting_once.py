"""Without a memory, as on Airflow 3.2: only a retry accepts a missing object, and a name is looked for in time."""

from __future__ import annotations

import pytest

from airflow_provider_offers.client.errors import NotFoundError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.deleting import delete_written
from airflow_provider_offers.client.flows.deleting_once import delete_once
from airflow_provider_offers.client.flows.memory import TaskTries
from airflow_provider_offers.client.model.entities import Reference, Written
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.wire.messages import Flow
from tests.client.library import entity, page, reference, sale
from tests.client.script import Script, Step, answer

BOTH = pytest.mark.parametrize("api", ["dps", "xcore"])
FIRST, RETRY = TaskTries(), TaskTries(number=2, last=2, anew=False)
NAMED = Reference(PERSONALIZED, name="Spring voucher")
GONE = answer(404, {"title": "gone"})


def once(script: Script, api: str, given: Reference, tries: TaskTries) -> Flow[Written]:
    def delete(access: Access, meant: Reference, missing_ok: bool) -> Flow[Written]:
        return delete_written(access, meant, missing_ok=missing_ok)

    return delete_once(script.access(api), given, delete, tries)


@BOTH
def test_a_first_try_refuses_what_is_not_there_and_a_retry_accepts_it(api: str) -> None:
    script = Script(GONE)
    with pytest.raises(NotFoundError) as caught:
        script.run(once(script, api, reference(api), FIRST))
    # The next try would take it for what this one deleted.
    assert (caught.value.final, caught.value.retryable) == (True, False)

    script = Script(GONE, GONE)
    assert script.run(once(script, api, reference(api), RETRY)).action == "unchanged"


@BOTH
@pytest.mark.parametrize("tries", [FIRST, RETRY], ids=["first", "retry"])
def test_a_name_that_a_listing_shows_late_is_waited_for(api: str, tries: TaskTries) -> None:
    there = entity(api, sale())
    # Each listed object is read, because listings lag, and a first try makes sure that it is there.
    reads = [answer(200, there)] * (2 if tries is FIRST else 1)
    steps: list[Step] = [answer(200, page(api)), answer(200, page(api, [there])), *reads, answer(200), GONE]
    script = Script(*steps)

    assert script.run(once(script, api, NAMED, tries)).action == "deleted"
    assert [pause.reason.partition(":")[0] for pause in script.pauses] == ["a listing may lag"]


@BOTH
def test_a_name_that_nobody_has_is_missing_after_ten_seconds(api: str) -> None:
    # Nine looks in ten seconds, and the one of the deletion itself.
    script = Script(*[answer(200, page(api))] * 10)
    with pytest.raises(NotFoundError) as caught:
        script.run(once(script, api, NAMED, FIRST))
    assert caught.value.final
    assert sum(pause.seconds for pause in script.pauses) == 10

    script = Script(*[answer(200, page(api))] * 10)
    assert script.run(once(script, api, NAMED, RETRY)).action == "unchanged"
