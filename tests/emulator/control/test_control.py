"""The control plane: reset, seed, objects, journal, clock, settings, faults and tokens, over HTTP and in Python."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
from typing import Any

import pytest
import requests

from airflow_provider_offers.emulator import Emulator, EmulatorError
from airflow_provider_offers.emulator.settings import SettingError
from tests.emulator.conftest import Caller, dps_offer, xcore_offer

COMPONENTS = "https://ns.adobe.com/experience/offer-management/content-component-"


def control(emulator: Emulator, method: str, path: str = "", **options: Any) -> requests.Response:
    return requests.request(method, f"{emulator.url}/_emulator/{path}", timeout=10, **options)


def test_status_page(emulator: Emulator, caller: Caller) -> None:
    caller.create_dps(dps_offer("<b>"))
    document = control(emulator, "GET").json()
    assert document["library"]["prod"]["personalized-offer"] == {"draft": 1}
    assert document["library"]["dev"]["tag"] == {"-": 3}
    assert document["containers"]["prod"] == emulator.CONTAINER_ID
    page = control(emulator, "GET", headers={"Accept": "text/html"})
    assert page.headers["Content-Type"].startswith("text/html")


def test_reset(emulator: Emulator, caller: Caller) -> None:
    caller.create_dps(dps_offer())
    emulator.add_fault("drop", times=None)
    emulator.configure(index_lag=5)
    emulator.clock.freeze("2020-01-01T00:00:00Z")
    assert control(emulator, "POST", "reset").status_code == 200
    assert emulator.objects("personalized-offer") == []
    assert len(emulator.objects("offer-placement", "prod")) == 3
    assert emulator.faults() == emulator.journal() == []
    assert emulator.settings.index_lag == 0
    assert emulator.clock.as_json()["frozen"] is False
    assert caller.listed() == []


def test_seed_count(emulator: Emulator, caller: Caller) -> None:
    body = {"count": 3, "kind": "fallback-offer", "sandbox": "dev", "name": "F{n}", "template": {"status": "draft"}}
    answer = control(emulator, "POST", "seed", json=body).json()
    assert answer["count"] == 3
    assert [each["name"] for each in answer["objects"]] == ["F1", "F2", "F3"]
    assert Caller(emulator, sandbox="dev").listed(offer_type="fallback") == ["F3", "F2", "F1"]
    assert caller.listed(offer_type="fallback") == []


def test_seeds_are_older_than_everything_and_have_distinct_timestamps(emulator: Emulator, caller: Caller) -> None:
    first = caller.create_dps(dps_offer())["id"]
    emulator.seed(3)
    emulator.seed(3, name="Older {n}")
    found = emulator.objects("personalized-offer")
    assert found[-1]["id"] == first
    assert [each["body"]["name"] for each in found[:3]] == ["Older 1", "Older 2", "Older 3"]
    assert len({each["modified_us"] // 1000 for each in found}) == 7


def test_seed_objects(emulator: Emulator, caller: Caller) -> None:
    given: dict[str, Any] = {
        "kind": "personalized-offer",
        "id": "xcore:personalized-offer:124e181c8b0d7878",
        "instance_id": "0f4bc230-13df-11eb-bc55-c11be7252432",
        "created": "2020-10-21T20:50:32.018624Z",
        "body": dps_offer("Sale"),
    }
    assert control(emulator, "POST", "seed", json={"objects": [given]}).json()["objects"][0]["id"] == given["id"]
    envelope = caller.instances("GET", given["instance_id"]).json()
    assert envelope["repo:createdDate"] == given["created"]
    assert control(emulator, "POST", "seed", json={"objects": [given]}).status_code == 400


def test_a_body_may_be_one_of_generation_1(emulator: Emulator, caller: Caller) -> None:
    body = {"xdm:name": "Sale", "xdm:componentType": COMPONENTS + "html"}
    (made,) = emulator.seed(objects=[{"kind": "placement", "generation": "xcore", "body": body}])

    (found,) = (each for each in emulator.objects("placement") if each["id"] == made)
    assert found["body"] == {"name": "Sale", "componentType": "html"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "either count or objects"),
        ({"count": 1, "objects": []}, "either count or objects"),
        ({"cuont": 1}, "did you mean 'count'"),
        ({"count": -1}, "count must be"),
        ({"count": 1, "kind": "offer"}, "unknown kind 'offer'"),
        ({"count": 1, "sandbox": "nowhere"}, "unknown sandbox"),
        ({"count": 1, "name": "{x}"}, "with {n} in it"),
        ({"count": 1, "template": {"status": "live"}}, "must be one of draft"),
        ({"objects": [{"kind": "tag"}]}, "needs a kind and a body"),
        (
            {"objects": [{"kind": "tag", "bdoy": {"name": "x"}}]},
            "'bdoy'; did you mean 'body'?",
        ),
        ({"objects": [{"kind": "tag", "body": {"xdm:name": "x", "description": "y"}}]}, "/description: "),
        ({"objects": [{"kind": "tag", "body": {}}]}, "/name: is required"),
        ({"objects": [{"kind": "tag", "body": {"name": "x"}}, {"kind": "tag", "body": {}}]}, "/name: is required"),
        ({"objects": [{"kind": "tag", "body": {"name": "x"}, "nmae": 1}]}, "unknown key"),
        (
            {"objects": [{"kind": "tag", "body": {"name": "x"}, "created": "today"}]},
            "RFC 3339 date-time with a zone, such as 2026-",
        ),
        ([], "must be an object"),
    ],
)
def test_seeds_that_are_refused(emulator: Emulator, body: Any, message: str) -> None:
    before = emulator.objects()
    answer = control(emulator, "POST", "seed", json=body)
    assert answer.status_code == 400
    assert message in answer.json()["error"]
    assert emulator.objects() == before


def test_unchecked_seeds_may_break_the_rules(emulator: Emulator, caller: Caller) -> None:
    body = dps_offer("Broken", tags=["gone"])
    emulator.seed(objects=[{"kind": "personalized-offer", "body": body}], checked=False)
    assert caller.listed() == ["Broken"]


def test_journal(emulator: Emulator, caller: Caller) -> None:
    receipt = caller.create_dps(dps_offer())
    caller.get_dps(receipt["id"])
    caller.xcore("GET", "/?product=acp")
    entries = control(emulator, "GET", "journal").json()
    assert entries["count"] == 3
    assert entries["counts"] == {"dps.create": 1, "dps.get": 1, "xcore.home": 1}
    created, read, _ = entries["entries"]
    assert created["method"] == "POST"
    assert created["path"] == "/data/core/dps/offers"
    assert created["query"] == "offer-type=personalized"
    assert created["headers"]["authorization"] == "***"
    assert created["headers"]["x-sandbox-name"] == "prod"
    assert '"name": "Spring voucher"' in created["body"]
    assert receipt["id"] in created["response_body"]
    assert created["response_headers"]["x-request-id"]
    assert (created["status"], created["committed"], created["fault"]) == (201, True, None)
    assert read["committed"] is False
    assert created["note"] == f'created {receipt["id"]} "Spring voucher"'


def test_journal_filters(emulator: Emulator, caller: Caller) -> None:
    receipt = caller.create_dps(dps_offer())
    caller.get_dps(receipt["id"])
    caller.get_dps("missing")
    assert len(emulator.journal(method="get")) == 2
    assert len(emulator.journal(route="dps.*")) == 3
    assert len(emulator.journal(path="*/missing")) == 1
    assert len(emulator.journal(status=404)) == 1
    last = emulator.journal()[-1].number
    assert emulator.journal(since=last) == []
    assert control(emulator, "GET", f"journal?since={last - 1}").json()["count"] == 1
    assert control(emulator, "GET", "journal?limit=1").json()["entries"][0]["number"] == last
    assert emulator.request_counts() == {"dps.create": 1, "dps.get": 2}
    assert control(emulator, "DELETE", "journal").json() == {}
    assert emulator.journal() == []
    assert emulator.request_counts() == {}


def test_journal_is_bounded(emulator: Emulator, caller: Caller) -> None:
    emulator.configure(journal_limit=2, journal_body_limit=10)
    for _ in range(4):
        caller.create_dps(dps_offer())
    assert len(emulator.journal()) == 2
    assert {len(entry.body) for entry in emulator.journal()} == {10}
    assert emulator.request_counts() == {"dps.create": 4}


def test_unknown_routes_are_in_the_journal(emulator: Emulator, caller: Caller) -> None:
    caller.call("GET", "/nowhere")
    assert emulator.journal(route="unknown")[0].path == "/nowhere"


def test_clock(emulator: Emulator) -> None:
    answer = control(emulator, "PUT", "clock", json={"freeze": "2026-05-01T12:00:00Z"}).json()
    assert answer == {"now": "2026-05-01T12:00:00.000000Z", "frozen": True, "offset_seconds": 0}
    assert control(emulator, "PUT", "clock", json={"advance": 1.5}).json()["now"] == "2026-05-01T12:00:01.500000Z"
    running = control(emulator, "PUT", "clock", json={"set": "2030-01-01T00:00:00Z"}).json()
    assert running["now"].startswith("2030-01-01T00:00:0")
    assert running["frozen"] is False
    assert control(emulator, "PUT", "clock", json={"resume": True}).json()["offset_seconds"] == 0
    for wrong in ({"freeze": "noon"}, {"advance": "x"}, {"set": None}, {}, {"halt": 1}, {"freeze": "", "advance": 1}):
        assert control(emulator, "PUT", "clock", json=wrong).status_code == 400
    told = control(emulator, "PUT", "clock", json={"freeze": "2027-02-31T00:00:00Z"}).json()["error"]
    assert "'2027-02-31T00:00:00Z' does not exist: day is out of range for month" in told


def test_the_clock_dates_the_writes(emulator: Emulator) -> None:
    emulator.clock.set("2030-01-01T00:00:00Z")
    caller = Caller(emulator)
    assert caller.create_dps(dps_offer())["createdDate"].startswith("2030-01-01T00:00:0")
    emulator.clock.freeze("2020-01-01T00:00:00Z")
    assert caller.create_dps(dps_offer())["createdDate"] == "2020-01-01T00:00:00.000Z"


def test_settings(emulator: Emulator) -> None:
    assert control(emulator, "PUT", "settings", json={"index_lag": 3}).json()["index_lag"] == 3
    assert emulator.settings.index_lag == 3
    for wrong, message in (
        ({"indexlag": 3}, "did you mean 'index_lag'"),
        ({"index_lag": -1}, "between 0.0 and 3600.0".replace("0.0 ", "0 ")),
        ({"index_lag": "3"}, "must be a float"),
        ({"strict_status": 1}, "must be a bool"),
        ({"dps_create_status": 500}, "one of 201, 200"),
        ({"sandboxes": []}, "distinct names"),
        ({"rate_limit": 0}, "between"),
        ({"default_page_size": True}, "must be a int"),
    ):
        answer = control(emulator, "PUT", "settings", json=wrong)
        assert answer.status_code == 400
        assert message in answer.json()["error"]
    assert emulator.settings.index_lag == 3
    with pytest.raises(SettingError):
        Emulator(idnex_lag=1)


def test_a_sandbox_added_while_running_is_prepared(emulator: Emulator) -> None:
    emulator.configure(sandboxes=["prod", "dev", "stage"])
    stage = Caller(emulator, sandbox="stage")
    stage.create_dps(dps_offer())
    assert stage.container not in (emulator.container_id("prod"), emulator.container_id("dev"))


def test_static_token_is_not_shown() -> None:
    with Emulator(access_token="ready-made") as emulator:
        assert "ready-made" not in control(emulator, "GET").text + control(emulator, "GET", "settings").text


def test_faults_over_http(emulator: Emulator, caller: Caller) -> None:
    rule = control(emulator, "POST", "faults", json={"effect": "status", "status": 500, "times": None}).json()
    other = control(emulator, "POST", "faults", json={"effect": "drop", "route": "xcore.*"}).json()
    assert caller.dps("GET", "/tags").status_code == 500
    listed = control(emulator, "GET", "faults").json()["faults"]
    assert [(each["id"], each["applied"]) for each in listed] == [(rule["id"], 1), (other["id"], 0)]
    assert control(emulator, "DELETE", f"faults/{rule['id']}").json() == {"removed": 1}
    assert control(emulator, "DELETE", f"faults/{rule['id']}").status_code == 404
    assert caller.dps("GET", "/tags").status_code == 200
    assert control(emulator, "DELETE", "faults").json() == {"removed": 1}


def test_tokens(emulator: Emulator, caller: Caller) -> None:
    token = control(emulator, "POST", "tokens", json={"lifetime": 60}).json()["access_token"]
    assert caller.dps("GET", "/tags", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert control(emulator, "DELETE", "tokens").json()["expired"] >= 2
    assert caller.dps("GET", "/tags").status_code == 401
    assert control(emulator, "POST", "tokens", json={"client_id": "emulator-raeder"}).status_code == 400


def test_objects_over_http(emulator: Emulator, caller: Caller) -> None:
    receipt = caller.create_xcore(xcore_offer())
    (found,) = control(emulator, "GET", "objects?kind=personalized-offer&sandbox=prod").json()["objects"]
    assert found["id"] == receipt["@id"]
    assert found["body"]["name"] == "Spring voucher"
    assert found["created_by"] == emulator.CLIENT_ID


WORDS = {
    "placement": "offer-placement",
    "tag": "tag",
    "rule": "eligibility-rule",
    "collection": "offer-filter",
    "decision": "offer-activity",
    "personalized": "personalized-offer",
    "fallback": "fallback-offer",
    "formula": "ranking-function",
}


@pytest.mark.parametrize(("word", "kind"), WORDS.items())
def test_kinds_are_known_by_the_words_of_the_operators_too(emulator: Emulator, word: str, kind: str) -> None:
    emulator.seed(1, kind=word, name="Seeded by a word")
    assert emulator.objects(word) == emulator.objects(kind)
    assert emulator.objects(word)[0]["kind"] == kind
    assert control(emulator, "GET", f"objects?kind={word}").json()["objects"] == emulator.objects(kind)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "placements"}, "unknown kind 'placements'; did you mean 'placement'?"),
        ({"kind": "banner"}, "unknown kind 'banner'; known are"),
        ({"sandbox": "prd"}, "unknown sandbox 'prd'; did you mean 'prod'?"),
    ],
)
def test_unknown_kinds_and_sandboxes_of_objects_are_refused(
    emulator: Emulator, given: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        emulator.objects(**given)
    answer = control(emulator, "GET", "objects", params=given)
    assert answer.status_code == 400
    assert message in answer.json()["error"]


def test_an_empty_sandbox_has_no_objects_and_an_undeclared_one_keeps_its_own(emulator: Emulator) -> None:
    assert emulator.objects("decision", "dev") == []
    emulator.configure(sandboxes=["prod"])
    assert {each["sandbox"] for each in emulator.objects(sandbox="dev")} == {"dev"}


def test_unknown_commands_and_keys_are_refused_by_name(emulator: Emulator) -> None:
    answer = control(emulator, "POST", "restart")
    assert answer.status_code == 404
    assert "POST /_emulator/reset" in answer.json()["error"]
    assert "unknown key 'hard'" in control(emulator, "POST", "reset", json={"hard": True}).json()["error"]
    assert "did you mean 'route'" in control(emulator, "GET", "journal?roote=x").json()["error"]
    assert control(emulator, "POST", "seed", data=b"{").status_code == 400


def test_two_emulators_do_not_interfere(emulator: Emulator, caller: Caller) -> None:
    with Emulator() as second:
        other = Caller(second)
        other.create_dps(dps_offer("Second"))
        second.add_fault("status", times=None, route="dps.get")
        second.clock.freeze("2020-01-01T00:00:00Z")
        assert caller.listed() == []
        assert caller.get_dps("x").status_code == 404
        assert len(second.journal()) == 1
        foreign = {"Authorization": other.session.headers["Authorization"]}
        assert caller.dps("GET", "/tags", headers=foreign).status_code == 401


def test_start_and_stop() -> None:
    emulator = Emulator()
    with pytest.raises(EmulatorError, match="not running"):
        _ = emulator.url
    with emulator:
        url = emulator.url
        with pytest.raises(EmulatorError, match="running already"):
            emulator.start()
        requests.get(f"{url}/nowhere", timeout=10)
    emulator.stop()
    assert len(emulator.journal()) == 1
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=10)
    with pytest.raises(EmulatorError, match="not running"):
        emulator.seed(1)


def test_stopping_pauses_for_no_idle_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests start and stop thousands of emulators: uvicorn's own pauses would be most of their time."""
    pauses: list[float] = []
    actual = asyncio.sleep

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await actual(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with requests.Session() as session, Emulator() as emulator:
        session.get(f"{emulator.url}/x", timeout=10)
    assert [pause for pause in pauses if pause >= 0.1] == []


def test_stopping_does_not_wait_for_a_delayed_request() -> None:
    with Emulator() as emulator:
        emulator.add_fault("delay", seconds=600)
        thread = threading.Thread(target=lambda: requests.get(f"{emulator.url}/x", timeout=30), daemon=True)
        thread.start()
        while not emulator.journal():
            pass
    thread.join(10)
    assert not thread.is_alive()


def test_importing_is_cheap() -> None:
    code = (
        "import sys, airflow_provider_offers.emulator; "
        "print([name for name in ('starlette', 'uvicorn', 'sqlite3', 'asyncio', 'airflow', 'requests') "
        "if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "[]"
