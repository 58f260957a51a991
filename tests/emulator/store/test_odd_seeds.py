"""Odd values in seeds, settings and fault rules are accepted, or rejected by the field's name; no internal error."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import requests

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.emulator.control.faults import EFFECTS, Fault
from airflow_provider_offers.emulator.settings import Settings
from airflow_provider_offers.emulator.store.seeding import SeedError
from tests.emulator.conftest import Caller

# One connection for thousands of requests.
SESSION = requests.Session()
SESSION.trust_env = False

ODD: list[Any] = [None, True, 7, 1.5, "", [], {}, ["x"], {"a": 1}]
OBJECT: dict[str, Any] = {"kind": "tag", "body": {"name": "Odd"}}


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("key", ["kind", "sandbox", "name", "generation", "client_id", "count", "template"])
def test_seeds_by_number(emulator: Emulator, key: str, value: Any) -> None:
    before = len(emulator.objects())
    answer = SESSION.post(f"{emulator.url}/_emulator/seed", json={"count": 1, "kind": "tag", key: value}, timeout=10)
    if answer.status_code != 200:
        assert answer.status_code == 400
        assert key in answer.json()["error"]
        assert len(emulator.objects()) == before


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize(
    "key", ["kind", "sandbox", "body", "id", "instance_id", "generation", "client_id", "created", "modified"]
)
def test_seeds_of_objects(emulator: Emulator, key: str, checked: bool, value: Any) -> None:
    before = len(emulator.objects())
    document = {"objects": [{**OBJECT, key: value}], "checked": checked}
    answer = SESSION.post(f"{emulator.url}/_emulator/seed", json=document, timeout=10)
    if answer.status_code != 200:
        assert answer.status_code == 400
        assert key in answer.json()["error"] or (key == "body" and "name" in answer.json()["error"])
        assert len(emulator.objects()) == before


@pytest.mark.parametrize("client_id", [None, 7, ""])
def test_seeds_are_made_by_somebody(emulator: Emulator, client_id: Any) -> None:
    answer = SESSION.post(f"{emulator.url}/_emulator/seed", json={"count": 1, "client_id": client_id}, timeout=10)
    assert answer.status_code == 400
    assert "client_id must be a text" in answer.json()["error"]


@pytest.mark.parametrize("member", ["name", "status", "description", "representations"])
@pytest.mark.parametrize("value", ODD)
def test_unchecked_bodies_hold_anything(emulator: Emulator, member: str, value: Any) -> None:
    (made,) = emulator.seed(objects=[{"kind": "personalized", "body": {"name": "Odd", member: value}}], checked=False)
    (found,) = emulator.objects("personalized")
    assert (found["id"], found["body"][member]) == (made, value)


@pytest.mark.parametrize("key", ["id", "instance_id"])
def test_no_two_objects_have_one_id(emulator: Emulator, key: str) -> None:
    emulator.seed(objects=[{**OBJECT, key: "mine"}])
    with pytest.raises(SeedError, match=f"^{key} 'mine' exists already"):
        emulator.seed(objects=[{**OBJECT, "body": {"name": "Other"}, key: "mine"}])


@pytest.mark.parametrize("body", [{"name": {1}}, {"name": float("nan")}, {"name": "\ud800"}, {"x": b""}])
def test_bodies_are_json(emulator: Emulator, body: Any) -> None:
    for checked in (True, False):
        with pytest.raises(SeedError, match="body must be JSON"):
            emulator.seed(objects=[{"kind": "tag", "body": body}], checked=checked)
    assert [each["body"]["name"] for each in emulator.objects("tag", "prod")] == ["Sale", "Checking", "Banking"]


@pytest.mark.parametrize("name", [each.name for each in dataclasses.fields(Settings)])
def test_settings(emulator: Emulator, caller: Caller, name: str) -> None:
    for value in [*ODD, -1, 10**400, "x"]:
        answer = SESSION.put(f"{emulator.url}/_emulator/settings", json={name: value}, timeout=10)
        if answer.status_code != 200:
            assert (answer.status_code, name in answer.json()["error"]) == (400, True), answer.text
        # An accepted setting may reject requests, but must not cause a failure.
        assert caller.dps("GET", "/offers?offer-type=personalized").status_code < 500
        emulator.configure(**{name: getattr(Settings(), name)})


@pytest.mark.parametrize("effect", EFFECTS)
def test_fault_rules(emulator: Emulator, caller: Caller, effect: str) -> None:
    quick = {"seconds": 0} if "seconds" in EFFECTS[effect].obeyed else {}
    for name in [each.name for each in dataclasses.fields(Fault) if each.name not in ("id", "seen", "applied")]:
        for value in [*ODD, -1, 10**400, "x"]:
            rule = {"effect": effect, **quick, name: value}
            answer = SESSION.post(f"{emulator.url}/_emulator/faults", json=rule, timeout=10)
            if answer.status_code != 200:
                assert (answer.status_code, name.split("_")[0] in answer.json()["error"]) == (400, True), answer.text
            elif name not in ("seconds", "bytes", "times", "chunk"):
                _suffered(caller)
            emulator.clear_faults()
    assert caller.dps("GET", "/tags").status_code in (200, 401)


def _suffered(caller: Caller) -> None:
    """One request under the rule: any answer is fine, except the emulator's own failure."""
    try:
        answer = caller.dps("GET", "/tags")
    except (requests.RequestException, ValueError):
        return
    assert "The emulator failed" not in answer.text
