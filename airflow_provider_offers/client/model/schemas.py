"""The rules that each kind of object must obey before it is sent: one small tree for each, in neutral names.

Sources: the required fields, words and bounds of Adobe's create pages, the lifecycle pages and the guardrails.
Adobe's public XDM schemas are not used: they describe older versions than the service runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_offers.client.errors import Doubt, Violation
from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.shapes import (
    ANY,
    TYPED_ID,
    Flag,
    Instant,
    Items,
    Members,
    Named,
    OneOf,
    Pointing,
    ReferenceTo,
    Shape,
    Text,
    TextMap,
    Whole,
    describe,
)

MAX_TAGS = 20
MAX_CAPPING_RULES = 10
MAX_CHARACTERISTICS = 30
MAX_OFFERS_OF_A_COLLECTION = 500
MAX_PLACEMENTS_OF_A_DECISION = 30
MAX_COLLECTIONS_OF_A_DECISION = 30
MAX_RULE_BYTES = 15 * 1024
MAX_FORMULA_BYTES = 8 * 1024

PLACEMENT_ID = ReferenceTo(("offer-placement",), "the id of a placement")
RULE_ID = ReferenceTo(("eligibility-rule",), "the id of a decision rule")
TAG_ID = ReferenceTo(("tag",), "the id of a collection qualifier")
COLLECTION_ID = ReferenceTo(("offer-filter",), "the id of a collection")
FALLBACK_ID = ReferenceTo(("fallback-offer",), "the id of a fallback offer")
FORMULA_ID = ReferenceTo(("ranking-function",), "the id of a ranking formula")
MEMBER_ID = ReferenceTo(
    ("personalized-offer", "fallback-offer", "tag"), "the id of an offer, or of a collection qualifier"
)

_NAME = Text(example="a name that is not empty")
_DESCRIPTION = Text(example="text", may_be_empty=True)
_CHANNEL = OneOf(
    words=(),
    roots=("https://ns.adobe.com/xdm/channel-types/", "https://ns.adobe.com/xdm/channels/"),
    tails=(
        "web",
        "email",
        "mobile",
        "offline",
        "phone",
        "sms",
        "push",
        "mail",
        "direct-mail",
        "social",
        "search",
        "display",
        "video",
        "audio",
        "inapp",
        "other",
    ),
    uri="https://ns.adobe.com/xdm/channel-types/web",
    page='Adobe\'s page "Create placements" shows URIs of https://ns.adobe.com/xdm/channel-types/ only',
)
_COMPONENT_ROOT = "https://ns.adobe.com/experience/offer-management/content-component-"
_COMPONENT_WORDS = ("html", "imagelink", "json", "text", "component-html", "component-imagelink", "component-json")
_COMPONENT_TYPE = OneOf(
    words=(*_COMPONENT_WORDS, "component-text"),
    roots=(_COMPONENT_ROOT,),
    tails=("html", "imagelink", "json", "text"),
    uri=_COMPONENT_ROOT + "html",
    page='Adobe\'s page "Create placements" shows URIs of the content components only',
)
_MEDIA_TYPE = Text(pattern=r"\w+/[-.\w]+(?:\+[-.\w]+)?", example="a media type such as text/html or image/png")

_EMPTY_WINDOW = (
    'Adobe\'s legacy page "Create a personalized offer" prints a draft that ends before it starts; one that is '
    "approved or live could never be shown"
)
_NO_COMPONENTS = (
    "No page of Adobe's says that a draft needs content already; an offer that is approved has nothing to show without"
)
_ONE_PLACEMENT_TWICE = (
    'Adobe\'s page "Update a personalized offer" adds a second representation for a placement; its page "Manage '
    'Decisioning Service entities using APIs" forbids that'
)


def _window(value: Mapping[str, Any], pointer: str) -> Iterator[Violation]:
    """A window is `[start, end)`: of what is shown it must not be empty or reversed."""
    try:
        start, end = parse_instant(value.get("startDate")), parse_instant(value.get("endDate"))
    except ValueError:
        return  # each date has its own violation already
    if end <= start:
        accepted = f"an instant after startDate, {value['startDate']}"
        yield Doubt(f"{pointer}/endDate", describe(value["endDate"]), accepted, _EMPTY_WINDOW, until_shown=True)


_COMPONENT = Members(
    members={
        "type": _COMPONENT_TYPE,
        "format": _MEDIA_TYPE,
        "language": Items(
            Text(pattern=r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*", example="a language tag such as en or en-us"),
            noun="language tags",
        ),
        "content": Text(example="text", may_be_empty=True, may_hold_json=True),
        "deliveryURL": Text(example="text", may_be_empty=True),
        "linkURL": Text(example="text", may_be_empty=True),
    },
    required=("type", "format"),
    # Where an asset of the library stands behind a picture, and a short text of 2019.
    also=("copyline", "repo:id", "repo:name", "repo:resolveURL", "offerui:previewThumbnail"),
)
_REPRESENTATION = Members(
    members={
        "placement": PLACEMENT_ID,
        "channel": _CHANNEL,
        "components": Items(_COMPONENT, minimum=1, noun="components", page=_NO_COMPONENTS),
    },
    # Adobe's own create example has no channel, whatever its schema says.
    required=("placement", "components"),
    later={"components": _NO_COMPONENTS},
)
_PROFILE_MEMBERS: Mapping[str, Shape] = {
    "profileConstraintType": Text(words=("none", "eligibilityRule", "anySegments", "allSegments", "rules")),
    "eligibilityRule": RULE_ID,
    "segmentIdentities": Items(ANY, noun="segments"),
}
_SELECTION_MEMBERS: Mapping[str, Shape] = {"startDate": Instant(), "endDate": Instant(), **_PROFILE_MEMBERS}
_ORDER = Members(
    members={
        "orderEvaluationType": Text(words=("static", "scoringFunction", "ranking-strategy")),
        "function": FORMULA_ID,
        "rankingStrategy": Text(example="the id of an AI model"),
    }
)
_CAPPING_RULE = Members(
    members={
        "enabled": Flag(),
        "limit": Whole(1),
        "scope": Text(words=("global", "profile")),
        "entity": Text(words=("offer", "placement")),
        "placement": PLACEMENT_ID,
        "startDate": Instant(),
        "endDate": Instant(),
        "events": Items(Text(words=("decisioning", "impression", "click", "custom")), minimum=1, noun="events"),
        "repeat": Members(
            members={"enabled": Flag(), "unit": Text(words=("day", "week", "month")), "unitCount": Whole(1)}
        ),
    },
    required=("limit", "scope", "entity"),
    together=_window,
    also=("customQuery", "duration", "index"),
)
_COMMON: Mapping[str, Shape] = {
    "name": _NAME,
    "description": _DESCRIPTION,
    "status": Text(words=("draft", "approved", "archived")),
    "representations": Items(_REPRESENTATION, noun="representations"),
    "tags": Items(TAG_ID, maximum=MAX_TAGS, noun="collection qualifiers"),
    "characteristics": TextMap(MAX_CHARACTERISTICS),
    "rank": Members(members={"priority": Whole(0), "order": _ORDER}, required=("priority",)),
    "cappingConstraint": Members(members={"globalCap": Whole(1), "profileCap": Whole(1)}),
    "frequencyCappingConstraints": Items(_CAPPING_RULE, maximum=MAX_CAPPING_RULES, noun="capping rules"),
    "selectionConstraint": Members(members=_SELECTION_MEMBERS, required=("startDate", "endDate"), together=_window),
}


def _shown_once(value: Mapping[str, Any], pointer: str) -> Iterator[Violation]:
    """Whether the service takes an offer that has two representations for one placement, the pages do not agree."""
    first: dict[str, int] = {}
    representations = value.get("representations")
    for index, each in enumerate(representations if isinstance(representations, list) else ()):
        placement = each.get("placement") if isinstance(each, Mapping) else None
        if isinstance(placement, str) and first.setdefault(placement, index) != index:
            accepted = f"a placement that no other representation uses (index {first[placement]} uses it)"
            place = f"{pointer}/representations/{index}/placement"
            yield Doubt(place, describe(placement), accepted, _ONE_PLACEMENT_TWICE)


# A fallback has no window and no rank of its own; the documents send both all the same, so they are allowed.
_ALSO = ("labels", "customMetadata", "fCapConstraintsLastIndex")
PERSONALIZED_OFFER = Members(
    _COMMON, required=("name", "status", "selectionConstraint", "rank"), together=_shown_once, also=_ALSO
)
FALLBACK_OFFER = Members(_COMMON, required=("name", "status"), together=_shown_once, also=_ALSO)

PLACEMENT = Members(
    {
        "name": _NAME,
        "description": _DESCRIPTION,
        "componentType": _COMPONENT_TYPE,
        "channel": _CHANNEL,
        "contentTypes": Items(_MEDIA_TYPE, noun="media types"),
        "itemCount": Whole(1, 30),
        "allowDuplicatePlacements": Flag(),
        "returnContent": Flag(),
        "returnMetaData": Named(Flag()),
    },
    required=("name",),
    also=("labels",),
)

TAG = Members({"name": _NAME, "description": _DESCRIPTION}, required=("name",), also=("labels",))

# By `filterType`: the types that the ids of a collection may be of.
COLLECTED = {"offers": ("personalized-offer", "fallback-offer"), "any-tags": ("tag",), "all-tags": ("tag",)}


def _collected(value: Mapping[str, Any], pointer: str) -> Iterator[Violation]:
    """A collection holds offers, or what its qualifiers stand for; each with a limit of its own."""
    ids, how = value.get("ids"), value.get("filterType")
    if not isinstance(ids, list) or not isinstance(how, str) or how not in COLLECTED:
        return
    noun = "offers" if how == "offers" else "collection qualifiers"
    maximum = MAX_OFFERS_OF_A_COLLECTION if how == "offers" else MAX_TAGS
    if len(ids) > maximum:
        yield Violation(f"{pointer}/ids", f"{len(ids)} {noun}", f"at most {maximum}")
    for index, each in enumerate(ids):
        typed = TYPED_ID.fullmatch(each) if isinstance(each, str) else None
        if typed is not None and typed["type"] not in COLLECTED[how]:
            yield Violation(
                f"{pointer}/ids/{index}", describe(each), f"the id of one of the {noun}, by filterType {how!r}"
            )


@dataclass(frozen=True)
class _Collection(Members):
    """A collection, whose `filterType` tells what its ids are of."""

    def pointings(self, value: Any, pointer: str) -> Iterator[Pointing]:
        how = value.get("filterType") if isinstance(value, Mapping) else None
        type_names = COLLECTED.get(how) if isinstance(how, str) else None
        for each in super().pointings(value, pointer):
            yield each if type_names is None else replace(each, type_names=type_names)


COLLECTION = _Collection(
    {
        "name": _NAME,
        "description": _DESCRIPTION,
        "filterType": Text(words=tuple(COLLECTED)),
        "ids": Items(MEMBER_ID, noun="ids"),
        "labels": Items(Text(example="a label such as core/C5"), noun="labels"),
    },
    required=("name",),
    together=_collected,
)

_DEFINED_ON = Named(
    Members(
        {
            "schema": Members({"ref": Text(example="the id of a schema"), "version": ANY, "altId": Text()}),
            "referencePaths": Items(Text(example="the path of an attribute"), noun="paths"),
        }
    )
)


def _expression(max_bytes: int) -> Members:
    """Profile Query Language, the only one there is: `value` is the expression."""
    value = Text(example="an expression in PQL", max_bytes=max_bytes)
    # The pages show one format, pql/text, and do not say that there is no other.
    members = {"type": Text(words=("PQL",)), "format": Text(example="a format such as pql/text"), "value": value}
    return Members(members, ("type", "value"))


RULE = Members(
    {
        "name": _NAME,
        "description": _DESCRIPTION,
        "condition": _expression(MAX_RULE_BYTES),
        "definedOn": _DEFINED_ON,
    },
    required=("name", "condition"),
    also=("segmentModel", "exdRule", "labels"),
)

FORMULA = Members(
    {
        "name": _NAME,
        "description": _DESCRIPTION,
        "expression": _expression(MAX_FORMULA_BYTES),
        "returnType": Members({"type": Text(example="integer")}),
        "isPure": Flag(),
        "definedOn": _DEFINED_ON,
    },
    required=("name", "expression"),
    also=("exdFunction", "labels"),
)


def _selected(value: Mapping[str, Any], pointer: str) -> Iterator[Violation]:
    """A criterion selects out of a collection, unless it says that it lists what it selects from by itself."""
    if value.get("filter") is None and value.get("optionSelectionType") != "directList":
        yield Violation(f"{pointer}/filter", "nothing", f"{COLLECTION_ID.example}; it is required")


_CRITERION = Members(
    {
        "placements": Items(PLACEMENT_ID, minimum=1, noun="placements"),
        "optionSelection": Members(
            {"optionSelectionType": Text(words=("filter", "directList")), "filter": COLLECTION_ID},
            together=_selected,
            also=("optionList",),
        ),
        "profileConstraint": Members(_PROFILE_MEMBERS),
        "rank": Members({"priority": Whole(0), "order": _ORDER}),
    },
    required=("placements", "optionSelection"),
)


def _decided(value: Mapping[str, Any], pointer: str) -> Iterator[Violation]:
    """A decision's window, and how many placements and collections it may have altogether."""
    yield from _window(value, pointer)
    criteria = value.get("criteria")
    found: dict[str, set[str]] = {"offer-placement": set(), "offer-filter": set()}
    for pointing in _CRITERIA.pointings(criteria, f"{pointer}/criteria"):
        for type_name in pointing.type_names:
            found.get(type_name, set()).add(pointing.target)
    for type_name, noun, maximum in (
        ("offer-placement", "placements", MAX_PLACEMENTS_OF_A_DECISION),
        ("offer-filter", "collections", MAX_COLLECTIONS_OF_A_DECISION),
    ):
        if len(found[type_name]) > maximum:
            yield Violation(f"{pointer}/criteria", f"{len(found[type_name])} {noun}", f"at most {maximum}")


_CRITERIA = Items(_CRITERION, noun="criteria")
DECISION = Members(
    {
        "name": _NAME,
        "description": _DESCRIPTION,
        "status": Text(words=("draft", "live", "complete", "archived")),
        "startDate": Instant(),
        "endDate": Instant(),
        "fallback": FALLBACK_ID,
        "criteria": _CRITERIA,
    },
    required=("name", "status"),
    together=_decided,
    # In the form of 2019 one of each stands in place of the criteria.
    also=("placement", "filter", "labels"),
)
