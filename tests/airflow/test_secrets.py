"""Secrets stay secret: successful and failed runs leave none in logs, XComs, rendered fields or errors."""

from __future__ import annotations

import asyncio
import base64
import html
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from airflow.sdk import task

from airflow_provider_offers.client.wire.auth import SHARED_TOKENS
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.emulator.control.journal import line
from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
from airflow_provider_offers.operators.decisions import BatchDecisionOperator, DecideOperator
from airflow_provider_offers.operators.library import (
    CreateLibraryObjectOperator,
    PatchLibraryObjectOperator,
    SearchLibraryObjectsOperator,
)
from airflow_provider_offers.operators.offers import (
    CreateOfferOperator,
    DeleteOfferOperator,
    GetOfferOperator,
    PatchOfferOperator,
    SearchOffersOperator,
)
from airflow_provider_offers.policies.retry import retry_arguments
from airflow_provider_offers.sensors.decisions import OfferLiveSensor
from airflow_provider_offers.sensors.offers import OffersFoundSensor, OfferStatusSensor, OfferWindowSensor
from airflow_provider_offers.triggers.offers import OffersFoundTrigger, OfferStatusTrigger, OfferTrigger
from tests.airflow.capture import captured_output
from tests.airflow.child import in_a_child
from tests.airflow.harness import Airflow, Run
from tests.airflow.library import CONNECTION, NO_DELAY, dag_of, personalized, seed
from tests.airflow.wrong_host import WrongHost, wrong_host
from tests.traces import told_by

# With characters that forms, JSON and HTML spell differently.
SECRET = 'planted/secret+1="2"&'
TOKEN = "eyJplanted.token-value.of/IMS+"
PASSWORD = "planted-password"
PATCH = [{"op": "add", "path": "/tags/-", "value": Emulator.TAG_ID}]
SOME_IDS = ["dps:personalized-offer:1c265317da412003", "dps:personalized-offer:1c265317da412004"]
NOWHERE = "http://127.0.0.1:1"


def spellings(secret: str) -> set[str]:
    """The forms in which a secret could appear."""
    escaped = json.dumps(secret)[1:-1]
    encoded = base64.b64encode(secret.encode()).decode()
    quoted = {quote(secret), quote(secret, safe=""), quote(secret, safe=","), quote_plus(secret)}
    return {secret, *quoted, repr(secret)[1:-1], escaped, html.escape(secret), encoded}


def assert_untold(text: str, secrets: Iterable[str]) -> None:
    """The text contains no form of any secret; a failure shows the lines with one."""
    for secret in secrets:
        for spelling in spellings(secret):
            assert [found for found in text.splitlines() if spelling in found] == []


def assert_nowhere(airflow: Airflow, run: Run, secrets: Iterable[str], **told: Any) -> None:
    """No log, no data that Airflow stored, and no error with its causes and variables contains a secret."""
    kept = airflow.kept()
    assert run.attempts
    for secret in secrets:
        for spelling in spellings(secret):
            assert kept.where(spelling) == []
    assert_untold("\n".join([run.logs, *(told_by(each.error, **told) for each in run.attempts if each.error)]), secrets)


def tasks(**options: Any) -> None:
    """Read, write, change, search, delete and wait: one by one, as lists, and mapped."""
    options = {"retries": 0, **options}
    create = CreateOfferOperator(
        task_id="create", offer=personalized("Secretive", tags=[]), patience=0, if_exists="adopt", **options
    )
    PatchOfferOperator(task_id="patch", offer_id=create.output, patch=PATCH, **options)
    PatchOfferOperator(task_id="patch_list", offer_id=SOME_IDS, patch=PATCH, **options)
    GetOfferOperator.partial(task_id="get", **options).expand(offer_id=SOME_IDS)
    SearchOffersOperator(task_id="search", **retry_arguments(**{**options, "retries": 1, "retry_delay": NO_DELAY}))
    DeleteOfferOperator(task_id="delete", offer_id=SOME_IDS[0], **options)
    waiting = {"poke_interval": 0.1, "timeout": 0.3, **options}
    OfferStatusSensor(task_id="poke", offer_id=SOME_IDS, status="approved", mode="poke", **waiting)
    OffersFoundSensor(task_id="reschedule", at_least=99, mode="reschedule", **waiting)
    OfferWindowSensor(task_id="defer", offer_id=SOME_IDS[0], deferrable=True, **waiting)


