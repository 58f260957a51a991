"""What waiting for offers is about: pure verdicts over what offers are now, the same for every way to wait."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from airflow_provider_offers.client.errors import GoneError, HopelessError, InvalidInputError, Violation
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.model.shapes import NAME_PREFIX
from airflow_provider_offers.client.model.windows import window_of
from airflow_provider_offers.client.text import quoted

Until = Literal["open", "closed"]
UNTIL = ("open", "closed")
# An archived offer stays archived until it is deleted.
_FINAL = ("archived",)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the wait is over. `until` is the instant at which that changes by itself, if there is one."""

    met: bool
    until: datetime | None = None


def check_statuses(given: Any) -> tuple[str, ...]:
    """The status words to wait for, from one or several; `InvalidInputError` for others than the service's."""
    words = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, (list, tuple, set)) else ()
    if not words or any(word not in PERSONALIZED.statuses for word in words):
        accepted = f"{', '.join(map(repr, PERSONALIZED.statuses))}, one or several"
        raise InvalidInputError("The sensor's arguments are not valid", [Violation("status", quoted(given), accepted)])
    return words


def check_until(given: Any) -> Until:
    """`open` or `closed`."""
    if given == "open":
        return "open"
    if given == "closed":
        return "closed"
    raise InvalidInputError(
        "The sensor's arguments are not valid", [Violation("until", quoted(given), " or ".join(map(repr, UNTIL)))]
    )


def status_verdict(states: Mapping[str, Entity | None], expected: int, statuses: Collection[str]) -> Verdict:
    """Whether all of the `expected` offers have one of the statuses.

    Raises `HopelessError` where one is gone, or archived while something else is waited for.
    """
    met = len(states) == expected
    for identifier, entity in states.items():
        _not_gone(identifier, entity)
        if entity is not None and entity.status not in statuses:
            if entity.status in _FINAL:
                raise HopelessError(
                    f"{entity.name!r} ({identifier}) is {entity.status} and will not become "
                    f"{' or '.join(sorted(statuses))} any more"
                )
            met = False
    return Verdict(met)


def window_verdict(states: Mapping[str, Entity | None], expected: int, until: Until, now: datetime) -> Verdict:
    """Whether the windows of all of the `expected` offers are open (or closed), and when to look again.

    An archived offer is never shown again: as good as closed, whenever its window ends. Raises `HopelessError` where
    an offer is gone, has no window, or is to open and is archived or its window is over.
    """
    met = len(states) == expected
    instants = []
    for identifier, entity in states.items():
        _not_gone(identifier, entity)
        if entity is None:
            continue
        if entity.status in _FINAL:
            if until == "open":
                raise HopelessError(f"{entity.name!r} ({identifier}) is {entity.status} and will not be shown any more")
            continue
        window = window_of(entity.properties)
        if entity.kind.window is None:
            given = f"{entity.name!r} ({identifier}), a {entity.kind.noun}, which has no window"
            accepted = "a personalized offer"
            raise InvalidInputError("The sensor's arguments are not valid", [Violation("offer_id", given, accepted)])
        if window is None:
            raise HopelessError(f"{entity.name!r} ({identifier}) has no window to wait for")
        if until == "open" and window.is_over(now):
            raise HopelessError(f"The window of {entity.name!r} ({identifier}) closed at {entity.window['end']}")
        instant = window.start if until == "open" else window.end
        if now < instant:
            met = False
            instants.append(instant)
    # The last of them decides, but each may be moved: the earliest is worth a look.
    return Verdict(met, min(instants, default=None))


def _not_gone(identifier: str, entity: Entity | None) -> None:
    if entity is None:
        raise GoneError(missing_offer(identifier))


def missing_offer(identifier: str) -> str:
    """The words for an offer that is not there; a name does not tell of which type it is."""
    told = f"There is no offer {identifier}, or not any more"
    if not identifier.startswith(NAME_PREFIX):
        return told
    return f"{told}, of the type that offer_type says (default 'personalized'); a fallback needs offer_type='fallback'"
