"""The model of a collection, in Adobe's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from airflow_provider_offers.client.errors import Violation
from airflow_provider_offers.client.model.common import KindModel, respelled_words
from airflow_provider_offers.client.model.described import ABSENT
from airflow_provider_offers.client.model.facts import Expected, Filled, Many, OnXcore, OrTemplate, RefersTo
from airflow_provider_offers.client.model.identifiers import TYPED_ID
from airflow_provider_offers.client.model.offers import MAX_TAGS
from airflow_provider_offers.client.text import describe

_MAX_OFFERS = 500
_OFFERS = ("personalized-offer", "fallback-offer")
# By `filterType`: the types that the ids of a collection may have.
COLLECTED = {"offers": _OFFERS, "any-tags": ("tag",), "all-tags": ("tag",)}
MemberId = Annotated[Any, RefersTo((*_OFFERS, "tag"), "the id of an offer, or of a collection qualifier")]


class Collection(KindModel):
    """A list of offers, or all offers with certain collection qualifiers."""

    filterType: Annotated[
        OrTemplate[Literal["offers", "any-tags", "all-tags"]],
        respelled_words(anyTags="any-tags", allTags="all-tags"),
    ] = Field(
        default=ABSENT, description="the meaning of `ids`: offers, or qualifiers of which an offer must have any or all"
    )
    ids: Annotated[list[MemberId], Many("ids", once=True)] = Field(
        default=ABSENT, description="the offers (at most 500), or the qualifiers (at most 20)"
    )
    labels: Annotated[list[Annotated[Filled, Expected("a label such as core/C5")]], Many("labels"), OnXcore()] = Field(
        default=ABSENT, description="data usage labels, such as `core/C5`"
    )

    @classmethod
    def between(cls, given: Mapping[str, Any]) -> Iterator[Violation]:
        """The ids have the types of `filterType`; each type has its own maximum."""
        ids, how = given.get("ids"), given.get("filterType")
        if "id" in given:
            yield Violation("/id", describe(given["id"]), "'ids', a list; the service assigns the id of the collection")
        if not isinstance(ids, list) or not isinstance(how, str) or how not in COLLECTED:
            return
        noun = "offers" if how == "offers" else "collection qualifiers"
        maximum = _MAX_OFFERS if how == "offers" else MAX_TAGS
        if len(ids) > maximum:
            yield Violation("/ids", f"{len(ids)} {noun}", f"at most {maximum}")
        for index, each in enumerate(ids):
            typed = TYPED_ID.fullmatch(each) if isinstance(each, str) else None
            if typed is not None and typed["type"] not in COLLECTED[how]:
                yield Violation(f"/ids/{index}", describe(each), f"the id of one of the {noun}, by filterType {how!r}")

    @classmethod
    def types_of(cls, given: Mapping[str, Any], type_names: tuple[str, ...]) -> tuple[str, ...]:
        how = given.get("filterType")
        return COLLECTED.get(how, type_names) if isinstance(how, str) else type_names
