"""The connection test: token, organization, sandbox and read permission, one finding each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_offers.client.errors import (
    APIError,
    AuthenticationError,
    ConfigurationError,
    NotAuthenticatedError,
    OfferLibraryError,
    PermissionDeniedError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.model.query import Query
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.wire.messages import Flow

if TYPE_CHECKING:
    from airflow_provider_offers.client.library import AsyncOfferLibrary, OfferLibrary

STEPS = ("token", "client id", "organization", "sandbox", "read permission")
_ORG_CODES = ("400003", "403023", "403025", "403027")
_KEY_CODES = ("403000", "403003")


@dataclass(frozen=True, slots=True)
class Finding:
    """One step: whether it works, and the error if it does not."""

    step: str
    ok: bool
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.step}: ok" if self.ok else f"{self.step}: FAILED, {self.detail}"


def examine(library: OfferLibrary) -> list[Finding]:
    """Read one offer, and return the steps that work and the first that does not.

    Sends a token request and one `GET` of a list with one entry; nothing is written.
    """
    try:
        library.run(_read_one)
    except OfferLibraryError as error:
        return _failed(error)
    return _passed(library.settings)


async def examine_async(library: AsyncOfferLibrary) -> list[Finding]:
    """`examine`, awaited."""
    try:
        await library.run(_read_one)
    except OfferLibraryError as error:
        return _failed(error)
    return _passed(library.settings)


def summary(findings: list[Finding]) -> tuple[bool, str]:
    """Whether every step works, and all of them in one line."""
    return all(finding.ok for finding in findings), "; ".join(map(str, findings))


def _read_one(access: Access) -> Flow[None]:
    listing = Listing(access, PERSONALIZED, access.generation.search(PERSONALIZED, Query(limit=1)))
    yield from listing.advance()


def _failed(error: OfferLibraryError) -> list[Finding]:
    failed = failing_step(error)
    passed = STEPS[: STEPS.index(failed)] if failed in STEPS else ()
    return [*(Finding(step, True) for step in passed), Finding(failed, False, str(error))]


def _passed(settings: Settings) -> list[Finding]:
    return [
        Finding("token", True),
        Finding(f"organization {settings.org_id}", True),
        Finding(f"sandbox {settings.sandbox!r} over {settings.api}", True),
        Finding("read permission", True),
    ]


def failing_step(error: OfferLibraryError) -> str:
    """The step that an error belongs to: one of `STEPS`, or `service`."""
    if isinstance(error, (AuthenticationError, NotAuthenticatedError)):
        return "token"
    if isinstance(error, ConfigurationError):
        return "sandbox"
    if isinstance(error, APIError):
        if error.code in _KEY_CODES:
            return "client id"
        if error.code in _ORG_CODES:
            return "organization"
        said = f"{error.title} {error.detail}".lower()
        # A missing permission is often described as missing "on this sandbox".
        if error.status == 403 and "permi" in said:
            return "read permission"
        if error.status in (400, 403, 404) and ("sandbox" in said or "container" in said):
            return "sandbox"
        if isinstance(error, PermissionDeniedError):
            return "read permission"
        return "sandbox" if error.status == 404 else "service"
    return "service"
