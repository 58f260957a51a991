"""A replacement whose answer is lost: the next read tells it if it shows anything of it, and it is sent once."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import ConflictError, OutcomeUnknownError
from airflow_provider_offers.client.flows.memory import Intent
from airflow_provider_offers.client.flows.replacing import replace_object
from airflow_provider_offers.client.model.entities import Reference, Written
from airflow_provider_offers.client.model.kinds import DECISION, FALLBACK, RULE, Kind
from airflow_provider_offers.client.model.spelling import wire_value
from tests.client.library import CREATED, INSTANCE_ID, receipt, reference, sale
from tests.client.script import Script, Step, answer, body_of, lost
from tests.client.writes import BOTH, methods, shown
from tests.notebook import Notebook, intent

PQL = {"type": "PQL", "format": "pql/text", "value": "true"}
ALIASES = {"profile": {"schema": {"altId": "_xdm.context.profile"}}}
NAMED, RENAMED = {"name": "All", "condition": PQL}, {"name": "Some", "condition": PQL}
FALLEN = {"name": "Everybody", "status": "draft", "tags": ["xcore:tag:1"]}


def at(kind: Kind) -> Reference:
    return Reference(kind, id=f"xcore:{kind.type_name}:1", instance_id=INSTANCE_ID)


def read(kind: Kind, properties: dict[str, Any], etag: int) -> Step:
    """What xcore shows of an object of any kind."""
    return answer(
        200,
        {
            "instanceId": INSTANCE_ID,
            "schemas": [],
            "repo:etag": etag,
            "repo:createdDate": CREATED,
            "repo:lastModifiedDate": CREATED,
            "_instance": {**wire_value(properties, kind.names), "@id": at(kind).id},
        },
    )


def replaced(kind: Kind, document: dict[str, Any], *steps: Step) -> tuple[Written, Script]:
    script = Script(*steps)
    return script.run(replace_object(script.access("xcore"), at(kind), document, validate=False)), script


@pytest.mark.parametrize(
    ("kind", "before", "document", "after"),
    [
        (RULE, NAMED, RENAMED, RENAMED),
        # Reads leave out the aliases, but show the new name.
        (RULE, NAMED, {**RENAMED, "definedOn": ALIASES}, RENAMED),
        # The service drops the rank of a fallback.
        (FALLBACK, FALLEN, {**FALLEN, "name": "Nobody", "rank": {"priority": 1}}, {**FALLEN, "name": "Nobody"}),
    ],
)
def test_a_replacement_that_shows_is_sent_once(
    kind: Kind, before: dict[str, Any], document: dict[str, Any], after: dict[str, Any]
) -> None:
    written, script = replaced(kind, document, read(kind, before, 1), lost(), read(kind, after, 2))
    assert (written.action, written.receipt.etag) == ("replaced", 2)
    assert methods(script) == ["GET", "PUT", "GET"]


def test_a_replacement_that_no_read_shows_is_not_known_to_be_done() -> None:
    """Only the aliases change. Somebody may have edited the rule instead."""
    document = {**NAMED, "definedOn": ALIASES}
    script = Script(read(RULE, NAMED, 1), lost(), read(RULE, NAMED, 2))
    with pytest.raises(OutcomeUnknownError, match="reads of a decision rule do not show"):
        script.run(replace_object(script.access("xcore"), at(RULE), document, validate=False))
    assert methods(script) == ["GET", "PUT", "GET"]


@BOTH
def test_the_next_try_of_a_replacement_does_not_undo_an_edit(api: str) -> None:
    """The first try died before its answer. Since then, somebody else edited the offer twice."""
    notes: dict[str, str] = {}

    def go(task: Intent, *steps: Step) -> tuple[Any, Script]:
        script = Script(*steps, memory=Notebook(notes))
        wanted = sale(description="new")
        return replace_object(script.access(api), reference(api), wanted, intent=task, validate=False), script

    flow, script = go(intent(1), shown(api, sale(), 1), lost(), *[answer(500)] * 9)
    with pytest.raises(OutcomeUnknownError, match="cannot be read"):
        script.go(flow)
    flow, script = go(intent(2), shown(api, sale(description="other"), 3))
    with pytest.raises(ConflictError, match="edited"):
        script.run(flow)
    # The document is there: nothing is left to do, and one of the tries did it.
    flow, script = go(intent(2), shown(api, sale(description="new"), 2))
    assert script.run(flow).action == "replaced"
    assert methods(script) == ["GET"]


@BOTH
def test_a_conflict_names_the_call_that_was_not_sent(api: str) -> None:
    script = Script(shown(api, sale(), 2))
    with pytest.raises(ConflictError) as caught:
        script.run(replace_object(script.access(api), reference(api), sale(description="new"), if_match=1))
    assert caught.value.method == ("PATCH" if api == "dps" else "PUT")
    assert methods(script) == ["GET"]


# It lacks a window, criteria and a fallback.
@pytest.mark.parametrize(("options", "notes"), [({}, 3), ({"validate": False}, 0)])
def test_a_decision_that_goes_live_is_looked_at_once_unless_nothing_is_checked(
    options: dict[str, Any], notes: int
) -> None:
    draft = {"name": "D", "status": "draft", "startDate": "2026-01-01T00:00:00Z"}
    live = {**draft, "status": "live"}
    script = Script(
        read(DECISION, draft, 1),
        answer(412, {"title": "stale"}),
        read(DECISION, {**draft, "description": "edited"}, 2),
        read(DECISION, {**draft, "description": "edited"}, 2),
        answer(200, {**receipt("xcore", etag=3), "@id": at(DECISION).id}),
    )
    written = script.run(replace_object(script.access("xcore"), at(DECISION), live, **options))
    assert (written.action, written.receipt.etag) == ("replaced", 3)
    assert methods(script) == ["GET", "PUT", "GET", "GET", "PUT"]
    assert len(script.notes) == notes


def test_only_an_offer_that_was_read_is_replaced() -> None:
    script = Script(shown("xcore", sale(), 4), answer(200, receipt("xcore", etag=5)))
    script.run(replace_object(script.access("xcore"), reference("xcore"), sale(name="New"), validate=False))
    put = script.requests[-1]
    assert put.headers["If-Match"] == '"4"'
    assert body_of(put)["_instance"]["xdm:name"] == "New"
