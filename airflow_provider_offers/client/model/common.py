"""The common parts of several models: names, references to each kind, windows, ranks and profile constraints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from airflow_provider_offers.client.errors import Doubt, Violation
from airflow_provider_offers.client.model.described import ABSENT, Described
from airflow_provider_offers.client.model.facts import (
    AnyText,
    AtMostBytes,
    Expected,
    Filled,
    Legible,
    Many,
    OnXcore,
    OrTemplate,
    RefersTo,
    Respelled,
    Usual,
    Whole,
)
from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.text import describe

_FOUND_BY_NAME = "No page of Adobe's shows such a name; tasks that look for the name as it is read do not find it"
Name = Annotated[Filled, Legible(_FOUND_BY_NAME), Expected("a name that is not empty")]
_A_MEDIA_TYPE = "a media type such as text/html or image/png"
_MEDIA_TYPES = (
    *("text/html", "text/plain", "text/template", "text/markdown", "text/css", "text/csv", "text/xml"),
    *("application/json", "application/xml", "application/xhtml+xml", "application/javascript", "application/pdf"),
    *("image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp", "image/svg+xml", "image/avif", "image/bmp"),
    *("image/tiff", "image/heic", "image/heif", "image/apng", "video/mp4", "audio/mpeg"),
)
MediaType = Annotated[
    str,
    StringConstraints(pattern=r"^\w+/[-.\w]+(?:\+[-.\w]+)?$"),
    Usual(_MEDIA_TYPES, _A_MEDIA_TYPE, "No page of Adobe's shows this media type"),
    Expected(_A_MEDIA_TYPE),
]

PlacementId = Annotated[Any, RefersTo(("offer-placement",), "the id of a placement")]
RuleId = Annotated[Any, RefersTo(("eligibility-rule",), "the id of a decision rule")]
TagId = Annotated[Any, RefersTo(("tag",), "the id of a collection qualifier")]
CollectionId = Annotated[Any, RefersTo(("offer-filter",), "the id of a collection")]
FallbackId = Annotated[Any, RefersTo(("fallback-offer",), "the id of a fallback offer")]
FormulaId = Annotated[Any, RefersTo(("ranking-function",), "the id of a ranking formula")]

_RANKED_BY = {"scoringFunction": "function", "ranking-strategy": "rankingStrategy"}
_EMPTY_WINDOW = (
    'Adobe\'s legacy page "Create a personalized offer" shows a draft that ends before it starts; an approved or live '
    "object with such a window could never be shown"
)


# The properties of a profile constraint, and the types by which each applies. What `rules` reads is not documented.
_APPLIED_BY = {"eligibilityRule": ("eligibilityRule",), "segmentIdentities": ("anySegments", "allSegments")}
_PROFILE_TYPES = ("none", "eligibilityRule", "anySegments", "allSegments")
_NEEDED_BY = {
    "eligibilityRule": "eligibilityRule",
    "anySegments": "segmentIdentities",
    "allSegments": "segmentIdentities",
}
_INCOMPLETE = "No page of Adobe's shows the one without the other"
_NOT_APPLIED = "No page of Adobe's shows them together; the object may be shown to customers who do not qualify"


def respelled_words(**dashed_by_camel: str) -> Respelled:
    """Words that generation 1 writes in camel case and generation 2 with dashes."""
    camel_by_dashed = {dashed: camel for camel, dashed in dashed_by_camel.items()}

    def to_wire(value: Any) -> Any:
        return camel_by_dashed.get(value, value) if isinstance(value, str) else value

    def to_neutral(value: Any) -> Any:
        return dashed_by_camel.get(value, value) if isinstance(value, str) else value

    return Respelled(to_wire, to_neutral)


def empty_window(given: Mapping[str, Any]) -> Iterator[Violation]:
    """A window is `[start, end)`; customers never see an object whose window is empty or reversed."""
    try:
        start, end = parse_instant(given.get("startDate")), parse_instant(given.get("endDate"))
    except ValueError:
        return  # each date has its own violation already
    if end <= start:
        accepted = f"an instant after startDate, {given['startDate']}"
        yield Doubt("/endDate", describe(given["endDate"]), accepted, _EMPTY_WINDOW, until_shown=True)


def gap(given: Mapping[str, Any], chooser: str, needed: Mapping[str, str]) -> Iterator[Violation]:
    """The doubt about an object whose `chooser` needs a property that is not there."""
    chosen = given.get(chooser)
    name = needed.get(chosen) if isinstance(chosen, str) else None
    if name is not None and given.get(name) in (None, "", []):
        yield Doubt(f"/{name}", "nothing", f"a value beside the {chooser} {chosen!r}", _INCOMPLETE)


class KindModel(Described):
    """The properties of every kind of object."""

    name: Name = Field(description="the name; the natural key of a creation")
    description: AnyText = Field(default=ABSENT, description="free text")

    @classmethod
    def in_todays_form(cls, properties: dict[str, Any]) -> dict[str, Any]:
        """Neutral properties in today's form: forms that Adobe has given up are converted."""
        return properties