def more_tasks(**options: Any) -> None:
    """The same for the other objects of the library, and for decisions."""
    profile, placement = {"Email": "somebody@example.com"}, Emulator.PLACEMENT_ID
    decision, tag = "dps:offer-activity:1c265317da412005", {"name": "Secretive"}
    CreateLibraryObjectOperator(task_id="create_tag", kind="tag", object=tag, **options)
    CreateLibraryObjectOperator(task_id="create_tags", kind="tag", object=[{"name": "One"}, {"name": "Two"}], **options)
    SearchLibraryObjectsOperator(task_id="search_placements", kind="placement", **options)
    PatchLibraryObjectOperator(
        task_id="patch_placements", kind="placement", object_id=[placement], patch=PATCH, **options
    )
    asked: dict[str, Any] = {"decision_id": decision, "placement_id": placement, **options}
    DecideOperator(task_id="decide", profile=profile, **asked)
    batch: dict[str, Any] = {"audience_id": "some-audience", "dataset_id": "some-dataset", "wait_for_completion": False}
    BatchDecisionOperator(task_id="decide_all", **batch, **asked)
    OfferLiveSensor(task_id="live", offer_id=SOME_IDS, profile=profile, poke_interval=0.1, timeout=0.3, **asked)


def work(airflow: Airflow, connection: Any, make: Callable[..., None] = tasks, **options: Any) -> Run:
    """All of these tasks in one run."""
    with dag_of("secretive") as dag:
        make()
    return airflow.run(dag, connections={CONNECTION: connection}, **options)


def fetched() -> list[str]:
    """The tokens that this process has fetched."""
    return [str(token.value) for token in SHARED_TOKENS._tokens.values()]


def test_runs_that_succeed(airflow: Airflow, emulator: Emulator, api: str) -> None:
    run = work(airflow, emulator.connection(api, max_retries=0))

    assert run.states["create"] == run.states["patch"] == run.states["search"] == "success"
    (token,) = fetched()
    assert_nowhere(airflow, run, [emulator.CLIENT_SECRET, token])
    # The search itself works: the connection contains the secret, and nothing else does.
    assert "Created personalized offer 'Secretive'" in run.logs
    assert "Starting new HTTP connection" in run.logs, "what libraries log for debugging is looked through as well"
    for entry in emulator.journal():
        assert_untold(json.dumps(asdict(entry)), [emulator.CLIENT_SECRET, token])
        assert_untold(line(entry), [emulator.CLIENT_SECRET, token])


@pytest.mark.parametrize("case", ["success", "html", "json", "cut"])
def test_other_objects_and_decisions(airflow: Airflow, emulator: Emulator, api: str, case: str) -> None:
    if case == "success":
        run = work(airflow, emulator.connection(api, max_retries=0), lambda: more_tasks(retries=0))
        assert run.states["create_tag"] == run.states["search_placements"] == "success"
        assert_nowhere(airflow, run, [emulator.CLIENT_SECRET, *fetched()])
        return
    with wrong_host() as host:
        host.status, host.page, host.token = 422, case, TOKEN
        run = work(airflow, host.connection(api, SECRET), lambda: more_tasks(retries=0))
    assert set(run.states.values()) == {"failed"}
    assert any(TOKEN in shown for shown in host.requests)
    assert_nowhere(airflow, run, [SECRET, TOKEN])


