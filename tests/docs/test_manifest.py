"""The page of the manifest: its tables are those of the models, its examples load, and its errors are told as shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_offers.campaigns.errors import ManifestError
from airflow_provider_offers.campaigns.manifest.loading import load, validate
from airflow_provider_offers.campaigns.manifest.models import (
    EntryWords,
    External,
    LifecycleEntry,
    Manifest,
    MoveEntry,
    TargetEntry,
    WindowEntry,
)
from airflow_provider_offers.client.model.described import Described
from airflow_provider_offers.client.model.places import place_of
from tests.docs.field_tables import table_of
from tests.docs.pages import Block, page

PAGE = page("docs/manifest.md")
HEADER = """\
apiVersion: offers/v1
campaign: x
targets: {dev: {connection: ajo}}
defaults: {status: approved}
external: {placements: [Web hero]}
"""
TABLES: dict[str, type[Described]] = {
    "Top level": Manifest,
    "Targets": TargetEntry,
    "Objects": EntryWords,
    "Windows": WindowEntry,
    "Lifecycle": LifecycleEntry,
    "Objects of others": External,
    "New names": MoveEntry,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of the page, as the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "campaign.yaml").write_text(PAGE.blocks("yaml")[0].text, encoding="utf-8")
    for block in [*PAGE.blocks("json"), *PAGE.blocks("csv")]:
        assert block.file is not None
        (tmp_path / block.file).write_text(block.text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("heading", TABLES)
def test_the_fields_are_told_as_the_models_describe_them(heading: str) -> None:
    told = [line for line in PAGE.section(heading).splitlines() if line.startswith("|")]
    expected = table_of(place_of(TABLES[heading]).members.items())
    assert told == expected, "\n".join(["Expected:", *expected])


def test_the_first_example_loads_as_the_page_says(folder: Path) -> None:
    (block,) = PAGE.blocks("python")
    exec(compile(block.text, str(block), "exec"), {})

    parasols = next(each for each in load("campaign.yaml", target="dev").objects if "parasols" in each.name)
    assert parasols.properties["cappingConstraint"] == {}


@pytest.mark.parametrize("block", PAGE.blocks("yaml")[1:], ids=str)
def test_the_other_examples_are_parts_of_a_manifest(block: Block, tmp_path: Path) -> None:
    (tmp_path / "campaign.yaml").write_text(HEADER + block.text, encoding="utf-8")

    contents = [
        component["content"]
        for each in load(tmp_path / "campaign.yaml").objects
        for shown in each.properties["representations"]
        for component in shown["components"]
    ]
    assert all("{{profile.person.name.firstName}}" in each and "raw" not in each for each in contents)


def test_the_error_is_the_one_of_the_page(folder: Path) -> None:
    text = (folder / "campaign.yaml").read_text(encoding="utf-8")
    changed = text.replace("Spring {{ row.name }}", "Spring {{ row.nmae }}").replace("any-tags", "some-tags")
    (folder / "campaign.yaml").write_text(changed, encoding="utf-8")

    with pytest.raises(ManifestError) as caught:
        validate("campaign.yaml")

    assert str(caught.value) == PAGE.blocks("text")[1].text.rstrip("\n")
