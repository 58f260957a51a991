"""Checks the form of a manifest before anything in it is rendered: its sections, targets and other words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_offers.campaigns.manifest.entries import OWN_WORDS
from airflow_provider_offers.campaigns.manifest.findings import NAMED, Findings, without_consequences
from airflow_provider_offers.campaigns.manifest.models import SECTIONS, Manifest
from airflow_provider_offers.campaigns.manifest.nodes import Node, leaves, place_in, plain
from airflow_provider_offers.campaigns.manifest.templates import is_template
from airflow_provider_offers.client.errors import Doubt, Violation
from airflow_provider_offers.client.model.checking import findings
from airflow_provider_offers.client.model.likeness import near, perhaps
from airflow_provider_offers.client.model.places import Place, place_of
from airflow_provider_offers.client.model.spelling import escape_token
from airflow_provider_offers.client.secret import WHOLE_CONNECTION, is_whole_connection
from airflow_provider_offers.client.text import quoted

# A template that means the manifest's own names, and not text that Adobe renders.
_OURS = re.compile(r"\{[{%][^}]*\b(?:var|target|row)\b")

_CAMPAIGN = "/campaign"


def check_structure(node: Node, found: Findings) -> None:
    """Add what is wrong in the form of a manifest."""
    check(place_of(Manifest), node, found, below=shallow(node))
    known = {"window": None} | {
        each: None
        for kind in SECTIONS.values()
        for name in kind.place.members
        if name != "name"
        for each in (name, kind.names.wire_name(name)[0])
    }
    _check_final_texts(node, found)
    _check_connections(node, found)
    _check_places(node, found)
    if (defaults := node.members.get("defaults")) is not None:
        for name in defaults.members:
            if name not in known:
                accepted = f"a property of a kind, or window{perhaps(near(name, known))}"
                place = defaults.names[name]
                given = f"{NAMED}{name!r}"
                found.tell(place, given, accepted, f"/defaults/{escape_token(name)}")
    for section, kind in SECTIONS.items():
        entries = node.members.get(section)
        for index, entry in enumerate(entries.items if entries is not None else ()):
            for name in entry.members:
                neutral = kind.names.neutral_name(name)[0]
                meant = near(name, OWN_WORDS) if name not in OWN_WORDS and neutral not in kind.place.known else []
                if meant and not near(name, kind.place.known):
                    accepted = f"a property of the {kind.noun}, or {', '.join(OWN_WORDS)}{perhaps(meant)}"
                    found.tell(entry.names[name], f"{NAMED}{name!r}", accepted, f"/{section}/{index}/{name}")


def _check_connections(node: Node, found: Findings) -> None:
    """Add the connections that are no ids, without a word of them: plans and logs show ids."""
    targets = node.members.get("targets")
    for name, target in targets.members.items() if targets is not None else ():
        given = target.members.get("connection")
        text = None if given is None else given.value
        if given is not None and isinstance(text, str) and is_whole_connection(text) and not is_template(text):
            pointer = f"/targets/{escape_token(name)}/connection"
            found.tell(given.origin, WHOLE_CONNECTION, "the id of an Airflow connection", pointer)


def _check_places(node: Node, found: Findings) -> None:
    """Warn of targets that lead to the same place: they share a state, and each retires what the other one made."""
    first: dict[tuple[Any, Any], str] = {}
    targets = node.members.get("targets")
    for name, target in targets.members.items() if targets is not None else ():
        told = plain(target)
        if not isinstance(told, dict) or not isinstance(told.get("connection"), str):
            continue
        other = first.setdefault((told["connection"], str(told.get("sandbox"))), name)
        if other != name:
            given = f"the connection and the sandbox of the target {quoted(other, 80)}"
            why = "They share one state: with `prune`, each would retire the objects that only the other one has"
            place = f"{target.origin} /targets/{escape_token(name)}"
            found.add(Doubt(place, given, "another connection or sandbox for each target", why))


def _check_final_texts(node: Node, found: Findings) -> None:
    """Add the templates where nothing is rendered: the text would be taken as it is.

    A variable may hold text that Adobe renders, so only a template with names of the manifest is one there.
    """
    heads = [(_CAMPAIGN, node.members["campaign"])] if "campaign" in node.members else []
    groups = [("/variables", node.members["variables"])] if "variables" in node.members else []
    targets = node.members.get("targets")
    for name, target in targets.members.items() if targets is not None else ():
        for word, each in target.members.items():
            (groups if word == "variables" else heads).append((f"/targets/{escape_token(name)}/{word}", each))
    texts = [
        (pointer + below, leaf, is_template(leaf.value)) for pointer, head in heads for below, leaf in leaves(head)
    ]
    texts += [
        (pointer + below, leaf, isinstance(leaf.value, str) and _OURS.search(leaf.value) is not None)
        for pointer, group in groups
        for below, leaf in leaves(group)
    ]
    for pointer, leaf, is_wrong in texts:
        if is_wrong:
            given = f"the template {quoted(leaf.value, 120)}, which is not rendered here"
            accepted = "final text: only objects, defaults, external and moved have templates"
            found.tell(leaf.origin, given, accepted, pointer)


def shallow(node: Node) -> Any:
    """The manifest without the contents of its objects, which are checked when they are rendered."""
    if not isinstance(node.value, dict):
        return plain(node)
    return {
        name: [({} if isinstance(item.value, dict) else plain(item)) for item in each.items]
        if name in SECTIONS and isinstance(each.value, list)
        else plain(each)
        for name, each in node.members.items()
    }


def check(place: Place, node: Node, found: Findings, *, below: Any, pointer: str = "", row: str = "") -> None:
    """Add what is wrong about a value of the manifest's own; `below` is its plain value."""
    for each in without_consequences([*findings(place, below), *_unknown(place, below, "")]):
        if isinstance(each, Doubt) and each.pointer == _CAMPAIGN and is_template(below[_CAMPAIGN[1:]]):
            # The texts that are not rendered have their own error.
            continue
        origin = place_in(node, each.pointer, of_name=each.given.startswith(NAMED))
        found.tell(origin, each.given, each.expected, f"{pointer}{each.pointer}", row)


def _unknown(place: Place, value: Any, pointer: str) -> Iterator[Violation]:
    """The unknown names in a value of the manifest's own."""
    if place.item is not None and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(place.item, item, f"{pointer}/{index}")
    if not isinstance(value, Mapping):
        return
    for name, member in value.items():
        where = f"{pointer}/{escape_token(name)}"
        if place.members and name not in place.members:
            likely = perhaps(near(name, place.members))
            accepted = "a property of the manifest" + (likely or f"; known here are {', '.join(place.members)}")
            yield Violation(where, f"{NAMED}{name!r}", accepted)
        else:
            yield from _unknown(place.below(name), member, where)
