"""Gives every test process its own Airflow home, before anything imports Airflow."""

import atexit
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent
# Drawn once for all processes of a run, which inherit it. A given seed repeats its examples.
FUZZ_SEED = os.environ.setdefault("FUZZ_SEED", str(random.SystemRandom().randrange(2**32)))


def pytest_report_header() -> str:
    """Print the seed of this run's new fuzz examples."""
    return f"fuzz: FUZZ_SEED={FUZZ_SEED}"


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
def checkout() -> Path:
    """The top folder of the repository."""
    return CHECKOUT


@pytest.fixture(autouse=True)
def no_clock_is_known() -> Iterator[None]:
    """Forget the service's clock after each test, because the next service may have the same address."""
    from airflow_provider_offers.client.wire.service_clock import forget_clocks

    yield
    forget_clocks()
