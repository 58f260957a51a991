"""One entry of a section: its own words beside the object's properties, the defaults, and the checked object."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

from airflow_provider_offers.campaigns.manifest.findings import NAMED, Findings, without_consequences
from airflow_provider_offers.campaigns.manifest.models import EntryWords
from airflow_provider_offers.campaigns.manifest.nodes import Node, mapping_of, place_in
from airflow_provider_offers.campaigns.manifest.templates import is_template
from airflow_provider_offers.campaigns.objects import Lifecycle, Origin, WantedObject, WantedObjects
from airflow_provider_offers.client.errors import Doubt, InvalidInputError, Violation
from airflow_provider_offers.client.model.cleaning import tidied, word_of
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.facts import RefersTo
from airflow_provider_offers.client.model.identifiers import NAME_PREFIX, name_in
from airflow_provider_offers.client.model.kinds import KINDS, Kind
from airflow_provider_offers.client.model.names import UNKNOWN
from airflow_provider_offers.client.model.places import Place, targets
from airflow_provider_offers.client.model.spelling import escape_token
from airflow_provider_offers.client.model.validation import offer_findings
from airflow_provider_offers.client.model.windows import OfferWindow, window_from, with_window

# The words of an entry that are not properties of its object.
FOR_EACH, WINDOW, LIFECYCLE, TEMPLATES = "for_each", "window", "lifecycle", "templates"
OWN_WORDS = tuple(EntryWords.model_fields)
_DATES = ("startDate", "endDate")
# So many windows are remembered: each row may have another one.
_WINDOWS = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the manifest: `document` holds the object's properties, `own` the other words.

    `inherited` are the pointers of what comes from the defaults.
    """

    kind: Kind
    node: Node
    pointer: str
    document: Node
    own: Mapping[str, Node]
    inherited: frozenset[str] = frozenset()

    @property
    def rendered(self) -> bool:
        """Whether its templates are rendered."""
        return TEMPLATES not in self.own or self.own[TEMPLATES].value is not False

    def shown(self, pointer: str) -> str:
        """A pointer into the object, as a pointer into the manifest."""
        inner = pointer.removeprefix("/_instance")
        inherited = any(f"{inner}/".startswith(f"{each}/") for each in self.inherited)
        return f"/defaults{inner}" if inherited else f"{self.pointer}{pointer}"

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
    document = _without(node, OWN_WORDS)
    envelope = document.members.get("_instance")
    content = document if envelope is None else envelope
    known = {kind.names.neutral_name(name)[0] for name in content.members}
    members, names = dict(content.members), dict(content.names)
    inherited: set[str] = set()
    for name, (value, origin) in defaults.items():
        neutral = kind.names.neutral_name(name)[0]
        if name == WINDOW:
            own |= _window(kind, value, own.get(WINDOW), content.members, inherited)
        elif neutral not in known and _takes(kind, neutral, value.value):
            members[name], names[name] = value, origin
            inherited.add(f"/{escape_token(name)}")
    filled = mapping_of(members, content.origin, names)
    if envelope is not None:
        filled = mapping_of({**document.members, "_instance": filled}, document.origin, document.names)
    return Entry(kind, node, pointer, filled, own, frozenset(inherited))


def _without(node: Node, left_out: Collection[str]) -> Node:
    """The mapping without some members."""
    members = {name: each for name, each in node.members.items() if name not in left_out}
    return mapping_of(members, node.origin, {name: node.names[name] for name in members})


def _takes(kind: Kind, name: str, value: Any) -> bool:
    """Whether a default applies to a kind: a property that the service keeps, and a status that the kind has.

    A status that no kind has applies to all kinds with a status, so that their checks find it.
    """
    if name == "status" and isinstance(value, str) and not is_template(value):
        holders = [each for each in KINDS.values() if word_of(each.statuses, value) in each.statuses]
        return bool(kind.statuses) and (not holders or kind in holders)
    return name in kind.place.members and name not in kind.write_only


def _window(
    kind: Kind, default: Node, own: Node | None, given: Mapping[str, Node], inherited: set[str]
) -> dict[str, Node]:
    """The window of an entry: its own members, and those of the default."""
    if kind.window is None:
        return {}
    holder = given
    for step in kind.window:
        spelled = kind.names.wire_name(step)[0]
        holder = holder.get(step, holder.get(spelled, default)).members if step in holder or spelled in holder else {}
    if own is None:
        dated = any(name.rpartition(":")[2] in _DATES for name in holder)
        inherited |= set() if dated else {f"/{WINDOW}"}
        return {} if dated else {WINDOW: default}
    if not isinstance(own.value, dict) or not isinstance(default.value, dict):
        return {}
    # An end and a duration exclude each other.
    ends = {"end", "duration"}
    left_out = ends if ends & own.members.keys() else set()
    kept = {name: each for name, each in default.members.items() if name not in left_out}
    merged = {**kept, **own.members}
    inherited |= {f"/{WINDOW}/{name}" for name in kept.keys() - own.members.keys()}
    return {WINDOW: mapping_of(merged, own.origin, {**default.names, **own.names})}


