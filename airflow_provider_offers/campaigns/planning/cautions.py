"""What a reviewer of a plan should know, although nothing is wrong: each is a warning of the plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.campaigns.plans import PlannedObject
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.kinds import DECISION, KINDS, Kind
from airflow_provider_offers.client.model.lifecycle import LIVE
from airflow_provider_offers.client.text import listed, quoted

_SHOWN = 5
_CAPS = ("cappingConstraint", "frequencyCappingConstraints")
_DATES = ("/selectionConstraint", "/selectionConstraint/startDate", "/selectionConstraint/endDate")


@dataclass(slots=True)
class Cautions:
    """The objects about which a plan warns, by warning."""

    _resets: list[Key] = field(default_factory=list)
    _gone: list[Key] = field(default_factory=list)
    _live: list[Key] = field(default_factory=list)
    _shown: list[Key] = field(default_factory=list)
    _withdrawn: list[Key] = field(default_factory=list)
    _alike: list[tuple[Key, str]] = field(default_factory=list)
    _ids: dict[str, Key] = field(default_factory=dict)

    def look_at(self, kind: Kind, planned: PlannedObject, entity: Entity | None) -> None:
        """Look at one object that an apply would write; `entity` is what the library has of it."""
        if planned.action == "create" and planned.reason:
            self._gone.append(planned.key)
        if entity is None:
            return
        if any(entity.properties.get(name) for name in _CAPS) and _moves_window(planned):
            self._resets.append(planned.key)
        if kind is DECISION and entity.status == LIVE:
            self._live.append(planned.key)

    def is_live(self, key: Key) -> bool:
        """Whether an object that an apply would write is a live decision."""
        return key in self._live

    def is_shown(self, key: Key) -> None:
        """Take an offer that is retired, and that a live decision of somebody else shows."""
        self._shown.append(key)

    def is_withdrawn(self, key: Key) -> None:
        """Take an offer that is no longer approved, and that a live decision shows."""
        self._withdrawn.append(key)

    def is_alike(self, key: Key, other: str | None) -> None:
        """Take a new object whose name looks like the `other` name, which the library has."""
        if other is not None:
            self._alike.append((key, other))

    def is_unknown(self, key: Key, identifier: str) -> None:
        """Take an object that refers to an id that the library does not show."""
        self._ids.setdefault(identifier, key)

    def told(self, hidden: Sequence[tuple[Key, Sequence[str]]]) -> Iterator[str]:
        """The warnings, one sentence each; `hidden` are the leaves that reads do not show."""
        if self._gone:
            named = _named(self._gone)
            yield f"These objects were applied before and are gone from the library; they are created again: {named}"
        if self._resets:
            yield (
                "A change of the window can reset the counters of caps, so customers may see these offers more often: "
                f"{_named(self._resets)}"
            )
        if self._live:
            yield (
                "These decisions are live, so customers see the changes at once. A journey that uses one has to be "
                f"published again: {_named(self._live)}"
            )
        if self._shown:
            yield (
                "These offers are retired, but live decisions that the campaign does not manage show them: "
                f"{_named(self._shown)}"
            )
        if self._withdrawn:
            yield (
                "These offers are no longer approved, but decisions that stay live show them, so customers stop seeing "
                f"them: {_named(self._withdrawn)}"
            )
        if self._alike:
            others = ", ".join(quoted(other, 80) for _, other in self._alike[:_SHOWN])
            yield (
                "These new names differ only in case, blanks or the form of their letters from names in the library "
                f"({others}), so there will be two objects of each: {_named([key for key, _ in self._alike])}"
            )
        if self._ids:
            ids = ", ".join(list(self._ids)[:_SHOWN])
            yield (
                f"The library does not show an object with these ids, or it is archived: {ids}. They may be those of "
                f"another sandbox. They are in {_named(list(dict.fromkeys(self._ids.values())))}"
            )
        if hidden:
            pointers = ", ".join(dict.fromkeys(pointer for _, found in hidden for pointer in found))
            yield (
                f"The service does not show {pointers} of these objects, and they were never applied. The plan takes "
                f"them to be as in the manifest: {_named([key for key, _ in hidden])}"
            )


def _moves_window(planned: PlannedObject) -> bool:
    return any(each.pointer in _DATES for each in planned.changes)


def _named(keys: Sequence[Key]) -> str:
    return listed([f"the {KINDS[kind].noun} {quoted(name, 80)}" for kind, name in keys], _SHOWN)
