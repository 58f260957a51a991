"""The words that generation 2 keeps as it got them, and that mean the same in two spellings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_offers.client.model.spelling import Spelled, neutral_value
from airflow_provider_offers.client.wire.messages import Json


class ComponentType(str):
    """A component type to compare with: `text` and `component-text` are one, whichever the service shows."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and _bare(self) == _bare(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(_bare(self))


def _bare(word: str) -> str:
    return str.removeprefix(word, "component-")


def _component_type(value: Any) -> Any:
    return ComponentType(value) if isinstance(value, str) else value


def _plain(**members: Spelled) -> Spelled:
    return Spelled(members={name: (name, member) for name, member in members.items()})


_WORD = Spelled(to_neutral=_component_type)
# Every kind's places at once: no name means two things.
_COMPARED = _plain(
    componentType=_WORD,
    representations=Spelled(items=_plain(components=Spelled(items=_plain(type=_WORD)))),
)


def as_compared(properties: Mapping[str, Json]) -> dict[str, Json]:
    """Neutral properties of any kind, to be compared with what is read; they may be sent too."""
    return dict(neutral_value(properties, _COMPARED))
