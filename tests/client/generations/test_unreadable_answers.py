"""An answer that lacks what it must have is named with the missing member; what a generation cannot say is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_offers.client.errors import InvalidInputError, UnexpectedResponseError, UnsupportedError
from airflow_provider_offers.client.flows.access import open_access
from airflow_provider_offers.client.flows.editing import schedule
from airflow_provider_offers.client.flows.reading import find_by_name, read
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import FALLBACK, PERSONALIZED, TAG, Kind
from airflow_provider_offers.client.model.query import Filter, Query
from airflow_provider_offers.client.model.windows import window_from
from tests.client.library import INSTANCE_ID, entity, reference, sale
from tests.client.script import SETTINGS, Script, answer
from tests.client.writes import APPROVE
from tests.client.writes import fail as fail_to_patch

BOTH = pytest.mark.parametrize("api", ["dps", "xcore"])


def without(api: str, *names: str, **changes: Any) -> dict[str, Any]:
    whole = {**entity(api, sale()), **changes}
    return {name: value for name, value in whole.items() if name not in names}


@pytest.mark.parametrize(
    ("api", "body", "said"),
    [
        ("dps", without("dps", "id"), "its 'id' is missing or not text"),
        ("dps", without("dps", id=".."), "its 'id' is missing or not text"),
        ("dps", without("dps", "etag"), "its 'etag' is missing or not a whole number"),
        ("dps", without("dps", etag=2**64), "its 'etag' is missing or not a whole number"),
        ("xcore", without("xcore", "_instance"), "its '_instance' is missing or not an object"),
        ("xcore", without("xcore", _instance=[]), "its '_instance' is missing or not an object"),
        ("xcore", without("xcore", "repo:etag"), "its 'repo:etag' is missing or not a whole number"),
    ],
)
def test_a_read_without_a_member_that_it_must_have(api: str, body: dict[str, Any], said: str) -> None:
    script = Script(answer(200, body))
    with pytest.raises(UnexpectedResponseError, match=said):
        script.run(read(script.access(api), reference(api)))


@pytest.mark.parametrize("body", [without("dps", etag="7"), without("dps", etag="007")])
def test_an_etag_may_be_digits(body: dict[str, Any]) -> None:
    script = Script(answer(200, body))
    found = script.run(read(script.access("dps"), reference("dps")))
    assert found is not None
    assert found.etag == 7


@BOTH
@pytest.mark.parametrize("body", [{}, {"results": {}, "_embedded": {"results": {}}}, {"results": [7], "_embedded": []}])
def test_a_page_without_its_objects(api: str, body: dict[str, Any]) -> None:
    script = Script(answer(200, body))
    with pytest.raises(UnexpectedResponseError, match=r"its '(results|_embedded)' is missing or not "):
        script.run(find_by_name(script.access(api), PERSONALIZED, "Sale"))


def test_containers_without_a_list_of_them() -> None:
    script = Script(answer(200, {"_embedded": None}))
    with pytest.raises(UnexpectedResponseError, match="its '_embedded' is missing or not an object"):
        script.run(open_access(script.exchange(replace(SETTINGS, api="xcore"))))


@BOTH
def test_a_receipt_that_names_no_object_settles_nothing(api: str) -> None:
    """The patch is looked for, as after any lost answer."""
    unset = answer(200, entity(api, sale()))
    error, script = fail_to_patch(
        UnexpectedResponseError, api, APPROVE, answer(200, {"etag": 2, "repo:etag": 2}), unset, max_retries=0
    )
    assert "is missing" in str(error)
    assert [request.method for request in script.requests] == ["PATCH", "GET"]


def test_dps_has_no_word_for_an_instance_and_for_a_comma() -> None:
    dps = Dps()
    with pytest.raises(UnsupportedError, match=r"dps cannot address .*, an instance id of generation 1"):
        dps.read(Reference(PERSONALIZED, instance_id=INSTANCE_ID))
    for operator, said in (
        ("!=", "does not support name!='a,b'"),
        ("~", "write '.' for ',' in the expression 'a,b'"),
    ):
        with pytest.raises(UnsupportedError, match=said):
            dps.search(PERSONALIZED, Query(properties=(Filter("name", operator, "a,b"),)))
    # One value is found by a pattern that matches it.
    assert "property=name~a.b" in dps.search(PERSONALIZED, Query(properties=(Filter("name", "==", "a,b"),))).path


WINDOW = {"start": "2020-01-01T00:00:00Z", "end": "2020-02-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("kind", "said"),
    [(FALLBACK, "is a fallback offer, which has no window: it may always be shown"), (TAG, "which has no window")],
)
def test_what_has_no_window_is_not_scheduled(kind: Kind, said: str) -> None:
    script = Script()
    with pytest.raises(UnsupportedError, match=said):
        script.run(schedule(script.access("dps"), Reference(kind, name="Spring"), window_from(WINDOW)))


@BOTH
def test_a_window_that_is_over_by_the_services_clock_is_refused_if_doubts_are(api: str) -> None:
    there = answer(200, entity(api, sale()))
    script = Script(there)
    with pytest.raises(InvalidInputError, match="window_over: given ") as caught:
        script.run(schedule(script.access(api), reference(api), window_from(WINDOW), strict=True))
    assert "ended at 2020-02-01T00:00:00Z" in str(caught.value)
