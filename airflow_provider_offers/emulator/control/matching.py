"""What fault rules and the journal ask of a request: values that match no request are refused."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from airflow_provider_offers.emulator.settings import nearest

METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
STATUSES = (200, 599)
"""The least and the greatest status of an answer."""


def check_texts(error: type[ValueError], **given: Any) -> None:
    """Raise the error for a condition that is neither a text nor None."""
    for name, value in given.items():
        if not isinstance(value, str | None):
            raise error(f"{name} must be a string, not {value!r}")


def check_method(error: type[ValueError], method: str | None) -> None:
    """Raise the error for a method that the emulator does not know."""
    if method is not None and method.upper() not in METHODS:
        raise error(f"unknown method {method!r}{nearest(method.upper(), METHODS)}")


def check_route(error: type[ValueError], route: str | None, routes: Sequence[str]) -> None:
    """Raise the error for a route, with `*`, that matches no name."""
    if route is not None and not any(fnmatchcase(name, route) for name in routes):
        raise error(f"no route is named {route!r}{nearest(route, list(routes))}")


def check_path(error: type[ValueError], path: str | None) -> None:
    """Raise the error for a path that matches no path of a request."""
    if path is not None and not path.startswith(("/", "*", "?", "[")):
        raise error(f"path must begin with / or *, not {path!r}")
