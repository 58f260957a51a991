"""Live values of conflicts are written back into the manifest, each in its place, and nothing else changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_offers.campaigns.manifest.loading import load
from airflow_provider_offers.campaigns.moving.accepting import Accepted, accept_live
from airflow_provider_offers.campaigns.plans import ABSENT, Change, Plan, PlannedObject

MANIFEST = """\
# A campaign with notes.
apiVersion: offers/v1
campaign: spring
targets: {dev: {connection: ajo_dev}}
defaults:
  rank: {priority: 7}
  status: draft
variables: {text: ours}
tags: [{name: Spring, description: 'ours'}]  # one tag
offers:
  - for_each: offers.csv
    name: Spring {{ row.name }}
    description: "{{ row['long text'] }}"
    rank: {priority: "{{ row.priority }}"}
    window: {start: 2027-03-01, duration: P31D, timezone: Europe/Paris}
  - name: One
    description: "{{ var.text }}"
    window: {start: 2027-03-01, duration: P31D, timezone: Europe/Paris}
  - {name: Two, window: {start: 2027-03-01, duration: P31D, timezone: Europe/Paris}, tags: ["name:Spring"]}
rules:
  - name: Gold
    condition: !include gold.json
"""
TABLE = '\ufeffname;long text;priority\r\ntowels;soft;30\r\nparasols;"red; round";20\r\n'
RULE = '{"type": "PQL", "format": "pql/text",\n "value": "true"}\n'


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    (tmp_path / "offers.csv").write_bytes(TABLE.encode())
    (tmp_path / "gold.json").write_text(RULE)
    path = tmp_path / "campaign.yaml"
    path.write_text(MANIFEST)
    return path


def accepted(path: Path, *conflicts: tuple[str, str, str, Any]) -> list[Accepted]:
    """Accept conflicts: each is a kind, a name, a pointer and the live value."""
    objects = []
    for kind, name, pointer, live in conflicts:
        change = Change(pointer, live, "of the manifest", "of the manifest")
        objects.append(PlannedObject((kind, name), "conflict", conflicts=(change,)))
    plan = Plan("spring", "dev", "1@AdobeOrg", "dev", "dps", "", 1, "2027-01-01T00:00:00Z", objects, {})
    return accept_live(path, None, plan)


def value(path: Path, name: str, *steps: str) -> Any:
    (here,) = [each.properties for each in load(path).objects if each.name == name]
    for step in steps:
        here = here[step]
    return here


def texts(path: Path) -> list[bytes]:
    return [each.read_bytes() for each in sorted(path.parent.iterdir())]


@pytest.mark.parametrize(
    ("conflict", "file", "old", "new"),
    [
        (("tag", "Spring", "/description", 'their "Grüße"'), "campaign.yaml", "'ours'", '"their \\"Grüße\\""'),
        (("personalized", "Two", "/tags", []), "campaign.yaml", '["name:Spring"]', "[]"),
        (("personalized", "Spring towels", "/rank/priority", 50), "offers.csv", ";30", ";50"),
        (("personalized", "Spring towels", "/description", "a; b"), "offers.csv", ";soft;", ';"a; b";'),
        (("personalized", "Spring parasols", "/description", "blue"), "offers.csv", '"red; round"', "blue"),
        (("rule", "Gold", "/condition/value", "false"), "gold.json", '"true"', '"false"'),
    ],
)
def test_a_value_is_written_in_its_place_and_nothing_else_changes(
    manifest: Path, conflict: tuple[str, str, str, Any], file: str, old: str, new: str
) -> None:
    before = {each.name: each.read_bytes() for each in manifest.parent.iterdir()}

    (found,) = accepted(manifest, conflict)

    assert not found.reason
    assert found.place.startswith(f"{manifest.parent / file}:")
    assert value(manifest, conflict[1], *conflict[2].split("/")[1:]) == conflict[3]
    expected = {**before, file: before[file].replace(old.encode(), new.encode(), 1)}
    assert {each.name: each.read_bytes() for each in manifest.parent.iterdir()} == expected


@pytest.mark.parametrize(
    ("conflict", "reason"),
    [
        (("personalized", "One", "/rank/priority", 9), "other objects have this value"),
        (("personalized", "One", "/description", "theirs"), "a template"),
        (("personalized", "One", "/selectionConstraint/startDate", "2027-02-01T00:00:00Z"), "not written there in one"),
        (("personalized", "Spring towels", "/rank/priority", -1), "would not be valid"),
        (("personalized", "Spring towels", "/rank/priority", {"a": 1}), "a template, a block"),
        (("tag", "Spring", "/description", "{{ theirs }}"), "a template"),
        (("tag", "Spring", "/description", ABSENT), "only values are replaced"),
        (("tag", "Gone", "/description", "theirs"), "no such object"),
    ],
)
def test_what_cannot_be_written_is_told_and_every_file_stays(
    manifest: Path, conflict: tuple[str, str, str, Any], reason: str
) -> None:
    before = texts(manifest)

    (found,) = accepted(manifest, conflict)

    assert reason in found.reason
    assert str(found).startswith("not accepted: ")
    assert texts(manifest) == before


def test_a_default_is_written_if_all_of_its_objects_have_that_value(manifest: Path) -> None:
    found = accepted(manifest, *(("personalized", name, "/rank/priority", 9) for name in ("One", "Two")))

    assert [each.reason for each in found] == ["", ""]
    assert "rank: {priority: 9}" in manifest.read_text()


def test_a_default_stays_if_its_objects_have_several_values(manifest: Path) -> None:
    conflicts = [("personalized", name, "/rank/priority", number) for name, number in (("One", 8), ("Two", 9))]

    assert all("other objects" in each.reason for each in accepted(manifest, *conflicts))
    assert manifest.read_text() == MANIFEST
