"""One entry of a section: its own words beside the object's properties, the defaults, and the checked object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_offers.campaigns.findings import Findings
from airflow_provider_offers.campaigns.nodes import Node, mapping_of, place_in
from airflow_provider_offers.campaigns.objects import Lifecycle, Origin, WantedObject
from airflow_provider_offers.campaigns.templates import is_template
from airflow_provider_offers.client.errors import Doubt, InvalidInputError, UnsupportedError, Violation
from airflow_provider_offers.client.model.cleaning import tidied, word_of
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.facts import RefersTo
from airflow_provider_offers.client.model.identifiers import NAME_PREFIX, name_in
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.names import UNKNOWN
from airflow_provider_offers.client.model.places import Place, targets
from airflow_provider_offers.client.model.validation import offer_findings
from airflow_provider_offers.client.model.windows import window_from, with_window

# The words of an entry that are not properties of its object.
FOR_EACH, WINDOW, LIFECYCLE, TEMPLATES = "for_each", "window", "lifecycle", "templates"
OWN_WORDS = (FOR_EACH, WINDOW, LIFECYCLE, TEMPLATES)
_DATES = ("startDate", "endDate")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the manifest: `document` holds the object's properties, `own` the other words."""

    kind: Kind
    node: Node
    pointer: str
    document: Node
    own: Mapping[str, Node]

    @property
    def rendered(self) -> bool:
        """Whether its templates are rendered."""
        return TEMPLATES not in self.own or self.own[TEMPLATES].value is not False

    def place(self, pointer: str, *, of_name: bool = False) -> Origin:
        """The place of a pointer into the object or to one of its own words."""
        first = pointer.removeprefix("/").partition("/")[0]
        if first in self.own and first not in self.document.members:
            own = mapping_of(self.own, self.node.origin, self.node.names)
            return place_in(own, pointer, of_name=of_name)
        return place_in(self.document, pointer, of_name=of_name)


def entry_of(kind: Kind, node: Node, pointer: str, defaults: Mapping[str, tuple[Node, Origin]]) -> Entry:
    """The entry at a node, with the defaults that its kind has."""
    own = {name: each for name, each in node.members.items() if name in OWN_WORDS}
    members = {name: each for name, each in node.members.items() if name not in OWN_WORDS}
    names = {name: node.names[name] for name in members}
    given = members["_instance"].members if "_instance" in members else members
    known = {kind.names.neutral_name(name)[0] for name in given}
    for name, (value, origin) in defaults.items():
        neutral = kind.names.neutral_name(name)[0]
        if name == WINDOW:
            own |= _window(kind, value, own.get(WINDOW), given)
        elif neutral not in known and _takes(kind, neutral, value.value):
            members[name], names[name] = value, origin
    return Entry(kind, node, pointer, mapping_of(members, node.origin, names), own)


def _takes(kind: Kind, name: str, value: Any) -> bool:
    """Whether a default applies to a kind: a property that the service keeps, and a status that the kind has."""
    if name == "status" and isinstance(value, str) and not is_template(value):
        return word_of(kind.statuses, value) in kind.statuses
    return name in kind.place.members and name not in kind.write_only


def _window(kind: Kind, default: Node, own: Node | None, given: Mapping[str, Node]) -> dict[str, Node]:
    """The window of an entry: its own members, and those of the default."""
    if kind.window is None:
        return {}
    holder = given
    for step in kind.window:
        spelled = kind.names.wire_name(step)[0]
        holder = holder.get(step, holder.get(spelled, default)).members if step in holder or spelled in holder else {}
    if own is None:
        dated = any(name.rpartition(":")[2] in _DATES for name in holder)
        return {} if dated else {WINDOW: default}
    if not isinstance(own.value, dict) or not isinstance(default.value, dict):
        return {}
    # An end and a duration exclude each other.
    ends = {"end", "duration"}
    left_out = ends if ends & own.members.keys() else set()
    kept = {name: each for name, each in default.members.items() if name not in left_out}
    merged = {**kept, **own.members}
    return {WINDOW: mapping_of(merged, own.origin, {**default.names, **own.names})}


