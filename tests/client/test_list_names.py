"""A list of names: a write that relies on a listing goes to no object that has lost the name since."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_offers.client.errors import NotFoundError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import look_ahead
from airflow_provider_offers.client.flows.replacing import replace_object
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.entities import Reference, Written
from airflow_provider_offers.client.model.kinds import KINDS
from airflow_provider_offers.client.wire.messages import Flow
from airflow_provider_offers.emulator import Emulator
from tests.client.lists import document, run_list, work_of
from tests.client.test_lists import seeded

KIND = KINDS["personalized"]
NAMES = ["Spring", "Summer", "Autumn", "Winter", "Sale"]
TAKEN = "Autumn"
WRITES = ["publish", "schedule", "archive", "patch sets", "patch adds", "replace"]

Change = Callable[[OfferLibrary, str], None]


def rename(library: OfferLibrary, identifier: str) -> None:
    library.patch(KIND, identifier, [{"op": "replace", "path": "/name", "value": "Put aside"}])


def delete(library: OfferLibrary, identifier: str) -> None:
    library.delete(KIND, identifier)


def edit(library: OfferLibrary, identifier: str) -> None:
    library.patch(KIND, identifier, [{"op": "replace", "path": "/rank/priority", "value": 77}])


def work_on(operation: str) -> Callable[[Access, Reference], Flow[Written]]:
    if operation == "replace":
        return lambda access, each: replace_object(access, each, {**document(KIND, str(each.name)), "tags": []})
    return work_of(operation, KIND)


def after_the_lookup(operation: str, happens: Callable[[], None]) -> Callable[[Access, Reference], Flow[Written]]:
    """The work on each object. Something happens after the list has read the objects ahead, and before any write."""
    waiting = [happens]

    def work(access: Access, each: Reference) -> Flow[Written]:
        candidate = access.ahead.candidate([KIND], str(each.name))
        assert candidate is not None
        yield from look_ahead(access.ahead, candidate)
        while waiting:
            waiting.pop()()
        return (yield from work_on(operation)(access, each))

    return work


def there(emulator: Emulator) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in emulator.objects(KIND.type_name)}


@pytest.fixture
def ids(emulator: Emulator) -> dict[str, str]:
    """The offers by their names."""
    return {each["body"]["name"]: each["id"] for each in seeded(emulator, KIND, NAMES)}


def names() -> list[Reference]:
    return [Reference(KIND, name=name) for name in NAMES]


@pytest.mark.parametrize("lose", [rename, delete], ids=lambda change: str(change.__name__))
@pytest.mark.parametrize("operation", WRITES)
def test_an_object_that_has_the_name_now_is_written_instead(
    emulator: Emulator, library: OfferLibrary, ids: dict[str, str], operation: str, lose: Change
) -> None:
    new: list[str] = []

    def swap() -> None:
        lose(library, ids[TAKEN])
        new.append(library.create(KIND, document(KIND, TAKEN)).receipt.id)

    before: dict[str, dict[str, Any]] = {}

    def happens() -> None:
        swap()
        before.update(there(emulator))

    _, heard = run_list(library.settings, names(), after_the_lookup(operation, happens))

    assert heard.errors == {}
    now = there(emulator)
    written = {each for each in now if now[each]["etag"] != before[each]["etag"]}
    assert written == {*new, *(ids[name] for name in NAMES if name != TAKEN)}
    assert {now[each]["etag"] - before[each]["etag"] for each in written} == {1}


@pytest.mark.parametrize("lose", [rename, delete], ids=lambda change: str(change.__name__))
@pytest.mark.parametrize("operation", WRITES)
def test_a_name_that_nobody_has_any_more_fails_its_object_only(
    emulator: Emulator, library: OfferLibrary, ids: dict[str, str], operation: str, lose: Change
) -> None:
    before: dict[str, dict[str, Any]] = {}

    def happens() -> None:
        lose(library, ids[TAKEN])
        before.update(there(emulator))

    _, heard = run_list(library.settings, names(), after_the_lookup(operation, happens), stop=False)

    (error,) = heard.errors.values()
    assert isinstance(error, NotFoundError)
    assert f"named {TAKEN!r}" in str(error)
    now = there(emulator)
    assert {each for each in now if now[each]["etag"] != before[each]["etag"]} == {*ids.values()} - {ids[TAKEN]}


@pytest.mark.parametrize("operation", WRITES)
def test_an_edit_of_somebody_else_stays(
    emulator: Emulator, library: OfferLibrary, ids: dict[str, str], operation: str
) -> None:
    _, heard = run_list(library.settings, names(), after_the_lookup(operation, lambda: edit(library, ids[TAKEN])))

    assert heard.errors == {}
    now = there(emulator)
    assert {now[each]["etag"] for each in ids.values()} == {2, 3}
    assert now[ids[TAKEN]]["etag"] == 3
    if operation != "replace":
        assert now[ids[TAKEN]]["body"]["rank"]["priority"] == 77


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("operation", WRITES)
def test_a_lost_answer_leaves_each_written_once(
    emulator: Emulator, library: OfferLibrary, ids: dict[str, str], operation: str, when: str
) -> None:
    emulator.add_fault("drop", route="*.patch", when=when, times=2)
    emulator.add_fault("drop", route="*.put", when=when, times=2)

    _, heard = run_list(library.settings, names(), work_on(operation))

    assert heard.errors == {}
    assert {each["etag"] for each in there(emulator).values()} == {2}


@pytest.mark.parametrize("operation", WRITES)
def test_a_gateway_that_repeats_each_write_adds_nothing_twice(
    emulator: Emulator, library: OfferLibrary, ids: dict[str, str], operation: str
) -> None:
    for route in ("*.patch", "*.put"):
        emulator.add_fault("repeat", route=route, times=None)

    _, heard = run_list(library.settings, names(), work_on(operation))

    assert heard.errors == {}
    tags = [each["body"].get("tags", []) for each in there(emulator).values()]
    assert [len(each) for each in tags] == [len(set(each)) for each in tags]
    if operation == "patch adds":
        assert all(tags)
