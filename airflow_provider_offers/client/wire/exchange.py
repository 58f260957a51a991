"""One call to the Offer Library, from its headers to its answer: token, retries and refusals, without I/O."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_offers.client.errors import NoAnswerError, OfferLibraryError
from airflow_provider_offers.client.secret import Secret
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.wire.messages import Answer, Call, Flow, Request, Response, TokenNeeded
from airflow_provider_offers.client.wire.refusals import is_token_refusal, refusal
from airflow_provider_offers.client.wire.retry import Retries, Tries
from airflow_provider_offers.client.wire.service_clock import ServiceClock, clock_of, utc_now


@dataclass(frozen=True, slots=True)
class Exchange:
    """The common part of every call of one connection."""

    settings: Settings
    retries: Retries = field(default_factory=Retries)
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = utc_now
    new_request_id: Callable[[], str] = field(default=lambda: str(uuid.uuid4()))
    service_clock: ServiceClock = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # With a clock of its own, such as a test's, an exchange does not share the clock of the process.
        own = self.clock is not time.monotonic or self.now is not utc_now
        host = self.settings.host
        clock = ServiceClock(host, elapsed=self.clock, wall=self.now) if own else clock_of(host)
        object.__setattr__(self, "service_clock", clock)

    def service_now(self) -> datetime:
        """The time of the service's clock, from its answers so far; before the first answer, this machine's time."""
        return self.service_clock.now()

    def send(self, call: Call, base: str, *, accept: tuple[int, ...] = ()) -> Flow[Answer]:
        """Send one call and return its answer: any 2xx, or a status in `accept`.

        Raises the error of the last try. A token that the gateway refuses is renewed once. Each try has a request id of
        its own, so that an error has an id even without an answer.
        """
        tries = Tries(self.retries, self.clock)
        renewed = False
        token: Secret = yield TokenNeeded()
        secrets = (token, *self.settings.secrets, *call.private)
        while True:
            request_id = self.new_request_id()
            error: OfferLibraryError
            try:
                sent = self.service_clock.elapsed()
                answered: Response = yield self._request(call, base, token, request_id, secrets)
            except NoAnswerError as lost:
                error = NoAnswerError(
                    lost.reason,
                    method=call.method,
                    path=call.bare_path,
                    sent=lost.sent,
                    request_id=request_id,
                )
            else:
                self.service_clock.learn(
                    answered.status, answered.headers, sent=sent, received=self.service_clock.elapsed()
                )
                response = answered.hiding(secrets)
                if 200 <= response.status < 300 or response.status in accept:
                    return Answer(call, response, response.request_id or request_id, response.secrets)
                if is_token_refusal(response) and not renewed and self.settings.access_token is None:
                    renewed = True
                    token = yield TokenNeeded(refused=token)
                    secrets = (token, *secrets)
                    continue
                error = refusal(call, response, request_id=response.request_id or request_id, now=self.now())
            yield tries.pause_or_raise(error, repeatable=call.repeatable)

    def _request(self, call: Call, base: str, token: Secret, request_id: str, secrets: tuple[str, ...]) -> Request:
        headers = {
            **call.headers,
            "Authorization": Secret(f"Bearer {token}"),
            "x-api-key": self.settings.client_id,
            "x-gw-ims-org-id": self.settings.org_id,
            "x-sandbox-name": self.settings.sandbox,
            "x-request-id": request_id,
        }
        url = f"{self.settings.host}{base}{call.path}"
        return Request(call.method, url, headers, call.encoded_body(), secrets, call.send_by)
