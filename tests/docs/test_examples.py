"""Runs every Python example of the documentation: DAGs in a real Airflow on both generations, tests under pytest."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.airflow.campaigns import somebody_answers
from tests.airflow.harness import Airflow, load_dags
from tests.docs.pages import CHECKOUT, Block, all_pages, page

# The DAG around an example that shows only operators.
FRAME = """\
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

from airflow_provider_offers.operators.campaigns import *
from airflow_provider_offers.operators.decisions import *
from airflow_provider_offers.operators.library import *
from airflow_provider_offers.operators.offers import *
from airflow_provider_offers.sensors.decisions import *
from airflow_provider_offers.sensors.offers import *

with DAG("example", schedule=None):
"""
# Adobe documents no calls for these on generation 1.
ON_DPS_ONLY = ("docs/kinds/ranking-formula.md",)
PYTHON = [block for each in all_pages() for block in each.blocks("python")]
DAGS = [block for block in PYTHON if re.search(r"(DAG|Operator|Operator\.partial|Sensor)\(", block.text)]


def _dag_file(example: Block, folder: Path) -> Path:
    """Write the example as a DAG file, with the files that its page shows."""
    source = example.text if "DAG(" in example.text else FRAME + textwrap.indent(example.text, "    ")
    folder.mkdir(parents=True)
    path = folder / "example_dag.py"
    path.write_text(source)
    shown = page(example.page)
    for block in [*shown.blocks("json"), *shown.blocks("csv"), *shown.blocks("yaml")]:
        if block.file is not None:
            file = folder / block.file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text)
    return path


@pytest.mark.parametrize("api", ["dps", "xcore"])
@pytest.mark.parametrize("example", DAGS, ids=str)
def test_the_example_runs(example: Block, api: str, airflow: Airflow, emulator: Emulator, tmp_path: Path) -> None:
    dags = load_dags(_dag_file(example, tmp_path / "dags"))
    assert dags, "the example makes no DAG"
    connections = dict.fromkeys(("offer_library_default", "ajo_dev", "ajo_prod"), emulator.connection(api=api))
    environment = {"AIRFLOW__OFFER_LIBRARY__STATE_PATH": str(tmp_path / "states")}

    for dag in dags.values():
        with somebody_answers():
            run = airflow.run(dag, connections=connections, environment=environment)
        if api == "xcore" and example.page in ON_DPS_ONLY:
            assert all("documents no calls" in str(attempt.error) for attempt in run.attempts)
            return
        assert run.state == "success", [(attempt.task_id, str(attempt.error)) for attempt in run.attempts]
        assert set(run.states.values()) == {"success"}
    # Decisions have their own services, and batch decisions one for both generations.
    services = (f"/data/core/{api}/", f"/data/core/{'ods' if api == 'dps' else 'ode'}/", "/data/core/dwm/")
    assert any(entry.path.startswith(services) for entry in emulator.journal())


@pytest.mark.parametrize("example", PYTHON, ids=str)
def test_the_example_compiles(example: Block) -> None:
    compile(example.text, str(example), "exec")


def test_the_demo_that_the_readme_shows_has_the_tasks_of_the_dag() -> None:
    shown = (CHECKOUT / "docs/pictures/demo.txt").read_text(encoding="utf-8")
    (dag,) = load_dags(CHECKOUT / "example_dags/campaign_from_scratch.py").values()
    tasks = re.findall(r"^  (\w+) +ok ", shown, re.MULTILINE)
    assert sorted(tasks) == sorted(dag.task_ids)


def test_the_tutorial_begins_with_the_dag_of_the_readme() -> None:
    first = [next(block.text for block in DAGS if block.page == name) for name in ("README.md", "docs/first-offer.md")]
    assert first[0] == first[1]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_pytest_examples_pass(tmp_path: Path) -> None:
    tests = page("docs/testing.md")
    test, *others = (block.text for block in tests.blocks("python") if "from dags." in block.text)
    (dag,) = (block for block in DAGS if block.page == "README.md")
    (shown,) = (block.text for block in page("README.md").blocks("python") if "def test_" in block.text)
    assert test.startswith(shown), "the README shows the first test of the page"
    (commands,) = (block.text for block in tests.blocks("bash") if "pytest" in block.text)
    _dag_file(dag, tmp_path / "dags").rename(tmp_path / "dags" / "spring_voucher.py")
    for number, text in enumerate((test, *others)):
        (tmp_path / f"test_spring_voucher_{number}.py").write_text(text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    # Airflow builds less and waits less; what the commands do and what the tests see stays.
    environment["PYTHONPATH"] = str(CHECKOUT)
    environment["PYTEST_PLUGINS"] = "tests.airflow.cheaper_plugin"

    command = ["bash", "-e", "-c", commands]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    assert "4 passed" in done.stdout
