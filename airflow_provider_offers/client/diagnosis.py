"""The thorough connection test of `airflow offers doctor`: every step on its own, what failed, and what to do."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from airflow_provider_offers.client.doctor import failing_step
from airflow_provider_offers.client.errors import (
    APIError,
    AuthenticationError,
    NotFoundError,
    OfferLibraryError,
    PermissionDeniedError,
    UnsupportedError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import KINDS, Kind
from airflow_provider_offers.client.model.query import Query
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.wire.messages import Flow, Request, Response, TokenNeeded, describe_body
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.client.wire.service_clock import SKEW_BOUND, ServiceClock, clock_of, span
from airflow_provider_offers.client.wire.sync_shell import SyncShell

Verdict = Literal["ok", "warning", "failed", "skipped"]
# The steps before the permissions. The first one that fails explains why the rest cannot be tested.
_GROUND = ("client id", "organization", "sandbox")
_REMEDIES: Mapping[str, str] = {
    "service": "Check `host` of the connection, the network, and any proxy on the way.",
    "token": "Check the login (client id) and the password (client secret) of the connection, and `token_url` if it "
    "has one.",
    "scopes": "Set `scopes` in the extra to those of the credential in the Developer Console, or leave it empty.",
    "client id": "Check the login of the connection, and that its project has the Adobe Experience Platform API.",
    "organization": "Check `org_id` in the extra against the Developer Console.",
    "sandbox": "Check `sandbox` (and `container_id`) in the extra, and that the credential may use the sandbox.",
    "read": "Give the credential a role with the permission View decisions on this sandbox.",
    "write": "Give the credential a role with the permission Manage offers on this sandbox, if it is to write.",
    "clock": "Synchronize the clock of this machine (NTP), unless the service is an emulator whose clock was moved. "
    "Windows are judged by the service's clock.",
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The result of one step. `detail` says what was seen, and `remedy` what to do. Neither contains a secret."""

    step: str
    verdict: Verdict
    detail: str = ""
    remedy: str = ""


def diagnose(
    settings: Settings, *, write: bool = False, on_token: Callable[[str], None] | None = None
) -> Iterator[Diagnosis]:
    """Test a connection step by step: API, token, scopes, client id, organization, sandbox, each kind, and clocks.

    Sends one request without credentials, a token request, and a `GET` of a list with one entry for each kind. With
    `write`, it also sends a `DELETE` for an id that does not exist of each kind, which shows the permission to write
    and changes nothing. A step that cannot be tested is `skipped`.
    """
    shell = SyncShell(settings, retries=Retries(max_retries=min(1, settings.max_retries)), on_token=on_token)
    with OfferLibrary(settings, shell=shell, retries=Retries(max_retries=min(1, settings.max_retries))) as library:
        reached = _api(shell, settings)
        yield reached
        if reached.verdict == "failed":
            yield from _skipped("token", "scopes", *_GROUND, "read", "clock")
            return
        (token, scopes), usable = _token(shell, settings)
        yield token
        yield scopes
        if not usable:
            yield from _skipped(*_GROUND, "read", "clock")
            return
        yield from _service(library, write=write)


def _api(shell: SyncShell, settings: Settings) -> Diagnosis:
    """Whether the host answers like the API's gateway, to a request without credentials."""

    def ask() -> Flow[Response]:
        response: Response = yield Request("GET", f"{settings.host}/data/core/", {"Accept": "application/json"})
        return response

    try:
        response = shell.run(ask())
    except OfferLibraryError as error:
        return _failed("API", "service", error)
    try:
        json.loads(response.body or b"{}")
    except ValueError:
        return Diagnosis("API", "failed", f"{settings.host} sent {describe_body(response)}", _REMEDIES["service"])
    return Diagnosis("API", "ok", f"{settings.host} answers")


def _token(shell: SyncShell, settings: Settings) -> tuple[tuple[Diagnosis, Diagnosis], bool]:
    """The findings about the token and its scopes, and whether there is a token."""

    def ask() -> Flow[str]:
        token: str = yield TokenNeeded()
        return token

    try:
        token = shell.run(ask())
    except OfferLibraryError as error:
        if isinstance(error, AuthenticationError) and error.code == "invalid_scope":
            skipped = Diagnosis("token", "skipped", "the scopes were refused")
            return (skipped, _failed("scopes", "scopes", error)), False
        return (_failed("token", "token", error), Diagnosis("scopes", "skipped", "there is no token")), False
    claims = _claims(token)
    return (_told_token(claims, settings), _told_scopes(claims, settings)), True


def _told_token(claims: Mapping[str, Any], settings: Settings) -> Diagnosis:
    if settings.access_token is None:
        return Diagnosis("token", "ok", "the identity service issued a token")
    if (ends := _end(claims)) is None:
        return Diagnosis("token", "ok", "the access_token of the connection; it is not renewed")
    told = f"the access_token of the connection; it is not renewed and ends at {ends.isoformat(timespec='seconds')}"
    if ends <= datetime.now(UTC):
        return Diagnosis("token", "failed", told, "Put a new token into the connection, or use its client secret.")
    return Diagnosis("token", "ok", told)


