"""What happens between two looks is told once, however many looks there are."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.waiting.happenings import WORDS, Memory, Thing, Wanted
from tests.client.waiting.things import EVERY, at, started, thing


def told(memory: Memory, things: list[Thing], hours: float, wanted: Wanted = EVERY) -> tuple[list[str], Memory]:
    found = memory.happenings(things, at(hours), wanted)
    return [each.event for each in found], memory.after(things, (), at(hours), wanted)


@given(looks=st.lists(st.floats(0, 30, allow_nan=False), max_size=12).map(sorted))
def test_each_edge_of_a_window_is_told_once(looks: list[float]) -> None:
    memory = started([thing()])
    heard: list[str] = []

    for hours in [*looks, 30]:
        events, memory = told(memory, [thing()], hours)
        heard += events

    assert heard == ["window_opened", "window_closing", "window_closed"]


@given(st.data())
def test_what_one_look_tells_many_tell_too(data: st.DataObject) -> None:
    """Edits in between may be told one by one, or together; the object ends in the same memory."""
    edits = st.builds(
        thing,
        status=st.sampled_from(["draft", "approved", "archived"]),
        opens=st.integers(1, 9).map(at),
        closes=st.integers(10, 29).map(at),
    )
    edited = data.draw(st.lists(edits, max_size=4))
    states = [thing(), *(replace(each, etag=etag) for etag, each in enumerate(edited, 2))]
    steps = sorted(data.draw(st.lists(st.integers(1, 28), min_size=len(states) - 1, max_size=len(states) - 1)))
    first = started([states[0]])
    memory, heard = first, set[str]()
    for hours, state in zip(steps, states[1:], strict=True):
        events, memory = told(memory, [state], hours)
        heard |= set(events)
    events, memory = told(memory, [states[-1]], 30)

    at_once, remembered = told(first, [states[-1]], 30)

    assert remembered == memory
    missing = set(at_once) - (heard | set(events))
    # An edge that an edit moved behind a look is over for those who look often.
    assert missing <= {"window_opened", "window_closing", "window_closed"}
    assert "changed" in heard or len(states) == 1


def test_edits_creations_and_statuses() -> None:
    memory = started([thing(status="draft")])

    assert told(memory, [thing(status="draft")], 1)[0] == []
    assert told(memory, [thing(status="draft", etag=2)], 1)[0] == ["changed"]
    assert told(memory, [thing(etag=2)], 1)[0] == ["changed", "status"]
    # A publication inside of the window opens it, and one after its end does not.
    assert told(started([thing(status="draft")], 12), [thing(etag=2)], 13)[0] == ["changed", "status", "window_opened"]
    assert told(started([thing(status="draft")], 21), [thing(etag=2)], 22)[0] == ["changed", "status"]
    new = thing(id="id-2", created=at(0.5))
    assert told(memory, [new], 1)[0] == ["created", "status"]
    assert told(memory, [replace(new, created=at(-50))], 1)[0] == ["changed", "status"]
    # A listing that lags behind shows an older state, and forgets nothing.
    events, after = told(started([thing(etag=5)]), [thing(etag=4, status="draft")], 1)
    assert (events, after.seen["id-1"].etag) == ([], 5)


def test_a_moved_end_closes_a_window_at_once() -> None:
    memory = started([thing()], 12)

    assert told(memory, [thing(etag=2, closes=at(12.5))], 13)[0] == ["changed", "window_closing", "window_closed"]
    assert told(memory, [thing(etag=2, closes=at(40))], 21)[0] == ["changed"]


def test_a_clock_that_is_set_back_hides_no_window() -> None:
    memory = started([thing()], 15)
    new = thing(id="id-2", created=at(0), opens=at(-2), closes=at(5))

    assert told(memory, [thing()], 15 - 1 / 120) == ([], memory)
    events, memory = told(memory, [thing(), new], 0)
    assert events == ["created", "status", "window_opened"]
    assert told(memory, [thing(), new], 11)[0] == ["window_opened", "window_closing", "window_closed"]


def test_deletions_need_a_confirmation() -> None:
    memory = started([thing(), thing(id="id-2", name="Soap", status="draft")], 12)

    assert memory.missing({}) == ["id-1", "id-2"]
    assert memory.after([], [], at(13), EVERY).seen == memory.seen
    (gone,) = memory.deletions(["id-1", "id-2"], at(13), replace(EVERY, statuses=("draft",)))
    assert (gone.event, gone.id, gone.as_json()["name"]) == ("deleted", "id-2", "Soap")
    assert set(memory.after([], ["id-1"], at(13), EVERY).seen) == {"id-2"}


def test_filters() -> None:
    for wanted, count in (
        (Wanted(frozenset(WORDS), names=("Tow*",)), 1),
        (Wanted(frozenset(WORDS), names=("tow*", "Soap")), 0),
        (Wanted(frozenset(WORDS), names=(" Tow* ",)), 1),
        (Wanted(frozenset(WORDS), tags=frozenset({"tag-1"})), 1),
        (Wanted(frozenset(WORDS), tags=frozenset({"tag-2"})), 0),
        (Wanted(frozenset(WORDS), statuses=("draft",)), 0),
        (Wanted(frozenset({"deleted"})), 0),
    ):
        memory = started([thing(tags=("tag-1",))], wanted=wanted)
        events, _ = told(memory, [thing(tags=("tag-1",), etag=2)], 1, wanted)
        assert len(events) == count, wanted


def test_a_name_with_brackets_is_watched() -> None:
    wanted = Wanted(frozenset(WORDS), names=("Sale [VIP]",))

    assert wanted.covers(thing(name="Sale [VIP]"))
    assert not wanted.covers(thing(name="Sale"))
