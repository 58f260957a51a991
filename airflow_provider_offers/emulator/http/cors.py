"""Browsers: what programs of other origins may ask the services, and that they may ask the control plane nothing."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from airflow_provider_offers.emulator.http.messages import Answer, Request
from airflow_provider_offers.emulator.settings import Settings

_METHODS = "GET, POST, PUT, PATCH, DELETE"
_PRIVATE = (".localhost", ".internal")


def is_preflight(request: Request, settings: Settings) -> bool:
    """Whether a browser asks if a program of another origin may call a service."""
    asks = request.header("origin") is not None and request.header("access-control-request-method") is not None
    return request.method == "OPTIONS" and asks and settings.cross_origin == "allow"


def preflight(request: Request) -> Answer:
    """The permission, for what was asked; the origin is added to every answer."""
    headers = {"access-control-allow-methods": _METHODS, "access-control-max-age": "600"}
    wanted = request.header("access-control-request-headers")
    if wanted:
        headers["access-control-allow-headers"] = wanted
    return Answer(204, headers=headers, note="preflight of a browser")


def open_to(request: Request, answer: Answer, settings: Settings) -> None:
    """Let the program that asked read the answer."""
    origin = request.header("origin")
    if origin is not None and settings.cross_origin == "allow":
        answer.headers.setdefault("access-control-allow-origin", origin)
        answer.headers.setdefault("access-control-expose-headers", "*")
        answer.headers.setdefault("vary", "Origin")


def why_foreign(request: Request, settings: Settings) -> str:
    """Why a request to the control plane may come from a web page elsewhere; nothing where it may not.

    A page cannot choose the Host of its requests except by a name that leads here, and no public name does; where it
    sends one to another host, the browser says in Origin whose page it is.
    """
    host, origin = (request.header("host") or "").lower(), request.header("origin")
    if not _is_here(_name(host), settings):
        return f"Host is {host!r}, which is no name of this machine; the setting control_hosts may add it"
    if origin is not None and origin.lower() != f"http://{host}":
        return f"Origin is {origin!r}, a page of another host than {host!r}"
    return ""


def _is_here(name: str, settings: Settings) -> bool:
    if name in settings.control_hosts or "." not in name or name.endswith(_PRIVATE):
        # A name without a dot belongs to the network that the machine is in.
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
