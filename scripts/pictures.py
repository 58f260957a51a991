"""Draws the diagrams of the documentation from the code's own tables: `make pictures` writes them to docs/pictures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from airflow_provider_offers.client.model.kinds import DECISION, KINDS, PERSONALIZED, Kind
from airflow_provider_offers.client.model.places import targets
from airflow_provider_offers.client.model.windows import resolve_window
from scripts.demo_picture import demo, edit
from scripts.drawing import Drawing, Point

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"


class Spot(NamedTuple):
    """A box: its left upper corner and its color."""

    x: float
    y: float
    color: str


_WIDE, _HIGH = 154, 52

# --- The lifecycles -------------------------------------------------------------------------------------------------

_STATUSES = {
    "personalized": {
        "draft": Spot(40, 92, "gray"),
        "approved": Spot(360, 92, "green"),
        "archived": Spot(680, 92, "red"),
    },
    "decision": {
        "draft": Spot(40, 332, "gray"),
        "live": Spot(360, 332, "green"),
        "complete": Spot(680, 272, "orange"),
        "archived": Spot(680, 392, "red"),
    },
}
_MEANINGS = {
    "approved": "shown in its window",
    "live": "answers requests",
    "complete": "ended for good",
    "archived": "final",
    "draft": "never shown",
}


def lifecycle() -> Drawing:
    """The statuses of an offer and of a decision, and the steps between them."""
    drawing = Drawing(870, 500, "The statuses of offers and decisions, and the operators' steps between them")
    for kind, heading in ((PERSONALIZED, "Offer, also a fallback offer"), (DECISION, "Decision")):
        spots = _STATUSES[kind.key]
        assert set(spots) == set(kind.statuses), f"expected a place for {kind.statuses}"
        top = spots["draft"].y
        drawing.text(40, top - 62 if kind is PERSONALIZED else top - 82, heading, size=16, bold=True)
        for status, spot in spots.items():
            drawing.box(spot.x, spot.y, _WIDE, _HIGH, status, spot.color, _MEANINGS[status])
        for step in kind.steps:
            for number, origin in enumerate(step.origins):
                _step(drawing, spots[origin], spots[step.target], step.verb, number)
    return drawing


def _step(drawing: Drawing, origin: Spot, target: Spot, verb: str, number: int) -> None:
    """The arrow of a step: straight to a neighbor, around the boxes to one further away."""
    if target.x < origin.x:  # back
        y = origin.y + _HIGH - 14
        drawing.arrow((origin.x, y), (target.x + _WIDE, y), color=target.color)
        drawing.text((origin.x + target.x + _WIDE) / 2, y + 18, verb, anchor="middle")
    elif target.x - origin.x > 400:  # over or under the box between
        below = target.y > origin.y
        y = max(origin.y, target.y) + _HIGH + 26 if below else origin.y - 32
        edge = (lambda spot: spot.y + _HIGH) if below else (lambda spot: spot.y)
        ends = ((origin.x + _WIDE / 2, edge(origin)), (target.x + _WIDE / 2, edge(target)))
        drawing.arrow(ends[0], (ends[0][0], y), (ends[1][0], y), ends[1], color=target.color)
        drawing.text((ends[0][0] + ends[1][0]) / 2, y - 7, verb, anchor="middle")
    elif target.x == origin.x:  # down
        x = origin.x + _WIDE / 2
        drawing.arrow((x, origin.y + _HIGH), (x, target.y), color=target.color)
        drawing.text(x + 10, (origin.y + _HIGH + target.y) / 2 + 5, verb)
    else:
        start, end = (
            (origin.x + _WIDE, origin.y + 14),
            (target.x, target.y + (14 if target.y == origin.y else _HIGH / 2)),
        )
        if target.y > origin.y:
            start = (start[0], origin.y + _HIGH - 14)
        drawing.arrow(start, end, color=target.color)
        lift = {0: -7}.get(target.y - origin.y, 24 if target.y > origin.y else -14)
        drawing.text((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + lift, verb, anchor="middle")


# --- The references -------------------------------------------------------------------------------------------------

_KINDS = {
    "decision": Spot(480, 60, "blue"),
    "collection": Spot(20, 175, "violet"),
    "personalized": Spot(130, 300, "green"),
    "fallback": Spot(704, 300, "orange"),
    "tag": Spot(20, 440, "gray"),
    "placement": Spot(220, 440, "gray"),
    "rule": Spot(415, 440, "gray"),
    "formula": Spot(610, 440, "gray"),
}


def references() -> set[tuple[str, str]]:
    """Which kind may refer to which, without the properties that the service drops."""
    found = set()
    for kind in KINDS.values():
        for name, member in kind.place.members.items():
            if name not in kind.write_only:
                found |= {(kind.key, _key(target)) for target in targets(member)}
    return found


def _key(type_name: str) -> str:
    return next(kind.key for kind in KINDS.values() if kind.type_name == type_name)


def objects() -> Drawing:
    """How the objects of the library refer to each other."""
    drawing = Drawing(870, 530, "How the objects of the library refer to each other")
    assert set(_KINDS) == set(KINDS), f"expected a place for each of {list(KINDS)}"
    for origin, target in sorted(references()):
        _reference(drawing, origin, target)
    for key, spot in _KINDS.items():
        drawing.box(spot.x, spot.y, _WIDE, _HIGH, _called(KINDS[key]), spot.color)
    drawing.text(30, 34, "An arrow leads from an object to the objects that it refers to.", color="faint", size=13)
    return drawing


def _called(kind: Kind) -> str:
    return {"tag": "qualifier (tag)"}.get(kind.key, kind.noun)


def _reference(drawing: Drawing, origin: str, target: str) -> None:
    """The arrow from the lower edge of a kind to the upper edge of another, around what lies between."""
    start, end = _KINDS[origin], _KINDS[target]
    ways = sorted(other for kind, other in references() if kind == origin)
    ways.sort(key=lambda other: _KINDS[other].x)
    comers = sorted((kind for kind, other in references() if other == target), key=lambda kind: _KINDS[kind].x)
    x1 = start.x + _WIDE * (ways.index(target) + 1) / (len(ways) + 1)
    x2 = end.x + _WIDE * (comers.index(origin) + 1) / (len(comers) + 1)
    y1, y2 = start.y + _HIGH, end.y
    first: Point = (x1, y1 + (y2 - y1) * 0.45)
    second: Point = (x2, y2 - (y2 - y1) * 0.45)
    drawing.curve((x1, y1), first, second, (x2, y2), color=start.color)


# --- A window -------------------------------------------------------------------------------------------------------

_ZONE = "America/New_York"
_FROM = "2035-03-10"
_LEFT, _HOUR = 150, 13.2


def window() -> Drawing:
    """Two windows of 48 hours over a change of the clocks: two calendar days, and 48 hours of elapsed time."""
    drawing = Drawing(870, 330, "A window over the night in which the clocks go forward")
    zone = ZoneInfo(_ZONE)
    days = resolve_window(_FROM, duration="P2D", timezone=_ZONE)
    hours = resolve_window(_FROM, duration="PT48H", timezone=_ZONE)
    begin = days.start

    def at(instant: datetime) -> float:
        return _LEFT + (instant - begin) / timedelta(hours=1) * _HOUR

    drawing.text(30, 36, f"Windows that start on {_FROM} in {_ZONE}", size=16, bold=True)
    for label, y, spelled in (("wall clock", 84, _wall), ("UTC", 112, _utc)):
        drawing.text(30, y, label, size=13, color="faint")
        instant = begin
        while instant <= begin + timedelta(hours=50):
            local = instant.astimezone(zone)
            hour = local.hour if spelled is _wall else instant.hour
            if hour % 6 == (0 if spelled is _wall else begin.hour % 6):
                drawing.text(at(instant), y, spelled(instant, zone), size=12, anchor="middle", color="ink")
                if spelled is _wall:
                    drawing.line((at(instant), 124), (at(instant), 270), color="frame", dashed=local.hour != 0)
            instant += timedelta(hours=1)
    change = next(begin + timedelta(hours=n) for n in range(50) if _shift(begin + timedelta(hours=n), zone))
    x = at(change)
    drawing.line((x, 124), (x, 285), color="red")
    drawing.text(
        x,
        303,
        f"{_hour_before(change, zone)} is followed by {change.astimezone(zone):%H:%M}",
        size=13,
        color="red",
        anchor="middle",
    )
    for y, name, found, color in ((146, "P2D", days, "blue"), (206, "PT48H", hours, "orange")):
        drawing.bar(at(found.start), y, at(found.end) - at(found.start), 30, color)
        drawing.text(30, y + 14, name, bold=True)
        elapsed = (found.end - found.start) // timedelta(hours=1)
        drawing.text(30, y + 31, f"{elapsed} h elapse", size=12, color="faint")
        until = f"until {found.end.astimezone(zone):%a %H:%M} = {found.end:%H:%M} UTC"
        drawing.text(at(found.end) - 10, y + 20, until, size=13, color="ground", anchor="end", bold=True)
    return drawing


def _wall(instant: datetime, zone: ZoneInfo) -> str:
    return (
        f"{instant.astimezone(zone):%a %H:%M}"
        if instant.astimezone(zone).hour == 0
        else f"{instant.astimezone(zone):%H:%M}"
    )


def _utc(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant:%H:%M}"


def _shift(instant: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks change at that instant."""
    before = instant - timedelta(seconds=1)
    return instant.astimezone(zone).utcoffset() != before.astimezone(zone).utcoffset()


