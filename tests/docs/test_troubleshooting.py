"""Provokes the errors of the table of problems, and compares their messages."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.flows.deleting import delete
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.model.query import parse_query
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.emulator import Emulator
from tests.docs.pages import page, quoted, table

OFFER: dict[str, Any] = {
    "name": "Voucher",
    "status": "draft",
    "selectionConstraint": {"startDate": "2026-01-01T00:00:00Z", "endDate": "2036-01-01T00:00:00Z"},
    "rank": {"priority": 1},
}
OTHER_ORG = "F" * 24 + "@AdobeOrg"
ROWS = table(page("docs/troubleshooting.md").text, "the message says")


def _library(emulator: Emulator, api: str = "dps", host: str | None = None, **extra: Any) -> OfferLibrary:
    connection = emulator.connection(api, **extra)
    settings = parse_settings(
        host=host or connection["host"],
        login=connection["login"],
        password=connection["password"],
        extra=connection["extra"],
        label="The connection 'offer_library_default'",
    )
    return OfferLibrary(settings, retries=Retries(max_retries=1, base=0.01))


def _messages(emulator: Emulator, calls: list[Callable[[OfferLibrary], Any]], **connection: Any) -> Iterator[str]:
    for call in calls:
        try:
            with closing(_library(emulator, **connection)) as library:
                call(library)
        except OfferLibraryError as error:
            yield str(error)
        else:
            raise AssertionError("nothing was refused")


def _search(**query: Any) -> Callable[[OfferLibrary], Any]:
    return lambda library: list(library.search(PERSONALIZED, parse_query(**query)))


def _of_connections(emulator: Emulator) -> Iterator[str]:
    wrong: list[dict[str, Any]] = [
        {"orgid": "x"},
        {"private_key": "x"},
        {"host": "https://platform.adobe.io/data/core/dps"},
        {"password": "wrong"},
        {"scopes": "openid,other"},
        {"access_token": "expired"},
        {"org_id": OTHER_ORG},
        {"login": Emulator.OUTSIDER_CLIENT_ID},
        {"sandbox": "nowhere"},
    ]
    for connection in wrong:
        yield from _messages(emulator, [_search()], **connection)


def _of_calls(emulator: Emulator) -> Iterator[str]:
    undated = {**OFFER, "selectionConstraint": {"startDate": "2026-01-01T00:00:00", "endDate": "2036-01-01"}}
    emulator.seed(objects=[{"body": {**OFFER, "name": name}} for name in ("Taken", "Twin", "Twin")])
    (used,) = emulator.seed(objects=[{"body": {**OFFER, "name": "Used"}}])
    emulator.seed(objects=[{"kind": "offer-filter", "body": {"name": "C", "filterType": "offers", "ids": [used]}}])
    yield from _messages(
        emulator,
        [
            lambda library: library.create(PERSONALIZED, undated),
            lambda library: library.create(PERSONALIZED, {**OFFER, "name": "Taken"}),
            lambda library: library.create(PERSONALIZED, {**OFFER, "name": "Twin"}, if_exists="adopt"),
            lambda library: library.patch(PERSONALIZED, used, [{"op": "remove", "path": "/rank/order"}], if_match=7),
            lambda library: library.get(PERSONALIZED, "0f32d8a0-1619-11f1-9d55-1b1f0c9a7e21"),
            lambda library: library.get(PERSONALIZED, "name:Vocher"),
            lambda library: library.run(lambda access: delete(access, library.offer_reference(used))),
            _search(q="voucher"),
        ],
    )


def _of_faults(emulator: Emulator) -> Iterator[str]:
    faults: list[tuple[list[dict[str, Any]], Callable[[OfferLibrary], Any]]] = [
        ([{"effect": "html", "status": 404}], _search()),
        ([{"effect": "status", "status": 429, "path": "*/offers", "times": 9}], _search()),
        ([_gateway(403, "403003", "Api Key is invalid")], _search()),
        ([_gateway(403, "403027", "User region is missing")], _search()),
        (
            [
                {"effect": "drop", "method": "POST", "path": "*/offers", "when": "after"},
                {"effect": "status", "status": 500, "method": "GET", "after": 1, "times": 9},
            ],
            lambda library: library.create(PERSONALIZED, OFFER, patience=0.1),
        ),
        (
            [{"effect": "status", "method": "POST", "path": "*/offers", "times": 9}],
            lambda library: library.create(PERSONALIZED, {**OFFER, "name": "Another"}, patience=0.1),
        ),
    ]
    for rules, call in faults:
        for rule in rules:
            emulator.add_fault(**rule)
        yield from _messages(emulator, [call])
        emulator.clear_faults()


def _gateway(status: int, code: str, message: str) -> dict[str, Any]:
    body = {"error_code": code, "message": message}
    return {"effect": "status", "status": status, "path": "*/offers", "body": body, "times": 9}


@pytest.fixture(scope="module")
def messages() -> list[str]:
    """The messages that users get for the problems in the table."""
    with Emulator() as emulator:
        return [*_of_connections(emulator), *_of_calls(emulator), *_of_faults(emulator)]


@pytest.mark.parametrize("shown", [shown for row in ROWS for shown in quoted(row[0])])
def test_the_message_is_one_that_users_get(shown: str, messages: list[str]) -> None:
    pattern = ".*".join(map(re.escape, re.split(r"\s?…\s?", shown)))
    assert [message for message in messages if re.search(pattern, message, re.DOTALL)] != []


def test_every_provoked_message_is_in_the_table(messages: list[str]) -> None:
    patterns = [".*".join(map(re.escape, re.split(r"\s?…\s?", shown))) for row in ROWS for shown in quoted(row[0])]
    assert [m for m in messages if not any(re.search(pattern, m, re.DOTALL) for pattern in patterns)] == []
