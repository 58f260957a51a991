"""One call of a platform service: everything that its handler needs, and the checks that both generations share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_offers.emulator.http import media_types
from airflow_provider_offers.emulator.http.json_body import JsonError, loads
from airflow_provider_offers.emulator.http.messages import Reason, Request, ServiceError
from airflow_provider_offers.emulator.runtime.runtime import Runtime
from airflow_provider_offers.emulator.settings import Settings
from airflow_provider_offers.emulator.store import json_patch
from airflow_provider_offers.emulator.store.library import Library
from airflow_provider_offers.emulator.store.listing import Listing
from airflow_provider_offers.emulator.wellknown import Credential


@dataclass(frozen=True)
class Call:
    """An authenticated request for a handler."""

    request: Request
    parameters: Mapping[str, str]
    credential: Credential
    sandbox: str
    settings: Settings
    library: Library
    listing: Listing
    runtime: Runtime

    @property
    def client_id(self) -> str:
        """The caller."""
        return self.credential.client_id

    def stamp(self) -> int:
        """The time of a write, for its timestamps."""
        return self.library.clock.stamp(unique=self.settings.unique_timestamps)

    def as_of(self, lag_seconds: float) -> int | None:
        """The time of the state that an index with this lag shows; None is the present."""
        return None if lag_seconds <= 0 else self.library.clock.now_us() - round(lag_seconds * 1_000_000)

    def document(self) -> Any:
        """The JSON body of the request."""
        try:
            return loads(self.request.body)
        except JsonError as error:
            raise ServiceError(400, Reason.MALFORMED, str(error)) from None

    def limit(self) -> int:
        """The requested page size, limited by the settings."""
        text = self.request.one("limit")
        if text is None:
            return min(self.settings.default_page_size, self.settings.max_page_size)
        if not (text.isascii() and text.isdigit()) or not 0 < len(text) < 10 or int(text) < 1:
            raise ServiceError(400, Reason.MALFORMED, f"limit must be a positive whole number, not {text!r}")
        return min(int(text), self.settings.max_page_size)

    def content_type(self, *expected: str) -> media_types.MediaType:
        """The media type of the request; it must be one of these names."""
        text = self.request.header("content-type")
        if not text:
            raise MissingContentType()
        try:
            media_type = media_types.parse(text)
        except media_types.MediaTypeError as error:
            raise ServiceError(415, Reason.MEDIA_TYPE, str(error)) from None
        if media_type.name not in expected:
            detail = f"Content-Type is {media_type.name}; this call takes {' or '.join(expected)}"
            raise ServiceError(415, Reason.MEDIA_TYPE, detail)
        return media_type

    def accepts(self, *offered: str) -> None:
        """Reject a request whose Accept header excludes all these names."""
        text = self.request.header("accept")
        if not text:
            return
        try:
            ranges = media_types.parse_accept(text)
        except media_types.MediaTypeError as error:
            raise ServiceError(400, Reason.MALFORMED, f"Accept: {error}") from None
        wanted = {each.name for each in ranges if each.parameters.get("q") not in ("0", "0.0", "0.00", "0.000")}
        if not wanted & {"*/*", "application/*", *offered}:
            detail = f"Accept is {text}; this call answers {' or '.join(offered)}"
            raise ServiceError(406, Reason.NOT_ACCEPTABLE, detail)

    def patched(self, document: Any, *, listed: Sequence[str], inapplicable: int) -> Any:
        """The document after the request's JSON Patch.

        `listed` are the operations on the generation's pages. `inapplicable` is the status if an operation does not
        apply.
        """
        try:
            known = listed if self.settings.unlisted_operations == "refuse" else json_patch.OPERATIONS
            adds = self.settings.replace_of_absent == "add"
            return json_patch.apply(document, json_patch.check(self.document(), known), replace_adds=adds)
        except json_patch.PatchMalformed as error:
            raise ServiceError(400, Reason.MALFORMED, str(error)) from None
        except json_patch.PatchTestFailed as error:
            raise ServiceError(self.settings.patch_test_status, Reason.TEST_FAILED, str(error)) from None
        except json_patch.PatchFailed as error:
            raise ServiceError(inapplicable, Reason.PATCH_FAILED, str(error)) from None
        except RecursionError:
            raise ServiceError(inapplicable, Reason.PATCH_FAILED, "the result is nested too deep") from None

    def ignored(self, known: Sequence[str]) -> list[str]:
        """The names of unknown query parameters."""
        lower = {name.lower() for name in known}
        return sorted({name for name, _ in self.request.parameters if name.lower() not in lower})


class MissingContentType(Exception):
    """A write without a content type; it has its own documented answer."""
