"""The verdicts detect errors: careless writes, run in the same way as the client's, break the promise."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_offers.client.errors import NoAnswerError, OfferLibraryError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.model.entities import Written
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.wire.messages import Call, Flow
from airflow_provider_offers.emulator import Emulator
from tests.faults.doors import Door
from tests.faults.interleaving import interleave
from tests.faults.matrix import APIS, BY_NAME, DURATIONS, Case, Place, Strike, Try, Write
from tests.faults.verdicts import DONE, Broken, play
from tests.faults.world import NAME, OTHER_TAG, World, offer

ONCE = DURATIONS[0]


def _blindly(call: Callable[[Access, Door, Try], Call]) -> Callable[[Door, Try], Written]:
    """Send a call, and send it again if no answer arrives."""

    def work(door: Door, attempt: Try) -> Written:
        def flow(access: Access) -> Flow[Written]:
            sent = call(access, door, attempt)
            answer = yield from access.send(replace(sent, repeatable=True))
            return Written(access.generation.receipt(answer), "updated")

        return door.run(flow)

    return work


def _posted(access: Access, door: Door, attempt: Try) -> Call:
    return access.generation.create(PERSONALIZED, offer())


def _appended(access: Access, door: Door, attempt: Try) -> Call:
    reference = door.offer_reference({"id": attempt.offer_id, "instance_id": _target(attempt).instance_id})
    return access.generation.patch(reference, [{"op": "add", "path": "/tags/-", "value": Emulator.TAG_ID}])


def _target(attempt: Try) -> Any:
    return attempt.target


def _in_vain(door: Door, attempt: Try) -> Any:
    raise NoAnswerError("the connection was lost", method="POST", path="/offers", sent=True)


def _without_a_word(door: Door, attempt: Try) -> Any:
    raise OfferLibraryError("something went wrong")


def _on_another(door: Door, attempt: Try) -> Written:
    (found,) = door.run(_found)
    door.patch(PERSONALIZED, found, [{"op": "replace", "path": "/rank/priority", "value": 99}])
    return door.create(PERSONALIZED, offer())


def _found(access: Access) -> Flow[list[str]]:
    from airflow_provider_offers.client.flows.reading import find_by_name

    found = yield from find_by_name(access, PERSONALIZED, f"{NAME} 2")
    return [entity.id for entity in found.entities]


CREATES = Write("careless creation", _blindly(_posted), None, offer())
APPENDS = Write("careless patch", _blindly(_appended), offer(), offer(tags=[OTHER_TAG, Emulator.TAG_ID]))


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("write", "route", "broken"),
    [
        (CREATES, "create", "2 offers where there must be one"),
        (APPENDS, "patch", "the offer is not as wanted"),
    ],
)
def test_a_write_that_is_made_twice(world: World, api: str, write: Write, route: str, broken: str) -> None:
    strike = Strike(Place(f"{api}.{route}", 0, 0), BY_NAME["lost after the commit"], ONCE)
    assert play(world, Case(write, api, "sync", ())) == DONE
    with pytest.raises(Broken, match=broken):
        play(world, Case(write, api, "sync", (strike,)))


@pytest.mark.parametrize(
    ("do", "broken"),
    [
        (_in_vain, "the next try failed: NoAnswerError"),
        (_without_a_word, "does not say what it is about"),
        (_on_another, "bystander .* was changed; a write to a bystander"),
        (lambda door, attempt: None, "0 offers where there must be one"),
        (lambda door, attempt: door.create(PERSONALIZED, offer(rank={"priority": 3})), "the offer is not as wanted"),
    ],
)
def test_a_write_that_is_not_made_or_goes_astray(world: World, do: Callable[[Door, Try], Any], broken: str) -> None:
    with pytest.raises(Broken) as noticed:
        play(world, Case(Write("careless creation", do, None, offer()), "dps", "sync", ()))
    assert re.search(broken, str(noticed.value))


def test_a_race_that_both_win(world: World) -> None:
    world.begin("dps")
    attempt = Try(1, world.time.now(), None)
    interleave(world.time, "any", [lambda steps: CREATES.do(world.door(steps=steps), attempt)] * 2)
    assert len(world.ours()) == 2
