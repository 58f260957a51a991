"""The common network code of both shells: certificate authorities, and the proxy for a request."""

from __future__ import annotations

import os
import ssl
from dataclasses import replace
from functools import lru_cache
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy

from airflow_provider_offers.client.errors import ConfigurationError, Violation
from airflow_provider_offers.client.secret import Secret
from airflow_provider_offers.client.settings import Settings, is_loopback

# The variables that `requests` and OpenSSL read, in order of precedence. Only the first that is set is used.
BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
# Maximum number of interim answers (1xx) before the last one.
MOST_INTERIM = 50
# The bytes with which a TLS server rejects a plain http request, and the messages for that case and its reverse.
TLS_ALERT = b"\x15\x03"
TLS_THERE = "the server speaks TLS, but the address says http; check the scheme of the host"
NO_TLS_THERE = "the TLS connection failed: the server seems to speak plain http, but the address says https"
_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}
# Each read may take one `timeout`; all reads of an answer together may take this many.
_TIMEOUTS_FOR_AN_ANSWER = 2


def is_no_tls(error: object) -> bool:
    """Whether a TLS error means that the server answered without TLS."""
    while isinstance(error, BaseException):
        if getattr(error, "reason", None) in _NO_TLS:
            return True
        error = error.__cause__ or error.__context__
    return False


def longest_answer(timeout: float) -> float:
    """The maximum seconds for an answer, from the end of the request to the last byte.

    A limit for each read alone would not end an answer that arrives byte by byte.
    """
    return _TIMEOUTS_FOR_AN_ANSWER * timeout


def tls_context(verify: bool | str) -> ssl.SSLContext:
    """The TLS context: certificates and host names are verified unless `verify` is False.

    If `verify` is a path, its authorities are trusted. Otherwise those of the first variable in `BUNDLE_VARIABLES` that
    is set are trusted, or else those of the system and of `requests`. Raises `ConfigurationError` if a named file
    cannot be read.
    """
    if isinstance(verify, str):
        return _context("verify", verify)
    if not verify:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    named = next((name for name in BUNDLE_VARIABLES if os.environ.get(name)), None)
    return _context(None, "") if named is None else _context(named, os.environ[named])


@lru_cache(maxsize=8)
def _context(name: str | None, place: str) -> ssl.SSLContext:
    """A context that verifies certificates. Loading the authorities is slow, so a process does it once."""
    if name is None:
        context = ssl.create_default_context()
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        return context
    try:
        if name == "SSL_CERT_DIR" or os.path.isdir(place):
            return ssl.create_default_context(capath=place)
        return ssl.create_default_context(cafile=place)
    except OSError:
        accepted = "the path of a file of certificate authorities on this machine"
        raise ConfigurationError(
            "The Offer Library connection cannot work",
            [Violation(name, repr(place), f"true, false, or {accepted}" if name == "verify" else accepted)],
        ) from None


def proxy_for(url: str, settings: Settings) -> Secret | None:
    """The proxy for a URL: the connection's, or the environment's if the connection does not set `proxies`.

    A loopback address is reached without a proxy: plain http is allowed there because it does not leave the machine.
    """
    if is_loopback(urlsplit(url).hostname or ""):
        return None
    proxy = _selected(url, settings)
    if proxy is not None and not proxy.lower().startswith(("http://", "https://")):
        raise ConfigurationError(
            "The Offer Library connection cannot work",
            [Violation("proxies", "another kind of proxy in the environment", "an http or https proxy")],
        )
    return proxy


class Proxies:
    """The proxies of one shell, looked up once for each host, because reading the environment takes long."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._of_origin: dict[str, Secret | None] = {}

    def of(self, url: str) -> Secret | None:
        """The proxy for the URL; see `proxy_for`."""
        scheme, _, rest = url.partition("://")
        origin = f"{scheme}://{rest.partition('/')[0]}"
        if origin not in self._of_origin:
            self._of_origin[origin] = proxy_for(url, self._settings)
        return self._of_origin[origin]


def proxy_secrets(proxy: Secret | None, settings: Settings) -> tuple[str, ...]:
    """The login for the proxy. If the environment names the proxy, the connection does not have it."""
    return () if proxy is None else replace(settings, proxies={"all": proxy}).secrets


def _selected(url: str, settings: Settings) -> Secret | None:
    proxies = get_environ_proxies(url) if settings.proxies is None else settings.proxies
    found = select_proxy(url, dict(proxies))
    if not found:
        return None
    return Secret(found if "://" in found else f"http://{found}")
