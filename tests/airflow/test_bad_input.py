"""Wrong input and wrong connections fail at once, with the name of the wrong field, and nothing half done."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_offers.client.errors import (
    NoAnswerError,
    NotFoundError,
    ServerError,
    UnexpectedResponseError,
)
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.offers import (
    CreateFallbackOfferOperator,
    CreateOfferOperator,
    DeleteOfferOperator,
    GetOfferOperator,
    PatchOfferOperator,
    SearchOffersOperator,
)
from tests.airflow.harness import Airflow, Run
from tests.airflow.library import (
    CONNECTION,
    NO_DELAY,
    dag_of,
    errors,
    fallback,
    offers,
    personalized,
    run,
    seed,
    writes,
)
from tests.airflow.wrong_host import wrong_host

START, END = "2026-03-10T00:00:00Z", "2026-06-30T21:59:59Z"
SOME_ID = "xcore:personalized-offer:124e181c8b0d7878"
STATUSES = "'draft' or 'approved' or 'archived'"
TYPES = "'personalized' or 'fallback'"
AN_ID = "an id such as dps:personalized-offer:"


def window(start: Any, end: Any) -> dict[str, Any]:
    return {"offer": personalized("Bad", status="approved", selectionConstraint={"startDate": start, "endDate": end})}


def bad_offer(**changes: Any) -> dict[str, Any]:
    offer = {**personalized("Bad"), **changes}
    return {"offer": {name: value for name, value in offer.items() if value is not None}}


def bad_patch(patch: Any) -> dict[str, Any]:
    return {"offer_id": SOME_ID, "patch": patch}


WRONG: dict[str, tuple[Any, dict[str, Any], list[str]]] = {
    # The operator, its arguments, and the field, the value and the expectation that the message names.
    "naive_start": (
        CreateOfferOperator,
        window("2026-03-10T00:00:00", END),
        ["/selectionConstraint/startDate: given '2026-03-10T00:00:00', which has no time zone", "RFC 3339 date-time"],
    ),
    "naive_datetime": (
        CreateOfferOperator,
        window(datetime(2026, 3, 10), END),  # noqa: DTZ001
        ["/selectionConstraint/startDate", "without a time zone", "RFC 3339 date-time"],
    ),
    "no_date": (
        CreateOfferOperator,
        window("next Tuesday", END),
        ["/selectionConstraint/startDate: given 'next Tuesday', which is not an RFC 3339"],
    ),
    "end_before_start": (
        CreateOfferOperator,
        window(END, START),
        [f"/selectionConstraint/endDate: given '{START}'", f"an instant after startDate, {END}"],
    ),
    "empty_window": (CreateOfferOperator, window(START, START), [f"/selectionConstraint/endDate: given '{START}'"]),
    "unknown_status": (CreateOfferOperator, bad_offer(status="live"), [f"/status: given 'live'; expected {STATUSES}"]),
    "prefixed_status": (
        CreateFallbackOfferOperator,
        {"offer": {"xdm:name": "Bad", "xdm:status": "live"}},
        [f"/xdm:status: given 'live'; expected {STATUSES}"],
    ),
    "no_name": (CreateOfferOperator, bad_offer(name=None), ["/name: given nothing", "it is required"]),
    "blank_name": (CreateOfferOperator, bad_offer(name="  "), ["/name: given '  '; expected a name"]),
    "two_faults": (
        CreateOfferOperator,
        bad_offer(status="x", rank={"priority": -1}),
        ["/status: given 'x'", "/rank/priority: given -1; expected a whole number of at least 0"],
    ),
    "one_property_twice": (CreateOfferOperator, bad_offer(**{"xdm:name": "x"}), ["/xdm:name: given both as 'name'"]),
    "misspelt": (
        CreateOfferOperator,
        bad_offer(capingConstraint={}),
        ["/capingConstraint", "did you mean 'cappingConstraint'?"],
    ),
    "no_offer": (CreateOfferOperator, {"offer": ["x"]}, ["/0: given a str; expected a JSON object"]),
    "json_of_a_list": (CreateOfferOperator, {"offer": "[1]"}, ["/0: given an int; expected a JSON object"]),
    "two_of_one_name": (
        CreateOfferOperator,
        {"offer": [bad_offer()["offer"], bad_offer()["offer"]]},
        ["/1/name: given", "a unique name (/0 has it already)"],
    ),
    "wrong_in_a_list": (
        CreateOfferOperator,
        {"offer": [bad_offer()["offer"], bad_offer(status="live")["offer"]]},
        ["/1/status: given 'live' in 'Bad'"],
    ),
    "no_marker": (CreateOfferOperator, {**bad_offer(characteristics={"m": "x"}), "marker": "m"}, ["marker: given 'm'"]),
    "broken_json": (
        CreateOfferOperator,
        {"offer": '{"name": "Bad", }'},
        ["offer: given invalid JSON", """: '{"name": "Bad", }'; expected the name of a .json file"""],
    ),
    "pasted_command": (
        CreateOfferOperator,
        {"offer": "curl -H 'Authorization: Bearer eyJhbGciOiJub25lIn0' https://platform.adobe.io"},
        ["the name of a .json file, or a JSON document", "Authorization: Bearer *** "],
    ),
    "pasted_command_with_a_body": (
        CreateOfferOperator,
        {"offer": "curl -H 'Authorization: Bearer eyJhbGciOiJub25lIn0' -d '{\"name\": \"Sale\"}'"},
        ["offer: given invalid JSON", "Authorization: Bearer *** "],
    ),
    "name_twice": (
        CreateOfferOperator,
        {"offer": '{"name": "Bad", "rank": {"priority": 1, "priority": 2}, "status": null}'},
        ["offer: given invalid JSON: the name 'priority' is in one object twice"],
    ),
    "python_text": (
        CreateOfferOperator,
        {"offer": "{{ {'name': macros.datetime(2026, 1, 1)} }}"},
        ["offer: given invalid JSON", "| tojson"],
    ),
    "missing_file": (
        CreateOfferOperator,
        {"offer": "nowhere/offer.json"},
        ["offer: given 'nowhere/offer.json', which does not exist", "template_searchpath"],
    ),
    "missing_patch_file": (
        PatchOfferOperator,
        bad_patch("nowhere/patch.json"),
        ["patch: given 'nowhere/patch.json', which does not exist"],
    ),
    "unknown_if_exists": (
        CreateOfferOperator,
        {**bad_offer(), "if_exists": "{{ 'replace' }}"},
        ["if_exists: given 'replace', from the template", "expected 'adopt' or 'update' or 'skip' or 'fail'"],
    ),
    "bad_patience": (CreateOfferOperator, {**bad_offer(), "patience": "long"}, ["patience: given 'long'"]),
    "unknown_qop": (
        SearchOffersOperator,
        {"q": "x", "fields": "name", "qop": "{{ 'XOR' }}"},
        ["qop: given 'XOR', from the template", "expected 'AND' or 'OR'"],
    ),
    "qop_alone": (SearchOffersOperator, {"qop": "AND"}, ["qop: given without q"]),
    "bad_limit": (SearchOffersOperator, {"limit": "many"}, ["limit: given 'many'; expected a whole number"]),
    "no_limit_at_all": (SearchOffersOperator, {"limit": 0}, ["limit: given 0; expected a whole number"]),
    "bad_page_size": (SearchOffersOperator, {"page_size": -1}, ["page_size: given -1"]),
    "bad_filter": (SearchOffersOperator, {"properties": ["status = x y"]}, ["properties: given 'status = x y'"]),
    "bad_order": (SearchOffersOperator, {"order_by": "name desc"}, ["order_by: given 'name desc'"]),
    "bad_field": (SearchOffersOperator, {"q": "x", "fields": ["a b"]}, ["fields: given 'a b'"]),
    "search_type": (
        SearchOffersOperator,
        {"offer_type": "{{ 'special' }}"},
        ["offer_type: given 'special', from the template", f"expected {TYPES}"],
    ),
    "get_type": (
        GetOfferOperator,
        {"offer_id": "a1", "offer_type": "{{ 'special' }}"},
        ["offer_type: given 'special'", TYPES],
    ),
    "other_type": (
        GetOfferOperator,
        {"offer_id": SOME_ID, "offer_type": "fallback"},
        ["offer_type: given 'fallback'; expected 'personalized'"],
    ),
    "other_kind": (GetOfferOperator, {"offer_id": "xcore:tag:124e147572cd7866"}, ["the id of a tag", AN_ID]),
    "no_id": (GetOfferOperator, {"offer_id": None}, ["offer_id: given nothing", AN_ID]),
    "empty_id": (
        GetOfferOperator,
        {"offer_id": "{{ '' }}"},
        ["offer_id: given the template \"{{ '' }}\", which rendered ''"],
    ),
    "blank_in_id": (DeleteOfferOperator, {"offer_id": "an offer"}, ["offer_id: given 'an offer'", AN_ID]),
    "path_as_id": (DeleteOfferOperator, {"offer_id": "../x"}, ["offer_id: given '../x'", AN_ID]),
    "no_id_inside": (
        PatchOfferOperator,
        {"offer_id": {"name": "x"}, "patch": []},
        ["offer_id: given an object without"],
    ),
    "patch_is_an_object": (
        PatchOfferOperator,
        bad_patch({"status": "approved"}),
        ["The patch cannot be sent", "given an object", "a list of operations (RFC 6902)"],
    ),
    "patch_is_text": (
        PatchOfferOperator,
        bad_patch("status"),
        ["patch: given invalid JSON: Expecting value: line 1 column 1 (char 0): 'status'"],
    ),
    "patch_is_empty": (PatchOfferOperator, bad_patch([]), ["given 0 operations; expected 1 to"]),
    "patch_of_text": (PatchOfferOperator, bad_patch(["x"]), ["/0: given 'x'; expected an object with op and path"]),
    "unknown_op": (
        PatchOfferOperator,
        bad_patch([{"op": "set", "path": "/status", "value": "draft"}]),
        ["/0/op: given 'set'; expected 'add' or 'remove' or 'replace'"],
    ),
    "no_pointer": (
        PatchOfferOperator,
        bad_patch([{"op": "replace", "path": "status", "value": "draft"}]),
        ["/0/path: given 'status'; expected a JSON pointer"],
    ),
    "no_value": (PatchOfferOperator, bad_patch([{"op": "add", "path": "/status"}]), ["/0/value: given nothing"]),
    "patched_status": (
        PatchOfferOperator,
        bad_patch([{"op": "replace", "path": "/_instance/xdm:status", "value": "live"}]),
        [f"/0/value: given 'live'; expected {STATUSES}"],
    ),
    "patched_date": (
        PatchOfferOperator,
        bad_patch([{"op": "replace", "path": "/selectionConstraint/endDate", "value": "2026-01-01T00:00:00"}]),
        ["/0/value: given '2026-01-01T00:00:00', which has no time zone"],
    ),
    "removed_window": (
        PatchOfferOperator,
        bad_patch([{"op": "remove", "path": "/selectionConstraint"}]),
        ["/0/path: given '/selectionConstraint'"],
    ),
}


def test_wrong_input_is_refused_before_anything_is_sent(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("wrong") as dag:
        for name, (operator, given, _) in WRONG.items():
            operator(task_id=name, **given, retries=2, retry_delay=NO_DELAY)

    # The container is named, so that even the lookup of the sandbox's would show.
    result = run(airflow, emulator, api, dag, container_id=emulator.CONTAINER_ID)

    assert result.states == dict.fromkeys(WRONG, "failed")
    retried = {name for name in WRONG if len(result.tries(name)) > 1}
    assert retried == set(), "a try that ends in the same way is not worth making"
    said = errors(result, WRONG)
    missing = {
        name: said[name] for name, (_, _, parts) in WRONG.items() if not all(part in said[name] for part in parts)
    }
    assert missing == {}
    unlogged = [name for name, text in said.items() if text.splitlines()[0] not in result.logs]
    assert unlogged == []
    assert emulator.journal(path="/data/*") == []


def test_an_instance_id_is_refused_by_dps(airflow: Airflow, emulator: Emulator) -> None:
    with dag_of("instance") as dag:
        GetOfferOperator(task_id="get", offer_id="0f4bc230-13df-11eb-bc55-c11be7252432", retries=1)

    result = run(airflow, emulator, "dps", dag)

    assert "is an instance id, which only generation 1 (api=xcore) can address" in str(result.error("get"))
    assert len(result.attempts) == 1
    assert emulator.journal(path="/data/*") == []


def test_content_that_the_service_refuses_is_not_sent_again(airflow: Airflow, emulator: Emulator, api: str) -> None:
    """An unknown placement passes the local checks, because only the service knows its placements."""
    offer = fallback("Refused")
    offer["representations"][0]["placement"] = "xcore:offer-placement:0000000000000000"
    with dag_of("refused") as dag:
        CreateFallbackOfferOperator(task_id="create", offer=offer, retries=2, retry_delay=NO_DELAY)

    result = run(airflow, emulator, api, dag)

    assert result.states == {"create": "failed"}
    assert len(result.attempts) == 1
    assert "xcore:offer-placement:0000000000000000" in str(result.error("create"))
    assert "request id" in str(result.error("create"))
    assert len(writes(emulator)) == 1
    assert offers(emulator) == []


def test_an_offer_that_is_not_there(airflow: Airflow, emulator: Emulator, api: str) -> None:
    operators: dict[str, Any] = {"get": GetOfferOperator, "patch": PatchOfferOperator, "delete": DeleteOfferOperator}
    patch = {"patch": [{"op": "replace", "path": "/status", "value": "draft"}]}
    with dag_of("absent") as dag:
        for name, operator in operators.items():
            operator(task_id=name, offer_id=SOME_ID, **(patch if name == "patch" else {}))

    result = run(airflow, emulator, api, dag)

    assert {type(result.error(name)) for name in ("get", "patch")} == {NotFoundError}
    # On Airflow 3.2 a retry would take the missing offer for one that the first try deleted, so there is no retry.
    gone = result.error("delete")
    assert isinstance(gone.__context__ if isinstance(gone, AirflowFailException) else gone, NotFoundError)
    assert all(SOME_ID in text for text in errors(result, operators).values())


def changed(emulator: Emulator, generation: str, *, without: str = "", **changes: Any) -> dict[str, Any]:
    """The emulator's connection with a changed or missing field, in the connection or in its extra."""
    connection = emulator.connection(generation, max_retries=0)
    for name, value in changes.items():
        (connection if name in ("host", "login", "password", "port", "extra") else connection["extra"])[name] = value
    connection["extra"] = {name: value for name, value in connection["extra"].items() if name != without}
    return {name: value for name, value in connection.items() if name != without}


CONNECTIONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no_org": ({"without": "org_id"}, ["org_id: given nothing; expected the organization's id"]),
    "bad_org": ({"org_id": "acme"}, ["org_id: given 'acme'", "@AdobeOrg"]),
    "no_secret": ({"without": "password"}, ["password (the client secret): given nothing"]),
    "no_login": ({"without": "login"}, ["login (the client id): given nothing"]),
    "unknown_extra": ({"sandbx": "prod"}, ["sandbx: given an unknown extra; expected one of "]),
    "jwt_extra": ({"private_key": "planted-key"}, ["private_key: given an unknown extra", "Adobe retired JWT"]),
    "jwt_account": (
        {"technical_account_id": "x"},
        ["technical_account_id: given an unknown extra", "server-to-server"],
    ),
    "bad_api": ({"api": "gen3"}, ["api: given 'gen3'; expected 'dps'"]),
    "bad_timeout": ({"timeout": "soon"}, ["timeout: given 'soon'; expected a number of seconds"]),
    "bad_retries": ({"max_retries": 2.5}, ["max_retries: given 2.5; expected a whole number"]),
    "bad_verify": ({"verify": 3}, ["verify: given 3"]),
    "bad_proxies": ({"proxies": ["x"]}, ["proxies: given a list"]),
    "plain_http": ({"host": "http://platform.adobe.io"}, ["host: given the scheme 'http' for 'platform.adobe.io'"]),
    "host_with_path": ({"host": "https://platform.adobe.io/data/core/dps"}, ["host: given", "without a path"]),
    "user_in_host": ({"host": "https://u:planted@platform.adobe.io"}, ["host: given an address with user information"]),
    "header_in_sandbox": ({"sandbox": "a\r\nb: c"}, ["sandbox: given text with blanks"]),
    "bearer_in_token": ({"access_token": "Bearer x"}, ["access_token: given text with blanks", "without 'Bearer'"]),
}


