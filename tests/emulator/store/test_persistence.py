"""One file keeps everything: restarts, kills, foreign files; and the command line."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_offers.emulator import Emulator, EmulatorError
from tests.effort import FULL
from tests.emulator.campaigns import HTML, Campaign
from tests.emulator.conftest import Caller, dps_offer


@contextmanager
def command(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The emulator in its own process, and its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_offers.emulator", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        found = re.search(r"http://\S+", first)
        assert found, first + process.stdout.read()
        yield process, found[0]
    finally:
        process.kill()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def test_restart_keeps_everything(tmp_path: Path) -> None:
    db = tmp_path / "library.db"
    with Emulator(db=db) as first:
        caller = Caller(first)
        receipt = caller.create_dps(dps_offer())
        caller.patch_dps(receipt["id"], {"op": "replace", "path": "/status", "value": "approved"})
        before = first.objects()
        authorization = caller.session.headers["Authorization"]
    with Emulator(db=db) as second:
        assert second.objects() == before
        again = Caller(second)
        again.session.headers["Authorization"] = authorization
        assert again.get_dps(receipt["id"]).json()["etag"] == 2
        later = again.create_dps(dps_offer())
        assert later["id"] > receipt["id"]
        assert again.dps("DELETE", f"/placements/{Emulator.PLACEMENT_ID}").status_code == 409


def test_restart_keeps_what_was_declared_decided_and_submitted(tmp_path: Path) -> None:
    db = tmp_path / "library.db"
    with Emulator(db=db, batch_processing_seconds=60.0) as first:
        first.clock.freeze("2026-05-01T12:00:00Z")
        caller = Caller(first)
        campaign = Campaign(caller)
        offer, decision = campaign.offer(), campaign.decision()
        first.set_profile("Email:anna@example.com", {"loyalty": {"tier": "gold"}})
        first.set_audience("gold", ["Email:anna@example.com"])
        first.answer_rule(Emulator.RULE_ID, False)
        assert campaign.proposed(decision) == [offer]
        job = {
            "xdm:segmentIds": ["gold"],
            "xdm:dataSetId": "set",
            "xdm:propositionRequests": [{"xdm:activityId": decision, "xdm:placementId": HTML}],
        }
        assert caller.call("POST", "/data/core/dwm/workloads/decisions", json=job, headers={"x-request-id": "1"}).ok
        events = first.events()
        assert events
        declared = requests.get(f"{first.url}/_emulator/answers", timeout=10).json()
    with Emulator(db=db) as second:
        assert second.events() == events
        assert requests.get(f"{second.url}/_emulator/answers", timeout=10).json() == declared
        (kept,) = second.jobs()
        assert kept["ode:status"] == "QUEUED"
        second.clock.advance(61.5)
        assert [each["ode:status"] for each in second.jobs()] == ["INGESTING"], "the durations it was submitted with"


@pytest.mark.parametrize("how", ["freeze", "set"])
def test_restart_goes_on_with_the_clock(tmp_path: Path, how: str) -> None:
    db = tmp_path / "library.db"
    with Emulator(db=db) as first:
        getattr(first.clock, how)("2031-05-01T12:00:00Z")
        first.clock.advance(3600)
        made = Caller(first).create_dps(dps_offer())
    assert made["createdDate"].startswith("2031-05-01T13:00")
    with Emulator(db=db) as second:
        assert second.clock.now().isoformat().startswith("2031-05-01T13:0")
        assert second.clock.as_json()["frozen"] is (how == "freeze")
        second.clock.resume()
    with Emulator(db=db) as third:
        assert third.clock.now().year != 2031
    moved = Emulator(db=db)
    moved.clock.freeze("2032-01-01T00:00:00Z")
    with moved, Emulator() as other:
        assert (moved.clock.now().year, other.clock.now().year == 2032) == (2032, False)


def test_restart_begins_anew_with_settings_faults_and_journal(tmp_path: Path) -> None:
    db = tmp_path / "library.db"
    with Emulator(db=db) as first:
        first.configure(index_lag=5.0)
        first.add_fault("status", times=None)
        Caller(first).dps("GET", "/tags")
    with Emulator(db=db) as second:
        assert (second.settings.index_lag, second.faults(), second.journal()) == (0.0, [], [])


def test_a_file_of_the_format_before_is_taken_along(tmp_path: Path) -> None:
    db = tmp_path / "library.db"
    with Emulator(db=db) as first:
        caller = Caller(first)
        receipt = caller.create_dps(dps_offer())
    connection = sqlite3.connect(db)
    connection.execute("ALTER TABLE revisions DROP COLUMN spelled")
    connection.execute("DROP TABLE clock")
    connection.execute("PRAGMA user_version=1")
    connection.commit()
    connection.close()
    with Emulator(db=db) as second:
        again = Caller(second)
        change = {"op": "replace", "path": "/name", "value": "Changed"}
        assert again.patch_dps(receipt["id"], change).json()["etag"] == 2


def test_deleted_reference_objects_do_not_come_back(tmp_path: Path) -> None:
    db = tmp_path / "library.db"
    with Emulator(db=db) as first:
        assert Caller(first).dps("DELETE", f"/tags/{Emulator.TAG_ID}").status_code == 200
    with Emulator(db=db) as second:
        assert Caller(second).dps("GET", f"/tags/{Emulator.TAG_ID}").status_code == 404


def test_stamps_go_on_after_a_restart(tmp_path: Path) -> None:
    db = tmp_path / "library.db"
    stamps = []
    for _ in range(2):
        with Emulator(db=db) as emulator:
            caller = Caller(emulator)
            stamps += [caller.create_dps(dps_offer())["lastModifiedDate"] for _ in range(3)]
    assert stamps == sorted(set(stamps))


def test_killed_process_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    db = str(tmp_path / "library.db")
    answered = []
    with command("--db", db, "--access-token", "t", "--quiet") as (process, url):
        headers = {
            "Authorization": "Bearer t",
            "x-api-key": Emulator.CLIENT_ID,
            "x-gw-ims-org-id": Emulator.ORG_ID,
            "x-sandbox-name": "prod",
        }
        for number in range(50):
            answer = requests.post(
                f"{url}/data/core/dps/offers?offer-type=personalized",
                json=dps_offer(f"Offer {number}"),
                headers=headers,
                timeout=10,
            )
            answered.append(answer.json()["id"])
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    with Emulator(db=db) as emulator:
        assert [each["id"] for each in emulator.objects("personalized-offer")] == answered
        assert Caller(emulator).dps("GET", "/offers?offer-type=personalized").json()["total"] == 50
    with sqlite3.connect(db) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


@contextmanager
def writers(url: str, *names: str, seed: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Clients in their own processes, which write as fast as they can."""
    port = url.rpartition(":")[2]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.emulator.writer", port, name, str(seed)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        for name in names
    ]
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.wait(10)
            if process.stdout is not None:
                process.stdout.close()