def test_a_wait_in_the_triggerer(airflow: Airflow, emulator: Emulator, api: str) -> None:
    soon = {"startDate": "2090-01-01T00:00:00Z", "endDate": "2091-01-01T00:00:00Z"}
    offer = seed(emulator, api, "Awaited", changes={"selectionConstraint": soon})
    token = emulator.issue_token()
    connections = {"secret": emulator.connection(api), "token": emulator.connection(api, access_token=token)}
    with dag_of("waiting") as dag:
        common: dict[str, Any] = {"deferrable": True, "poke_interval": 0.1, "retries": 0}
        common["execution_timeout"] = timedelta(seconds=3)
        by_token = {**common, "offer_library_conn_id": "token"}
        by_secret = {**common, "offer_library_conn_id": "secret"}
        OfferStatusSensor(task_id="status", offer_id=offer["id"], status="archived", **by_secret)
        OfferWindowSensor(task_id="window", offer_id=offer["id"], **by_token)
        OffersFoundSensor(task_id="found", at_least=50, **by_token)
    run = airflow.run(dag, connections=connections)

    assert {attempt.state for attempt in run.attempts} >= {"deferred"}
    assert_nowhere(airflow, run, [emulator.CLIENT_SECRET, token, *fetched()])


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


def echoing(status: int, page: str = "html", **changes: Any) -> Callable[[WrongHost], dict[str, Any]]:
    """A service whose answers show the request."""

    def connect(host: WrongHost) -> dict[str, Any]:
        host.status, host.page = status, page
        for name, value in changes.items():
            setattr(host, name, value)
        return {}

    return connect


def proxied(_: WrongHost) -> dict[str, Any]:
    proxy = f"http://user:{PASSWORD}@127.0.0.1:1"
    address = "https://platform.invalid"
    return {"host": address, "token_url": f"{address}/ims/token/v3", "proxies": {"http": proxy, "https": proxy}}


FAILURES: dict[str, tuple[str, Callable[[WrongHost], dict[str, Any]]]] = {
    # The error of every task, and the fault of the service or the network.
    "a wrong secret": ("invalid_client", echoing(404, token_status=400)),
    "an identity service that is out": ("gave no token (503", echoing(404, token_status=503)),
    "401": ("refused with 401", echoing(401, "json")),
    "403": ("an HTML page", echoing(403)),
    "404": ("refused with 404", echoing(404, "json")),
    "409": ("refused with 409", echoing(409, "json")),
    "422": ("refused with 422", echoing(422, "json")),
    "a page with 500": ("refused with 500", echoing(500)),
    "500": ("refused with 500", echoing(500, "json")),
    "malformed JSON": ("cut or malformed JSON", echoing(200, "cut")),
    "another service": ("answered 200, but", echoing(200, "json")),
    "a redirect to another host": (
        "redirects are not followed",
        echoing(307, location="https://elsewhere.invalid/offers"),
    ),
    "a refused connection": ("the connection was refused", lambda _: {"host": NOWHERE}),
    "an identity service that is not there": ("did not answer", lambda _: {"token_url": f"{NOWHERE}/ims/token/v3"}),
    "no TLS": ("TLS", lambda host: {"host": host.url.replace("http:", "https:")}),
    "a timeout": ("no answer within the timeout", lambda host: echoing(200, delay=1)(host) | {"timeout": 0.3}),
    "a proxy that is not there": ("the proxy could not be used", proxied),
}


@pytest.mark.parametrize("case", FAILURES)
def test_failures(airflow: Airflow, monkeypatch: pytest.MonkeyPatch, case: str, request: pytest.FixtureRequest) -> None:
    said, connect = FAILURES[case]
    # Each generation in turn: other tests show that they behave alike.
    api = ("dps", "xcore")[list(FAILURES).index(case) % 2]
    secrets = [SECRET, TOKEN, PASSWORD]
    with wrong_host() as host:
        host.token = TOKEN
        changes = connect(host)
        connection = host.connection(api, SECRET)
        connection["host"] = changes.pop("host", connection["host"])
        connection["extra"] = {**dict(connection["extra"]), **changes}  # type: ignore[call-overload]
        run = work(airflow, connection)
        told = elsewhere(monkeypatch, connection)

    assert run.states["search"] == run.states["create"] == run.states["patch_list"] == run.states["get[0]"] == "failed"
    assert said in str(run.error("search"))
    assert said in told
    # The variables of the code that reads a good answer contain it.
    assert_nowhere(airflow, run, secrets, by_locals=case != "another service")
    assert_untold(told, secrets)
    # If there was a request, the secrets were sent and echoed.
    sent = "\n".join(host.requests)
    if case in ("no TLS", "a proxy that is not there", "an identity service that is not there"):
        assert TOKEN not in sent
    else:
        assert quote(SECRET, safe=",") in sent
        assert (TOKEN in sent) == (case not in ("a refused connection",) and host.token_status == 200)


