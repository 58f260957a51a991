"""The fields of a connection become settings, or one error that names each wrong field."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from airflow_provider_offers.client.errors import ConfigurationError
from airflow_provider_offers.client.settings import DEFAULT_SCOPES, DEFAULT_TOKEN_URL, Settings, parse_settings
from tests.traces import told_by

ORG = "0123456789ABCDEF01234567@AdobeOrg"


def parse(**given: Any) -> Settings:
    extra = {"org_id": ORG, **given.pop("extra", {})}
    return parse_settings(**{"login": "client", "password": "s3cr3t", "extra": extra, **given})


def wrong(**given: Any) -> dict[str, str]:
    """The violations, by the field's name."""
    with pytest.raises(ConfigurationError) as caught:
        parse(**given)
    return {violation.pointer: str(violation) for violation in caught.value.violations}


def test_the_least_that_works_has_the_documented_defaults() -> None:
    settings = parse()
    assert settings == Settings(
        client_id="client",
        org_id=ORG,
        host="https://platform.adobe.io",
        client_secret="s3cr3t",
        sandbox="prod",
        api="dps",
        scopes="openid,AdobeID,read_organizations,additional_info.projectedProductContext,session",
        token_url="https://ims-na1.adobelogin.com/ims/token/v3",
        timeout=30.0,
        max_retries=5,
        verify=True,
    )


def test_a_form_sends_empty_fields() -> None:
    names = ("sandbox", "api", "container_id", "scopes", "token_url", "access_token", "timeout", "max_retries")
    empty = dict.fromkeys((*names, "verify", "allow_http", "proxies"), "")
    assert parse(host="", port=None, extra=empty) == parse()
    assert parse(extra=dict.fromkeys(empty)) == parse()


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_settings(
            host="https://u:p@x.example",
            extra={
                "org_id": "nobody",
                "sandbox": "two words",
                "api": "v3",
                "container_id": "../x",
                "token_url": "ftp://x",
                "timeout": 0,
                "max_retries": 2.5,
                "verify": 1,
                "allow_http": 1,
                "proxies": 3,
                "sandbx": "dev",
            },
        )
    assert {violation.pointer for violation in caught.value.violations} == {
        "host",
        "login (the client id)",
        "password (the client secret)",
        "org_id",
        "sandbox",
        "api",
        "container_id",
        "token_url",
        "timeout",
        "max_retries",
        "verify",
        "allow_http",
        "proxies",
        "sandbx",
    }
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("platform.adobe.io", "https://platform.adobe.io"),
        ("https://platform.adobe.io/", "https://platform.adobe.io"),
        (" https://Platform.Adobe.IO ", "https://platform.adobe.io"),
        ("https://proxy.example:8443", "https://proxy.example:8443"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("offers_service", "https://offers_service"),
    ],
)
def test_hosts(given: str, expected: str) -> None:
    assert parse(host=given).host == expected


def test_the_port_of_the_host_wins_over_the_field() -> None:
    assert parse(host="http://127.0.0.1", port=8000).host == "http://127.0.0.1:8000"
    assert parse(host="http://127.0.0.1:9", port=8000).host == "http://127.0.0.1:9"


@pytest.mark.parametrize(
    "host",
    [
        "http://platform.adobe.io",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "ftp://platform.adobe.io",
        "https://platform.adobe.io/data/core/dps",
        "https://platform.adobe.io?x=1",
        "https://platform.adobe.io#x",
        "https://client:s3cr3t@platform.adobe.io",
        "https://s3cr3t@platform.adobe.io",
        "https://",
        "https://:443",
        "https://[::1",
        "https://platform.adobe.io:http",
        "https://platform.adobe.io:70000",
        "https://plat form.adobe.io",
        "https://platförm.example",
        "https://a/\r\nx: y",
        "https://platform\n.adobe.io",
        "https://platform.adobe.io\\.evil.example",
        "https://platform.adobe.io:0",
        "https://s3cr3t/@platform.adobe.io",
        "https://client:12/s3cr3t@platform.adobe.io",
        "client:s3cr3t@platform.adobe.io",
        "https://platform.adobe.io/?access_token=s3cr3t",
        "https://platform.adobe.io/s3cr3t/#s3cr3t",
        "javascript://platform.adobe.io",
        "file:///s3cr3t",
        "http://[::ffff:8.8.8.8]",
        "http://0.0.0.0:8000",
        "http://127.1",
        "http://localhost.",
    ],
)
def test_hosts_that_cannot_work(host: str) -> None:
    found = wrong(host=host)
    assert set(found) == {"host"}
    # An address is not quoted, because it may contain a password anywhere.
    assert "s3cr3t" not in found["host"]


