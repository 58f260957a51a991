"""Draws a picture as SVG. It has a ground of its own, and colors for light and dark, so it is readable anywhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from math import atan2, cos, sin

# The light and the dark color of each name.
COLORS = {
    "ground": ("#ffffff", "#1b2030"),
    "frame": ("#d0d7de", "#3a4152"),
    "ink": ("#1f2328", "#e6e9f0"),
    "faint": ("#59636e", "#a3abba"),
    "blue": ("#3f51b5", "#93a5ff"),
    "blue-fill": ("#e8ebfb", "#28315a"),
    "green": ("#1a7f37", "#5fd07d"),
    "green-fill": ("#dff5e4", "#173a26"),
    "red": ("#b42318", "#ff8f85"),
    "red-fill": ("#fde7e4", "#4a2022"),
    "orange": ("#a85a00", "#f0ad55"),
    "orange-fill": ("#fdf0dc", "#453218"),
    "violet": ("#7a3ea8", "#cf9bf5"),
    "violet-fill": ("#f3e8fb", "#3b2650"),
    "gray": ("#6e7781", "#8b93a5"),
    "gray-fill": ("#f2f4f6", "#2a3042"),
}
_FONT = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Arial, sans-serif"
_HEAD = 9.0
"""The length of an arrow's head."""


def _styles() -> str:
    """The style sheet: `s-…` colors a line, `f-…` an area or a text."""

    def rules(number: int) -> str:
        return "".join(
            f".s-{name}{{stroke:{color[number]}}}.f-{name}{{fill:{color[number]}}}" for name, color in COLORS.items()
        )

    shapes = ".line{fill:none;stroke-width:1.6}.dash{stroke-dasharray:5 4}.b{font-weight:600}"
    return f"text{{font-family:{_FONT}}}{shapes}{rules(0)}@media (prefers-color-scheme:dark){{{rules(1)}}}"


Point = tuple[float, float]


@dataclass
class Drawing:
    """A picture of that size, with a title for those who cannot see it."""

    width: int
    height: int
    title: str
    parts: list[str] = field(default_factory=list)

    def box(self, x: float, y: float, width: float, height: float, text: str, color: str, note: str = "") -> None:
        """A rounded box around a text, with a smaller note below it."""
        self.parts.append(
            f'<rect class="f-{color}-fill s-{color}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
            ' rx="8" stroke-width="1.6"/>'
        )
        middle, center = x + width / 2, y + height / 2
        self.text(middle, center + (5 if not note else -3), text, bold=True, anchor="middle")
        if note:
            self.text(middle, center + 15, note, size=12, color="faint", anchor="middle")

    def bar(self, x: float, y: float, width: float, height: float, color: str) -> None:
        """A filled area without a border."""
        self.parts.append(f'<rect class="f-{color}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="3"/>')

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: int = 14,
        color: str = "ink",
        anchor: str = "start",
        bold: bool = False,
    ) -> None:
        """A line of text on that base line."""
        weight = " b" if bold else ""
        self.parts.append(
            f'<text class="f-{color}{weight}" x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}">'
            f"{escape(text, quote=False)}</text>"
        )

    def line(self, *points: Point, color: str = "gray", dashed: bool = False) -> None:
        """A line through those points."""
        way = " ".join(f"{'M' if number == 0 else 'L'}{x:g} {y:g}" for number, (x, y) in enumerate(points))
        self._path(way, color, dashed)

    def arrow(self, *points: Point, color: str = "gray", dashed: bool = False) -> None:
        """A line with a head at its last point."""
        (x1, y1), (x2, y2) = points[-2:]
        angle = atan2(y2 - y1, x2 - x1)
        end = (x2 - _HEAD * cos(angle), y2 - _HEAD * sin(angle))
        self.line(*points[:-1], end, color=color, dashed=dashed)
        self._head((x2, y2), angle, color)

    def curve(self, start: Point, first: Point, second: Point, end: Point, *, color: str = "gray") -> None:
        """A curved arrow, drawn toward its two inner points."""
        angle = atan2(end[1] - second[1], end[0] - second[0])
        x, y = end[0] - _HEAD * cos(angle), end[1] - _HEAD * sin(angle)
        points = " ".join(f"{each[0]:g} {each[1]:g}" for each in (first, second))
        self._path(f"M{start[0]:g} {start[1]:g}C{points} {x:.1f} {y:.1f}", color)
        self._head(end, angle, color)

    def cross(self, x: float, y: float, color: str = "red") -> None:
        """A cross where something is lost."""
        for sign in (1, -1):
            self._path(f"M{x - 7:g} {y - 7 * sign:g}L{x + 7:g} {y + 7 * sign:g}", color)

    def svg(self) -> str:
        """The picture as the text of a file."""
        title = escape(self.title, quote=False)
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}"'
                f' height="{self.height}" role="img" aria-label="{escape(self.title)}">',
                f"<title>{title}</title>",
                f"<style>{_styles()}</style>",
                f'<rect class="f-ground s-frame" x="0.5" y="0.5" width="{self.width - 1}" height="{self.height - 1}"'
                ' rx="10"/>',
                *self.parts,
                "</svg>\n",
            ]
        )

    def _path(self, way: str, color: str, dashed: bool = False) -> None:
        self.parts.append(f'<path class="line s-{color}{" dash" if dashed else ""}" d="{way}"/>')

    def _head(self, tip: Point, angle: float, color: str) -> None:
        sides = (angle + 0.42, angle - 0.42)
        corners = [tip, *((tip[0] - _HEAD * cos(side), tip[1] - _HEAD * sin(side)) for side in sides)]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
        self.parts.append(f'<polygon class="f-{color}" points="{points}"/>')
