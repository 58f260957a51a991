"""A small Offer Library in memory, on both generations' wire, in the time of the running event loop."""

from __future__ import annotations

import asyncio
import heapq
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, cast

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.generations.xcore import Xcore
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.session import AsyncSession
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.messages import Flow, Note, Pause, Request, Response, TokenNeeded
from airflow_provider_offers.client.wire.retry import Retries
from tests.client.library import entity, page
from tests.client.script import CONTAINER, SETTINGS, answer, query_of
from tests.client.waiting import virtual_time

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
INSTANCE = "1619-11f1-9d55-1b1f0c9a7e21"
Fault = Callable[[Request], Response | Exception | None]


@dataclass
class Offer:
    """One offer, as the library stores it."""

    number: int
    created: datetime
    modified: datetime
    etag: int = 1
    properties: dict[str, Any] = field(default_factory=dict)


class Library:
    """Offers of one kind. Timestamps have milliseconds; `ahead` is how far the service's clock is ahead of ours."""

    def __init__(self, api: str, *, page_size: int = 100, counts: bool = True, ahead: timedelta = timedelta(0)) -> None:
        self.api = api
        self.page_size = page_size
        self.counts = counts
        self.ahead = ahead
        self.offers: dict[str, Offer] = {}
        self.requests: list[Request] = []
        self.pages_after_the_first = 0
        self.sessions_open = 0
        self.sessions_opened = 0
        self.faults: list[Fault] = []
        self.dateless = False
        self._last_number = 0
        self._drawn: dict[str, tuple[int, dict[str, Any]]] = {}

    def create(self, status: str = "draft", **properties: Any) -> str:
        self._last_number += 1
        number = self._last_number
        identifier = f"{self.api}:personalized-offer:{number:016x}"
        now = self._now()
        self.offers[identifier] = Offer(
            number, now, now, properties={"name": f"Offer {number}", "status": status, **properties}
        )
        return identifier

    def change(self, identifier: str, *, stamped_ahead: timedelta = timedelta(0), **properties: Any) -> None:
        offer = self.offers[identifier]
        offer.properties = {**offer.properties, **properties}
        offer.etag += 1
        offer.modified = self._now() + stamped_ahead

    def delete(self, identifier: str) -> None:
        del self.offers[identifier]

    def reference(self, identifier: str) -> Reference:
        number = int(identifier.rpartition(":")[2], 16)
        instance = identifier if self.api == "dps" else f"{number:08x}-{INSTANCE}"
        return Reference(PERSONALIZED, id=identifier, instance_id=instance)

    def state(self, identifier: str) -> tuple[int, str] | None:
        """Etag and status of an offer, or None."""
        offer = self.offers.get(identifier)
        return None if offer is None else (offer.etag, offer.properties["status"])

    async def open(self) -> AsyncSession:
        self.sessions_open += 1
        self.sessions_opened += 1
        return cast("AsyncSession", _Session(self))

    def answer(self, request: Request) -> Response:
        """The answer to a request, with the date; a fault replaces it."""
        answered = self._answer(request)
        date = {} if self.dateless else {"date": format_datetime(self._now(), usegmt=True)}
        return replace(answered, headers={**date, **answered.headers})

    def _answer(self, request: Request) -> Response:
        self.requests.append(request)
        for fault in self.faults:
            if (result := fault(request)) is not None:
                if isinstance(result, Exception):
                    raise result
                return result
        path = request.url.partition("?")[0]
        last = path.rpartition("/")[2]
        if last in ("offers", "instances", "search"):
            return self._list(request)
        identifier = self._identifier(last)
        if identifier in self.offers:
            return answer(200, self._shown(identifier))
        return answer(404, {"title": "Not Found"})

    def _identifier(self, last: str) -> str:
        """The id of the offer that the end of a path names, by its id or by that of its instance."""
        number, _, rest = last.partition("-")
        return f"xcore:personalized-offer:{int(number, 16):016x}" if rest == INSTANCE else last

    def _list(self, request: Request) -> Response:
        query = dict(query_of(request))
        wanted = {value for name, value in query_of(request) if name == "id"}
        chosen = list(self.offers)
        for name, value in query_of(request):
            if name == "property" and (match := re.fullmatch(r"id(==|~)(.*)", value)):
                equal = match[1] == "=="
                chosen = [each for each in chosen if each == match[2] or (not equal and re.fullmatch(match[2], each))]
            elif name == "property":
                status = value.rpartition("==")[2]
                chosen = [each for each in chosen if self.offers[each].properties["status"] == status]
        chosen = [each for each in chosen if not wanted or each in wanted]
        total = len(chosen)
        if "start" in query:
            self.pages_after_the_first += 1
            stamp, identifier = query["start"].split("~")
            place = (datetime.fromisoformat(stamp), identifier)
            chosen = [each for each in chosen if self._order(each) < place]
        size = min(int(query.get("limit", 100)), self.page_size)
        shown = heapq.nlargest(size, chosen, key=self._order)
        link = None
        if len(chosen) > size:
            address = re.sub(r"&start=[^&]*", "", request.url.removeprefix(SETTINGS.host))
            modified, identifier = self._order(shown[-1])
            # A plus sign may be read as a space.
            link = f"{address}&start={modified.isoformat().replace('+00:00', 'Z')}~{identifier}"
        entities = [self._shown(each) for each in shown]
        return answer(200, page(self.api, entities, next=link, total=total if self.counts else None))

    def _order(self, identifier: str) -> tuple[datetime, str]:
        return self.offers[identifier].modified, identifier

    def _shown(self, identifier: str) -> dict[str, Any]:
        offer = self.offers[identifier]
        etag, drawn = self._drawn.get(identifier, (0, {}))
        if etag == offer.etag:
            return drawn
        modified = offer.modified.isoformat(timespec="milliseconds")
        name = "modified" if self.api == "dps" else "repo:lastModifiedDate"
        drawn = entity(
            self.api,
            offer.properties,
            etag=offer.etag,
            number=offer.number,
            created=offer.created.isoformat(timespec="milliseconds"),
            **{name: modified},
        )
        self._drawn[identifier] = offer.etag, drawn
        return drawn

    def _now(self) -> datetime:
        elapsed = timedelta(milliseconds=int(virtual_time.now() * 1000))
        return START + elapsed + self.ahead


def here() -> datetime:
    """The clock of the caller."""
    return START + timedelta(seconds=virtual_time.now())


class _Session:
    """The part of a session that the feed uses."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._open = True
        exchange = Exchange(SETTINGS, Retries(max_retries=0), clock=virtual_time.now, now=here)
        self.access = Access(exchange, Dps() if library.api == "dps" else Xcore(CONTAINER))

    async def run(self, flow: Flow[Any]) -> Any:
        try:
            effect = next(flow)
            while True:
                try:
                    result = await self._perform(effect)
                except OfferLibraryError as error:
                    effect = flow.throw(error)
                else:
                    effect = flow.send(result)
        except StopIteration as stop:
            return stop.value
        finally:
            flow.close()

    async def _perform(self, effect: Any) -> Any:
        assert self._open
        if isinstance(effect, TokenNeeded):
            return "token"
        if isinstance(effect, Note):
            return None
        if isinstance(effect, Pause):
            return await asyncio.sleep(effect.seconds)
        # The answer shows the library halfway through the request.
        await asyncio.sleep(0.02)
        result = self._library.answer(effect)
        await asyncio.sleep(0.02)
        return result

    async def close(self) -> None:
        await asyncio.sleep(0.01)
        assert self._open
        self._open = False
        self._library.sessions_open -= 1
