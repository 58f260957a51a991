"""The emulator under any order of good and bad requests: both generations show exactly what a small model predicts."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.emulator.settings import Settings
from tests.effort import examples, steps
from tests.emulator.conftest import PATCH, PERSONALIZED, RECEIPT, Caller, dps_offer, xcore_offer
from tests.fuzz.hostile import BODIES, VALUES

JSON = {"Content-Type": "application/json"}
CREATE = "/offers?offer-type=personalized"
NAMES = st.sampled_from(["Spring", "Summer", "ünï/~1", "a,b;c=d", "x" * 300, " ", "\u2028", "'); DROP TABLE revisions"])
PRIORITIES = st.integers(0, 2**53)
SETTABLE = {"/name": "/_instance/xdm:name", "/rank/priority": "/_instance/xdm:rank/xdm:priority"}
BAD_PATCHES: list[Any] = [
    *({}, [], None, "x", [1], [{}], [{"op": "set"}], [{"op": "add", "path": "name", "value": 1}]),
    [{"op": "replace", "path": "/missing/deep", "value": 1}],
    [{"op": "replace", "path": "/name", "value": "half"}, {"op": "remove", "path": "/nowhere"}],
    [{"op": "replace", "path": "/name", "value": "half"}, {"op": "test", "path": "/rank", "value": 0}],
    [{"op": "remove", "path": "/name"}],
    [{"op": "replace", "path": "/status", "value": "live"}],
    [{"op": "move", "from": "/rank", "path": "/rank/order"}],
    [{"op": "add", "path": "/_instance/xdm:name", "value": {"a": "b"}}, {"op": "add", "path": "/etag", "value": 9}],
]


class Model:
    """The expected state of one offer."""

    def __init__(self, receipt: dict[str, Any], name: str, priority: int) -> None:
        self.id: str = receipt.get("id") or receipt["@id"]
        self.instance_id: str | None = receipt.get("instanceId")
        self.etag = 1
        self.name = name
        self.priority = priority


class Emulated(RuleBasedStateMachine):
    """Writes through each generation, and nonsense between them."""

    offers: Bundle[Model] = Bundle("offers")
    running: Emulator

    @initialize()
    def start(self) -> None:
        self.running.reset()
        self.caller = Caller(self.running)
        self.there: dict[str, Model] = {}

    def teardown(self) -> None:
        if hasattr(self, "caller"):
            self.caller.session.close()

    def _made(self, receipt: dict[str, Any], name: str, priority: int) -> Model:
        made = Model(receipt, name, priority)
        assert made.id not in self.there
        self.there[made.id] = made
        return made

    @rule(target=offers, name=NAMES.filter(str.strip), priority=PRIORITIES, xcore=st.booleans())
    def create(self, name: str, priority: int, xcore: bool) -> Model:
        if xcore:
            receipt = self.caller.create_xcore(xcore_offer(name, rank={"xdm:priority": priority}))
        else:
            receipt = self.caller.create_dps(dps_offer(name, rank={"priority": priority}))
        return self._made(receipt, name, priority)

    @rule(
        offer=offers,
        name=NAMES.filter(str.strip),
        priority=PRIORITIES,
        xcore=st.booleans(),
        behind=st.none() | st.integers(-1, 1),
    )
    def patch(self, offer: Model, name: str, priority: int, xcore: bool, behind: int | None) -> None:
        """Set two properties at once; on xcore perhaps with an If-Match that is old, right, or too new."""
        values = dict(zip(SETTABLE, (name, priority), strict=True))
        if xcore:
            operations = [{"op": "replace", "path": SETTABLE[path], "value": value} for path, value in values.items()]
            guard = {} if behind is None else {"If_Match": f'"{offer.etag + behind}"'}
            answer = self.caller.patch_xcore(self._instance(offer), *operations, **guard)
            if behind:
                assert answer.status_code == 409
                return
            etag = answer.json()["repo:etag"]
        else:
            operations = [{"op": "replace", "path": path, "value": value} for path, value in values.items()]
            etag = self.caller.patch_dps(offer.id, *operations).json()["etag"]
        assert etag == offer.etag + 1
        offer.etag, offer.name, offer.priority = etag, name, priority

    @rule(offer=consumes(offers), xcore=st.booleans())
    def delete(self, offer: Model, xcore: bool) -> None:
        if xcore:
            assert self.caller.instances("DELETE", self._instance(offer)).status_code == 202
        else:
            assert self.caller.dps("DELETE", f"/offers/{offer.id}?offer-type=personalized").status_code == 200
        del self.there[offer.id]
        assert self.caller.get_dps(offer.id).status_code == 404

    @rule(target=offers, body=st.sampled_from(BODIES), xcore=st.booleans())
    def create_nonsense(self, body: bytes, xcore: bool) -> Any:
        headers = {"Accept": RECEIPT, "Content-Type": f'application/schema-instance+json; schema="{PERSONALIZED}"'}
        if xcore:
            answer = self.caller.instances("POST", data=body, headers=headers)
        else:
            answer = self.caller.dps("POST", CREATE, data=body, headers=JSON)
        assert 400 <= answer.status_code < 500, answer.text
        return multiple()

    @rule(target=offers, member=st.sampled_from(["rank", "tags", "name", "x", "status"]), value=st.sampled_from(VALUES))
    def create_oddity(self, member: str, value: bytes) -> Any:
        """An offer with one odd value is stored completely, or rejected."""
        body = json.dumps({**dps_offer("Odd"), member: "@RAW@"}).encode().replace(b'"@RAW@"', value)
        answer = self.caller.dps("POST", CREATE, data=body, headers=JSON)
        assert answer.status_code in (201, 400), answer.text
        if answer.status_code == 400:
            return multiple()
        shown = self.caller.get_dps(answer.json()["id"]).json()
        return self._made(answer.json(), shown["name"], shown["rank"]["priority"])

    @rule(offer=offers, patch=st.sampled_from(BAD_PATCHES), xcore=st.booleans())
    def patch_with_nonsense(self, offer: Model, patch: Any, xcore: bool) -> None:
        """A nonsense patch is refused completely; an empty patch may be accepted, and changes only the etag."""
        if xcore:
            headers = {"Accept": RECEIPT, "Content-Type": PATCH.format(PERSONALIZED)}
            answer = self.caller.instances("PATCH", self._instance(offer), json=patch, headers=headers)
        else:
            answer = self.caller.dps("PATCH", f"/offers/{offer.id}?offer-type=personalized", json=patch)
        if answer.status_code == 200 and patch == []:
            offer.etag += 1
        else:
            assert answer.status_code in (400, 422), answer.text

    @rule(text=st.text(max_size=12), name=st.sampled_from(["property", "orderby", "start", "limit", "q", "id", "name"]))
    def list_nonsense(self, text: str, name: str) -> None:
        for path in ("/data/core/dps/offers", f"/data/core/xcore/{self.caller.container}/queries/core/search"):
            parameters = {"offer-type": "personalized", "schema": PERSONALIZED, name: text}
            answer = self.caller.session.get(self.running.url + path, params=parameters, timeout=10)
            assert answer.status_code in (200, 400), answer.text

    @invariant()
    def both_generations_show_what_was_written(self) -> None:
        if not hasattr(self, "there"):
            return
        expected = {each.id: (each.etag, each.name, each.priority) for each in self.there.values()}
        dps = {each["id"]: (each["etag"], each["name"], each["rank"]["priority"]) for each in self._dps_pages()}
        xcore = {}
        for each in self._xcore_pages():
            instance = each["_instance"]
            rank = instance["xdm:rank"]["xdm:priority"]
            xcore[instance["@id"]] = (each["repo:etag"], instance["xdm:name"], rank)
        assert dps == expected
        assert xcore == expected

    def _instance(self, offer: Model) -> str:
        if offer.instance_id is None:
            (found,) = self.caller.results(f"&id={offer.id}", "instances")["_embedded"]["results"]
            offer.instance_id = found["instanceId"]
        return str(offer.instance_id)

    def _dps_pages(self) -> list[dict[str, Any]]:
        """All offers, three per page, by the service's own links; the first offer of a page may occur twice."""
        found: dict[str, dict[str, Any]] = {}
        path: str | None = f"{CREATE}&limit=3"
        while path is not None:
            answer = self.caller.dps("GET", path)
            assert answer.status_code == 200, answer.text
            found |= {each["id"]: each for each in answer.json()["results"]}
            path = answer.json()["_links"].get("next", {}).get("href")
        return list(found.values())

    def _xcore_pages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        path: str | None = f"/{self.caller.container}/instances?schema={PERSONALIZED}&limit=3"
        while path is not None:
            answer = self.caller.xcore("GET", path)
            assert answer.status_code == 200, answer.text
            found += answer.json()["_embedded"]["results"]
            path = answer.json()["_links"].get("next", {}).get("href")
        assert len({each["instanceId"] for each in found}) == len(found)
        return found


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """One emulator for all examples."""
    with Emulator() as running:
        yield running


