"""The response to a decision request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_offers.emulator.runtime.deciding import Option, Proposition, representation
from airflow_provider_offers.emulator.runtime.decision_request import METADATA, Terms
from airflow_provider_offers.emulator.store.library import Record

_PLACEMENT_SWITCHES: Mapping[str, tuple[str, str]] = {
    "decisionName": ("activity", "name"),
    "offerName": ("option", "name"),
    "offerAttributes": ("option", "characteristics"),
    "offerPriority": ("option", "priority"),
    "placementName": ("placement", "name"),
    "channelType": ("placement", "channel"),
    "contentType": ("placement", "componentType"),
}
"""The names in a request's `xdm:includeMetadata` for those in a placement's `returnMetaData`."""


def write(proposition: Proposition, terms: Terms, *, older: bool = False) -> dict[str, Any]:
    """One proposition: the decision, the placement, and options or a fallback; `older` is the form of 2020."""
    document = _written(proposition, terms)
    return _as_in_2020(document) if older else document


def _as_in_2020(document: Any) -> Any:
    """The same with etags as texts."""
    if isinstance(document, list):
        return [_as_in_2020(each) for each in document]
    if not isinstance(document, dict):
        return document
    return {name: str(value) if name == "repo:etag" else _as_in_2020(value) for name, value in document.items()}


def _written(proposition: Proposition, terms: Terms) -> dict[str, Any]:
    placement = proposition.question.placement
    metadata = _metadata(terms, placement)
    content = terms.content if terms.content is not None else bool(placement.body.get("returnContent"))

    def shown(option: Option) -> dict[str, Any]:
        document = _described(option.offer, metadata["option"])
        if content:
            document |= component(option.offer, placement)
        return document | ({} if option.score is None else {"xdm:score": option.score})

    document: dict[str, Any] = {
        "xdm:activity": _described(proposition.question.activity, metadata["activity"]),
        "xdm:placement": _described(placement, metadata["placement"]),
    }
    if proposition.options:
        document["xdm:options"] = [shown(each) for each in proposition.options]
    elif proposition.fallback is not None:
        document["xdm:fallback"] = shown(Option(proposition.fallback))
    return document


def component(offer: Record, placement: Record) -> dict[str, Any]:
    """The content of an offer in a placement: the first component with the placement's type, else the first one."""
    found = representation(offer, placement.id)
    if found is None or not found.get("components"):
        return {}
    written = offer.kind.shape.write({"representations": [found]}, "xcore")
    components: Sequence[dict[str, Any]] = written["xdm:representations"][0]["xdm:components"]
    wanted = placement.kind.shape.write(dict(placement.body), "xcore").get("xdm:componentType")
    return next((each for each in components if each.get("@type") == wanted), components[0])


def _metadata(terms: Terms, placement: Record) -> Mapping[str, Sequence[str]]:
    """The metadata that the request selects, else the metadata that the placement selects."""
    if terms.metadata is not None:
        return terms.metadata
    chosen: dict[str, list[str]] = {name: [] for name in METADATA}
    switches = placement.body.get("returnMetaData")
    for switch, (about, name) in _PLACEMENT_SWITCHES.items():
        if isinstance(switches, Mapping) and switches.get(switch) is True:
            chosen[about].append(name)
    return chosen


def _described(record: Record, names: Sequence[str]) -> dict[str, Any]:
    document: dict[str, Any] = {"xdm:id": record.id, "repo:etag": record.etag}
    written = record.kind.shape.write(dict(record.body), "xcore")
    for name in names:
        value = record.body.get("rank", {}).get("priority") if name == "priority" else written.get(f"xdm:{name}")
        if value is not None:
            document[f"xdm:{name}"] = value
    return document
