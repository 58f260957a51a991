"""The known routes by name, and the answer to unknown routes."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from airflow_provider_offers.emulator import wellknown
from airflow_provider_offers.emulator.http import dps, xcore, xcore_lists
from airflow_provider_offers.emulator.http.calls import Call
from airflow_provider_offers.emulator.http.messages import Answer, ImsError, Reason, Refusal, Request, ServiceError
from airflow_provider_offers.emulator.runtime import delivery, dwm

Handler = Callable[[Call], Answer]


@dataclass(frozen=True)
class Route:
    """One method on one path; `{…}` is one segment.

    `open` allows accounts with any permission. `scans` only reads, perhaps many objects, and runs beside others.
    """

    name: str
    method: str
    template: str
    handler: Handler | None = None
    fixed: Mapping[str, str] = field(default_factory=dict)
    open: bool = False
    scans: bool = False

    def match(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """The parameters in the path, or None if the path does not match."""
        pattern = self.template.strip("/").split("/")
        if len(pattern) != len(segments):
            return None
        found = dict(self.fixed)
        for wanted, given in zip(pattern, segments, strict=True):
            if wanted.startswith("{"):
                if not given:
                    return None
                found[wanted[1:-1]] = given
            elif wanted != given:
                return None
        return found

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


def _xcore(name: str, method: str, path: str, handler: Handler, *, scans: bool = False) -> Route:
    return Route(f"xcore.{name}", method, wellknown.XCORE_PATH + path, handler, scans=scans)


def _dps(collection: str) -> tuple[Route, ...]:
    path, fixed = f"{wellknown.DPS_PATH}/{collection}", {"collection": collection}
    return (
        Route("dps.create", "POST", path, dps.create, fixed),
        Route("dps.list", "GET", path, dps.list_all, fixed, scans=True),
        Route("dps.get", "GET", f"{path}/{{id}}", dps.read, fixed),
        Route("dps.patch", "PATCH", f"{path}/{{id}}", dps.patch, fixed),
        Route("dps.delete", "DELETE", f"{path}/{{id}}", dps.delete, fixed),
    )


def _dwm(base: str) -> tuple[Route, ...]:
    path = f"{base}/workloads/decisions"
    return Route("dwm.submit", "POST", path, dwm.submit), Route("dwm.read", "GET", f"{path}/{{job}}", dwm.read)


ROUTES: tuple[Route, ...] = (
    Route("ims.token", "POST", wellknown.IMS_TOKEN_PATH),
    Route("ims.jwt", "POST", "/ims/exchange/jwt"),
    _xcore("home", "GET", "", xcore_lists.home),
    _xcore("create", "POST", "/{container}/instances", xcore.create),
    _xcore("list", "GET", "/{container}/instances", xcore_lists.list_instances, scans=True),
    _xcore("search", "GET", "/{container}/queries/core/search", xcore_lists.search, scans=True),
    _xcore("get", "GET", "/{container}/instances/{instance}", xcore.read),
    _xcore("patch", "PATCH", "/{container}/instances/{instance}", xcore.patch),
    _xcore("put", "PUT", "/{container}/instances/{instance}", xcore.replace),
    _xcore("delete", "DELETE", "/{container}/instances/{instance}", xcore.delete),
    _xcore("deletion", "GET", "/{container}/deletions/{ticket}", xcore.deletion),
    *(route for collection in dps.COLLECTIONS for route in _dps(collection)),
    Route("ods.decide", "POST", f"{wellknown.ODS_PATH}/decisions", delivery.decide, open=True),
    Route(
        "ode.decide", "POST", f"{wellknown.ODE_PATH}/{{container}}/decisions", delivery.decide_in_container, open=True
    ),
    Route("ode.offers", "GET", f"{wellknown.ODE_PATH}/{{container}}/offers", delivery.offers),
    Route("ode.diagnostics", "GET", f"{wellknown.ODE_PATH}/{{container}}/diagnostics", delivery.diagnostics),
    *_dwm(wellknown.DWM_PATH),
    *_dwm(f"{wellknown.DWM_PATH}/{{container}}"),
)

NAMES = (*dict.fromkeys(route.name for route in ROUTES), "unknown")
"""The route names in fault rules and the journal."""


_SERVICES = ("xcore", "dps", "ods", "ode", "dwm")


def service_of(request: Request) -> str:
    """The service of a path: `ims`, one of the platform's services, or an empty text."""
    segments = request.segments
    if segments[0] == "ims":
        return "ims"
    of_platform = len(segments) > 2 and segments[:2] == ("data", "core") and segments[2] in _SERVICES
    return segments[2] if of_platform else ""


def find(request: Request) -> tuple[Route, dict[str, str]] | None:
    """The route of a request and the parameters in its path."""
    if any(segment.partition(";")[0] in (".", "..") for segment in request.segments):
        return None
    for route in ROUTES:
        if route.method == request.method:
            parameters = route.match(request.segments)
            if parameters is not None:
                return route, parameters
    return None


def refusal(request: Request) -> Refusal:
    """The answer to a request without a route, in the format of the path's service."""
    refused = _refusal(request)
    if service_of(request) != "ims":
        return refused
    error = "method_not_allowed" if refused.status == 405 else "invalid_request"
    return ImsError(error, refused.detail, refused.status, refused.headers)


def _refusal(request: Request) -> ServiceError:
    """The answer to a request without a route."""
    if any(segment.partition(";")[0] in (".", "..") for segment in request.segments):
        detail = f"the path {request.path} leaves its folder: a segment is . or .., with or without parameters"
        return ServiceError(400, Reason.MALFORMED, detail, headers={"x-emulator-unknown-route": "1"})
    methods = sorted({route.method for route in ROUTES if route.match(request.segments) is not None})
    headers = {"x-emulator-unknown-route": "1"}
    if methods:
        detail = f"{request.method} {request.path} is not served; this path takes {', '.join(methods)}"
        return ServiceError(405, Reason.NO_METHOD, detail, headers={**headers, "allow": ", ".join(methods)})
    detail = f"the emulator has no route {request.method} {request.path}"
    if "//" in request.raw_path:
        detail += "; the path contains a double slash"
    known = {str(route): route for route in ROUTES}
    near = difflib.get_close_matches(f"{request.method} {request.path}", known, n=4, cutoff=0.3)
    return ServiceError(404, Reason.NO_ROUTE, detail, headers=headers, near=near)
