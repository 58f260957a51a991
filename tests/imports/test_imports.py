"""Imports each public module in its own process and checks what it loads beyond Airflow's SDK."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest

OURS = "airflow_provider_offers"
HEAVY = {
    "aiohttp",
    "fastapi",
    "httpx",
    "jsonpatch",
    "jsonpointer",
    "pendulum",
    "requests",
    "sqlalchemy",
    "starlette",
    "urllib3",
    "uvicorn",
}
LIGHT_CLIENT = {
    f"{OURS}.client",
    *(
        f"{OURS}.client.{name}"
        for name in ("errors", "given", "model", "model.literals", "model.query", "text", "twins")
    ),
}
"""What may load of the client: errors, how models and literals are read, what a search takes, the hooks' methods."""

MOST_MODULES = 25
"""How many modules of ours a DAG file may load that uses the operators for every kind and the sensors for offers."""

PARSED = [
    f"{OURS}.{path.parent.name}.{path.stem}"
    for folder in ("assets", "hooks", "links", "operators", "policies", "sensors")
    for path in sorted((Path(__file__).parent.parent.parent / OURS / folder).glob("[!_]*.py"))
]
"""Every module that a DAG file may import."""


def output(*statements: str) -> str:
    """The output of a fresh process after `SAID`, when it runs these statements."""
    answer = subprocess.run(
        [sys.executable, "-c", "\n".join(statements)],
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return next(line for line in answer.stdout.splitlines() if line.startswith("SAID ")).removeprefix("SAID ")


@cache
def loaded(*statements: str) -> frozenset[str]:
    """The modules in a fresh process after these statements."""
    return frozenset(
        json.loads(output(*statements, "import json, sys", "print('SAID', json.dumps(list(sys.modules)))"))
    )


def tops(modules: Iterable[str]) -> set[str]:
    """The packages that modules belong to."""
    return {name.partition(".")[0] for name in modules}


# A process that has loaded what every DAG file loads, and forks for each line of statements.
FORKING = """
import json, os, sys
from airflow.sdk import DAG, BaseHook, BaseOperator, BaseOperatorLink
from airflow.sdk.exceptions import AirflowFailException
for line in sys.stdin:
    if os.fork() == 0:
        names = {}
        exec(json.loads(line), names)
        print("SAID", json.dumps(names.get("said", list(sys.modules))), flush=True)
        os._exit(0)
    print("ENDED", os.wait()[1], flush=True)
"""


class DagProcess:
    """A fresh process with Airflow's SDK, which takes a second to load; its forks are as fresh, and take no time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.airflows = frozenset(self.said(""))
        """The modules that every DAG file with Airflow's SDK loads, with or without this package."""

    def said(self, *statements: str) -> Any:
        """The value of `said` after these statements in a fork, or the names of the modules there."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps("\n".join(statements)) + "\n")
        self._process.stdin.flush()
        lines = list(iter(self._process.stdout.readline, "ENDED 0\n"))
        assert lines[-1].startswith("SAID "), lines
        return json.loads(lines[-1].removeprefix("SAID "))

    def added(self, *statements: str) -> set[str]:
        """The modules that these statements load and Airflow's SDK does not."""
        return set(self.said(*statements)) - self.airflows

    @cached_property
    def added_by(self) -> dict[str, set[str]]:
        """The modules that each one loads and the ones before it in the list did not. One fork for all saves time."""
        code = ["import sys", "before, said = set(), {}"]
        for module in PARSED:
            code += [
                f"import {module}",
                f"said[{module!r}] = sorted(set(sys.modules) - before)",
                "before |= set(sys.modules)",
            ]
        return {module: set(names) for module, names in self.said(*code).items()}


@pytest.fixture(scope="module")
def dag_process() -> Iterator[DagProcess]:
    """A process that loads what every DAG file loads."""
    command, folder = [sys.executable, "-c", FORKING], Path(__file__).parent.parent.parent
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield DagProcess(process)
        finally:
            process.communicate()


@pytest.mark.parametrize("module", PARSED)
def test_nothing_heavy_is_loaded_that_airflow_has_not_loaded(module: str, dag_process: DagProcess) -> None:
    assert tops(dag_process.added_by[module] - dag_process.airflows) & HEAVY == set()


@pytest.mark.parametrize("module", PARSED)
def test_a_parsed_dag_file_loads_hardly_any_of_the_client(module: str, dag_process: DagProcess) -> None:
    more = dag_process.added_by[module]

    assert {name for name in more if name.startswith(f"{OURS}.client")} <= LIGHT_CLIENT
    assert not {name for name in more if name.startswith(f"{OURS}.emulator")}


def test_a_dag_file_loads_few_modules_of_ours(dag_process: DagProcess) -> None:
    files = ("operators.offers", "operators.library", "sensors.offers")
    modules = dag_process.added("import " + ", ".join(f"{OURS}.{name}" for name in files))
    ours = sorted(name for name in modules if name.startswith(f"{OURS}."))

    assert len(ours) <= MOST_MODULES, "\n".join(ours)
    assert not [name for name in ours if name.startswith(f"{OURS}.hooks")]


def test_the_models_load_nothing_that_airflow_has_not_loaded(dag_process: DagProcess) -> None:
    assert tops(loaded(f"import {OURS}.models") - dag_process.airflows) == {OURS}


def public(module: str) -> list[str]:
    """The operators that a module exports for DAGs, or the sensors that it defines; empty for a module of bases."""
    held = importlib.import_module(module)
    sensors = [
        name
        for name, value in vars(held).items()
        if name.endswith("Sensor") and value.__module__ == module and not inspect.isabstract(value)
    ]
    return [*getattr(held, "__all__", sensors)]


def test_building_a_dag_of_every_operator_and_sensor_loads_no_more(dag_process: DagProcess) -> None:
    classes = {module: public(module) for module in PARSED if module.split(".")[1] in ("operators", "sensors")}
    assert {module.partition(".")[2] for module, names in classes.items() if names} == {
        *("operators.campaigns", "operators.decisions", "operators.library", "operators.offers"),
        *("sensors.campaigns", "sensors.decisions", "sensors.offers"),
    }
    made = dag_process.said(
        "from importlib import import_module",
        "from airflow.sdk import DAG",
        "with DAG('built', schedule=None):",
        f"    for module, names in {classes!r}.items():",
        "        for name in names:",
        "            operator = getattr(import_module(module), name)",
        "            fields = {field: '{{ x }}' for field in operator.template_fields}",
        "            operator(task_id=f'{module}.{name}', **fields)",
    )

    assert tops(set(made) - dag_process.airflows) & HEAVY == set()
    assert {name for name in made if name.startswith(f"{OURS}.client")} <= LIGHT_CLIENT


def test_the_providers_metadata_imports_nothing() -> None:
    more = loaded(f"import {OURS}.get_provider_info as info", "info.get_provider_info()") - loaded()

    assert more - {"json"} == {OURS, f"{OURS}.get_provider_info"}


def test_the_commands_load_nothing_until_one_runs() -> None:
    """Every `airflow` command loads the list of commands."""
    definition = f"{OURS}.cli.definition"
    more = json.loads(
        output(
            "import json, sys, airflow.cli.cli_config",
            "before = set(sys.modules)",
            f"from {definition} import get_offers_cli_commands as commands",
            "commands()",
            "print('SAID', json.dumps(sorted(set(sys.modules) - before)))",
        )
    )

    assert set(more) - {OURS} == {f"{OURS}.cli", definition}


def test_the_client_knows_no_airflow() -> None:
    modules = loaded(f"import {OURS}.client.library, {OURS}.client.doctor, {OURS}.client.model.receipts")

    assert not {name for name in modules if name == "airflow" or name.startswith("airflow.")}
    assert "airflow" not in tops(loaded(f"import {OURS}.emulator"))


def test_the_emulator_is_light_until_it_is_started() -> None:
    assert tops(loaded(f"import {OURS}.emulator")) & HEAVY == set()


def test_the_client_and_the_emulator_share_no_code() -> None:
    client = loaded(f"import {OURS}.client.library, {OURS}.client.doctor, {OURS}.client.model.receipts")
    emulator = loaded(f"from {OURS}.emulator import Emulator", "with Emulator(): pass")

    assert not {name for name in client if name.startswith(f"{OURS}.emulator")}
    assert not {name for name in emulator if name.startswith(f"{OURS}.client")}


def test_the_plugin_which_every_process_of_airflow_loads_brings_one_module_of_ours(
    dag_process: DagProcess,
) -> None:
    plugin = f"{OURS}.plugins.offer_library"
    modules = dag_process.added(f"import {plugin}")

    assert {name for name in modules if name.startswith(f"{OURS}.")} == {plugin, f"{OURS}.plugins"}
    assert tops(modules) == {OURS}
