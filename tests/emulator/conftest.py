"""A running emulator for each test, and callers that only use `requests`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_offers.emulator import Emulator

if TYPE_CHECKING:
    from tests.emulator.campaigns import Campaign

SCHEMA = "https://ns.adobe.com/experience/offer-management/"
PERSONALIZED = f"{SCHEMA}personalized-offer;version=0.5"
FALLBACK = f"{SCHEMA}fallback-offer;version=0.1"
RECEIPT = "application/vnd.adobe.platform.xcore.xdm.receipt+json; version=1"
CREATE = 'application/schema-instance+json; version=1;  schema="{}"'
PATCH = 'application/vnd.adobe.platform.xcore.patch.hal+json; version=1; schema="{}"'
HAL = 'application/vnd.adobe.platform.xcore.hal+json; schema="{}"'
RESULTS = '*,application/vnd.adobe.platform.xcore.hal+json; schema="https://ns.adobe.com/experience/xcore/hal/results"'


class Caller:
    """An account that calls one emulator."""

    def __init__(self, emulator: Emulator, client_id: str = Emulator.CLIENT_ID, sandbox: str = "prod") -> None:
        self.emulator = emulator
        self.container = emulator.container_id(sandbox)
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update(
            {
                "Authorization": f"Bearer {emulator.issue_token(client_id)}",
                "x-api-key": client_id,
                "x-gw-ims-org-id": Emulator.ORG_ID,
                "x-sandbox-name": sandbox,
            }
        )

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.emulator.url + path, timeout=10, **options)

    def dps(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.call(method, f"/data/core/dps{path}", **options)

    def xcore(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.call(method, f"/data/core/xcore{path}", **options)

    def instances(self, method: str, instance: str = "", **options: Any) -> requests.Response:
        return self.xcore(method, f"/{self.container}/instances{'/' if instance else ''}{instance}", **options)

    def results(self, query: str = "", route: str = "queries/core/search", schema: str = PERSONALIZED) -> Any:
        answer = self.xcore("GET", f"/{self.container}/{route}?schema={schema}{query}", headers={"Accept": RESULTS})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def found(self, query: str = "", **options: Any) -> list[str]:
        return [each["_instance"]["xdm:name"] for each in self.results(query, **options)["_embedded"]["results"]]

    def listed(self, query: str = "", offer_type: str = "personalized") -> list[str]:
        answer = self.dps("GET", f"/offers?offer-type={offer_type}{query}")
        assert answer.status_code == 200, answer.text
        return [each["name"] for each in answer.json()["results"]]

    def create_dps(self, document: dict[str, Any], offer_type: str = "personalized") -> dict[str, Any]:
        answer = self.dps("POST", f"/offers?offer-type={offer_type}", json=document)
        assert answer.status_code == 201, answer.text
        receipt: dict[str, Any] = answer.json()
        return receipt

    def create_xcore(self, document: dict[str, Any], schema: str = PERSONALIZED) -> dict[str, Any]:
        headers = {"Accept": RECEIPT, "Content-Type": CREATE.format(schema)}
        answer = self.instances("POST", json=document, headers=headers)
        assert answer.status_code == 201, answer.text
        receipt: dict[str, Any] = answer.json()
        return receipt

    def patch_dps(self, object_id: str, *operations: dict[str, Any], **options: Any) -> requests.Response:
        return self.dps("PATCH", f"/offers/{object_id}?offer-type=personalized", json=list(operations), **options)

    def patch_xcore(self, instance: str, *operations: dict[str, Any], **headers: str) -> requests.Response:
        sent = {"Accept": RECEIPT, "Content-Type": PATCH.format(PERSONALIZED)}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        return self.instances("PATCH", instance, json=list(operations), headers=sent)

    def get_dps(self, object_id: str, offer_type: str = "personalized") -> requests.Response:
        return self.dps("GET", f"/offers/{object_id}?offer-type={offer_type}")


@pytest.fixture(scope="package")
def running() -> Iterator[Emulator]:
    """One emulator for all tests."""
    with Emulator() as started:
        yield started


@pytest.fixture
def emulator(running: Emulator) -> Emulator:
    """The emulator, reset."""
    running.reset()
    return running


@pytest.fixture
def caller(emulator: Emulator) -> Iterator[Caller]:
    """The account with all rights, in the sandbox prod."""
    calling = Caller(emulator)
    yield calling
    calling.session.close()


def dps_offer(name: str = "Spring voucher", **changes: Any) -> dict[str, Any]:
    """A personalized offer as generation 2 writes it."""
    document = {
        "name": name,
        "status": "draft",
        "representations": [
            {
                "channel": "https://ns.adobe.com/xdm/channel-types/web",
                "placement": Emulator.PLACEMENT_ID,
                "components": [{"type": "html", "format": "text/html", "language": ["en"], "content": "<p>10%</p>"}],
            }
        ],
        "selectionConstraint": {
            "startDate": "2026-03-10T00:00:00.000+00:00",
            "endDate": "2026-06-30T21:59:59.000+00:00",
            "profileConstraintType": "none",
        },
        "rank": {"priority": 10},
    }
    document.update(changes)
    return {key: value for key, value in document.items() if value is not ...}


def xcore_offer(name: str = "Spring voucher", **changes: Any) -> dict[str, Any]:
    """A personalized offer as generation 1 writes it; a key of `changes` stands for its `xdm:` name."""
    document = {
        "xdm:name": name,
        "xdm:status": "draft",
        "xdm:representations": [
            {
                "xdm:channel": "https://ns.adobe.com/xdm/channel-types/web",
                "xdm:placement": Emulator.PLACEMENT_ID,
                "xdm:components": [
                    {
                        "@type": f"{SCHEMA}content-component-html",
                        "dc:format": "text/html",
                        "dc:language": ["en"],
                        "xdm:content": "<p>10%</p>",
                    }
                ],
            }
        ],
        "xdm:selectionConstraint": {
            "xdm:startDate": "2026-03-10T00:00:00Z",
            "xdm:endDate": "2026-06-30T21:59:59Z",
            "xdm:eligibilityRule": Emulator.RULE_ID,
        },
        "xdm:rank": {"xdm:priority": 10},
    }
    document.update({f"xdm:{key}": value for key, value in changes.items()})
    return {key: value for key, value in document.items() if value is not ...}


@pytest.fixture
def campaign(emulator: Emulator, caller: Caller) -> Campaign:
    """A library with only the reference objects, at noon of 1 May 2026."""
    from tests.emulator.campaigns import NOW, Campaign

    emulator.clock.freeze(NOW)
    return Campaign(caller)
