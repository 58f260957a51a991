"""No answer of the page holds a secret, a token or an account of a connection, whatever goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from airflow_provider_offers.client.wire.auth import SHARED_TOKENS
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.plugins.app import build_app
from tests.client.campaign import campaign, decision, seed
from tests.page.conftest import CONN_ID, PAGE

SECRET, TOKEN, PROXY = "s3cr3t-4nd-v3ry-c0nf1d3nt14l", "t0k3n-0f-n0b0dy-3lse", "pr0xy-p4ssw0rd"
ROUTES = [each.path for each in build_app().routes if isinstance(each, APIRoute)]
FAULTY = {"status": 500}, {"status": 403}, {"effect": "garble"}, {"effect": "html"}


def answers(client: TestClient, ids: dict[str, str]) -> Iterator[tuple[int, str]]:
    """Every route's answers, with their headers, as text: for each kind of object, and for wrong parameters."""
    for route in ROUTES:
        queries: list[dict[str, str]] = [{"kind": "nothing", "id": "nothing", "days": "x"}, {"sandbox": "none"}]
        queries += [{"kind": kind, "id": identifier} for kind, identifier in ids.items()]
        for query in queries if route == "/api/object" else queries[:3]:
            path = route.replace("{path:path}", "index.html")
            answer = client.get(f"{PAGE}{path}", params={"conn_id": CONN_ID, **query})
            yield answer.status_code, f"{answer.headers} {answer.text}"


@pytest.fixture
def ids(emulator: Emulator) -> dict[str, str]:
    made = campaign(emulator)
    return made | {"decision": seed(emulator, "offer-activity", **decision(made, status="live"))}


@pytest.fixture
def told(
    client: TestClient,
    connect: Callable[..., None],
    emulator: Emulator,
    api: str,
    ids: dict[str, str],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Callable[..., set[int]]:
    """Stores a connection, walks all routes, and looks for its secrets; returns the statuses of the answers."""

    def walk(*, password: str | None = None, **extra: Any) -> set[int]:
        connection = emulator.connection(api)
        connection["password"] = password or connection["password"]
        connection["extra"] |= {"max_retries": 0, **extra}
        connect(CONN_ID, **connection)

        found = list(answers(client, ids))

        tokens = [str(each.value) for each in SHARED_TOKENS._tokens.values()]
        hidden = [SECRET, TOKEN, PROXY, connection["password"], connection["login"], Emulator.ORG_ID, *tokens]
        assert [text for _, text in found if any(secret in text for secret in hidden)] == []
        logged = caplog.text + "".join(capfd.readouterr())
        assert [secret for secret in (SECRET, TOKEN, PROXY, connection["password"], *tokens) if secret in logged] == []
        return {status for status, _ in found}

    return walk


def test_no_secret_is_shown_while_all_is_well(told: Callable[..., set[int]]) -> None:
    assert told() >= {200, 422}
    assert SHARED_TOKENS._tokens


def test_no_secret_is_shown_when_it_is_refused(told: Callable[..., set[int]]) -> None:
    assert 502 in told(password=SECRET)
    assert 502 in told(access_token=TOKEN)
    assert 200 in told(proxies={"http": f"http://user:{PROXY}@127.0.0.1:9"})


@pytest.mark.parametrize("fault", FAULTY, ids=str)
def test_no_secret_is_shown_when_the_service_fails(
    told: Callable[..., set[int]], emulator: Emulator, fault: dict[str, Any]
) -> None:
    emulator.add_fault(**{"effect": "status", **fault}, times=None)

    assert told() & {502, 503, 504}
    assert emulator.faults()[0].applied


def test_no_secret_is_shown_when_the_settings_are_wrong(told: Callable[..., set[int]]) -> None:
    assert 409 in told(password=SECRET, api="dpss", timeout="never")
    assert 409 in told(access_token=f"{TOKEN} {TOKEN}")
