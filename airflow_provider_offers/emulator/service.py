"""The emulator without its server: the whole state, and one method that answers a request."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from airflow_provider_offers.emulator import wellknown
from airflow_provider_offers.emulator.clock import Clock
from airflow_provider_offers.emulator.control.faults import Faults
from airflow_provider_offers.emulator.control.journal import Journal
from airflow_provider_offers.emulator.http import cors, gateway, ims, routes
from airflow_provider_offers.emulator.http.calls import Call, MissingContentType
from airflow_provider_offers.emulator.http.messages import (
    Answer,
    GatewayError,
    Reason,
    Refusal,
    Request,
    ServiceError,
    missing_content_type,
)
from airflow_provider_offers.emulator.runtime import dwm
from airflow_provider_offers.emulator.runtime.batch_jobs import BatchJobs
from airflow_provider_offers.emulator.runtime.runtime import Runtime
from airflow_provider_offers.emulator.settings import Settings
from airflow_provider_offers.emulator.store import seeding
from airflow_provider_offers.emulator.store.database import Database
from airflow_provider_offers.emulator.store.library import Library, Record
from airflow_provider_offers.emulator.store.listing import Listing


@dataclass(frozen=True)
class Matched:
    """The route of a request, if there is one, and the parameters in its path."""

    route: routes.Route | None
    parameters: dict[str, str]

    @property
    def name(self) -> str:
        """The name of the route, or `unknown`."""
        return self.route.name if self.route else "unknown"

    @property
    def scans(self) -> bool:
        """Whether the route only reads, possibly many objects."""
        return self.route is not None and self.route.scans


class Service:
    """The whole state of an emulator; `lock` protects it against the threads of the control plane."""

    def __init__(self, db: str, settings: Settings, clock: Clock) -> None:
        self.lock = threading.RLock()
        self.initial_settings = self.settings = settings
        self.clock = clock
        self.database = Database(db)
        self.library = Library(self.database, clock)
        self.listing = Listing(self.library, self.lock)
        self.runtime = Runtime(self.library)
        self.tokens = ims.TokenStore(self.database, clock)
        self.rate = gateway.RateLimit(clock)
        self.journal = Journal(routes.NAMES)
        self.faults = Faults(routes.NAMES)
        self.latest: dict[str, Answer] = {}
        """The latest answer of each route, for the fault that sends it to another caller."""
        self._late: list[tuple[int, Callable[[], object]]] = []
        self._follow_clock()
        self._prepare()

    def match(self, request: Request) -> Matched:
        """The route of a request."""
        found = routes.find(request)
        return Matched(*found) if found else Matched(None, {})

    def answer(self, request: Request, matched: Matched) -> Answer:
        """Handle one request in one transaction."""
        try:
            with self.lock:
                self.catch_up()
                with self.database.transaction():
                    self.settle()
                    found = self._handle(request, matched)
            # A read of many objects lets other requests run in between.
            return found() if callable(found) else found
        except MissingContentType:
            return missing_content_type()
        except Refusal as refusal:
            if isinstance(refusal, ServiceError):
                refusal.service = routes.service_of(request).upper() or "EMULATOR"
                refusal.tenant = _tenant(request)
            return refusal.answer()

    def settle(self) -> None:
        """Update the library to the clock: remove deleted objects, and run the decisions of started jobs."""
        self.library.settle()
        dwm.work(self.library, self.runtime, self.settings)

    def fail_job(self, answer: Answer, why: str) -> None:
        """Let the batch job in an answer end in ERROR."""
        if answer.committed:
            with self.lock, self.database.transaction():
                BatchJobs(self.database).fail(json.loads(answer.body)["@id"], why)

    def postpone(self, seconds: float, work: Callable[[], object]) -> None:
        """Schedule an action on the emulator's clock. It runs before the first request after its time."""
        with self.lock:
            self._late.append((self.clock.now_us() + round(seconds * 1_000_000), work))

    def catch_up(self) -> None:
        """Run the actions that are due, in order."""
        with self.lock:
            now = self.clock.now_us()
            due = sorted((each for each in self._late if each[0] <= now), key=lambda each: each[0])
            self._late = [each for each in self._late if each[0] > now]
            for moment, work in due:
                with self.clock.at(moment):
                    work()

    def too_large(self) -> Answer:
        """The answer to a body that is too large."""
        detail = f"a request body may have at most {self.settings.max_body_bytes} bytes"
        return ServiceError(413, Reason.TOO_LARGE, detail, headers={"connection": "close"}).answer()

    def failure(self, error: Exception) -> Answer:
        """The answer after a failure of the emulator itself."""
        return ServiceError(500, Reason.INTERNAL, f"{type(error).__name__}: {error}").answer()

    def expire_token(self, request: Request) -> Answer:
        """Expire the token of the request and reject the request."""
        with self.lock, self.database.transaction():
            self.tokens.expire(gateway.bearer_token(request))
        return GatewayError(401, "401013", "Oauth token is not valid").answer()

    def configure(self, changes: dict[str, Any]) -> Settings:
        """Change settings while running."""
        with self.lock:
            self.settings = self.settings.updated(changes)
            self._prepare()
            return self.settings

    def reset(self) -> None:
        """Reset everything: only reference objects, no faults, no journal, real time, initial settings."""
        with self.lock:
            self.clock.resume()
            self.faults.clear()
            self.latest.clear()
            self._late.clear()
            self.journal.clear()
            self.settings = self.initial_settings
            self.rate = gateway.RateLimit(self.clock)
            self.runtime = Runtime(self.library)
            with self.database.transaction():
                self.library.clear()
            self._prepare()

    def seed_count(self, count: int, **options: Any) -> list[Record]:
        """Seed objects from one template."""
        with self.lock, self.database.transaction():
            self.settle()
            return seeding.seed_count(self.library, self.settings, count, **options)

    def seed_objects(self, objects: Any, *, checked: bool = True) -> list[Record]:
        """Seed the given objects."""
        with self.lock, self.database.transaction():
            self.settle()
            return seeding.seed_objects(self.library, self.settings, objects, checked=checked)

    def issue_token(self, client_id: str, lifetime: float) -> str:
        """Issue a token without the identity service."""
        with self.lock, self.database.transaction():
            return self.tokens.issue(client_id, lifetime)

    def expire_tokens(self) -> int:
        """Expire all tokens."""
        with self.lock, self.database.transaction():
            return self.tokens.expire()

    def close(self) -> None:
        """Close the database."""
        with self.lock:
            self.clock.moved = lambda: None
            self.database.close()

    def _follow_clock(self) -> None:
        """Continue with the clock of the previous process of this database, and store every change for the next one.

        A database in memory has neither.
        """
        if self.database.in_memory:
            return
        kept = self.database.connection.execute("SELECT frozen_us, offset_us FROM clock").fetchone()
        if kept is not None:
            self.clock.follow(kept)
        self.clock.moved = self._keep_clock
        self._keep_clock()

    def _keep_clock(self) -> None:
        with self.lock, self.database.transaction():
            self.database.connection.execute("DELETE FROM clock")
            self.database.connection.execute("INSERT INTO clock VALUES (?, ?)", self.clock.state)

    def _prepare(self) -> None:
        with self.database.transaction():
            self.library.ensure_reference_objects(
                self.settings.sandboxes, more=self.settings.reference_objects == "all"
            )

    def _handle(self, request: Request, matched: Matched) -> Answer | Callable[[], Answer]:
        if cors.is_preflight(request, self.settings):
            return cors.preflight(request)
        if matched.route is None:
            if request.raw_path in ("", "/") and request.method in ("GET", "HEAD"):
                return _signpost()
            raise routes.refusal(request)
        if matched.name == "ims.token":
            return ims.issue_token(request, self.settings, self.tokens)
        if matched.name == "ims.jwt":
            return ims.exchange_jwt()
        credential = gateway.authenticate(request, self.settings, self.tokens.holder)
        self.rate.take(self.settings)
        sandbox = gateway.sandbox_of(request, self.settings, matched.parameters.get("container"))
        if not matched.route.open:
            gateway.permit(credential, request)
        handler = matched.route.handler
        assert handler is not None
        call = Call(
            request,
            matched.parameters,
            credential,
            sandbox,
            self.settings,
            self.library,
            self.listing,
            self.runtime,
        )
        return partial(handler, call) if matched.route.scans else handler(call)


def _signpost() -> Answer:
    """The answer to the root path: a link to the page of the control plane."""
    page = f"{wellknown.CONTROL_PREFIX}/"
    document = {"emulator": "Offer Library", "control": page, "home": f"{wellknown.XCORE_PATH}/"}
    return Answer.of(307, document, headers={"location": page}, note=f"the control page is {page}")


def _tenant(request: Request) -> dict[str, str]:
    sandbox, org = request.header("x-sandbox-name"), request.header("x-gw-ims-org-id")
    tenant = {}
    if sandbox:
        tenant = {"sandboxName": sandbox, "sandboxId": wellknown.sandbox_id_of(sandbox)}
    return {**tenant, "imsOrgId": org} if org else tenant
