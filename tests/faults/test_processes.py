"""The race in real time: two processes repeatedly create the same offer at the same moment."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.faults.matrix import APIS
from tests.faults.world import offer

MEANINGS = ("fail", "adopt", "update", "skip")


@pytest.mark.parametrize("api", APIS)
def test_one_offer_remains_of_two_processes(emulator: Emulator, checkout: Path, api: str) -> None:
    _race(emulator, checkout, api, rounds=4)


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("api", APIS)
def test_one_offer_remains_of_two_processes_a_hundred_times(emulator: Emulator, checkout: Path, api: str) -> None:
    _race(emulator, checkout, api, rounds=100)


def _race(emulator: Emulator, checkout: Path, api: str, *, rounds: int) -> None:
    emulator.configure(list_lag=0.3)
    with _racer(emulator, checkout, api) as one, _racer(emulator, checkout, api) as other:
        for number in range(rounds):
            # Both look before either posts.
            emulator.clear_faults()
            emulator.add_fault("delay", route="*.list", when="after", seconds=0.3, times=2)
            job = {"offer": offer(name=f"Round {number}"), "if_exists": MEANINGS[number % len(MEANINGS)]}
            for racer in (one, other):
                _tell(racer, job)
            _expect_one(emulator, job, [_told(racer) for racer in (one, other)])


def _expect_one(emulator: Emulator, job: dict[str, Any], told: list[dict[str, Any]]) -> None:
    left = [each for each in emulator.objects("personalized-offer") if each["body"]["name"] == job["offer"]["name"]]
    assert len(left) == 1, (job, told)
    ids = [each["id"] for each in told if "id" in each]
    assert ids, told
    assert set(ids) == {left[0]["id"]}, (job, told)
    refused = [each for each in told if "error" in each]
    if job["if_exists"] == "fail":
        assert all(each["error"] == "AlreadyExistsError" and left[0]["id"] in each["text"] for each in refused), told
    else:
        assert not refused, (job, told)


@contextmanager
def _racer(emulator: Emulator, checkout: Path, api: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.faults.racer", json.dumps(emulator.connection(api))]
    with subprocess.Popen(
        command, cwd=checkout, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def _tell(racer: subprocess.Popen[str], job: dict[str, Any]) -> None:
    assert racer.stdin is not None
    racer.stdin.write(json.dumps(job) + "\n")


def _told(racer: subprocess.Popen[str]) -> dict[str, Any]:
    assert racer.stdout is not None
    told: dict[str, Any] = json.loads(racer.stdout.readline())
    return told
