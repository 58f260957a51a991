"""Where the states of campaigns are kept: one document for each organization, sandbox and campaign, and its lock."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import msgspec

from airflow_provider_offers.campaigns.errors import StateError, StateLockedError
from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.campaigns.state.folders import Folder, StoragePath, file_name, folder_at
from airflow_provider_offers.campaigns.state.states import FORMAT, REMEDY, Applied, State, is_state
from airflow_provider_offers.campaigns.state.streaming import streamed
from airflow_provider_offers.client.model.instants import format_instant, parse_instant
from airflow_provider_offers.client.text import json_of
from airflow_provider_offers.client.wire.messages import Json
from airflow_provider_offers.client.wire.service_clock import utc_now

log = logging.getLogger(__name__)

LOCK_FORMAT = "offers.lock/v1"
LOCK_SECONDS = 120.0
# By how much the clocks of two machines may differ. An expired lock is taken over after that.
_CLOCKS = timedelta(seconds=10)
# How often an apply looks whether it still holds the lock, and how old such a look may be when it writes.
_LOOK_SECONDS = 1.5
_OLDEST_LOOK_SECONDS = 3.0
# How many seconds after a lock was removed or taken over its last owner writes no more.
STOPS_WITHIN_SECONDS = 4.0
# The beginning of a state as far as its campaign: there is nothing but text before that.
_HEAD = re.compile(rb'\s*\{[^{}\[\]]*?"campaign"\s*:\s*("(?:[^"\\]|\\.)*")')
# The ends of messages about the states of other campaigns.
_LISTED = (
    ". A plan with prune lists this folder to find the states of other campaigns, whose objects it leaves alone: allow "
    "the listing, or plan without prune"
)
_OF_ANOTHER = (
    ". It may be the state of another campaign, and nobody knows then which objects that one has, so there is no plan "
    "with prune: restore the document, or move it to another folder"
)


class StateStore:
    """The states of campaigns below one path: a `pathlib.Path`, or an Airflow `ObjectStoragePath`.

    A state is in `{organization}/{sandbox}/{campaign}.json`, and its lock beside it. On a disk every write replaces the
    document as a whole. Every method raises `StateError` if the place cannot be read or written. `now` is the clock of
    this machine.
    """

    def __init__(self, path: StoragePath, *, now: Callable[[], datetime] = utc_now) -> None:
        self._path = path
        self._now = now

    def read(self, campaign: str, organization: str, sandbox: str) -> State:
        """The state of a campaign; an empty one of generation 0 if there is none.

        Raises `StateError` if the document is damaged, from a newer version, or of another campaign.
        """
        return _Place(self._path, campaign, organization, sandbox).read()

    def write(self, state: State) -> State:
        """Write a state that was read, and return it with its new generation.

        Raises `StateError` if somebody else has written it since; nothing is written then.
        """
        return _Place(self._path, state.campaign, state.organization, state.sandbox).write(state)

    def shared(self, state: State, keys: Iterable[Key]) -> dict[Key, str]:
        """Those of these objects that other campaigns of the sandbox have applied, too, each with such a campaign.

        An object that the other campaign has given up does not count.

        Raises `StateError` if the state of another campaign is damaged: nobody knows then whose the objects are.
        """
        left, found = set(keys), dict[Key, str]()
        if left:
            for other in _Place(self._path, state.campaign, state.organization, state.sandbox).others():
                found |= {key: other.campaign for key in left if _is_kept(other.objects.get(key))}
                left -= found.keys()
        return found

    def lock(
        self, campaign: str, organization: str, sandbox: str, *, owner: str, seconds: float = LOCK_SECONDS
    ) -> Lock:
        """A context in which no other apply of the campaign runs; it renews its lock until it ends.

        `owner` names the process in messages. A lock that was not renewed for `seconds` is taken over with a warning,
        because its process has died. A lock of the same owner is taken over, so that a retry of a task need not wait
        until it expires; some seconds pass until an earlier try that still lives has stopped. Raises
        `StateLockedError`, which names the owner and when the lock expires.
        """
        place = _Place(self._path, campaign, organization, sandbox)
        return Lock(place, owner, timedelta(seconds=seconds), self._now)

    def holder(self, campaign: str, organization: str, sandbox: str) -> Holder | None:
        """Who holds the lock of a campaign; None if there is no lock. Raises `StateError` if it is not readable."""
        return _Place(self._path, campaign, organization, sandbox).holder()

    def is_alive(self, holder: Holder) -> bool:
        """Whether the process that holds a lock may still run: the lock has not expired."""
        return self._now() < holder.expires_at + _CLOCKS

    def owner_of_lock(self, campaign: str, organization: str, sandbox: str) -> str | None:
        """The name of the process that holds the lock of a campaign; None if no apply of it runs."""
        held = self.holder(campaign, organization, sandbox)
        return held.owner if held is not None and self.is_alive(held) else None

    def force_unlock(self, campaign: str, organization: str, sandbox: str, *, token: str | None = None) -> str | None:
        """Remove the lock of a campaign, and return the name of its owner; None if there was no lock.

        With a `token`, only the lock that has it is removed. An apply that still runs stops before its next write,
        `STOPS_WITHIN_SECONDS` later at the latest.
        """
        place = _Place(self._path, campaign, organization, sandbox)
        with place.folder.alone():
            try:
                held = place.holder()
            except StateError:
                held = Holder("(not readable)", "", utc_now())
            if token is not None and (held is None or held.token != token):
                return None
            place.folder.remove(place.lock_name)
        return None if held is None else held.owner


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock. `token` differs for each taking of it. `since` is None for a lock of an earlier version."""

    owner: str
    token: str
    expires_at: datetime
    since: datetime | None = None


