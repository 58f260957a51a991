"""Measuring: each contestant in its own process, the resources of that process, and medians over repetitions."""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
_HOMES = CHECKOUT / ".cache" / "benchmarks"
# A limit for contestants that hang; the others need less than half of it.
_LONGEST = 1_800

Figures = dict[str, Any]


class ContestantError(Exception):
    """A contestant failed, hung or printed nothing."""


def forget_homes() -> None:
    """Remove the homes of earlier runs, whose databases may be those of another Airflow."""
    shutil.rmtree(_HOMES, ignore_errors=True)


def environment(name: str) -> dict[str, str]:
    """The environment of a contestant: its own Airflow home in the checkout, and as little logging as possible."""
    home = _HOMES / name
    (home / "dags").mkdir(parents=True, exist_ok=True)
    return {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "PYTHONWARNINGS": "ignore",
        "PYTHONPATH": str(CHECKOUT),
    }


def alone(module: str, *arguments: object) -> Figures:
    """Run a contestant in its own process; the last line of its output has its figures."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    try:
        done = subprocess.run(
            command,
            env=environment(module.rpartition(".")[2]),
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=True,
            timeout=_LONGEST,
        )
        figures: Figures = json.loads(done.stdout.strip().splitlines()[-1])
    except subprocess.CalledProcessError as error:
        told = f"{error.stdout[-2000:]}\n{error.stderr[-4000:]}"
        raise ContestantError(f"{' '.join(command[1:])} failed:\n{told}") from None
    except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
        raise ContestantError(f"{' '.join(command[1:])} gave no figures: {error}") from None
    return figures


def medians(runs: Sequence[Figures]) -> Figures:
    """The median of each figure over several runs."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def repeated(times: int, contestants: Mapping[str, tuple[object, ...]], module: str) -> dict[str, list[Figures]]:
    """Run all contestants in turn, several times, so that a slow moment of the machine affects all of them."""
    runs: dict[str, list[Figures]] = {name: [] for name in contestants}
    for number in range(1, times + 1):
        for name, arguments in contestants.items():
            print(f"  {name}, {number} of {times} ...", file=sys.stderr, flush=True)
            runs[name].append(alone(module, *arguments))
    return runs


def cpu_seconds() -> float:
    """The CPU time of this process, in user and system mode."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def resident_bytes() -> int:
    """The memory that this process uses now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def forget_peak() -> None:
    """Count the peak from now on (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int:
    """The largest amount of memory that this process has used since `forget_peak`."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def verdict(met: bool) -> str:
    """The result of a goal, for a table."""
    return "met" if met else "**missed**"
