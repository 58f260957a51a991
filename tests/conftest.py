"""Gives every test process its own Airflow home, before anything imports Airflow, and orders the tests."""

import atexit
import gc
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

from tests.airflow.harness import Airflow
from tests.effort import examples
from tests.measuring import Measuring

CHECKOUT = Path(__file__).parent.parent
# Drawn once for all processes of a run, which inherit it. A given seed repeats its examples.
FUZZ_SEED = os.environ.setdefault("FUZZ_SEED", str(random.SystemRandom().randrange(2**32)))

# Longest modules first: if one worker starts a long module at the end, the others wait for it. Each is the beginning of
# a path in `tests`.
TURNS = (
    "packaging",
    "metadata",
    "docs",
    "airflow",
    "page",
    "cli",
    "faults",
    "fuzz",
    "client/wire/test_secret",
    "client/test_against_emulator",
    "emulator",
    "imports",
    "assets",
    "campaigns",
    "triggers",
    "client/generations",
    "client/test_",
    "client/wire",
    "client/waiting",
    "client",
)

# The modules of each share what takes long to make, a server of Airflow for example. One process runs them all.
SHARING = ("tests/packaging/", "tests/metadata/")

# The collected tests live as long as the process. Looking for garbage among them takes a third of their collection.
gc.set_threshold(50_000, 20, 100)

# Hypothesis must not fail a test because the machine is busy.
settings.register_profile("patient", examples(30))
settings.load_profile("patient")


def pytest_report_header() -> str:
    """Print the seed of this run's new fuzz examples."""
    return f"fuzz: FUZZ_SEED={FUZZ_SEED}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that run DAGs. With several workers, put the longest modules first."""
    for item in items:
        if "airflow_session" in getattr(item, "fixturenames", ()):
            item.add_marker("airflow")
    if hasattr(config, "workerinput"):
        items.sort(key=_turn)


class ByFile(LoadFileScheduling):  # type: ignore[misc]
    """Gives each process whole modules, and those that share something to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in SHARING if nodeid.startswith(folder)), super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile | None:
    """Distribute modules as above for `--dist loadfile`."""
    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


MEASURING = Measuring()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Measure this test, or not."""
    MEASURING.turn_to(item)


def pytest_sessionfinish() -> None:
    """Write what was measured, before pytest-xdist waits for the exit of this process."""
    MEASURING.end()


def pytest_collection_finish() -> None:
    """Leave the collected tests out of garbage collections."""
    gc.freeze()


def _turn(item: pytest.Item) -> int:
    path = item.path.relative_to(CHECKOUT / "tests").as_posix()
    return next((turn for turn, beginning in enumerate(TURNS) if path.startswith(beginning)), len(TURNS))


def _isolate_airflow() -> Path:
    """Point Airflow at an empty home in the checkout, and ignore the shell's settings."""
    for name in list(os.environ):
        if name.startswith(("AIRFLOW_", "_AIRFLOW_")):
            del os.environ[name]
    cache = CHECKOUT / ".cache" / "tests"
    cache.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="airflow-", dir=cache))
    (home / "dags").mkdir()
    os.environ.update(
        AIRFLOW_HOME=str(home),
        AIRFLOW__CORE__DAGS_FOLDER=str(home / "dags"),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        # A test may change a DAG and run it again at once.
        AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL="0",
        AIRFLOW__LOGGING__COLORED_CONSOLE_LOG="False",
        # Debug logs must not contain a secret either, so the tests check them.
        AIRFLOW__LOGGING__NAMESPACE_LEVELS="airflow.task=DEBUG airflow_provider_offers=DEBUG",
    )
    return home


AIRFLOW_HOME = _isolate_airflow()
atexit.register(shutil.rmtree, AIRFLOW_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """The home of this process's Airflow; empty until its database is created."""
    return AIRFLOW_HOME


@pytest.fixture(scope="session")
def airflow_session(airflow_home: Path) -> Airflow:
    """An Airflow with a fresh database, made once in each test process that needs it."""
    return Airflow.start(airflow_home)


@pytest.fixture
def airflow(airflow_session: Airflow) -> Airflow:
    """That Airflow, without the data and secrets of earlier tests."""
    airflow_session.forget()
    return airflow_session


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The top folder of the repository."""
    return CHECKOUT


@pytest.fixture(autouse=True)
def no_clock_is_known() -> Iterator[None]:
    """Forget the service's clock after each test, because the next service may have the same address."""
    from airflow_provider_offers.client.wire.service_clock import forget_clocks

    yield
    forget_clocks()
