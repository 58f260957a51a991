"""The states of campaigns survive: damaged and foreign documents are refused, and one process writes at a time."""

from __future__ import annotations

import errno
import importlib
import json
import logging
import multiprocessing
import os
import pathlib
import pickle
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from airflow_provider_offers.campaigns.errors import StateError, StateLockedError
from airflow_provider_offers.campaigns.state import storage
from airflow_provider_offers.campaigns.state.folders import _RemoteFolder, file_name
from airflow_provider_offers.campaigns.state.states import Applied, State
from airflow_provider_offers.campaigns.state.storage import StateStore
from tests.campaigns.state.conftest import S3, object_store

ORG, SANDBOX, CAMPAIGN = "1234@AdobeOrg", "prod", "spring-2027"
WHERE = (CAMPAIGN, ORG, SANDBOX)
STATE = State(
    CAMPAIGN,
    ORG,
    SANDBOX,
    objects={
        ("tag", "Spring"): Applied({"name": "Spring"}, prevent_destroy=True),
        ("personalized", "Gutschein für 5 €"): Applied({"name": "Gutschein für 5 €"}, pending="2026-05-01T12:00:00Z"),
    },
    plan="b5bb9d80",
)


class Clock:
    """The clock of a machine, which a test moves."""

    def __init__(self) -> None:
        self.time = datetime(2026, 5, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def test_a_state_comes_back_as_it_was_written(path: Any) -> None:
    store = StateStore(path)
    assert store.read(*WHERE) == State(CAMPAIGN, ORG, SANDBOX)

    written = store.write(STATE)

    assert written.generation == 1
    assert store.read(*WHERE) == written
    assert written.objects == STATE.objects


def test_campaigns_and_sandboxes_have_states_of_their_own(path: Any) -> None:
    store = StateStore(path)
    places = [
        WHERE,
        ("Spring 2027", ORG, SANDBOX),
        ("Spring/2027", ORG, SANDBOX),
        ("..", ORG, "."),
        (CAMPAIGN, ORG, "dev"),
    ]
    for number, place in enumerate(places):
        store.write(State(*place, objects={("tag", str(number)): Applied({"name": str(number)})}))

    for number, place in enumerate(places):
        assert list(store.read(*place).objects) == [("tag", str(number))]


@pytest.mark.parametrize(
    "name", ["spring", "Spring 2027", "../../etc", "..", "", "a/b", "é" * 300, "x" * 300, "\ud800"]
)
def test_every_name_becomes_the_name_of_one_file(name: str) -> None:
    found = file_name(name)

    assert found not in ("", ".", "..")
    assert "/" not in found
    assert found.isascii()
    assert len(found) < 120


def test_a_state_that_somebody_else_has_written_meanwhile_is_not_overwritten(path: Any) -> None:
    store = StateStore(path)
    ours = store.write(STATE)
    theirs = store.write(ours)

    with pytest.raises(StateError, match="generation is 2; expected 1"):
        store.write(ours)
    with pytest.raises(StateError, match="generation is 2; expected 0"):
        store.write(STATE)
    assert store.read(*WHERE) == theirs


@pytest.mark.parametrize("older", [True, False], ids=["older", "lost"])
def test_a_state_that_is_lost_or_older_is_not_called_an_apply_of_somebody_else(
    tmp_path: pathlib.Path, older: bool
) -> None:
    store = StateStore(tmp_path)
    first = store.write(STATE)
    (file,) = tmp_path.rglob("*.json")
    content = file.read_bytes()
    second = store.write(first)
    if older:
        file.write_bytes(content)
    else:
        file.unlink()

    said = "is an older one: its generation is 1" if older else "is gone: its generation is 0"
    with pytest.raises(StateError, match=f"{said}; expected 2; nothing was written to it. Restore"):
        store.write(second)


def _documents() -> dict[str, tuple[Callable[[dict[str, Any]], Any], str]]:
    def without(name: str) -> Callable[[dict[str, Any]], Any]:
        return lambda told: {key: value for key, value in told.items() if key != name}

    def with_(**changes: Any) -> Callable[[dict[str, Any]], Any]:
        return lambda told: {**told, **changes}

    return {
        "newer": (with_(format="offers.state/v2"), "upgrade the provider"),
        "a plan": (with_(format="offers.plan/v1"), "it is not a state"),
        "no format": (without("format"), "it is not a state"),
        "a list": (lambda told: [told], "expected a JSON object"),
        "no generation": (without("generation"), "generation: given None"),
        "a generation of text": (with_(generation="3"), "generation: given '3'"),
        "a generation of true": (with_(generation=True), "generation: given True"),
        "no campaign": (without("campaign"), "campaign: given None"),
        "no objects": (without("objects"), "objects: given None"),
        "an unknown kind": (with_(objects={"voucher": {}}), "given 'voucher'; expected one of tag"),
        "objects in a list": (with_(objects={"tag": []}), "objects.tag"),
        "no properties": (with_(objects={"tag": {"Spring": {}}}), "objects.tag.Spring"),
        "no time": (with_(objects={"tag": {"Spring": {"properties": {}, "pending": "soon"}}}), "pending: given 'soon'"),
        "a plan of numbers": (with_(plan=3), "plan: given 3"),
        "a word for true": (
            with_(objects={"tag": {"Spring": {"properties": {}, "prevent_destroy": "yes"}}}),
            "prevent_destroy: given 'yes'",
        ),
        "given up": (
            with_(objects={"tag": {"Spring": {"properties": {}, "given_up": "yes"}}}),
            "given_up: given 'yes'",
        ),
        "a misspelled member": (
            with_(objects={"tag": {"Spring": {"properties": {}, "prevent_detroy": True}}}),
            "given 'objects.tag.Spring.prevent_detroy'; expected properties, .*did you mean 'prevent_destroy'",
        ),
        "a member of a newer version": (with_(targets=["dev"]), "given 'targets'; .*upgrade the provider"),
        "a property that is no pointer": (
            with_(objects={"tag": {"Spring": {"properties": {}, "ignore_changes": ["rank/priority"]}}}),
            "ignore_changes: given .*a list of pointers such as /rank/priority",
        ),
        "another campaign": (with_(campaign="other"), "the state of another campaign"),
        "another sandbox": (with_(sandbox="dev"), "the state of another campaign"),
        "another organization": (with_(organization="X@AdobeOrg"), "the state of another campaign"),
    }


@pytest.mark.parametrize(("change", "said"), _documents().values(), ids=_documents())
def test_a_damaged_or_foreign_state_is_refused_and_stays(
    tmp_path: pathlib.Path, change: Callable[[dict[str, Any]], Any], said: str
) -> None:
    store = StateStore(tmp_path)
    store.write(STATE)
    (file,) = tmp_path.rglob("*.json")
    content = json.dumps(change(json.loads(file.read_text())))
    file.write_text(content)

    with pytest.raises(StateError, match=said) as caught:
        store.read(*WHERE)
    assert str(file) in str(caught.value)
    with pytest.raises(StateError):
        store.write(STATE)
    assert file.read_text() == content


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"a": 1, "a": 2}', b"[" * 100_000], ids=range(5))
def test_a_document_that_is_no_json_is_refused(path: Any, content: bytes) -> None:
    store = StateStore(path)
    store.write(STATE)
    (path / ORG / SANDBOX / f"{CAMPAIGN}.json").write_bytes(content)

    with pytest.raises(StateError, match="is damaged: it is not JSON"):
        store.read(*WHERE)
    with pytest.raises(StateError):
        store.write(STATE)


