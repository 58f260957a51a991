"""No error and no log shows the identity of a profile, however the service quotes it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from airflow_provider_offers.client.deciding.asking import decide
from airflow_provider_offers.client.deciding.profiles import Profile
from airflow_provider_offers.client.deciding.questions import Question, Scope
from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import DECISION, PLACEMENT
from airflow_provider_offers.client.secret import Secret
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.messages import Call
from airflow_provider_offers.emulator import Emulator
from tests.client.script import Script, answer
from tests.client.shells import EACH_SHELL, RETRIES, Drive
from tests.deciding import set_up
from tests.traces import told_by

WHO = "a.célèbre@planted.example"
ASKED = Call("POST", "/decisions", {}, {"xdm:id": WHO}, private=(Secret(WHO),))

QUOTED: dict[str, Callable[[str], Any]] = {
    "detail": lambda who: {"title": "No", "detail": f"profile store: no answer for {who}"},
    "title": lambda who: {"title": f"No {who}"},
    "message": lambda who: {"error_code": "429050", "message": f"too many requests for {who}"},
    "code": lambda who: {"title": "No", "type": f"https://ns.adobe.com/aep/errors/{who}"},
    "a long code": lambda who: {"title": "No", "type": f"https://ns.adobe.com/aep/errors/{'x' * 70}{who}"},
    "error code": lambda who: {"error_code": who, "message": "no"},
    "beyond the cut": lambda who: {"title": "No", "detail": "x" * 480 + " " + who},
    "within the cut": lambda who: {"title": "No", "detail": "x" * 490 + who},
    "in a word": lambda who: {"title": f"Email_{who}_"},
    "capitals": lambda who: {"title": f"Email {who.upper()}"},
    "percent": lambda who: {"title": f"id={quote(who)}&x"},
    "json": lambda who: {"title": "No", "detail": json.dumps({"id": who})},
}


def assert_untold(text: str) -> None:
    told = text.lower()
    assert not [part for part in ("planted", "cél", "c%c3%a9l", "c\\u00e9l") if part in told]


@pytest.mark.parametrize("status", [400, 422, 429, 503])
@pytest.mark.parametrize("where", QUOTED)
def test_neither_the_pause_nor_the_error_quotes_it(where: str, status: int) -> None:
    script = Script(*[answer(status, QUOTED[where](WHO))] * 4)
    with pytest.raises(OfferLibraryError) as caught:
        script.go(script.exchange(max_retries=3).send(ASKED, ""))
    assert len(script.pauses) == (3 if status in (429, 503) else 0)
    for pause in script.pauses:
        assert_untold(pause.reason)
    assert_untold(told_by(caught.value))


@pytest.mark.parametrize("body", [b'{"cut', b"[]", b"plain"])
def test_an_answer_that_cannot_be_read_does_not_quote_it(body: bytes) -> None:
    echoed = {"content-type": f"text/{WHO}", "x-request-id": "id-for-a.customer@planted.example"}
    script = Script(answer(200, body, echoed))
    call = Call("POST", "/decisions", {}, private=(Secret(WHO), Secret("a.customer@planted.example")))
    given = script.run(script.exchange().send(call, ""))
    with pytest.raises(OfferLibraryError, match=r"request id id-for-\*\*\*") as caught:
        given.object()
    assert_untold(told_by(caught.value, by_locals=False))


@EACH_SHELL
@pytest.mark.parametrize("dry_run", [True, False])
def test_the_log_of_a_decision_does_not_quote_it(drive: Drive, dry_run: bool, caplog: pytest.LogCaptureFixture) -> None:
    with Emulator() as emulator, caplog.at_level(logging.DEBUG):
        stage = set_up(emulator, "dps")
        connection = emulator.connection("dps")
        connection.pop("conn_type")
        settings = parse_settings(**connection)
        access = Access(Exchange(settings, RETRIES), Dps())
        profile = {"Email": [{"id": WHO, "primary": True}]}
        decision, placement = Reference(DECISION, id=stage.decision), Reference(PLACEMENT, id=stage.placement)
        asked = Question((Scope(decision, placement),), Profile(profile), dry_run=dry_run)
        for where, status in (("detail", 503), ("message", 429), ("code", 422)):
            emulator.add_fault("status", route="ods.decide", status=status, body=QUOTED[where](WHO), times=2)
            try:
                drive(decide(access, asked), settings)
            except OfferLibraryError as error:
                assert_untold(str(error))
            emulator.clear_faults()
    assert "Trying again" in caplog.text
    assert_untold(caplog.text)
