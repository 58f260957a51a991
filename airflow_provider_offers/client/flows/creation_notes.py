"""The notes that the tries of a creating task keep for each other: one for each object, before and after its POST."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from airflow_provider_offers.client.flows.memory import CreationNote, Earlier, TaskTries, digest
from airflow_provider_offers.client.flows.pages import Pages
from airflow_provider_offers.client.model.entities import Receipt
from airflow_provider_offers.client.text import listed
from airflow_provider_offers.client.wire.messages import Flow, Json, Keep, Note, Recall

# How many objects one save announces, and how long their POSTs need no other note.
_BLOCK = 16
_BLOCK_TIME = timedelta(seconds=30)
_BUNCH = timedelta(seconds=1)
# In a list, how often at most a try asks whether a later one has begun.
_ASKED = timedelta(seconds=5)
# How many objects of earlier lists a warning names.
_NAMED = 20
# The number of notes in a page, which has about 45 KB.
_PAGE = 180


@dataclass(frozen=True, slots=True)
class Wish:
    """One object of a list that is to be created: the `key` that identifies it, and a digest of its content.

    `doubt` is how long a POST without an answer may take to show up.
    """

    key: str
    digest: str
    doubt: timedelta


class CreationNotes:
    """The notes of one try about each object of its list, and the notes of other tries that it read.

    Notes outlive clearing the task, because the objects that it created still exist. Each try has its own notes, so two
    tries at the same time do not hide each other's. Without a memory, an earlier try may have posted at any time since
    the start of the run. `began` is when this try began, and `answer` the longest time that an answer may take.
    """

    def __init__(self, tries: TaskTries, wishes: Sequence[Wish], *, began: datetime, answer: timedelta) -> None:
        self._tries = tries
        self._wishes = wishes
        self._began = began
        self._answer = answer
        self._own = Pages(_key(tries.number), _BUNCH, _PAGE)
        self._is_announced = False
        # The objects that were seen to be the only ones of their names. Notes of several pages have them in one value,
        # because they change all pages otherwise.
        self._alone: set[int] = set()
        self._is_one_page = len(wishes) <= _PAGE
        self._is_alone_kept = True
        self._head_kept = began
        # Until when each object may be posted without another note. A note counts only once it is stored.
        self._safe: dict[int, datetime] = {}
        self._posted: set[int] = set()
        # The notes of other tries by the object's key, each with the latest time at which its try ended.
        self._told: dict[str, list[tuple[CreationNote, datetime]]] = {}
        # When this try last asked whether a later one has begun.
        self._asked: datetime | None = None
        self._is_over = False
        # The ids of existing objects that a try used, until the task is cleared. The tries share these pages.
        keys = [wish.key for wish in wishes]
        self._finds = Pages(f"offers_found_{digest([tries.clear_generation, keys])[:12]}", _BUNCH, _PAGE)
        self.done: dict[int, dict[str, Any]] = {}

    def load(self) -> Flow[None]:
        """Recall the notes of earlier tries. Warns of notes about objects that are no longer in the list."""
        if not self._tries.is_retry:
            return
        if self._tries.durable:
            # The earlier tries are over. A later try counts from now how long it waits for the objects that they
            # posted. If one of them only froze, it reads this before it posts: this try either recalls its note below,
            # or stops it.
            yield from self._announce()
        yield from self._recall_others()
        if len(self._wishes) > 1:
            yield from self._finds.load(len(self._wishes))
        keys = {wish.key for wish in self._wishes}
        if left := [note for key, notes in self._told.items() if key not in keys for note, _ in notes]:
            ids = sorted({note.id for note in left if note.id})
            told = listed(ids, _NAMED) or "none that is known"
            yield Note(
                f"An earlier try of this task had other names or another sandbox; its objects stay as they are: {told}"
            )

    def of(self, index: int) -> CreationRecord:
        """The part of the notes that the creation of one object gets."""
        return CreationRecord(self, index)

    def earlier(self, index: int) -> Earlier | None:
        """The notes of other tries about the object of that index."""
        wish = self._wishes[index]
        if not self._tries.durable:
            since = self._tries.since
            ended = self._began - self._tries.idle
            return None if since is None else Earlier(since, ended + wish.doubt, changed=self._tries.anew)
        told = self._told.get(wish.key)
        if not told:
            return None
        notes = [note for note, _ in told]
        since = min(note.since for note in notes)
        ends = [ended + wish.doubt for note, ended in told if not note.alone]
        made = next((note for note in reversed(notes) if note.id), None)
        wanted = notes if made is None else [made]
        # A try without a receipt may have posted another object, even after somebody looked.
        alone = made is None or (made.alone and all(note.id for note in notes))
        return Earlier(
            since,
            max(ends, default=since),
            None if made is None else made.id,
            alone=alone,
            changed=any(note.wish != wish.digest for note in wanted),
        )

    def found(self, index: int) -> str | None:
        """The id of the existing object that an earlier try of this list adopted, updated or skipped."""
        found: str | None = self._finds.values.get(index)
        return found

    def recall(self, index: int) -> Flow[Earlier | None]:
        """`earlier`, after another look: a try that stood still when this one began may have continued since."""
        if self._tries.durable and self._wishes[index].key not in self._told:
            yield from self._recall_others()
        return self.earlier(index)

    def waits(self, index: int) -> float:
        """Until when an earlier try's POST may still show up, in seconds since 1970; 0 if there was no POST."""
        earlier = self.earlier(index)
        return 0.0 if earlier is None or earlier.settled is None else earlier.settled.timestamp()

    def before_post(self, index: int, now: datetime) -> Flow[None]:
        """Keep, before a POST, a note that the object may exist from now on."""
        self._posted.add(index)
        yield from self.announce(index, now)

    def announce(self, index: int, now: datetime) -> Flow[None]:
        """Keep such a note in advance. If the try ends in an orderly way before the POST, `save` drops the note."""
        if not self._tries.durable or (index in self._own.values and now < self._safe.get(index, now)):
            return
        yield from self._announce()
        block = list(self._next(index))
        for each in block:
            self._note(each, now)
        yield from self._own.save(now)
        self._safe |= dict.fromkeys(block, now + _BLOCK_TIME)

    def is_over(self, index: int, now: datetime) -> Flow[bool]:
        """Whether a later try of the task has begun, because this one seemed dead. A list does not ask each time."""
        every = min(_ASKED, self._wishes[index].doubt / 4) if len(self._wishes) > 1 else timedelta(0)
        if self._tries.durable and (self._asked is None or now - self._asked >= every):
            for number in self._tries.later:
                kept = yield Recall(_key(number))
                began = kept.get("began") if isinstance(kept, dict) else None
                # Notes from before this try are about an earlier run of the same name.
                self._is_over |= isinstance(began, str) and datetime.fromisoformat(began) > self._began
            self._asked = now
        return self._is_over

    def after_post(self, index: int, receipt: Receipt | None, now: datetime) -> Flow[None]:
        """Note the result of a POST: the receipt, or None if it certainly made nothing."""
        if receipt is None:
            self._posted.discard(index)
            self._safe.pop(index, None)
            self._own.drop(index)
        elif (note := self._noted(index)) is not None:
            yield from self._own.add(index, replace(note, id=receipt.id, alone=False).as_json(), now)

    def add(self, index: int, receipt: dict[str, Any], now: datetime) -> Flow[None]:
        """Keep the receipt of a finished object. If a crash loses the id, the next try finds the object by its name."""
        self.done[index] = receipt
        earlier = self.earlier(index)
        is_ours = receipt["action"] == "created" or (earlier is not None and earlier.id == receipt["id"])
        if is_ours and self._tries.durable:
            yield from self._announce()
            yield from self._add_own(index, receipt["id"], now)
        elif self._tries.durable and len(self._wishes) > 1:
            yield from self._finds.add(index, receipt["id"], now)

    def keep(self, now: datetime) -> Flow[None]:
        """Keep the notes that are not kept yet. A single page waits for what is seen of its objects."""
        if self._tries.durable and not self._is_one_page:
            yield from self._own.save(now)

    def save(self) -> Flow[None]:
        """Keep what is not kept yet, and drop the notes about objects that were announced but never posted."""
        for index in [each for each, kept in self._own.values.items() if each not in self._posted and "id" not in kept]:
            self._own.drop(index)
        if self._tries.durable:
            yield from self._own.save()
            if not self._is_alone_kept:
                yield from self._keep_head()
            yield from self._finds.save()

    def _add_own(self, index: int, identifier: str, now: datetime) -> Flow[None]:
        """Note that the object with this id is the only one of its name."""
        note = self._noted(index) or self._note(index, now)
        if self._is_one_page or note.id != identifier:
            yield from self._own.add(index, replace(note, id=identifier, alone=True).as_json(), now)
            return
        self._alone.add(index)
        self._is_alone_kept = False
        if now - self._head_kept >= _BUNCH:
            self._head_kept = now
            yield from self._keep_head()

    def _ended(self, number: int, note: CreationNote, begun: Mapping[int, datetime]) -> datetime:
        """The latest time at which the try of that number can have posted: when the next try began.

        Airflow starts a retry when it considers the earlier try ended. If the earlier try still runs, it keeps a new
        note before it posts again, and `recall` finds that note.
        """
        later = [began for each, began in begun.items() if each > number and note.since <= began]
        return min([note.until + self._answer, *later])

    def _next(self, index: int) -> Iterator[int]:
        """The index, and the next ones that are likely to be posted soon."""
        yield index
        known = self._own.values.keys() | self._finds.values.keys()
        ahead = (each for each in range(index + 1, len(self._wishes)) if each not in known)
        yield from (each for each, _ in zip(ahead, range(_BLOCK - 1), strict=False))

    def _note(self, index: int, now: datetime) -> CreationNote:
        before, wish = self._noted(index), self._wishes[index]
        note = CreationNote(wish.key, wish.digest, now if before is None else before.since, now + _BLOCK_TIME)
        self._own.put(index, note.as_json())
        return note

    def _noted(self, index: int) -> CreationNote | None:
        kept = self._own.values.get(index)
        return None if kept is None else CreationNote.from_json(kept)

    def _announce(self) -> Flow[None]:
        """Keep the start of this try and the number of its notes, before the first of them."""
        if not self._is_announced:
            yield from self._keep_head()
            self._is_announced = True

    def _keep_head(self) -> Flow[None]:
        self._is_alone_kept, is_kept = True, False
        try:
            yield Keep(_key(self._tries.number), self._head)
            is_kept = True
        finally:
            self._is_alone_kept &= is_kept

    def _head(self) -> Json:
        alone = {"spans": list(_spans(self._alone)), "ids": _digest_of(self._own.values, self._alone)}
        return {"count": len(self._wishes), "began": self._began.isoformat(), "page": _PAGE, "alone": alone}

    def _recall_others(self) -> Flow[None]:
        """Recall the notes of the other tries, by the object's key; the latest try comes last."""
        begun = {self._tries.number: self._began}
        notes: list[tuple[int, CreationNote]] = []
        for number in self._tries.others:
            kept = yield Recall(_key(number))
            if not isinstance(kept, dict):
                continue
            if isinstance(kept.get("began"), str):
                begun[number] = datetime.fromisoformat(kept["began"])
            # Earlier versions of this package kept 100 notes in a page.
            pages = Pages(_key(number), size=kept.get("page", 100))
            yield from pages.load(kept["count"])
            alone = _alone_in(kept, pages.values)
            for index, each in pages.values.items():
                note = CreationNote.from_json(each)
                notes.append((number, replace(note, alone=note.alone or index in alone)))
        told: dict[str, list[tuple[CreationNote, datetime]]] = {}
        for number, note in notes:
            told.setdefault(note.key, []).append((note, self._ended(number, note, begun)))
        self._told = told


