"""The demo as a user runs it: every task of the campaign and both tables on the screen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.airflow.harness import load_dags

CHECKOUT = Path(__file__).parent.parent.parent
GENERATIONS = ("generation 2 (dps)", "generation 1 (xcore)")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_demo_shows_every_task_and_both_tables() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    demo = subprocess.run(
        [sys.executable, str(CHECKOUT / "demo" / "launch.py")],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert demo.returncode == 0, demo.stdout[-4000:]
    (dag,) = load_dags(CHECKOUT / "example_dags" / "campaign_launch.py").values()
    lines = demo.stdout.splitlines()
    for task in dag.task_ids:
        assert len([line for line in lines if line.split()[:2] == [task, "ok"]]) == len(GENERATIONS), task
    for generation in GENERATIONS:
        assert f"Running {dag.dag_id} on {generation}" in demo.stdout
        start = lines.index(f"In the library now, through {generation}:")
        header, _, *rows = lines[start + 1 : start + 5]
        assert header.split()[:3] == ["type", "name", "status"]
        assert {row.split()[0] for row in rows} == {"fallback", "personalized"}
        assert all("Spring voucher" in row for row in rows)
    assert "FAILED" not in demo.stdout
    assert "Traceback" not in demo.stdout
    assert demo.stderr == ""
