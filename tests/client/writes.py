"""Shared code of the write tests: patches of one scripted offer, and the service's answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import Ahead
from airflow_provider_offers.client.flows.memory import Intent, Plan, TaskTries
from airflow_provider_offers.client.flows.patching import patch
from airflow_provider_offers.client.flows.surveys import read_block
from airflow_provider_offers.client.model.entities import Written
from airflow_provider_offers.client.model.kinds import PERSONALIZED, Kind
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.wire.messages import Response
from tests.client.library import entity, reference, sale
from tests.client.script import Script, Step, answer, lost

BOTH = pytest.mark.parametrize("api", ["dps", "xcore"])
LOST = pytest.mark.parametrize("failure", [lost(), answer(500), answer(503, b"<html>")], ids=["lost", "500", "503"])
APPROVE = [{"op": "replace", "path": "/status", "value": "approved"}]
DRAFT = [{"op": "replace", "path": "/status", "value": "draft"}]
ADD_TAG = [{"op": "add", "path": "/tags/-", "value": "dps:tag:2"}]
IF_NAMED = [{"op": "test", "path": "/name", "value": "Spring voucher"}]
IF_BOOST = [{"op": "test", "path": "/name", "value": "Boost"}]
BEFORE = sale(tags=["dps:tag:1"])
AFTER = sale(tags=["dps:tag:1", "dps:tag:2"])


def shown(api: str, properties: dict[str, Any], etag: int, **envelope: Any) -> Response:
    """The answer to a read."""
    return answer(200, entity(api, properties, etag=etag, **envelope))


def prepared(operations: Any, kind: Kind = PERSONALIZED) -> PreparedPatch:
    return PreparedPatch(operations, kind)


def run(api: str, operations: Any, *steps: Step, if_match: Any = None) -> tuple[Written, Script]:
    script = Script(*steps)
    return script.run(patch(script.access(api), reference(api), prepared(operations), if_match=if_match)), script


def fail(
    error: type[Exception], api: str, operations: Any, *steps: Step, if_match: Any = None, **retries: Any
) -> tuple[Any, Script]:
    script = Script(*steps)
    with pytest.raises(error) as caught:
        script.run(patch(script.access(api, **retries), reference(api), prepared(operations), if_match=if_match))
    assert type(caught.value) is error
    assert not script.steps, "answers were left over"
    return caught.value, script


def guards_of(properties: dict[str, Any]) -> list[dict[str, Any]]:
    """The guards for everything that was read, for a generation without If-Match."""
    return [{"op": "test", "path": f"/{name}", "value": value} for name, value in properties.items()]


def methods(script: Script) -> list[str]:
    return [request.method for request in script.requests]


FORMULA_READ = {
    "name": "Boost",
    "expression": {"type": "PQL", "format": "pql/text", "value": "1"},
    "returnType": {"type": "INTEGER"},
}


VERSION = [{"op": "replace", "path": "/definedOn/offer/schema/version", "value": "1"}]


RENAME = [{"op": "replace", "path": "/name", "value": "Boosted"}]


class Kept:
    """The plans that the tries of a task keep for one patch: `plan` is an earlier try's, `kept` are this try's."""

    durable = True

    def __init__(self, plan: Plan | None = None, since: datetime | None = None, *, anew: bool = False) -> None:
        self.plan = plan
        self.intent = Intent(TaskTries(number=2, last=2, since=since, anew=anew, durable=True), "intent", "work")
        self.kept: list[Plan] = []

    def recall(self, key: str) -> Any:
        assert key == "intent_1"
        return None if self.plan is None else {"work": "work", **self.plan.as_json()}

    def keep(self, key: str, value: Any) -> None:
        assert key == "intent_2"
        self.kept.append(Plan.from_json(value))


def read_ahead(script: Script, api: str, *steps: Step) -> Access:
    """The access of a list that read the object a moment ago, by the script's steps; `steps` come next."""
    access = script.access(api)
    access = replace(access, ahead=Ahead(access.exchange))
    access.ahead.divide([reference(api)], 10)
    script.run(read_block(access, 0))
    script.requests.clear()
    script.steps = list(steps)
    return access