def expected_after(said: list[str], names: set[str]) -> tuple[set[str], set[frozenset[str]]]:
    """The names that must exist by the client's output, and pairs of names around its last write."""
    doubtful: set[frozenset[str]] = set()
    for line in said:
        stage, what = json.loads(line)
        before = {"create": "", "patch": what["name"], "delete": what["name"]}[what["do"]]
        after = {"create": what["name"], "patch": what.get("to", ""), "delete": ""}[what["do"]]
        if stage == "begun":
            doubtful = {frozenset((before, after))}
        else:
            doubtful = set()
            names = names - {before} | {after} - {""}
    return names, doubtful


@pytest.mark.parametrize("seed", range(8 if FULL else 1))
def test_a_file_survives_a_kill_in_the_middle_of_writes(tmp_path: Path, seed: int) -> None:
    db = str(tmp_path / "library.db")
    chance = random.Random(seed)
    names: set[str] = set()
    for round_ in range(3):
        with (
            command("--db", db, "--access-token", "writer", "--quiet") as (process, url),
            writers(url, f"{round_}-a", f"{round_}-b", seed=chance.randrange(10**6)) as running,
        ):
            first = running[0].stdout
            assert first is not None
            heard = [first.readline() for _ in range(chance.randrange(60, 240))]
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            outputs = [[*heard, *first], [*(running[1].stdout or ())]]
            assert [each.wait(20) for each in running] == [0, 0]
        doubts: set[frozenset[str]] = set()
        for said in outputs:
            names, doubtful = expected_after(said, names)
            doubts |= doubtful
        with contextlib.closing(sqlite3.connect(db)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        with Emulator(db=db) as emulator:
            found = emulator.objects("personalized-offer")
            # No write is incomplete: each one sets the name and the description, and links and ids are complete.
            assert all(each["body"]["name"] == each["body"]["description"] for each in found)
            listed = Caller(emulator).dps("GET", "/offers?offer-type=personalized&limit=1000").json()
            assert listed["total"] == len(found) == len({each["id"] for each in found})
        there = {each["body"]["name"] for each in found}
        assert len(there) == len(found)
        for doubt in doubts:
            # A write without an answer happened completely or not at all.
            before_and_after = doubt - {""}
            assert len(there & before_and_after) == 1 or "" in doubt
            there, names = there - before_and_after, names - before_and_after
        assert there == names
        names = {each["body"]["name"] for each in found}


def test_another_process_is_refused_and_disturbs_nobody(tmp_path: Path) -> None:
    db = str(tmp_path / "library.db")
    with command("--db", db, "--access-token", "writer", "--quiet") as (_, url), writers(url, "a", seed=1) as running:
        first = running[0].stdout
        assert first is not None
        first.readline()
        ran = subprocess.run(
            [sys.executable, "-m", "airflow_provider_offers.emulator", "--port", "0", "--db", db],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (ran.returncode, ran.stdout) == (1, "")
        assert re.fullmatch(r"emulator: cannot use .*library\.db .*: another process is using it\n", ran.stderr)
        for _ in range(50):
            assert first.readline()
        assert running[0].poll() is None


def test_more_connections_than_there_are_descriptors_pass_by(tmp_path: Path) -> None:
    db = str(tmp_path / "library.db")
    with command("--db", db, "--access-token", "writer", "--quiet") as (process, url):
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (64, 64))
        port = int(url.rpartition(":")[2])
        with contextlib.ExitStack() as crowd:
            for _ in range(150):
                crowd.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        with writers(url, "a", seed=1) as running:
            assert running[0].stdout is not None
            assert [json.loads(running[0].stdout.readline())[0] for _ in range(20)] == ["begun", "done"] * 10
        process.terminate()
        assert process.stdout is not None
        assert process.stdout.read().count("\n") < 40


def test_one_process_at_a_time_uses_a_file(tmp_path: Path) -> None:
    db = tmp_path / "library.db"
    with Emulator(db=db), pytest.raises(EmulatorError, match=r"library\.db.*another process is using it"):
        Emulator(db=db).start()
    with Emulator(db=db) as emulator:
        assert emulator.objects()


def test_unusable_files_are_named(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("this is no database, and long enough to be sure of it\n" * 40)
    with pytest.raises(EmulatorError, match=r"notes\.txt.*not a database"):
        Emulator(db=text).start()
    with pytest.raises(EmulatorError, match="its directory does not exist"):
        Emulator(db=tmp_path / "missing" / "library.db").start()
    with pytest.raises(EmulatorError, match="unable to open"):
        Emulator(db=tmp_path).start()
    foreign = sqlite3.connect(tmp_path / "foreign.db")
    foreign.execute("CREATE TABLE theirs (x)")
    foreign.close()
    with pytest.raises(EmulatorError, match="another program"):
        Emulator(db=tmp_path / "foreign.db").start()
    assert "notes" in text.name
    assert text.read_text().startswith("this is no database")


@pytest.mark.parametrize("port", [-1, 65536, 99999])
def test_port_that_is_none(port: int) -> None:
    with pytest.raises(EmulatorError, match=f"cannot listen on port {port}; a port is a whole number from 0 to 65535"):
        Emulator(port=port).start()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"port": "abc"}, "port: given 'abc'; expected a whole number from 0 to 65535"),
        ({"port": "8765"}, "port: given '8765'; expected a whole number"),
        ({"port": None}, "port: given None; expected a whole number"),
        ({"port": True}, "port: given True; expected a whole number"),
        ({"db": None}, "db: given None; expected the path of a file, or ':memory:'"),
        ({"db": ""}, "db: given ''; expected the path of a file"),
        ({"host": None}, "host: given None; expected a name or an address of this machine"),
        ({"host": 8765}, "host: given 8765; expected a name or an address of this machine"),
        ({"log": "emulator.log"}, "log: given 'emulator.log'; expected a function of one text, or None"),
    ],
)
def test_argument_of_another_type(given: dict[str, Any], told: str) -> None:
    with pytest.raises(EmulatorError) as caught:
        Emulator(**given)

    assert str(caught.value).startswith(told)


