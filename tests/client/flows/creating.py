"""Shared code of the creation tests: creations, scripted answers, and sent requests."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_offers.client.flows.creating import create
from airflow_provider_offers.client.flows.ownership import Creation
from airflow_provider_offers.client.model.entities import Written
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.wire.memory import NO_MEMORY, Memory
from airflow_provider_offers.client.wire.messages import Request, Response
from tests.client.library import DPS_ID, INSTANCE_ID, XCORE_ID, entity, page, sale
from tests.client.script import START, Script, Step, answer, query_of

BOTH = pytest.mark.parametrize("api", ["dps", "xcore"])
MADE = START.isoformat(timespec="milliseconds")
# Older and newer than the receipt.
BEFORE = "2026-03-02T09:00:00.499+00:00"
AFTER = "2026-03-02T09:00:07.000+00:00"


class Looking(Script):
    """Answers the read of the object in the last lookup by name with that object, until something is written.

    Listings lag, so creations always read the object; `confirmed` are the requests of those reads.
    """

    def __init__(self, *steps: Step, took: float = 0, memory: Memory = NO_MEMORY) -> None:
        super().__init__(*steps, took=took, memory=memory)
        self.confirmed: list[Request] = []
        self._shown: dict[str, dict[str, Any]] = {}

    def _perform(self, effect: Any) -> Any:
        if not isinstance(effect, Request):
            return super()._perform(effect)
        listed = self._shown.pop(urlsplit(effect.url).path.rpartition("/")[2], None) if effect.method == "GET" else None
        if listed is not None:
            self.confirmed.append(effect)
            return answer(200, listed)
        if effect.method != "GET":
            self._shown = {}
        answered = super()._perform(effect)
        if effect.method == "GET" and _is_by_name(effect):
            self._shown = _by_address(answered.body)
        return answered


def _is_by_name(request: Request) -> bool:
    listing = urlsplit(request.url).path.endswith(("/offers", "/instances"))
    return listing and all(name != "id" for name, _ in query_of(request))


def _by_address(body: bytes) -> dict[str, dict[str, Any]]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    found = document.get("_embedded", document).get("results", []) if isinstance(document, dict) else []
    return {each.get("instanceId") or each["id"]: each for each in found}


def shown(api: str, *entities: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """The answer to a lookup by the name."""
    return answer(200, page(api, entities), headers)


def creation(**changes: Any) -> Creation:
    return Creation(**{"kind": PERSONALIZED, "properties": sale(), "patience": 2.0, **changes})


def only(api: str, **properties: Any) -> Response:
    """The answer to the lookup after a POST: our own offer and no other."""
    return shown(api, entity(api, sale(**properties)))


def run(api: str, *steps: Step, retries: dict[str, Any] | None = None, **changes: Any) -> tuple[Written, Looking]:
    script = Looking(*steps)
    return script.run(create(script.access(api, **(retries or {})), creation(**changes))), script


def id_of(api: str, number: int) -> str:
    own = DPS_ID if api == "dps" else XCORE_ID
    return f"{api}:personalized-offer:{number:016x}" if number else own


def address_of(api: str, number: int) -> str:
    """The last part of the path of a deletion of that offer."""
    return id_of(api, number) if api == "dps" else f"{number:08x}{INSTANCE_ID[8:]}" if number else INSTANCE_ID


def gone(api: str, twin: dict[str, Any] | None = None) -> list[Step]:
    """The answers to a deletion; a twin that is known only from a listing is read first."""
    read: list[Step] = [] if twin is None else [answer(200, twin)]
    return [*read, answer(200 if api == "dps" else 202), answer(404, {"title": "gone"})]


def deleted(script: Script) -> list[str]:
    return [urlsplit(request.url).path.rpartition("/")[2] for request in script.requests if request.method == "DELETE"]


def posts(script: Script) -> list[Request]:
    return [request for request in script.requests if request.method == "POST"]


def fail(error: type[Exception], api: str, *steps: Step, **changes: Any) -> tuple[Any, Looking]:
    script = Looking(*steps)
    retries = changes.pop("retries", {})
    with pytest.raises(error) as caught:
        script.run(create(script.access(api, **retries), creation(**changes)))
    assert type(caught.value) is error
    assert not script.steps, "answers were left over"
    return caught.value, script


def updated(api: str, there: dict[str, Any], **changes: Any) -> Written:
    """The answers to an update that finds the offer as wanted."""
    return run(api, shown(api, there), answer(200, there), if_exists="update", **changes)[0]
