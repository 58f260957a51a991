"""Plans and reports on the screen, and the question before an apply."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_offers.cli.running import UserError
from airflow_provider_offers.client.model.kinds import KINDS
from airflow_provider_offers.client.text import legible

if TYPE_CHECKING:
    from airflow_provider_offers.campaigns.plans import Action, Plan, PlannedObject
    from airflow_provider_offers.campaigns.reports import Report
    from airflow_provider_offers.cli.screen import Screen

STYLES: dict[str, str | None] = {
    "create": "green",
    "update": "yellow",
    "rename": "yellow",
    "retire": "red",
    "conflict": "bold magenta",
    "unchanged": "dim",
    "warning": "bold yellow",
}
_ENDS = {"done": "green", "failed": "bold red", "skipped": "yellow"}
_LONGEST = 600
# A plan with more objects ends with a table of them by kind.
_MOST_WITHOUT_TABLE = 20
_COLUMNS: dict[Action, str] = {
    "create": "to create",
    "update": "to change",
    "rename": "to rename",
    "retire": "to retire",
    "conflict": "in conflict",
}
# For a target that is not protected, and for one that is.
QUESTIONS = (
    "Type yes to apply this plan",
    "The target {target!r} is protected. Type its name to apply this plan",
)


def show_plan(plan: Plan, screen: Screen, format: str, warnings: Sequence[str] = ()) -> None:
    """Write a plan as text with colors, as Markdown or as JSON; `warnings` are those of the manifest."""
    from airflow_provider_offers.campaigns.planning.documents import plan_as_json
    from airflow_provider_offers.campaigns.planning.rendering import as_markdown, styled_lines

    if format == "json":
        screen.document(json.dumps(plan_as_json(plan), ensure_ascii=False, indent=2))
        return
    if format == "markdown":
        screen.document(as_markdown(plan))
        return
    for warning in warnings:
        screen.line(f"warning: {legible(warning, _LONGEST)}", style=STYLES["warning"])
    *lines, (_, counts) = styled_lines(plan)
    for style, line in lines:
        screen.line(line, style=STYLES.get(style))
    differing = [each for each in plan.objects if each.action in _COLUMNS]
    if len(differing) > _MOST_WITHOUT_TABLE:
        screen.table(*_by_kind(differing))
    screen.line(counts)


def _by_kind(objects: Sequence[PlannedObject]) -> tuple[list[str], list[list[str]]]:
    """The columns and the rows of a table: how many objects of each kind have each action."""
    counted = Counter((each.key[0], each.action) for each in objects)
    actions = [each for each in _COLUMNS if any(action == each for _, action in counted)]
    rows = [
        [f"{KINDS[kind].noun}s", *(str(counted[kind, action] or "") for action in actions)]
        for kind in KINDS
        if any(counted[kind, action] for action in actions)
    ]
    return ["kind", *(_COLUMNS[each] for each in actions)], rows


def show_report(report: Report, screen: Screen, format: str) -> None:
    """Write what became of each object, or the report as JSON."""
    if format == "json":
        screen.document(json.dumps(report.as_json(), ensure_ascii=False, indent=2))
        return
    for each in report.outcomes:
        if each.end != "done":
            screen.line(str(each), style=_ENDS[each.end])
    for warning in report.warnings:
        screen.line(f"warning: {legible(warning, _LONGEST)}", style=STYLES["warning"])
    screen.line(f"applied: {report.summary}", style="bold" if screen.is_terminal else None)


def can_ask(screen: Screen) -> bool:
    """Whether a person can answer."""
    return sys.stdin.isatty() and screen.is_terminal


def confirmed(plan: Plan, screen: Screen) -> bool:
    """Ask a person whether to apply the plan. Raises `UserError` where nobody can answer."""
    question = QUESTIONS[plan.protected].format(target=legible(plan.target))
    return answered(question, plan.target if plan.protected else "yes", screen, "written")


def answered(question: str, expected: str, screen: Screen, done: str) -> bool:
    """Ask a person, and return whether the answer is the expected one. `done` is what is not done without an answer.

    Raises `UserError` where nobody can answer.
    """
    if not can_ask(screen):
        raise UserError(f"nobody can answer here, so nothing was {done}; add --yes to go on without a question")
    screen.flush()
    try:
        answer = input(f"{question}: ")
    except EOFError:
        screen.line()
        return False
    except KeyboardInterrupt:
        screen.line()
        raise KeyboardInterrupt(f"nothing was {done}") from None
    return answer.strip() == expected
