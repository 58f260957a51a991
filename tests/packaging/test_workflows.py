"""The workflows call the targets of the Makefile, and test every Airflow and Python that the package promises."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.once

NAMES = ("ci", "nightly", "release")


def _workflow(checkout: Path, name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((checkout / f".github/workflows/{name}.yml").read_text(encoding="utf-8"))
    return read


def _steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def _rows(workflow: dict[str, Any], job: str) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = workflow["jobs"][job]["strategy"]["matrix"]["include"]
    return rows


@pytest.mark.parametrize("name", NAMES)
def test_every_target_that_a_workflow_makes_exists(checkout: Path, name: str) -> None:
    known = set(re.findall(r"^([a-z-]+):", (checkout / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    workflow = _workflow(checkout, name)
    made = {word for step in _steps(workflow) for word in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))}
    for job in workflow["jobs"].values():
        matrix = job.get("strategy", {}).get("matrix", {})
        made |= {*matrix.get("target", ()), *(row["target"] for row in matrix.get("include", ()))}
    assert made, "expected a target of the Makefile"
    assert made <= known


def test_a_change_passes_what_ci_runs_here(checkout: Path) -> None:
    (line,) = re.findall(r"for target in ([a-z -]+); do", (checkout / ".ci/run").read_text(encoding="utf-8"))
    workflow = _workflow(checkout, "ci")
    made = {word for step in _steps(workflow) for word in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))}
    made |= {row["target"] for row in _rows(workflow, "test")}
    # Every Python has a job of its own.
    assert set(line.split()) - {"test-pythons"} <= made


def test_every_promised_python_is_tested(checkout: Path) -> None:
    classifiers = (checkout / "pyproject.toml").read_text(encoding="utf-8")
    promised = set(re.findall(r"Python :: (3\.\d+)", classifiers))
    rows = _rows(_workflow(checkout, "ci"), "test")
    assert {row["python"] for row in rows if row["target"] == "test"} == promised


@pytest.mark.parametrize("name", NAMES)
def test_every_action_is_pinned(checkout: Path, name: str) -> None:
    used = [step["uses"] for step in _steps(_workflow(checkout, name)) if "uses" in step]
    assert used, "expected an action"
    assert [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each)] == []


def test_everything_that_must_pass_is_needed_at_the_end(checkout: Path) -> None:
    jobs = _workflow(checkout, "ci")["jobs"]
    must = {name for name, job in jobs.items() if not job.get("continue-on-error") and name != "success"}
    assert set(jobs["success"]["needs"]) == must
