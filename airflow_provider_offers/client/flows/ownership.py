"""Who created the offer that has the wanted name: this work, an earlier try of it, or somebody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import take_turn
from airflow_provider_offers.client.flows.creation_notes import CreationRecord, Wish
from airflow_provider_offers.client.flows.memory import Earlier, Intents, digest
from airflow_provider_offers.client.flows.reading import CLOCK_GRAIN, Found
from airflow_provider_offers.client.model.comparing import EMPTY, is_made_from
from airflow_provider_offers.client.model.differences import difference, readable
from airflow_provider_offers.client.model.entities import Entity, Receipt, Reference
from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.lifecycle import ARCHIVED, DRAFT
from airflow_provider_offers.client.model.operations import Patch
from airflow_provider_offers.client.model.validation import Validate
from airflow_provider_offers.client.wire.messages import Flow, Json

# The limits of the seconds in which a POST must be sent; after them, the task asks again whether a later try has begun.
_SHORTEST, _LONGEST = 1.0, 5.0
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)
# Properties that a later task of the same run may change in an offer that an earlier task created.
_EDITED_LATER = ("status", "selectionConstraint", "startDate", "endDate")


@dataclass(frozen=True, slots=True)
class Creation:
    """What to create, and what to do with existing objects of the same name.

    `patience` is how many seconds an offer may take to show up in a listing, and how many seconds after the client gave
    up a POST may still be committed. `marker` is a characteristic (name and value) among the properties by which this
    work recognizes its object. `record` keeps for other tries that the object is about to be posted, and the result. If
    no `earlier` try is known, the record is read once more before an existing object counts as somebody else's: a try
    that seemed dead may have created it meanwhile. `found` is the id of an existing object that an earlier try of a
    list used.

    `validate` says whether an object that customers see at once is checked first, and whether a finding is an error;
    findings in `waive` are ignored. `doubts` are those about the window, from `OfferWindow`. `intents` keep for other
    tries that an existing object is about to be updated.
    """

    kind: Kind
    properties: Mapping[str, Json]
    if_exists: str = "fail"
    patience: float = 10.0
    earlier: Earlier | None = None
    marker: tuple[str, str] | None = None
    record: CreationRecord | None = None
    found: str | None = None
    validate: Validate = True
    intents: Intents | None = None
    waive: tuple[str, ...] = ()
    doubts: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.properties["name"])

    @property
    def doubt(self) -> float:
        """The seconds after which a listing certainly shows a POST without an answer, if it was committed."""
        return 2 * self.patience

    @property
    def found_before(self) -> Reference | None:
        """The existing object that an earlier try used, unless a receipt says that this work created another."""
        if self.found is None or self.if_exists == "fail" or (self.earlier is not None and self.earlier.id is not None):
            return None
        return Reference(self.kind, id=self.found)

    def wish(self, target: Sequence[Json]) -> Wish:
        """The part of the creation that other tries need to know; `target` is the sandbox."""
        key = digest([list(target), self.kind.key, self.name])[:16]
        return Wish(key, digest([self.kind.key, self.properties])[:16], timedelta(seconds=self.doubt))


@dataclass(frozen=True, slots=True)
class Work:
    """A creation in progress. `wanted` are its properties as a read shows them; `posted` are the times of its POSTs."""

    access: Access
    creation: Creation
    wanted: Mapping[str, Json]
    posted: list[datetime] = field(default_factory=list)

    def earlier(self, found: Found) -> Flow[Earlier | None]:
        """The known facts about other tries. If none are known and an object exists, the notes are read once more."""
        earlier, record = self.creation.earlier, self.creation.record
        if earlier is None and record is not None and found.entities:
            return (yield from record.recall())
        return earlier

    def prepare_to_post(self) -> Flow[None]:
        """In a list, keep for other tries that the object will be posted, and wait for its turn."""
        if self.access.ahead.is_on and self.creation.record is not None:
            yield from self.creation.record.announce(self.access.exchange.now())
        yield from take_turn(self.access.ahead)

    def about_to_post(self) -> Flow[None]:
        """Keep for other tries that the object may exist from now on, unless a note still says so."""
        now = self.access.exchange.now()
        self.posted.append(now)
        if self.creation.record is not None:
            yield from self.creation.record.before_post(now)

    def is_over(self) -> Flow[bool]:
        """Whether a later try of the task has begun. This one must not post then: nobody would look for its object."""
        if self.creation.record is None:
            return False
        return (yield from self.creation.record.is_over(self.access.exchange.now()))

    def send_by(self, asked: float) -> float | None:
        """The time by which a POST must be sent if no later try had begun at the time `asked`.

        A try that begins after that looks for the POST for a longer time. None if no try could know of the POST.
        """
        if self.creation.record is None:
            return None
        return asked + min(max(self.creation.patience / 2, _SHORTEST), _LONGEST)

    def has_posted(self, receipt: Receipt | None) -> Flow[None]:
        """Note the result of the POST; None if it certainly made nothing."""
        if self.creation.record is not None:
            yield from self.creation.record.after_post(receipt, self.access.exchange.now())

    def by_earlier_try(self, found: Found, earlier: Earlier | None) -> list[Entity]:
        """The objects that another try of this work created, the oldest first."""
        ours = (each for each in found.entities if self._is_by_earlier_try(each, earlier, found.skew))
        return sorted(ours, key=age)

    def by_this_try(self, entities: Sequence[Entity]) -> list[Entity]:
        """The objects that a POST without an answer made, the oldest first; before it, the name was free."""
        return sorted((each for each in entities if self._is_alike(each)), key=age)

    def by_this_post(self, entities: Sequence[Entity], began: datetime, ended: datetime, found: Found) -> list[Entity]:
        """The matching objects that were created during our POST, the oldest first: a gateway may send a POST twice.

        Without a marker, they cannot be distinguished from objects that another task posted with the same content at
        the same time.
        """
        return [each for each in self.by_this_try(entities) if _is_between(age(each)[0], began, ended, found.skew)]

    def is_still_ours(self, entity: Entity, earlier: Earlier) -> bool:
        """Whether the object of an earlier try's receipt may be taken over unchanged. Edits by others stay."""
        if entity.status == ARCHIVED and self.wanted.get("status") != ARCHIVED:
            return False
        if earlier.changed is not None:
            return not earlier.changed or not self.differs(entity)
        return self.creation.marker is not None or self._is_alike(entity) or self._is_edited_later(entity)

    def differs(self, entity: Entity) -> Patch:
        """The operations that would give the object the wanted content.

        A draft that was published since does not count as a difference.
        """
        kind, rest = self.creation.kind, readable(self.creation.kind, self.wanted, entity.properties)
        if entity.etag != 1 and self.wanted.get("status") == DRAFT and entity.status != ARCHIVED:
            rest.pop("status", None)
        # Members that the service filled in do not count as a difference.
        other = {
            name: value
            for name, value in rest.items()
            if value in EMPTY or not is_made_from(kind, entity.properties, {name: value})
        }
        return difference(entity.properties, other, kind)

    def is_spare(self, entity: Entity, kept: Entity | None) -> bool:
        """Whether the object is certainly a twin and may be deleted: nobody edited it, and the same account made both.

        `kept` is the object that stays, as the listing shows it; None if that is our own, known by its receipt.
        """
        makers = ("createdBy", "createdByClientId")
        return (
            entity.etag == 1
            and self._is_by_us(entity)
            and is_made_from(self.creation.kind, entity.properties, self.wanted)
            and (kept is None or all(entity.envelope.get(maker) == kept.envelope.get(maker) for maker in makers))
        )

    def _is_alike(self, entity: Entity) -> bool:
        if self.creation.marker is not None:
            return self._is_marked(entity)
        return self._is_by_us(entity) and is_made_from(self.creation.kind, entity.properties, self.wanted)

    def _is_by_earlier_try(self, entity: Entity, earlier: Earlier | None, skew: timedelta) -> bool:
        """By the marker; without one by equal content, our credential, and a creation date after the earliest try.

        An offer that a later task of the run published or scheduled is still the same offer, unless it is to be
        updated.
        """
        if self.creation.marker is not None:
            return self._is_marked(entity)
        created = age(entity)[0]
        if earlier is None or created == _END_OF_TIME or not _is_since(created, earlier.since, skew):
            return False
        if earlier.changed and self._is_by_us(entity):
            return True
        return self._is_alike(entity) or (self.creation.if_exists != "update" and self._is_edited_later(entity))

    def _is_edited_later(self, entity: Entity) -> bool:
        rest = {name: value for name, value in self.wanted.items() if name not in _EDITED_LATER}
        return entity.etag > 1 and self._is_by_us(entity) and is_made_from(self.creation.kind, entity.properties, rest)

    def _is_marked(self, entity: Entity) -> bool:
        assert self.creation.marker is not None
        name, value = self.creation.marker
        characteristics = entity.properties.get("characteristics")
        return isinstance(characteristics, Mapping) and characteristics.get(name) == value

    def _is_by_us(self, entity: Entity) -> bool:
        """Whether our credential created the offer, if the generation tells."""
        return entity.envelope.get("createdByClientId") in (None, self.access.exchange.settings.client_id)


def _is_since(created: datetime, since: datetime, skew: timedelta) -> bool:
    """Whether the service, whose clock is ahead by `skew`, created something at or after a time of our clock."""
    return created - since >= skew - CLOCK_GRAIN


def _is_between(created: datetime, began: datetime, ended: datetime, skew: timedelta) -> bool:
    if created == _END_OF_TIME or not _is_since(created, began, skew):
        return False
    return created - ended <= skew + CLOCK_GRAIN


def age(entity: Entity) -> tuple[datetime, str]:
    """A sort key: the creation date, the oldest first; then the id, for objects of the same millisecond."""
    return moment(entity.created), entity.id


def moment(created: str | None) -> datetime:
    """The creation date, or the end of time if it is not known."""
    try:
        return parse_instant(created)
    except ValueError:
        return _END_OF_TIME
