"""Drives whole flows against a service with spoiled answers, and checks the results."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from typing import Any

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.wire.messages import Note, Pause, Request, TokenNeeded
from tests.client.script import Script
from tests.fuzz.hostile import Spoil
from tests.fuzz.service import Emulated, Service

# In these tests, a listing follows twenty pages without results, each page may need six tries, and no flow reads many
# listings.
MOST_REQUESTS = 3_000
MOST_SECONDS = 90_000
LONGEST_TEXT = 10_000


class Driver(Script):
    """Runs flows as a shell does, with answers that the plan spoils; the last item of the plan repeats."""

    def __init__(self, service: Service | Emulated, plan: Sequence[Spoil]) -> None:
        super().__init__()
        self.service = service
        self.plan = plan
        self.last_request_id: str | None = None
        self._tokens_given = 0

    def run(self, flow: Any) -> Any:
        return self.go(flow)

    def close(self) -> None:
        pass

    def _perform(self, effect: Any) -> Any:
        if isinstance(effect, Pause):
            assert 0 <= effect.seconds <= MOST_SECONDS
            check_text(effect.reason)
            self.time += effect.seconds
            return None
        if isinstance(effect, Note):
            check_text(effect.text)
            return None
        if isinstance(effect, TokenNeeded):
            self._tokens_given += 1
            return f"token-{self._tokens_given}"
        assert isinstance(effect, Request)
        self.requests.append(effect)
        assert len(self.requests) <= MOST_REQUESTS, "the flow does not end"
        check_request(effect)
        good = self.service.answer(effect)
        result = self.plan[min(len(self.requests), len(self.plan)) - 1](good)
        if isinstance(result, Exception):
            raise result
        return result


def check_request(request: Request) -> None:
    """After any answer, each request goes to our host and is valid HTTP."""
    assert request.url.startswith(("https://platform.adobe.io/data/core/", "https://ims-na1.adobelogin.com/ims/token/"))
    assert request.url.isascii(), request.url
    assert request.url.isprintable(), request.url
    assert " " not in request.url
    assert len(request.url) < 40_000
    for value in request.headers.values():
        assert value.isascii(), value
        assert value.isprintable(), value
        assert len(value) < 9_000
    if request.body is not None and request.headers.get("Content-Type") != "application/x-www-form-urlencoded":
        json.loads(request.body, parse_constant=lambda name: (_ for _ in ()).throw(AssertionError(name)))


def check_error(error: OfferLibraryError) -> None:
    """A message that fits a log: of limited length, of printable characters, and with only our own lines."""
    check_text(str(error))


def check_text(text: str) -> str:
    assert len(text) <= LONGEST_TEXT, len(text)
    text.encode()
    for line in text.split("\n"):
        assert not line.startswith("forged"), text
        assert not any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in line), repr(text)
    return text
