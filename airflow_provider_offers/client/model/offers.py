"""The models of a personalized offer and a fallback offer, in Adobe's words.

Sources of all models: the required fields, words and bounds of Adobe's create pages, the lifecycle pages and the
guardrails. Adobe's public XDM schemas are not used, because they describe older versions than the service runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from airflow_provider_offers.client.errors import Doubt, Violation
from airflow_provider_offers.client.model.common import (
    KindModel,
    MediaType,
    PlacementId,
    ProfileConstraint,
    Rank,
    TagId,
    empty_window,
    gap,
)
from airflow_provider_offers.client.model.component_types import Channel, ComponentType, other_media
from airflow_provider_offers.client.model.described import ABSENT, Described
from airflow_provider_offers.client.model.facts import (
    Address,
    AnyText,
    Expected,
    Flag,
    Instant,
    JsonText,
    Many,
    OnXcore,
    OrTemplate,
    Positive,
    Shown,
    ShownWithPrefix,
    Unruled,
    WriteOnly,
)
from airflow_provider_offers.client.text import describe

MAX_TAGS = 20
_NO_COMPONENTS = (
    "No page of Adobe's says that a draft needs content; without content, an approved offer has nothing to show"
)
_OTHER_FORMAT = "No page of Adobe's shows the one with the other"
_ONE_PLACEMENT_TWICE = (
    'Adobe\'s page "Update a personalized offer" adds a second representation for a placement; its page "Manage '
    'Decisioning Service entities using APIs" forbids that'
)


Url = Annotated[AnyText, Address("Adobe's pages only show URLs that begin with https://")]


class Component(Described):
    """A piece of content."""

    type: Annotated[ComponentType, OnXcore("@type")] = Field(
        description="`html`, `imagelink`, `component-text`, `json`, or the URI of generation 1"
    )
    format: Annotated[MediaType, OnXcore("dc:format")] = Field(description="a media type")
    language: Annotated[
        list[
            Annotated[
                str,
                StringConstraints(pattern=r"^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$"),
                Expected("a language tag such as en or en-us"),
            ]
        ],
        Many("language tags"),
        OnXcore("dc:language"),
    ] = Field(default=ABSENT, description="language tags, such as `en-us`")
    content: JsonText = Field(default=ABSENT, description="the content itself")
    deliveryURL: Url = Field(default=ABSENT, description="the URL of content that is stored elsewhere")
    linkURL: Url = Field(default=ABSENT, description="the URL that a click opens")
    # A short text of 2019, and the asset of the library behind a picture.
    copyline: ShownWithPrefix = ABSENT
    repo_id: Annotated[Any, Unruled(), OnXcore("repo:id")] = Field(default=ABSENT, alias="repo:id")
    repo_name: Annotated[Any, Unruled(), OnXcore("repo:name")] = Field(default=ABSENT, alias="repo:name")
    repo_resolveURL: Annotated[Any, Unruled(), OnXcore("repo:resolveURL")] = Field(
        default=ABSENT, alias="repo:resolveURL"
    )
    previewThumbnail: Annotated[Any, Unruled(), OnXcore("offerui:previewThumbnail")] = Field(
        default=ABSENT, alias="offerui:previewThumbnail"
    )

    @classmethod
    def between(cls, given: Mapping[str, Any]) -> Iterator[Violation]:
        """An `imagelink` has the media type of a picture, and no other type has."""
        if accepted := other_media(given.get("type"), given.get("format")):
            yield Doubt("/format", describe(given["format"]), accepted, _OTHER_FORMAT)


class Representation(Described):
    """The content for one placement."""

    placement: PlacementId = Field(description="the placement")
    # Adobe's own create example has no channel, although its schema requires one.
    channel: Channel = Field(default=ABSENT, description="the URI of the channel")
    components: Annotated[list[Component], Many("components", minimum=1, until_shown=_NO_COMPONENTS)] = Field(
        description="the pieces of content"
    )


class Window(Described):
    """When an offer may be shown."""

    startDate: Instant = Field(description="the start of the window")
    endDate: Instant = Field(description="the end of the window; later than `startDate`, except in a draft")

    @classmethod
    def between(cls, given: Mapping[str, Any]) -> Iterator[Violation]:
        return empty_window(given)


class SelectionConstraint(ProfileConstraint, Window):
    """When an offer may be shown, and to whom."""

    @classmethod
    def between(cls, given: Mapping[str, Any]) -> Iterator[Violation]:
        yield from ProfileConstraint.between(given)
        yield from Window.between(given)


class CappingConstraint(Described):
    """The maximum number of times that an offer is shown."""

    globalCap: Positive = Field(default=ABSENT, description="the maximum for all customers together")
    profileCap: Positive = Field(default=ABSENT, description="the maximum for each customer")


class Repeat(Described):
    """When the count of a cap restarts."""

    enabled: Flag = Field(default=ABSENT, description="whether it restarts")
    unit: OrTemplate[Literal["day", "week", "month"]] = Field(default=ABSENT, description="the unit of the period")
    unitCount: Positive = Field(default=ABSENT, description="the number of units in a period")


class FrequencyCappingConstraint(Described):
    """A cap whose count can restart."""

    enabled: Flag = Field(default=ABSENT, description="whether the cap applies")
    limit: Positive = Field(description="how often the offer may be shown")
    scope: OrTemplate[Literal["global", "profile"]] = Field(
        description="whether all customers are counted together, or each one separately"
    )
    entity: OrTemplate[Literal["offer", "placement"]] = Field(
        description="whether the offer or one placement is counted"
    )
    placement: PlacementId = Field(default=ABSENT, description="the placement that is counted")
    startDate: Instant = Field(default=ABSENT, description="the start of the cap")
    endDate: Instant = Field(default=ABSENT, description="the end of the cap")
    events: Annotated[
        list[OrTemplate[Literal["decisioning", "impression", "click", "custom"]]], Many("events", minimum=1)
    ] = Field(default=ABSENT, description="the events that count")
    repeat: Repeat = Field(default=ABSENT, description="when the count restarts")
    customQuery: ShownWithPrefix = ABSENT
    duration: ShownWithPrefix = ABSENT
    index: ShownWithPrefix = ABSENT

    @classmethod
    def between(cls, given: Mapping[str, Any]) -> Iterator[Violation]:
        """No page shows a cap with an empty or reversed window, not even in a draft."""
        yield from (Violation(each.pointer, each.given, each.expected) for each in empty_window(given))

    @classmethod
    def gaps(cls, given: Mapping[str, Any]) -> Iterator[Violation]:
        """A cap for one placement needs the placement."""
        yield from gap(given, "entity", {"placement": "placement"})


class Offer(KindModel):
    """The properties of both kinds of offers."""

    status: OrTemplate[Literal["draft", "approved", "archived"]] = Field(description="see below")
    representations: Annotated[list[Representation], Many("representations")] = Field(
        default=ABSENT, description="the content for each placement"
    )
    tags: Annotated[list[TagId], Many("collection qualifiers", maximum=MAX_TAGS, once=True)] = Field(
        default=ABSENT, description="its collection qualifiers"
    )
    characteristics: Annotated[dict[str, JsonText], Many(maximum=30), Expected("an object of texts")] = Field(
        default=ABSENT, description="texts with names of your choice"
    )
    rank: Rank = Field(default=ABSENT, description="which offer wins")
    cappingConstraint: CappingConstraint = Field(default=ABSENT, description="how often the offer may be shown")
    frequencyCappingConstraints: Annotated[list[FrequencyCappingConstraint], Many("capping rules", maximum=10)] = Field(
        default=ABSENT, description="caps whose count may restart"
    )
    selectionConstraint: SelectionConstraint = Field(
        default=ABSENT, description="when the offer may be shown, and to whom"
    )
    labels: Shown = ABSENT
    customMetadata: Shown = ABSENT
    fCapConstraintsLastIndex: Shown = ABSENT

    @classmethod
    def between(cls, given: Mapping[str, Any]) -> Iterator[Violation]:
        """Adobe's pages do not agree whether an offer may have two representations for one placement."""
        first: dict[str, int] = {}
        representations = given.get("representations")
        for index, each in enumerate(representations if isinstance(representations, list) else ()):
            placement = each.get("placement") if isinstance(each, Mapping) else None
            if isinstance(placement, str) and first.setdefault(placement, index) != index:
                accepted = f"a placement that no other representation uses (index {first[placement]} uses it)"
                place = f"/representations/{index}/placement"
                yield Doubt(place, describe(placement), accepted, _ONE_PLACEMENT_TWICE)


class PersonalizedOffer(Offer):
    """An offer with a window and a rank, for eligible customers."""

    rank: Rank = Field(description="which offer wins")
    selectionConstraint: SelectionConstraint = Field(description="when the offer may be shown, and to whom")


class FallbackOffer(Offer):
    """An offer for customers who qualify for no other.

    It has no window, rank or caps of its own. Adobe's documents send them anyway, and the service drops them.
    """

    rank: Annotated[Rank, WriteOnly()] = Field(default=ABSENT, description="dropped by the service")
    cappingConstraint: Annotated[CappingConstraint, WriteOnly()] = Field(
        default=ABSENT, description="dropped by the service"
    )
    frequencyCappingConstraints: Annotated[
        list[FrequencyCappingConstraint], Many("capping rules", maximum=10), WriteOnly()
    ] = Field(default=ABSENT, description="dropped by the service")
    selectionConstraint: Annotated[SelectionConstraint, WriteOnly()] = Field(
        default=ABSENT, description="dropped by the service"
    )
