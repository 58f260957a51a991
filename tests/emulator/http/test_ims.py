"""The identity service: tokens and its errors."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from airflow_provider_offers.emulator import Emulator

GOOD = {
    "grant_type": "client_credentials",
    "client_id": Emulator.CLIENT_ID,
    "client_secret": Emulator.CLIENT_SECRET,
    "scope": "openid,AdobeID,read_organizations,additional_info.projectedProductContext,session",
}


def ask(emulator: Emulator, **changes: Any) -> requests.Response:
    form = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    return requests.post(emulator.token_url, data=form, timeout=10)


def use(emulator: Emulator, token: str) -> int:
    headers = {
        "Authorization": f"Bearer {token}",
        "x-api-key": emulator.CLIENT_ID,
        "x-gw-ims-org-id": emulator.ORG_ID,
        "x-sandbox-name": emulator.SANDBOX,
    }
    return requests.get(f"{emulator.url}/data/core/dps/tags", headers=headers, timeout=10).status_code


def test_token(emulator: Emulator) -> None:
    answer = ask(emulator)
    assert answer.status_code == 200
    assert answer.json().keys() == {"access_token", "token_type", "expires_in"}
    assert answer.json()["token_type"] == "bearer"
    assert answer.json()["expires_in"] == 86399
    assert use(emulator, answer.json()["access_token"]) == 200
    assert ask(emulator).json()["access_token"] != answer.json()["access_token"]


def test_everything_in_the_query_with_an_empty_body(emulator: Emulator) -> None:
    answer = requests.post(f"{emulator.token_url}?{urlencode(GOOD)}", timeout=10)
    assert use(emulator, answer.json()["access_token"]) == 200


def test_lifetime(emulator: Emulator) -> None:
    emulator.clock.freeze()
    emulator.configure(token_lifetime=30)
    token = ask(emulator).json()["access_token"]
    emulator.clock.advance(29)
    assert use(emulator, token) == 200
    emulator.clock.advance(2)
    assert use(emulator, token) == 401


@pytest.mark.parametrize(
    ("changes", "error", "description"),
    [
        ({"client_id": "somebody"}, "invalid_client", "invalid client_id parameter"),
        ({"client_id": None}, "invalid_client", "invalid client_id parameter"),
        ({"client_secret": "guess"}, "invalid_client", "invalid client_secret parameter"),
        ({"client_secret": None}, "invalid_client", "invalid client_secret parameter"),
        ({"scope": "openid,everything"}, "invalid_scope", "invalid scope parameter: everything"),
        ({"scope": None}, "invalid_scope", "invalid scope parameter: (none)"),
        ({"grant_type": "password"}, "unsupported_grant_type", "grant_type 'password' is not supported"),
        ({"grant_type": None}, "unsupported_grant_type", "grant_type '' is not supported"),
    ],
)
def test_errors(emulator: Emulator, changes: dict[str, Any], error: str, description: str) -> None:
    answer = ask(emulator, **changes)
    assert answer.status_code == 400
    assert answer.json() == {"error": error, "error_description": description}


def test_multipart_is_refused(emulator: Emulator) -> None:
    answer = requests.post(emulator.token_url, files={key: (None, value) for key, value in GOOD.items()}, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"


def test_jwt_is_retired(emulator: Emulator) -> None:
    answer = requests.post(f"{emulator.url}/ims/exchange/jwt", data={"jwt_token": "x"}, timeout=10)
    assert answer.status_code == 400
    assert "retired" in answer.json()["error_description"]


def test_no_secret_in_the_journal_or_the_log() -> None:
    lines: list[str] = []
    with Emulator(log=lines.append) as emulator:
        token = ask(emulator).json()["access_token"]
        requests.post(f"{emulator.token_url}?{urlencode(GOOD)}", timeout=10)
        use(emulator, token)
        written = "\n".join(lines) + str([entry.as_json() for entry in emulator.journal()])
    assert len(lines) == 3
    assert "POST   /ims/token/v3 200" in lines[0]
    assert emulator.CLIENT_SECRET not in written
    assert token not in written
