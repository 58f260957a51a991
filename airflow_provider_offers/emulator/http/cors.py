"""Browsers: what scripts of other origins can request from the services. They cannot use the control plane."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from airflow_provider_offers.emulator.http.messages import Answer, Request
from airflow_provider_offers.emulator.settings import Settings

_METHODS = "GET, POST, PUT, PATCH, DELETE"
_PRIVATE = (".localhost", ".internal")


def is_preflight(request: Request, settings: Settings) -> bool:
    """Whether the request is a CORS preflight for a service."""
    asks = request.header("origin") is not None and request.header("access-control-request-method") is not None
    return request.method == "OPTIONS" and asks and settings.cross_origin == "allow"


def preflight(request: Request) -> Answer:
    """The answer to a preflight; the origin is added to every answer."""
    headers = {"access-control-allow-methods": _METHODS, "access-control-max-age": "600"}
    wanted = request.header("access-control-request-headers")
    if wanted:
        headers["access-control-allow-headers"] = wanted
    return Answer(204, headers=headers, note="preflight of a browser")


def open_to(request: Request, answer: Answer, settings: Settings) -> None:
    """Let the calling script read the answer."""
    origin = request.header("origin")
    if origin is not None and settings.cross_origin == "allow":
        answer.headers.setdefault("access-control-allow-origin", origin)
        answer.headers.setdefault("access-control-expose-headers", "*")
        answer.headers.setdefault("vary", "Origin")


def why_foreign(request: Request, settings: Settings) -> str:
    """The reason why a request to the control plane may come from a foreign web page, or an empty text.

    A page can only set the Host of its requests through a name that resolves to this machine, and no public name does.
    If it sends a request to another host, the browser adds the page's Origin.
    """
    host, origin = (request.header("host") or "").lower(), request.header("origin")
    if not _is_here(_name(host), settings):
        return f"Host is {host!r}, which is not a name of this machine; add it with the setting control_hosts"
    if origin is not None and origin.lower() != f"http://{host}":
        return f"Origin is {origin!r}, a page of another host than {host!r}"
    return ""


def _is_here(name: str, settings: Settings) -> bool:
    if name in settings.control_hosts or "." not in name or name.endswith(_PRIVATE):
        # A name without a dot belongs to the local network.
        return bool(name)
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
