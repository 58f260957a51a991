"""The objects that several campaigns have applied: the states of the other campaigns tell them."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_offers.campaigns.errors import StateError
from airflow_provider_offers.campaigns.state.states import Applied, State
from airflow_provider_offers.campaigns.state.storage import StateStore
from tests.campaigns.state.test_storage import CAMPAIGN, ORG, SANDBOX, STATE, WHERE


def test_what_other_campaigns_of_the_sandbox_have_is_known(path: Any) -> None:
    store = StateStore(path)
    tags = {("tag", name): Applied({"name": name}) for name in ("Spring", "Autumn")}
    ours = State(*WHERE, objects=tags)
    assert store.shared(ours, tags) == {}
    ours = store.write(ours)
    store.write(State("autumn 2027", ORG, SANDBOX, objects={("tag", "Autumn"): tags["tag", "Autumn"]}))
    store.write(State("autumn 2027", ORG, "dev", objects=tags))

    assert store.shared(ours, tags) == {("tag", "Autumn"): "autumn 2027"}

    # What the other campaign has given up is ours alone.
    given_up = Applied({"name": "Spring"}, given_up=True)
    winter = store.write(State("winter", ORG, SANDBOX, objects={("tag", "Spring"): given_up}))
    assert store.read("winter", ORG, SANDBOX).objects["tag", "Spring"] == given_up
    assert State.from_json(winter.as_json()) == winter
    assert store.shared(ours, tags) == {("tag", "Autumn"): "autumn 2027"}

    # What is no state, such as a saved plan, says nothing about objects.
    (path / ORG / SANDBOX / "plan.json").write_bytes(b'{"format": "offers.plan/v1"}')
    (path / ORG / SANDBOX / "notes.json").write_bytes(b"[]")
    assert store.shared(ours, tags) == {("tag", "Autumn"): "autumn 2027"}

    (path / ORG / SANDBOX / "winter.json").write_bytes(b"{")
    with pytest.raises(StateError, match=r"winter\.json: The document is damaged"):
        store.shared(ours, tags)
    assert store.shared(ours, []) == {}


def test_copies_of_states_and_folders_are_nobodys_states(path: Any) -> None:
    store = StateStore(path)
    tags = {("tag", name): Applied({"name": name}) for name in ("Spring", "Autumn")}
    ours = store.write(State(*WHERE, objects=tags))
    folder = path / ORG / SANDBOX
    whole = (folder / f"{CAMPAIGN}.json").read_bytes()
    for name, content in {
        "backup.json": whole,
        "cut-off.json": whole[:-9],
        "newer.json": whole.replace(b"offers.state/v1", b"offers.state/v2"),
        "by-hand.json": json.dumps(json.loads(whole.replace(b"state/v1", b"state/v2")), sort_keys=True).encode(),
        f"{CAMPAIGN} (1).json": whole[:9],
        "copy of spring.json": b"",
    }.items():
        (folder / name).write_bytes(content)
    (folder / "old.json").mkdir(parents=True, exist_ok=True)
    (folder / "old.json" / "state.json").write_bytes(whole)

    assert store.shared(ours, tags) == {}


@pytest.mark.parametrize(
    "change",
    [lambda told: told[:-9], lambda told: told[:9], lambda told: b"", lambda told: told.replace(b"/v1", b"/v2")],
    ids=["cut off", "cut off before its name", "empty", "newer"],
)
def test_a_state_of_another_campaign_that_cannot_be_read_stops_a_prune(
    path: Any, change: Callable[[bytes], bytes]
) -> None:
    store = StateStore(path)
    tags = {("tag", "Spring"): Applied({"name": "Spring"})}
    ours = store.write(State(*WHERE, objects=tags))
    store.write(State("winter", ORG, SANDBOX, objects=tags))
    file = path / ORG / SANDBOX / "winter.json"
    file.write_bytes(change(file.read_bytes()))

    with pytest.raises(StateError, match=r"winter\.json: .*restore the document, or move it to another folder") as told:
        store.shared(ours, tags)
    assert "Restore" not in str(told.value)


def test_a_folder_that_may_not_be_listed_is_named_with_the_reason(path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store = StateStore(path)
    ours = store.write(STATE)

    def refused(*_: Any) -> None:
        raise PermissionError("AccessDenied")

    monkeypatch.setattr(type(path), "iterdir", refused)
    monkeypatch.setattr(pathlib.Path, "iterdir", refused)

    said = rf"{SANDBOX} cannot be listed: PermissionError: AccessDenied\. A plan with prune lists this folder to find"
    with pytest.raises(StateError, match=said) as told:
        store.shared(ours, ours.objects)
    assert not told.value.retryable
    assert store.shared(ours, []) == {}
