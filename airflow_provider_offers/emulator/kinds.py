"""The kind table: one row per kind of object. Routes, checks and both formats are derived from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_offers.emulator.shapes import (
    ANYTHING,
    Boolean,
    ComponentType,
    Instant,
    Integer,
    ListOf,
    MapOf,
    Object,
    Property,
    Reference,
    Text,
    TextMap,
)

SCHEMA_BASE = "https://ns.adobe.com/experience/offer-management/"

_COMPONENT = Object(
    (
        # The only word that both generations use and that generation 2 writes in a longer form, in components only.
        Property("type", ComponentType(text="component-text"), required=True, prefixed="@type"),
        Property("format", Text(pattern=r"\w+/[-.\w]+(?:\+[-.\w]+)?"), required=True, prefixed="dc:format"),
        Property("language", ListOf(Text()), prefixed="dc:language"),
        Property("content", Text(empty=True)),
        Property("copyline", Text(empty=True)),
        Property("deliveryURL", Text(empty=True)),
        Property("linkURL", Text(empty=True)),
    )
)
_REPRESENTATION = Object(
    (
        Property("channel", Text()),
        Property("placement", Reference(("offer-placement",)), required=True),
        # Only approved or live objects must have some; see `rules`.
        Property("components", ListOf(_COMPONENT)),
    )
)
_PROFILE_CONSTRAINT = (
    Property("profileConstraintType", Text(("none", "eligibilityRule", "anySegments", "allSegments", "rules"))),
    Property("eligibilityRule", Reference(("eligibility-rule",))),
    Property("segmentIdentities", ANYTHING),
)
_SELECTION_CONSTRAINT = Object(
    (
        Property("startDate", Instant(), required=True),
        Property("endDate", Instant(), required=True),
        *_PROFILE_CONSTRAINT,
    )
)
_ORDER = Object(
    (
        Property(
            "orderEvaluationType",
            Text(
                ("static", "scoringFunction", "ranking-strategy"),
                prefixed_choices=("static", "scoringFunction", "rankingStrategy"),
                # Generation 3 uses this spelling on the same service.
                plain_aliases=(("rankingStrategy", "ranking-strategy"),),
            ),
        ),
        Property("function", Reference(("ranking-function",))),
        Property("rankingStrategy", Text()),
    )
)
_RANK = Object((Property("priority", Integer(0), required=True), Property("order", _ORDER)))
_CAPPING = Object((Property("globalCap", Integer(1)), Property("profileCap", Integer(1))))
_FREQUENCY_CAPPING = Object(
    (
        Property("enabled", Boolean()),
        Property("limit", Integer(1), required=True),
        Property("scope", Text(("global", "profile")), required=True),
        Property("entity", Text(("offer", "placement")), required=True),
        Property("placement", Reference(("offer-placement",))),
        Property("startDate", Instant()),
        Property("endDate", Instant()),
        Property("events", ListOf(Text(("decisioning", "impression", "click", "custom")), least=1)),
        Property("customQuery", Text(empty=True)),
        Property("duration", Integer(1)),
        Property("index", Integer(0)),
        Property(
            "repeat",
            Object(
                (
                    Property("enabled", Boolean()),
                    Property("unit", Text(("day", "week", "month"))),
                    Property("unitCount", Integer(1)),
                )
            ),
        ),
    )
)
_OFFER_STATUS = Text(("draft", "approved", "archived"))
_OFFER_COMMON = (
    Property("name", Text(), required=True),
    Property("description", Text(empty=True)),
    Property("status", _OFFER_STATUS, required=True),
    Property("representations", ListOf(_REPRESENTATION)),
    Property("tags", ListOf(Reference(("tag",)))),
    Property("characteristics", TextMap()),
)
_OFFER_CONSTRAINTS = (
    Property("selectionConstraint", _SELECTION_CONSTRAINT, required=True),
    Property("rank", _RANK, required=True),
    Property("cappingConstraint", _CAPPING),
    Property("frequencyCappingConstraints", ListOf(_FREQUENCY_CAPPING)),
)
_EXPRESSION = Object(
    (
        Property("type", Text(), required=True, also="type"),
        Property("format", Text(), also="format"),
        Property("value", Text(), required=True, also="value"),
    )
)
# Generation 1's pages use this spelling for rules, unlike for all other kinds.
_CONDITION = Object(
    (
        Property("type", Text(), required=True, prefixed="type", also="xdm:type"),
        Property("format", Text(), prefixed="format", also="xdm:format"),
        Property("value", Text(), required=True, prefixed="value", also="xdm:value"),
    )
)
_DEFINED_ON = Object(
    (
        Property(
            "schema",
            Object(
                (
                    Property("ref", Text(), prefixed="$ref"),
                    Property("altId", Text(), prefixed="altId"),
                    Property("version", prefixed="version"),
                )
            ),
        ),
        Property("referencePaths", ListOf(Text())),
    )
)
_OPTION_SELECTION = Object(
    (
        Property("optionSelectionType", Text(("filter", "directList"))),
        Property("filter", Reference(("offer-filter",))),
    )
)
_CRITERION = Object(
    (
        Property("placements", ListOf(Reference(("offer-placement",)), least=1), required=True),
        Property("optionSelection", _OPTION_SELECTION, required=True),
        Property("rank", Object((Property("priority", Integer(0)), Property("order", _ORDER)))),
        Property("profileConstraint", Object(_PROFILE_CONSTRAINT)),
    )
)

OFFER_TRANSITIONS: Mapping[str, tuple[str, ...]] = {
    "draft": ("approved", "archived"),
    "approved": ("draft", "archived"),
    "archived": (),
}
DECISION_TRANSITIONS: Mapping[str, tuple[str, ...]] = {
    "draft": ("live", "archived"),
    "live": ("draft", "complete", "archived"),
    "complete": ("archived",),
    "archived": (),
}


def _formula_as_read(written: dict[str, Any]) -> dict[str, Any]:
    """A ranking formula as in generation 2's samples: the type in capitals, and no `definedOn`."""
    shown = {name: value for name, value in written.items() if name != "definedOn"}
    returned = shown.get("returnType")
    if isinstance(returned, dict) and isinstance(returned.get("type"), str):
        shown["returnType"] = {**returned, "type": returned["type"].upper()}
    return shown


