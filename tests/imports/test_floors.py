"""The modules of the client are on floors: a module imports from its own floor and from lower ones, never upward.

Nobody asks for the name of a generation either.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

CLIENT = "airflow_provider_offers.client"
FOLDER = Path(__file__).parent.parent.parent / "airflow_provider_offers" / "client"
FLOORS = (
    ("errors", "given", "repeated", "secret", "settings", "text", "verdict"),
    ("wire",),
    ("model",),
    ("rows",),
    ("generations",),
    ("flows",),
    ("session",),
    ("waiting",),
    ("deciding",),
    ("actions", "calls", "diagnosis", "doctor", "library", "lists", "reading", "turns", "twins"),
)
"""The folders and modules of `client/`, from the ground up."""

FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
MODULES = sorted(path for path in FOLDER.rglob("*.py") if path.parent != FOLDER or path.name != "__init__.py")


def imported(tree: ast.Module) -> Iterator[str]:
    """Every module that a module imports, at any depth and for type checkers as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, "expected an absolute import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(name: str) -> str | None:
    """The part of the client that contains a dotted name; None for a name outside the client."""
    return name.removeprefix(f"{CLIENT}.").split(".")[0] if name.startswith(f"{CLIENT}.") else None


def upward(module: str, source: str) -> list[str]:
    """The imports of a client's module from a floor above its own."""
    own = FLOOR_OF[room_of(module) or ""]
    return [
        name for name in imported(ast.parse(source)) if (room := room_of(name)) is not None and FLOOR_OF[room] > own
    ]


def test_every_room_has_a_floor() -> None:
    assert {path.relative_to(FOLDER).parts[0].removesuffix(".py") for path in MODULES} == set(FLOOR_OF)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_no_module_imports_from_a_floor_above(path: Path) -> None:
    module = ".".join([CLIENT, *path.relative_to(FOLDER).with_suffix("").parts])

    assert upward(module, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "statement",
    [
        f"from {CLIENT}.flows.access import Access",
        f"from {CLIENT} import flows",
        f"import {CLIENT}.flows.access",
        f"def later():\n    from {CLIENT}.flows import access",
        f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from {CLIENT}.flows import access",
    ],
)
def test_an_import_from_above_is_found_in_every_form(statement: str) -> None:
    assert len(upward(f"{CLIENT}.model.kinds", statement)) == 1
    assert upward(f"{CLIENT}.session", statement) == []


def asked_for(source: str) -> list[int]:
    """The lines that compare something with the name of a generation."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Compare)
        and any(isinstance(each, ast.Constant) and each.value in ("dps", "xcore") for each in ast.walk(node))
    ]


# The settings check the word; the generation and its capabilities are found by it.
NAME_GENERATIONS = ("settings.py", "generations/choosing.py", "model/capabilities.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_only_a_generation_knows_its_name(path: Path) -> None:
    """Everybody else asks for a capability, so that another generation is one module and one row."""
    place = path.relative_to(FOLDER).as_posix()

    assert bool(asked_for(path.read_text(encoding="utf-8"))) == (place in NAME_GENERATIONS)


@pytest.mark.parametrize("question", ['api == "xcore"', 'given.get("api", api) != "xcore"', 'api in ("dps", "")'])
def test_a_question_for_the_name_of_a_generation_is_found(question: str) -> None:
    assert asked_for(f"if {question}:\n    pass") == [1]


PACKAGE = "airflow_provider_offers"
CAMPAIGNS = FOLDER.parent / "campaigns"


CAMPAIGN_FLOORS = (
    ("packing", "disk", "objects", "plans", "reports", "errors"),
    ("state", "manifest"),
    ("planning",),
    ("applying", "moving"),
    ("checking", "__main__", "__init__"),
)
"""The folders and modules of `campaigns/`, from the ground up."""
CAMPAIGN_FLOOR_OF = {room: floor for floor, rooms in enumerate(CAMPAIGN_FLOORS) for room in rooms}
CAMPAIGN_MODULES = sorted(CAMPAIGNS.rglob("*.py"))
each_campaign_module = pytest.mark.parametrize(
    "path", CAMPAIGN_MODULES, ids=lambda path: path.relative_to(CAMPAIGNS).as_posix()
)


@each_campaign_module
def test_no_module_of_campaigns_imports_from_a_floor_above(path: Path) -> None:
    own = CAMPAIGN_FLOOR_OF[path.relative_to(CAMPAIGNS).parts[0].removesuffix(".py")]
    prefix = f"{PACKAGE}.campaigns."
    names = [name for name in imported(ast.parse(path.read_text(encoding="utf-8"))) if name.startswith(prefix)]

    rooms = {name: name.removeprefix(prefix).split(".")[0] for name in names}
    assert [name for name, room in rooms.items() if CAMPAIGN_FLOOR_OF[room] > own] == []


@each_campaign_module
def test_campaigns_know_the_client_and_nothing_of_airflow(path: Path) -> None:
    for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
        assert name.partition(".")[0] != "airflow", name
        if name.startswith(f"{PACKAGE}."):
            assert name.startswith((CLIENT, f"{PACKAGE}.campaigns")), name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_the_client_knows_nothing_of_campaigns_and_of_the_calendar(path: Path) -> None:
    names = imported(ast.parse(path.read_text(encoding="utf-8")))

    assert [name for name in names if name.startswith((f"{PACKAGE}.campaigns", f"{PACKAGE}.calendar"))] == []


CALENDAR = FOLDER.parent / "calendar"


@pytest.mark.parametrize("path", sorted(CALENDAR.rglob("*.py")), ids=lambda path: path.name)
def test_the_calendar_knows_the_client_and_nothing_of_airflow(path: Path) -> None:
    for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
        assert name.partition(".")[0] not in ("airflow", "fastapi", "starlette"), name
        if name.startswith(f"{PACKAGE}."):
            assert name.startswith((CLIENT, f"{PACKAGE}.calendar")), name
