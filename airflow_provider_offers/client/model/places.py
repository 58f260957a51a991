"""The places of a document, read from its model, for functions that walk a document.

Each field of a model gives one `Place`, once in a process. Pydantic checks values without it. Places serve everything
else: cleaning, spelling, references, near misses, and the rule for one place of a patch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from airflow_provider_offers.client.model.described import Described
from airflow_provider_offers.client.model.facts import Template, Unruled

F = TypeVar("F")


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """One place: its annotation, the type of its value, the facts of its field, and the places below it.

    `members` are the members with rules, and `unruled` those that Adobe's documents only show. `item` is the place of a
    list's elements, and `own` that of the members of an object whose names the author chooses.
    """

    annotation: Any = Any
    holds: Any = Any
    facts: tuple[Any, ...] = ()
    words: tuple[str, ...] = ()
    members: Mapping[str, Place] = field(default_factory=dict)
    unruled: Mapping[str, Place] = field(default_factory=dict)
    item: Place | None = None
    own: Place | None = None
    is_required: bool = False
    description: str = ""

    def fact(self, kind: type[F]) -> F | None:
        """The field's fact of that class; the last one counts."""
        return next((each for each in reversed(self.facts) if isinstance(each, kind)), None)

    @property
    def model(self) -> type[Described] | None:
        return self.holds if isinstance(self.holds, type) and issubclass(self.holds, Described) else None

    @property
    def required(self) -> tuple[str, ...]:
        """The required members."""
        return tuple(name for name, member in self.members.items() if member.is_required)

    @property
    def known(self) -> tuple[str, ...]:
        """Every member name that Adobe's documents show."""
        return (*self.members, *self.unruled)

    def below(self, token: str) -> Place:
        """The place of a member or an element."""
        return self.item or self.own or self.members.get(token, ANY)

    def requires(self, token: str) -> bool:
        """Whether the member is required."""
        return token in self.members and self.members[token].is_required

    def at(self, tokens: Sequence[str]) -> tuple[Place, Place]:
        """The place that a path names, after the place that contains it."""
        parent = here = self
        for token in tokens:
            parent, here = here, here.below(token)
        return parent, here


ANY = Place()


@cache
def place_of(model: type[Described]) -> Place:
    """The place of a whole object."""
    members: dict[str, Place] = {}
    unruled: dict[str, Place] = {}
    for name, each in model.model_fields.items():
        found = _read(Annotated[each.annotation, *each.metadata] if each.metadata else each.annotation)
        told = replace(found, is_required=each.is_required(), description=each.description or "")
        (unruled if told.fact(Unruled) else members)[each.alias or name] = told
    return Place(model, model, members=members, unruled=unruled)


@cache
def marked(model: type[Described], fact: type[F], condition: Callable[[F], bool] = bool) -> tuple[str, ...]:
    """The properties of an object whose fields state the fact."""
    told = {name: place.fact(fact) for name, place in place_of(model).members.items()}
    return tuple(name for name, each in told.items() if each is not None and condition(each))


def _read(annotation: Any) -> Place:
    return replace(_unwrapped(annotation, ()), annotation=annotation)


def _unwrapped(annotation: Any, facts: tuple[Any, ...]) -> Place:
    """The place of a type; `facts` are those of the surrounding annotation."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _unwrapped(inner[0], (*inner[1:], *facts))
    if origin in (Union, UnionType) and any(isinstance(each, Template) for each in facts):
        return _unwrapped(inner[0], tuple(each for each in facts if not isinstance(each, Template)))
    if origin is Literal:
        return Place(holds=str, facts=facts, words=inner)
    if origin is list:
        return Place(holds=list, facts=facts, item=_read(inner[0]))
    if origin is dict:
        return Place(holds=dict, facts=facts, own=_read(inner[1]))
    if isinstance(annotation, type) and issubclass(annotation, Described):
        return replace(place_of(annotation), facts=facts)
    return Place(holds=annotation, facts=facts)
