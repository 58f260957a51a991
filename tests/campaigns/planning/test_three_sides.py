"""The table of the three sides, for any base, live and wanted values: what changes, what conflicts, what stays."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.campaigns.planning.comparing import Differences, compare, symbolic
from airflow_provider_offers.campaigns.planning.snapshot import Names
from airflow_provider_offers.campaigns.plans import ABSENT, Change, Plan
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import KINDS, PERSONALIZED, Kind
from airflow_provider_offers.emulator import Emulator
from tests.campaigns.making import WINDOW, campaign, plan, planned, put, state, wanted
from tests.effort import examples

TEXT = [{"type": "html", "format": "text/html", "content": "<p/>"}]
# The leaves of an offer that a test may set, with three values of each.
LEAVES: dict[str, tuple[Any, ...]] = {
    "/status": ("draft", "approved"),
    "/description": ("one", "two", "three"),
    "/rank/priority": (1, 2, 3),
    "/cappingConstraint/globalCap": (1, 2, 3),
    "/cappingConstraint/profileCap": (1, 2, 3),
    "/characteristics/a": ("one", "two", "three"),
    "/characteristics/b~1c": ("one", "two", "three"),
    "/representations": ([], [{"placement": Emulator.PLACEMENT_ID, "components": TEXT}]),
    "/tags": ([Emulator.TAG_ID], ["name:Sale", "name:Checking"], ["name:Banking"]),
}
TAG_IDS = {
    Emulator.TAG_ID: Emulator.TAG_ID,
    "name:Sale": Emulator.TAG_ID,
    "name:Checking": "xcore:tag:124f4e5c8a00cd92",
    "name:Banking": "xcore:tag:1229cf47455177b1",
}
REQUIRED = ("/status", "/rank/priority")
Sides = tuple[Any, Any, Any]


@st.composite
def every_side(draw: st.DrawFn) -> dict[str, Sides]:
    """Base, live and wanted of each leaf; a required leaf is everywhere."""
    sides = {}
    for pointer, values in LEAVES.items():
        given = st.sampled_from(values if pointer in REQUIRED else (ABSENT, *values))
        sides[pointer] = (draw(given), draw(given), draw(given))
    return sides


def document(sides: Mapping[str, Sides], side: int) -> dict[str, Any]:
    """The document of one of the sides."""
    made: dict[str, Any] = {}
    for pointer, values in sides.items():
        if values[side] is not ABSENT:
            put_at(made, pointer, copy.deepcopy(values[side]))
    return made


def tokens_of(pointer: str) -> list[str]:
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def put_at(made: dict[str, Any], pointer: str, value: Any) -> None:
    """Set the value of a leaf, or remove it; objects around it are made."""
    *parents, last = tokens_of(pointer)
    for token in parents:
        made = made.setdefault(token, {})
    if value is ABSENT:
        del made[last]
    else:
        made[last] = copy.deepcopy(value)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal; reads may leave out an empty list, and the tag Sale has a name and an id."""
    one, other = (
        ABSENT if each == [] else ["name:Sale"] if each == [Emulator.TAG_ID] else each for each in (one, other)
    )
    return one is other or one == other


def verdict(base: Any, live: Any, ours: Any) -> str:
    """What the table says of one leaf."""
    if same(live, ours) or (ours is ABSENT and (base is ABSENT or live is ABSENT)):
        return "nothing"
    return "change" if same(live, base) else "conflict"


def touched(change: Change) -> Iterator[str]:
    """The leaves of a change: of an object that is set or removed as a whole, its members."""
    inside = [pointer for pointer in LEAVES if pointer.startswith(f"{change.pointer}/")]
    shown = change.live if change.wanted is ABSENT else change.wanted
    yield from (pointer for pointer in inside if tokens_of(pointer)[-1] in shown)
    if not inside:
        yield change.pointer


def check(sides: Mapping[str, Sides], found: Differences, *, is_known: bool = True) -> None:
    """Compare what was found with what the table says; without a base, every difference is a conflict."""
    verdicts = {pointer: verdict(*values) for pointer, values in sides.items()}
    if not is_known:
        verdicts = {pointer: told.replace("change", "conflict") for pointer, told in verdicts.items()}
    changed = [pointer for change in found.changes for pointer in touched(change)]
    conflicting = [pointer for change in found.conflicts for pointer in touched(change)]
    assert {verdicts[pointer] for pointer in changed} <= {"change", "nothing"}
    assert {pointer for pointer, told in verdicts.items() if told == "conflict"} <= set(conflicting)
    assert bool(found.conflicts) == ("conflict" in verdicts.values())
    assert not set(changed) & set(conflicting)
    assert len({*changed, *conflicting}) == len(changed) + len(conflicting)
    # What only belongs to somebody else is never touched.
    owned = {pointer for pointer, (base, _, ours) in sides.items() if not (base is ABSENT and ours is ABSENT)}
    assert {*changed, *conflicting} <= owned


