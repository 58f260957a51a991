"""Lists that still show deleted or renamed objects, and not yet new ones: the client does not trust them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.errors import (
    AlreadyExistsError,
    ConflictError,
    NotFoundError,
    OutcomeUnknownError,
)
from airflow_provider_offers.client.flows.creation_notes import CreationNotes
from airflow_provider_offers.client.flows.memory import TaskTries
from airflow_provider_offers.client.flows.ownership import Creation
from airflow_provider_offers.client.model.entities import Written
from airflow_provider_offers.client.model.kinds import PERSONALIZED, TAG
from tests.faults.doors import Door, Outcome, Steps, outcome_of
from tests.faults.matrix import APIS, creating
from tests.faults.test_if_exists import MEANINGS
from tests.faults.world import LAG_BOUND, NAME, Stored, World, offer

each_api = pytest.mark.parametrize("api", APIS)
each_meaning = pytest.mark.parametrize("if_exists", MEANINGS)


def _rename(door: Door, offer_id: str, name: str) -> None:
    door.patch(PERSONALIZED, offer_id, [{"op": "replace", "path": "/name", "value": name}])


def _given(world: World, api: str, **changes: Any) -> Stored:
    there = world.begin(api, given=offer(**changes))
    assert there is not None
    world.lag(LAG_BOUND)
    return there


@each_api
@each_meaning
def test_what_was_deleted_is_not_there(world: World, api: str, if_exists: str) -> None:
    there = _given(world, api)
    world.door().delete(PERSONALIZED, there.id)
    world.time.sleep(2)

    written = world.door().create(PERSONALIZED, offer(), if_exists=if_exists)

    (left,) = world.ours()
    assert (written.action, written.receipt.id) == ("created", left.id)
    assert left.id != there.id
    assert written.withdrawn == ()


@each_api
@each_meaning
def test_what_was_renamed_is_another(world: World, api: str, if_exists: str) -> None:
    there = _given(world, api)
    _rename(world.door(), there.id, "Old one")
    world.time.sleep(2)

    written = world.door().create(PERSONALIZED, offer(rank={"priority": 77}), if_exists=if_exists)

    old, new = world.ours()
    assert (old.id, old.body["name"], old.body["rank"], old.etag) == (there.id, "Old one", {"priority": 10}, 2)
    assert (written.action, written.receipt.id, new.body["name"]) == ("created", new.id, NAME)


@each_api
def test_what_an_earlier_try_made_and_somebody_deleted_ends_no_look(world: World, api: str) -> None:
    """The list still shows the deleted twin; the offer of the earlier try's lost POST appears only later."""
    world.begin(api)
    began = world.time.now()
    world.lag(LAG_BOUND / 2)
    twin = world.door().create(PERSONALIZED, offer())
    world.door().delete(PERSONALIZED, twin.receipt.id)
    world.emulator.add_fault("drop", method="POST", path="/data/*", when="after")
    world.emulator.add_fault("status", status=403, route="*.list", after=1, times=None)
    assert isinstance(outcome_of(lambda: world.door().create(PERSONALIZED, offer())), OutcomeUnknownError)
    world.emulator.clear_faults()

    written = world.door().create(PERSONALIZED, offer(), since=began)

    (left,) = world.ours()
    assert (written.action, written.receipt.id) == ("adopted", left.id)


@each_api
def test_a_read_that_finds_nothing_for_a_moment_makes_no_twin(world: World, api: str) -> None:
    there = _given(world, api)
    world.emulator.add_fault("status", status=404, route=f"{api}.get")

    written = world.door().create(PERSONALIZED, offer(), if_exists="adopt")

    (left,) = world.ours()
    assert (written.action, written.receipt.id, left.id) == ("adopted", there.id, there.id)
    assert len(written.withdrawn) == 1


class _Meanwhile(Steps):
    """Calls a function just before the n-th read of an offer by its id."""

    def __init__(self, world: World, number: int, do: Callable[[], None]) -> None:
        super().__init__(world.time)
        self._left = number
        self._do = do

    def before(self, request: Any) -> None:
        if request.method == "GET" and ("personalized-offer:" in request.url or "/instances/" in request.url):
            self._left -= 1
            if self._left == 0:
                self._do()


