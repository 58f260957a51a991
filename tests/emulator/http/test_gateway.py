"""The gateway's errors, sandboxes, permissions, rate limits and unknown routes."""

from __future__ import annotations

import pytest
import requests

from airflow_provider_offers.emulator import Emulator
from tests.emulator.conftest import Caller, dps_offer

LIST = "/offers?offer-type=personalized"


@pytest.mark.parametrize(
    ("change", "status", "code", "message"),
    [
        ({"x-api-key": None}, 403, "403000", "Api Key is required"),
        ({"x-api-key": "somebody"}, 403, "403003", "Api Key is invalid"),
        ({"x-api-key": Emulator.READER_CLIENT_ID}, 403, "403003", "Api Key is invalid"),
        ({"Authorization": None}, 403, "403010", "Oauth token is missing."),
        ({"Authorization": "Bearer "}, 403, "403010", "Oauth token is missing."),
        ({"Authorization": "Bearer garbage"}, 401, "401013", "Oauth token is not valid"),
        ({"Authorization": "Basic Zm9v"}, 401, "401013", "Oauth token is not valid"),
        ({"x-gw-ims-org-id": None}, 400, "400003", "Missing header"),
        ({"x-gw-ims-org-id": "ACME"}, 403, "403027", "User region is missing"),
        ({"x-gw-ims-org-id": "A" * 24 + "@AdobeOrg"}, 403, "403025", "Profile is not valid"),
    ],
)
def test_refusals(caller: Caller, change: dict[str, str | None], status: int, code: str, message: str) -> None:
    for path in ("/data/core/dps" + LIST, "/data/core/xcore/?product=acp"):
        answer = caller.call("GET", path, headers=change)
        assert answer.status_code == status
        assert answer.json() == {"error_code": code, "message": message}


def test_expired_token_is_401013(emulator: Emulator, caller: Caller) -> None:
    assert caller.dps("GET", LIST).status_code == 200
    emulator.clock.advance(86400)
    answer = caller.dps("GET", LIST)
    assert (answer.status_code, answer.json()["error_code"]) == (401, "401013")


def test_two_blanks_after_bearer(caller: Caller) -> None:
    token = str(caller.session.headers["Authorization"]).removeprefix("Bearer ")
    assert caller.dps("GET", LIST, headers={"Authorization": f"Bearer  {token}"}).status_code == 200


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("sandbox", [None, "nowhere"])
def test_sandbox_refused(emulator: Emulator, caller: Caller, sandbox: str | None, status: int) -> None:
    emulator.configure(sandbox_refusal_status=status, missing_sandbox="refuse")
    answer = caller.dps("GET", LIST, headers={"x-sandbox-name": sandbox})
    assert answer.status_code == status
    assert (sandbox or "x-sandbox-name") in answer.json()["detail"]
    assert answer.json()["type"].endswith(f"-{status}")


def test_sandboxes_do_not_see_each_other(emulator: Emulator, caller: Caller) -> None:
    receipt = caller.create_dps(dps_offer())
    other = Caller(emulator, sandbox="dev")
    assert other.listed() == []
    assert other.found() == []
    assert other.get_dps(receipt["id"]).status_code == 404
    assert other.create_dps(dps_offer("In dev"))["sandboxId"] != receipt["sandboxId"]
    assert caller.listed() == ["Spring voucher"]


def test_container_of_another_sandbox(emulator: Emulator, caller: Caller) -> None:
    path = f"/{emulator.container_id('dev')}/instances?schema=x"
    assert caller.xcore("GET", path).status_code == 403
    emulator.configure(foreign_container_status=404)
    assert caller.xcore("GET", path).status_code == 404
    assert caller.xcore("GET", "/11111111-1111-1111-1111-111111111111/instances?schema=x").status_code == 404


def test_reader_may_not_write(emulator: Emulator) -> None:
    reader = Caller(emulator, Emulator.READER_CLIENT_ID)
    assert reader.dps("GET", LIST).status_code == 200
    answer = reader.dps("POST", LIST, json=dps_offer())
    assert answer.status_code == 403
    assert answer.json()["title"] == "Not permitted"
    assert answer.json()["report"]["tenantInfo"]["sandboxName"] == "prod"
    assert emulator.objects("personalized-offer") == []


def test_outsider_may_not_read(emulator: Emulator) -> None:
    outsider = Caller(emulator, Emulator.OUTSIDER_CLIENT_ID)
    assert outsider.dps("GET", LIST).status_code == 403
    assert outsider.xcore("GET", "/?product=acp").status_code == 403


@pytest.mark.parametrize("with_header", [True, False])
def test_rate_limit(emulator: Emulator, caller: Caller, with_header: bool) -> None:
    emulator.clock.freeze()
    emulator.configure(rate_limit=1, rate_burst=2, rate_retry_after=with_header)
    statuses = [caller.dps("GET", LIST).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    answer = caller.dps("GET", LIST)
    assert answer.json() == {"error_code": "429050", "message": "Too many requests"}
    assert ("Retry-After" in answer.headers) is with_header
    emulator.clock.advance(1)
    assert caller.dps("GET", LIST).status_code == 200


def test_request_id_is_echoed_or_made(caller: Caller) -> None:
    assert caller.dps("GET", LIST, headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
    made = [caller.call("GET", path).headers["x-request-id"] for path in ("/data/core/dps/tags", "/nowhere")]
    assert len(set(made)) == 2


@pytest.mark.parametrize(
    ("method", "path", "near"),
    [
        ("GET", "/data/core/dps/offer?offer-type=personalized", "GET /data/core/dps/offers"),
        ("GET", "/data/core/offer-decisions", "GET /data/core/dps/offer-decisions"),
        ("GET", "/nowhere", ""),
    ],
)
def test_unknown_route_is_refused_by_name(caller: Caller, method: str, path: str, near: str) -> None:
    answer = caller.call(method, path)
    assert answer.status_code == 404
    assert answer.headers["x-emulator-unknown-route"] == "1"
    assert answer.json()["title"] == "The emulator has no such route"
    assert path.partition("?")[0] in answer.json()["detail"]
    if near:
        assert near in answer.json()["report"]["additionalContext"]["near"]


def test_double_slash_is_an_unknown_route_that_says_why(caller: Caller) -> None:
    answer = caller.call("GET", f"/data/core/xcore//{caller.container}/instances")
    assert answer.status_code == 404
    assert "double slash" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path"), [("PUT", "/offers/x"), ("POST", "/offers/x"), ("DELETE", "/offers")])
def test_wrong_method(caller: Caller, method: str, path: str) -> None:
    answer = caller.dps(method, f"{path}?offer-type=personalized")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_static_access_token() -> None:
    with Emulator(access_token="ready-made") as emulator:
        headers = {
            "Authorization": "Bearer ready-made",
            "x-api-key": emulator.CLIENT_ID,
            "x-gw-ims-org-id": emulator.ORG_ID,
            "x-sandbox-name": emulator.SANDBOX,
        }
        url = f"{emulator.url}/data/core/dps/tags"
        assert requests.get(url, headers=headers, timeout=10).status_code == 200
        emulator.clock.advance(10**7)
        emulator.expire_tokens()
        assert requests.get(url, headers=headers, timeout=10).status_code == 200