def compared(base: dict[str, Any] | None, live: dict[str, Any], ours: dict[str, Any], **options: Any) -> Differences:
    return compare(PERSONALIZED, NAMES, live, ours, base, **options)


class _Sale(Names):
    """The names of one tag."""

    def symbol(self, target: str, type_names: Any) -> str:
        return "name:Sale" if target == Emulator.TAG_ID else target


NAMES = _Sale()


@examples(100)
@given(every_side())
def test_each_leaf_follows_the_table(sides: dict[str, Sides]) -> None:
    base, live, ours = (document(sides, side) for side in range(3))

    check(sides, compared(base, live, ours))


@examples(70)
@given(every_side())
def test_changes_lead_to_what_is_wanted_and_to_nothing_else(sides: dict[str, Sides]) -> None:
    base, live, ours = (document(sides, side) for side in range(3))
    found = compared(base, live, ours)
    after = copy.deepcopy(live)
    # As if somebody had decided for the manifest.
    for change in (*found.changes, *found.conflicts):
        put_at(after, change.pointer, change.wanted)

    assert compared(ours, after, ours).is_empty
    for pointer, (was, there, wish) in sides.items():
        if was is ABSENT and wish is ABSENT and there is not ABSENT:
            assert leaf_of(after, pointer) == there


def leaf_of(made: Mapping[str, Any], pointer: str) -> Any:
    value: Any = made
    for token in tokens_of(pointer):
        value = value[token]
    return value


@examples(30)
@given(every_side(), every_side())
def test_what_is_as_wanted_is_never_touched(sides: dict[str, Sides], other: dict[str, Sides]) -> None:
    ours = document(sides, 2)

    assert compared(document(other, 0), ours, ours).is_empty
    assert compared(None, ours, ours).is_empty


@examples(30)
@given(every_side())
def test_without_a_base_only_adoption_changes_a_leaf(sides: dict[str, Sides]) -> None:
    unknown = {pointer: (ABSENT, live, ours) for pointer, (_, live, ours) in sides.items()}
    live, ours = document(sides, 1), document(sides, 2)

    check(unknown, compared(None, live, ours), is_known=False)
    adopted = compared(None, live, ours, adopt=True)
    assert adopted.conflicts == []
    assert bool(adopted.changes) == any(verdict(*values) != "nothing" for values in unknown.values())


@examples(30)
@given(every_side(), st.sets(st.sampled_from(["/rank/priority", "/cappingConstraint", "/characteristics/a", "/tags"])))
def test_ignored_leaves_are_never_touched(sides: dict[str, Sides], ignored: set[str]) -> None:
    base, live, ours = (document(sides, side) for side in range(3))
    found = compared(base, live, ours, ignored=ignored)

    leaves = {pointer for change in (*found.changes, *found.conflicts) for pointer in touched(change)}
    assert not any(pointer == each or pointer.startswith(f"{each}/") for pointer in leaves for each in ignored)


def as_differences(found: Plan, name: str) -> Differences:
    told = [each for each in found.objects if each.key == ("personalized", name)]
    return Differences(list(told[0].changes), list(told[0].conflicts)) if told else Differences()


@examples(6)
@given(st.lists(every_side(), min_size=8, max_size=8))
def test_plans_follow_the_table_on_real_answers(library: OfferLibrary, running: Emulator, drawn: Any) -> None:
    running.reset()
    names = [f"Offer {number}" for number in range(len(drawn))]
    for name, sides in zip(names, drawn, strict=True):
        live = document(sides, 1)
        live["tags"] = [TAG_IDS[each] for each in live.get("tags", ())]
        put(running, "personalized", name, **live, selectionConstraint=WINDOW)
    made = [
        [wanted("personalized", name, **document(sides, side)) for name, sides in zip(names, drawn, strict=True)]
        for side in (0, 2)
    ]

    found = plan(library, campaign(*made[1]), state(*made[0]))

    for name, sides in zip(names, drawn, strict=True):
        differences = as_differences(found, name)
        if differences.conflicts:
            # A conflict is never also a change.
            assert differences.changes == []
            assert planned(found, name).action == "conflict"
        check(sides, differences)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.text(max_size=3)
    | st.sampled_from(["name:x", "\ud800", "offers"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["", "a/b", "filter", "ids"]), inner),
    max_leaves=4,
)


@examples(50)
@given(st.sampled_from(list(KINDS.values())), st.data())
def test_no_answer_of_the_service_breaks_a_comparison(kind: Kind, data: st.DataObject) -> None:
    documents = st.dictionaries(st.sampled_from([*kind.place.known, "unknown"]), JSON, max_size=4)
    live, ours = data.draw(documents), data.draw(documents)

    found = compare(kind, NAMES, live, ours, data.draw(documents | st.none()))

    assert not {each.pointer for each in found.changes} & {each.pointer for each in found.conflicts}
    assert compare(kind, NAMES, ours, ours, ours).is_empty
    assert symbolic(kind, Names(), live) == live
