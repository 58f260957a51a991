"""Pages in brief: the receipts of a search are those of a whole page, and so are its errors."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.model.kinds import FALLBACK, PERSONALIZED, PLACEMENT
from airflow_provider_offers.client.model.receipts import entity_receipts
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.wire.messages import Answer, Call, Response

SHOW = entity_receipts(Settings(client_id="id", org_id="org", client_secret="secret"), full=False)
ROW = {
    "id": "xcore:personalized-offer:124e2e764b1ac1b9",
    "etag": 3,
    "name": "Spring",
    "status": "draft",
    "created": "2026-01-05T08:00:00.000+00:00",
    "modified": "2026-01-06T08:00:00.000+00:00",
    "createdBy": "somebody",
    "schemas": ["https://ns.adobe.com/experience/offer-management/personalized-offer;version=0.15"],
    "selectionConstraint": {"startDate": "2026-01-01T00:00:00Z", "endDate": "2026-02-01T00:00:00Z", "more": [1]},
    "representations": [{"placement": "xcore:offer-placement:1", "components": [{"language": ["en"]}]}],
}
ODD: Any = st.sampled_from(
    [None, True, 0, 7, 1.0, 2**63, -(2**70), "", " ", ".", "..", "a", "12", "é", "\x00", "x" * 501, [], [{}], {}]
).map(copy.deepcopy)
SHOWN = ("id", "etag", "name", "status", "created", "modified", "selectionConstraint")


def outcome(body: bytes, *, brief: bool, kind: Any = PERSONALIZED) -> Any:
    """The receipts, the link and the count of a page, or the text of its error."""
    answer = Answer(Call("GET", "/offers", {}), Response(200, {}, body), "request-1")
    try:
        page = Dps().page(kind, answer, brief=brief)
        return repr([[SHOW(entity) for entity in page.entities], page.next, page.total])
    except OfferLibraryError as error:
        return str(error)


def assert_same(body: bytes) -> None:
    assert outcome(body, brief=True) == outcome(body, brief=False)


@st.composite
def pages(draw: Any) -> dict[str, Any]:
    """Pages, most of which have something odd in one place."""
    rows: list[Any] = [dict(ROW) for _ in range(draw(st.integers(0, 3)))]
    page: dict[str, Any] = {"results": rows, "total": 5, "_links": {"next": {"href": "/offers?start=1"}}}
    for _ in range(draw(st.integers(0, 2))):
        row = draw(st.sampled_from([*rows, page]))
        if row is page:
            page[draw(st.sampled_from(["results", "total", "_links", "other"]))] = draw(ODD)
        elif draw(st.booleans()):
            row[draw(st.sampled_from(SHOWN))] = draw(ODD)
        else:
            row.pop(draw(st.sampled_from(SHOWN)), None)
    window, links = draw(st.sampled_from(["startDate", "endDate"])), page.get("_links")
    if rows and isinstance(rows[0].get("selectionConstraint"), dict) and draw(st.booleans()):
        rows[0]["selectionConstraint"] = {window: draw(ODD)}
    if isinstance(links, dict) and draw(st.booleans()):
        links["next"] = draw(st.sampled_from([{"href": draw(ODD)}, draw(ODD)]))
    return page


@given(page=pages())
def test_a_page_in_brief_gives_the_receipts_and_the_errors_of_the_whole_page(page: dict[str, Any]) -> None:
    assert_same(json.dumps(page).encode())


@given(cut=st.integers(0, 700), byte=st.sampled_from([b"", b"\xff", b'"', b"}", b"\\", b"\xc3\xa9"]))
def test_damage_is_refused_as_in_the_whole_page(cut: int, byte: bytes) -> None:
    body = json.dumps({"results": [ROW, ROW], "total": 2}).encode()
    assert_same(body[:cut] + byte + body[cut + 1 :])
    assert_same(body[:cut])


@pytest.mark.parametrize("kind", [PERSONALIZED, FALLBACK, PLACEMENT])
def test_only_offers_are_read_in_brief(kind: Any) -> None:
    answer = Answer(Call("GET", "/", {}), Response(200, {}, json.dumps({"results": [ROW]}).encode()), "request-1")
    properties = Dps().page(kind, answer, brief=True).entities[0].properties
    assert ("representations" in properties) == (kind is PLACEMENT)
    assert "representations" in Dps().page(kind, answer).entities[0].properties


# Between them, it depends on the Python and its limits whether the skipped part is read.
@pytest.mark.parametrize("levels", [90, 200_000])
def test_what_is_skipped_may_not_exhaust_the_stack(levels: int) -> None:
    row = json.dumps({**ROW, "more": "HERE"}).replace('"HERE"', "[" * levels + "]" * levels)
    said = outcome(f'{{"results": [{row}]}}'.encode(), brief=True)
    assert ("came instead of JSON" in said) == (levels > 90)