class _Head(msgspec.Struct):
    """The beginning of a state. Reading it alone takes a hundredth of the time."""

    format: str
    campaign: str
    organization: str
    sandbox: str
    generation: int


class _Named(msgspec.Struct):
    """What a document of any version says about its campaign."""

    campaign: str


class _Place:
    """The documents of one campaign."""

    def __init__(self, path: StoragePath, campaign: str, organization: str, sandbox: str) -> None:
        self.campaign, self.organization, self.sandbox = campaign, organization, sandbox
        self.folder: Folder = folder_at(path, organization, sandbox)
        self.where = f"{path}/{file_name(organization)}/{file_name(sandbox)}"
        self.state_name = f"{file_name(campaign)}.json"
        self.lock_name = f"{file_name(campaign)}.lock"

    def read(self) -> State:
        content = self._newest()
        if content is None:
            return State(self.campaign, self.organization, self.sandbox)
        return self._state(content)

    def _state(self, content: bytes) -> State:
        """The state in a document. Raises `StateError`, which says where and what is wrong."""
        state = self._parsed_state(self.state_name, content)
        assert state is not None
        self._expect_ours(state)
        return state

    def _parsed_state(self, name: str, content: bytes, *, is_sure: bool = True) -> State | None:
        """The state in a document. None for another kind of document, unless it `is_sure` a state."""
        try:
            if state := streamed(content):
                return state
            document = _parsed(content)
            return State.from_json(document) if is_sure or is_state(document) else None
        except StateError as error:
            raise StateError(f"{self.where}/{name}: {error}") from None

    def others(self) -> Iterator[State]:
        """The states of the other campaigns of the sandbox. Copies under other names are nobody's states.

        What is no state, such as a plan, is passed over, and so is a damaged document that names another campaign than
        its own name does. Raises `StateError` for another damaged document: it may be a state.
        """
        try:
            names = self.folder.names()
        except StateError as error:
            raise StateError(f"{error}{_LISTED}", retryable=error.retryable) from error
        for name in names:
            if name == self.state_name or not _may_be_state(name):
                continue
            content = self._other(name)
            if content is None or _campaign_in(content, name.removesuffix(".json")) != name.removesuffix(".json"):
                continue
            try:
                state = self._parsed_state(name, content, is_sure=False)
            except StateError as error:
                raise StateError(f"{str(error).removesuffix(REMEDY)}{_OF_ANOTHER}") from None
            if state is not None and state.campaign != self.campaign:
                yield state

    def _other(self, name: str) -> bytes | None:
        """The content of another document; None if it is gone, or a folder."""
        try:
            return self.folder.read(name)
        except StateError as error:
            if isinstance(error.__cause__, IsADirectoryError):
                return None
            raise

    def _expect_ours(self, state: State) -> None:
        ours = (self.campaign, self.organization, self.sandbox)
        theirs = (state.campaign, state.organization, state.sandbox)
        if theirs != ours:
            raise StateError(
                f"{self.where}/{self.state_name} is the state of another campaign: given campaign, organization and "
                f"sandbox {theirs!r}; expected {ours!r}; choose another path for the states"
            )

    def write(self, state: State, token: str | None = None, check: Callable[[], None] | None = None) -> State:
        """Write the state; with a `token`, only while the lock has it. `check` raises if the lock has expired."""
        written = replace(state, generation=state.generation + 1)
        content = json.dumps(written.as_json(), ensure_ascii=False, separators=(",", ":")).encode()
        with self.folder.alone():
            if token is not None:
                self.expect_held(token)
            self._expect(state.generation, self._newest())
            is_claimed = self._claim(written.generation, content)
            if is_claimed and check is not None:
                check()
            self.folder.write(self.state_name, content)
            # The one before may be left of a process that died.
            for generation in (state.generation, written.generation) if is_claimed else ():
                self.folder.remove(self._claimed(generation))
        return written

    def _claim(self, generation: int, content: bytes) -> bool:
        """Create the document of a generation beside the state: of several processes, one succeeds.

        It has the whole state, so that nothing is lost if this process dies before it writes the state itself. Returns
        False if the place has no such documents. Raises `StateError` in every other process.
        """
        is_made = self.folder.create(self._claimed(generation), content)
        if is_made is None:
            return False
        if not is_made:
            raise self._overtaken(generation, generation - 1)
        # The process that had this generation may have ended since the look before, and removed its document.
        if (there := self._generation(self.folder.read(self.state_name))) >= generation:
            self.folder.remove(self._claimed(generation))
            raise self._overtaken(there, generation - 1)
        return True

    def _claimed(self, generation: int) -> str:
        return f"{self.state_name}.{generation}"

    def _newest(self) -> bytes | None:
        """The newest content of the state: a process may have died before it wrote that to the state itself."""
        content = self.folder.read(self.state_name)
        if not self.folder.settling_seconds:
            return content
        later = self.folder.read(self._claimed(self._generation(content) + 1))
        return content if later is None else later

    def _expect(self, generation: int, content: bytes | None) -> None:
        """Raise `StateError` if the content is of another generation."""
        there = self._generation(content)
        if there != generation:
            raise self._overtaken(there, generation)

    def _overtaken(self, there: int, expected: int) -> StateError:
        if there < expected:
            return StateError(f"{self.where}/{self.state_name}: {lost_state(there, expected, ' to it')}")
        return StateError(
            f"Somebody else has written {self.where}/{self.state_name} meanwhile: its generation is {there}; "
            f"expected {expected}; nothing was written to it. Make the plan again"
        )

    def _generation(self, content: bytes | None) -> int:
        if content is None:
            return 0
        try:
            head = msgspec.json.decode(content, type=_Head)
        except ValueError:
            head = None
        if head is None or head != _Head(FORMAT, self.campaign, self.organization, self.sandbox, head.generation):
            # That says what is wrong.
            return self._state(content).generation
        return head.generation

    def holder(self) -> Holder | None:
        content = self.folder.read(self.lock_name)
        if content is None:
            return None
        try:
            told = json_of(content.decode())
            if told["format"] != LOCK_FORMAT:
                raise ValueError
            since = None if told.get("since") is None else parse_instant(told["since"])
            return Holder(str(told["owner"]), str(told["token"]), parse_instant(told["expires_at"]), since)
        except (KeyError, TypeError, ValueError, RecursionError):
            raise StateError(
                f"{self.where}/{self.lock_name} is not a lock of this version of the provider; if no apply of the "
                f"campaign {self.campaign!r} runs, remove it with: airflow offers unlock --force"
            ) from None

    def expect_held(self, token: str) -> Holder:
        """The holder, which has this token. Raises `StateLockedError` if the lock is gone or another's."""
        held = self.holder()
        if held is not None and held.token == token:
            return held
        by = "was removed" if held is None else f"was taken over by {held.owner}"
        raise StateLockedError(
            f"The lock of the campaign {self.campaign!r} in the sandbox {self.sandbox!r} {by}; this apply stops before "
            "its next write. Apply again to go on",
            owner="" if held is None else held.owner,
            expires_at=None if held is None else held.expires_at,
        )

    def hold(self, holder: Holder, *, is_new: bool) -> bool:
        """Write the lock; False if it `is_new` and exists, where the place can tell."""
        told = {
            "format": LOCK_FORMAT,
            "owner": holder.owner,
            "token": holder.token,
            "expires_at": format_instant(holder.expires_at),
            "since": None if holder.since is None else format_instant(holder.since),
        }
        content = json.dumps(told).encode()
        if is_new and (is_made := self.folder.create(self.lock_name, content)) is not None:
            return is_made
        self.folder.write(self.lock_name, content)
        return True