@dataclass(frozen=True, slots=True)
class CreationRecord:
    """The part of the notes about one object."""

    notes: CreationNotes
    index: int

    def recall(self) -> Flow[Earlier | None]:
        """The notes of other tries so far."""
        return self.notes.recall(self.index)

    def announce(self, now: datetime) -> Flow[None]:
        """Keep a note, in advance, that the object may exist from now on."""
        return self.notes.announce(self.index, now)

    def before_post(self, now: datetime) -> Flow[None]:
        """Keep a note that the object may exist from now on, unless it was kept in advance."""
        return self.notes.before_post(self.index, now)

    def is_over(self, now: datetime) -> Flow[bool]:
        """Whether a later try of the task has begun, because this one seemed dead."""
        return self.notes.is_over(self.index, now)

    def after_post(self, receipt: Receipt | None, now: datetime) -> Flow[None]:
        """Note the receipt of the POST, or None if it certainly made nothing."""
        return self.notes.after_post(self.index, receipt, now)


def _alone_in(head: Mapping[str, Any], notes: Mapping[int, Json]) -> set[int]:
    """The objects that a try has seen to be alone. None of them if it kept other ids in its notes, or not all ids."""
    told = head.get("alone")
    if told is None:
        return set()
    alone = {index for first, last in told["spans"] for index in range(first, last + 1)}
    return alone if _digest_of(notes, alone) == told["ids"] else set()


def _digest_of(notes: Mapping[int, Json], indexes: Iterable[int]) -> str:
    """A digest of the ids in these notes."""
    return digest([notes.get(index, {}).get("id") for index in sorted(indexes)])


def _spans(indexes: Iterable[int]) -> Iterator[list[int]]:
    """The first and the last index of each row of indexes without a gap."""
    for _, row in groupby(enumerate(sorted(indexes)), lambda each: each[1] - each[0]):
        members = [index for _, index in row]
        yield [members[0], members[-1]]


def _key(number: int) -> str:
    """The key under which the try of that number keeps its notes."""
    return f"offers_tried_{number}"