def test_a_place_that_cannot_be_written_is_a_state_error(tmp_path: pathlib.Path) -> None:
    (tmp_path / ORG).write_text("a file, where a folder is expected")
    store = StateStore(tmp_path)

    with pytest.raises(StateError, match="cannot be"):
        store.read(*WHERE)
    with pytest.raises(StateError, match="cannot be"):
        store.write(STATE)


@pytest.mark.parametrize("store", [object_store], indirect=True)
@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (ConnectionResetError("reset by peer"), True),
        (TimeoutError("no answer"), True),
        (OSError(errno.EIO, "Input/output error"), True),
        (RuntimeError("SlowDown: reduce your request rate"), True),
        (PermissionError("AccessDenied"), False),
        (ImportError("No module named 's3fs'"), False),
        (ValueError("bucket names have no blanks"), False),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_place_that_fails_for_a_moment_may_be_tried_again(
    store: StateStore, monkeypatch: pytest.MonkeyPatch, error: Exception, may_pass: bool
) -> None:
    written = store.write(STATE)

    def fail(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr("fsspec.implementations.memory.MemoryFileSystem._open", fail)
        for work in (lambda: store.read(*WHERE), lambda: store.write(written)):
            with pytest.raises(StateError, match=type(error).__name__) as caught:
                work()
            assert caught.value.retryable is may_pass

    (cast(Any, store._path) / ORG / SANDBOX / f"{CAMPAIGN}.json").write_bytes(b"{")
    with pytest.raises(StateError) as damaged:
        store.read(*WHERE)
    assert not damaged.value.retryable


def test_a_disk_without_file_locks_keeps_states_too(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    store = StateStore(tmp_path)
    with store.lock(*WHERE, owner="anna") as held:
        held.write(STATE)
        with pytest.raises(StateLockedError):
            store.lock(*WHERE, owner="dag nightly").__enter__()
    assert store.read(*WHERE).generation == 1


def test_a_write_that_dies_leaves_the_old_state(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = StateStore(tmp_path)
    written = store.write(STATE)

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            store.write(written)

    assert store.read(*WHERE) == written
    assert [each.name for each in (tmp_path / ORG / SANDBOX).iterdir() if each.name != ".guard"] == ["spring-2027.json"]


def test_a_second_apply_is_refused_and_hears_whose_lock_it_is(path: Any) -> None:
    clock = Clock()
    store = StateStore(path, now=clock)
    with store.lock(*WHERE, owner="dag nightly"):
        with pytest.raises(StateLockedError, match="held by dag nightly until 2026-05-01T12:02:00Z") as caught:
            store.lock(*WHERE, owner="anna").__enter__()
        # Another campaign is free.
        with store.lock("other", ORG, SANDBOX, owner="anna"):
            pass
    assert caught.value.owner == "dag nightly"
    assert caught.value.expires_at == datetime(2026, 5, 1, 12, 2, tzinfo=UTC)
    assert caught.value.retryable
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.owner, again.expires_at) == (caught.value.owner, caught.value.expires_at)

    with store.lock(*WHERE, owner="anna"):
        pass


def test_an_expired_lock_is_taken_over_with_a_warning(path: Any, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    store = StateStore(path, now=clock)
    dead = store.lock(*WHERE, owner="dag nightly", seconds=60)
    dead.__enter__()
    clock.advance(65)
    with pytest.raises(StateLockedError):
        # The clocks of two machines may differ.
        store.lock(*WHERE, owner="anna").__enter__()
    clock.advance(5)

    with caplog.at_level(logging.WARNING), store.lock(*WHERE, owner="anna") as held:
        held.write(STATE)
        with pytest.raises(StateLockedError, match="taken over by anna"):
            dead.renew()
        with pytest.raises(StateLockedError, match="taken over by anna"):
            dead.check()
        with pytest.raises(StateLockedError, match="taken over by anna"):
            dead.write(held.read())
        # It does not remove the lock of another.
        dead.__exit__(None, None, None)
        held.renew()

    assert "is taken over from dag nightly, which has died" in caplog.text


def test_a_lock_of_the_same_owner_is_taken_over_before_it_expires(
    path: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "STOPS_WITHIN_SECONDS", 0.0)
    store = StateStore(path)
    earlier = store.lock(*WHERE, owner="dag nightly, task apply")
    earlier.__enter__()

    with store.lock(*WHERE, owner="dag nightly, task apply") as held:
        held.write(STATE)
        with pytest.raises(StateLockedError):
            earlier.write(State(*WHERE))
    earlier.__exit__(None, None, None)

    assert "from an earlier try" in caplog.text
    assert store.read(*WHERE).generation == 1


class Interrupted:
    """Does something once, before the next document whose name ends so is created: as another process does."""

    is_done = False

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ending: str, work: Callable[[], Any]) -> None:
        real = _RemoteFolder.create

        def create(folder: _RemoteFolder, name: str, content: bytes) -> bool | None:
            if name.endswith(ending) and not self.is_done:
                self.is_done = True
                work()
            return real(folder, name, content)

        monkeypatch.setattr(_RemoteFolder, "create", create)


@pytest.fixture(params=[pytest.param(object_store, id="memory://"), S3])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> StateStore:
    """States in an object store."""
    monkeypatch.setattr("airflow_provider_offers.campaigns.state.folders._RemoteFolder.settling_seconds", 0.001)
    return StateStore(request.param(request))


@pytest.mark.parametrize("writes", [1, 2])
def test_of_two_writers_at_once_in_anobject_store_one_is_refused(
    store: StateStore, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    ours = store.write(STATE)

    def overtake() -> None:
        state = ours
        for _ in range(writes):
            state = store.write(replace(state, plan="theirs"))

    interrupted = Interrupted(monkeypatch, ".json.2", overtake)
    with pytest.raises(StateError, match="Somebody else has written"):
        store.write(replace(ours, plan="ours"))

    assert interrupted.is_done
    there = store.read(*WHERE)
    assert (there.plan, there.generation) == ("theirs", 1 + writes)
    assert store.write(there).generation == 2 + writes


def test_a_write_to_anobject_store_that_dies_half_way_is_not_lost(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = store.write(STATE)

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(_RemoteFolder, "write", die)
        with pytest.raises(KeyboardInterrupt):
            store.write(replace(ours, plan="newest"))

    assert (store.read(*WHERE).plan, store.read(*WHERE).generation) == ("newest", 2)
    assert store.write(store.read(*WHERE)).generation == 3
    assert [each.name for each in cast(Any, store._path / ORG / SANDBOX).iterdir()] == [f"{CAMPAIGN}.json"]


def test_of_two_that_take_a_free_lock_at_once_one_is_refused(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    others: list[Any] = []
    Interrupted(monkeypatch, ".lock", lambda: others.append(store.lock(*WHERE, owner="anna").__enter__()))

    with pytest.raises(StateLockedError, match="held by anna"):
        store.lock(*WHERE, owner="dag nightly").__enter__()

    others[0].write(STATE)
    others[0].__exit__(None, None, None)


@pytest.mark.parametrize("store", [object_store], indirect=True)
def test_anobject_store_that_cannot_refuse_a_second_object_keeps_states_too(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = importlib.import_module("fsspec.implementations.memory").MemoryFileSystem
    real = memory._open

    def without_x(self: Any, path: str, mode: str = "rb", **options: Any) -> Any:
        if "x" in mode:
            raise NotImplementedError("File mode not supported")
        return real(self, path, mode, **options)

    monkeypatch.setattr(memory, "_open", without_x)
    with store.lock(*WHERE, owner="anna") as held:
        held.write(STATE)
    assert store.read(*WHERE).generation == 1


def test_a_lock_is_renewed_as_long_as_its_process_lives(path: Any) -> None:
    clock = Clock()
    store = StateStore(path, now=clock)
    with store.lock(*WHERE, owner="dag nightly", seconds=60) as held:
        for _ in range(5):
            clock.advance(40)
            held.renew()
            held.check()
        with pytest.raises(StateLockedError, match="until 2026-05-01T12:04:20Z"):
            store.lock(*WHERE, owner="anna").__enter__()


def test_a_thread_renews_the_lock(tmp_path: pathlib.Path) -> None:
    store = StateStore(tmp_path)
    with store.lock(*WHERE, owner="dag nightly", seconds=0.03) as held:
        first = held._expires_at
        for _ in range(1000):
            if held._expires_at != first:
                break
            held._ended.wait(0.01)
        assert held._expires_at > first


def test_a_process_whose_lock_has_expired_stops(path: Any) -> None:
    clock = Clock()
    store = StateStore(path, now=clock)
    with store.lock(*WHERE, owner="dag nightly", seconds=60) as held:
        held.check()
        clock.advance(60)
        with pytest.raises(StateLockedError, match="expired at 2026-05-01T12:01:00Z"):
            held.check()
        with pytest.raises(StateLockedError, match="expired"):
            held.write(STATE)


def test_a_lock_can_be_removed_by_force(path: Any) -> None:
    store = StateStore(path)
    assert store.force_unlock(*WHERE) is None
    with store.lock(*WHERE, owner="dag nightly") as held:
        assert store.force_unlock(*WHERE) == "dag nightly"
        with pytest.raises(StateLockedError, match="was removed"):
            held.write(STATE)
        with store.lock(*WHERE, owner="anna"):
            pass


@pytest.mark.parametrize("content", [b"{}", b"", b"\xff", b"[]", b"[" * 100_000], ids=range(5))
def test_a_damaged_lock_is_refused_until_it_is_removed_by_force(path: Any, content: bytes) -> None:
    """A disk that is full leaves an empty one. The error names the lock, and not the state, which is right."""
    store = StateStore(path)
    store.write(STATE)
    (path / ORG / SANDBOX / f"{CAMPAIGN}.lock").write_bytes(content)

    with pytest.raises(StateError, match=rf"{CAMPAIGN}\.lock is not a lock .*airflow offers unlock --force") as caught:
        store.lock(*WHERE, owner="anna").__enter__()
    assert "Restore" not in str(caught.value)
    store.force_unlock(*WHERE)
    with store.lock(*WHERE, owner="anna"):
        pass


def _take_and_die(path: pathlib.Path) -> None:
    StateStore(path).lock(*WHERE, owner="the dead", seconds=0.2).__enter__()
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_leaves_its_lock_until_it_expires(tmp_path: pathlib.Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_take_and_die, args=(tmp_path,))
    process.start()
    process.join()
    clock = Clock()
    clock.time = datetime.now(UTC)

    with pytest.raises(StateLockedError, match="held by the dead"):
        StateStore(tmp_path, now=clock).lock(*WHERE, owner="anna").__enter__()
    clock.advance(11)
    with StateStore(tmp_path, now=clock).lock(*WHERE, owner="anna") as held:
        held.write(STATE)


def _count(path: pathlib.Path, times: int) -> None:
    """Take the lock again and again, and add one object to the state each time."""
    store = StateStore(path)
    for number in range(times):
        while True:
            try:
                with store.lock(*WHERE, owner=f"{os.getpid()}") as held:
                    state = held.read()
                    added = {**state.objects, ("tag", f"{os.getpid()} {number}"): Applied({})}
                    held.write(State(*WHERE, state.generation, added))
                break
            except StateLockedError:
                continue


def test_processes_at_once_lose_nothing(tmp_path: pathlib.Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_count, args=(tmp_path, 10)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    state = StateStore(tmp_path).read(*WHERE)
    assert (state.generation, len(state.objects)) == (20, 20)
