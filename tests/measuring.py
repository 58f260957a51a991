"""Lets `make coverage` trace the tests that say most about client and operators, and no others.

Python 3.11 to 3.13 tell branches only to a trace function, which doubles the time of all code of its process. Thousands
of generated examples, other parts of the package and whole servers reach few branches that these tests do not reach.
"""

import importlib
import os
import pkgutil
import sys
from collections.abc import MutableMapping
from typing import Any

import pytest

_PACKAGES = ("airflow_provider_offers.client", "airflow_provider_offers.operators")
_ON_AIRFLOW = (
    "assets",
    "authors_side",
    "bad_input",
    "batch_decisions",
    "campaigns",
    "carrying",
    "checked",
    "connection_check",
    "creating",
    "decisions",
    "documents",
    "doubts",
    "identity",
    "kept_values",
    "last_checks",
    "library",
    "lifecycle",
    "lineage",
    "operators",
    "progress",
    "recovery",
    "rendering",
    "replacing",
    "reports",
    "rows",
    "scopes",
    "telling",
    "templates",
    "undone",
)
_PLAIN = ("tests/client/", "tests/triggers/", "tests/cli/test_doctor.py", "tests/campaigns/applying/test_reaching.py")
MEASURED = (*_PLAIN, *(f"tests/airflow/test_{name}.py" for name in _ON_AIRFLOW))
REPEATED = ("hypothesis", "bulk", "slow", "exhaustive", "once")
"""The marks of tests that run the same code many times, or only read files."""
_CHILDREN = "COVERAGE_PROCESS_CONFIG"
"""While the environment has it, new processes measure themselves."""


class Measuring:
    """Traces the tests that are measured. Does nothing unless the process measures coverage."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        self._environment = environment
        self._children = environment.get(_CHILDREN)
        self._coverage: Any = _running() if self._children else None
        self._tracing = self._coverage is not None
        self._has_loaded = False

    def turn_to(self, item: pytest.Item) -> None:
        """Trace from here on if the test is measured, and stop tracing if not."""
        if self._coverage is None:
            return
        if self._tracing and not self._has_loaded:
            self._has_loaded = True
            _load_all()
        if self._tracing == is_measured(item):
            return
        self._tracing = not self._tracing
        if self._tracing:
            self._environment[_CHILDREN] = self._children or ""
            self._coverage.start()
        else:
            del self._environment[_CHILDREN]
            self._coverage.stop()

    def end(self) -> None:
        """Stop tracing, and write what was measured while the process is still alive.

        Coverage writes at the exit of a process. pytest-xdist kills a worker whose exit takes more than ten seconds.
        """
        if self._coverage is None:
            return
        self._coverage.stop()
        self._coverage.save()


def is_measured(item: pytest.Item) -> bool:
    """Tell whether the test belongs to the measured ones."""
    if not item.nodeid.startswith(MEASURED):
        return False
    return not any(item.get_closest_marker(mark) for mark in REPEATED)


def _load_all() -> None:
    """Load every measured module: what a test that is not measured loads first would count as not run."""
    for package in _PACKAGES:
        for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            importlib.import_module(found.name)


def _running() -> Any:
    coverage = sys.modules.get("coverage")
    return coverage.Coverage.current() if coverage else None