def _told_scopes(claims: Mapping[str, Any], settings: Settings) -> Diagnosis:
    granted = claims.get("scope")
    if not isinstance(granted, str):
        if settings.access_token is not None:
            return Diagnosis("scopes", "skipped", "the access_token does not name its scopes")
        return Diagnosis("scopes", "ok", f"granted as requested: {settings.scopes}")
    missing = sorted(set(settings.scopes.split(",")) - set(granted.replace(" ", ",").split(",")))
    if missing:
        return Diagnosis("scopes", "warning", f"the token lacks {', '.join(missing)}", _REMEDIES["scopes"])
    return Diagnosis("scopes", "ok", f"the token has {settings.scopes}")


def _claims(token: str) -> Mapping[str, Any]:
    """The claims of a token that is a JSON Web Token; empty for any other."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _end(claims: Mapping[str, Any]) -> datetime | None:
    """When the token ends. IMS writes `created_at` and `expires_in` as milliseconds; others write `exp` in seconds."""
    try:
        if "exp" in claims:
            return datetime.fromtimestamp(float(claims["exp"]), UTC)
        return datetime.fromtimestamp((float(claims["created_at"]) + float(claims["expires_in"])) / 1000, UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def _service(library: OfferLibrary, *, write: bool) -> Iterator[Diagnosis]:
    """The findings behind the token: the ground steps, each kind, and the clock."""
    settings = library.settings
    first = _outcome(library, _reading, next(iter(KINDS.values())))
    failed = None if first is None else failing_step(first)
    if first is not None and failed in ("token", "service", *_GROUND):
        passed = _GROUND[: _GROUND.index(failed)] if failed in _GROUND else ()
        yield from (_passed(step, settings) for step in passed)
        yield _failed(failed, failed, first)
        rest = _GROUND[len(passed) + 1 :] if failed in _GROUND else _GROUND
        yield from _skipped(*rest, "read")
    else:
        yield from (_passed(step, settings) for step in _GROUND)
        yield from _permissions(library, "read", _reading)
        if write:
            yield from _permissions(library, "write", _deleting)
    yield _told_clock(clock_of(settings.host), settings)


def _permissions(
    library: OfferLibrary, verb: Literal["read", "write"], work: Callable[[Access, Kind], Flow[None]]
) -> Iterator[Diagnosis]:
    for kind in KINDS.values():
        step = f"{verb} {kind.noun}s"
        error = _outcome(library, work, kind)
        if error is None or (verb == "write" and isinstance(error, NotFoundError)):
            yield Diagnosis(step, "ok")
        elif isinstance(error, UnsupportedError):
            yield Diagnosis(step, "skipped", str(error))
        elif isinstance(error, PermissionDeniedError):
            yield Diagnosis(step, "failed", _first_line(error), _REMEDIES[verb])
        else:
            yield _failed(step, failing_step(error), error)


def _outcome(library: OfferLibrary, work: Callable[[Access, Kind], Flow[None]], kind: Kind) -> OfferLibraryError | None:
    """The error of the work with a kind; None if it succeeded."""
    try:
        library.run(lambda access: work(access, kind))
    except OfferLibraryError as error:
        return error
    return None


def _reading(access: Access, kind: Kind) -> Flow[None]:
    yield from Listing(access, kind, access.generation.search(kind, Query(limit=1))).advance()


def _deleting(access: Access, kind: Kind) -> Flow[None]:
    """A deletion of an object that cannot exist, to see whether the role lets it through to the library."""
    nobody = str(uuid.uuid4())
    reference = Reference(kind, id=f"{access.generation.api}:{kind.type_name}:{nobody}", instance_id=nobody)
    yield from access.send(access.generation.delete(reference))


def _told_clock(clock: ServiceClock, settings: Settings) -> Diagnosis:
    if not clock.is_told:
        return Diagnosis("clock", "skipped", f"no answer of {settings.host} showed its time")
    skew = clock.skew
    if abs(skew) > SKEW_BOUND:
        way = "behind" if skew > timedelta(0) else "ahead of"
        return Diagnosis("clock", "warning", f"this machine is {span(abs(skew))} {way} the service", _REMEDIES["clock"])
    return Diagnosis("clock", "ok", f"within {max(1, round(abs(skew.total_seconds())))} s of the service")


def _passed(step: str, settings: Settings) -> Diagnosis:
    details = {"organization": settings.org_id, "sandbox": f"{settings.sandbox!r} over {settings.api}"}
    return Diagnosis(step, "ok", details.get(step, ""))


def _skipped(*steps: str) -> Iterator[Diagnosis]:
    return (Diagnosis(step, "skipped", "an earlier step failed") for step in steps)


def _failed(step: str, cause: str, error: OfferLibraryError) -> Diagnosis:
    """The finding about an error: its own hint if it has one, else what helps with the failing step."""
    hint = error.hint if isinstance(error, APIError) else None
    key = "read" if cause == "read permission" else cause
    return Diagnosis(step, "failed", _first_line(error), hint or _REMEDIES.get(key, ""))


def _first_line(error: OfferLibraryError) -> str:
    first, _, rest = str(error).partition("\n")
    # An error that lists violations says more in its second line.
    return f"{first} {rest.partition(chr(10))[0].strip()}" if first.endswith(":") else first
