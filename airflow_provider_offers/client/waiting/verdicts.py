"""The verdicts of a wait about its offers: whether it is over, what has changed, and the text for both.

Everything here is pure and the same in every mode of a sensor.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from airflow_provider_offers.client.errors import GoneError, HopelessError, InvalidInputError, Violation
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.identifiers import NAME_PREFIX, id_hint
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.model.lifecycle import is_final
from airflow_provider_offers.client.model.likeness import one_of, some_of
from airflow_provider_offers.client.model.windows import window_of
from airflow_provider_offers.client.text import legible, quoted

Until = Literal["open", "closed"]
UNTIL: tuple[Until, ...] = get_args(Until)
_SUBJECT = "The sensor's arguments are not valid"
# How many offers one line names.
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the wait is over. `until` is the instant at which the verdict changes without an edit, if any."""

    met: bool
    until: datetime | None = None


def check_statuses(given: Any) -> tuple[str, ...]:
    """The status words to wait for, from one or several; `InvalidInputError` for an unknown word."""
    words = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, (list, tuple, set)) else ()
    if not words or any(word not in PERSONALIZED.statuses for word in words):
        accepted = some_of(PERSONALIZED.statuses, words)
        raise InvalidInputError(_SUBJECT, [Violation("status", quoted(given), accepted)])
    return words


def check_until(given: Any) -> Until:
    """The word to wait for; `InvalidInputError` for an unknown word."""
    known = next((word for word in UNTIL if word == given), None)
    if known is None:
        raise InvalidInputError(_SUBJECT, [Violation("until", quoted(given), one_of(UNTIL, given))])
    return known


def status_verdict(states: Mapping[str, Entity | None], expected: int, statuses: Collection[str]) -> Verdict:
    """Whether all of the `expected` offers have one of the statuses.

    Raises `HopelessError` if an offer is deleted, or archived while the wait is for another status.
    """
    met = len(states) == expected
    for identifier, found in states.items():
        entity = _there(identifier, found)
        if entity.status not in statuses:
            if is_final(entity.status, entity.kind.steps):
                raise HopelessError(
                    f"{called(entity, identifier)} is {entity.status} and will not become "
                    f"{' or '.join(sorted(statuses))}"
                )
            met = False
    return Verdict(met)


def window_verdict(states: Mapping[str, Entity | None], expected: int, until: Until, now: datetime) -> Verdict:
    """Whether the windows of all of the `expected` offers are open (or closed), and when to look again.

    An archived offer counts as closed, because it is never shown again. Raises `HopelessError` if an offer is deleted
    or has no window, or if the wait is for an opening and the offer is archived or its window is over.
    """
    met = len(states) == expected
    instants = []
    for identifier, found in states.items():
        entity = _there(identifier, found)
        if is_final(entity.status, entity.kind.steps):
            if until == "open":
                raise HopelessError(f"{called(entity, identifier)} is {entity.status} and will not be shown again")
            continue
        window = window_of(entity.properties)
        if entity.kind.window is None:
            given = f"{called(entity, identifier)}, a {entity.kind.noun}, which has no window"
            raise InvalidInputError(_SUBJECT, [Violation("offer_id", given, "a personalized offer")])
        if window is None:
            raise HopelessError(f"{called(entity, identifier)} has no window to wait for")
        if until == "open" and window.is_over(now):
            raise HopelessError(f"The window of {called(entity, identifier)} closed at {entity.window['end']}")
        instant = window.start if until == "open" else window.end
        if now < instant:
            met = False
            instants.append(instant)
    # The last instant decides, but each window may be moved, so look again at the earliest.
    return Verdict(met, min(instants, default=None))


def _there(identifier: str, entity: Entity | None) -> Entity:
    if entity is None:
        raise GoneError(missing_offer(identifier))
    return entity


def missing_offer(identifier: str) -> str:
    """The text for an offer that does not exist; a name does not show the type of offer."""
    if not identifier.startswith(NAME_PREFIX):
        hint = id_hint(identifier)
        return f"There is no offer {identifier}: it was deleted, or the id is wrong{f'. {hint}' if hint else ''}"
    return (
        f"There is no offer {identifier} of the type in offer_type (default 'personalized'): it was deleted, or the "
        "name is wrong. A fallback needs offer_type='fallback'"
    )


def called(entity: Entity, identifier: str | None = None) -> str:
    """An object's name and id, as messages show them."""
    return f"{legible(repr(entity.name))} ({identifier or entity.id})"


@dataclass(frozen=True, slots=True)
class Seen:
    """The part of an offer that a wait remembers, for its log."""

    name: str
    status: str
    window: str

    @classmethod
    def of(cls, entity: Entity) -> Seen:
        """The part of an offer to remember."""
        window = entity.window
        shown = legible(f"[{window['start']}, {window['end']})") if window["start"] or window["end"] else ""
        return cls(legible(repr(entity.name)), legible(str(entity.status)), shown)


class History:
    """What a wait last saw of each offer, by reference id. `kept` is an earlier result of `as_json`."""

    def __init__(self, kept: Any = None) -> None:
        known = kept if isinstance(kept, dict) else {}
        self._seen: dict[str, Seen | None] = {
            identifier: None if seen is None else Seen(*map(str, seen)) for identifier, seen in known.items()
        }

    def as_json(self) -> dict[str, Any]:
        """The remembered offers, for another process that continues the wait."""
        return {
            identifier: None if seen is None else [seen.name, seen.status, seen.window]
            for identifier, seen in self._seen.items()
        }

    def news(self, states: Mapping[str, Entity | None]) -> list[str]:
        """A sentence for each change since the last look; none for an offer that is seen for the first time."""
        told = []
        for identifier, entity in states.items():
            now = None if entity is None else Seen.of(entity)
            if identifier in self._seen and self._seen[identifier] != now:
                told += _changes(identifier, self._seen[identifier], now)
            self._seen[identifier] = now
        return told

    def last(self) -> str:
        """The state of each offer at the last look."""
        told = [_described(identifier, seen) for identifier, seen in self._seen.items()]
        more = len(told) - _MOST_NAMED
        return "; ".join(told[:_MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _described(identifier: str, seen: Seen | None) -> str:
    if seen is None:
        return f"{identifier} is deleted"
    shown = f", with the window {seen.window}" if seen.window else ""
    return f"{seen.name} ({identifier}) is {seen.status}{shown}"


def _changes(identifier: str, before: Seen | None, now: Seen | None) -> list[str]:
    if now is None:
        return [] if before is None else [f"{before.name} ({identifier}) was deleted"]
    if before is None:
        return [f"{_described(identifier, now)}, and exists again"]
    told = []
    if before.name != now.name:
        told.append(f"{before.name} ({identifier}) was renamed to {now.name}")
    if before.status != now.status:
        told.append(f"{now.name} ({identifier}) went from {before.status} to {now.status}")
    if before.window != now.window:
        told.append(
            f"The window of {now.name} ({identifier}) moved from {before.window or 'none'} to {now.window or 'none'}"
        )
    return told
