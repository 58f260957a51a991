"""A plugin of pytest for a run that a test starts: attempts of tasks cost less there, too."""

from tests.airflow.cheaper import make_attempts_cheaper


def pytest_collection_finish() -> None:
    """Wait until the tests are collected: they load Airflow, as they do without this plugin."""
    make_attempts_cheaper()
