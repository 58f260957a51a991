"""Only `generations/` and `model/` know the spelling of a generation, and no other module asks for its name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

PACKAGE = Path(__file__).parent.parent.parent.parent / "airflow_provider_offers"
HOMES = ("emulator", "client/generations", "client/model")
MODULES = [
    path.relative_to(PACKAGE).as_posix()
    for path in sorted(PACKAGE.rglob("*.py"))
    if not path.relative_to(PACKAGE).as_posix().startswith(HOMES)
]
PREFIXED = re.compile(r"\b(xdm|ode):\w")


def docstrings(tree: ast.AST) -> set[int]:
    """The docstrings of a module, by their identity: they may contain the spelling of a generation."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }


def spelled(tree: ast.AST) -> Iterator[str]:
    """The string literals with a wire prefix, except docstrings."""
    passed = docstrings(tree)
    for node in ast.walk(tree):
        said = node.value if isinstance(node, ast.Constant) and id(node) not in passed else None
        if isinstance(said, str) and PREFIXED.search(said):
            yield said


def names_asked_for(tree: ast.AST) -> Iterator[str]:
    """The comparisons with the name of a generation."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Attribute) and side.attr == "api" for side in sides):
                yield ast.unparse(node)


@pytest.mark.parametrize("module", MODULES)
def test_no_module_elsewhere_spells_the_wire_or_asks_for_the_name(module: str) -> None:
    tree = ast.parse((PACKAGE / module).read_text())
    assert list(spelled(tree)) == []
    assert list(names_asked_for(tree)) == []


def test_what_is_looked_for_is_found_at_home() -> None:
    trees = [ast.parse(path.read_text()) for path in (PACKAGE / "client/generations").glob("*.py")]
    assert any(list(spelled(tree)) for tree in trees)
    assert any(list(names_asked_for(tree)) for tree in trees)
