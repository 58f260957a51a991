"""Generation 1's spelling of each kind, read from its model: the trees that `spelling` uses for renaming."""

from __future__ import annotations

from functools import cache

from airflow_provider_offers.client.model.described import Described
from airflow_provider_offers.client.model.facts import OnXcore, Respelled
from airflow_provider_offers.client.model.places import Place, place_of
from airflow_provider_offers.client.model.spelling import PLAIN, Spelled

_ID = {"id": ("@id", PLAIN)}


@cache
def names_of(model: type[Described]) -> Spelled:
    """Generation 1's spelling of an object of that model, with its id."""
    tree = _spelled(place_of(model), seconds=False)
    return Spelled(members={**_ID, **tree.members}, either=tree.either)


@cache
def compared_of(model: type[Described]) -> Spelled:
    """The places of that model where two spellings of a value mean the same."""
    return _compared(place_of(model))


def _spelled(place: Place, *, seconds: bool) -> Spelled:
    """The tree of a place; with `seconds`, by the second name of every member that has two."""
    if (respelled := place.fact(Respelled)) is not None:
        return Spelled(to_wire=respelled.to_wire, to_neutral=respelled.to_neutral)
    if below := place.item or place.own:
        inner = _spelled(below, seconds=seconds)
        return PLAIN if inner is PLAIN else Spelled(items=inner) if place.item else Spelled(values=inner)
    members: dict[str, tuple[str, Spelled]] = {}
    either: dict[str, tuple[str, Spelled]] = {}
    for name, member in {**place.members, **place.unruled}.items():
        names = member.fact(OnXcore)
        first, second = (f"xdm:{name}", "") if names is None else (names.name or name, names.also)
        if second:
            either[name] = (second, _spelled(member, seconds=True))
        if seconds and second:
            members[name] = either.pop(name)
            continue
        child = _spelled(member, seconds=seconds)
        if first != name or second or child is not PLAIN:
            members[name] = (first, child)
    return Spelled(members=members, either=either) if members else PLAIN


def _compared(place: Place) -> Spelled:
    if (respelled := place.fact(Respelled)) is not None:
        return Spelled(to_neutral=respelled.compared) if respelled.compared else PLAIN
    if below := place.item or place.own:
        inner = _compared(below)
        return PLAIN if inner is PLAIN else Spelled(items=inner) if place.item else Spelled(values=inner)
    members = {name: (name, tree) for name, each in place.members.items() if (tree := _compared(each)) is not PLAIN}
    return Spelled(members=members) if members else PLAIN
