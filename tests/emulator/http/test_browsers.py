"""The server in a browser: other origins, other hosts, its root, and unknown paths."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.emulator.settings import SettingError
from tests.emulator.conftest import Caller, dps_offer

PREFLIGHT = {
    "Origin": "https://app.example.com",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization, x-api-key",
}


def ask(emulator: Emulator, method: str, path: str, **options: Any) -> requests.Response:
    return requests.request(method, emulator.url + path, timeout=10, allow_redirects=False, **options)


@pytest.mark.parametrize(
    "path", ["/data/core/dps/offers?offer-type=personalized", "/ims/token/v3", "/data/core/ods/decisions"]
)
def test_a_preflight_of_a_service_is_granted(emulator: Emulator, path: str) -> None:
    answer = ask(emulator, "OPTIONS", path, headers=PREFLIGHT)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization, x-api-key"


def test_answers_may_be_read_by_the_page_that_asked(caller: Caller) -> None:
    origin = {"Origin": "https://app.example.com"}
    for answer in (
        caller.dps("POST", "/offers?offer-type=personalized", json=dps_offer(), headers=origin),
        caller.dps("GET", "/offers/none?offer-type=personalized", headers=origin),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert "Access-Control-Allow-Origin" not in caller.dps("GET", "/tags").headers


def test_other_origins_may_be_refused(emulator: Emulator, caller: Caller) -> None:
    emulator.configure(cross_origin="refuse")
    assert ask(emulator, "OPTIONS", "/data/core/dps/tags", headers=PREFLIGHT).status_code == 405
    answer = caller.dps("GET", "/tags", headers={"Origin": "https://app.example.com"})
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [("OPTIONS", "reset"), ("POST", "reset"), ("GET", "settings"), ("PUT", "clock"), ("DELETE", "tokens")],
)
@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "http://127.0.0.1:1", "file://"])
def test_pages_elsewhere_cannot_reach_the_control_plane(
    emulator: Emulator, caller: Caller, method: str, path: str, origin: str
) -> None:
    caller.create_dps(dps_offer())
    answer = ask(emulator, method, f"/_emulator/{path}", headers={**PREFLIGHT, "Origin": origin})
    assert answer.status_code == 403
    assert repr(origin) in answer.json()["error"]
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert len(emulator.objects("personalized")) == 1


@pytest.mark.parametrize(
    "host", ["evil.example.com", "127.0.0.1.evil.example.com:8765", "localhost.example.com", "", "[::1"]
)
def test_names_of_elsewhere_do_not_lead_to_the_control_plane(emulator: Emulator, caller: Caller, host: str) -> None:
    """A foreign name that leads to this machine: browsers treat it as the same origin."""
    caller.create_dps(dps_offer())
    answer = ask(emulator, "POST", "/_emulator/reset", headers={"Host": host, "Origin": f"http://{host}"})
    assert answer.status_code in (400, 403)
    assert len(emulator.objects("personalized")) == 1


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1:8765", "LOCALHOST:80", "[::1]:8765", "emulator:8765", "10.1.2.3", "host.docker.internal"],
)
def test_names_of_here_lead_to_the_control_plane(emulator: Emulator, host: str) -> None:
    assert ask(emulator, "GET", "/_emulator/clock", headers={"Host": host}).status_code == 200
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert ask(emulator, "PUT", "/_emulator/clock", headers=headers, json={"resume": True}).status_code == 200


def test_further_names_lead_to_the_control_plane_where_they_are_set(emulator: Emulator) -> None:
    headers = {"Host": "emulator.example.com:80"}
    refused = ask(emulator, "GET", "/_emulator/clock", headers=headers)
    assert "control_hosts" in refused.json()["error"]
    emulator.configure(control_hosts=["emulator.example.com"])
    assert ask(emulator, "GET", "/_emulator/clock", headers=headers).status_code == 200
    for wrong in ("emulator.example.com", [""], [1], ["a", "a"], None):
        with pytest.raises(SettingError, match="control_hosts"):
            emulator.configure(control_hosts=wrong)


def test_services_ask_for_no_host(caller: Caller) -> None:
    assert caller.dps("GET", "/tags", headers={"Host": "platform.adobe.io"}).status_code == 200


def test_the_plain_root_leads_to_the_control_page(emulator: Emulator, caller: Caller) -> None:
    answer = ask(emulator, "GET", "/")
    assert (answer.status_code, answer.headers["Location"]) == (307, "/_emulator/")
    assert answer.json()["control"] == "/_emulator/"
    page = requests.get(f"{emulator.url}/", headers={"Accept": "text/html"}, timeout=10)
    assert "<h1>Offer Library emulator</h1>" in page.text
    assert ask(emulator, "POST", "/").status_code == 404
    home = caller.xcore("GET", "/?product=acp").json()
    assert "https://ns.adobe.com/experience/xcore/container" in home["_embedded"]


@pytest.mark.parametrize("service", ["dps", "ods", "ode", "dwm", "xcore"])
def test_a_path_that_nobody_serves_is_refused_by_its_service(caller: Caller, service: str) -> None:
    answer = caller.call("GET", f"/data/core/{service}/a/b/c/d/e")
    assert answer.status_code == 404
    assert answer.json()["type"] == f"http://ns.adobe.com/aep/errors/{service.upper()}-1301-404"
    assert answer.headers["x-emulator-unknown-route"] == "1"


def test_a_path_of_no_service_is_refused_by_the_emulator(caller: Caller) -> None:
    assert caller.call("GET", "/data/core/other").json()["type"].endswith("/EMULATOR-1301-404")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/ims/token/v3", 405), ("POST", "/ims/token/v9", 404)])
def test_the_identity_service_refuses_in_its_own_form(emulator: Emulator, method: str, path: str, status: int) -> None:
    answer = ask(emulator, method, path)
    assert answer.status_code == status
    assert answer.json().keys() == {"error", "error_description"}
    assert answer.headers["x-emulator-unknown-route"] == "1"
    assert status != 405 or answer.headers["Allow"] == "POST"


@pytest.mark.parametrize("climb", ["..", "..;", "..;x=1", ".", "%2e%2e", "%2E%2e;a", ".;"])
def test_a_path_that_climbs_is_refused(emulator: Emulator, caller: Caller, climb: str) -> None:
    for path in (
        f"/data/core/dps/offers/{climb}/tags",
        f"/data/core/xcore/{climb}/instances/x",
        f"/data/core/dps/tags/{climb}",
    ):
        request = requests.Request("GET", emulator.url, headers=dict(caller.session.headers)).prepare()
        request.url = emulator.url + path
        answer = caller.session.send(request, timeout=10)
        assert answer.status_code == 400, path
        assert "leaves its folder" in answer.json()["detail"]


def test_home_is_paged(emulator: Emulator, caller: Caller) -> None:
    emulator.configure(sandboxes=["prod", "dev", "qa"])
    names, href = [], "/?product=acp&limit=2"
    pages = 0
    while href:
        document = caller.xcore("GET", href).json()
        (containers,) = document["_embedded"].values()
        names += [each["_instance"]["repo:name"] for each in containers]
        href = document["_links"].get("next", {}).get("href")
        pages += 1
    assert (names, pages) == (["prod", "dev", "qa"], 2)
    last = caller.xcore("GET", f"/?start={emulator.container_id('qa')}").json()
    assert list(last["_embedded"].values()) == [[]]
    for wrong in ("limit=0", "limit=x", "start=x"):
        assert caller.xcore("GET", f"/?{wrong}").status_code == 400
