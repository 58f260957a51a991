"""Plots curves on two logarithmic axes, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from scripts.drawing import Drawing, Point

_COLORS = ("blue", "green", "red", "orange", "violet", "gray", "ink", "faint")
_WIDTH, _HEIGHT = 870, 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 90, 620, 70, 400


class Curve(NamedTuple):
    """A name, and points with positive coordinates."""

    name: str
    points: Sequence[Point]


def plot(title: str, across: str, up: str, curves: Sequence[Curve]) -> str:
    """The curves as a picture. Both axes are logarithmic, so a cost that grows with the size is a line at 45 degrees.

    A name stands at the right end of its curve, so nobody needs the colors.
    """
    drawing = Drawing(_WIDTH, _HEIGHT, title)
    drawing.text(30, 36, title, size=16, bold=True)
    xs = _Axis([x for curve in curves for x, _ in curve.points], _LEFT, _RIGHT)
    ys = _Axis([y for curve in curves for _, y in curve.points], _BOTTOM, _TOP)
    for power in ys.powers:
        drawing.line((_LEFT, ys.at(power)), (_RIGHT, ys.at(power)), color="frame")
        drawing.text(_LEFT - 8, ys.at(power) + 4, f"{power:g}", size=12, color="faint", anchor="end")
    for power in xs.powers:
        drawing.line((xs.at(power), _TOP), (xs.at(power), _BOTTOM), color="frame")
        drawing.text(xs.at(power), _BOTTOM + 20, f"{power:,g}", size=12, color="faint", anchor="middle")
    drawing.text((_LEFT + _RIGHT) / 2, _BOTTOM + 44, across, size=13, color="faint", anchor="middle")
    drawing.text(_LEFT - 8, _TOP - 12, up, size=13, color="faint", anchor="end")
    lowest = float("inf")
    ends = sorted(((ys.at(curve.points[-1][1]), curve, color) for curve, color in zip(curves, _COLORS, strict=False)))
    for end, curve, color in reversed(ends):
        drawing.line(*((xs.at(x), ys.at(y)) for x, y in curve.points), color=color)
        # Names that would cover each other move up.
        lowest = min(end, lowest - 18)
        drawing.text(_RIGHT + 12, lowest + 4, curve.name, size=13, color=color)
    return drawing.svg()


class _Axis:
    """A logarithmic axis over whole powers of ten."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self._start, self._end = start, end
        self._low = math.floor(math.log10(min(values)))
        self._high = max(math.ceil(math.log10(max(values))), self._low + 1)

    @property
    def powers(self) -> list[float]:
        return [10.0**exponent for exponent in range(self._low, self._high + 1)]

    def at(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return round(self._start + share * (self._end - self._start), 1)
