"""The table of what is tested where leaves out no folder of tests, and names only paths and targets that exist."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from coverage import CoverageData

from tests.docs.pages import page, quoted, table
from tests.measuring import MEASURED

pytestmark = pytest.mark.once

ROWS = table(page("CONTRIBUTING.md").section("Tests"), "promise or area")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_paths_and_targets_of_a_row_exist(checkout: Path, row: list[str]) -> None:
    _, paths, _, targets = row
    known = set(re.findall(r"^([a-z-]+):", (checkout / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    assert quoted(paths), "expected a path between backquotes"
    assert [path for path in quoted(paths) if not (checkout / path).exists()] == []
    assert quoted(targets), "expected a target of the Makefile between backquotes"
    assert set(quoted(targets)) <= known


def test_every_folder_of_tests_is_in_the_table(checkout: Path) -> None:
    folders = {f"tests/{path.name}" for path in (checkout / "tests").iterdir() if any(path.rglob("test_*.py"))}
    assert folders - {path for row in ROWS for path in quoted(row[1])} == set()


def test_the_measured_paths_exist(checkout: Path) -> None:
    assert [path for path in MEASURED if not (checkout / path).exists()] == []


@pytest.mark.slow
def test_what_was_measured_is_written_before_a_worker_exits(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "dying.py").write_text(
        "import os, signal\n\ndef pytest_unconfigure():\n    os.kill(os.getpid(), signal.SIGKILL)\n", encoding="utf-8"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environment["PYTHONPATH"] = str(tmp_path)
    coverage = [sys.executable, "-m", "coverage", "run", f"--data-file={tmp_path / 'data'}"]
    pytest_ = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "dying", "tests/client/waiting/test_verdicts.py"]

    done = subprocess.run([*coverage, *pytest_], cwd=checkout, env=environment, capture_output=True, check=False)

    assert done.returncode == -signal.SIGKILL, done.stdout
    (written,) = tmp_path.glob("data.*")
    measured = CoverageData(str(written))
    measured.read()
    (verdicts,) = (name for name in measured.measured_files() if name.endswith("waiting/verdicts.py"))
    assert len(measured.arcs(verdicts) or ()) > 100


def test_no_module_of_tests_is_longer_than_600_lines(checkout: Path) -> None:
    lengths = {
        str(path.relative_to(checkout)): path.read_text(encoding="utf-8").count("\n")
        for path in (checkout / "tests").rglob("*.py")
    }
    assert {name: lines for name, lines in lengths.items() if lines > 600} == {}
