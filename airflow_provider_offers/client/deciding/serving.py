"""Whether the decision runtime serves an offer as it was published: pure verdicts over what the runtime shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_offers.client.errors import GoneError, HopelessError, InvalidInputError, Violation
from airflow_provider_offers.client.model.decided import Decided, Package
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.instants import format_instant, parse_instant
from airflow_provider_offers.client.model.windows import window_of
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.waiting.verdicts import missing_offer

_MOST_TOLD = 5


@dataclass(frozen=True, slots=True)
class Sight:
    """What the runtime shows: the offers of one answer, or its last update. `reason` says why there is neither."""

    decided: Decided | None = None
    package: Package | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """The verdict: what the sensor returns once the offer is served, and until then why it is not."""

    value: dict[str, Any] | None
    reason: str = ""


def check_etag(given: Any) -> int | None:
    """The etag to wait for, as a number or as text; None for the one that the offer has."""
    if given in (None, ""):
        return None
    text = str(given).strip('"')
    if isinstance(given, bool) or not (text.isascii() and text.isdecimal() and 0 < len(text) < 19):
        accepted = "an etag, a whole number, such as that of the receipt of the task that published"
        raise InvalidInputError("The sensor's arguments are not valid", [Violation("etag", quoted(given), accepted)])
    return int(text)


def served_verdict(
    identifier: str, entity: Entity | None, etag: int | None, sight: Sight | None, now: datetime
) -> Served:
    """Whether the runtime serves the offer with at least `etag`; None stands for the etag that the library has now.

    Raises `HopelessError` where the offer is gone or archived, or its window is over: it will not be served any more.
    """
    if entity is None:
        raise GoneError(missing_offer(identifier))
    if entity.status == "archived":
        raise HopelessError(f"{entity.name!r} ({identifier}) is archived and will not be served any more")
    window = window_of(entity.properties)
    if window is not None and window.is_over(now):
        raise HopelessError(f"The window of {entity.name!r} ({identifier}) closed at {entity.window['end']}")
    wanted = entity.etag if etag is None else etag
    if sight is None or sight.reason is not None:
        return Served(None, f"The runtime does not answer for it yet: {sight.reason if sight else 'not asked'}")
    if sight.package is not None:
        return _by_package(entity, wanted, sight.package)
    return _by_decision(entity, wanted, sight.decided)


def _by_decision(entity: Entity, wanted: int, decided: Decided | None) -> Served:
    best: int | None = None
    for proposition in decided.propositions if decided else ():
        fallback = () if proposition.fallback is None else (proposition.fallback,)
        for shown in (*proposition.options, *fallback):
            if shown.id != entity.id or shown.etag is None:
                continue
            if shown.etag >= wanted:
                value = {
                    "id": entity.id,
                    "etag": shown.etag,
                    "decision": proposition.decision.id,
                    "placement": proposition.placement.id,
                    "updated": decided.created if decided else None,
                }
                return Served(value)
            best = max(best or 0, shown.etag)
    if best is not None:
        return Served(None, f"The runtime serves etag {best} of {entity.id}, and etag {wanted} is waited for")
    other = f", which is {entity.status}," if entity.status != "approved" else ""
    return Served(None, f"The runtime does not propose {entity.id}{other} to this profile")


def _by_package(entity: Entity, wanted: int, package: Package) -> Served:
    if package.errors:
        told = "; ".join(package.errors[:_MOST_TOLD])
        return Served(None, f"The runtime is not updated while there are errors in the library: {told}")
    if package.date is None:
        return Served(None, "The runtime has not been updated yet")
    if entity.status != "approved" or entity.etag < wanted:
        return Served(None, f"{entity.id} is {entity.status} with etag {entity.etag} in the library")
    # The diagnostics count milliseconds, and the library may be finer.
    if package.date < _whole_milliseconds(parse_instant(entity.modified)):
        last = format_instant(package.date)
        return Served(None, f"The runtime was last updated at {last}, before the change of {entity.modified}")
    value = {
        "id": entity.id,
        "etag": entity.etag,
        "decision": None,
        "placement": None,
        "updated": format_instant(package.date),
    }
    return Served(value)


def _whole_milliseconds(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