@each_api
def test_an_update_stops_where_the_offer_is_renamed_under_its_hands(world: World, api: str) -> None:
    there = _given(world, api)
    steps = _Meanwhile(world, 2, lambda: _rename(world.door(), there.id, "Old one"))
    outcome = outcome_of(
        lambda: world.door(steps=steps).create(PERSONALIZED, offer(rank={"priority": 77}), if_exists="update")
    )
    assert isinstance(outcome, ConflictError)
    assert outcome.retryable
    assert "renamed meanwhile" in str(outcome)
    (left,) = world.now_there()
    assert (left.body["name"], left.body["rank"]) == ("Old one", {"priority": 10})
    # The next try finds the name free.
    assert world.door().create(PERSONALIZED, offer(rank={"priority": 77}), if_exists="update").action == "created"


BY_NAME: dict[str, Callable[[Door], Any]] = {
    "delete": lambda door: door.delete(PERSONALIZED, f"name:{NAME}"),
    "patch": lambda door: door.patch(
        PERSONALIZED, f"name:{NAME}", [{"op": "replace", "path": "/status", "value": "approved"}]
    ),
    "read": lambda door: door.get(PERSONALIZED, f"name:{NAME}"),
}


@each_api
@pytest.mark.parametrize("work", BY_NAME)
@pytest.mark.parametrize("fate", ["renamed", "deleted"])
def test_a_name_does_not_mean_what_had_it(world: World, api: str, work: str, fate: str) -> None:
    there = _given(world, api)
    if fate == "renamed":
        _rename(world.door(), there.id, "Precious")
    else:
        world.door().delete(PERSONALIZED, there.id)
    world.time.sleep(2)
    before = world.now_there()

    outcome = outcome_of(lambda: BY_NAME[work](world.door()))

    assert isinstance(outcome, NotFoundError)
    assert world.now_there() == before


@each_api
def test_the_name_of_two_of_which_one_is_gone_is_not_ambiguous(world: World, api: str) -> None:
    there = _given(world, api)
    world.add(offer(rank={"priority": 1}))
    world.door().delete(PERSONALIZED, there.id)
    world.time.sleep(2)
    (other,) = world.now_there()
    found = world.door().get(PERSONALIZED, f"name:{NAME}")
    assert found is not None
    assert found.id == other.id
    assert world.door().create(PERSONALIZED, offer(), if_exists="adopt").receipt.id == other.id


@each_api
def test_a_name_that_went_to_another_is_looked_up_again_in_time(world: World, api: str) -> None:
    """A long wait keeps one session, which caches names."""
    from airflow_provider_offers.client.flows.reading import look_alone

    there = _given(world, api)
    world.lag(0)
    waiting, somebody = world.door(), world.door()
    reference = waiting.offer_reference(f"name:{NAME}")

    def seen() -> Any:
        return waiting.run(lambda access: look_alone(access, reference))

    assert seen().id == there.id
    somebody.delete(PERSONALIZED, there.id)
    replaced = somebody.create(PERSONALIZED, offer()).receipt.id
    # At once, because a read shows that it is gone.
    assert seen().id == replaced
    _rename(somebody, replaced, "Old one")
    again = somebody.create(PERSONALIZED, offer()).receipt.id
    world.time.sleep(60)
    assert seen().id == again
    somebody.delete(PERSONALIZED, again)
    world.time.sleep(60)
    assert seen() is None


LATE = [(3, 0.0), (3, LAG_BOUND), (9, LAG_BOUND), (9, 3.0)]


@each_api
@pytest.mark.parametrize(("late", "lag"), LATE)
def test_a_name_that_our_own_late_post_took_is_ours(world: World, api: str, late: float, lag: float) -> None:
    """The second POST is refused because of the first, which shows up after the client has stopped looking."""
    world.begin(api)
    world.lag(lag)
    began = world.time.now()
    known = {each["id"] for each in world.emulator.objects("tag")}
    world.emulator.add_fault("late", method="POST", path="/data/*", seconds=late)
    create = creating({"name": NAME, "description": "hello"}, kind=TAG)

    written = outcome_of(lambda: _tried(create, world))

    assert isinstance(written, Written), written
    (made,) = {each["id"] for each in world.emulator.objects("tag")} - known
    assert written.receipt.id == made
    again = world.door().create(TAG, {"name": NAME, "description": "hello"}, since=began)
    assert (again.action, again.receipt.id) == ("adopted", made)