def test_wrong_connections_name_every_field(airflow: Airflow, emulator: Emulator, api: str) -> None:
    connections: dict[str, Any] = {
        name: changed(emulator, api, **changes) for name, (changes, _) in CONNECTIONS.items()
    }
    connections["two_faults"] = changed(emulator, api, without="org_id", api="gen3")
    connections["extra_is_text"] = {**emulator.connection(api), "extra": "org_id=x"}
    connections["extra_is_a_list"] = {**emulator.connection(api), "extra": json.dumps(["x"])}
    expected = {name: parts for name, (_, parts) in CONNECTIONS.items()} | {
        "two_faults": ["org_id: given nothing", "api: given 'gen3'"],
        "extra_is_text": ["extra: given text that is not a JSON object"],
        "extra_is_a_list": ["extra: given text that is not a JSON object"],
    }
    with dag_of("misconfigured") as dag:
        for name in connections:
            SearchOffersOperator(task_id=name, offer_library_conn_id=name, retries=2, retry_delay=NO_DELAY)

    result = airflow.run(dag, connections=connections)

    assert result.states == dict.fromkeys(connections, "failed")
    said = errors(result, connections)
    assert {name: said[name] for name, parts in expected.items() if not all(part in said[name] for part in parts)} == {}
    assert all(f"The connection {name!r} cannot work" in text for name, text in said.items())
    assert {name for name in connections if len(result.tries(name)) > 1} == set()
    assert emulator.journal() == []
    assert "planted" not in result.logs


