"""Files are written as a whole: a process that dies leaves the old one, and two that write at once do not mix."""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_offers.campaigns.disk import write_whole
from airflow_provider_offers.campaigns.manifest.loading import load
from airflow_provider_offers.campaigns.manifest.writing_yaml import write_manifest
from airflow_provider_offers.campaigns.state.states import State
from airflow_provider_offers.campaigns.state.storage import StateStore
from airflow_provider_offers.client.errors import InvalidInputError

NAMES = ("spring", "summer")
FORKING = multiprocessing.get_context("fork")


class Died(BaseException):
    """The end of a process, as far as its memory goes."""


def died(*_: Any) -> None:
    raise Died


def manifest(campaign: str, count: int = 300) -> dict[str, Any]:
    """The document of a manifest whose objects have the name of the campaign."""
    return {
        "apiVersion": "offers/v1",
        "campaign": campaign,
        "targets": {"dev": {"connection": "ajo_dev"}},
        "tags": [{"name": f"{campaign} {number}"} for number in range(count)],
        "placements": [
            {"name": campaign, "componentType": "html", "channel": "https://ns.adobe.com/xdm/channel-types/web"}
        ],
    }


@pytest.mark.parametrize("dies_in", ["fsync", "replace"])
def test_a_process_that_dies_leaves_the_old_file(dies_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "spring.yaml"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, dies_in, died)

    with pytest.raises(Died):
        write_whole(path, b"new" * 10_000)

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_whose_export_died_is_no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace, left = os.replace, iter(range(2))

    def dying(*paths: Any) -> None:
        died() if next(left, None) is None else replace(*paths)

    monkeypatch.setattr(os, "replace", dying)
    with pytest.raises(Died):
        write_manifest(manifest("spring"), tmp_path / "out")

    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == ["placements.yaml", "tags.yaml"]
    with pytest.raises(InvalidInputError, match="apiVersion"):
        load(tmp_path / "out")


def at_once(work: Callable[[str], object]) -> list[int]:
    """The exit codes of processes that do the work at the same moment, one for each name."""
    barrier = FORKING.Barrier(len(NAMES))

    def start(name: str) -> None:
        barrier.wait(30)
        try:
            work(name)
        except InvalidInputError:
            os._exit(1)
        os._exit(0)

    processes = [FORKING.Process(target=start, args=(name,)) for name in NAMES]
    for each in processes:
        each.start()
    for each in processes:
        each.join(60)
    return [each.exitcode or 0 for each in processes]


@pytest.mark.parametrize("out", ["exported", "exported.yaml"])
def test_of_two_exports_at_once_one_is_there_and_the_other_one_refused(out: str, tmp_path: Path) -> None:
    for turn in range(5):
        path = tmp_path / str(turn) / out
        codes = at_once(lambda name, path=path: write_manifest(manifest(name), path))  # type: ignore[misc]

        assert sorted(codes) == [0, 1]
        winner = NAMES[codes.index(0)]
        campaign = load(path)
        assert (campaign.name, {each.name.split()[0] for each in campaign.objects}) == (winner, {winner})


def test_two_exports_that_overwrite_at_once_do_not_mix(tmp_path: Path) -> None:
    write_manifest(manifest("winter"), tmp_path / "out")
    for _ in range(5):
        codes = at_once(lambda name: write_manifest(manifest(name), tmp_path / "out", overwrite=True))

        assert codes == [0, 0]
        campaign = load(tmp_path / "out")
        assert {each.name.split()[0] for each in campaign.objects} == {campaign.name}


def test_permissions_and_links_stay_and_a_new_file_has_the_usual_ones(tmp_path: Path) -> None:
    path, link, new = tmp_path / "spring.yaml", tmp_path / "link.yaml", tmp_path / "new.yaml"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    before = os.umask(0o002)
    try:
        write_whole(link, b"new")
        write_whole(new, b"new")
        StateStore(tmp_path / "states").write(State("spring", "ORG", "prod"))
    finally:
        os.umask(before)

    assert (link.is_symlink(), path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (True, b"new", 0o640)
    # A group that shares a folder can read and write what any of its members has written.
    written = [new, *(each for each in (tmp_path / "states").rglob("*") if each.is_file())]
    assert {stat.S_IMODE(each.stat().st_mode) for each in written} == {0o664}
    assert len(written) == 3


def test_a_device_is_written_to_and_a_missing_folder_is_told_by_the_name_of_the_file(tmp_path: Path) -> None:
    write_whole(pathlib.Path(os.devnull), b"new")
    assert not pathlib.Path(os.devnull).is_file()

    with pytest.raises(FileNotFoundError) as caught:
        write_whole(tmp_path / "nowhere" / "plan.json", b"new")
    assert caught.value.filename == str(tmp_path / "nowhere" / "plan.json")