class ProfileConstraint(Described):
    """The eligible profiles."""

    profileConstraintType: OrTemplate[Literal["none", "eligibilityRule", "anySegments", "allSegments", "rules"]] = (
        Field(default=ABSENT, description="which of the next two properties applies")
    )
    eligibilityRule: RuleId = Field(default=ABSENT, description="the decision rule")
    segmentIdentities: Annotated[list[Any], Many("segments")] = Field(default=ABSENT, description="the audiences")

    @classmethod
    def between(cls, given: Mapping[str, Any]) -> Iterator[Violation]:
        """The type names the property that applies; the other one has no effect."""
        chosen = given.get("profileConstraintType")
        for name, types in _APPLIED_BY.items():
            if given.get(name) and isinstance(chosen, str) and chosen in _PROFILE_TYPES and chosen not in types:
                accepted = f"the profileConstraintType {' or '.join(map(repr, types))} beside it, not {chosen!r}"
                yield Doubt(f"/{name}", describe(given[name]), accepted, _NOT_APPLIED)

    @classmethod
    def gaps(cls, given: Mapping[str, Any]) -> Iterator[Violation]:
        """Each type needs its property."""
        yield from gap(given, "profileConstraintType", _NEEDED_BY)


class Order(Described):
    """How a decision ranks offers."""

    orderEvaluationType: Annotated[
        OrTemplate[Literal["static", "scoringFunction", "ranking-strategy"]],
        respelled_words(rankingStrategy="ranking-strategy"),
    ] = Field(default=ABSENT, description="the ranking method; generation 1 writes the last one as `rankingStrategy`")
    function: FormulaId = Field(default=ABSENT, description="the ranking formula")
    rankingStrategy: Annotated[Filled, Expected("the id of an AI model")] = Field(
        default=ABSENT, description="the id of an AI model"
    )

    @classmethod
    def gaps(cls, given: Mapping[str, Any]) -> Iterator[Violation]:
        """Each method needs its property."""
        yield from gap(given, "orderEvaluationType", _RANKED_BY)


class Rank(Described):
    """Which offer wins."""

    priority: Whole = Field(description="higher wins")
    order: Order = Field(default=ABSENT, description="how a decision ranks the offer")


class SchemaReference(Described):
    """The schema behind an alias."""

    ref: Annotated[Filled, Expected("the id of a schema"), OnXcore("$ref")] = Field(
        default=ABSENT, description="its id; generation 1 writes `$ref`"
    )
    version: Annotated[Any, OnXcore()] = Field(default=ABSENT, description="its version")
    altId: Annotated[Filled, OnXcore()] = Field(
        default=ABSENT, description="its other name, such as `_xdm.context.profile`"
    )


class DefinedOn(Described):
    """The data that an expression reads."""

    schema_: SchemaReference = Field(default=ABSENT, alias="schema", description="the schema behind the alias")
    referencePaths: Annotated[list[Annotated[Filled, Expected("the path of an attribute")]], Many("paths")] = Field(
        default=ABSENT, description="the attributes that the expression reads"
    )


Pql = OrTemplate[Literal["PQL"]]
# The pages show one format, pql/text, but do not say that it is the only one.
_A_FORMAT = "a format such as pql/text"
PqlFormat = Annotated[
    Filled, Usual(("pql/text", "pql/json"), _A_FORMAT, "No page of Adobe's shows this format"), Expected(_A_FORMAT)
]
_PqlText = Annotated[Filled, Expected("an expression in PQL")]
RuleText = Annotated[_PqlText, AtMostBytes(15 * 1024)]
FormulaText = Annotated[_PqlText, AtMostBytes(8 * 1024)]
