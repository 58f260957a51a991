"""Makes the plan of a campaign: reads the library once, and compares each object of the manifest and of the state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from airflow_provider_offers.campaigns.errors import CampaignError
from airflow_provider_offers.campaigns.objects import Campaign, Key, WantedByKey, WantedObject
from airflow_provider_offers.campaigns.planning.cautions import Cautions
from airflow_provider_offers.campaigns.planning.judging import Judge, Sightings, no_calls
from airflow_provider_offers.campaigns.planning.reaching import Reach, after
from airflow_provider_offers.campaigns.planning.retiring import Retirement
from airflow_provider_offers.campaigns.planning.snapshot import (
    Names,
    Rereading,
    check_state,
    documents_of,
    referred_kinds,
)
from airflow_provider_offers.campaigns.plans import ACTIONS, Action, Plan, PlannedObject, Prune
from airflow_provider_offers.campaigns.state.states import State
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.reading import look_alone
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.instants import format_instant
from airflow_provider_offers.client.model.kinds import COLLECTION, DECISION, KINDS, Kind, kinds_of
from airflow_provider_offers.client.model.lifecycle import APPROVED, ARCHIVED
from airflow_provider_offers.client.model.places import Pointing, pointings
from airflow_provider_offers.client.reading import OnPage, read_kind
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Flow

_WRITTEN = ("create", "update", "rename")


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """How a plan decides.

    `force_conflicts` makes changes of the leaves that somebody else changed. `adopt` makes changes of the leaves that
    were never applied. `prune` retires what is gone from the manifest: "archive" or "delete"; None leaves it alone.
    `max_prune` is the largest number of objects that a plan may retire (default: a tenth of the managed ones, but at
    least one).
    """

    force_conflicts: bool = False
    adopt: bool = False
    prune: Prune | None = None
    max_prune: int | None = None


def plan_campaign(
    access: Access,
    campaign: Campaign,
    state: State,
    options: PlanOptions | None = None,
    on_page: OnPage | None = None,
    shared: Mapping[Key, str] | None = None,
) -> Flow[Plan]:
    """The plan of a campaign. Reads each kind that the campaign needs once, page by page; writes nothing.

    `shared` are objects of the state that other campaigns have, too, each with such a campaign: they are not retired.

    Raises `CampaignError` if the library lacks an external object or a referenced one, or if the connection leads to
    another sandbox than the target; `StateError` for the state of another campaign, organization or sandbox; and
    `TooManyRetiredError` if the plan would retire more objects than allowed.
    """
    options = options or PlanOptions()
    settings = access.exchange.settings
    _check_target(campaign, settings.sandbox)
    check_state(campaign.name, state, settings.org_id, settings.sandbox)
    planner = _Planner(access, campaign, state, options, shared or {})
    for kind in planner.kinds:
        if access.generation.supports(kind):
            yield from read_kind(access, kind, planner.take, on_page)
            yield from planner.look_again()
        planner.finish(kind)
    return planner.plan()


class _Planner:
    """A plan in progress: takes the objects of the library kind by kind, and decides after each kind."""

    def __init__(
        self, access: Access, campaign: Campaign, state: State, options: PlanOptions, shared: Mapping[Key, str]
    ) -> None:
        self._access, self._campaign, self._state, self._options = access, campaign, state, options
        self._names = Names()
        self._wanted = WantedByKey(campaign.objects)
        self._sightings = Sightings(bytearray(len(campaign.objects)))
        self._origins = _origins(campaign, self._wanted)
        self._old = {(key[0], old): key for key, olds in self._origins.items() for old in olds}
        self._judge = Judge(
            self._names,
            self._sightings,
            state.objects,
            self._wanted,
            self._origins,
            adopt=options.adopt,
            force=options.force_conflicts,
        )
        self._rereading = Rereading(access)
        self._reach = Reach(self._names)
        # The offers that are retired, and those of them that live decisions of others show.
        self._leaving = Reach(self._names)
        # The offers that stop being approved, and those of them that decisions show which stay live.
        self._withdrawn = Reach(self._names)
        self._retirement = Retirement(options.prune, options.force_conflicts, self._names, shared)
        self._needed = _needed_kinds(campaign, state)
        self._planned: list[PlannedObject] = []
        self._unchanged = 0
        self._ids: dict[Key, str] = {}
        self._wrong: list[str] = []
        self._cautions = Cautions()

    @property
    def kinds(self) -> Iterator[Kind]:
        """The kinds that have to be read, in order. Later ones may depend on what was found in earlier ones."""
        for kind in KINDS.values():
            is_asked = self._reach.is_asked or self._leaving.is_asked or self._withdrawn.is_asked
            if kind.key in self._needed or (is_asked and kind in (COLLECTION, DECISION)):
                yield kind

    def take(self, entity: Entity) -> None:
        """Look at one object of the library."""
        key = (entity.kind.key, entity.name or "")
        position = None if entity.name is None else self._wanted.position(key)
        key = key if position is None else self._wanted.key(position)
        self._names.saw(entity, None if position is None else key[1])
        self._reach.saw(entity)
        is_named = position is not None or key in self._old
        is_others = not is_named and key not in self._state.objects
        if is_others or (not is_named and entity.kind is COLLECTION):
            self._remains(entity, is_others=is_others)
        if entity.name is None or is_others:
            return
        if entity.status == ARCHIVED:
            self._sightings.archived.setdefault(key, []).append(entity)
        elif (
            position is not None
            and key not in self._origins
            and self._judge.is_as_wanted(self._campaign.objects[position], entity)
        ):
            self._sightings.as_wanted[position] = True
            self._remains(entity)
        else:
            self._sightings.found[key] = entity

    def _remains(self, entity: Entity, *, is_others: bool = False) -> None:
        """Look at a collection or a decision as it is after the plan: what it shows then must not go."""
        if is_others or entity.kind is not DECISION:
            self._leaving.saw(entity)
        self._withdrawn.saw(entity)

    def look_again(self) -> Flow[None]:
        """Read objects with conflicts by their ids, because the listing may be older than the state."""
        for key, listed in [*self._sightings.found.items()]:
            new = self._old.get(key)
            if new is not None and self._judge.was_applied(new):
                yield from self._look_for_name(listed, key, new)
            if not self._judge.has_conflict(key, listed):
                continue
            fresh = yield from self._rereading.now(listed)
            if fresh is not listed:
                self._sightings.found[key] = fresh

    def _look_for_name(self, listed: Entity, key: Key, new: Key) -> Flow[None]:
        """Take an object under its new name if the last apply gave it that, and the listing has the old one."""
        fresh: Entity | None = yield from look_alone(self._access, listed.reference)
        if fresh is not None and fresh.name == new[1] and not self._names.ids(new):
            self._names.rename(listed, new[1])
            self._sightings.found[new] = fresh
            del self._sightings.found[key]

    def finish(self, kind: Kind) -> None:
        """Decide about all objects of a kind, after every object of the kind was taken."""
        is_known = self._access.generation.supports(kind)
        for key in self._wanted.of_kind(kind):
            if is_known and self._judge.is_settled(key):
                self._unchanged += 1
            else:
                self._decide(self._wanted[key], is_known)
        for key in self._state.objects:
            if key[0] != kind.key or key in self._wanted:
                continue
            if key in self._old:
                if is_known and not self._names.ids(key) and self._is_learned(self._old[key]):
                    self._retirement.forgotten.append(key)
            else:
                self._retirement.decide(kind, key, self._state.objects[key], self._sightings.found, is_known)
                if kind.is_offer and self._retirement.is_retired(key):
                    entity = self._sightings.found[key]
                    self._leaving.add(key, entity.id, entity.properties)
                elif kind is DECISION and key in self._sightings.found and not self._retirement.is_retired(key):
                    self._remains(self._sightings.found[key])
        for name in (name for each, name in self._campaign.external if each == kind.key):
            self._check_external(kind, name)
        self._sightings.found.clear()
        self._sightings.archived.clear()

    def _is_learned(self, new: Key) -> bool:
        """Whether the state has an object under its new name, or gets it whatever the library does."""
        learned = (each.key for each in self._planned if each.action == "unchanged")
        return new in self._state.objects or new in learned

    def _decide(self, wanted: WantedObject, is_known: bool) -> None:
        if not is_known:
            self._planned.append(self._judge.refused(wanted, no_calls(wanted.kind)))
            return
        planned = self._judge.decide(wanted)
        old = None if planned is None else planned.old_name
        entity = self._sightings.found.get((wanted.kind.key, old or wanted.name))
        if planned is not None:
            planned = self._with_references(wanted, planned)
        if entity is not None and wanted.kind in (COLLECTION, DECISION):
            self._remains(after(entity, planned, self._names))
        if planned is None:
            self._unchanged += 1
            return
        if planned.action in _WRITTEN:
            self._cautions.look_at(wanted.kind, planned, entity)
            if planned.action == "create":
                self._cautions.is_alike(wanted.key, self._names.alike(wanted.key))
            if wanted.kind.is_offer and _approves(planned):
                self._reach.add(planned.key, planned.id, wanted.properties, {} if entity is None else entity.properties)
            if wanted.kind.is_offer and entity is not None and _withdraws(planned):
                self._withdrawn.add(planned.key, planned.id, after(entity, planned, self._names).properties)
        self._planned.append(planned)

    def _with_references(self, wanted: WantedObject, planned: PlannedObject) -> PlannedObject:
        """The planned object, after the ids of the live objects were kept to which it refers.

        It is a conflict if a name could mean several objects.
        """
        properties = wanted.properties if planned.properties is None else planned.properties
        is_written = planned.action in _WRITTEN
        for each in pointings(wanted.kind.place, properties):
            if each.name is None:
                if is_written:
                    self._check_id(wanted, each)
                continue
            several = self._find_named(wanted, each, each.name, is_written=is_written)
            if several is not None:
                told = f"{each.pointer}: {each.target} could mean several objects: {', '.join(several)}"
                return self._judge.refused(wanted, told)
        return planned

    def _check_id(self, wanted: WantedObject, pointing: Pointing) -> None:
        """Caution against an id that no object of the possible kinds has."""
        kinds = [kind for kind in kinds_of(pointing.type_names) if self._access.generation.supports(kind)]
        if kinds and not self._names.has_id(pointing.target, kinds):
            self._cautions.is_unknown(wanted.key, pointing.target)

    def _find_named(
        self, wanted: WantedObject, pointing: Pointing, name: str, *, is_written: bool
    ) -> Sequence[str] | None:
        """Keep the id of the live object that a name means, if the object is written.

        Returns the ids of the live objects, or the kinds of new ones, if the name could mean several, otherwise None.
        """
        keys = [(kind.key, name) for kind in kinds_of(pointing.type_names)]
        ids = {key: self._names.meant(key) for key in keys}
        means = [key for key in keys if ids[key] or key in self._wanted]
        if not means:
            nouns = " or ".join(KINDS[kind].noun for kind, _ in keys)
            self._wrong.append(
                f"{wanted.origin}: {pointing.pointer} of the {wanted.kind.noun} {quoted(wanted.name, 80)} names "
                f"{quoted(name, 80)}, but neither the manifest nor the library has such a {nouns}"
            )
            return None
        if len(means) > 1 or len(ids[means[0]]) > 1:
            new = {key: [f"the new {KINDS[key[0]].noun}"] for key in means}
            return [told for key in means for told in ids[key] or new[key]]
        if ids[means[0]] and is_written:
            self._ids[means[0]] = ids[means[0]][0]
        return None

    def _check_external(self, kind: Kind, name: str) -> None:
        ids = self._names.ids((kind.key, name))
        if not ids:
            self._wrong.append(f"external: the library has no {kind.noun} {quoted(name, 80)} that is not archived")
        elif len(ids) > 1:
            self._wrong.append(f"external: {len(ids)} {kind.noun}s are called {quoted(name, 80)}: {', '.join(ids)}")

    def _waits(self, planned: PlannedObject) -> bool:
        """Whether a collection or a live decision changes after the offers that are held as drafts."""
        if planned.action not in ("update", "rename") or planned.id is None:
            return False
        is_seen = planned.key[0] == COLLECTION.key or self._cautions.is_live(planned.key)
        stays = all(each.pointer != "/status" for each in planned.changes)
        return is_seen and stays and self._reach.may_wait(planned.id)

    def _same_place(self) -> Iterator[str]:
        """A warning if another target of the manifest leads to this sandbox, too, perhaps over another connection."""
        other, target = self._state.target, self._campaign.target.name
        if other != target and other in self._campaign.targets:
            yield (
                f"The target {quoted(other, 80)} was applied to this sandbox last, so it leads to the same place as "
                f"{quoted(target, 80)}. Each apply of one changes and retires what the other one made. Correct the "
                "connection or the sandbox of one of them"
            )

    def plan(self) -> Plan:
        """The plan, after every kind was read."""
        if self._wrong:
            told = "".join(f"\n  {each}" for each in self._wrong)
            raise CampaignError(f"The campaign {quoted(self._campaign.name, 80)} cannot be planned:{told}")
        retired = self._retirement.checked(len(self._state.objects), self._options.max_prune)
        reached = self._reach.reached
        for each in retired:
            if each.key in self._leaving.reached:
                self._cautions.is_shown(each.key)
        for key in sorted(self._withdrawn.reached):
            self._cautions.is_withdrawn(key)
        planned = [
            replace(each, held_as_draft=each.key in reached, after_offers=self._waits(each)) for each in self._planned
        ]
        counts: Counter[Action] = Counter(each.action for each in (*planned, *retired))
        counts["unchanged"] += self._unchanged
        exchange, target = self._access.exchange, self._campaign.target
        return Plan(
            campaign=self._campaign.name,
            target=target.name,
            organization=exchange.settings.org_id,
            sandbox=exchange.settings.sandbox,
            api=self._access.generation.api,
            digest=self._campaign.digest,
            state_generation=self._state.generation,
            made_at=format_instant(exchange.service_now()),
            objects=(*planned, *retired),
            counts={action: counts[action] for action in ACTIONS},
            protected=target.protected,
            ids=self._ids,
            left_alone=self._retirement.left_alone,
            forgotten=tuple(self._retirement.forgotten),
            warnings=(*self._same_place(), *self._cautions.told(self._judge.hidden)),
            connection=target.connection,
            given_up=tuple(self._retirement.given_up),
        )


def _approves(planned: PlannedObject) -> bool:
    """Whether the plan makes an offer approved."""
    if planned.action == "create":
        return planned.properties is not None and planned.properties.get("status") == APPROVED
    return any(each.pointer == "/status" and each.wanted == APPROVED for each in planned.changes)


def _withdraws(planned: PlannedObject) -> bool:
    """Whether the plan takes an approved offer back, or archives it."""
    return any(each.pointer == "/status" and each.live == APPROVED for each in planned.changes)


def _origins(campaign: Campaign, wanted: Iterable[Key]) -> dict[Key, list[str]]:
    """The old names of each object that moved, the latest first; an object may have moved several times."""
    moves: dict[Key, list[str]] = {}
    for move in campaign.moved:
        moves.setdefault((move.kind.key, move.new), []).append(move.old)
    found: dict[Key, list[str]] = {}
    for key in wanted if moves else ():
        kind, left, olds = key[0], list(moves.get(key, ())), list[str]()
        while left:
            old = left.pop(0)
            if old != key[1] and old not in olds:
                olds.append(old)
                left += moves.get((kind, old), ())
        if olds:
            found[key] = olds
    return found


def _needed_kinds(campaign: Campaign, state: State) -> set[str]:
    """The kinds of the objects that the campaign or its state has, and of those to which these refer."""
    wanted = ((each.kind, each.properties) for each in campaign.objects)
    there = {kind for kind, _ in state.objects} | {kind for kind, _ in campaign.external}
    return referred_kinds(chain(wanted, documents_of(state))) | there


def _check_target(campaign: Campaign, sandbox: str) -> None:
    wanted = campaign.target.sandbox
    if wanted is not None and wanted != sandbox:
        raise CampaignError(
            f"The connection leads to another sandbox than the target {quoted(campaign.target.name, 80)}: given "
            f"{sandbox!r}; expected {wanted!r}"
        )
