"""Fixtures of pytest for tests of DAGs: the Offer Library's emulator, with a connection to it.

Pytest loads this module automatically if the package is installed. It imports the emulator only for a test that asks
for a fixture.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from airflow_provider_offers.emulator import Emulator
    from airflow_provider_offers.emulator.clock import Clock
    from airflow_provider_offers.emulator.control.faults import Fault

MARK = "offer_library"
_GENERATIONS = ("dps", "xcore")
_CONNECTION = "offer_library_default"
# The arguments of the mark that are not settings of the emulator.
_OPTIONS = ("api", "conn_id", "extra")
_HELP = (
    f'{MARK}(api="dps", conn_id="{_CONNECTION}", extra={{}}, **settings): the generation of the API ("dps", "xcore", '
    "or a list of both: the test runs once for each), the id of the connection, keys of its extra, and settings of the "
    "emulator such as list_lag=5"
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _HELP)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each generation that its mark names."""
    if "offer_library_api" in metafunc.fixturenames:
        metafunc.parametrize("offer_library_api", _generations(metafunc.definition), indirect=True)
    elif any(mark.name == MARK for mark in metafunc.definition.own_markers):
        # Its tasks would use another connection of that id, perhaps the real one.
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid}: the mark {MARK} has no effect without the fixture `offer_library`; add it "
            f'to the arguments of the test, or the mark usefixtures("{MARK}")'
        )


@pytest.fixture
def offer_library_api(request: pytest.FixtureRequest) -> str:
    """The generation of the API that the connection of `offer_library` uses: `dps`, or what the mark says."""
    api: str = request.param
    return api


@pytest.fixture
def offer_library(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    offer_library_api: str,
    _offer_library_emulator: Emulator,
) -> Iterator[Emulator]:
    """An empty Offer Library, and a connection to it in the environment.

    All tests of a process share one emulator, which every test resets. The mark `offer_library` sets the generation,
    the id of the connection, keys of the connection's extra, and settings of the emulator. Tasks that run in this
    process, such as those of `dag.test()`, and processes that it starts find the connection. A fault that was
    never applied is a warning after the test: its path may be misspelled, and then the test shows nothing.
    """
    mark = _mark(request.node)
    options = {name: value for name, value in mark.items() if name not in _OPTIONS}
    emulator = _offer_library_emulator
    if not emulator.is_running:
        # An earlier test stopped it, as an outage of the service.
        emulator.start()
    emulator.reset()
    _refuse_slips(request.node, mark, emulator)
    if options:
        emulator.configure(**options)
    _forget_tokens()
    conn_id = str(mark.get("conn_id", _CONNECTION))
    connection = emulator.connection(offer_library_api, **mark.get("extra", {}))
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    yield emulator
    for fault in emulator.faults():
        if told := _why_unapplied(fault):
            warnings.warn(pytest.PytestWarning(told), stacklevel=1)


def _why_unapplied(fault: Fault) -> str:
    """What to know about a fault that the test did not meet; empty if it met it, or if the fault has `times=0`."""
    if fault.applied or fault.times == 0:
        return ""
    named = ("method", "route", "path", "path_regex", "contains")
    rule = {name: each for name in named if (each := getattr(fault, name)) is not None}
    told = f"the fault {fault.effect!r} ({', '.join(f'{name}={each!r}' for name, each in rule.items())})"
    if not fault.seen:
        return f"{told} matched no request"
    matched = f"{told} matched {fault.seen} request{'' if fault.seen == 1 else 's'} and was never applied"
    if fault.seen <= fault.after:
        return f"{matched}: after={fault.after} leaves out the first {fault.after}"
    return f"{matched}: its probability is {fault.probability}"


@pytest.fixture
def offer_library_clock(offer_library: Emulator) -> Clock:
    """The clock of `offer_library`: `set`, `advance`, `freeze` and `resume` move windows without waiting."""
    return offer_library.clock


@pytest.fixture(scope="session")
def _offer_library_emulator() -> Iterator[Emulator]:
    from airflow_provider_offers.emulator import Emulator

    with Emulator() as emulator:
        yield emulator


def _mark(item: Any) -> dict[str, Any]:
    """The arguments of the item's marks. The mark of a function overrides that of its class and its module."""
    given: dict[str, Any] = {}
    for mark in reversed(list(item.iter_markers(MARK))):
        if mark.args:
            raise pytest.UsageError(f"{item.nodeid}: the mark {MARK} takes named arguments only: {_HELP}")
        given.update(mark.kwargs)
    return given


def _generations(item: Any) -> list[str]:
    api = _mark(item).get("api", _GENERATIONS[0])
    named = [api] if isinstance(api, str) else list(api)
    if not named or not set(named) <= set(_GENERATIONS):
        raise pytest.UsageError(f"{item.nodeid}: the mark {MARK} has api={api!r}; expected 'dps', 'xcore' or both")
    return named


def _refuse_slips(item: Any, mark: Mapping[str, Any], emulator: Emulator) -> None:
    """Refuse an argument of the mark that resembles one of its own, or belongs to another, and is no setting."""
    import difflib

    if "api" in mark.get("extra", {}):
        raise pytest.UsageError(f"{item.nodeid}: the mark {MARK} has 'api' in extra; it is an argument of its own")
    options = [name for name in mark if name not in _OPTIONS]
    for name in options:
        if name in emulator.connection()["extra"]:
            raise pytest.UsageError(
                f"{item.nodeid}: the mark {MARK} has {name!r}; did you mean extra={{{name!r}: {mark[name]!r}}}?"
            )
        close = difflib.get_close_matches(name, _OPTIONS, n=1)
        if close and not hasattr(emulator.settings, name):
            raise pytest.UsageError(f"{item.nodeid}: the mark {MARK} has {name!r}; did you mean {close[0]!r}?")


def _forget_tokens() -> None:
    """Forget tokens that this process got from the emulator before its reset."""
    auth = sys.modules.get("airflow_provider_offers.client.wire.auth")
    if auth is not None:
        auth.SHARED_TOKENS.clear()
