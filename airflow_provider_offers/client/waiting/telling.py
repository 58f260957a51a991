"""The words in which a wait tells what it waits for, what it sees change, and what was there at its end."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.text import legible

# How many offers one line names.
_MOST_NAMED = 20


class Chronicle:
    """What was last seen of each offer of a wait, by its reference id."""

    def __init__(self) -> None:
        self._seen: dict[str, Entity | None] = {}

    def news(self, states: Mapping[str, Entity | None]) -> list[str]:
        """A sentence for each change since the last time; none for an offer that is seen for the first time."""
        told = []
        for identifier, entity in states.items():
            before = self._seen.get(identifier)
            if identifier in self._seen and before is not entity:
                told += _changes(identifier, before, entity)
            self._seen[identifier] = entity
        return told

    def last(self) -> str:
        """What each offer was when it was last seen."""
        told = [described(identifier, entity) for identifier, entity in self._seen.items()]
        more = len(told) - _MOST_NAMED
        return "; ".join(told[:_MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def described(identifier: str, entity: Entity | None) -> str:
    """What an offer is: its name, id, status and window."""
    if entity is None:
        return f"{identifier} is gone"
    window = _window(entity)
    shown = f", with the window {window}" if window else ""
    return f"{_called(identifier, entity)} is {legible(str(entity.status))}{shown}"


def _changes(identifier: str, before: Entity | None, now: Entity | None) -> list[str]:
    if now is None:
        return [] if before is None else [f"{_called(identifier, before)} was deleted"]
    if before is None:
        return [f"{described(identifier, now)}, and is there again"]
    told = []
    if before.name != now.name:
        told.append(f"{_called(identifier, before)} was renamed to {legible(repr(now.name))}")
    if before.status != now.status:
        told.append(f"{_called(identifier, now)} went from {before.status} to {legible(str(now.status))}")
    if (was := _window(before)) != (is_now := _window(now)):
        told.append(f"The window of {_called(identifier, now)} moved from {was or 'none'} to {is_now or 'none'}")
    return told


def _called(identifier: str, entity: Entity) -> str:
    return f"{legible(repr(entity.name))} ({identifier})"


def _window(entity: Entity) -> str:
    window = entity.window
    if not window["start"] and not window["end"]:
        return ""
    return legible(f"[{window['start']}, {window['end']})")