@each_api
def test_a_name_that_our_own_late_post_took_too_late_is_left_to_the_next_try(world: World, api: str) -> None:
    world.begin(api)
    world.lag(LAG_BOUND)
    began = world.time.now()
    world.emulator.add_fault("late", method="POST", path="/data/*", seconds=1.1)
    create = creating({"name": NAME}, kind=TAG, patience=1)

    first = outcome_of(lambda: _tried(create, world))

    assert isinstance(first, OutcomeUnknownError), first
    assert first.retryable
    world.time.sleep(LAG_BOUND)
    again = world.door().create(TAG, {"name": NAME}, since=began)
    assert again.action == "adopted"


def test_a_name_that_another_account_took_between_our_look_and_the_post_is_theirs(world: World) -> None:
    """It has the same content; generation 2 does not distinguish accounts."""
    api = "xcore"
    world.begin(api)
    world.lag(LAG_BOUND)
    taken: list[str] = []

    class Overtaken(Steps):
        def before(self, request: Any) -> None:
            if request.method == "POST" and "/data/" in request.url and not taken:
                theirs = {"kind": "tag", "body": {"name": NAME}, "client_id": "somebody-else", "generation": api}
                taken.extend(world.emulator.seed(objects=[theirs]))

    outcome = outcome_of(lambda: world.door(steps=Overtaken(world.time)).create(TAG, {"name": NAME}))
    assert isinstance(outcome, AlreadyExistsError), outcome
    assert taken[0] in str(outcome)


@each_api
def test_a_name_that_was_taken_while_our_post_was_under_way_is_ours_where_it_says_the_same(
    world: World, api: str
) -> None:
    """A gateway may have repeated the request and returned the refusal of the second."""
    world.begin(api)
    world.lag(LAG_BOUND)
    made: list[Written] = []

    class Repeated(Steps):
        def before(self, request: Any) -> None:
            if request.method == "POST" and "/data/" in request.url and not made:
                made.append(world.door().create(TAG, {"name": NAME}, patience=0))

    written = world.door(steps=Repeated(world.time)).create(TAG, {"name": NAME})
    assert (written.action, written.receipt.id) == ("adopted", made[0].receipt.id)


def _tried(create: Callable[[Any, Any], Written], world: World) -> Outcome:
    from tests.faults.matrix import Try

    return create(world.door(), Try(1, world.time.now(), None))


@each_api
def test_a_try_that_was_thought_dead_and_posts_after_all_leaves_one(world: World, api: str) -> None:
    """The retry began before the late try posted, and posts after it.

    It deletes its own offer, and then knows the owner of the older one.
    """
    world.begin(api)
    frozen = world.door()
    began, state = world.time.now(), frozen.notebook.values

    def creation_of(door: Door, number: int) -> Creation:
        door.notebook.values = state
        creation, tries = door.prepare(PERSONALIZED, offer()), TaskTries(number=number, last=2, durable=True)
        notes = CreationNotes(tries, [creation.wish(["prod"])], began=began, answer=timedelta(seconds=10))
        return replace(creation, record=notes.of(0))

    class Thawing(Steps):
        def before(self, request: Any) -> None:
            if request.method == "POST" and "/data/" in request.url and not thawing:
                thawing.append(True)
                thawed.append(frozen.create_prepared(creation_of(frozen, 1)))

    thawing: list[bool] = []
    thawed: list[Written] = []
    retry = world.door(steps=Thawing(world.time))

    written = retry.create_prepared(creation_of(retry, 2))

    (left,) = world.ours()
    assert (written.action, written.receipt.id) == ("adopted", left.id)
    assert thawed[0].receipt.id == left.id
    assert len(written.withdrawn) == 1