@dataclass(frozen=True, slots=True)
class Filled:
    """An object of an entry, and the row that it was filled with."""

    entry: Entry
    wanted: WantedObject
    row: str = ""


class Checker:
    """Turns rendered documents into wanted objects. Everything that is wrong becomes a finding."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def object_of(
        self, entry: Entry, document: Any, window: Any, lifecycle: Lifecycle, row: str
    ) -> WantedObject | None:
        """The checked object; None with findings."""
        kind, before = entry.kind, len(self._findings)
        try:
            properties = neutral_payload(document, kind)
        except InvalidInputError as error:
            for each in error.violations:
                self.tell(entry, each, row)
            return None
        if window is not None:
            properties = self._with_window(entry, properties, window, row)
        clean = with_names(kind.place, tidied(kind, properties))
        for finding in offer_findings(kind, clean, document):
            self.tell(entry, finding, row)
        name = clean.get("name")
        if len(self._findings) > before or not isinstance(name, str):
            return None
        origin = entry.node.origin
        return WantedObject(kind, name, clean, Origin(origin.file, origin.line, origin.column, row), lifecycle)

    def _with_window(self, entry: Entry, properties: dict[str, Any], window: Any, row: str) -> dict[str, Any]:
        kind = entry.kind
        holder = properties
        for step in kind.window or ():
            inner = holder.get(step)
            holder = inner if isinstance(inner, dict) else {}
        if kind.window is not None and (twice := [name for name in _DATES if name in holder]):
            given = f"a window beside {' and '.join(twice)}"
            self.tell(entry, Violation(f"/{WINDOW}", given, "one of the two"), row)
            return properties
        try:
            found = window_from(window)
            for doubt, said in found.doubts.items():
                self.tell(entry, Violation(f"/{WINDOW}", said, f"a window without this doubt ({doubt})"), row)
            return with_window(kind, properties, found)
        except UnsupportedError as error:
            self.tell(entry, Violation(f"/{WINDOW}", f"a window. {error}", "no window"), row)
        except InvalidInputError as error:
            for each in error.violations:
                member = each.pointer.removeprefix("window").strip("/")
                where = f"/{WINDOW}/{member}" if member in ("start", "end", "duration", "timezone") else f"/{WINDOW}"
                place = entry.place(f"/{WINDOW}/{member}")
                self._findings.add(replace_pointer(each, f"{place} {entry.pointer}{where}"), row)
        return properties

    def tell(self, entry: Entry, finding: Violation, row: str = "") -> None:
        """Add a finding whose pointer leads into the entry."""
        unknown = isinstance(finding, Doubt) and finding.page == UNKNOWN
        place = entry.place(finding.pointer, of_name=finding.given.startswith("the property "))
        where = f"{place} {entry.pointer}{finding.pointer}"
        if unknown:
            # A manifest is reviewed once and applied often: what nobody knows is a slip.
            finding = Violation(finding.pointer, finding.given, finding.accepted)
        self._findings.add(replace_pointer(finding, where), row)


def replace_pointer(finding: Violation, pointer: str) -> Violation:
    """The finding at another place."""
    return replace(finding, pointer=pointer)


def with_names(place: Place, value: Any) -> Any:
    """The value with every reference by name in one spelling: `name:` and the name without blanks around it."""
    if place.fact(RefersTo) is not None:
        name = name_in(value) if isinstance(value, str) else None
        return value if name is None else f"{NAME_PREFIX}{name}"
    if not targets(place):
        return value
    if isinstance(value, dict):
        return {name: with_names(place.below(name), member) for name, member in value.items()}
    if isinstance(value, list):
        return [with_names(place.below(str(index)), item) for index, item in enumerate(value)]
    return value
