"""The names that generation 1 spells differently: properties of each kind, and what the repository keeps beside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_offers.client.model.spelling import PLAIN, Spelled, neutral_tokens

_COMPONENT = "https://ns.adobe.com/experience/offer-management/content-component-"

# Wire name to neutral name of what stands beside `_instance`.
ENVELOPE = {
    "instanceId": "instanceId",
    "repo:etag": "etag",
    "repo:createdDate": "created",
    "repo:lastModifiedDate": "modified",
    "repo:createdBy": "createdBy",
    "repo:lastModifiedBy": "lastModifiedBy",
    "repo:createdByClientId": "createdByClientId",
    "repo:lastModifiedByClientId": "lastModifiedByClientId",
}
# Those of them that generation 2 has among the properties, where a patch may test them.
BESIDE = {name: ENVELOPE[name] for name in ("repo:etag", "repo:createdDate", "repo:lastModifiedDate")}
# Receipts of dps name two of them in another way.
_OTHER_NAMES = {"createdDate": "created", "lastModifiedDate": "modified"}


def _xdm(*plain: str, **nested: Spelled) -> dict[str, tuple[str, Spelled]]:
    return {name: (f"xdm:{name}", PLAIN) for name in plain} | {
        name: (f"xdm:{name}", child) for name, child in nested.items()
    }


def _long_type(value: Any) -> Any:
    """`html` and `component-text` to the URI of generation 1; a URI stays one."""
    if not isinstance(value, str) or ":" in value or not value:
        return value
    return _COMPONENT + value.removeprefix("component-")


def _short_type(value: Any) -> Any:
    """The URI to what dps writes: `component-text` for text, the bare word for the others."""
    if not isinstance(value, str) or not value.startswith(_COMPONENT):
        return value
    word = value.removeprefix(_COMPONENT)
    if not word or ":" in word or word.startswith("component-"):
        return value
    return "component-text" if word == "text" else word


def _short_word(value: Any) -> Any:
    """The URI to the bare word, as a placement has it in dps."""
    if not isinstance(value, str) or not value.startswith(_COMPONENT):
        return value
    word = value.removeprefix(_COMPONENT)
    return value if not word or ":" in word or word.startswith("component-") else word


def _words(**dashed_by_camel: str) -> Spelled:
    """A leaf of which some words are in camel case here and have dashes in generation 2."""
    camel_by_dashed = {dashed: camel for camel, dashed in dashed_by_camel.items()}

    def to_wire(value: Any) -> Any:
        return camel_by_dashed.get(value, value) if isinstance(value, str) else value

    def to_neutral(value: Any) -> Any:
        return dashed_by_camel.get(value, value) if isinstance(value, str) else value

    return Spelled(to_wire=to_wire, to_neutral=to_neutral)


_COMPONENT_NAMES = Spelled(
    members={
        "type": ("@type", Spelled(to_wire=_long_type, to_neutral=_short_type)),
        "format": ("dc:format", PLAIN),
        "language": ("dc:language", PLAIN),
        **_xdm("content", "copyline", "deliveryURL", "linkURL"),
    }
)
_REPRESENTATION = Spelled(members=_xdm("channel", "placement", components=Spelled(items=_COMPONENT_NAMES)))
_PROFILE = ("profileConstraintType", "eligibilityRule", "segmentIdentities")
_SELECTION = Spelled(members=_xdm("startDate", "endDate", *_PROFILE))
_ORDER = Spelled(
    members=_xdm("rankingStrategy", "function", orderEvaluationType=_words(rankingStrategy="ranking-strategy"))
)
_FREQUENCY = Spelled(
    members=_xdm(
        "enabled",
        "limit",
        "startDate",
        "endDate",
        "scope",
        "entity",
        "placement",
        "events",
        "customQuery",
        "duration",
        "index",
        repeat=Spelled(members=_xdm("enabled", "unit", "unitCount")),
    )
)

_ID = {"id": ("@id", PLAIN)}
OFFER = Spelled(
    members={
        **_ID,
        **_xdm(
            "name",
            "description",
            "status",
            "tags",
            "characteristics",
            representations=Spelled(items=_REPRESENTATION),
            selectionConstraint=_SELECTION,
            rank=Spelled(members=_xdm("priority", order=_ORDER)),
            cappingConstraint=Spelled(members=_xdm("globalCap", "profileCap")),
            frequencyCappingConstraints=Spelled(items=_FREQUENCY),
        ),
    }
)


PLACEMENT = Spelled(
    members={
        **_ID,
        **_xdm(
            "name",
            "description",
            "channel",
            "contentTypes",
            "itemCount",
            "allowDuplicatePlacements",
            "returnContent",
            "returnMetaData",
            componentType=Spelled(to_wire=_long_type, to_neutral=_short_word),
        ),
    }
)
TAG = Spelled(members={**_ID, **_xdm("name", "description")})
COLLECTION = Spelled(
    members={**_ID, **_xdm("name", "description", "ids", filterType=_words(anyTags="any-tags", allTags="all-tags"))}
)
# The version of a schema has no prefix in either generation.
_SCHEMA = Spelled(members={"ref": ("$ref", PLAIN)})
_DEFINED_ON = Spelled(values=Spelled(members=_xdm("referencePaths", schema=_SCHEMA)))
_EXPRESSION = Spelled(members=_xdm("type", "format", "value"))
# The pages write and read a rule's description and condition without a prefix; reads have been seen with one.
_CONDITION = Spelled(
    members={name: (name, PLAIN) for name in ("type", "format", "value")}, either=_xdm("type", "format", "value")
)
RULE = Spelled(
    members={
        **_ID,
        **_xdm("name", definedOn=_DEFINED_ON),
        "description": ("description", PLAIN),
        "condition": ("condition", _CONDITION),
    },
    either=_xdm("description", condition=_EXPRESSION),
)
# Generation 1 documents no calls for formulas, but their schema references are seen in either spelling.
FORMULA = Spelled(
    members={
        **_ID,
        **_xdm(
            "name",
            "description",
            "isPure",
            expression=_EXPRESSION,
            returnType=Spelled(members=_xdm("type")),
            definedOn=_DEFINED_ON,
        ),
    }
)
_CRITERION = Spelled(
    members=_xdm(
        "placements",
        optionSelection=Spelled(members=_xdm("filter", "optionSelectionType")),
        profileConstraint=Spelled(members=_xdm(*_PROFILE)),
        rank=Spelled(members=_xdm("priority", order=_ORDER)),
    )
)
DECISION = Spelled(
    members={
        **_ID,
        **_xdm(
            "name",
            "description",
            "status",
            "startDate",
            "endDate",
            "fallback",
            # The form of 2019, in place of criteria.
            "placement",
            "filter",
            criteria=Spelled(items=_CRITERION),
        ),
    }
)


def neutral_path(path: str, names: Spelled = OFFER) -> list[str]:
    """A dotted property path in either generation's spelling as neutral tokens."""
    if path in ENVELOPE:
        return [ENVELOPE[path]]
    if path in _OTHER_NAMES:
        return [_OTHER_NAMES[path]]
    tokens = path.split(".")
    if tokens[0] == "_instance" and len(tokens) > 1:
        tokens = tokens[1:]
    return neutral_tokens(tokens, names)[0]


def with_criterion(names: Spelled, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Neutral properties of any kind; a decision in the form of 2019 gets one criterion out of that form's members.

    They name a placement and a collection beside the fallback. Beside criteria they stay what they are.
    """
    flat = {"placement", "filter"} & properties.keys()
    if names is not DECISION or not flat or "criteria" in properties:
        return dict(properties)
    rest = {name: value for name, value in properties.items() if name not in flat}
    criterion: dict[str, Any] = {}
    if "placement" in flat:
        placement = properties["placement"]
        criterion["placements"] = placement if isinstance(placement, list) else [placement]
    if "filter" in flat:
        criterion["optionSelection"] = {"filter": properties["filter"]}
    return {**rest, "criteria": [criterion]}


def is_prefixed(payload: Mapping[str, Any]) -> bool:
    """Whether a payload is written in this generation's names, so that messages can speak its language."""
    return "_instance" in payload or any(isinstance(name, str) and name.startswith("xdm:") for name in payload)
