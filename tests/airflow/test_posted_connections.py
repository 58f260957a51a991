"""A connection as the form posts it: a secret that was copied with more than itself is named, and never quoted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.offers import CreateOfferOperator
from airflow_provider_offers.sensors.offers import OffersFoundSensor
from tests.airflow.capture import captured_output
from tests.airflow.harness import Airflow
from tests.airflow.library import CONNECTION, dag_of, named, personalized
from tests.traces import told_by

NAMED = "password (the client secret): given text with a blank or a line break at its beginning or end"
INSIDE = "password (the client secret): given text with a line break or another control character in it"


def body(emulator: Emulator, api: str, **changes: Any) -> Any:
    """What the form posts: text in every field that was shown, the extra as JSON text."""
    from airflow.api_fastapi.core_api.datamodels.connections import ConnectionBody

    given = {**emulator.connection(api), **changes}
    shown = {
        "connection_id": CONNECTION,
        "conn_type": given["conn_type"],
        "description": "",
        "host": given["host"],
        "login": given["login"],
        "password": given["password"],
        "schema": "",
        "port": 0,
        "extra": json.dumps(given["extra"]),
    }
    return ConnectionBody.model_validate_json(json.dumps(shown))


def post(posted: Any) -> None:
    """Store the connection as the API does."""
    from airflow.api_fastapi.core_api.routes.public.connections import post_connection
    from airflow.utils.session import create_session

    with create_session() as session:
        post_connection(posted, session)


def press_test(posted: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[bool, str]:
    """Test the connection as the API does: by its URI in the environment."""
    from airflow.models.connection import Connection

    made = Connection(**{**posted.model_dump(by_alias=True), "conn_id": "transient"})
    monkeypatch.setenv("AIRFLOW_CONN_TRANSIENT", made.get_uri())
    ok, message = made.test_connection()
    return bool(ok), str(message)


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("planted-secret-1\n", NAMED),
        ("planted-secret-1\r\n", NAMED),
        (" planted-secret-1", NAMED),
        ("planted-\nsecret-1", INSIDE),
    ],
    ids=["newline", "windows newline", "blank before", "newline inside"],
)
def test_a_secret_that_was_copied_with_more_is_named_and_not_quoted(
    airflow: Airflow, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, api: str, secret: str, said: str
) -> None:
    posted = body(emulator, api, password=secret)
    post(posted)
    with dag_of("posted") as dag:
        CreateOfferOperator(task_id="create", offer=personalized("Posted"))
        OffersFoundSensor(task_id="wait", timeout=0.1, poke_interval=0.01)

    result = airflow.run(dag)
    with captured_output() as output:
        ok, message = press_test(posted, monkeypatch)
        tested = output.text()

    assert result.states == {"create": "failed", "wait": "failed"}
    assert not ok
    errors = [result.error("create"), result.error("wait")]
    for told in (*map(str, errors), message):
        assert f"{said}; expected the secret alone" in told
    everything = "\n".join(
        [result.logs, json.dumps(result.rendered), tested, message, *(told_by(e) for e in errors if e)]
    )
    for part in ("planted-", "secret-1"):
        assert part not in everything
    assert emulator.journal() == []


def test_the_same_body_with_the_secret_alone_works(
    airflow: Airflow, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    posted = body(emulator, api)
    post(posted)
    with dag_of("posted") as dag:
        CreateOfferOperator(task_id="create", offer=personalized("Posted"), patience=0)

    result = airflow.run(dag)

    assert result.states == {"create": "success"}
    assert len(named(emulator, "Posted")) == 1
    assert press_test(posted, monkeypatch)[0]
