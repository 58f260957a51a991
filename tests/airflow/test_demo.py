"""The demo as a user runs it: every task of both campaigns, the offers that customers get, and a campaign as code."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from tests.airflow.harness import load_dags

CHECKOUT = Path(__file__).parent.parent.parent
GENERATIONS = ("generation 2 (dps)", "generation 1 (xcore)")


def test_what_a_service_leaves_that_has_ended_by_itself_is_ended(tmp_path: Path) -> None:
    serve = runpy.run_path(str(CHECKOUT / "demo" / "serve.py"))
    told = tmp_path / "worker"
    program = "import subprocess, sys; w = subprocess.Popen(['sleep', '300']); open(sys.argv[1], 'w').write(str(w.pid))"
    service = psutil.Popen([sys.executable, "-c", program, str(told)], start_new_session=True)
    service.wait()
    worker = psutil.Process(int(told.read_text()))

    serve["_end"]([service])

    left = serve["_alive"]({worker})
    for each in left:
        each.kill()
    assert left == []


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
    lines = demo.stdout.splitlines()
    for file in ("campaign_launch.py", "campaign_from_scratch.py"):
        (dag,) = load_dags(CHECKOUT / "example_dags" / file).values()
        for generation in GENERATIONS:
            start = lines.index(f"Running {dag.dag_id} on {generation}")
            shown = lines[start + 1 : next((at for at in range(start + 1, len(lines)) if not lines[at]), len(lines))]
            for task in dag.task_ids:
                assert len([line for line in shown if line.split()[:2] == [task, "ok"]]) == 1, task
    assert demo.stdout.count("before: the fallback, during: the offer, after: the fallback") == len(GENERATIONS)
    assert sum("the window is over: " in line for line in lines) == 2 * len(GENERATIONS)
    for moment, content in (("before", "Welcome"), ("during", "20 % off"), ("after", "Welcome")):
        told = [line for line in lines if line.split()[:2] == [f"decide_{moment}", "ok"]]
        assert len(told) == len(GENERATIONS)
        assert all(content in line for line in told)
    for generation in GENERATIONS:
        start = lines.index(f"In the library now, through {generation}:")
        header, _, *rows = lines[start + 1 : start + 7]
        assert header.split()[:3] == ["type", "name", "status"]
        assert sorted(row.split()[0] for row in rows) == ["fallback", "fallback", "personalized", "personalized"]
        assert [sum(name in row for row in rows) for name in ("Spring voucher", "Summer banner")] == [2, 2]
    _expect_campaign_as_code(demo.stdout)
    assert "FAILED" not in demo.stdout
    assert "Traceback" not in demo.stdout
    assert demo.stderr == ""


def _expect_campaign_as_code(shown: str) -> None:
    """A plan and an apply of new objects, an edit by hand, its conflict, and the decision about it."""
    _, *commands = shown.partition("\nA campaign as code")[2].split("\n$ airflow offers ")
    plan, apply, conflict, decided = commands
    assert "  9 to create, 0 to change, 0 to retire, 0 in conflict, 0 unchanged" in plan
    assert "  applied: 9 created" in apply
    assert "/cappingConstraint/profileCap: the library has 9, the manifest wants 3, and 3 was applied last" in conflict
    assert "  0 to create, 0 to change, 0 to retire, 1 in conflict, 8 unchanged" in conflict
    assert "  applied: 1 changed, 8 unchanged" in decided
    assert "The cap is 3 again" in decided
