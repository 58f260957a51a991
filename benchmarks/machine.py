"""The conditions of the measurement: the machine, its load, and the versions."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.measure import CHECKOUT, table

_PACKAGES = ("apache-airflow", "apache-airflow-providers-http", "aiohttp", "requests")


def describe(load_before: float, commit: str) -> str:
    """A table for the top of the results."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    rows = [
        ["date", datetime.now(UTC).date().isoformat()],
        *([["commit", commit]] if commit else []),
        ["processor", f"{cpu}, {os.cpu_count()} cores"],
        ["memory", f"{memory / 1e6:.1f} GB"],
        ["system", f"{platform.system()} {platform.release()}"],
        ["load average before and after", f"{load_before:.2f}, {os.getloadavg()[0]:.2f}"],
        ["Python", platform.python_version()],
        *([name, version(name)] for name in _PACKAGES),
    ]
    return table(("", ""), rows).replace("---:", "---")


def measured_commit() -> str:
    """The commit in the checkout, before the pictures are drawn anew.

    Empty outside a checkout, for example in an unpacked source archive.
    """
    asked = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        return subprocess.run(asked, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []
