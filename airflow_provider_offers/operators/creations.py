"""What the tries of a creating task leave for each other in its state (Airflow 3.3): a note for each object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_offers.operators.state import (
    Chunks,
    State,
    clear_generation,
    digest,
    earlier_try,
    is_anew,
    parsed,
)

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_provider_offers.client.flows.ownership import Creation, Earlier
    from airflow_provider_offers.client.model.entities import Receipt

# So many objects are noted at once, and may then be posted for so long without another write to the state.
_BLOCK = 16
_BLOCK_SECONDS = 30.0
_SAVE_SECONDS = 1.0


class CreationRecord:
    """A note for each object that a try is about to post, and then of what came of it, by the object's name.

    A note tells since and until when its try may have posted the object, what was wanted then (a digest), the id once
    there is a receipt, and whether that object was seen to be the only one of its name. Notes outlive clearing the
    task: what it made is still there. Each try has notes of its own, so that two at once do not hide each other's. On
    Airflow 3.2, which keeps no state, the run itself tells the earliest moment at which an earlier try can have posted.
    """

    def __init__(
        self, context: Context, log: Logger, target: Sequence[Any], creations: Sequence[Creation], timeout: float
    ) -> None:
        self._began = datetime.now(UTC)
        # The longest that an answer may take; what is posted then is given up.
        self._answer = timedelta(seconds=2 * timeout)
        self._state = State(context)
        self._target = list(target)
        self._creations = creations
        self._keys = [self._key_of(creation) for creation in creations]
        self._wishes = [digest([creation.kind.key, creation.properties])[:16] for creation in creations]
        self._try: int = context["ti"].try_number
        self._tries = max(clear_generation(context) + 1, self._try)
        self._own = Chunks(self._state, self._name(self._try), every=_SAVE_SECONDS)
        self._posted: set[int] = set()
        self.done: dict[int, dict[str, Any]] = {}
        self._told = self._others() if self._try > 1 else {}
        self._without_state = None if self._state.durable else _untold(context, self._began)
        if left := [note for key, notes in self._told.items() if key not in self._keys for note in notes]:
            ids = ", ".join(sorted({note["id"] for note in left if note.get("id")})) or "none that is known"
            log.warning(
                "This task was about other names, or another sandbox, before; what it made is left alone: %s", ids
            )

    def earlier(self, index: int) -> Earlier | None:
        """What is known of other tries about the object of that index."""
        from airflow_provider_offers.client.flows.ownership import Earlier

        patience = timedelta(seconds=2 * self._creations[index].patience)
        if self._without_state is not None:
            since, ended, changed = self._without_state
            return Earlier(since, ended + patience, changed=changed)
        notes = self._told.get(self._keys[index])
        if not notes:
            return None
        ends = [self._ended(note) + patience for note in notes if not note.get("alone")]
        since = min(moment for note in notes if (moment := parsed(note["since"])) is not None)
        made = next((note for note in reversed(notes) if note.get("id")), None)
        wanted = [note["wish"] for note in notes] if made is None else [made["wish"]]
        return Earlier(
            since,
            max(ends, default=since),
            None if made is None else made["id"],
            alone=made is None or bool(made.get("alone")),
            changed=any(wish != self._wishes[index] for wish in wanted),
        )

    def _ended(self, note: dict[str, Any]) -> datetime:
        """When the try of the note gave up its POST, at the latest: Airflow begins a retry when the one before it is
        over. Where that was only thought so, what it posts since is a note that this try recalls."""
        since, until = parsed(note["since"]), parsed(note["until"])
        assert since is not None
        assert until is not None
        last = until + self._answer
        return min(last, self._began) if since <= self._began else last

    def recall(self, index: int) -> Earlier | None:
        """`earlier` once more: a try that was frozen when this one began may have gone on meanwhile."""
        if self._state.durable and self._keys[index] not in self._told:
            self._told = self._others()
        return self.earlier(index)

    def waits(self, index: int) -> float:
        """Until when, in seconds since 1970, it may be open what earlier tries have posted; 0 where nothing is."""
        earlier = self.earlier(index)
        return 0.0 if earlier is None or earlier.settled is None else earlier.settled.timestamp()

    def before_post(self, index: int) -> None:
        """Keep, before a POST, that from now on the object may have been posted. Returns when it is safe."""
        self._posted.add(index)
        if not self._state.durable:
            return
        now = datetime.now(UTC)
        note = self._own.values.get(index)
        if note is not None and (until := parsed(note["until"])) is not None and now < until:
            return
        if not self._own.values:
            self._state.set(self._name(self._try), {"count": len(self._keys)})
        for each in self._next(index):
            self._note(each, now)
        self._own.save()

    def after_post(self, index: int, receipt: Receipt | None) -> None:
        """Note what a POST came to: the object of that receipt, or with None that it certainly made nothing."""
        note = self._own.values.get(index)
        if receipt is None:
            self._posted.discard(index)
            self._own.drop(index)
        elif note is not None:
            self._own.add(index, {**note, "id": receipt.id, "alone": False})

    def add(self, index: int, receipt: dict[str, Any]) -> None:
        """Keep the receipt of what is done; an id that a crash swallows is found again by the object's name."""
        self.done[index] = receipt
        earlier = self.earlier(index)
        is_ours = receipt["action"] == "created" or (earlier is not None and earlier.id == receipt["id"])
        if is_ours and self._state.durable:
            if not self._own.values:
                self._state.set(self._name(self._try), {"count": len(self._keys)})
            note = self._own.values.get(index) or self._note(index, datetime.now(UTC))
            self._own.add(index, {**note, "id": receipt["id"], "alone": True})

    def save(self) -> None:
        """Write what is not in the task's state yet; what was noted ahead and never posted is known to be not there."""
        for index in [each for each, note in self._own.values.items() if each not in self._posted and "id" not in note]:
            self._own.drop(index)
        self._own.save()

    def _next(self, index: int) -> Iterator[int]:
        """The index, and the next ones that are likely to be posted soon."""
        yield index
        ahead = (each for each in range(index + 1, len(self._keys)) if each not in self._own.values)
        yield from (each for each, _ in zip(ahead, range(_BLOCK - 1), strict=False))

    def _note(self, index: int, now: datetime) -> dict[str, Any]:
        before = self._own.values.get(index, {})
        note = {
            "key": self._keys[index],
            "wish": self._wishes[index],
            "since": before.get("since", now.isoformat()),
            "until": (now + timedelta(seconds=_BLOCK_SECONDS)).isoformat(),
        }
        self._own.add(index, note)
        return note

    def _others(self) -> dict[str, list[dict[str, Any]]]:
        """The notes of the other tries by the object's key, the latest try last."""
        told: dict[str, list[dict[str, Any]]] = {}
        for number in range(1, self._tries + 1):
            kept = self._state.get(self._name(number)) if number != self._try else None
            if not isinstance(kept, dict):
                continue
            notes = Chunks(self._state, self._name(number), every=0.0)
            notes.load(kept["count"])
            for note in notes.values.values():
                told.setdefault(note["key"], []).append(note)
        return told

    def _key_of(self, creation: Creation) -> str:
        return digest([self._target, creation.kind.key, creation.name])[:16]

    @staticmethod
    def _name(number: int) -> str:
        return f"offers_tried_{number}"


def _untold(context: Context, now: datetime) -> tuple[datetime, datetime, bool] | None:
    """Where nothing is kept: since when earlier tries can have posted, when the last of them ended, and whether the
    task may want something else by now, because it was cleared."""
    since = earlier_try(context)
    if since is None:
        return None
    cleared = is_anew(context)
    task: Any = context["ti"].task
    delays = [getattr(task, name, None) for name in ("retry_delay", "max_retry_delay")]
    # Airflow begins a retry that long after the end of the try before it.
    delay = min((each for each in delays if isinstance(each, timedelta)), default=timedelta(0))
    return since, now if cleared else now - delay, cleared
