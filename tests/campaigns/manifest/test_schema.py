"""The JSON Schema of a manifest: shipped as the models make it, and of the same opinion as the loader."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
import yaml

from airflow_provider_offers.campaigns.manifest import schema
from airflow_provider_offers.campaigns.manifest.models import (
    MOVED,
    SECTION_OF,
    SECTIONS,
    External,
    Manifest,
    MoveEntry,
)
from airflow_provider_offers.client.model.kinds import KINDS

SPRING = Path(__file__).parents[3] / "example_dags" / "campaigns" / "spring"
_WRITE = "from pathlib import Path; from airflow_provider_offers.campaigns.manifest import schema; "
_WRITE += "Path(schema.__file__).with_name(schema.FILE).write_text(schema.made_schema(), encoding='utf-8')"


class _Loader(yaml.SafeLoader):
    """YAML as an editor reads it: dates are text, and an included file is any value."""


_LISTED = [
    (first, [each for each in found if not each[0].endswith("timestamp")])
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
]
_Loader.yaml_implicit_resolvers = dict(_LISTED)
_Loader.add_constructor("!include", lambda loader, node: json.loads((SPRING / node.value).read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(schema.schema_text()))


@pytest.fixture
def manifest() -> Any:
    return yaml.load((SPRING / "campaign.yaml").read_text(encoding="utf-8"), _Loader)


def wrong(validator: jsonschema.Draft202012Validator, manifest: Any) -> list[str]:
    return [each.json_path for each in validator.iter_errors(manifest)]


def test_the_shipped_schema_is_the_one_that_the_models_make() -> None:
    assert schema.schema_text() == schema.made_schema(), f"Write it again: .venv/bin/python -c {_WRITE!r}"


def test_every_kind_has_a_section() -> None:
    assert set(SECTION_OF) == set(KINDS)
    assert set(External.model_fields) == set(SECTIONS)
    assert set(Manifest.model_fields) >= set(SECTIONS)
    assert set(get_args(MoveEntry.model_fields["kind"].annotation)) == set(MOVED)


def test_it_is_a_schema_of_2020_12(validator: jsonschema.Draft202012Validator) -> None:
    validator.check_schema(validator.schema)


def test_the_example_fits_it(validator: jsonschema.Draft202012Validator, manifest: Any) -> None:
    assert wrong(validator, manifest) == []


def test_an_editor_sees_a_slip_at_every_depth(validator: jsonschema.Draft202012Validator, manifest: Any) -> None:
    for path, name in (
        ((), "ofers"),
        (("targets", "dev"), "conection"),
        (("defaults",), "stauts"),
        (("defaults", "window"), "zone"),
        (("offers", 0), "for_eahc"),
        (("offers", 0, "representations", 0, "components", 0), "formaat"),
        (("decisions", 0, "lifecycle"), "prevent"),
        (("moved", 0), "form"),
    ):
        changed = copy.deepcopy(manifest)
        here = changed
        for step in path:
            here = here[step]
        here[name] = "x"

        assert wrong(validator, changed) != [], name


@pytest.mark.parametrize("value", ["{{ row.value }}", "{% if var.x %}1{% endif %}"])
def test_a_template_may_stand_for_any_value_of_an_object(
    validator: jsonschema.Draft202012Validator, manifest: Any, value: str
) -> None:
    for section in SECTIONS:
        entry = dict.fromkeys(SECTIONS[section].place.members, value)

        assert wrong(validator, {**manifest, section: [{**entry, "templates": True}]}) == [], section
    changed = copy.deepcopy(manifest)
    changed["offers"][0]["lifecycle"] = {"prevent_destroy": value, "ignore_changes": [value]}
    assert wrong(validator, changed) == []


def test_other_text_does_not_stand_for_a_number(validator: jsonschema.Draft202012Validator, manifest: Any) -> None:
    changed = copy.deepcopy(manifest)
    changed["offers"][0]["rank"] = {"priority": "high"}

    assert wrong(validator, changed) == ["$.offers[0].rank"]


def test_objects_need_no_more_than_a_name_because_defaults_may_have_the_rest(
    validator: jsonschema.Draft202012Validator, manifest: Any
) -> None:
    for section in SECTIONS:
        assert wrong(validator, {**manifest, section: [{"name": "x"}]}) == []
        assert wrong(validator, {**manifest, section: [{"description": "x"}]}) == [f"$.{section}[0]"]


def test_the_defaults_are_properties_of_the_kinds(validator: jsonschema.Draft202012Validator, manifest: Any) -> None:
    for name in ("status", "rank", "criteria", "channel", "window", "labels"):
        assert name in json.loads(schema.schema_text())["properties"]["defaults"]["properties"]
    assert wrong(validator, {**manifest, "defaults": {"status": "live"}}) == []
    assert wrong(validator, {**manifest, "defaults": {"status": "alive"}}) == ["$.defaults.status"]
    assert wrong(validator, {**manifest, "defaults": {"name": "x"}}) == ["$.defaults"]
