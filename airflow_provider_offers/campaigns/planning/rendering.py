"""A plan for people: as plain text, line by line, and as Markdown. The counts come last."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Literal

from airflow_provider_offers.campaigns.planning.drift import Drift, Drifted
from airflow_provider_offers.campaigns.plans import ABSENT, Action, Plan, PlannedObject
from airflow_provider_offers.client.model.kinds import KINDS
from airflow_provider_offers.client.text import legible, listed
from airflow_provider_offers.client.wire.messages import Json

Style = Literal["plain", "create", "update", "rename", "retire", "conflict", "unchanged", "warning"]
_MARKS: dict[str, str] = {"create": "+", "update": "~", "rename": "~", "retire": "-", "conflict": "!", "unchanged": "="}
_LONGEST_VALUE = 120
# The text before the first difference of two long values.
_CONTEXT = 24
_LONGEST_NAME = 200
_LONGEST_REASON = 1_000
# Longer Markdown is cut: a form or a comment does not take it.
_LONGEST_MARKDOWN = 60_000
_HELD = "a live decision can reach it, so it is approved when all content is there"
# The most objects that one line names.
_NAMED = 5
_WRITTEN = "in the manifest at"
_AFTER = "customers may see it, so it changes when the offers are approved"
_VERBS: dict[Action, str] = {
    "create": "create",
    "update": "change",
    "rename": "rename to",
    "conflict": "conflict in",
    "unchanged": "keep",
}
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~:@=$^])")
_TICKS = re.compile("`+")


def counts_line(plan: Plan) -> str:
    """The counts: `12 to create, 3 to change, 1 to retire, 2 in conflict, 187 unchanged`. Renames are told if any."""
    counts = plan.counts
    parts = [f"{counts.get('create', 0)} to create", f"{counts.get('update', 0)} to change"]
    if counts.get("rename"):
        parts.append(f"{counts['rename']} to rename")
    parts += [
        f"{counts.get('retire', 0)} to retire",
        f"{counts.get('conflict', 0)} in conflict",
        f"{counts.get('unchanged', 0)} unchanged",
    ]
    return ", ".join(parts)


def as_text(plan: Plan) -> str:
    """The plan as plain text: what is to be done, what is left alone, the warnings, and the counts as the last line."""
    return "\n".join(text for _, text in styled_lines(plan))


def styled_lines(plan: Plan) -> Iterator[tuple[Style, str]]:
    """The lines of the plan, each with its subject, for a terminal with colors. No line has a control character."""
    yield "plain", _headline(plan)
    for each in plan.objects:
        yield from _object_lines(each)
    for (kind, name), reason in plan.left_alone.items():
        yield "unchanged", f"  left alone: {_called(kind, name)}: {legible(reason, _LONGEST_REASON)}"
    for warning in plan.warnings:
        yield "warning", f"warning: {legible(warning, _LONGEST_REASON)}"
    yield "plain", counts_line(plan)


def _headline(plan: Plan) -> str:
    where = f"{plan.organization}, sandbox {plan.sandbox}, {plan.api}"
    protected = ", protected" if plan.protected else ""
    return legible(
        f"Campaign {plan.campaign}, target {plan.target} ({where}{protected}), planned at {plan.made_at}", 1_000
    )


def _object_lines(each: PlannedObject) -> Iterator[tuple[Style, str]]:
    if each.action == "unchanged":
        yield "unchanged", f"= {_called(*each.key)}: only the state learns it"
        return
    now = f", now {_quoted(each.old_name or '')}" if each.action == "rename" else ""
    yield each.action, f"{_MARKS[each.action]} {_verb(each)} {_called(*each.key)}{now}"
    if each.action == "conflict" and each.origin:
        yield each.action, f"    {_WRITTEN} {legible(each.origin, _LONGEST_REASON)}"
    if each.reason:
        yield each.action, f"    {legible(each.reason, _LONGEST_REASON)}{_edited(each)}"
    if each.held_as_draft:
        yield each.action, f"    {_HELD}"
    if each.after_offers:
        yield each.action, f"    {_AFTER}"
    for line in _leaves(each, legible):
        yield each.action, f"    {line}"


def _verb(each: PlannedObject) -> str:
    return each.retire or "retire" if each.action == "retire" else _VERBS[each.action]


def _called(kind: str, name: str) -> str:
    return f"{_noun(kind)} {_quoted(name)}"


def _noun(kind: str) -> str:
    return KINDS[kind].noun if kind in KINDS else legible(kind)


def _quoted(name: str) -> str:
    return legible(json.dumps(name, ensure_ascii=False), _LONGEST_NAME)


def _edited(each: PlannedObject) -> str:
    if each.action != "conflict" or not each.edited_at:
        return ""
    return f" (last edited by {legible(each.edited_by or 'an unknown account')} at {legible(each.edited_at)})"


def _leaves(each: PlannedObject, shown: Callable[[str], str]) -> Iterator[str]:
    """A line for each leaf: what a creation sets, what changes, and what is in conflict. `shown` writes texts."""
    if each.action == "create":
        for name, value in (each.properties or {}).items():
            if name != "name":
                yield f"{shown('/' + name)}: {shown(_cut(_json(value)))}"
    for change in each.changes:
        live, wanted = map(shown, _pair(change.live, change.wanted))
        told = f"{live} becomes {wanted}"
        if change.live is ABSENT:
            told = f"{wanted} is added"
        elif change.wanted is ABSENT:
            told = f"{live} is removed"
        yield f"{shown(change.pointer)}: {told}"
    for change in each.conflicts:
        live, wanted = map(shown, _pair(change.live, change.wanted))
        base = "" if change.base is ABSENT else f", and {shown(_pair(change.base, change.live)[0])} was applied last"
        yield f"{shown(change.pointer)}: the library has {live}, the manifest wants {wanted}{base}"


def _pair(left: Json, right: Json) -> tuple[str, str]:
    """Two values; of long ones, the part in which they begin to differ."""
    one, other = _json(left), _json(right)
    start = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    if max(len(one), len(other)) <= _LONGEST_VALUE or start <= _LONGEST_VALUE // 2:
        return _cut(one), _cut(other)
    skipped = start - _CONTEXT
    return f"…{_cut(one[skipped:])}", f"…{_cut(other[skipped:])}"


def _json(value: Json) -> str:
    return "nothing" if value is ABSENT else json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    return legible(text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…")


def as_markdown(plan: Plan) -> str:
    """The plan as Markdown, for a review or an approval: at most 60,000 characters; the counts are the last line.

    Names and content of the campaign and of the library are shown as they are: nothing in them is read as Markdown or
    HTML.
    """
    counts = f"**{counts_line(plan)}**"
    blocks: list[str] = []
    left, parts = _LONGEST_MARKDOWN - len(counts) - 200, list(_blocks(plan))
    for number, block in enumerate(parts):
        if len(block) + 1 > left:
            blocks.append(f"\n…and {len(parts) - number} more entries, which the plan itself has.")
            break
        blocks.append(block)
        left -= len(block) + 1
    return "\n".join([*blocks, "", counts])


def _blocks(plan: Plan) -> Iterator[str]:
    yield f"{_plain(_headline(plan))}\n"
    # What needs a decision comes first.
    for each in sorted(plan.objects, key=lambda each: each.action != "conflict"):
        if each.action != "unchanged":
            yield _item(each)
    for (kind, name), reason in plan.left_alone.items():
        yield f"- left alone: {_noun(kind)} {_code(name)}: {_plain(reason)}"
    for warning in plan.warnings:
        yield f"- **warning**: {_plain(warning)}"


def _item(each: PlannedObject) -> str:
    kind, name = each.key
    now = f", now {_code(each.old_name or '')}" if each.action == "rename" else ""
    lines = [f"- **{_verb(each)}** {_noun(kind)} {_code(name)}{now}"]
    if each.action == "conflict" and each.origin:
        lines.append(f"  - {_WRITTEN} {_code(each.origin)}")
    if each.reason:
        lines.append(f"  - {_plain(each.reason + _edited(each))}")
    if each.held_as_draft:
        lines.append(f"  - {_HELD}")
    if each.after_offers:
        lines.append(f"  - {_AFTER}")
    lines += [f"  - {line}" for line in _leaves(each, _code)]
    return "\n".join(lines)


def _code(text: str) -> str:
    """A code span, in which nothing has a meaning. Its fence is longer than every run of backticks in the text."""
    inner = legible(text, _LONGEST_NAME) or " "
    fence = "`" * (1 + max(map(len, _TICKS.findall(inner)), default=0))
    pad = " " if inner.startswith("`") or inner.endswith("`") or (inner[0] == inner[-1] == " ") else ""
    return f"{fence}{pad}{inner}{pad}{fence}"


def _plain(text: str) -> str:
    """Text in which no character has a meaning for Markdown or HTML."""
    escaped = _SPECIAL.sub(r"\\\1", legible(text, _LONGEST_REASON))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def drift_as_text(drift: Drift) -> str:
    """The drift as plain text: each object, who changed it, and from what to what. The count is the last line."""
    return "\n".join(text for _, text in drift_lines(drift))


def drift_lines(drift: Drift) -> Iterator[tuple[Style, str]]:
    """The lines of the drift, each with its subject, for a terminal with colors."""
    for each in drift.objects:
        yield "conflict", f"! {_called(*each.key)}{_drifted(each)}"
        for edit in each.edits:
            applied, live = _pair(edit.applied, edit.live)
            yield "conflict", f"    {legible(edit.pointer)}: {applied} was applied, the library has {live}"
    if drift.unread:
        named = listed([_called(*key) for key in drift.unread], _NAMED)
        told = "generation 1 (api=xcore) documents no calls for these objects, so they are not compared"
        yield "warning", f"warning: {told}: {named}"
    number = len(drift.objects)
    yield "plain", f"{number} of {drift.managed} objects drifted" if number else f"no drift in {drift.managed} objects"


def _drifted(each: Drifted) -> str:
    if each.reason:
        return f": {legible(each.reason, _LONGEST_REASON)}"
    at = f" at {legible(each.edited_at)}" if each.edited_at else ""
    return f", last edited by {legible(each.edited_by or 'an unknown account')}{at}"
