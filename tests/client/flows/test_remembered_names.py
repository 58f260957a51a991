"""An object that a name meant a while ago is read again before it is used: another object may have the name by now."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import NotFoundError
from airflow_provider_offers.client.flows.reading import look_alone, look_at, resolve
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from tests.client.flows.creating import id_of
from tests.client.library import entity, page, reference, sale
from tests.client.script import Script, Step, answer

BOTH = pytest.mark.parametrize("api", ["dps", "xcore"])
NAMED = Reference(PERSONALIZED, name="Spring voucher")
GONE = answer(404, {"title": "gone"})


class Library:
    """One access to a scripted library, in which the name is looked up several times."""

    def __init__(self, api: str) -> None:
        self.api = api
        self.script = Script()
        self._access = self.script.access(api)

    def listed(self, *entities: dict[str, Any]) -> list[Step]:
        """The answers to a lookup by the name, and to a read of each object in it."""
        return [answer(200, page(self.api, entities)), *(answer(200, each) for each in entities)]

    def resolve(self, *steps: Step, after: float = 0.0) -> str | None:
        """The id that the name means that many seconds later."""
        self.script.time += after
        self.script.steps = [*steps]
        return self.script.run(resolve(self._access, NAMED)).id

    def look(self, *steps: Step, after: float = 0.0) -> str | None:
        """The id of the object that has the name that many seconds later; None if there is none."""
        self.script.time += after
        self.script.steps = [*steps]
        found = self.script.run(look_alone(self._access, NAMED))
        return None if found is None else found.id


@pytest.fixture(params=["dps", "xcore"])
def library(request: pytest.FixtureRequest) -> Library:
    return Library(request.param)


def first(library: Library) -> dict[str, Any]:
    return entity(library.api, sale(), number=1)


def second(library: Library) -> dict[str, Any]:
    return entity(library.api, sale(), number=2)


def test_a_name_is_looked_up_once_and_read_again_after_ten_seconds(library: Library) -> None:
    one = id_of(library.api, 1)
    assert library.resolve(*library.listed(first(library))) == one
    assert library.resolve(after=9) == one
    assert library.resolve(answer(200, first(library)), after=2) == one
    assert library.resolve(after=9) == one


def test_a_name_whose_object_is_gone_or_renamed_is_looked_up_again(library: Library) -> None:
    renamed = answer(200, entity(library.api, sale(name="Autumn voucher"), number=2))
    library.resolve(*library.listed(first(library)))
    assert library.resolve(GONE, *library.listed(second(library)), after=11) == id_of(library.api, 2)
    assert library.resolve(renamed, *library.listed(first(library)), after=11) == id_of(library.api, 1)


def test_what_a_listing_still_shows_and_a_read_does_not_has_no_name(library: Library) -> None:
    with pytest.raises(NotFoundError):
        library.resolve(answer(200, page(library.api, [first(library)])), GONE)


def test_a_look_by_name_finds_the_object_that_has_the_name_now(library: Library) -> None:
    library.resolve(*library.listed(first(library)))
    assert library.look(GONE, *library.listed(second(library)), answer(200, second(library))) == id_of(library.api, 2)
    assert library.look(GONE, answer(200, page(library.api))) is None


@BOTH
def test_a_lookup_of_several_that_is_refused_becomes_a_read_of_each(api: str) -> None:
    """dps looks up several ids by a pattern, and may find it too long."""
    known = [reference(api), Reference(PERSONALIZED, id=id_of(api, 1), instance_id=id_of(api, 1))]
    script = Script(answer(400, {"title": "too long"}), answer(200, entity(api, sale())), GONE)

    found = script.run(look_at(script.access(api), known))

    assert {identifier: there is not None for identifier, there in found.items()} == {
        known[0].id: True,
        known[1].id: False,
    }