def one_search(airflow: Airflow, connections: dict[str, Any], **options: Any) -> Run:
    """Run one search with a retry."""
    with dag_of("searching") as dag:
        SearchOffersOperator(task_id="search", retries=1, retry_delay=NO_DELAY, **options)
    return airflow.run(dag, connections=connections)


def test_credentials_that_are_refused(airflow: Airflow, emulator: Emulator, api: str) -> None:
    refused = {
        "wrong_secret": ({"password": "planted-wrong-secret"}, "gave no token (400, invalid_client"),
        "wrong_scopes": ({"scopes": "openid,everything"}, "invalid_scope"),
        "unknown_token": ({"access_token": "planted-token"}, "or the access_token, of the connection"),
        "other_org": ({"org_id": "0123456789ABCDEF01234567@AdobeOrg"}, "(code 4030"),
        "unknown_sandbox": ({"sandbox": "nowhere"}, "nowhere"),
        "no_read_permission": ({"login": emulator.OUTSIDER_CLIENT_ID, "password": "emulator-outsider-secret"}, "403"),
    }
    connections = {name: changed(emulator, api, **changes) for name, (changes, _) in refused.items()}
    with dag_of("credentials") as dag:
        for name in connections:
            SearchOffersOperator(task_id=name, offer_library_conn_id=name, retries=2, retry_delay=NO_DELAY)

    result = airflow.run(dag, connections=connections)

    said = errors(result, refused)
    assert {name: said[name] for name, (_, part) in refused.items() if part not in said[name]} == (
        # A container that cannot be seen is as good as none.
        {"no_read_permission": said["no_read_permission"]}
        if api == "xcore" and "403" not in said["no_read_permission"]
        else {}
    )
    assert {name for name in refused if len(result.tries(name)) > 1} == set()
    assert "planted" not in result.logs


