"""Reads for a whole list at once: the objects with its names, its objects in blocks, and the effects of its writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import Alone, Gone
from airflow_provider_offers.client.flows.ends import BothEnds
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.flows.reading import BATCH, CLOCK_GRAIN
from airflow_provider_offers.client.flows.referring import referring_kinds
from airflow_provider_offers.client.model.entities import Entity, Reference
from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.places import pointings
from airflow_provider_offers.client.wire.messages import Flow
from airflow_provider_offers.client.wire.retry import Looks
from airflow_provider_offers.client.wire.service_clock import MARGIN

_PAGE = 100
# Fewer objects than this are looked up one by one.
FEWEST = 4
# The seconds for which a listing may lack an existing object.
PATIENCE = 10.0


class NameSurvey:
    """Lists every object of a kind once, and keeps those with the given names in `access.ahead`.

    Run `begin`, then the flows of `rest`, at the same time or one after the other, and then `end`. With few names, or
    if the listing takes more pages than there are names, single lookups are cheaper, and it does not go on. Names are
    compared here, and not by a filter, because it is not documented whether a service compares long names exactly in a
    filter of many. If the listing fails, each name is looked up separately, and its lookup reports the error.
    """

    def __init__(self, access: Access, kind: Kind, names: Sequence[str]) -> None:
        self._access = access
        self._kind = kind
        self._ends: BothEnds | None = None
        if len(names) >= FEWEST:
            access.ahead.want(kind, names)
            self._ends = BothEnds(access, kind, len(names))

    def begin(self) -> Flow[None]:
        """Read the first page."""
        if self._ends is not None:
            yield from _unless_it_fails(self._ends.begin())

    def rest(self) -> list[Flow[None]]:
        """The flows that read the other pages."""
        return [] if self._ends is None else [_unless_it_fails(each) for each in self._ends.rest()]

    @property
    def is_over(self) -> bool:
        """Whether no flow needs to go on."""
        return self._ends is None or self._ends.is_over

    def end(self, *, to_create: bool = False) -> Flow[None]:
        """With `to_create`, names that are not in the listing count as free from now on, until somebody posts them."""
        if self._ends is None or not self._ends.is_whole:
            return
        self._access.ahead.set_whole(self._kind)
        if to_create:
            try:
                yield from self._ends.catch_up()
            except OfferLibraryError:
                return
            self._access.ahead.set_free(self._kind)


def find_names(access: Access, kind: Kind, names: Sequence[str]) -> Flow[None]:
    """Find the objects with these names, if one listing is cheaper than a lookup of each."""
    survey = NameSurvey(access, kind, names)
    yield from survey.begin()
    for flow in survey.rest():
        yield from flow
    yield from survey.end()


def _unless_it_fails(flow: Flow[None]) -> Flow[None]:
    try:
        yield from flow
    except OfferLibraryError:
        return


def read_block(access: Access, block: int) -> Flow[None]:
    """Read the objects of a block in one lookup by ids. Objects that it does not show are read separately."""
    references = access.ahead.blocks[block]
    entities = yield from _look_up(access, references[0].kind, [each.id for each in references if each.id is not None])
    access.ahead.keep_block(block, entities or ())


def find_present(access: Access, kind: Kind, ids: Sequence[str]) -> Flow[None]:
    """Look for referenced objects, unless they were seen a moment ago."""
    unseen = access.ahead.not_present(kind, ids)
    for start in range(0, len(unseen), BATCH):
        found = yield from _look_up(access, kind, unseen[start : start + BATCH])
        access.ahead.saw_present(kind, [entity.id for entity in found or ()])


def _look_up(access: Access, kind: Kind, ids: Sequence[str]) -> Flow[list[Entity] | None]:
    """The entities that a lookup of these ids shows; None if it fails."""
    found: list[Entity] = []
    try:
        listing = Listing(access, kind, access.generation.lookup(kind, ids=sorted(ids)))
        while (page := (yield from listing.advance())) is not None:
            found += page
    except OfferLibraryError:
        # For example, dps may find a pattern of ids too long.
        return None
    return found


class References:
    """The objects of a list to which other objects refer, by listings of the kinds that may refer to them.

    The first look lists each of these kinds once; a later one lists only objects that were modified since.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._looked: dict[str, tuple[float, datetime]] = {}
        self._referred: set[str] = set()

    def may_lead_to(self, reference: Reference) -> Flow[bool]:
        """Whether an object may refer to this one; True if a listing fails."""
        clock = self._access.exchange.clock
        for kind in referring_kinds(reference.kind):
            if not self._access.generation.supports(kind):
                continue
            looked_at, _ = self._looked.get(kind.key, (-PATIENCE, None))
            if clock() - looked_at < PATIENCE:
                continue
            try:
                yield from self._look_at(kind)
            except (OfferLibraryError, ValueError, OverflowError):
                return True
        return reference.id in self._referred

    def _look_at(self, kind: Kind) -> Flow[None]:
        exchange, generation = self._access.exchange, self._access.generation
        now, began = exchange.clock(), exchange.service_now()
        looked = self._looked.get(kind.key)
        if looked is None:
            listing = Listing(self._access, kind, generation.every(kind, _PAGE))
            while (page := (yield from listing.advance())) is not None:
                self._keep(page)
        else:
            since = looked[1] - timedelta(seconds=PATIENCE) - CLOCK_GRAIN
            listing = Listing(self._access, kind, generation.recent(kind, _PAGE))
            while (page := (yield from listing.advance())) is not None:
                self._keep(page)
                if any(parse_instant(entity.modified) < since for entity in page):
                    break
        self._looked[kind.key] = now, began

    def _keep(self, entities: Sequence[Entity]) -> None:
        for entity in entities:
            for each in pointings(entity.kind.place, entity.properties):
                if self._access.ahead.block_of(Reference(entity.kind, id=each.target)) is not None:
                    self._referred.add(each.target)