def _hour_before(instant: datetime, zone: ZoneInfo) -> str:
    return f"{(instant - timedelta(minutes=1)).astimezone(zone):%H:%M}"


# --- A lost answer --------------------------------------------------------------------------------------------------

_TASK, _SERVICE = 250.0, 640.0


def lost_answer() -> Drawing:
    """What a creating task does if the answer to its POST is lost."""
    drawing = Drawing(870, 570, "What a creating task does if the answer to its POST is lost")
    drawing.box(_TASK - 85, 26, 170, 40, "task", "blue")
    drawing.box(_SERVICE - 85, 26, 170, 40, "Offer Library", "green")
    for x in (_TASK, _SERVICE):
        drawing.line((x, 66), (x, 436), color="frame")
    _say(drawing, 104, "looks for the name", "nothing has the name")
    drawing.box(_TASK - 130, 176, 260, 46, "records: “about to send”", "gray", "task state, Airflow 3.3")
    drawing.arrow((_TASK, 256), (_SERVICE, 256), color="blue")
    drawing.text((_TASK + _SERVICE) / 2, 249, "POST", anchor="middle")
    drawing.box(_SERVICE + 14, 250, 186, 44, "the offer exists", "green", "id …12, etag 1")
    middle = (_TASK + _SERVICE) / 2
    drawing.line((_SERVICE, 296), (middle + 12, 296), color="red", dashed=True)
    drawing.cross(middle, 296)
    drawing.text(middle - 16, 301, "the answer is lost", color="red", anchor="end", size=13)
    drawing.text(30, 330, "killed here?", size=13, color="orange", bold=True)
    drawing.text(30, 348, "The next try reads", size=12, color="faint")
    drawing.text(30, 364, "the record, and", size=12, color="faint")
    drawing.text(30, 380, "goes on here", size=12, color="faint")
    drawing.arrow((116, 376), (_TASK - 8, 376), color="orange")
    _say(drawing, 376, "looks for the name, for twice the patience", "one offer, id …12")
    drawing.box(_TASK - 130, 436, 260, 46, "done: one offer, id …12", "green", "no second POST")
    others = (
        "If nothing appears, the POST is sent again.",
        "If an older offer has the name, the newer one is deleted.",
    )
    for number, text in enumerate(others):
        drawing.text(_TASK - 130, 522 + 22 * number, text, size=13, color="faint")
    return drawing


def _say(drawing: Drawing, y: float, question: str, answer: str) -> None:
    """A request and its answer."""
    middle = (_TASK + _SERVICE) / 2
    drawing.arrow((_TASK, y), (_SERVICE, y), color="blue")
    drawing.text(middle, y - 7, question, anchor="middle", size=13)
    drawing.arrow((_SERVICE, y + 30), (_TASK, y + 30), color="green", dashed=True)
    drawing.text(middle, y + 23, answer, anchor="middle", size=13)


PICTURES: dict[str, Callable[[], str]] = {
    "lifecycle.svg": lambda: lifecycle().svg(),
    "objects.svg": lambda: objects().svg(),
    "window.svg": lambda: window().svg(),
    "lost-answer.svg": lambda: lost_answer().svg(),
    "demo.svg": demo,
    "edit.svg": edit,
}


def main() -> None:
    """Write every picture."""
    FOLDER.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        (FOLDER / name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