@dataclass(frozen=True)
class Kind:
    """One kind: its addresses and stamps in each generation, its properties, and its rules."""

    name: str
    title: str
    dps_path: str
    xcore_version: str
    dps_version: str
    shape: Object
    offer_type: str | None = None
    transitions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    unique_name: bool = False
    as_read: Callable[[dict[str, Any]], dict[str, Any]] = dict

    @property
    def schema(self) -> str:
        """The schema id without its version."""
        return SCHEMA_BASE + self.name

    def is_final(self, status: str) -> bool:
        """Whether a status is final: such an object can only be archived or deleted."""
        return all(status not in self.transitions.get(after, ()) for after in self.transitions.get(status, ()))


KINDS: tuple[Kind, ...] = (
    Kind(
        "personalized-offer",
        "personalized offer",
        "offers",
        "0.5",
        "0.15",
        Object(_OFFER_COMMON + _OFFER_CONSTRAINTS),
        offer_type="personalized",
        transitions=OFFER_TRANSITIONS,
    ),
    Kind(
        "fallback-offer",
        "fallback offer",
        "offers",
        "0.5",
        "0.8",
        Object(_OFFER_COMMON),
        offer_type="fallback",
        transitions=OFFER_TRANSITIONS,
        dropped=("selectionConstraint", "rank", "cappingConstraint", "frequencyCappingConstraints"),
    ),
    Kind(
        "offer-placement",
        "placement",
        "placements",
        "0.4",
        "0.5",
        Object(
            (
                Property("name", Text(), required=True),
                Property("description", Text(empty=True)),
                Property("componentType", ComponentType()),
                Property("channel", Text()),
                Property("contentTypes", ListOf(Text())),
                Property("itemCount", Integer(1)),
                Property("allowDuplicatePlacements", Boolean()),
                Property("returnContent", Boolean()),
                Property("returnMetaData", ANYTHING),
            )
        ),
    ),
    Kind(
        "tag",
        "collection qualifier",
        "tags",
        "0.1",
        "0.1",
        Object((Property("name", Text(), required=True), Property("description", Text(empty=True)))),
        unique_name=True,
    ),
    Kind(
        "offer-filter",
        "collection",
        "offer-collections",
        "0.3",
        "0.4",
        Object(
            (
                Property("name", Text(), required=True),
                Property("description", Text(empty=True)),
                Property(
                    "filterType",
                    Text(("offers", "any-tags", "all-tags"), prefixed_choices=("offers", "anyTags", "allTags")),
                ),
                Property(
                    "ids",
                    ListOf(Reference(("personalized-offer", "fallback-offer", "tag"))),
                    also="ids",
                ),
            )
        ),
    ),
    Kind(
        "eligibility-rule",
        "decision rule",
        "offer-rules",
        "0.3",
        "0.3",
        Object(
            (
                Property("name", Text(), required=True),
                Property("description", Text(empty=True), prefixed="description", also="xdm:description"),
                Property("condition", _CONDITION, prefixed="condition", also="xdm:condition"),
                Property("definedOn", MapOf(_DEFINED_ON)),
            )
        ),
    ),
    Kind(
        "offer-activity",
        "decision",
        "offer-decisions",
        "0.5",
        "0.8",
        Object(
            (
                Property("name", Text(), required=True),
                Property("description", Text(empty=True)),
                Property("status", Text(("draft", "live", "complete", "archived")), required=True),
                Property("startDate", Instant()),
                Property("endDate", Instant()),
                Property("criteria", ListOf(_CRITERION)),
                Property("fallback", Reference(("fallback-offer",))),
                # The form of 2019 has these two instead of criteria.
                Property("placement", Reference(("offer-placement",))),
                Property("filter", Reference(("offer-filter",))),
            )
        ),
        transitions=DECISION_TRANSITIONS,
    ),
    Kind(
        "ranking-function",
        "ranking formula",
        "ranking-formulas",
        "0.3",
        "0.3",
        Object(
            (
                Property("name", Text(), required=True),
                Property("description", Text(empty=True)),
                Property("isPure", Boolean()),
                Property("returnType", Object((Property("type", Text(), required=True),))),
                Property("expression", _EXPRESSION, required=True),
                Property("definedOn", MapOf(_DEFINED_ON)),
            )
        ),
        as_read=_formula_as_read,
    ),
)


