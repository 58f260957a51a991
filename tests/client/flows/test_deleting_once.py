"""A missing object counts as deleted only if an earlier try may have deleted it, with a memory and without one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_offers.client.errors import NotFoundError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.deleting import delete, delete_written
from airflow_provider_offers.client.flows.deleting_once import delete_if_there, delete_once
from airflow_provider_offers.client.flows.memory import TaskTries
from airflow_provider_offers.client.model.entities import Reference, Written
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.wire.messages import Flow, Request, Response
from tests.client.flows.creating import address_of, id_of
from tests.client.library import entity, page, reference, sale
from tests.client.script import Script, Step, answer
from tests.notebook import Notebook, WorkerDied

BOTH = pytest.mark.parametrize("api", ["dps", "xcore"])
# Without a memory, as on Airflow 3.2, and with one.
FIRST, RETRY = TaskTries(), TaskTries(number=2, last=2, anew=False)
NOTING, RECALLING = TaskTries(durable=True), TaskTries(number=2, last=2, anew=False, durable=True)
CLEARED = replace(RECALLING, clear_generation=1, anew=True)
NAMED = Reference(PERSONALIZED, name="Spring voucher")
GONE = answer(404, {"title": "gone"})


def once(script: Script, api: str, given: Reference, tries: TaskTries) -> Flow[Written]:
    return delete_once(script.access(api), given, _delete, tries)


def _delete(access: Access, meant: Reference, missing_ok: bool) -> Flow[Written]:
    return delete_written(access, meant, missing_ok=missing_ok)


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


@BOTH
def test_with_a_memory_only_what_an_earlier_try_was_about_to_delete_may_be_gone(api: str) -> None:
    notes = Notebook()
    there = answer(200, entity(api, sale()))
    # A read of the listed object, one before the note, and one before the deletion.
    found: list[Step] = [answer(200, page(api, [entity(api, sale())])), there, there, there]
    script = Script(*found, answer(200), GONE, memory=notes)
    assert script.run(once(script, api, NAMED, NOTING)).action == "deleted"

    script = Script(GONE, GONE, memory=notes)
    assert script.run(once(script, api, NAMED, RECALLING)).action == "unchanged"
    script = Script(answer(200, page(api)), GONE, GONE, memory=notes)
    assert script.run(once(script, api, NAMED, CLEARED)).action == "unchanged"
    script = Script(answer(200, page(api)), memory=Notebook())
    with pytest.raises(NotFoundError):
        script.run(once(script, api, NAMED, RECALLING))


@BOTH
def test_a_retry_deletes_no_other_object_that_has_the_name_by_now(api: str) -> None:
    """The first try deleted the object and was killed before it said so. Then a colleague created another."""
    notes = Notebook()
    there = answer(200, entity(api, sale(), number=1))
    found: list[Step] = [answer(200, page(api, [entity(api, sale(), number=1)])), there, there, there]

    def killed(_: Request) -> Response:
        raise WorkerDied

    script = Script(*found, killed, memory=notes)
    with pytest.raises(WorkerDied):
        script.run(once(script, api, NAMED, NOTING))

    script = Script(GONE, GONE, memory=notes)
    written = script.run(once(script, api, NAMED, RECALLING))
    assert (written.action, written.receipt.id) == ("unchanged", id_of(api, 1))
    assert {request.url.partition("?")[0].rpartition("/")[2] for request in script.requests} == {address_of(api, 1)}


@BOTH
def test_a_retry_that_accepts_a_missing_object_deletes_no_other_of_the_name_either(api: str) -> None:
    notes, there = Notebook(), entity(api, sale(), number=1)

    def if_there(script: Script, tries: TaskTries) -> Flow[Written]:
        return delete_if_there(script.access(api), NAMED, _delete, tries)

    found: list[Step] = [answer(200, page(api, [there])), answer(200, there)]
    script = Script(*found, answer(200), GONE, memory=notes)
    assert script.run(if_there(script, NOTING)).action == "deleted"

    script = Script(GONE, GONE, memory=notes)
    assert script.run(if_there(script, RECALLING)).action == "unchanged"
    # Without a note, the name counts; a missing object needs another lookup.
    script = Script(*found, answer(200), GONE, memory=Notebook())
    assert script.run(if_there(script, RECALLING)).action == "deleted"
    script = Script(*[answer(200, page(api))] * 2, memory=Notebook())
    assert script.run(if_there(script, NOTING)).action == "unchanged"


@BOTH
def test_a_cleared_task_deletes_the_object_that_has_the_name_now_and_it_must_be_there(api: str) -> None:
    notes = Notebook()
    one, other = (entity(api, sale(), number=number) for number in (1, 2))
    script = Script(answer(200, page(api, [one])), *[answer(200, one)] * 3, answer(200), GONE, memory=notes)
    script.run(once(script, api, NAMED, NOTING))

    found: list[Step] = [answer(200, page(api, [other])), answer(200, other)]
    script = Script(*found, GONE, memory=notes)
    with pytest.raises(NotFoundError):
        script.run(once(script, api, NAMED, CLEARED))
    script = Script(*found, *[answer(200, other)] * 2, answer(200), GONE, memory=notes)
    assert script.run(once(script, api, NAMED, CLEARED)).action == "deleted"


@BOTH
def test_the_first_try_after_a_clearing_accepts_nothing_that_is_missing(api: str) -> None:
    """The note outlives the clearing. Whoever clears the task asks for another deletion."""
    notes = Notebook()
    there = answer(200, entity(api, sale()))
    found: list[Step] = [answer(200, page(api, [entity(api, sale())])), there, there, there]
    script = Script(*found, answer(200), GONE, memory=notes)
    assert script.run(once(script, api, NAMED, NOTING)).action == "deleted"

    script = Script(answer(200, page(api)), memory=notes)
    with pytest.raises(NotFoundError):
        script.run(once(script, api, NAMED, replace(NOTING, clear_generation=1)))


@BOTH
def test_a_deletion_accepts_a_missing_object_only_if_it_is_told_to(api: str) -> None:
    for refused in (delete, delete_written):
        script = Script(GONE)
        with pytest.raises(NotFoundError):
            script.run(refused(script.access(api), reference(api)))
    script = Script(GONE, GONE)
    assert script.run(delete(script.access(api), reference(api), missing_ok=True)) == "unchanged"
