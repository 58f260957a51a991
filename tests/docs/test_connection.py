"""Compares the page about connections with the form and the code, and creates connections as it describes."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_offers.client.settings import Settings, parse_settings
from airflow_provider_offers.get_provider_info import get_provider_info
from tests.airflow.harness import Airflow
from tests.docs.pages import page, quoted, table

PAGE = page("docs/connection.md")
CLIENT_ID, CLIENT_SECRET = "the-client", "the-secret"


def _connection_type() -> dict[str, Any]:
    info: dict[str, Any] = get_provider_info()
    (found,) = info["connection-types"]
    return dict(found)


def _commands(wanted: str) -> list[Any]:
    found = [block for each in (page("README.md"), PAGE) for block in each.blocks("bash") if wanted in block.text]
    return [pytest.param(block.text, id=str(block)) for block in found]


def _settings(connection: Any) -> Settings:
    return parse_settings(
        host=connection.host,
        port=connection.port,
        login=connection.login,
        password=connection.password,
        extra=connection.extra_dejson,
    )


def test_the_table_has_every_field_of_the_form_under_its_label() -> None:
    kind = _connection_type()
    labels = {name: field["label"] for name, field in kind["conn-fields"].items()}
    standard = {"host": "Host", **kind["ui-field-behaviour"]["relabeling"]}
    rows = table(PAGE.text, "field")
    assert {quoted(row[0])[0]: row[1] for row in rows} == {**standard, **labels}
    assert [quoted(row[0])[0] for row in rows] == [*standard, *labels]


def test_an_unknown_extra_names_every_documented_one() -> None:
    rows = table(PAGE.text, "field")
    extras = [name for row in rows if (name := quoted(row[0])[0]) not in ("host", "login", "password")]
    with pytest.raises(ValueError, match=f"one of {', '.join(extras)}"):
        parse_settings(login="id", password="secret", extra={"org_id": "1@AdobeOrg", "quux": 1})


def test_stated_defaults_are_the_defaults() -> None:
    defaults = Settings(client_id="id", org_id="1@AdobeOrg")
    stated = {quoted(row[0])[0]: row[3].strip("`") for row in table(PAGE.text, "field")}
    for name in ("host", "sandbox", "api", "scopes", "token_url", "max_retries"):
        assert stated[name] == str(getattr(defaults, name))
    assert (float(stated["timeout"]), stated["verify"] == "true") == (defaults.timeout, defaults.verify)


@pytest.mark.parametrize("text", [block.text for block in PAGE.blocks("json")])
def test_the_example_extra_is_accepted(text: str) -> None:
    extra = json.loads(text)
    settings = parse_settings(login="id", password="secret", extra=extra)
    assert {name: getattr(settings, name) for name in extra} == extra


@pytest.mark.parametrize("command", _commands("AIRFLOW_CONN_OFFER_LIBRARY_DEFAULT='"))
def test_the_environment_variable_makes_a_connection(command: str) -> None:
    from airflow.sdk import Connection

    name, _, quoted_value = command.removeprefix("export ").strip().partition("=")
    value = quoted_value.strip("'")
    make = Connection.from_json if value.startswith("{") else Connection.from_uri
    connection = make(value, conn_id=name.removeprefix("AIRFLOW_CONN_").lower())
    assert connection.conn_type == "offer_library"
    assert _settings(connection).api == "dps"


@pytest.mark.slow
@pytest.mark.parametrize("command", _commands("connections add"))
def test_the_command_adds_a_connection(command: str, airflow_session: Airflow, tmp_path: Path) -> None:
    database = tmp_path / "airflow.db"
    with closing(sqlite3.connect(airflow_session.database)) as old, closing(sqlite3.connect(database)) as new:
        old.backup(new)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")} | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__FERNET_KEY": "",
        "CLIENT_ID": CLIENT_ID,
        "CLIENT_SECRET": CLIENT_SECRET,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }

    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    with closing(sqlite3.connect(database)) as stored:
        columns = "conn_id, conn_type, host, port, login, password, extra"
        (row,) = stored.execute(f"select {columns} from connection")
    conn_id, conn_type, host, port, login, password, extra = row
    assert (conn_id, conn_type) == ("offer_library_default", "offer_library")
    settings = parse_settings(host=host, port=port, login=login, password=password, extra=json.loads(extra))
    assert (settings.client_id, settings.client_secret) == (CLIENT_ID, CLIENT_SECRET)
    assert settings.org_id == "0123456789ABCDEF01234567@AdobeOrg"