class Confirmation:
    """Answers the questions `Alone` and `Gone` for many writes at once. Make it when the list starts."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._since: dict[tuple[str, str], datetime] = {}
        self._began = access.exchange.clock()
        # The service's time when `clock` was 0.
        self._zero: datetime | None = None
        self._is_clock_set = False
        # By kind, until the questions are answered: whether the listing of new objects can be trusted, and whether one
        # by the time of the last change showed all of them.
        self._created: dict[str, bool] = {}
        self._edited: dict[str, bool] = {}
        self.learn_time()

    def learn_time(self) -> None:
        """Learn the service's time as soon as an answer shows it, and notice later if its clock is set.

        Objects that others created before that may seem older than the list. Then no object is certainly alone.
        """
        exchange = self._access.exchange
        if exchange.service_clock.is_told:
            zero = exchange.service_now() - timedelta(seconds=exchange.clock())
            self._zero = zero if self._zero is None else self._zero
            self._is_clock_set |= abs(zero - self._zero) > MARGIN

    def looks(self, questions: Sequence[Alone | Gone]) -> list[Flow[None]]:
        """The listings that `answers` needs for these questions. They may run at the same time."""
        looks: list[Flow[None]] = []
        for created in _by_kind(questions):
            looks += (self._look_for_created(created), self._look_for_edited(created))
        return looks

    def answers(self, questions: Sequence[Alone | Gone]) -> Flow[list[bool]]:
        """True for each write that certainly has its final effect."""
        certain: set[str | None] = set()
        for created in _by_kind(questions):
            certain |= yield from self._alone(created)
        certain |= yield from self._gone([each.reference for each in questions if isinstance(each, Gone)])
        return [(each.id if isinstance(each, Alone) else each.reference.id) in certain for each in questions]

    def _alone(self, questions: Sequence[Alone]) -> Flow[set[str]]:
        """The ids of the objects that a listing shows as the only ones of their names.

        Lists the newest objects, back to the start of the previous listing. Repeats this while some objects are
        missing, until the patience ends. Then lists the objects that were edited, because one of them may have been
        given such a name; an earlier such listing counts if it showed all created objects.
        """
        access, kind = self._access, questions[0].kind
        if kind.key not in self._created:
            yield from self._look_for_created(questions)
        is_read = self._edited.pop(kind.key, False)
        if not self._created.pop(kind.key):
            return set()
        if not is_read:
            is_read = (yield from self._latest(kind, _patience(questions), "modified")) is not None
        if not is_read or self._is_clock_set:
            return set()
        return {each.id for each in questions if access.ahead.ids_of(each.kind, each.name) == {each.id}}

    def _look_for_created(self, questions: Sequence[Alone]) -> Flow[None]:
        kind, patience = questions[0].kind, _patience(questions)
        looks = Looks(self._access.exchange.clock, patience)
        missing = {question.id for question in questions}
        while True:
            seen = yield from self._latest(kind, patience, "created")
            missing -= seen or set()
            if seen is None or not missing or looks.are_over:
                break
            yield looks.pause(f"looking for {len(missing)} created {kind.noun}s in the listing")
        self._created[kind.key] = seen is not None

    def _look_for_edited(self, questions: Sequence[Alone]) -> Flow[None]:
        """One look. It counts only if it shows all new objects: then the listing shows what was edited before, too."""
        kind = questions[0].kind
        key = (kind.key, "modified")
        before = self._since.get(key)
        seen = yield from self._latest(kind, _patience(questions), "modified")
        counts = seen is not None and seen.issuperset(each.id for each in questions)
        self._edited[kind.key] = counts
        if not counts:
            # The next look goes back as far as this one.
            self._since.pop(key, None)
            if before is not None:
                self._since[key] = before

    def _latest(self, kind: Kind, patience: float, changed: str) -> Flow[set[str] | None]:
        """The ids of the objects `created` or `modified` since the last look, and before that while a listing may lag.

        None if the listing fails, or is not in the order of these times.
        """
        access, generation = self._access, self._access.generation
        self.learn_time()
        now = access.exchange.service_now()
        began = now - timedelta(seconds=access.exchange.clock() - self._began)
        since = self._since.get((kind.key, changed), began) - timedelta(seconds=patience) - CLOCK_GRAIN
        seen: set[str] = set()
        last: datetime | None = None
        first = generation.newest(kind, _PAGE) if changed == "created" else generation.recent(kind, _PAGE)
        listing = Listing(access, kind, first, brief=True)
        try:
            while (page := (yield from listing.advance())) is not None:
                for entity in page:
                    at = parse_instant(entity.created if changed == "created" else entity.modified)
                    if last is not None and at > last:
                        return None
                    last = at
                    access.ahead.saw(entity)
                    seen.add(entity.id)
                if last is not None and last < since:
                    break
        except (OfferLibraryError, ValueError, OverflowError):
            return None
        self.learn_time()
        self._since[kind.key, changed] = now
        return seen

    def _gone(self, references: Sequence[Reference]) -> Flow[set[str]]:
        """The ids of the objects that a lookup no longer shows, although they are old enough to be listed."""
        by_kind: dict[str, tuple[Kind, list[str]]] = {}
        for reference in references:
            if reference.id is not None and self._is_listed_by_now(reference):
                by_kind.setdefault(reference.kind.key, (reference.kind, []))[1].append(reference.id)
        gone: set[str] = set()
        for kind, ids in by_kind.values():
            for start in range(0, len(ids), BATCH):
                batch = ids[start : start + BATCH]
                shown = yield from _look_up(self._access, kind, batch)
                if shown is not None:
                    gone |= set(batch).difference(entity.id for entity in shown)
        return gone

    def _is_listed_by_now(self, reference: Reference) -> bool:
        """Whether the object is so old that every listing shows it. If a listing lacks it, it is gone."""
        try:
            created = parse_instant(self._access.ahead.created(reference))
        except (ValueError, OverflowError):
            return False
        return self._access.exchange.service_clock.has_passed(created + timedelta(seconds=PATIENCE) + CLOCK_GRAIN)


def _by_kind(questions: Sequence[Alone | Gone]) -> list[list[Alone]]:
    by_kind: dict[str, list[Alone]] = {}
    for question in questions:
        if isinstance(question, Alone):
            by_kind.setdefault(question.kind.key, []).append(question)
    return list(by_kind.values())


def _patience(questions: Sequence[Alone]) -> float:
    return max(question.patience for question in questions)


def names_by_kind(named: Iterable[tuple[Kind, str]]) -> list[tuple[Kind, list[str]]]:
    """The different names of each kind."""
    found: dict[str, tuple[Kind, dict[str, None]]] = {}
    for kind, name in named:
        found.setdefault(kind.key, (kind, {}))[1][name] = None
    return [(kind, list(names)) for kind, names in found.values()]
