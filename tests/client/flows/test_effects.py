"""Flows do no I/O: they take no callables but flows, import nothing that acts, and keep notes through effects."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_offers import client
from airflow_provider_offers.client.flows.creating import create
from airflow_provider_offers.client.flows.creation_notes import CreationNotes
from airflow_provider_offers.client.flows.deleting import delete_written
from airflow_provider_offers.client.flows.deleting_once import delete_once
from airflow_provider_offers.client.flows.editing import take_step
from airflow_provider_offers.client.flows.memory import TaskTries
from airflow_provider_offers.client.flows.ownership import Creation
from airflow_provider_offers.client.flows.patching import patch
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.model.lifecycle import PUBLISH
from airflow_provider_offers.client.wire.messages import Keep, Request
from tests.client.library import entity, page, receipt, reference, sale
from tests.client.script import START, Script, Step, answer
from tests.client.writes import ADD_TAG, prepared
from tests.notebook import Notebook, intent

CLIENT = Path(client.__file__).parent
FLOWS = sorted((CLIENT / "flows").glob("*.py"))
DECIDING = sorted((CLIENT / "deciding").glob("*.py"))
# Modules that read a clock, a file, a socket or random numbers, or that write to a log.
ACTING = {"aiohttp", "asyncio", "logging", "os", "pathlib", "random", "requests", "socket", "subprocess", "threading"}
ACTING |= {"time", "uuid"}


def each(modules: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("module", modules, ids=lambda path: f"{path.parent.name}.{path.stem}")


def nodes(module: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(module.read_text()))


@each(FLOWS)
def test_a_flow_takes_no_callable_but_one_that_makes_a_flow(module: Path) -> None:
    for node in nodes(module):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Callable":
            assert "], Flow[" in ast.unparse(node), ast.unparse(node)
        # A protocol is another form of a callable.
        if isinstance(node, ast.ClassDef):
            assert "Protocol" not in map(ast.unparse, node.bases), node.name


@each([*FLOWS, *DECIDING])
def test_a_flow_imports_nothing_that_acts(module: Path) -> None:
    imported = {
        name.partition(".")[0]
        for node in nodes(module)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }
    assert imported & ACTING == set()


@each([*FLOWS, *DECIDING])
def test_a_flow_asks_no_clock_and_opens_nothing(module: Path) -> None:
    called = {ast.unparse(node.func) for node in nodes(module) if isinstance(node, ast.Call)}
    assert called & {"open", "print", "input", "datetime.now", "datetime.utcnow", "date.today"} == set()


class Watched(Script):
    """Records the order of notes and writes."""

    def __init__(self, *steps: Step) -> None:
        super().__init__(*steps, memory=Notebook())
        self.events: list[str] = []

    def _perform(self, effect: Any) -> Any:
        if isinstance(effect, Keep):
            self.events.append(f"keep {effect.key.rstrip('0123456789abcdef')}")
        elif isinstance(effect, Request) and effect.method != "GET":
            self.events.append(effect.method)
        return super()._perform(effect)


def creating(script: Watched, api: str) -> Any:
    creation = Creation(PERSONALIZED, sale(), patience=0)
    notes = CreationNotes(TaskTries(durable=True), [creation.wish([])], began=START, answer=timedelta(0))
    return create(script.access(api), replace(creation, record=notes.of(0)))


def patching(script: Watched, api: str) -> Any:
    return patch(script.access(api), reference(api), prepared(ADD_TAG), intent=intent(1))


def publishing(script: Watched, api: str) -> Any:
    step = {"now": START, "waive": ("missing_placement", "no_representation", "window_over", "no_window")}
    return take_step(script.access(api), reference(api), PUBLISH, intent=intent(1), **step)  # type: ignore[arg-type]


def deleting(script: Watched, api: str) -> Any:
    return delete_once(
        script.access(api),
        reference(api),
        lambda access, meant, missing_ok: delete_written(access, meant, missing_ok=missing_ok),
        TaskTries(durable=True),
    )


WRITES = {
    "create": (creating, ["keep offers_tried_", "keep offers_tried_1_", "POST"]),
    "patch": (patching, ["keep intent_", "PATCH"]),
    "publish": (publishing, ["keep intent_", "PATCH"]),
    "delete": (deleting, ["keep offers_deleting_", "DELETE"]),
}


@pytest.mark.parametrize("api", ["dps", "xcore"])
@pytest.mark.parametrize("name", WRITES)
def test_a_note_is_safe_before_the_write_that_it_is_for(name: str, api: str) -> None:
    """The flow reaches the store only through its effects."""
    work, expected = WRITES[name]
    there = {"is": name != "create"}

    def service(request: Request) -> Any:
        if request.method == "POST":
            there["is"] = True
            return answer(201, receipt(api))
        if request.method == "PATCH":
            return answer(200, receipt(api, etag=2))
        if request.method == "DELETE":
            there["is"] = False
            return answer(204)
        shown = entity(api, sale(tags=[]))
        is_listing = urlsplit(request.url).path.endswith(("/offers", "/instances"))
        if "placement" in request.url or not (there["is"] or is_listing):
            return answer(404, {"title": "not there"})
        return answer(200, page(api, [shown] if there["is"] else []) if is_listing else shown)

    script = Watched(*[service] * 12)
    script.go(work(script, api))

    assert script.events[: len(expected)] == expected
    assert script.memory.recall(next(iter(script.memory.values))) is not None  # type: ignore[attr-defined]
