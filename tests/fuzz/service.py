"""Services with the spelling of each generation; the fuzz tests spoil their good answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_offers.client.model.applying import TestFailed
from airflow_provider_offers.client.model.capabilities import DPS
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.preparing import neutral_patch
from airflow_provider_offers.client.model.spelling import neutral_value
from airflow_provider_offers.client.wire.messages import Request, Response
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.emulator.http import messages
from tests.client.library import DPS_ID, INSTANCE_ID, XCORE_ID, entity, page, receipt, sale
from tests.client.script import CONTAINER, answer, body_of, query_of

CONTAINER_SCHEMA = "https://ns.adobe.com/experience/xcore/container"


class Service:
    """Contains one offer, and every requested placement and rule. Writes change the offer, a deletion ends it."""

    def __init__(self, api: str, *, there: bool = True) -> None:
        self.api = api
        self.etag = 1
        self.offer: dict[str, Any] | None = sale() if there else None

    def answer(self, request: Request) -> Response:
        """The good answer to a request."""
        path = urlsplit(request.url).path
        if "/ims/" in path:
            return answer(200, {"access_token": "token", "token_type": "bearer", "expires_in": 86_399})
        if path == "/data/core/xcore/":
            instance = {"repo:name": "dev1", "containerType": "decisioning"}
            return answer(
                200, {"_embedded": {CONTAINER_SCHEMA: [{"instanceId": CONTAINER, "_instance": instance}]}, "_links": {}}
            )
        if "/deletions/" in path:
            return answer(200, {"status": "done"})
        if path.endswith(("/offers", "/instances", "/search", "/placements", "/offer-rules")):
            return self._create(request) if request.method == "POST" else self._list(request)
        return self._one(request)

    def _create(self, request: Request) -> Response:
        self.offer, self.etag = self._neutral(body_of(request)), 1
        return answer(201, receipt(self.api), {"location": f"{CONTAINER}/instances/{INSTANCE_ID}"})

    def _list(self, request: Request) -> Response:
        query = query_of(request)
        if request.url.partition("?")[0].endswith(("/placements", "/offer-rules")) or "offer-placement" in request.url:
            shown = [{**self._shown({"name": "There"}), "id": sale()["representations"][0]["placement"]}]
            if self.api == "xcore":
                shown = [self._shown({"name": "There", "id": sale()["representations"][0]["placement"]})]
            return answer(200, page(self.api, shown, total=1))
        if any(name == "start" for name, _ in query):
            return answer(200, page(self.api, [self._shown({"name": "Other"}, number=7)], total=2))
        shown = [] if self.offer is None else [self._shown(self.offer)]
        link = "/offers?start=2026" if self.api == "dps" else f"/{CONTAINER}/instances?start=2026"
        return answer(200, page(self.api, shown, next=link, total=2))

    def _one(self, request: Request) -> Response:
        if self.offer is None:
            return answer(404, {"title": "Not found", "detail": "there is no such offer"})
        if request.method == "GET":
            return answer(200, self._shown(self.offer))
        if request.method == "DELETE":
            self.offer = None
            location = f"/{CONTAINER}/deletions/1"
            return answer(200) if self.api == "dps" else answer(202, None, {"location": location})
        if request.method == "PATCH":
            try:
                patched = PreparedPatch(neutral_patch(body_of(request), self.api)).fit(self.offer, DPS)
            except TestFailed:
                return answer(422, {"title": "Patch test failed"})
            self.offer = dict(patched.after)
        else:
            self.offer = self._neutral(body_of(request)["_instance"])
        self.etag += 1
        return answer(200, receipt(self.api, etag=self.etag))

    def _neutral(self, body: Any) -> dict[str, Any]:
        neutral: dict[str, Any] = neutral_value(body, PERSONALIZED.names)
        return neutral

    def _shown(self, properties: Mapping[str, Any], number: int = 0) -> dict[str, Any]:
        return entity(self.api, properties, etag=self.etag, number=number)


def id_of(api: str) -> str:
    """The reference id of the only offer."""
    return DPS_ID if api == "dps" else XCORE_ID


class Emulated:
    """The emulator without its server; every token is valid."""

    def __init__(self, emulator: Emulator, api: str) -> None:
        self.api = api
        self._token = emulator.issue_token()
        self._service = emulator._running

    def answer(self, request: Request) -> Response:
        """The good answer to a request."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        headers["authorization"] = f"Bearer {self._token}"
        address = urlsplit(request.url)
        asked = messages.Request(
            request.method, address.path, address.query, tuple(headers.items()), request.body or b""
        )
        told = self._service.answer(asked, self._service.match(asked))
        return Response(told.status, {name.lower(): value for name, value in told.headers.items()}, told.body)
