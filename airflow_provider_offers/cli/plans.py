"""Plans on the screen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_offers.client.text import legible

if TYPE_CHECKING:
    from airflow_provider_offers.campaigns.plans import Plan
    from airflow_provider_offers.cli.screen import Screen

_STYLES: dict[str, str | None] = {
    "create": "green",
    "update": "yellow",
    "rename": "yellow",
    "retire": "red",
    "conflict": "bold magenta",
    "unchanged": "dim",
    "warning": "bold yellow",
}
_LONGEST = 600


def show_plan(plan: Plan, screen: Screen, format: str, warnings: Sequence[str] = ()) -> None:
    """Write a plan as text with colors, as Markdown or as JSON; `warnings` are those of the manifest."""
    from airflow_provider_offers.campaigns.documents import plan_as_json
    from airflow_provider_offers.campaigns.rendering import as_markdown, styled_lines

    if format == "json":
        screen.line(json.dumps(plan_as_json(plan), ensure_ascii=False, indent=2))
        return
    if format == "markdown":
        screen.line(as_markdown(plan))
        return
    for warning in warnings:
        screen.line(f"warning: {legible(warning, _LONGEST)}", style=_STYLES["warning"])
    for style, line in styled_lines(plan):
        screen.line(line, style=_STYLES.get(style))