def test_the_port_that_the_scheme_implies_is_left_out_as_the_services_links_do() -> None:
    assert parse(port=443) == parse(host="https://platform.adobe.io:443") == parse()
    assert parse(host="http://127.0.0.1", port=80).host == "http://127.0.0.1"
    assert parse(host="http://127.0.0.1", port=443).host == "http://127.0.0.1:443"


def test_the_port_that_airflows_test_button_makes_of_none_is_none() -> None:
    assert parse(port=0) == parse()


def test_the_schema_is_the_scheme_of_a_host_that_has_none() -> None:
    assert parse(host="127.0.0.1", schema="http").host == "http://127.0.0.1"
    assert parse(host="platform.adobe.io", schema="HTTPS") == parse(schema="https") == parse(schema="") == parse()
    assert parse(host="https://platform.adobe.io", schema="https") == parse()


@pytest.mark.parametrize(
    ("host", "schema", "expected"),
    [
        ("", "prod", "schema: given 'prod'; expected https or http"),
        ("https://platform.adobe.io", "http", "schema: given 'http'; expected the scheme that the host names"),
        ("", "http", "host: given the scheme 'http' for 'platform.adobe.io'"),
    ],
)
def test_a_schema_that_is_no_scheme_or_another_than_the_hosts_is_named(host: str, schema: str, expected: str) -> None:
    (told,) = wrong(host=host, schema=schema).values()
    assert expected in told


@pytest.mark.parametrize("port", [-1, 70_000])
def test_ports_that_cannot_work(port: int) -> None:
    assert "port" in wrong(host="localhost", port=port)


@pytest.mark.parametrize(
    "token_url",
    [
        "http://ims.example/token",
        "https://u@ims.example/token",
        "https://ims.example/token?client_secret=x",
        "https://ims.example/to ken",
        "https://ims.example/token\r\nx: y",
        "https://:443/x",
        "https://ims.example:x/",
        "https://ims.example/x@s3cr3t",
        "https://ims.example\\.evil.example/",
        "https://ims.example/tökén",
        "http://127.0.0.1.evil.example/token",
        "ftp://127.0.0.1/token",
        "//ims.example/token",
        "token",
        5,
    ],
)
def test_token_urls_that_cannot_work(token_url: Any) -> None:
    found = wrong(extra={"token_url": token_url})
    assert set(found) == {"token_url"}
    assert "s3cr3t" not in found["token_url"]


def test_token_urls() -> None:
    for url in ("https://ims.example/ims/token/v3", "https://ims.example:8443", "http://127.0.0.1:8000/x;y=%20"):
        assert parse(extra={"token_url": url}).token_url == url
    # Parts of an address that the parser skips are removed.
    assert parse(extra={"token_url": "HTTPS://IMS.example/Token?#"}).token_url == "https://ims.example/Token"


@pytest.mark.parametrize("address", ["http://emulator:8000", "http://10.0.0.7", "http://platform.adobe.io"])
def test_plain_http_beyond_this_machine_needs_the_switch(address: str) -> None:
    token_url = f"{address}/ims/token/v3"
    found = wrong(host=address, extra={"token_url": token_url, "allow_http": False})
    assert set(found) == {"host", "token_url"}
    assert all("or with allow_http in the extra" in text for text in found.values())
    for switch in (True, "true", " True "):
        settings = parse(host=address, extra={"token_url": token_url, "allow_http": switch})
        assert (settings.host, settings.token_url, settings.allow_http) == (address, token_url, True)
    assert set(wrong(host="ftp://emulator", extra={"allow_http": True})) == {"host"}


@pytest.mark.parametrize("switch", ["yes", 1, 0, "1", [], {}])
def test_switches_that_are_none(switch: Any) -> None:
    # An empty object is not an empty field.
    assert "allow_http" in wrong(extra={"allow_http": switch})


