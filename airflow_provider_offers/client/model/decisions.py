"""The model of a decision, in Adobe's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from airflow_provider_offers.client.errors import Violation
from airflow_provider_offers.client.model.common import (
    CollectionId,
    FallbackId,
    KindModel,
    PlacementId,
    ProfileConstraint,
    Rank,
    empty_window,
)
from airflow_provider_offers.client.model.described import ABSENT, Described
from airflow_provider_offers.client.model.facts import Instant, Many, OrTemplate, Shown, ShownWithPrefix, Whole

_MAX_PLACEMENTS = 30
_MAX_COLLECTIONS = 30


class CriterionRank(Rank):
    """How the offers of a criterion are ranked."""

    priority: Whole = Field(
        default=ABSENT,
        description="the priority of the criterion; criteria are still evaluated in the order of the list",
    )


class OptionSelection(Described):
    """The offers that a criterion selects from."""

    optionSelectionType: OrTemplate[Literal["filter", "directList"]] = Field(
        default=ABSENT, description="whether the criterion selects from a collection (default) or lists its own offers"
    )
    filter: CollectionId = Field(default=ABSENT, description="the collection; required unless the type is `directList`")
    optionList: Shown = ABSENT

    @classmethod
    def between(cls, given: Mapping[str, Any]) -> Iterator[Violation]:
        """A criterion selects from a collection, unless it lists its own offers."""
        if given.get("filter") is None and given.get("optionSelectionType") != "directList":
            yield Violation("/filter", "nothing", "the id of a collection; it is required")


class Criterion(Described):
    """Which offers a decision can show at which placements."""

    placements: Annotated[list[PlacementId], Many("placements", minimum=1, once=True)] = Field(
        description="the placements"
    )
    optionSelection: OptionSelection = Field(description="what the criterion selects from")
    profileConstraint: ProfileConstraint = Field(default=ABSENT, description="the eligible customers")
    rank: CriterionRank = Field(default=ABSENT, description="how its offers are ranked")


class Decision(KindModel):
    """Which offers can be shown at which placements."""

    status: OrTemplate[Literal["draft", "live", "complete", "archived"]] = Field(description="see below")
    startDate: Instant = Field(default=ABSENT, description="the start of the window")
    endDate: Instant = Field(default=ABSENT, description="the end of the window; later than `startDate`")
    fallback: FallbackId = Field(default=ABSENT, description="the offer to show if no other offer fits")
    criteria: Annotated[list[Criterion], Many("criteria")] = Field(
        default=ABSENT,
        description="the offers for the placements, in order; "
        f"at most {_MAX_PLACEMENTS} placements and {_MAX_COLLECTIONS} collections altogether",
    )
    # The form of 2019 has one of each instead of criteria.
    placement: ShownWithPrefix = ABSENT
    filter: ShownWithPrefix = ABSENT
    labels: Shown = ABSENT

    @classmethod
    def in_todays_form(cls, properties: dict[str, Any]) -> dict[str, Any]:
        """The form of 2019 has a placement and a collection instead of criteria: they become one criterion.

        If criteria exist too, all stay unchanged.
        """
        flat = {"placement", "filter"} & properties.keys()
        if not flat or "criteria" in properties:
            return properties
        rest = {name: value for name, value in properties.items() if name not in flat}
        criterion: dict[str, Any] = {}
        if "placement" in flat:
            placement = properties["placement"]
            criterion["placements"] = placement if isinstance(placement, list) else [placement]
        if "filter" in flat:
            criterion["optionSelection"] = {"filter": properties["filter"]}
        return {**rest, "criteria": [criterion]}

    @classmethod
    def between(cls, given: Mapping[str, Any]) -> Iterator[Violation]:
        """Checks the decision's window, and the total number of placements and collections."""
        yield from empty_window(given)
        placements, collections = _used(given.get("criteria"))
        for found, noun, maximum in (
            (placements, "placements", _MAX_PLACEMENTS),
            (collections, "collections", _MAX_COLLECTIONS),
        ):
            if len(found) > maximum:
                yield Violation("/criteria", f"{len(found)} {noun}", f"at most {maximum}")


def _used(criteria: Any) -> tuple[set[str], set[str]]:
    """The placements and collections that criteria name, also in criteria with other errors."""
    placements: set[str] = set()
    collections: set[str] = set()
    for each in criteria if isinstance(criteria, list) else ():
        if not isinstance(each, Mapping):
            continue
        listed, selection = each.get("placements"), each.get("optionSelection")
        placements.update(one for one in (listed if isinstance(listed, list) else ()) if isinstance(one, str) and one)
        chosen = selection.get("filter") if isinstance(selection, Mapping) else None
        if isinstance(chosen, str) and chosen:
            collections.add(chosen)
    return placements, collections