def test_any_order_of_requests(emulator: Emulator) -> None:
    Emulated.running = emulator
    run_state_machine_as_test(Emulated, settings=steps(10, 25))


RAW = st.sampled_from(
    [
        *(
            b"null",
            b"true",
            b"{}",
            b"[]",
            b'["a"]',
            b'"x"',
            b'"\\u0000"',
            b'"\\r\\n"',
            b'{"a b":"x"}',
            b'{"a":"\\u2028"}',
        ),
        *(b"0", b"-1", b"3", b"0.5", b"1e17", b"-1e17", b"1e12", b"1e300", b"-" + b"9" * 30, b"1" * 400, b"1e999"),
        *(
            b'"0001-01-01T00:00:00Z"',
            b'"9999-12-31T23:59:59Z"',
            b'"status"',
            b'"delay"',
            b'"("',
            b'[{"body":{},"id":{}}]',
        ),
    ]
)


_FAULT = (
    "effect method route path path_regex contains times after probability seed when status body headers retry_after"
)
_SEED = "count kind sandbox name template generation client_id objects checked"
COMMANDS: list[tuple[str, str, list[str]]] = [
    *(("GET", path, ["x"]) for path in ("", "settings", "faults", "clock")),
    *(("DELETE", path, ["id"]) for path in ("faults", "faults/1e999", "journal", "tokens")),
    *[("PUT", "clock", ["freeze", "set", "advance", "resume"])] * 4,
    *[("PUT", "settings", [each.name for each in dataclasses.fields(Settings)])] * 4,
    *[("POST", "faults", f"{_FAULT} retry_after retry_after_form seconds chunk bytes".split())] * 2,
    *[("POST", "seed", _SEED.split())] * 2,
    ("POST", "tokens", ["client_id", "lifetime"]),
    ("GET", "journal", ["method", "path", "route", "status", "since", "limit"]),
    ("GET", "objects", ["sandbox", "kind"]),
    *(("POST", "reset", ["x"]), ("PATCH", "../x", ["x"])),
]
REQUESTS = st.sampled_from(COMMANDS).flatmap(
    lambda command: st.tuples(st.just(command[:2]), st.dictionaries(st.sampled_from(command[2]), RAW, max_size=2))
)


@given(requests=st.lists(REQUESTS, min_size=1, max_size=4))
@examples(150)
def test_no_command_breaks_the_control_plane(emulator: Emulator, requests: list[Any]) -> None:
    """Each command is executed or rejected, the services never fail, and a reset restores every setting."""
    caller = Caller(emulator)
    for (method, path), given_ in requests:
        body = b"{" + b",".join(json.dumps(name).encode() + b":" + value for name, value in given_.items()) + b"}"
        answer = caller.call(method, f"/_emulator/{path}", data=body if given_ else None)
        assert answer.status_code in (200, 400, 404, 405), (method, path, given_, answer.text)
        emulator.clear_faults()
        answer = caller.dps("GET", CREATE)
        assert answer.status_code in (200, 400, 401, 403, 413, 429), (method, path, given_, answer.text)
    emulator.reset()
    assert Caller(emulator).create_dps(dps_offer())["etag"] == 1
    caller.session.close()
