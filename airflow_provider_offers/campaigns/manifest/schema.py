"""The JSON Schema of a manifest, made from the models. Editors complete and check manifests with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

FILE = "manifest.schema.json"
_TEMPLATE = {
    "type": "string",
    "pattern": r"\{\{|\{%",
    "description": "a Jinja template with `var`, `target` and, with `for_each`, `row`",
}
_ANY_TEMPLATE = {"$ref": "#/$defs/Template"}
# What a template cannot be in itself.
_NARROW = ("enum", "const", "pattern", "format", "$ref", "anyOf")
# Their values are not templates.
_FIXED = ("TargetEntry", "External", "MoveEntry")


def schema_text() -> str:
    """The JSON Schema (2020-12) of a manifest as this package ships it."""
    return files(__package__).joinpath(FILE).read_text(encoding="utf-8")


def made_schema() -> str:
    """The text of the schema, made from the models."""
    return json.dumps(manifest_schema(), indent=2, ensure_ascii=False) + "\n"


@cache
def manifest_schema() -> dict[str, Any]:
    """The JSON Schema of a manifest.

    It describes objects in generation 2's names. Unknown names are errors. A template may stand for every value of an
    object. What defaults, a window or rows may add is not required.
    """
    from pydantic import Field, create_model

    from airflow_provider_offers.campaigns.manifest.models import SECTIONS, EntryWords, Manifest
    from airflow_provider_offers.client.model.json_schema import schema_of

    entries: dict[str, Any] = {}
    for section, kind in SECTIONS.items():
        name = f"{kind.model.__name__}Entry"
        model = create_model(name, __base__=(EntryWords, kind.model), __doc__=kind.model.__doc__)
        entries[section] = list[model], Field(default=None, description=Manifest.model_fields[section].description)  # type: ignore[valid-type]
    schema = schema_of(create_model("Campaign", __base__=Manifest, __doc__=Manifest.__doc__, **entries))
    definitions = schema["$defs"]
    for each in _objects(schema):
        each.pop("title", None)
        if each.get("description") == "see below":
            each["description"] = "the status, which an apply sets last"
        if each.get("additionalProperties") is True and "properties" in each:
            each["additionalProperties"] = False
    for name, each in definitions.items():
        if name.endswith("Entry") and "for_each" in each["properties"]:
            each["required"] = ["name"]
        if {"startDate", "endDate"} <= set(each.get("required", ())):
            del each["required"]
    for name, each in definitions.items():
        if name not in _FIXED:
            _admit_templates(each)
    definitions["Template"] = _TEMPLATE
    schema["properties"]["defaults"] = _defaults(schema)
    schema["$comment"] = "apiVersion offers/v1"
    return schema


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema at and below one."""
    if isinstance(schema, dict):
        yield schema
        for name, each in schema.items():
            yield from (
                (one for inner in each.values() for one in _objects(inner))
                if name
                in (
                    "properties",
                    "$defs",
                )
                else _objects(each)
            )
    elif isinstance(schema, list):
        for each in schema:
            yield from _objects(each)


def _admit_templates(schema: dict[str, Any]) -> None:
    """Let a template stand for every property of an object, and for everything below."""
    for name, each in schema.get("properties", {}).items():
        schema["properties"][name] = _or_template(each)
    if isinstance(own := schema.get("additionalProperties"), dict):
        schema["additionalProperties"] = _or_template(own)


def _or_template(schema: dict[str, Any]) -> dict[str, Any]:
    inner = dict(schema)
    _admit_templates(inner)
    if isinstance(inner.get("items"), dict):
        inner["items"] = _or_template(inner["items"])
    if inner.get("type", "string") == "string" and not any(each in inner for each in _NARROW):
        return inner
    described = {name: inner.pop(name) for name in ("description",) if name in inner}
    return {"anyOf": [inner, _ANY_TEMPLATE], **described}


def _defaults(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of the defaults: the properties of all kinds."""
    own = {"name", "for_each", "lifecycle", "templates"}
    found: dict[str, list[dict[str, Any]]] = {}
    for each in schema["$defs"].values():
        if "for_each" in each.get("properties", {}):
            for name, member in each["properties"].items():
                if name not in own and member not in found.setdefault(name, []):
                    found[name].append(member)
    properties = {name: each[0] if len(each) == 1 else {"anyOf": each} for name, each in found.items()}
    return {**schema["properties"]["defaults"], "properties": properties, "additionalProperties": False}