def criteria_of(decision: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The criteria of a decision; the form of 2019 has one placement and one collection instead."""
    placement, collection = decision.get("placement"), decision.get("filter")
    if "criteria" in decision or placement is None or collection is None:
        criteria: Sequence[Mapping[str, Any]] = decision.get("criteria", ())
        return criteria
    return [{"placements": [placement], "optionSelection": {"filter": collection}}]


BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}

WORDS: Mapping[str, str] = {
    **{name: name for name in BY_NAME},
    "placement": "offer-placement",
    "rule": "eligibility-rule",
    "collection": "offer-filter",
    "decision": "offer-activity",
    "personalized": "personalized-offer",
    "fallback": "fallback-offer",
    "formula": "ranking-function",
}
"""The names of a kind in tests: those of the service and those of the provider's operators."""


def by_word(word: Any) -> Kind | None:
    """The kind with this name in tests."""
    return BY_NAME[WORDS[word]] if isinstance(word, str) and word in WORDS else None


def by_dps(path: str, offer_type: str | None) -> Kind | None:
    """The kind of a generation 2 path; `/offers` also needs the offer type."""
    wanted = offer_type.lower() if offer_type is not None and path == "offers" else None
    return next((kind for kind in KINDS if kind.dps_path == path and kind.offer_type == wanted), None)
