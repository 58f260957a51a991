"""The kind table: one row for each kind of object in the Offer Library, the same for both generations."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.model.collections import Collection
from airflow_provider_offers.client.model.common import KindModel
from airflow_provider_offers.client.model.decisions import Decision
from airflow_provider_offers.client.model.facts import UnreliableOnRead, WriteOnly
from airflow_provider_offers.client.model.formulas import RankingFormula
from airflow_provider_offers.client.model.lifecycle import DECISION_STEPS, STEPS, Step
from airflow_provider_offers.client.model.likeness import one_of
from airflow_provider_offers.client.model.names_on_xcore import names_of
from airflow_provider_offers.client.model.offers import FallbackOffer, PersonalizedOffer
from airflow_provider_offers.client.model.placements import Placement
from airflow_provider_offers.client.model.places import Place, marked, place_of
from airflow_provider_offers.client.model.qualifiers import CollectionQualifier
from airflow_provider_offers.client.model.rules import DecisionRule
from airflow_provider_offers.client.model.spelling import Spelled
from airflow_provider_offers.client.text import quoted

SCHEMA_ROOT = "https://ns.adobe.com/experience/offer-management/"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: `key` names it in the provider, `type_name` in Adobe's ids and schemas, `noun` in messages.

    `xcore_version` is the schema version for writes, or None if generation 1 documents no calls for the kind.
    `dps_path` and `dps_query` are its address on generation 2. `model` describes its properties. `window` is the path
    of the object that holds `startDate` and `endDate`, or None without a window. `steps` lead from status to status.
    `unique_name`: the service allows each name once.
    """

    key: str
    type_name: str
    noun: str
    xcore_version: str | None
    dps_path: str
    dps_query: tuple[tuple[str, str], ...] = ()
    model: type[KindModel] = field(kw_only=True, compare=False, repr=False)
    window: tuple[str, ...] | None = None
    steps: tuple[Step, ...] = field(default=(), repr=False)
    unique_name: bool = False

    @property
    def schema(self) -> str:
        return SCHEMA_ROOT + self.type_name

    @property
    def is_offer(self) -> bool:
        """Whether `offer_type` can name the kind."""
        return self.key in OFFERS

    @property
    def subject(self) -> str:
        """The noun in messages if the exact type of offer does not matter."""
        return "offer" if self.is_offer else self.noun

    @property
    def place(self) -> Place:
        """The place of a whole object, for functions that walk it."""
        return place_of(self.model)

    @property
    def names(self) -> Spelled:
        """Generation 1's spelling of the properties."""
        return names_of(self.model)

    @property
    def write_only(self) -> tuple[str, ...]:
        """The properties that a write may contain and a read never shows."""
        return marked(self.model, WriteOnly)

    @property
    def unreliable_on_read(self) -> tuple[str, ...]:
        """The properties that a read may leave out or spell differently, so they do not show who wrote an object."""
        return marked(self.model, UnreliableOnRead)

    @property
    def any_case(self) -> tuple[str, ...]:
        """The unreliable properties that a read may show in another case."""
        return marked(self.model, UnreliableOnRead, lambda fact: fact.any_case)

    @property
    def statuses(self) -> tuple[str, ...]:
        """The allowed words of the status; empty for a kind without a status."""
        return self.place.below("status").words


PERSONALIZED = Kind(
    key="personalized",
    type_name="personalized-offer",
    noun="personalized offer",
    xcore_version="0.5",
    dps_path="/offers",
    dps_query=(("offer-type", "personalized"),),
    model=PersonalizedOffer,
    window=("selectionConstraint",),
    steps=STEPS,
)
FALLBACK = Kind(
    key="fallback",
    type_name="fallback-offer",
    noun="fallback offer",
    xcore_version="0.1",
    dps_path="/offers",
    dps_query=(("offer-type", "fallback"),),
    model=FallbackOffer,
    steps=STEPS,
)
PLACEMENT = Kind(
    key="placement",
    type_name="offer-placement",
    noun="placement",
    xcore_version="0.4",
    dps_path="/placements",
    model=Placement,
)
TAG = Kind(
    key="tag",
    type_name="tag",
    noun="collection qualifier",
    xcore_version="0.1",
    dps_path="/tags",
    model=CollectionQualifier,
    unique_name=True,
)
COLLECTION = Kind(
    key="collection",
    type_name="offer-filter",
    noun="collection",
    xcore_version="0.1",
    dps_path="/offer-collections",
    model=Collection,
)
RULE = Kind(
    key="rule",
    type_name="eligibility-rule",
    noun="decision rule",
    xcore_version="0.3",
    dps_path="/offer-rules",
    model=DecisionRule,
)
FORMULA = Kind(
    key="formula",
    type_name="ranking-function",
    noun="ranking formula",
    xcore_version=None,
    dps_path="/ranking-formulas",
    model=RankingFormula,
)
DECISION = Kind(
    key="decision",
    type_name="offer-activity",
    noun="decision",
    xcore_version="0.5",
    dps_path="/offer-decisions",
    model=Decision,
    window=(),
    steps=DECISION_STEPS,
)

# The kinds that `offer_type` may name.
OFFERS = {kind.key: kind for kind in (PERSONALIZED, FALLBACK)}
# Every kind, in an order in which each refers only to earlier ones: the order of creation; the reverse deletes.
KINDS = {kind.key: kind for kind in (TAG, RULE, FORMULA, PLACEMENT, PERSONALIZED, FALLBACK, COLLECTION, DECISION)}
_BY_TYPE_NAME = {kind.type_name: kind for kind in KINDS.values()}


def offer_kind(key: Any) -> Kind:
    """The row of an offer type; `InvalidInputError` names the known types."""
    try:
        return OFFERS[key]
    except (KeyError, TypeError):
        raise InvalidInputError(
            "The offer type is not valid",
            [Violation("offer_type", quoted(key), one_of(tuple(OFFERS), key))],
        ) from None


def kind_of(key: Any) -> Kind:
    """The row of a kind, from its key or the row itself; `InvalidInputError` names the known kinds."""
    if isinstance(key, Kind):
        return key
    try:
        return KINDS[key]
    except (KeyError, TypeError):
        raise InvalidInputError(
            "The kind is not valid",
            [Violation("kind", quoted(key), " or ".join(map(repr, KINDS)) + _suggestion(key))],
        ) from None


def _suggestion(key: Any) -> str:
    """The end of a message with the key that was probably meant, by likeness to a key or to one of Adobe's names."""
    if not isinstance(key, str):
        return ""
    words: dict[str, str] = {}
    for kind in KINDS.values():
        for word in (kind.key, kind.type_name, kind.noun, kind.dps_path.removeprefix("/")):
            words.setdefault(word, kind.key)
    near = difflib.get_close_matches(key.strip().lower().replace("_", "-"), words, n=1)
    return f"; did you mean {words[near[0]]!r}?" if near else ""


def kind_of_type_name(type_name: str) -> Kind | None:
    """The row with this `type_name`, as in ids."""
    return _BY_TYPE_NAME.get(type_name)


def kinds_of(type_names: Iterable[str]) -> list[Kind]:
    """The rows with these `type_name`s."""
    return [kind for name in type_names if (kind := _BY_TYPE_NAME.get(name)) is not None]
