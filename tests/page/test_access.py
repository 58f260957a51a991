"""No route of the page answers without a user of Airflow, and none shows a connection without the right to read it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from airflow_provider_offers.plugins.app import build_app
from tests.page.conftest import CONN_ID, PAGE

Visitor = Callable[[str | None], TestClient]


def asks_for(dependant: Dependant, name: str) -> bool:
    """Whether a route takes the query parameter, itself or by one of its dependencies."""
    own = any(each.name == name for each in dependant.query_params)
    return own or any(asks_for(each, name) for each in dependant.dependencies)


ROUTES = build_app().routes
OF_CONNECTIONS = [each.path for each in ROUTES if isinstance(each, APIRoute) and asks_for(each.dependant, "conn_id")]
FOR_EVERYBODY = {"/", "/static/{path:path}", "/api/connections"}


def address(path: str, conn_id: str = CONN_ID) -> str:
    """An address of a route; all of its parameters are valid."""
    path = path.replace("{path:path}", "index.html")
    one = "&id=dps:personalized-offer:1" if path == "/api/object" else ""
    return f"{PAGE}{path}?conn_id={conn_id}&kind=personalized{one}"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_every_route_reads_only_and_needs_a_login(route: APIRoute, visitor: Visitor) -> None:
    stranger = visitor(None)

    assert route.methods == {"GET"}
    assert stranger.get(address(route.path)).status_code == 401
    stranger.cookies.set("_token", "x.y.z")
    assert stranger.get(address(route.path)).status_code in (401, 403)


def test_a_person_who_is_logged_out_reads_where_to_log_in(visitor: Visitor) -> None:
    stranger = visitor(None)
    accept = {"Accept": "text/html,*/*"}

    answer = stranger.get(f"{PAGE}/", headers=accept)
    assert answer.status_code == 401
    assert "text/html" in answer.headers["content-type"]
    assert '<a href="../" target="_top">Log in to Airflow</a>' in answer.text
    assert answer.headers["cache-control"] == "no-store"
    # What the page's own code asks for stays data.
    for path in ("/", "/api/connections"):
        assert stranger.get(f"{PAGE}{path}").json() == {"detail": "Not authenticated"}
    assert stranger.get(f"{PAGE}/api/connections", headers=accept).json() == {"detail": "Not authenticated"}
    # The words by which the page knows a login that is over from a right that is missing.
    stranger.cookies.set("_token", "x.y.z")
    answer = stranger.get(f"{PAGE}/api/connections")
    assert (answer.status_code, answer.json()) == (403, {"detail": "Invalid JWT token"})


@pytest.mark.parametrize("path", OF_CONNECTIONS)
def test_a_connection_is_shown_only_to_users_who_may_read_it(path: str, visitor: Visitor, connected: str) -> None:
    for role in ("viewer", "user"):
        assert visitor(role).get(address(path)).status_code == 403
        assert visitor(role).get(address(path, "unknown")).status_code == 403
    for role in ("op", "admin"):
        assert visitor(role).get(address(path)).status_code in (200, 404)


def test_every_other_route_is_known() -> None:
    assert {route.path for route in ROUTES if isinstance(route, APIRoute)} - set(OF_CONNECTIONS) == FOR_EVERYBODY
    assert all(isinstance(route, APIRoute) for route in ROUTES)


@pytest.mark.parametrize("role", ["viewer", "op"])
def test_the_list_shows_only_connections_that_the_user_may_read(role: str, visitor: Visitor, connected: str) -> None:
    found = visitor(role).get(f"{PAGE}/api/connections").json()

    assert [each["conn_id"] for each in found["connections"]] == ([] if role == "viewer" else [CONN_ID])


def test_files_beside_the_page_are_not_served(visitor: Visitor) -> None:
    for path in ("../app.py", "..%2fapp.py", "%2e%2e/app.py", "/etc/passwd", "%2fetc%2fpasswd", "none.js"):
        assert visitor("viewer").get(f"{PAGE}/static/{path}").status_code == 404
