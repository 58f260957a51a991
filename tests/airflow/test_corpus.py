"""Every body, patch and search of Adobe's documents works with the operators, in the order of the pages.

`tests/corpus` holds one file for each object of a create page: the kind, and the steps in their order, each with its
page: the creation, the patch of the update page, the search of the list page. `doubtful` are the places that cause
warnings; `only` is the generation, if only one has the kind.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_offers.client.model.cleaning import tidied
from airflow_provider_offers.client.model.comparing import same
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.kinds import kind_of
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.library import (
    CreateLibraryObjectOperator,
    PatchLibraryObjectOperator,
    SearchLibraryObjectsOperator,
)
from tests.airflow.harness import Airflow
from tests.airflow.library import dag_of, run

CORPUS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parents[1] / "corpus").glob("*.json"))
}


def chains(api: str) -> dict[str, dict[str, Any]]:
    """The chains that the generation supports."""
    return {name: chain for name, chain in CORPUS.items() if chain.get("only", api) == api}


def add_tasks(name: str, chain: dict[str, Any]) -> None:
    """The steps of one object, in order."""
    made: Any = None
    before: Any = None
    for number, step in enumerate(chain["steps"]):
        common: dict[str, Any] = {"task_id": f"{name}-{number}", "kind": chain["kind"]}
        if "create" in step:
            task: Any = CreateLibraryObjectOperator(**common, object=step["create"])
            made = task.output
        elif "patch" in step:
            task = PatchLibraryObjectOperator(**common, object_id=made, patch=step["patch"])
        else:
            task = SearchLibraryObjectsOperator(**common, **step["search"])
        if before is not None:
            before >> task
        before = task


@pytest.mark.parametrize("api", ["dps", "xcore"])
def test_whatever_the_documents_show_is_accepted(airflow: Airflow, emulator: Emulator, api: str) -> None:
    """The objects that they refer to need not exist; the service judges an end before its start."""
    emulator.configure(missing_references="allow", refuse_reversed_window=False)
    with dag_of("corpus") as dag:
        for name, chain in chains(api).items():
            add_tasks(name, chain)

    result = run(airflow, emulator, api, dag)

    failed = {task: result.error(task) for task, state in result.states.items() if state != "success"}
    assert failed == {}
    for name, chain in chains(api).items():
        assert_there(emulator, result, name, chain)
    expected = [
        place for chain in chains(api).values() for step in chain["steps"] for place in step.get("doubtful", ())
    ]
    assert sorted(re.findall(r"is sent although it may be wrong.*?: (\S+): given", result.logs)) == sorted(expected)


def assert_there(emulator: Emulator, result: Any, name: str, chain: dict[str, Any]) -> None:
    """The service has the page's object, with the changes of the later patches."""
    kind = kind_of(chain["kind"])
    wanted = tidied(kind, neutral_payload(chain["steps"][0]["create"], kind))
    identifier = result.result(f"{name}-0")["id"]
    (body,) = (each["body"] for each in emulator.objects() if each["id"] == identifier)
    touched = {
        operation["path"].removeprefix("/_instance").split("/")[1].removeprefix("xdm:")
        for step in chain["steps"]
        for operation in step.get("patch", ())
    }
    for member in wanted.keys() - touched - {"id", *kind.write_only, *kind.unreliable_on_read}:
        assert member in body, (name, member)
        assert same(body[member], wanted[member]), (name, member)


def test_the_corpus_names_a_page_for_every_step() -> None:
    assert len(CORPUS) >= 20
    for name, chain in CORPUS.items():
        assert "create" in chain["steps"][0], name
        for step in chain["steps"]:
            assert step["page"], name
            assert len({"create", "patch", "search"} & step.keys()) == 1, name
