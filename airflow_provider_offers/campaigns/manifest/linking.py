"""Checks what spans several objects: names given twice, references by name, objects of others, and new names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from airflow_provider_offers.campaigns.manifest.entries import Filled, FilledObjects
from airflow_provider_offers.campaigns.manifest.findings import Findings
from airflow_provider_offers.campaigns.manifest.models import MOVED, SECTION_OF, SECTIONS
from airflow_provider_offers.campaigns.manifest.nodes import Node, place_in
from airflow_provider_offers.campaigns.objects import Key, Move, Origin, WantedByKey
from airflow_provider_offers.client.errors import Doubt
from airflow_provider_offers.client.model.identifiers import NAME_PREFIX
from airflow_provider_offers.client.model.kinds import KINDS, kinds_of
from airflow_provider_offers.client.model.likeness import near, perhaps
from airflow_provider_offers.client.model.places import Pointing, pointings
from airflow_provider_offers.client.model.respelling import bare_name
from airflow_provider_offers.client.text import quoted

External = Sequence[tuple[Key, Origin]]
Moves = Sequence[tuple[Move, Node]]


def external_of(node: Node | None, findings: Findings) -> External:
    """The objects of others, each with its place."""
    found: dict[Key, Origin] = {}
    for section, names in (node.members if node is not None else {}).items():
        for index, each in enumerate(names.items):
            if section not in SECTIONS or not isinstance(each.value, str):
                continue
            key = SECTIONS[section].key, each.value.strip()
            if key in found:
                given, accepted = f"{each.value!r} a second time", f"each name once; it is already at {found[key]}"
                findings.tell(each.origin, given, accepted, f"/external/{section}/{index}")
            found.setdefault(key, each.origin)
    return list(found.items())


def moves_of(node: Node | None) -> Moves:
    """The new names of objects, each with its node."""
    moves = []
    for each in node.items if node is not None else ():
        kind, old, new = (each.members[name].value if name in each.members else None for name in ("kind", "from", "to"))
        if isinstance(old, str) and isinstance(new, str) and isinstance(kind, str) and kind in MOVED:
            moves.append((Move(MOVED[kind], old, new, each.origin), each))
    return moves


def check_links(
    filled: FilledObjects, external: External, moved: Moves, findings: Findings, unknown: Collection[str]
) -> None:
    """Add what is wrong between objects. The names of the kinds in `unknown` are not all known."""
    first = WantedByKey(filled.wanted)
    for index in range(len(filled)):
        key = filled.wanted.key(index)
        if first.position(key) != index:
            each = filled[index]
            place = each.entry.place("/name")
            accepted = f"each name once for a kind; it is already at {first[key].origin}"
            given = f"a second {each.entry.kind.noun} of the name {quoted(key[1], 80)}"
            findings.tell(place, given, accepted, f"{each.entry.pointer}/name", each.row)
    _check_alike(filled, findings)
    for key, origin in external:
        if key in first:
            given = f"the {KINDS[key[0]].noun} {quoted(key[1], 80)}, which the manifest describes itself"
            accepted = f"an object of others; the manifest's own is at {first[key].origin}"
            findings.tell(origin, given, accepted, f"/external/{SECTION_OF[key[0]]}")
    others = {key for key, _ in external}
    for each in filled:
        for pointing in pointings(each.entry.kind.place, each.wanted.properties):
            _check_reference(each, pointing, first, others, findings, unknown)
    _check_moves(moved, first, findings, unknown)


def _check_alike(filled: FilledObjects, findings: Findings) -> None:
    """Warn of names that look the same: they are two objects, and most often one of them is misspelt."""
    # Hashes take less memory than the names.
    first: dict[int, int] = {}
    for index in range(len(filled)):
        kind, name = filled.wanted.key(index)
        other = first.setdefault(hash((kind, bare_name(name))), index)
        if other == index or filled.wanted.key(other) == (kind, name):
            continue
        each, before = filled[index], filled.wanted[other]
        given = f"{quoted(name, 80)}, which looks like {quoted(before.name, 80)} at {before.origin}"
        accepted = "a name that differs in more than case, blanks or the form of its letters"
        place = f"{each.entry.place('/name')} {each.entry.pointer}/name"
        findings.add(Doubt(place, given, accepted, f"There will be two {each.entry.kind.noun}s"), each.row)


def _check_reference(
    each: Filled,
    pointing: Pointing,
    own: Collection[Key],
    external: Collection[Key],
    findings: Findings,
    unknown: Collection[str],
) -> None:
    name, kinds = pointing.name, kinds_of(pointing.type_names)
    if name is None:
        return
    place, where = each.entry.place(pointing.pointer), f"{each.entry.pointer}{pointing.pointer}"
    meant = [kind.noun for kind in kinds if (kind.key, name) in own or (kind.key, name) in external]
    if len(meant) > 1:
        given = f"{quoted(pointing.target, 120)}, which is the name of a {' and of a '.join(meant)}"
        findings.tell(place, given, "the name of only one object, or the id of one", where, each.row)
    if meant or any(kind.key in unknown for kind in kinds):
        return
    known = {*own, *external}
    nouns = " or ".join(kind.noun for kind in kinds)
    others = [KINDS[key].noun for key, each_name in known if each_name == name]
    likely = near(name, [each_name for key, each_name in known if key in {kind.key for kind in kinds}])
    sections = " or ".join(f"external.{SECTION_OF[kind.key]}" for kind in kinds)
    given = quoted(pointing.target, 120) + (f", the name of a {' and a '.join(others)}" if others else "")
    accepted = f"{NAME_PREFIX} and a {nouns} of the manifest or of {sections}{perhaps(likely)}"
    findings.tell(place, given, accepted, where, each.row)


def _check_moves(moved: Moves, first: Collection[Key], findings: Findings, unknown: Collection[str]) -> None:
    ends: set[tuple[str, Key]] = set()
    nexts = {(each.kind.key, each.old): (each.kind.key, each.new) for each, _ in moved}
    for index, (each, node) in enumerate(moved):
        old, new = (each.kind.key, each.old), (each.kind.key, each.new)
        where = f"/moved/{index}"
        if old == new:
            findings.tell(each.origin, "one name twice", "two names", where)
        elif each.kind.key not in unknown and _last(new, nexts) not in first:
            likely = perhaps(near(each.new, [name for key, name in first if key == each.kind.key]))
            given = f"{quoted(each.new, 80)}, which no {each.kind.noun} of the manifest has"
            findings.tell(place_in(node, "/to"), given, f"the name of one of its objects{likely}", f"{where}/to")
        elif old in first:
            given = f"{quoted(each.old, 80)}, which a {each.kind.noun} of the manifest has"
            findings.tell(place_in(node, "/from"), given, "a name that no object has any more", f"{where}/from")
        for way, end in (("from", old), ("to", new)):
            if (way, end) in ends:
                given = f"{quoted(end[1], 80)} as `{way}` in two moves"
                findings.tell(each.origin, given, "each name once as `from` and once as `to`", where)
            ends.add((way, end))


def _last(name: Key, nexts: Mapping[Key, Key]) -> Key:
    """The name to which all moves lead from this one; an object may have moved several times."""
    seen: set[Key] = set()
    while name in nexts and name not in seen:
        seen.add(name)
        name = nexts[name]
    return name
