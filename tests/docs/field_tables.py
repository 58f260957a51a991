"""Makes the table of a kind's fields from the kind's model, as its page shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from annotated_types import Ge, Le

from airflow_provider_offers.client.model.facts import AtMostBytes, InstantInZone, Many, RefersTo
from airflow_provider_offers.client.model.kinds import KINDS, Kind
from airflow_provider_offers.client.model.places import Place

KEYS = {kind.type_name: kind.key for kind in KINDS.values()}


def fields(place: Place, path: str = "") -> Iterator[tuple[str, Place]]:
    """Every field below a place, by its path as the pages write it; `[]` means any element, `*` any name."""
    while (below := place.item or place.own) is not None:
        path += "[]" if place.item else ".*"
        place = below
    for name, member in place.members.items():
        here = f"{path}.{name}" if path else name
        yield here, member
        yield from fields(member, here)


def element(place: Place) -> Place:
    """The element of a list, or of a list of lists."""
    while (below := place.item or place.own) is not None:
        place = below
    return place


def field_table(kind: Kind) -> list[str]:
    """The lines of the table of a kind."""
    return table_of(fields(kind.place))


def table_of(listed: Iterable[tuple[str, Place]]) -> list[str]:
    """The lines of a table of fields."""
    rows = [
        f"| `{path}` | {'; '.join(_told(place))} | {'yes ' if place.is_required else ''}|" for path, place in listed
    ]
    return ["| field | holds | required |", "|---|---|---|", *rows]


def _told(place: Place) -> Iterator[str]:
    """The purpose of a field, and the requirements of its checks."""
    yield place.description
    if (many := place.fact(Many)) is not None:
        if many.minimum:
            yield f"at least {many.minimum}{', except in a draft' if many.until_shown else ''}"
        if many.maximum is not None:
            yield f"at most {many.maximum}"
    inner = element(place)
    least, most = inner.fact(Ge), inner.fact(Le)
    if least is not None:
        yield f"at least {least.ge}" if most is None else f"{least.ge} to {most.le}"
    if inner.holds is bool:
        yield "true or false"
    if inner.fact(InstantInZone) is not None:
        yield "RFC 3339 with a zone"
    if (size := inner.fact(AtMostBytes)) is not None:
        yield f"at most {size.maximum} bytes"
    if inner.words:
        yield ", ".join(f"`{word}`" for word in inner.words)
    if (refers := inner.fact(RefersTo)) is not None:
        yield f"refers to {', '.join(f'`{KEYS[name]}`' for name in refers.type_names)}"
