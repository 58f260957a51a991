"""Secrets stay where they belong: runs that succeed and fail leave none in logs, XComs, rendered fields or errors."""

from __future__ import annotations

import base64
import traceback
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from airflow_provider_offers.client.auth import SHARED_TOKENS
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.offers import (
    CreateOfferOperator,
    DeleteOfferOperator,
    GetOfferOperator,
    PatchOfferOperator,
    SearchOffersOperator,
)
from tests.airflow.harness import Airflow, Run
from tests.airflow.library import CONNECTION, NO_DELAY, dag_of, personalized
from tests.airflow.wrong_host import WrongHost, wrong_host

# With characters that forms and JSON spell in other ways.
SECRET = 'planted/secret+1="2"'
TOKEN = "eyJplanted.token-value.of/IMS+"
PATCH = [{"op": "add", "path": "/tags/-", "value": Emulator.TAG_ID}]


def spellings(secret: str) -> set[str]:
    """The ways in which a secret could have got somewhere."""
    escaped = secret.replace('"', '\\"')
    encoded = base64.b64encode(secret.encode()).decode()
    return {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1], escaped, encoded}


def assert_nowhere(airflow: Airflow, run: Run, secrets: Iterable[str]) -> None:
    """Neither what was logged, nor what Airflow stored, nor an error with all its causes says a secret."""
    told = "\n".join("".join(traceback.format_exception(each.error)) for each in run.attempts if each.error)
    kept = airflow.kept()
    assert run.attempts
    for secret in secrets:
        for spelling in spellings(secret):
            assert kept.where(spelling) == []
            assert spelling not in told
            assert [line for line in run.logs.splitlines() if spelling in line] == []


def work(airflow: Airflow, connection: Any, **options: Any) -> Run:
    """Read, write, change, search and delete, each task by itself."""
    with dag_of("secretive") as dag:
        common: dict[str, Any] = {"retries": 1, "retry_delay": NO_DELAY, **options}
        create = CreateOfferOperator(
            task_id="create", offer=personalized("Secretive", tags=[]), patience=0, if_exists="adopt", **common
        )
        some_id = "dps:personalized-offer:1c265317da412003"
        PatchOfferOperator(task_id="patch", offer_id=create.output, patch=PATCH, **common)
        GetOfferOperator(task_id="get", offer_id=some_id, **common)
        SearchOffersOperator(task_id="search", **common)
        DeleteOfferOperator(task_id="delete", offer_id=some_id, **common)
    return airflow.run(dag, connections={CONNECTION: connection})


def test_runs_that_succeed(airflow: Airflow, emulator: Emulator, api: str) -> None:
    run = work(airflow, emulator.connection(api, max_retries=0))

    assert run.states["create"] == run.states["patch"] == run.states["search"] == "success"
    fetched = [token.value for token in SHARED_TOKENS._tokens.values()]
    assert len(fetched) == 1
    assert_nowhere(airflow, run, [emulator.CLIENT_SECRET, *fetched])
    # What is looked for can be found: it is the connection that holds it, and no more.
    assert "Created personalized offer 'Secretive'" in run.logs


def test_a_ready_token(airflow: Airflow, emulator: Emulator, api: str) -> None:
    token = emulator.issue_token()
    connection = emulator.connection(api, max_retries=0, access_token=token)
    del connection["password"]

    run = work(airflow, connection)
    assert run.states["create"] == "success"
    assert_nowhere(airflow, run, [token])

    emulator.expire_tokens()
    run = work(airflow, connection)
    assert run.state == "failed"
    assert_nowhere(airflow, run, [token])


@pytest.mark.parametrize("page", ["html", "json"])
@pytest.mark.parametrize("status", [200, 401, 403, 500])
def test_pages_that_echo_the_request(airflow: Airflow, api: str, status: int, page: str) -> None:
    with wrong_host() as host:
        host.status, host.page, host.token = status, page, TOKEN
        run = work(airflow, host.connection(api, SECRET))

    assert_echoed(host, TOKEN)
    assert run.state == "failed"
    assert_nowhere(airflow, run, [SECRET, TOKEN])


def test_an_identity_service_that_echoes_the_secret(airflow: Airflow, api: str) -> None:
    with wrong_host() as host:
        host.token_status = 400
        run = work(airflow, host.connection(api, SECRET))

    assert_echoed(host, quote(SECRET, safe=""))
    assert "invalid_client" in str(run.error("search"))
    assert_nowhere(airflow, run, [SECRET])


def assert_echoed(host: WrongHost, secret: str) -> None:
    """The secret did go over the wire, and came back."""
    assert any(secret in shown for shown in host.requests)


def test_other_failures(airflow: Airflow, emulator: Emulator, api: str) -> None:
    for method in ("POST", "PATCH", "GET", "DELETE"):
        emulator.add_fault("drop", method=method, path="/data/*", times=3)
    lost = work(airflow, emulator.connection(api, max_retries=0))
    assert lost.state == "failed"
    fetched = [token.value for token in SHARED_TOKENS._tokens.values()]
    assert_nowhere(airflow, lost, [emulator.CLIENT_SECRET, *fetched])

    proxy = "http://user:planted-proxy-password@127.0.0.1:1"
    wrong: dict[str, dict[str, Any]] = {
        "wrong_secret": emulator.connection(api, password=SECRET, max_retries=0),
        "behind_a_proxy": emulator.connection(api, proxies={"http": proxy, "https": proxy}, max_retries=0),
        "unknown_extra": emulator.connection(api, password=SECRET, client_secret=f"{SECRET}-too"),
        "in_the_host": {**emulator.connection(api), "host": "https://user:planted-host-password@platform.adobe.io"},
        "in_the_token_url": emulator.connection(api, token_url="https://user:planted-url-password@ims.example"),
        "with_bearer": emulator.connection(api, access_token="Bearer planted-bearer"),
    }
    with dag_of("failing") as dag:
        for name in wrong:
            SearchOffersOperator(task_id=name, offer_library_conn_id=name)
    run = airflow.run(dag, connections=wrong)
    assert run.states == dict.fromkeys(wrong, "failed")
    passwords = [f"planted-{where}-password" for where in ("proxy", "host", "url")]
    assert_nowhere(airflow, run, [SECRET, "planted-bearer", *passwords])


def test_masking_is_the_second_line_of_defence(airflow: Airflow, emulator: Emulator, api: str) -> None:
    """Every secret is made known to Airflow's masker, so that whoever logs one writes asterisks."""
    from airflow.sdk._shared.secrets_masker import redact

    token = emulator.issue_token(lifetime=1000)
    work(airflow, emulator.connection(api, password=emulator.CLIENT_SECRET))
    fetched = next(iter(SHARED_TOKENS._tokens.values())).value
    work(airflow, emulator.connection(api, access_token=token))

    for secret in (emulator.CLIENT_SECRET, fetched, token):
        assert redact(f"said {secret} aloud") == "said *** aloud"