class Lock:
    """The lock of one campaign, as a context. A thread renews it three times in its `seconds`.

    Between that, the thread looks whether this process still holds it: a retry of the task, or a person, may have taken
    it away while this process was taken for dead.
    """

    def __init__(self, place: _Place, owner: str, seconds: timedelta, now: Callable[[], datetime]) -> None:
        self._place, self._owner, self._seconds, self._now = place, owner, seconds, now
        self._token = uuid.uuid4().hex
        self._since = self._expires_at = now()
        self._looked_at = time.monotonic()
        self._lost: StateLockedError | None = None
        self._ended = threading.Event()
        self._renewing = threading.Thread(target=self._keep_renewing, name="offers-campaign-lock", daemon=True)

    def __enter__(self) -> Self:
        with self._place.folder.alone():
            held = self._place.holder()
            self._expect_free(held)
            if not self._hold(is_new=held is None):
                held = self._place.holder()
                self._expect_free(held)
                self._hold()
        if self._place.folder.settling_seconds:
            # Another process may have taken the lock at the same moment. The last one has it.
            time.sleep(self._place.folder.settling_seconds)
            self._place.expect_held(self._token)
        self._renewing.start()
        if held is not None and held.owner == self._owner:
            # That try may only seem dead. What it writes must be there before this one reads.
            left = (held.expires_at - self._now()).total_seconds()
            time.sleep(max(0.0, min(left, STOPS_WITHIN_SECONDS)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._renewing.join(timeout=10)
        try:
            with self._place.folder.alone():
                held = self._place.holder()
                if held is not None and held.token == self._token:
                    self._place.folder.remove(self._place.lock_name)
        except StateError as failure:
            log.warning("The lock is not removed, and expires at %s: %s", format_instant(self._expires_at), failure)

    def read(self) -> State:
        """The state of the campaign."""
        return self._place.read()

    def write(self, state: State) -> State:
        """Write the state as `StateStore.write` does, while this process holds the lock."""
        self.check()
        return self._place.write(state, self._token, self.check)

    def check(self) -> None:
        """Raise `StateLockedError` if the lock is lost. Call it before every write to the library.

        It asks the store only if the last look is old, because this process was stopped for some seconds.
        """
        if self._lost is None and time.monotonic() - self._looked_at > _OLDEST_LOOK_SECONDS:
            with suppress(StateLockedError, StateError):
                self.look()
        if self._lost is not None:
            raise self._lost
        if self._now() >= self._expires_at:
            raise StateLockedError(
                f"The lock of the campaign {self._place.campaign!r} in the sandbox {self._place.sandbox!r} expired at "
                f"{format_instant(self._expires_at)} before it was renewed; this apply stops before its next write. "
                "Apply again to go on"
            )

    def look(self) -> None:
        """Look whether this process still holds the lock. Raises `StateLockedError` if not."""
        self._while_held(lambda: None)

    def renew(self) -> None:
        """Hold the lock for its whole time from now on. Raises `StateLockedError` if somebody else has it."""
        with self._place.folder.alone():
            self._while_held(self._hold)

    def _while_held(self, then: Callable[[], object]) -> None:
        # A place that fails is not asked again before every write: until the lock expires, it may be ours.
        self._looked_at = time.monotonic()
        try:
            self._place.expect_held(self._token)
            then()
        except StateLockedError as lost:
            self._lost = lost
            raise

    def _hold(self, *, is_new: bool = False) -> bool:
        """Write the lock; False if it `is_new` and another process has taken it at this moment."""
        expires_at = self._now() + self._seconds
        if not self._place.hold(Holder(self._owner, self._token, expires_at, self._since), is_new=is_new):
            return False
        self._expires_at = expires_at
        return True

    def _keep_renewing(self) -> None:
        third = self._seconds.total_seconds() / 3
        renewed_at = time.monotonic()
        while not self._ended.wait(min(third, _LOOK_SECONDS)):
            is_due = time.monotonic() - renewed_at >= third
            try:
                if is_due:
                    renewed_at = time.monotonic()
                    self.renew()
                else:
                    self.look()
            except StateLockedError:
                return
            except StateError as error:
                if is_due:
                    log.warning("The lock of the campaign is not renewed: %s", error)

    def _expect_free(self, held: Holder | None) -> None:
        """Raise `StateLockedError` if another process holds the lock; warn if a dead one does."""
        if held is None:
            return
        called = f"The lock of the campaign {self._place.campaign!r} in the sandbox {self._place.sandbox!r}"
        until = format_instant(held.expires_at)
        if held.owner == self._owner:
            log.warning("%s is taken over from an earlier try of %s", called, held.owner)
        elif self._now() >= held.expires_at + _CLOCKS:
            log.warning("%s expired at %s, and is taken over from %s, which has died", called, until, held.owner)
        else:
            since = "" if held.since is None else f", and was taken at {format_instant(held.since)}"
            raise StateLockedError(
                f"{called} is held by {held.owner} until {until}{since}. Wait for that apply to end. If its process "
                "has died, the next apply takes the lock over after that time; `airflow offers unlock --force` "
                "removes it at once",
                owner=held.owner,
                expires_at=held.expires_at,
            )


def lost_state(there: int, expected: int, where: str = "") -> str:
    """What a process says that finds an older state than the one that it knows, or none."""
    what = "is an older one" if there else "is gone"
    return (
        f"The state {what}: its generation is {there}; expected {expected}; nothing was written{where}. Restore the "
        "document if you can, and make the plan again: what the state does not know becomes a conflict to decide"
    )


def _may_be_state(name: str) -> bool:
    """Whether a document has a name that a state could have."""
    stem = name.removesuffix(".json")
    return stem != name and stem == file_name(stem)


def _campaign_in(content: bytes, unknown: str) -> str:
    """The file name of the campaign that a document names, even one that was cut off; `unknown` if it names none."""
    try:
        return file_name(msgspec.json.decode(content, type=_Named).campaign)
    except (ValueError, RecursionError):
        head = _HEAD.match(content)
    try:
        return unknown if head is None else file_name(json_of(head[1].decode()))
    except ValueError:
        return unknown


def _is_kept(base: Applied | None) -> bool:
    return base is not None and not base.given_up


def _parsed(content: bytes) -> Json:
    try:
        return json_of(content.decode())
    except (ValueError, RecursionError) as error:
        raise StateError(f"The document is damaged: it is not JSON: {error}{REMEDY}") from None
