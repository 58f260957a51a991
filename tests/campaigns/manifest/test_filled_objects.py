"""The objects of a manifest, each with its entry, are a sequence as any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_offers.campaigns.manifest.entries import FilledObjects
from airflow_provider_offers.campaigns.manifest.loading import load_filled

MANIFEST = """\
apiVersion: offers/v1
campaign: spring
targets: {dev: {connection: ajo}}
tags:
  - {for_each: tags.csv, name: "{{ row.name }}"}
  - {name: Last}
"""


@pytest.fixture
def filled(tmp_path: Path) -> FilledObjects:
    (tmp_path / "tags.csv").write_text("name\nFirst\nSecond\n", encoding="utf-8")
    (tmp_path / "campaign.yaml").write_text(MANIFEST, encoding="utf-8")
    made = FilledObjects()
    for each in load_filled(tmp_path / "campaign.yaml").values():
        made.append(each)
    return made


def test_each_object_has_its_entry_from_either_end(filled: FilledObjects) -> None:
    told = [(each.wanted.name, each.entry.pointer) for each in filled]

    assert [name for name, _ in told] == ["First", "Second", "Last"]
    assert told[0][1] == told[1][1] != told[2][1]
    assert [(filled[index].wanted.name, filled[index].entry.pointer) for index in (-3, -2, -1)] == told
    assert [each.wanted.name for each in filled[1:]] == ["Second", "Last"]


@pytest.mark.parametrize("index", [3, -4])
def test_there_is_no_object_beyond_the_ends(filled: FilledObjects, index: int) -> None:
    with pytest.raises(IndexError):
        filled[index]