@dataclass(frozen=True, slots=True)
class Filled:
    """An object of an entry, and the row that it was filled with."""

    entry: Entry
    wanted: WantedObject
    row: str = ""


class FilledObjects(Sequence[Filled]):
    """The objects of a manifest with their entries, in little memory."""

    __slots__ = ("_entries", "_starts", "wanted")

    def __init__(self) -> None:
        self.wanted = WantedObjects()
        # Each entry with the index of its first object.
        self._entries: list[Entry] = []
        self._starts: list[int] = []

    def append(self, filled: Filled) -> None:
        """Add an object. Those of one entry follow each other."""
        if not self._entries or self._entries[-1] is not filled.entry:
            self._entries.append(filled.entry)
            self._starts.append(len(self.wanted))
        self.wanted.append(filled.wanted)

    def __len__(self) -> int:
        return len(self.wanted)

    @overload
    def __getitem__(self, index: int) -> Filled: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Filled]: ...
    def __getitem__(self, index: int | slice) -> Filled | Sequence[Filled]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        wanted = self.wanted[index]
        return Filled(self._entries[bisect_right(self._starts, index) - 1], wanted, wanted.origin.row)


class Checker:
    """Turns rendered documents into wanted objects. Everything that is wrong becomes a finding."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._windows: dict[str, OfferWindow] = {}

    def object_of(
        self, entry: Entry, document: Any, window: Any, lifecycle: Lifecycle, row: str
    ) -> WantedObject | None:
        """The checked object; None with findings."""
        kind, before = entry.kind, self._findings.count
        try:
            properties = neutral_payload(document, kind)
        except InvalidInputError as error:
            for each in error.violations:
                self.tell(entry, each, row)
            return None
        if window is not None:
            dated = self._with_window(entry, properties, window, row)
            if dated is None:
                return None
            properties = dated
        clean = with_names(kind.place, tidied(kind, properties))
        for finding in without_consequences(offer_findings(kind, clean, document)):
            self.tell(entry, finding, row)
        name = clean.get("name")
        if self._findings.count > before or not isinstance(name, str):
            return None
        origin = entry.node.origin
        return WantedObject(kind, name, clean, Origin(origin.file, origin.line, origin.column, row), lifecycle)

    def _with_window(self, entry: Entry, properties: dict[str, Any], window: Any, row: str) -> dict[str, Any] | None:
        """The properties with the window; None with findings."""
        kind = entry.kind
        if kind.window is None:
            self.tell(entry, Violation(f"/{WINDOW}", f"a window of a {kind.noun}", "no window: it has none"), row)
            return None
        holder = properties
        for step in kind.window:
            inner = holder.get(step)
            holder = inner if isinstance(inner, dict) else {}
        if twice := [name for name in _DATES if name in holder]:
            given = f"a window beside {' and '.join(twice)}"
            self.tell(entry, Violation(f"/{WINDOW}", given, "one of the two"), row)
            return None
        try:
            found = self._window(window)
            for doubt, said in found.doubts.items():
                self.tell(entry, Violation(f"/{WINDOW}", said, f"a window without this doubt ({doubt})"), row)
            return None if found.doubts else with_window(kind, properties, found)
        except InvalidInputError as error:
            for each in error.violations:
                member = each.pointer.removeprefix("window").strip("/")
                where = f"/{WINDOW}" if "," in member or not member else f"/{WINDOW}/{member}"
                given = f"{NAMED}{member!r}" if each.given == "an unknown member" else each.given
                self.tell(entry, replace(each, pointer=where, given=given), row)
        return None

    def _window(self, given: Any) -> OfferWindow:
        """The window of an author's values; most objects of a campaign have the same one."""
        key = repr(given)
        if key not in self._windows:
            if len(self._windows) == _WINDOWS:
                self._windows.clear()
            self._windows[key] = window_from(given)
        return self._windows[key]

    def tell(self, entry: Entry, finding: Violation, row: str = "") -> None:
        """Add a finding whose pointer leads into the entry."""
        unknown = isinstance(finding, Doubt) and finding.page == UNKNOWN
        of_name = finding.given.startswith((NAMED, "both as "))
        place, shown = entry.place(finding.pointer, of_name=of_name), entry.shown(finding.pointer)
        if unknown:
            # A manifest is reviewed once and applied often: what nobody knows is a slip.
            finding = Violation(finding.pointer, finding.given, finding.expected)
        # A default is the same for all rows, unless a template in it uses them.
        row = "" if shown.startswith("/defaults/") and "row" not in finding.given else row
        self._findings.add(replace(finding, pointer=f"{place} {shown}"), row)


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
