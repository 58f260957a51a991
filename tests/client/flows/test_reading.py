"""Reading objects by an id or a name: over several pages, after a deletion, and with what an error names."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.errors import AmbiguousNameError, NotFoundError, UnexpectedResponseError
from airflow_provider_offers.client.flows.reading import (
    find_by_name,
    find_there,
    look_alone,
    look_at,
    named,
    read,
    read_now,
    resolve,
)
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import FALLBACK, PERSONALIZED
from airflow_provider_offers.emulator import Emulator
from tests.client.library import entity, page, reference, sale
from tests.client.script import Script, Step, answer
from tests.client.writes import BOTH, methods, shown

NAME = "Spring voucher"
BY_NAME = Reference(PERSONALIZED, name=NAME)


def found(api: str, *numbers: int, next: str | None = None, headers: Any = None, **changes: Any) -> Step:
    """A page with these offers."""
    bodies = [entity(api, sale(**changes), number=number) for number in numbers]
    return answer(200, page(api, bodies, next=next), headers)


def one(api: str, number: int, **changes: Any) -> Step:
    return answer(200, entity(api, sale(**changes), number=number))


def id_of(api: str, number: int) -> str:
    return f"{api}:personalized-offer:{number:016x}"


@BOTH
@pytest.mark.parametrize("status", [404, 410])
def test_an_object_that_is_gone_is_none(api: str, status: int) -> None:
    script = Script(answer(status))
    assert script.run(look_alone(script.access(api), reference(api))) is None
    assert methods(script) == ["GET"]


@BOTH
@pytest.mark.parametrize("status", [404, 410])
def test_another_object_may_have_the_name_of_one_that_is_gone(api: str, status: int) -> None:
    script = Script(found(api, 1), one(api, 1), answer(status), found(api, 2), one(api, 2), one(api, 2))
    now = script.run(look_alone(script.access(api), BY_NAME))
    assert now is not None
    assert now.id == id_of(api, 2)
    script = Script(found(api, 1), one(api, 1), answer(status), found(api, 2), one(api, 2), answer(status))
    assert script.run(look_alone(script.access(api), BY_NAME)) is None
    script = Script(found(api, 1), one(api, 1), answer(status), found(api))
    assert script.run(look_alone(script.access(api), BY_NAME)) is None


@BOTH
def test_objects_of_a_name_are_found_on_every_page_with_the_clock_of_the_last_one(api: str) -> None:
    ahead, behind = ({"date": Script().http_date(seconds)} for seconds in (60, -30))
    script = Script(found(api, 1, 2, next="/offers?start=2", headers=ahead), found(api, 3, headers=behind))
    everything = script.run(find_by_name(script.access(api), PERSONALIZED, NAME))
    assert [each.id for each in everything.entities] == [id_of(api, number) for number in (1, 2, 3)]
    assert everything.skew == timedelta(seconds=-30)
    script = Script(found(api, 1, name="Spring voucher 2"))
    none = script.run(find_by_name(script.access(api), PERSONALIZED, NAME))
    assert (none.entities, none.skew) == ([], timedelta(0))


@BOTH
def test_what_a_listing_shows_of_a_name_is_read_again(api: str) -> None:
    """One was renamed, and one was deleted."""
    date = {"date": Script().http_date(60)}
    script = Script(found(api, 1, 2, 3, headers=date), one(api, 1, name="New"), answer(404), one(api, 3))
    there = script.run(find_there(script.access(api), PERSONALIZED, NAME))
    assert [each.id for each in there.entities] == [id_of(api, 3)]
    assert there.skew == timedelta(seconds=60)


@BOTH
def test_many_objects_are_looked_at_in_the_order_of_the_request(api: str) -> None:
    references = [Reference(PERSONALIZED, id=id_of(api, number), instance_id=str(number)) for number in (3, 1, 2)]
    script = Script(found(api, 1, 9, next="/offers?start=2"), found(api, 3), answer(404))
    seen = script.run(look_at(script.access(api), references))
    asked = script.requests[0].url
    assert all(id_of(api, number)[-16:] in asked for number in (1, 2, 3))
    assert [(each, there is not None) for each, there in seen.items()] == [
        (id_of(api, 3), True),
        (id_of(api, 1), True),
        (id_of(api, 2), False),
    ]


@BOTH
def test_a_lookup_that_is_refused_is_made_one_by_one(api: str) -> None:
    references = [Reference(PERSONALIZED, id=id_of(api, number), instance_id=str(number)) for number in (1, 2)]
    refusal = answer(400, {"title": "too long"})
    script = Script(found(api, 1, next="/offers?start=2"), refusal, one(api, 1), answer(410))
    seen = script.run(look_at(script.access(api), references))
    assert [there is not None for there in seen.values()] == [True, False]


@BOTH
@pytest.mark.parametrize("known", [3, "3", '"3"'])
def test_a_read_may_depend_on_the_etag(api: str, known: Any) -> None:
    script = Script(answer(304))
    assert script.run(read(script.access(api), reference(api), unless_etag=known)) is None
    assert script.requests[0].headers["If-None-Match"] == '"3"'
    # dps documents no conditional read.
    script = Script(shown(api, sale(), 3))
    assert script.run(read(script.access(api), reference(api), unless_etag=known)) is None
    script = Script(shown(api, sale(), 4))
    assert script.run(read(script.access(api), reference(api), unless_etag=known)) is not None


def test_one_of_its_two_ids_is_enough_in_a_read() -> None:
    there = entity("xcore", sale())
    other_instance = {**there, "instanceId": "11111111-1619-11f1-9d55-1b1f0c9a7e21"}
    other_id = {**there, "_instance": {**there["_instance"], "@id": "xcore:personalized-offer:2"}}
    for body in (other_instance, other_id):
        script = Script(answer(200, body))
        assert script.run(read(script.access("xcore"), reference("xcore"))) is not None
    script = Script(answer(200, {**other_id, "instanceId": other_instance["instanceId"]}))
    with pytest.raises(UnexpectedResponseError, match="it shows another object"):
        script.run(read(script.access("xcore"), reference("xcore")))


def test_an_id_counts_more_than_a_name() -> None:
    both = Reference(PERSONALIZED, id=id_of("dps", 1), name="Other")
    script = Script()
    assert script.run(resolve(script.access("dps"), both)) is both


@BOTH
def test_the_error_names_the_call_the_name_and_the_sandbox(api: str) -> None:
    script = Script(found(api))
    with pytest.raises(
        NotFoundError, match="no personalized offer named 'Spring voucher' in the sandbox 'dev1'"
    ) as lost:
        script.run(resolve(script.access(api), BY_NAME))
    assert (lost.value.method, lost.value.status, lost.value.refused) == ("GET", 404, False)
    assert lost.value.path == script.access(api).generation.lookup(PERSONALIZED, name=NAME).bare_path


@BOTH
@pytest.mark.parametrize(("count", "listed", "more"), [(2, 2, ""), (5, 5, ""), (7, 5, " and 2 more")])
def test_a_name_of_several_objects_is_ambiguous(api: str, count: int, listed: int, more: str) -> None:
    numbers = range(1, count)
    fallback = entity(api, sale(), number=99)
    script = Script(
        found(api, *numbers),
        *[one(api, number) for number in numbers],
        answer(200, page(api, [fallback])),
        one(api, 99),
    )
    with pytest.raises(AmbiguousNameError) as caught:
        script.run(named(script.access(api), (PERSONALIZED, FALLBACK), NAME))
    assert len(caught.value.ids) == count
    ids = ", ".join(caught.value.ids[:listed])
    assert f"could mean {count} objects in the sandbox 'dev1': {ids}{more}; give the id" in str(caught.value)


@BOTH
def test_a_name_is_looked_up_once_for_a_while_and_then_checked(api: str) -> None:
    script = Script(found(api, 1), one(api, 1))
    access = script.access(api)
    first = script.run(named(access, (PERSONALIZED,), NAME))
    assert script.run(named(access, (PERSONALIZED,), NAME)) == first
    script.time += 11
    script.steps = [one(api, 1)]
    assert script.run(named(access, (PERSONALIZED,), NAME)) == first
    # It was renamed meanwhile, and another object has the name.
    script.time += 11
    script.steps = [one(api, 1, name="New"), found(api, 2), one(api, 2)]
    other = script.run(named(access, (PERSONALIZED,), NAME))
    assert other is not None
    assert other.id == id_of(api, 2)


@BOTH
@pytest.mark.parametrize(
    ("given", "told"),
    [("Voucher", True), ("dps:personalized-offer:1", False), ("V" * 300, True), ("V" * 301, False)],
    ids=["a name", "an id", "a long name", "a text too long for a name"],
)
def test_an_id_that_may_be_a_name_is_told_when_no_object_has_it(api: str, given: str, told: bool) -> None:
    missing = [found(api)] if api == "xcore" else [answer(404, {"title": "Not found"})]
    script = Script(*missing)
    with pytest.raises(NotFoundError) as lost:
        script.run(read_now(script.access(api), Reference(PERSONALIZED, id=given)))
    hint = f"{given!r} was sent as an id; did you mean 'name:{given}'?"
    assert str(lost.value).endswith(f"\n  {hint}") is told
    assert (lost.value.hint == hint) is told


def test_each_of_many_that_are_missing_is_told_up_to_three(emulator: Emulator, library: OfferLibrary) -> None:
    given = [Reference(PERSONALIZED, id=f"Voucher{number}") for number in range(4)]
    with pytest.raises(NotFoundError, match="there is no personalized offer Voucher0, Voucher1") as lost:
        library.get_many(given)
    assert str(lost.value).count("was sent as an id; did you mean 'name:Voucher") == 3
