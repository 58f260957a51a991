"""`airflow offers validate` and `plan`: every mistake in one line with its place, and a plan in every format."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from airflow_provider_offers.campaigns.planning.documents import plan_from_json
from airflow_provider_offers.cli.connections import host_and_port
from airflow_provider_offers.emulator import Emulator
from tests.cli.commands import Offers
from tests.cli.manifests import SPRING, edit, written

WRONG = SPRING.replace("rank:", "rnak:").replace('["name:Spring"]}]', '["name:Sprung"]}]')


def test_a_manifest_is_checked_for_all_targets_without_a_connection(offers: Offers, tmp_path: Path) -> None:
    path = written(tmp_path)

    done = offers("validate", path)

    assert done.code == 0
    assert done.out == f"{path}: the campaign 'spring' is valid: 3 objects for dev, 3 objects for prod\n"


def test_every_violation_is_a_line_with_its_place(offers: Offers, tmp_path: Path) -> None:
    right, wrong = written(tmp_path), written(tmp_path, WRONG, "wrong.yaml")

    done = offers("validate", right, wrong)

    assert done.code == 1
    first, *rest = done.lines
    assert first.startswith(f"{right}: the campaign")
    assert all(re.match(rf"{wrong}:1[0-9]:[0-9]+ ", each) for each in rest)
    assert any("'rnak'" in each for each in rest)
    assert any("Sprung" in each for each in rest)


@pytest.mark.parametrize("name", ["nowhere.yaml", "nowhere", "."])
def test_a_path_that_is_no_manifest(offers: Offers, tmp_path: Path, name: str) -> None:
    done = offers("validate", tmp_path / name)

    assert done.code == 1
    assert str(tmp_path) in done.out
    assert ("does not exist" in done.out) == (name != ".")
    assert "Traceback" not in done.out + done.err


def test_manifests_are_checked_without_airflow(checkout: Path, tmp_path: Path) -> None:
    """The pre-commit hook needs no configuration, no database and no import of Airflow."""
    right, wrong = written(tmp_path), written(tmp_path, WRONG, "wrong.yaml")
    program = (
        "import sys\nfrom airflow_provider_offers.campaigns.__main__ import main\ncode = main(sys.argv[1:])\n"
        "assert 'airflow' not in sys.modules\nsys.exit(code)"
    )
    (hook,) = yaml.safe_load((checkout / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    python, *entry = hook["entry"].split()

    def run(*command: str, paths: list[Path]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command, *map(str, paths)], capture_output=True, text=True, check=False, cwd=tmp_path
        )

    assert (hook["id"], python) == ("offers-validate", "python")
    assert all(re.search(hook["files"], name) for name in ("campaign.yaml", "offers.csv", "welcome.json"))
    assert run("-c", program, "validate", paths=[right]).returncode == 0
    done = run(*entry, paths=[right, wrong])
    assert done.returncode == 1
    assert "'rnak'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plan_is_shown_and_nothing_is_written(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    done = offers("plan", written(tmp_path), "--target", "dev")

    assert done.code == 0, done.err
    assert '+ create personalized offer "Spring towels"' in done.lines
    assert done.lines[-1] == "3 to create, 0 to change, 0 to retire, 0 in conflict, 0 unchanged"
    assert {entry.method for entry in connected.journal(path="/data/*")} == {"GET"}
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(("format", "start"), [("text", "Campaign"), ("markdown", "Campaign"), ("json", "{")])
def test_a_plan_in_every_format(offers: Offers, connected: Emulator, tmp_path: Path, format: str, start: str) -> None:
    done = offers("plan", written(tmp_path), "--target", "dev", "--format", format)

    assert done.code == 0, done.err
    assert done.out.startswith(start)
    if format == "json":
        assert plan_from_json(json.loads(done.out)).connection == "ajo_dev"


def test_variables_replace_those_of_the_manifest_and_keep_their_type(
    offers: Offers, connected: Emulator, tmp_path: Path
) -> None:
    done = offers("plan", written(tmp_path), "--target", "dev", "--var", "priority=77")

    assert '    /rank: {"priority": 77}' in done.lines


@pytest.mark.parametrize("word", ["NaN", "Infinity", "1e400", "05", "["])
def test_a_variable_that_is_no_json_is_text(offers: Offers, connected: Emulator, tmp_path: Path, word: str) -> None:
    manifest = SPRING.replace("name: Spring towels", "name: Spring {{ var.priority }} towels").replace(
        '"{{ var.priority }}"', "5"
    )

    done = offers("plan", written(tmp_path, manifest), "--target", "dev", "--var=priority=1", f"--var=priority={word}")

    assert f'+ create personalized offer "Spring {word} towels"' in done.lines, done.err


def test_rows_of_for_each_come_from_a_file(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    manifest = SPRING.replace("- name: Spring towels", '- for_each: items\n    name: "Spring {{ row.item }}"')
    (tmp_path / "other.csv").write_text("item\ntowels\nbuckets\n")

    done = offers("plan", written(tmp_path, manifest), "--target", "dev", "--rows", f"items={tmp_path / 'other.csv'}")

    assert done.code == 0, done.err
    assert '+ create personalized offer "Spring buckets"' in done.lines
    assert done.lines[-1].startswith("4 to create")


def test_the_detailed_exit_code_tells_changes(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    empty = "apiVersion: offers/v1\ncampaign: empty\ntargets: {dev: {connection: ajo_dev}}\n"

    assert offers("plan", written(tmp_path), "--target", "dev", "--detailed-exitcode").code == 2
    assert offers("plan", written(tmp_path, empty, "empty.yaml"), "--detailed-exitcode").code == 0


def test_a_saved_plan_is_the_plan_that_is_shown(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "plan.json"

    done = offers("plan", written(tmp_path), "--target", "dev", "--format", "json", "--out", file)

    assert json.loads(file.read_text()) == json.loads(done.out)
    for secret in (connected.CLIENT_SECRET, connected.CLIENT_ID):
        assert secret not in file.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--target", "prid"], "did you mean 'prod'?"),
        ([], "given nothing; expected one of its targets, 'dev' or 'prod'"),
        (["--target", "dev", "--var", "priority"], "--var: given 'priority'; expected NAME=VALUE"),
        (
            ["--target", "dev", "--rows", "items=nowhere.csv"],
            "--rows: given 'items=nowhere.csv' (nowhere.csv: No such",
        ),
        (["--target", "dev", "--rows", "items="], "--rows: given 'items='"),
        (
            ["--target", "dev", "--rows", "items=a.csv", "--rows", "items=b.csv"],
            "--rows: given 'items' twice, with 'a.csv' and 'b.csv'; expected one file",
        ),
        (
            ["--target", "dev", "--var", 'priority={"a": 1, "a": 2}'],
            "--var: given ambiguous JSON for 'priority': the name 'a' is in one object twice",
        ),
        (["--target", "dev", "--max-prune", "3"], "--max-prune: given 3 without --prune, so nothing would be retired"),
        (["--target", "dev", "--max-prune", "0"], "--max-prune: given 0 without --prune, so nothing would be retired"),
        (["--target", "dev", "--accept-live", "--force-conflicts"], "--accept-live, --force-conflicts: given both"),
        (["--target", "dev", "--state-path", "s3://aws_default@bucket"], ""),
        (["--target", "dev", "--out", "/proc/plan.json"], "/proc/plan.json"),
    ],
)
def test_a_mistake_is_told_without_a_traceback(
    offers: Offers, connected: Emulator, tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = offers("plan", written(tmp_path), *arguments)

    assert done.code == 1
    assert done.err.startswith("airflow offers plan: ")
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_target_without_a_connection(offers: Offers, tmp_path: Path, airflow: object) -> None:
    done = offers("plan", written(tmp_path), "--target", "dev")

    assert done.code == 1
    assert "there is no connection 'ajo_dev' in AIRFLOW_CONN_AJO_DEV" in done.err


@pytest.mark.parametrize(
    "path", ["s3//bucket", "s3:/bucket", "gs//bucket/a", "gs:bucket", "S3:/user:hunter2@bucket", "abc:/x"]
)
@pytest.mark.parametrize("configured", [False, True])
def test_a_misspelled_scheme_is_no_folder(
    offers: Offers,
    connected: Emulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    configured: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    manifest = written(tmp_path)
    if configured:
        monkeypatch.setenv("AIRFLOW__OFFER_LIBRARY__STATE_PATH", path)
    given = () if configured else ("--state-path", path)

    done = offers("apply", manifest, "--target", "dev", "--yes", *given)

    assert done.code == 1
    place = "[offer_library] state_path" if configured else "--state-path"
    scheme = path.partition(":")[0].partition("/")[0]
    assert f"{place}: given text that begins with '{scheme}' and has no '://'" in done.err
    assert f"did you mean '{scheme}://...'?" in done.err
    assert "hunter2" not in done.err
    assert not connected.journal(path="/data/core/*")
    assert [each.name for each in tmp_path.iterdir()] == [manifest.name]


def test_a_relative_state_path_of_the_configuration_is_refused(
    offers: Offers, connected: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker and the triggerer have other working directories: each would keep a state of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRFLOW__OFFER_LIBRARY__STATE_PATH", "states")

    done = offers("apply", written(tmp_path), "--target", "dev", "--yes")

    assert done.code == 1
    assert "[offer_library] state_path: given 'states', a relative path" in done.err
    assert "expected an absolute path" in done.err
    assert not (tmp_path / "states").exists()


@pytest.mark.parametrize("path", ["files//states", "states:v1", "s3", "s3/states", "gs-states//a"])
def test_a_folder_may_resemble_an_address(
    offers: Offers, connected: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(tmp_path)

    done = offers("apply", written(tmp_path), "--target", "dev", "--yes", "--state-path", path)

    assert done.code == 0, done.err
    assert list((tmp_path / path).rglob("*.json"))


@pytest.mark.parametrize("command", ["plan", "drift", "apply"])
def test_a_refused_connection_names_host_and_port(
    offers: Offers, connected: Emulator, api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    assert offers("apply", written(tmp_path), "--target", "dev", "--yes").code == 0
    told = {**connected.connection(api, sandbox="dev"), "host": "http://127.0.0.1:1"}
    told["extra"] = {**told["extra"], "max_retries": 0}
    monkeypatch.setenv("AIRFLOW_CONN_AJO_DEV", json.dumps(told))

    done = offers(command, written(tmp_path), "--target", "dev", *(["--yes"] if command == "apply" else []))

    assert done.code == 1
    assert "the connection was refused" in done.err
    assert "[connection 'ajo_dev', http://127.0.0.1:1]" in done.err
    assert told["password"] not in done.err


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        ("https://platform.adobe.io", "https://platform.adobe.io:443"),
        ("http://localhost", "http://localhost:80"),
        ("http://[::1]:8765", "http://[::1]:8765"),
    ],
)
def test_the_port_of_the_scheme_is_told(origin: str, told: str) -> None:
    assert host_and_port(origin) == told


@pytest.mark.parametrize(
    "whole", ["offer-library://anna:hunter22@host.example/", '{"conn_type": "offer_library", "password": "hunter22"}']
)
def test_a_whole_connection_in_place_of_its_id_is_refused_and_not_shown(
    offers: Offers, connected: Emulator, tmp_path: Path, whole: str
) -> None:
    manifest = written(tmp_path, SPRING.replace("connection: ajo_dev", f"connection: {json.dumps(whole)}"))
    exported = offers("export", "--conn-id", whole, "--campaign", "spring", "--out", tmp_path / "out")
    planned = offers("plan", manifest, "--target", "dev")

    for done in (exported, planned):
        assert done.code == 1
        assert "a whole connection, which is not shown because it may hold a password" in done.err
        assert "hunter22" not in done.err.lower()


def test_an_address_of_states_with_a_password_is_refused_and_not_shown(
    offers: Offers, connected: Emulator, tmp_path: Path
) -> None:
    done = offers("plan", written(tmp_path), "--target", "dev", "--state-path", "s3://me:hunter2@bucket/states")

    assert done.code == 1
    assert "--state-path: given an address with a password; expected" in done.err
    assert "hunter2" not in done.out + done.err


def test_a_plan_is_not_written_as_a_folder(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    plans = tmp_path / "plans"
    plans.mkdir()

    done = offers("plan", written(tmp_path), "--target", "dev", "--out", plans)

    assert done.code == 1
    assert f"--out: given '{plans}', a folder; expected a file, such as '{plans}/plan.json'" in done.err
    assert not list(plans.iterdir())


def test_accept_live_corrects_the_manifest_and_the_plan_is_empty(
    offers: Offers, connected: Emulator, api: str, tmp_path: Path
) -> None:
    path = written(tmp_path, SPRING.replace('"{{ var.priority }}"', "10").replace("variables: {priority: 10}\n", ""))
    assert offers("apply", path, "--target", "dev", "--yes").code == 0
    edit(connected, api, "dev", "Spring towels", "/rank/priority", 50)
    assert offers("plan", path, "--target", "dev", "--detailed-exitcode").code == 1

    done = offers("plan", path, "--target", "dev", "--detailed-exitcode", "--accept-live")

    assert (done.code, done.lines[-1].count("0 in conflict")) == (0, 1)
    assert "/rank/priority of the personalized offer 'Spring towels': 10 becomes 50" in done.out
    assert "rank: {priority: 50}" in path.read_text()


@pytest.mark.parametrize("option", ["--out", "--state-path", "manifest"])
def test_object_storage_that_fails_is_told_without_a_traceback(
    offers: Offers, connected: Emulator, tmp_path: Path, option: str
) -> None:
    # No package for this store is installed.
    address = "s3://bucket/campaign.yaml"
    given = [address] if option == "manifest" else [written(tmp_path), option, address]

    done = offers("plan", *given, "--target", "dev")

    assert done.code == 1
    assert "cannot be read" in done.err
    assert "ImportError: Install s3fs" in done.err
    assert len(done.err.splitlines()) < 3


def test_a_connection_that_cannot_be_read_is_not_called_missing(
    offers: Offers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AJO_DEV", '{"conn_type": "offer_library", "password": "hunter2", ')

    done = offers("plan", written(tmp_path), "--target", "dev")

    assert done.code == 1
    assert "'ajo_dev' cannot be read from AIRFLOW_CONN_AJO_DEV: its value is neither JSON nor" in done.err
    assert "hunter2" not in done.out + done.err


def test_a_plan_replaces_an_earlier_plan_and_no_other_file(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    manifest, plan = written(tmp_path), tmp_path / "plan.json"
    text = manifest.read_text()

    refused = offers("plan", manifest, "--target", "dev", "--out", manifest)

    assert (refused.code, manifest.read_text()) == (1, text)
    assert "--out: given" in refused.err
    assert "a file that is not a plan; expected a new file" in refused.err
    for before in ("", "first", "again", "cut off"):
        if before in ("", "cut off"):
            plan.write_text(plan.read_text()[:40] if before else "")
        assert offers("plan", manifest, "--target", "dev", "--out", plan).code == 0
        assert json.loads(plan.read_text())["campaign"] == "spring"


def test_a_saved_plan_is_not_a_manifest(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    offers("plan", written(tmp_path), "--target", "dev", "--out", plan)

    for command in ("plan", "drift", "import", "prune"):
        done = offers(command, plan, "--target", "dev")
        assert done.code == 1
        (told,) = done.err.splitlines()[1:]
        assert told.endswith("a saved plan or a state; expected a manifest; only an apply takes a saved plan")
