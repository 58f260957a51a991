"""A plan for people: what changes, from what to what, and the counts last; nothing in a name is read as markup."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from airflow_provider_offers.campaigns.planning.rendering import as_markdown, as_text, counts_line
from airflow_provider_offers.campaigns.plans import ABSENT, ACTIONS, Change, Plan, PlannedObject
from tests.effort import examples

LIVE: dict[str, Any] = {"id": "dps:tag:1", "instance_id": "dps:tag:1", "etag": 3}


def made(*objects: PlannedObject, unchanged: int = 0, **more: Any) -> Plan:
    """A plan of these objects."""
    counts = {action: sum(each.action == action for each in objects) for action in ACTIONS}
    counts["unchanged"] += unchanged
    return Plan(
        "spring", "dev", "1@AdobeOrg", "prod", "dps", "abc", 1, "2026-05-01T00:00:00Z", objects, counts, **more
    )  # fmt: skip


PLAN = made(
    PlannedObject(("tag", "Spring"), "create", properties={"name": "Spring", "description": "The season"}),
    PlannedObject(
        ("personalized", "Ten"),
        "update",
        changes=(
            Change("/rank/priority", live=1, wanted=7, base=1),
            Change("/description", live="Old", wanted=ABSENT, base="Old"),
            Change("/characteristics/sku", live=ABSENT, wanted="S"),
        ),
        held_as_draft=True,
        **LIVE,
    ),
    PlannedObject(("rule", "Gold"), "rename", old_name="Silver", **LIVE),
    PlannedObject(
        ("placement", "Hero"),
        "conflict",
        conflicts=(Change("/description", live="Theirs", wanted="Ours", base="Before"),),
        reason="somebody else changed it",
        edited_by="maria",
        edited_at="2026-05-01T10:00:00Z",
        origin="spring.yaml:7:5 in row 2 (heroes.csv:3)",
        **LIVE,
    ),
    PlannedObject(("collection", "Set"), "unchanged", properties={}, **LIVE),
    PlannedObject(("decision", "Old"), "retire", retire="archive", reason="it is gone from the manifest", **LIVE),
    unchanged=186,
    left_alone={("tag", "Winter"): "nothing is retired without prune"},
    warnings=["Counters restart."],
)


def test_the_text_says_what_changes_and_ends_with_the_counts() -> None:
    assert as_text(PLAN).splitlines() == [
        "Campaign spring, target dev (1@AdobeOrg, sandbox prod, dps), planned at 2026-05-01T00:00:00Z",
        '+ create collection qualifier "Spring"',
        '    /description: "The season"',
        '~ change personalized offer "Ten"',
        "    a live decision can reach it, so it is approved when all content is there",
        "    /rank/priority: 1 becomes 7",
        '    /description: "Old" is removed',
        '    /characteristics/sku: "S" is added',
        '~ rename to decision rule "Gold", now "Silver"',
        '! conflict in placement "Hero"',
        "    in the manifest at spring.yaml:7:5 in row 2 (heroes.csv:3)",
        "    somebody else changed it (last edited by maria at 2026-05-01T10:00:00Z)",
        '    /description: the library has "Theirs", the manifest wants "Ours", and "Before" was applied last',
        '= collection "Set": only the state learns it',
        '- archive decision "Old"',
        "    it is gone from the manifest",
        '  left alone: collection qualifier "Winter": nothing is retired without prune',
        "warning: Counters restart.",
        "1 to create, 1 to change, 1 to rename, 1 to retire, 1 in conflict, 187 unchanged",
    ]


def test_the_markdown_begins_with_the_conflicts_and_ends_with_the_counts() -> None:
    lines = as_markdown(PLAN).splitlines()

    assert lines[2] == "- **conflict in** placement `Hero`"
    assert lines[3] == "  - in the manifest at `spring.yaml:7:5 in row 2 (heroes.csv:3)`"
    assert lines[-1] == "**1 to create, 1 to change, 1 to rename, 1 to retire, 1 in conflict, 187 unchanged**"
    assert "  - `/rank/priority`: `1` becomes `7`" in lines


def test_an_empty_plan_is_told_in_the_same_form() -> None:
    assert counts_line(made(unchanged=3)) == "0 to create, 0 to change, 0 to retire, 0 in conflict, 3 unchanged"


def test_of_long_values_the_part_that_differs_is_shown() -> None:
    live, wanted = "<p>" + "a" * 5_000 + " 10%</p>", "<p>" + "a" * 5_000 + " 15%</p>"
    update = PlannedObject(("tag", "T"), "update", changes=(Change("/description", live, wanted),), **LIVE)
    (line,) = [line for line in as_text(made(update)).splitlines() if "becomes" in line]

    assert 'aa 10%</p>" becomes …' in line
    assert line.endswith('aa 15%</p>"')
    assert len(line) < 200


def test_markdown_of_a_large_plan_is_cut_and_still_ends_with_the_counts() -> None:
    objects = [PlannedObject(("tag", f"Tag {number}"), "create", properties={}) for number in range(9_000)]
    text = as_markdown(made(*objects))

    assert len(text) <= 60_000
    assert text.splitlines()[-1] == "**9000 to create, 0 to change, 0 to retire, 0 in conflict, 0 unchanged**"
    assert "more entries" in text


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](https://evil.example/x.png)",
    "`</code><script>alert(1)</script>",
    "``` \n# heading\n- item\n| a | b |\n|---|---|",
    "**bold** _it_ ~~gone~~ https://evil.example www.evil.example a@evil.example <https://evil.example>",
    "&lt;b&gt; &#60;b&#62;",
    "\x1b[31mred\x1b[0m\u202egnp.exe\r\n\u2028next",
    "\\`a\\`",
    "`",
    " ` ` ",
]


def kinds_of_tokens(text: str) -> set[str]:
    """The kinds of everything that a reader of Markdown, with links and tables, finds in a text."""

    def every(tokens: list[Token]) -> set[str]:
        return {each.type for each in tokens} | {kind for each in tokens for kind in every(each.children or [])}

    return every(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text))


def with_text(text: str) -> Plan:
    """A plan with a text wherever somebody else may have written it."""
    change = Change(f"/{text.replace('~', '~0').replace('/', '~1')}", live=text, wanted=f"{text}!", base=[text])
    return made(
        PlannedObject(("tag", text), "create", properties={text: text}),
        PlannedObject(("rule", text), "rename", old_name=text, changes=(change,), **LIVE),
        PlannedObject(
            ("rule", f"{text}!"),
            "conflict",
            conflicts=(change,),
            reason=text,
            edited_by=text,
            edited_at=text,
            origin=text,
            **LIVE,
        ),
        left_alone={("tag", f"{text}?"): text},
        warnings=[text],
    )


def check_harmless(text: str) -> None:
    plan = with_text(text)

    assert kinds_of_tokens(as_markdown(plan)) == kinds_of_tokens(as_markdown(with_text("harmless")))
    for line in as_text(plan).split("\n"):
        assert line.isprintable() or not set(line) & {"\x1b", "\r", "\u2028", "\u202e", "\x00"}
    assert len(as_text(plan).splitlines()) == len(as_text(with_text("harmless")).splitlines())


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_name_or_a_value_is_read_as_markup(text: str) -> None:
    check_harmless(text)


@examples(20)
@given(st.text(alphabet="`*_[]()<>&|~#-+!\\ \n\tab:/.@1", max_size=20).filter(str.strip))
def test_no_text_is_read_as_markup(text: str) -> None:
    check_harmless(text)
