"""Checks the provider's metadata against Airflow's schemas and against the package itself."""

import importlib
import inspect
import json
import subprocess
import sys
from importlib.metadata import distribution, entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from airflow.sdk import BaseHook, BaseOperator, BaseSensorOperator
from airflow.triggers.base import BaseTrigger

from airflow_provider_offers.client.settings import DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT, parse_settings
from airflow_provider_offers.get_provider_info import get_provider_info

SECTIONS: dict[str, type] = {
    "hooks": BaseHook,
    "operators": BaseOperator,
    "sensors": BaseSensorOperator,
    "triggers": BaseTrigger,
}
"""The sections of the metadata that name modules, and what such a module defines."""


def _schema(name: str) -> Any:
    return json.loads((files("airflow") / name).read_text())


@pytest.fixture
def connection_type() -> dict[str, Any]:
    """The only connection type."""
    info: dict[str, Any] = get_provider_info()
    (only,) = info["connection-types"]
    return only


def test_the_metadata_fits_airflows_schema() -> None:
    jsonschema.validate(get_provider_info(), _schema("provider_info.schema.json"))


def test_the_connection_form_fits_the_stricter_schema_of_airflows_own_providers(
    connection_type: dict[str, Any],
) -> None:
    types = _schema("provider.yaml.schema.json")["properties"]["connection-types"]
    jsonschema.validate([connection_type], types)


def test_airflow_finds_the_metadata_by_its_entry_point() -> None:
    (ours,) = (
        entry
        for entry in entry_points(group="apache_airflow_provider")
        if entry.module.startswith("airflow_provider_offers")
    )
    assert ours.load() is get_provider_info


def test_the_metadata_names_the_distribution() -> None:
    name = get_provider_info()["package-name"]
    assert isinstance(name, str)
    assert distribution(name).metadata["Name"] == name


def test_reading_the_metadata_imports_nothing() -> None:
    program = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "from airflow_provider_offers.get_provider_info import get_provider_info\n"
        "get_provider_info()\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["airflow_provider_offers", "airflow_provider_offers.get_provider_info"]


def test_every_class_and_module_it_names_exists(connection_type: dict[str, Any]) -> None:
    info: dict[str, Any] = get_provider_info()
    for dotted in [connection_type["hook-class-name"], *info["extra-links"], *info["notifications"]]:
        module, _, name = dotted.rpartition(".")
        assert hasattr(importlib.import_module(module), name), dotted
    for section in SECTIONS:
        for module in _modules(section):
            importlib.import_module(module)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_module_for_users_is_named(section: str) -> None:
    package = importlib.import_module(f"airflow_provider_offers.{section}")
    folder = Path(next(iter(package.__path__)))
    there = {f"{package.__name__}.{path.stem}" for path in folder.glob("[!_]*.py")}
    assert set(_modules(section)) == {module for module in there if _is_for_users(module, section)}


def _modules(section: str) -> list[str]:
    """The modules that the metadata names in a section."""
    info: dict[str, Any] = get_provider_info()
    return [module for entry in info[section] for module in entry["python-modules"]]


def _is_for_users(name: str, section: str) -> bool:
    """Whether a module lists names for DAGs, as the modules of operators do, or defines one that is not a base."""
    module = importlib.import_module(name)
    if section == "operators":
        return hasattr(module, "__all__")
    return any(
        inspect.isclass(value)
        and issubclass(value, SECTIONS[section])
        and value.__module__ == name
        and not inspect.isabstract(value)
        for value in vars(module).values()
    )


def test_the_hook_says_the_same_of_itself(connection_type: dict[str, Any]) -> None:
    module, _, name = connection_type["hook-class-name"].rpartition(".")
    hook = getattr(importlib.import_module(module), name)
    assert hook.conn_type == connection_type["connection-type"]
    assert hook.hook_name == connection_type["hook-name"]
    assert hook.default_conn_name == "offer_library_default"
    assert not {"get_connection_form_widgets", "get_ui_field_behaviour"} & set(vars(hook))


def test_the_client_reads_every_field_of_the_form(connection_type: dict[str, Any]) -> None:
    filled = {
        "org_id": "1234567890ABCDEF@AdobeOrg",
        "sandbox": "development",
        "api": "xcore",
        "container_id": "e0bd8463-0913-4ca1-bd84-6309138ca1f6",
        "scopes": "openid,AdobeID",
        "token_url": "https://ims.example.com/ims/token/v3",
        "access_token": "a-token",
        "timeout": 12.5,
        "max_retries": 3,
        "verify": "false",
        "allow_http": True,
        "proxies": {"https": "http://proxy.example:3128"},
    }
    assert set(filled) == set(connection_type["conn-fields"])

    read = parse_settings(login="client", password="secret", extra=filled)

    assert {name: getattr(read, name) for name in filled} == filled | {"verify": False}


def test_fields_left_as_the_form_shows_them_change_nothing(connection_type: dict[str, Any]) -> None:
    untouched = {name: field["schema"].get("default") for name, field in connection_type["conn-fields"].items()}
    filled: dict[str, Any] = {"login": "client", "password": "secret"}
    organization = {"org_id": "1234567890ABCDEF@AdobeOrg"}
    assert parse_settings(**filled, extra=untouched | organization) == parse_settings(**filled, extra=organization)


def test_the_form_tells_the_clients_defaults(connection_type: dict[str, Any]) -> None:
    fields = connection_type["conn-fields"]
    assert f"Default: {DEFAULT_TIMEOUT:g}." in fields["timeout"]["description"]
    assert f"Default: {DEFAULT_MAX_RETRIES:g}." in fields["max_retries"]["description"]