def test_a_reader_may_read_and_not_write(airflow: Airflow, emulator: Emulator, api: str) -> None:
    stored = seed(emulator, api, "Read only")
    with dag_of("reading") as dag:
        look = GetOfferOperator(task_id="get", offer_id=stored["id"])
        CreateOfferOperator(task_id="create", offer=personalized("New"), retries=1)
        PatchOfferOperator(
            task_id="patch",
            offer_id=look.output,
            patch=[{"op": "replace", "path": "/status", "value": "approved"}],
            retries=1,
        )
        DeleteOfferOperator(task_id="delete", offer_id=look.output, retries=1)

    result = run(airflow, emulator, api, dag, login=emulator.READER_CLIENT_ID)

    assert result.states == {"get": "success", "create": "failed", "patch": "failed", "delete": "failed"}
    assert all("Manage offers" in text for text in errors(result, ("create", "patch", "delete")).values())
    assert len(result.attempts) == 4
    assert len(offers(emulator)) == 1


def test_a_connection_that_does_not_exist(airflow: Airflow) -> None:
    result = one_search(airflow, {}, offer_library_conn_id="nowhere")

    assert result.states == {"search": "failed"}
    assert "nowhere" in str(result.error("search"))
    assert "The conn_id `nowhere` isn't defined" in str(result.error("search"))