def test_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EmulatorError, match=f"cannot listen on 127.0.0.1 port {port}"):
            Emulator(port=port).start()
        ran = subprocess.run(
            [sys.executable, "-m", "airflow_provider_offers.emulator", "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"emulator: cannot listen on 127.0.0.1 port {port}: ")
    assert ran.stderr.endswith("; choose another port, or 0 for any free one\n")
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_line(number: signal.Signals) -> None:
    with command("--sandbox", "prod", "--sandbox", "qa", "--set", "dps_create_status=200") as (process, url):
        answer = requests.post(
            f"{url}/ims/token/v3",
            data={
                "grant_type": "client_credentials",
                "client_id": Emulator.CLIENT_ID,
                "client_secret": Emulator.CLIENT_SECRET,
                "scope": "openid",
            },
            timeout=10,
        )
        token = answer.json()["access_token"]
        headers = {
            "Authorization": f"Bearer {token}",
            "x-api-key": Emulator.CLIENT_ID,
            "x-gw-ims-org-id": Emulator.ORG_ID,
            "x-sandbox-name": "qa",
        }
        created = requests.post(
            f"{url}/data/core/dps/offers?offer-type=personalized", json=dps_offer(), headers=headers, timeout=10
        )
        assert created.status_code == 200
        expected = f'created {created.json()["id"]} "Spring voucher"'
        assert process.stdout is not None
        # A request is logged after its answer, which may be after the next one.
        issued = re.compile(r"\d\d:\d\d:\d\d\.\d{3} POST   /ims/token/v3 200 [\d.]+ ms token for .*")
        output = ""
        while not (expected in output and issued.search(output)):
            line = process.stdout.readline()
            assert line, output
            output += line
        process.send_signal(number)
        rest = process.stdout.read()
        process.wait(20)
    assert process.returncode == 0
    assert rest.strip() == ""
    assert "AIRFLOW_CONN_OFFER_LIBRARY_DEFAULT='offer-library://http://" in output
    assert Emulator.ORG_ID in output
    assert "/data/core/dps/offers?offer-type=personalized 200 " in output
    assert token not in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "indx_lag=1"], "did you mean 'index_lag'"),
        (["--set", "index_lag"], "NAME=VALUE"),
        (["--db", "missing/library.db"], "its directory does not exist"),
    ],
)
def test_command_line_mistakes(arguments: list[str], message: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "airflow_provider_offers.emulator", "--port", "0", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode in (1, 2)
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr
