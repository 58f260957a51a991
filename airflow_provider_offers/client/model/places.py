"""The places of a document, read from its model, for functions that walk a document.

Each field of a model gives one `Place`, once in a process. Pydantic checks values without it. Places serve everything
else: cleaning, spelling, references, near misses, and the rule for one place of a patch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from airflow_provider_offers.client.model.described import Described
from airflow_provider_offers.client.model.facts import InstantInZone, RefersTo, Template, Unruled
from airflow_provider_offers.client.model.identifiers import id_hint, name_in
from airflow_provider_offers.client.model.literals import parsed
from airflow_provider_offers.client.model.spelling import PLAIN, Spelled, escape_token

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
        found: F | None = _fact(self, kind)  # type: ignore[arg-type]  # every class is hashable
        return found

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

    @property
    def is_leaf(self) -> bool:
        """Whether its value is one text, number or boolean, which has nothing below."""
        return self.holds in (str, int, bool) or any(self.fact(each) is not None for each in (RefersTo, InstantInZone))

    def knows(self, name: str) -> bool:
        """Whether Adobe's documents show a member of that name."""
        return name in self.members or name in self.unruled

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
def _fact(place: Place, kind: type[Any]) -> Any:
    # A check of a document asks for the same facts again and again.
    return next((each for each in reversed(place.facts) if isinstance(each, kind)), None)


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


@dataclass(frozen=True, slots=True)
class Pointing:
    """One place in a document that refers to another object: its pointer, its text, and the possible types."""

    pointer: str
    target: str
    type_names: tuple[str, ...]

    @property
    def name(self) -> str | None:
        """The name after `name:`; None if the text is an id."""
        return name_in(self.target)

    @property
    def hint(self) -> str:
        """The question whether the id is a name without its prefix; empty if it is certainly an id, or has a prefix."""
        return id_hint(self.target)


@cache
def targets(place: Place) -> frozenset[str]:
    """The types of objects to which a document may refer at or below that place."""
    refers = place.fact(RefersTo)
    below = [*place.members.values(), *(each for each in (place.item, place.own) if each is not None)]
    return frozenset(refers.type_names if refers else ()).union(*map(targets, below))


def pointings(place: Place, value: Any, pointer: str = "") -> Iterator[Pointing]:
    """The references in the value, also in a value with other errors."""
    if not targets(place):
        return
    refers = place.fact(RefersTo)
    if refers is not None:
        if isinstance(value, str) and value:
            yield Pointing(pointer, value, refers.type_names)
    elif isinstance(value, list) and place.item is not None:
        for index, item in enumerate(value):
            yield from pointings(place.item, item, f"{pointer}/{index}")
    elif isinstance(value, Mapping) and place.item is None:
        for name, member in value.items():
            for each in pointings(place.below(name), member, f"{pointer}/{escape_token(name)}"):
                types = each.type_names if place.model is None else place.model.types_of(value, each.type_names)
                yield each if types == each.type_names else replace(each, type_names=types)


def pointings_by_name(place: Place, value: Any) -> list[Pointing]:
    """The references by name in the value."""
    return [each for each in pointings(place, value) if each.name is not None]


def is_receipt(value: Any) -> bool:
    """Whether the value is the result of a task: every receipt has both members."""
    return isinstance(value, Mapping) and "instance_id" in value and isinstance(value.get("id"), str)


def without_receipts(place: Place, value: Any) -> Any:
    """The value with ids instead of tasks' results, at all places that expect an id."""
    if type(value) is str:
        return value
    if place.fact(RefersTo) is not None:
        # No other object may stand here.
        return value["id"] if is_receipt(value) else value
    if not targets(place):
        return value
    if isinstance(value, Mapping):
        return {name: without_receipts(place.below(name), member) for name, member in value.items()}
    if isinstance(value, list):
        return [without_receipts(place.below(str(index)), item) for index, item in enumerate(value)]
    return value


def without_text(place: Place, spelled: Spelled, value: Any) -> Any:
    """The value with objects and lists in place of their text, at all places that expect one, or an id.

    A template renders the result of a task as text: JSON, or a Python literal. `value` may use either spelling, also
    inside of such text. Text that is neither is unchanged.
    """
    if isinstance(value, str):
        value = _from_text(place, value)
    if isinstance(value, Mapping) and (place.members or place.own):
        below: dict[Any, Any] = {}
        for name, member in value.items():
            neutral, its = spelled.neutral_name(name) if isinstance(name, str) else (name, PLAIN)
            below[name] = without_text(place.below(neutral), spelled.values or its, member)
        return below
    if isinstance(value, (list, tuple)) and place.item is not None:
        return [without_text(place.item, spelled.items or PLAIN, item) for item in value]
    return value


def _from_text(place: Place, text: str) -> Any:
    if not text.lstrip().startswith(("{", "[", "(")):
        return text
    is_list = place.item is not None
    if not (is_list or place.members or place.own or place.fact(RefersTo)):
        return text
    try:
        found = parsed(text)
    except ValueError:
        return text
    return found if isinstance(found, list if is_list else Mapping) else text
