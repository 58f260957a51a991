"""Two people run a command at the same moment: nothing is there twice or lost, and the later one is told so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.cli.commands import Done, Offers
from tests.cli.manifests import bodies, written

pytestmark = pytest.mark.slow

DEV = ("--target", "dev")
NAMES = [f"Spring {number}" for number in range(40)]
MANIFEST = """\
apiVersion: offers/v1
campaign: spring
defaults: {status: draft, window: {start: 2026-03-01, duration: P3650D, timezone: Europe/Paris}}
targets:
  dev: {connection: ajo_dev}
  prod: {connection: ajo_prod, protected: true}
tags: [{name: Spring}]
offers:
  - for_each: offers.json
    name: "{{ row.name }}"
    tags: ["name:Spring"]
    rank: {priority: 1}
"""


@pytest.fixture
def manifest(connected: Emulator, tmp_path: Path) -> Path:
    (tmp_path / "offers.json").write_text(json.dumps([{"name": name} for name in NAMES]))
    return written(tmp_path, MANIFEST)


def at_once(*commands: tuple[str | Path, ...]) -> list[Done]:
    """The commands as processes of their own, started together."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "airflow", "offers", *map(str, command)],
            env=os.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    done = []
    for each in started:
        out, err = each.communicate(timeout=200)
        done.append(Done(each.returncode, out, err))
    assert not [each.err for each in done if "Traceback" in each.err]
    return done


def told(done: list[Done]) -> str:
    """What those that failed say last."""
    return "\n".join(each.err.splitlines()[-1] for each in done if each.code)


def test_two_promotions_create_everything_once(
    offers: Offers, connected: Emulator, api: str, manifest: Path, tmp_path: Path
) -> None:
    assert offers("apply", manifest, *DEV, "--yes").code == 0
    before = len(connected.journal(method="POST", path="/data/core/*"))
    # Both plan before either has written.
    connected.add_fault("delay", method="POST", times=1, seconds=5)

    done = at_once(*[("promote", manifest, "dev", "prod", "--yes")] * 2)

    assert {each.code for each in done} in ({0, 1}, {0}), done
    if told(done):
        assert "Another apply has written the state since the plan" in told(done) or "is held by" in told(done), done
    assert len(connected.journal(method="POST", path="/data/core/*")) - before == len(NAMES) + 1
    assert sorted(bodies(connected, api, "personalized", "prod")) == sorted(NAMES)
    after = offers("promote", manifest, "dev", "prod", "--yes")
    assert (after.code, after.lines[-1]) == (0, f"applied: {len(NAMES) + 1} unchanged")


def test_two_imports_learn_everything_once(offers: Offers, manifest: Path, tmp_path: Path) -> None:
    assert offers("apply", manifest, *DEV, "--yes").code == 0
    lost = ("--state-path", tmp_path / "another state")

    done = at_once(*[("import", manifest, *DEV, *lost)] * 2)

    assert 0 in {each.code for each in done}, done
    if told(done):
        assert "is held by" in told(done), done
    again = offers("import", manifest, *DEV, *lost)
    assert again.out == f"0 imported, {len(NAMES) + 1} known before, 0 not imported\n"


@pytest.mark.parametrize("out", ["exported", "exported.yaml"])
def test_of_two_exports_one_is_written_and_the_other_one_told(
    out: str, offers: Offers, connected: Emulator, manifest: Path, tmp_path: Path
) -> None:
    assert offers("apply", manifest, *DEV, "--yes").code == 0
    path = tmp_path / out
    command = ("export", "--conn-id", "ajo_dev", "--out", path, "--select", "tag:Spring", "--campaign")

    done = at_once((*command, "one"), (*command, "two"))

    assert sorted(each.code for each in done) == [0, 1], done
    assert "The manifest cannot be written" in next(each.err for each in done if each.code)
    winner = "one" if done[0].code == 0 else "two"
    valid = offers("validate", path)
    assert valid.out == f"{path}: the campaign '{winner}' is valid: {len(NAMES) + 1} objects for dev\n"
