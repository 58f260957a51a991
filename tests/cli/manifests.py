"""A small campaign for the commands, and the library that it needs."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import kind_of
from airflow_provider_offers.client.model.query import Query
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.emulator import Emulator

SPRING = """\
apiVersion: offers/v1
campaign: spring
defaults: {status: draft, window: {start: 2026-03-01, duration: P3650D, timezone: Europe/Paris}}
targets:
  dev: {connection: ajo_dev}
  prod: {connection: ajo_prod, protected: true}
variables: {priority: 10}
tags: [{name: Spring}]
offers:
  - name: Spring towels
    tags: ["name:Spring"]
    rank: {priority: "{{ var.priority }}"}
collections: [{name: Spring set, filterType: any-tags, ids: ["name:Spring"]}]
"""


def written(folder: Path, text: str = SPRING, name: str = "spring.yaml") -> Path:
    """The manifest as a file."""
    path = folder / name
    path.write_text(dedent(text))
    return path


def bodies(emulator: Emulator, api: str, kind: str, sandbox: str) -> dict[str, dict[str, Any]]:
    """The objects of a kind, by name, as another user reads them."""
    with library_of(emulator, api, sandbox) as library:
        return {str(each.name): dict(each.properties) for each in library.search(kind_of(kind), Query())}


def edit(emulator: Emulator, api: str, sandbox: str, name: str, pointer: str, value: Any) -> None:
    """A marketer's edit of a personalized offer."""
    with library_of(emulator, api, sandbox) as library:
        library.patch(kind_of("personalized"), f"name:{name}", [{"op": "replace", "path": pointer, "value": value}])


def library_of(emulator: Emulator, api: str, sandbox: str) -> OfferLibrary:
    """Another user's access to the library."""
    connection = emulator.connection(api, sandbox=sandbox)
    connection.pop("conn_type")
    return OfferLibrary(parse_settings(**connection))
