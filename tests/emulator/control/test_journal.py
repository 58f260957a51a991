"""The journal keeps no client secret and no token, and refuses filters that match no request."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
import requests

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.emulator.control.journal import redacted

SECRET = 'planted+/="x y'
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def ask(emulator: Emulator, **options: Any) -> requests.Response:
    return requests.post(emulator.token_url, timeout=10, **options)


WAYS: dict[str, Callable[[Emulator], requests.Response]] = {
    "query": lambda emulator: ask(emulator, params={"client_secret": SECRET}),
    "form": lambda emulator: ask(emulator, data={"client_secret": SECRET}),
    "form, percent-encoded": lambda emulator: ask(
        emulator, data=f"client_id=x&client%5fs%65CRET={quote(SECRET, safe='')}&x=kept", headers=FORM
    ),
    "json": lambda emulator: ask(emulator, json={"client_secret": SECRET, "x": "kept"}),
    "json, escaped": lambda emulator: ask(
        emulator, data=json.dumps({"client_secret": SECRET}).replace("_", "\\u005f"), headers=FORM
    ),
    "json in json": lambda emulator: ask(emulator, json={"said": json.dumps({"access_token": SECRET})}),
    "multipart": lambda emulator: ask(emulator, files={"client_secret": (None, SECRET), "x": (None, "kept")}),
    "multipart, with headers": lambda emulator: ask(
        emulator, files={"client_secret": ("planted.txt", SECRET, "text/plain"), "x": (None, "kept")}
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_secret_is_not_kept(way: str) -> None:
    lines: list[str] = []
    with Emulator(log=lines.append) as emulator:
        WAYS[way](emulator)
        (entry,) = emulator.journal()
        shown = requests.get(f"{emulator.url}/_emulator/journal", timeout=10).text
    for told in (json.dumps(entry.as_json()), shown, "\n".join(lines)):
        assert "planted" not in told.replace("planted.txt", "")
        assert "***" in told or told == "\n".join(lines)


@pytest.mark.parametrize(
    "header", ["Authorization", "Proxy-Authorization", "Cookie", "X-Client-Secret", "X-Auth-Token", "X-IMS-Password"]
)
def test_a_secret_in_a_header_is_not_kept(header: str) -> None:
    with Emulator() as emulator:
        kept = {"x-api-key": emulator.CLIENT_ID, "x-sandbox-name": "prod", "Referer": "http://x/?access_token=planted"}
        requests.get(f"{emulator.url}/data/core/dps/offers", headers={header: "Basic planted", **kept}, timeout=10)
        (entry,) = emulator.journal()
    assert entry.headers[header.lower()] == "***"
    assert (entry.headers["x-api-key"], entry.headers["x-sandbox-name"]) == (emulator.CLIENT_ID, "prod")
    assert "planted" not in json.dumps(entry.as_json())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("client_id=x&client_secret=planted&scope=kept", "client_id=x&client_secret=***&scope=kept"),
        ('{"client_secret": "pl\\"anted", "x": "kept"}', '{"client_secret": "***", "x": "kept"}'),
        (
            'name="client_secret"\r\n\r\npl\nanted\r\n--b\r\nname="x"',
            'name="client_secret"\r\n\r\n***\r\n--b\r\nname="x"',
        ),
        ('name="client_secret"\r\n\r\nplanted and cut off', 'name="client_secret"\r\n\r\n***'),
        ("10% off&%63lient_secret=planted", "10% off&%63lient_secret=***"),
        ('{"client_\\u0053ecret": "planted"}', '{"client_\\u0053ecret": "***"}'),
        ("CLIENT_SECRET=planted", "CLIENT_SECRET=***"),
        ("acce\u017fs_token=planted", "acce\u017fs_token=***"),
        ("caf\u00e9&jwt_token=planted", "caf\u00e9&jwt_token=***"),
        ('{"name": "the client_secret of old"}', '{"name": "the client_secret of old"}'),
    ],
)
def test_what_is_no_secret_stays(text: str, told: str) -> None:
    assert redacted(text) == told


def test_an_entry_is_read_by_attribute_or_as_the_control_plane_shows_it() -> None:
    with Emulator() as emulator:
        ask(emulator, data={"client_id": "x"})
        (entry,) = emulator.journal()
    assert entry["route"] == entry.route
    assert {name: entry[name] for name in entry.as_json()} == entry.as_json()
    with pytest.raises(KeyError):
        entry["rout"]


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"status": "404"}, "status must be a whole number from 200 to 599, not '404'"),
        ({"status": 4040}, "status must be a whole number from 200 to 599, not 4040"),
        ({"status": True}, "status must be a whole number from 200 to 599, not True"),
        ({"since": "2027-03-01"}, "since must be a whole number of at least 0, not '2027-03-01'"),
        ({"limit": -1}, "limit must be a whole number of at least 0, not -1"),
        ({"method": "PSOT"}, "unknown method 'PSOT'; did you mean 'POST'?"),
        ({"method": 5}, "method must be a string, not 5"),
        ({"route": "dps.creat"}, "no route is named 'dps.creat'; did you mean 'dps.create'?"),
        ({"route": ""}, "no route is named ''"),
        ({"path": "data/core/*"}, "path must begin with / or *, not 'data/core/*'"),
    ],
)
def test_a_filter_that_matches_no_request_is_refused(filters: dict[str, Any], message: str) -> None:
    with Emulator() as emulator, pytest.raises(ValueError, match=re.escape(message)):
        emulator.journal(**filters)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("status=4040", "status must be a whole number from 200 to 599, not 4040"),
        ("limit=-1", "limit must be a whole number of at least 0, not -1"),
        ("method=PSOT", "unknown method 'PSOT'; did you mean 'POST'?"),
        ("route=dps.creat", "no route is named 'dps.creat'; did you mean 'dps.create'?"),
        ("path=data", "path must begin with / or *, not 'data'"),
    ],
)
def test_a_filter_over_http_that_matches_no_request_is_refused(query: str, message: str) -> None:
    with Emulator() as emulator:
        answer = requests.get(f"{emulator.url}/_emulator/journal?{query}", timeout=10)
    assert (answer.status_code, answer.json()) == (400, {"error": message})


def test_a_fault_for_a_path_that_no_request_has_is_refused() -> None:
    message = re.escape("path must begin with / or *, not 'data/core/*'")
    with Emulator() as emulator, pytest.raises(ValueError, match=message):
        emulator.add_fault("drop", path="data/core/*")


def test_a_connection_of_an_unknown_generation_is_refused() -> None:
    with Emulator() as emulator:
        for form in (emulator.connection, emulator.conn_uri):
            with pytest.raises(ValueError, match=re.escape("unknown api 'dp'; did you mean 'dps'?")):
                form("dp")
