"""Every module that handles whole requests, raw answers or secrets is cut out of the tracebacks of interruptions."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from airflow_provider_offers.client import wire
from airflow_provider_offers.client.wire import tracebacks

CLIENT = Path(wire.__file__).parents[1]
# Types whose values hold a token, a client secret or what the service echoes of them.
HOLDING = {"Request", "Response", "Secret", "SecretBytes", "PreparedRequest", "ClientResponse", "HTTPResponse"}


def holds_secrets(module: Path) -> bool:
    """Whether a function of the module takes or makes such a value, by its annotations and calls."""
    for node in ast.walk(ast.parse(module.read_text())):
        shown = node.annotation if isinstance(node, (ast.arg, ast.AnnAssign)) else None
        shown = node.func if isinstance(node, ast.Call) else shown
        if shown is not None and {each.rpartition(".")[2] for each in ast.unparse(shown).split(" | ")} & HOLDING:
            return True
    return False


@pytest.mark.parametrize("module", sorted((CLIENT / "wire").glob("*.py")), ids=lambda path: path.stem)
def test_a_module_that_handles_secrets_leaves_no_frame(module: Path) -> None:
    if holds_secrets(module):
        assert str(module) in tracebacks._HOLDING


def test_the_check_finds_the_shells_and_what_they_call() -> None:
    found = {module.stem for module in (CLIENT / "wire").glob("*.py") if holds_secrets(module)}
    assert {"auth", "async_shell", "sync_shell", "messages", "pace", "refusals"} <= found


def test_every_module_that_is_cut_out_exists() -> None:
    assert all(Path(each).is_file() for each in tracebacks._HOLDING)