def test_nobody_answers(airflow: Airflow, emulator: Emulator, api: str) -> None:
    closed = "http://127.0.0.1:1"
    without_host = changed(emulator, api, host=closed, container_id=emulator.CONTAINER_ID)
    result = one_search(airflow, {CONNECTION: without_host})
    assert isinstance(result.error("search"), NoAnswerError)
    assert "the connection was refused (the service never saw the request" in str(result.error("search"))
    assert len(result.attempts) == 2, "the host may come back"

    result = one_search(
        airflow, {CONNECTION: changed(emulator, api, token_url=f"{closed}/ims/token/v3", scopes="openid")}
    )
    assert "IMS at 127.0.0.1:1 did not answer: the connection was refused" in str(result.error("search"))
    assert len(result.attempts) == 2


@pytest.mark.parametrize("status", [200, 302, 403, 404, 503])
def test_a_host_that_answers_with_pages(airflow: Airflow, api: str, status: int) -> None:
    with wrong_host() as host:
        host.status = status
        result = one_search(airflow, {CONNECTION: host.connection(api)})

    error = result.error("search")
    assert isinstance(error, ServerError if status == 503 else UnexpectedResponseError)
    assert str(status) in str(error)
    assert ("redirect" if status == 302 else "an HTML page (from a proxy or a wrong host)") in str(error)
    assert "Sorry" not in result.logs


def test_a_proxys_page_and_cut_answers(airflow: Airflow, emulator: Emulator, api: str) -> None:
    route = "dps.list" if api == "dps" else "xcore.search"
    connection = {CONNECTION: changed(emulator, api)}

    emulator.add_fault("html", route=route, status=502, times=2)
    page = one_search(airflow, connection)
    assert "refused with 502: an HTML page (from a proxy or a wrong host)" in str(page.error("search"))
    assert len(page.attempts) == 2

    emulator.add_fault("truncate", route=route, times=2)
    cut = one_search(airflow, connection)
    assert "the answer broke off" in str(cut.error("search"))

    emulator.add_fault("malformed", route=route, times=2)
    malformed = one_search(airflow, connection)
    assert "cut or malformed JSON" in str(malformed.error("search"))
    assert one_search(airflow, connection).states == {"search": "success"}