def elsewhere(monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]) -> str:
    """All output outside of tasks: of the connection's test, and of triggers in their process."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(connection))
    SHARED_TOKENS.clear()
    with captured_output() as output:
        ok, message = OfferLibraryHook(CONNECTION).test_connection()
        events = asyncio.run(all_events(), debug=True)
        logs = output.text()
    assert not ok
    return "\n".join([message, *map(json.dumps, events), logs])


async def all_events() -> list[Any]:
    common: dict[str, Any] = {"offer_library_conn_id": CONNECTION, "sandbox": None, "poll_interval": 0.1}
    common["execution_deadline"] = time.time() + 0.7
    offers = [{"id": each, "instance_id": None, "offer_type": "personalized"} for each in SOME_IDS]
    triggers: list[OfferTrigger] = [
        OfferStatusTrigger(offers=offers, statuses=["approved"], **common),
        OffersFoundTrigger(search={}, offer_type="personalized", at_least=1, **common),
    ]
    ended = await asyncio.gather(*map(event_of, triggers))
    return [*ended, *(trigger.serialize() for trigger in triggers)]


async def event_of(trigger: OfferTrigger) -> Any:
    (payload,) = [event.payload async for event in trigger.run()]
    assert payload["status"] in ("failed", "execution_timeout", "hopeless")
    return payload


def wrong_connections(emulator: Emulator, api: str) -> Iterator[tuple[str, Any]]:
    """Connections that are refused before a request, with a secret in every place that could hold one."""
    ours = emulator.connection(api, password=SECRET, max_retries=0)
    extra = {**ours["extra"], "access_token": TOKEN}
    del extra["token_url"]
    for where, address in {
        "user": f"https://user:{PASSWORD}@platform.adobe.io",
        "path": f"https://platform.adobe.io/{PASSWORD}@x",
        "query": f"https://platform.adobe.io/?token={PASSWORD}",
        "scheme": f"ftp://user:{PASSWORD}@platform.adobe.io",
        "port": f"https://user:{PASSWORD}",
    }.items():
        yield f"host_{where}", {**ours, "host": address}
        yield f"token_url_{where}", {**ours, "extra": {**extra, "token_url": address}}
    yield "unknown_extra", {**ours, "extra": {**extra, "client_secret": SECRET, "jwt_token": TOKEN}}
    yield "bearer", {**ours, "extra": {**extra, "access_token": f"Bearer {TOKEN}"}}
    yield "bad_proxies", {**ours, "extra": {**extra, "proxies": {"https": f"socks5://user:{PASSWORD}@proxy"}}}
    yield "proxies_are_a_list", {**ours, "extra": {**extra, "proxies": [f"http://user:{PASSWORD}@proxy"]}}
    yield "extra_is_a_list", {**ours, "extra": json.dumps([SECRET, TOKEN])}
    yield "extra_is_text", {**ours, "extra": f"access_token={TOKEN} {PASSWORD}"}
    yield "other_fields", {**ours, "extra": {**extra, "org_id": "x", "timeout": "soon", "verify": 3, "allow_http": 5}}


def test_connections_that_cannot_work(
    airflow: Airflow, emulator: Emulator, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = [SECRET, TOKEN, PASSWORD]
    wrong = dict(wrong_connections(emulator, api))
    with dag_of("misconfigured") as dag:
        for name in wrong:
            SearchOffersOperator(task_id=name, offer_library_conn_id=name, retries=0)
            OffersFoundSensor(task_id=f"{name}_sensor", offer_library_conn_id=name, deferrable=True, retries=0)
    run = airflow.run(dag, connections=wrong)

    assert set(run.states.values()) == {"failed"}
    assert {type(attempt.error).__name__ for attempt in run.attempts} <= {"ConfigurationError", "AirflowFailException"}
    assert emulator.journal() == []
    assert_nowhere(airflow, run, secrets)
    for connection in wrong.values():
        told = elsewhere(monkeypatch, connection)
        assert "cannot work" in told
        assert_untold(told, secrets)


def test_a_connection_that_cannot_be_read(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own messages add no secret to Airflow's."""
    unreadable = f'{{"conn_type": "offer_library", "password": "{PASSWORD}", "extra": {{"access_token": "{TOKEN}"'
    with dag_of("unreadable") as dag:
        tasks()
    run = airflow.run(dag, connections={CONNECTION: unreadable})

    assert run.state == "failed"
    assert_untold(run.logs, [TOKEN, PASSWORD])
    kept = airflow.kept()
    assert [place for secret in (TOKEN, PASSWORD) for place in kept.where(secret)] == []


