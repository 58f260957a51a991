"""Broken manifests: each has one mistake, and the error is one, names its place, and nothing is sent."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_offers.campaigns.errors import ManifestError
from airflow_provider_offers.campaigns.manifest import reading_yaml
from airflow_provider_offers.campaigns.manifest.loading import validate
from tests.campaigns.manifest.broken import CASES, SYNTAX, Broken
from tests.campaigns.manifest.spring import FILES


@pytest.fixture(autouse=True)
def no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be sent: a connection would fail the test."""

    def refuse(*args: Any) -> None:
        raise AssertionError(f"a connection to {args[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_the_manifest_without_a_mistake_is_valid(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_text(str(content), encoding="utf-8")

    assert [len(each.objects) for each in validate(tmp_path / "campaign.yaml")] == [7, 7]


def test_there_are_more_than_a_hundred_mistakes() -> None:
    names = [each.name for each in CASES]

    assert len(set(names)) == len(names) > 150


@pytest.mark.parametrize("case", SYNTAX, ids=lambda case: case.name)
def test_pyyaml_without_its_library_in_c_finds_the_same(
    case: Broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_yaml, "_LOADER", yaml.SafeLoader)

    test_a_mistake_is_one_error_with_its_place(case, tmp_path)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_mistake_is_one_error_with_its_place(case: Broken, tmp_path: Path) -> None:
    place = case.write(tmp_path)

    with pytest.raises(ManifestError) as caught:
        validate(tmp_path / "campaign.yaml")

    (violation,) = caught.value.violations
    assert f"{violation.pointer} ".startswith(place), violation
    for part in case.says:
        assert part in str(violation), violation
    assert len(str(violation)) < 700
