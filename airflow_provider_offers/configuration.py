"""The section `[offer_library]` of Airflow's configuration: each option is read and checked here, and nowhere else.

An explicit argument always wins. Defaults of arguments that an option may replace are marked: `Default` for text,
`DefaultNumber` for numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_offers import DEFAULT_CONNECTION, Default

SECTION = "offer_library"
STATE_PATH, DEFAULT_CONN_ID, POLL_INTERVAL = "state_path", "default_conn_id", "poll_interval"
MAX_CONCURRENT, PAGE_REFRESH = "max_concurrent", "page_refresh"

MOST_CONCURRENT = 32
_DAY = 86_400.0
_HOUR = 3_600.0


class DefaultNumber(int):
    """A number that is the default of an argument. It is an ordinary number, and the configuration may replace it."""


CONCURRENT = DefaultNumber(8)
"""How many items of a list run at the same time, unless the configuration says something else."""
REFRESH = 15.0
"""Seconds for which the calendar page shows what it has read, unless the configuration says something else."""


def connection_id(given: Any = DEFAULT_CONNECTION) -> Any:
    """The given id of a connection. The default becomes `default_conn_id`, if it is set.

    Raises `ConfigurationError` for an option that is not valid.
    """
    if not isinstance(given, Default):
        return given
    configured = _text(DEFAULT_CONN_ID)
    return str(given) if configured is None else configured


def concurrent(given: Any = CONCURRENT) -> Any:
    """The given number of items at the same time. The default becomes `max_concurrent`, if it is set.

    Raises `ConfigurationError` for an option that is not valid.
    """
    if not isinstance(given, DefaultNumber):
        return given
    configured = _number(MAX_CONCURRENT, 1, MOST_CONCURRENT, whole=True)
    return int(given) if configured is None else int(configured)


def poll_interval() -> float | None:
    """Seconds between two looks of a sensor or a watcher that names none; None if `poll_interval` is not set.

    Raises `ConfigurationError` for an option that is not valid.
    """
    return _number(POLL_INTERVAL, 0.1, _DAY)


def sensor_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a sensor, with `poll_interval` as its `poke_interval` if neither they nor default_args have one.

    Raises `ConfigurationError` for an option that is not valid.
    """
    named = "poke_interval" in arguments or "poke_interval" in (arguments.get("default_args") or ())
    seconds = None if named else poll_interval()
    return dict(arguments) if seconds is None else {**arguments, "poke_interval": seconds}


def page_refresh() -> float:
    """Seconds for which the calendar page shows what it has read, without another look at the changes.

    Raises `ConfigurationError` for an option that is not valid.
    """
    seconds = _number(PAGE_REFRESH, 1, _HOUR)
    return REFRESH if seconds is None else seconds


def state_path() -> str | None:
    """Where the states of campaigns are kept; None if `state_path` is not set."""
    return _text(STATE_PATH)


def _text(option: str) -> str | None:
    """The option without space around it; None if it is not set, or empty."""
    from airflow.sdk.configuration import conf

    return str(conf.get(SECTION, option, fallback=None) or "").strip() or None


def _number(option: str, least: float, most: float, *, whole: bool = False) -> float | None:
    text = _text(option)
    if text is None:
        return None
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        from airflow_provider_offers.client.errors import ConfigurationError, Violation
        from airflow_provider_offers.client.text import quoted

        expected = f"{'a whole number' if whole else 'a number of seconds'} from {least:g} to {most:g}"
        violation = Violation(f"[{SECTION}] {option}", quoted(text), expected)
        raise ConfigurationError("Airflow's configuration is not valid", [violation])
    return number
