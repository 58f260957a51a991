"""What hurried authors write in another tool's form is refused with the right form, before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.model.entities import parse_offer_reference
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.model.preparing import prepare
from airflow_provider_offers.client.model.query import parse_query

ID, OTHER = "dps:personalized-offer:1c265317da412003", "xcore:personalized-offer:124e2e764b1ac1b9"


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (f"{ID}, {OTHER}", "; for 2 objects, a list"),
        (f"{ID}\n{OTHER}\n", "; for 2 objects, a list"),
        ("Name:Spring", "; did you mean 'name:Spring'"),
        ("nme:Spring", "; did you mean 'name:Spring'"),
        (ID.replace("dps", "dsp"), f"; did you mean '{ID}'"),
    ],
)
def test_a_reference_in_another_form(given: str, hint: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_offer_reference(given, None, api="dps", sandbox="prod")
    assert hint in str(refused.value)


@pytest.mark.parametrize("given", [ID, "game:77", "offer1234", "name:Name:Spring"])
def test_other_references_are_sent(given: str) -> None:
    assert parse_offer_reference(given, None, api="dps", sandbox="prod")


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"properties": "name==Spring and status==approved"}, "commas separate filters, which must all match"),
        ({"properties": ["status==approved && rank.priority>3"]}, "commas separate filters"),
        ({"properties": "name==A or xdm:status==draft"}, "commas separate filters"),
        ({"properties": {"status": "approved"}}, "a text or a list of texts, such as 'status==approved'"),
        ({"order_by": "modified desc"}, "did you mean '-modified'?"),
        ({"order_by": ["name ASC"]}, "did you mean 'name'?"),
        ({"order_by": "modified!"}, "with - in front for descending"),
    ],
)
def test_a_search_in_another_language(search: Any, said: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_query(**search)
    assert said in str(refused.value)


@pytest.mark.parametrize("value", ["Rock and roll", "A or B", "this and status", "a;b", "Spring & status"])
def test_a_value_with_such_a_word_is_searched_for(value: str) -> None:
    assert [each.value for each in parse_query(properties=f"name=={value}").properties] == [value]


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("rank/priority", "/rank/priority"),
        ("status", "/status"),
        ("$.rank.priority", "/rank/priority"),
        ("_instance.xdm:rank.xdm:priority", "/_instance/xdm:rank/xdm:priority"),
        ("representations[0].components[1]", "/representations/0/components/1"),
    ],
)
def test_a_path_in_another_form(path: str, meant: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        prepare([{"op": "replace", "path": path, "value": 1}], [PERSONALIZED], "dps")
    assert f"such as /status or /_instance/xdm:status; did you mean '{meant}'?" in str(refused.value)


@pytest.mark.parametrize("path", ["", "/a~2", 7, None, "a b", "[0]", "a..b"])
def test_a_path_in_no_form_has_no_suggestion(path: Any) -> None:
    with pytest.raises(InvalidInputError) as refused:
        prepare([{"op": "replace", "path": path, "value": 1}], [PERSONALIZED], "dps")
    assert "did you mean" not in str(refused.value)
