"""Who made the offer that has the wanted name: this work, an earlier try of it, or somebody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.creation_notes import CreationRecord, Wish
from airflow_provider_offers.client.flows.memory import Earlier, Intent, digest
from airflow_provider_offers.client.flows.reading import CLOCK_GRAIN, Found
from airflow_provider_offers.client.model.comparing import EMPTY, is_made_from
from airflow_provider_offers.client.model.differences import difference, readable
from airflow_provider_offers.client.model.entities import Entity, Receipt
from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.operations import Patch
from airflow_provider_offers.client.model.validation import Validate
from airflow_provider_offers.client.wire.messages import Flow, Json

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)
# What a later task of the same run changes about an offer that an earlier one made.
_EDITED_LATER = ("status", "selectionConstraint", "startDate", "endDate")


@dataclass(frozen=True, slots=True)
class Creation:
    """What to create, and what to do with existing objects of the name.

    `patience` is how many seconds an offer may take to show up in a listing, and how many a POST may be committed after
    the client gave up waiting for its answer. `marker` is a characteristic (name and value) among the properties by
    which this very work is recognized. `record` keeps for other tries that the object is about to be posted, and what
    came of it. Where nothing is known of an `earlier` try, the record is asked once more before an object that is
    there counts as somebody else's: a try that was thought dead may have made it meanwhile. `validate` says whether
    what customers are to see from the start is looked at first, and whether a finding refuses it; those in `waive` are
    silent. `doubts` are those about the window, as `OfferWindow` has them. `intent` keeps for other tries that what is
    there is about to be updated.
    """

    kind: Kind
    properties: Mapping[str, Json]
    if_exists: str = "fail"
    patience: float = 10.0
    earlier: Earlier | None = None
    marker: tuple[str, str] | None = None
    record: CreationRecord | None = None
    validate: Validate = True
    intent: Intent | None = None
    waive: tuple[str, ...] = ()
    doubts: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.properties["name"])

    @property
    def doubt(self) -> float:
        """The seconds after which a POST without an answer shows in a listing, if it was committed: bounds add up."""
        return 2 * self.patience

    def wish(self, target: Sequence[Json]) -> Wish:
        """What other tries have to know of it; `target` is the sandbox."""
        key = digest([list(target), self.kind.key, self.name])[:16]
        return Wish(key, digest([self.kind.key, self.properties])[:16], timedelta(seconds=self.doubt))


@dataclass(frozen=True, slots=True)
class Work:
    """A creation under way; `wanted` are its properties as a read shows them, and `posted` the moments of its POSTs."""

    access: Access
    creation: Creation
    wanted: Mapping[str, Json]
    posted: list[datetime] = field(default_factory=list)

    def earlier(self, found: Found) -> Flow[Earlier | None]:
        """What is known of other tries, once more where nothing was and something is there."""
        earlier, record = self.creation.earlier, self.creation.record
        if earlier is None and record is not None and found.entities:
            return (yield from record.recall())
        return earlier

    def about_to_post(self) -> Flow[None]:
        """Keep for other tries that from now on it may have been posted."""
        now = self.access.exchange.now()
        self.posted.append(now)
        if self.creation.record is not None:
            yield from self.creation.record.before_post(now)

    def has_posted(self, receipt: Receipt | None) -> Flow[None]:
        """Note what the POST came to; None where it certainly made nothing."""
        if self.creation.record is not None:
            yield from self.creation.record.after_post(receipt, self.access.exchange.now())

    def by_earlier_try(self, found: Found, earlier: Earlier | None) -> list[Entity]:
        """Those that another try of this very work made, the oldest first."""
        ours = (each for each in found.entities if self._is_by_earlier_try(each, earlier, found.skew))
        return sorted(ours, key=age)

    def by_this_try(self, entities: Sequence[Entity]) -> list[Entity]:
        """Those that a POST without an answer made, the oldest first: before it there was none of the name."""
        return sorted((each for each in entities if self._is_alike(each)), key=age)

    def by_this_post(self, entities: Sequence[Entity], began: datetime, ended: datetime, found: Found) -> list[Entity]:
        """Those that say the same and were made while our POST was under way, the oldest first: a gateway may repeat
        a request. Without a marker nothing tells them from what somebody else made who posted the same meanwhile."""
        return [each for each in self.by_this_try(entities) if _is_between(age(each)[0], began, ended, found.skew)]

    def is_still_ours(self, entity: Entity, earlier: Earlier) -> bool:
        """Whether what an earlier try made by its receipt is left as it is: what others edited since is theirs."""
        if entity.status == "archived" and self.wanted.get("status") != "archived":
            return False
        if earlier.changed is not None:
            return not earlier.changed or not self.differs(entity)
        return self.creation.marker is not None or self._is_alike(entity) or self._is_edited_later(entity)

    def differs(self, entity: Entity) -> Patch:
        """What is not as it is wanted; a draft may have been published since."""
        kind, rest = self.creation.kind, readable(self.creation.kind, self.wanted, entity.properties)
        if entity.etag != 1 and self.wanted.get("status") == "draft" and entity.status != "archived":
            rest.pop("status", None)
        # Members that the service filled in are no difference.
        other = {
            name: value
            for name, value in rest.items()
            if value in EMPTY or not is_made_from(kind, entity.properties, {name: value})
        }
        return difference(entity.properties, other, kind)

    def is_spare(self, entity: Entity, kept: Entity | None) -> bool:
        """Whether it is certain enough to be deleted that this is a twin: nobody touched it, and one account made both.

        `kept` is the one that stays, as the listing shows it; None where that is our own, known by its receipt.
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
        """By its marker; or same content, our credential, and not older than the earliest try.

        What a later task of the run published or scheduled since is still the same offer, unless it is to be updated.
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
        """Whether our credential made the offer, as far as the generation tells."""
        return entity.envelope.get("createdByClientId") in (None, self.access.exchange.settings.client_id)


def _is_since(created: datetime, since: datetime, skew: timedelta) -> bool:
    """Whether the service, whose clock is ahead by `skew`, made something at or after a moment of ours."""
    return created - since >= skew - CLOCK_GRAIN


def _is_between(created: datetime, began: datetime, ended: datetime, skew: timedelta) -> bool:
    if created == _END_OF_TIME or not _is_since(created, began, skew):
        return False
    return created - ended <= skew + CLOCK_GRAIN


def age(entity: Entity) -> tuple[datetime, str]:
    """Sorts by creation, the oldest first; ids tell apart what was made in one millisecond."""
    return moment(entity.created), entity.id


def moment(created: str | None) -> datetime:
    """When something was created, or the end of time where that is not told."""
    try:
        return parse_instant(created)
    except ValueError:
        return _END_OF_TIME