def test_input_that_cannot_work(airflow: Airflow, emulator: Emulator, api: str) -> None:
    connection = emulator.connection(api, password=SECRET, access_token=TOKEN)
    with dag_of("wrong_input") as dag:
        CreateOfferOperator(task_id="create", offer={"name": 5}, retries=0)
        GetOfferOperator(task_id="get", offer_id="../x", retries=0)
        PatchOfferOperator(task_id="patch", offer_id=SOME_IDS, patch=[{"op": "x"}], retries=0)
        SearchOffersOperator(task_id="search", limit=-1, retries=0)
        OfferStatusSensor(
            task_id="sensor", offer_id=SOME_IDS, status="draft", sandbox="{{ ' ' }}", deferrable=True, retries=0
        )
    run = airflow.run(dag, connections={CONNECTION: connection})

    assert set(run.states.values()) == {"failed"}
    assert_nowhere(airflow, run, [SECRET, TOKEN])


def test_lost_answers_and_killed_workers(airflow: Airflow, emulator: Emulator, api: str) -> None:
    for method in ("POST", "PATCH", "GET", "DELETE"):
        emulator.add_fault("drop", method=method, path="/data/*", times=3)
    lost = work(airflow, emulator.connection(api, max_retries=0))
    assert lost.state == "failed"
    assert_nowhere(airflow, lost, [emulator.CLIENT_SECRET, *fetched()])

    emulator.reset()
    SHARED_TOKENS.clear()
    forked = work(airflow, emulator.connection(api, access_token=emulator.issue_token()), task_runner=in_a_child)
    assert forked.states["create"] == "success"
    tokens = [token for token in (emulator.CLIENT_SECRET, *fetched()) if token]
    assert_nowhere(airflow, forked, tokens)


def test_masking_is_the_second_line_of_defence(airflow: Airflow, emulator: Emulator, api: str) -> None:
    """Airflow's masker knows every secret, so a log line with one shows asterisks."""
    from airflow.sdk._shared.secrets_masker import redact

    token = emulator.issue_token(lifetime=1000)
    with dag_of("masked") as dag:
        SearchOffersOperator(task_id="search", retries=0)
    proxies = {"https": f"http://user:{PASSWORD}@127.0.0.1:1"}
    airflow.run(dag, connections={CONNECTION: emulator.connection(api, proxies=proxies)})
    (got,) = fetched()
    airflow.run(dag, connections={CONNECTION: emulator.connection(api, access_token=token)})

    for secret in (emulator.CLIENT_SECRET, got, token, PASSWORD):
        assert redact(f"said {secret} aloud") == "said *** aloud"


@pytest.mark.parametrize("wrapped", [False, True], ids=["alone", "in a dict"])
def test_the_settings_of_a_hook_are_no_result_of_a_task(
    airflow: Airflow, emulator: Emulator, api: str, wrapped: bool
) -> None:
    with dag_of("settings") as dag:

        @task
        def read() -> Any:
            with OfferLibraryHook() as hook:
                return {"settings": [hook.settings]} if wrapped else hook.settings

        read()
    connection = emulator.connection(api)
    extra = {**connection["extra"], "access_token": TOKEN, "proxies": {"http": f"http://user:{PASSWORD}@127.0.0.1:1"}}
    run = airflow.run(dag, connections={CONNECTION: {**connection, "password": SECRET, "extra": extra}})
    assert run.states == {"read": "failed"}
    assert "Settings holds secrets and is not stored" in str(run.error("read"))
    assert_nowhere(airflow, run, [SECRET, TOKEN, PASSWORD])