@pytest.mark.parametrize("name", ["login", "sandbox", "access_token"])
@pytest.mark.parametrize("value", ["a b", "a\nx-evil: 1", "ü", "\x00"])
def test_what_goes_into_a_header_must_fit_one(name: str, value: str) -> None:
    given: dict[str, Any] = {"login": value} if name == "login" else {"extra": {name: value}}
    found = wrong(**given)
    assert len(found) == 1
    assert value not in next(iter(found.values()))


@pytest.mark.parametrize("timeout", [0, -1, "soon", True, float("nan"), float("inf"), 10**400, [], 3601])
def test_timeouts_that_cannot_work(timeout: Any) -> None:
    assert "timeout" in wrong(extra={"timeout": timeout})


@pytest.mark.parametrize("retries", [-1, 21, 1.5, "1.5", True, "many", 10**400, {}])
def test_retries_that_cannot_work(retries: Any) -> None:
    assert "max_retries" in wrong(extra={"max_retries": retries})


def test_numbers_may_be_text_as_forms_and_uris_send_them() -> None:
    settings = parse(extra={"timeout": "2.5", "max_retries": "0"})
    assert (settings.timeout, settings.max_retries) == (2.5, 0)
    assert isinstance(settings.max_retries, int)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(True, True), (False, False), ("true", True), (" False ", False), ("/etc/ca.pem", "/etc/ca.pem")],
)
def test_verify(given: Any, expected: Any) -> None:
    assert parse(extra={"verify": given}).verify == expected


def test_proxies_may_be_one_address_for_both_schemes() -> None:
    assert parse(extra={"proxies": "http://proxy:3128"}).proxies == {
        "http": "http://proxy:3128",
        "https": "http://proxy:3128",
    }
    assert parse(extra={"proxies": {"https": "http://proxy:3128"}}).proxies == {"https": "http://proxy:3128"}
    assert parse(extra={"proxies": ' {"https": "http://proxy:3128"}'}).proxies == {"https": "http://proxy:3128"}
    assert parse(extra={"proxies": {}}).proxies == {}
    assert parse(extra={"proxies": "proxy:3128"}).proxies == {"https": "proxy:3128", "http": "proxy:3128"}
    for refused in ({"https": 3128}, '{"https": 3128}', '{"https"', ["http://proxy:3128"]):
        assert "proxies" in wrong(extra={"proxies": refused})


@pytest.mark.parametrize(
    ("key", "given"),
    [("htps", "the key 'htps'"), ("HTTPS", "the key 'HTTPS'"), ("http://u:pr0xy@p/x", "a key that is not a scheme")],
)
def test_a_proxy_for_no_scheme_is_refused_because_nothing_would_use_it(key: str, given: str) -> None:
    said = wrong(extra={"proxies": {key: "http://proxy:3128"}})
    assert said == {"proxies": f"proxies: given {given}; expected the keys http and https"}


@pytest.mark.parametrize("key", ["http", "https", "all", "https://platform.adobe.io", "all://platform.adobe.io"])
def test_a_proxy_has_a_key_of_requests(key: str) -> None:
    assert parse(extra={"proxies": {key: "http://proxy:3128"}}).proxies == {key: "http://proxy:3128"}


@pytest.mark.parametrize(
    "address", ["socks5://u:pr0xy@p:1", "http://u:pr0xy@", "http://u:pr0xy@p:x", "http://u:pr0xy@[::1", "", "/pr0xy"]
)
def test_proxies_that_are_none(address: str) -> None:
    found = wrong(extra={"proxies": {"https": address}})
    assert "addresses of http or https proxies" in found["proxies"]
    assert "pr0xy" not in found["proxies"]


@pytest.mark.parametrize(
    "given", ["openid, AdobeID session", "openid AdobeID\nsession", ["openid", "AdobeID", "session"]]
)
def test_scopes_are_joined_by_commas(given: Any) -> None:
    assert parse(extra={"scopes": given}).scopes == "openid,AdobeID,session"
    assert parse(extra={"scopes": " "}).scopes == DEFAULT_SCOPES


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (7, "given 7; expected scopes with commas between them, or a list of them"),
        (["openid", None], "given ['openid', None]; expected scopes with commas between them, or a list of them"),
        ("openid,s\u00e9ance", "given text with characters outside ASCII; expected scopes with commas between them"),
    ],
)
def test_scopes_that_are_none(given: Any, said: str) -> None:
    assert said in wrong(extra={"scopes": given})["scopes"]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("sandbox_name", "sandbox"),
        ("orgid", "org_id"),
        ("containerId", "container_id"),
        ("retries", "max_retries"),
        ("allowHttp", "allow_http"),
        ("allow_https", "allow_http"),
    ],
)
def test_an_unknown_extra_is_named_with_the_nearest(name: str, near: str) -> None:
    assert f"did you mean {near!r}" in wrong(extra={name: "x"})[name]


def test_an_unknown_extra_that_resembles_nothing_lists_the_known_ones() -> None:
    assert "access_token" in wrong(extra={"zzz": 1})["zzz"]


def test_scopes_of_other_adobe_products_are_taken() -> None:
    """Credentials of Journey Optimizer have such scopes, and the Developer Console shows them with the others."""
    given = "openid,AdobeID,cjm.suppression_service.client.all,cjm.suppression_service.client.delete"
    assert parse(extra={"scopes": given}).scopes == given


@pytest.mark.parametrize("given", ["secret\n", " secret", "secret\t", "\r\nsecret", "sec\nret", "secret\u2028", " "])
def test_what_surrounds_a_secret_is_named_and_the_secret_is_not(given: str) -> None:
    with pytest.raises(ConfigurationError, match=r"password \(the client secret\): given text with a") as caught:
        parse(password=given)
    assert "secret" not in str(caught.value).replace("the client secret", "").replace("the secret alone", "")


@pytest.mark.parametrize("name", ["jwt_token", "private_key", "metascopes", "technical_account_id"])
def test_jwt_is_refused_by_name(name: str) -> None:
    assert "JWT" in wrong(extra={name: "-----BEGIN s3cr3t"})[name]


def test_a_ready_token_needs_no_secret_but_one_of_the_two_must_be_there() -> None:
    assert parse(password=None, extra={"access_token": " eyJ.x "}).access_token == "eyJ.x"
    assert "password (the client secret)" in wrong(password=None)


def test_the_sandbox_of_a_task_wins() -> None:
    assert parse(sandbox="dev1", extra={"sandbox": "prod"}).sandbox == "dev1"


PLANTED = ("pa55word", "t0ken", "pr0xy", "k3y", "dTpwcjB4eQ==")


def test_secrets_show_nowhere() -> None:
    settings = parse(password="pa55word", extra={"access_token": "t0ken", "proxies": "http://u:pr0xy@p:1"})
    for shown in (repr(settings), str(settings), repr([settings]), repr(settings.proxies), repr(settings.secrets)):
        assert not any(secret in shown for secret in PLANTED)
    assert set(settings.secrets) == {"pa55word", "t0ken", "pr0xy", "dTpwcjB4eQ=="}
    assert parse(extra={"proxies": "http://proxy:3128"}).secrets == ("s3cr3t",)


def test_settings_are_not_pickled() -> None:
    settings = parse(password="pa55word")
    for attempt in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="Settings holds secrets"):
            attempt(settings)


def test_the_error_of_a_wrong_connection_tells_no_secret() -> None:
    # The value gets a name before the call, because a traceback shows the lines of a call, on Python 3.13 all of them.
    given: dict[str, Any] = {
        "host": "https://u:pa55word@x",
        "password": "pa55word",
        "extra": {
            "access_token": "t0ken x",
            "token_url": "https://u:pa55word@x",
            "private_key": "k3y",
            "proxies": {"https": "http://u:pr0xy@[::1"},
        },
    }
    with pytest.raises(ConfigurationError) as caught:
        parse(**given)
    told = told_by(caught.value)
    assert "private_key: given an unknown extra" in told
    assert not any(secret in told for secret in PLANTED)


def test_the_label_says_which_connection() -> None:
    with pytest.raises(ConfigurationError, match=r"^Connection 'x' cannot work"):
        parse_settings(label="Connection 'x'")


def test_defaults_are_adobes() -> None:
    assert parse().token_url == DEFAULT_TOKEN_URL
