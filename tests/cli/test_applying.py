"""`airflow offers apply`: a manifest or a saved plan, with a question on a terminal, refused if it is stale."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_offers.campaigns.applying import apply
from airflow_provider_offers.cli import plans
from airflow_provider_offers.emulator import Emulator
from tests.cli.commands import Offers
from tests.cli.manifests import SPRING, bodies, edit, written

EMPTY = "0 to create, 0 to change, 0 to retire, 0 in conflict, 3 unchanged"


def writes(emulator: Emulator) -> int:
    """How many requests to write the library got."""
    return len([entry for entry in emulator.journal(path="/data/*") if entry.method != "GET"])


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A person at a terminal, who gives these answers. Each question replaces its answer."""
    given: list[str] = []

    def ask(question: str) -> str:
        answer = given.pop(0)
        given.append(question)
        return answer

    monkeypatch.setattr(plans, "can_ask", lambda screen: True)
    monkeypatch.setattr("builtins.input", ask)
    return given


def test_an_apply_makes_the_library_as_the_manifest_says(
    offers: Offers, connected: Emulator, api: str, tmp_path: Path
) -> None:
    manifest = written(tmp_path)

    done = offers("apply", manifest, "--target", "dev", "--yes")

    assert done.code == 0, done.err
    assert done.lines[-1] == "applied: 3 created"
    assert bodies(connected, api, "personalized", "dev")["Spring towels"]["rank"] == {"priority": 10}
    assert "Spring towels" not in bodies(connected, api, "personalized", "prod")
    again = offers("plan", manifest, "--target", "dev", "--detailed-exitcode")
    assert (again.code, again.lines[-1]) == (0, EMPTY)
    before = writes(connected)
    assert offers("apply", manifest, "--target", "dev").lines[-1] == "applied: 3 unchanged"
    assert writes(connected) == before


def test_an_interrupted_question_says_that_nothing_was_written(
    offers: Offers, connected: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(question: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(plans, "can_ask", lambda screen: True)
    monkeypatch.setattr("builtins.input", interrupted)

    done = offers("apply", written(tmp_path), "--target", "dev")

    assert (done.code, done.err) == (130, "airflow offers apply: interrupted; nothing was written\n")
    assert writes(connected) == 0


@pytest.mark.parametrize("name", ["plan.json", "plan", "plan.yaml"])
def test_a_saved_plan_is_applied_without_its_manifest(
    offers: Offers,
    connected: Emulator,
    api: str,
    tmp_path: Path,
    name: str,
) -> None:
    manifest, plan = written(tmp_path), tmp_path / name
    assert offers("plan", manifest, "--target", "dev", "--out", plan).code == 0
    manifest.unlink()

    done = offers("apply", plan, "--target", "dev", "--yes", "--format", "json")

    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report["counts"]["created"] == 3
    assert {each["end"] for each in report["objects"]} == {"done"}
    assert "Spring" in bodies(connected, api, "tag", "dev")


def test_a_stale_plan_is_refused_and_says_what_moved(
    offers: Offers, connected: Emulator, api: str, tmp_path: Path
) -> None:
    manifest, plan = written(tmp_path), tmp_path / "plan.json"
    offers("apply", manifest, "--target", "dev", "--yes")
    offers("plan", manifest, "--target", "dev", "--var", "priority=20", "--out", plan)
    edit(connected, api, "dev", "Spring towels", "/rank/priority", 55)
    before = writes(connected)

    done = offers("apply", plan, "--yes")

    assert done.code == 1
    assert "The library has changed since the plan" in done.err
    assert "Spring towels" in done.err
    assert writes(connected) == before


def test_a_marketers_edit_is_a_conflict_until_it_is_decided(
    offers: Offers, connected: Emulator, api: str, tmp_path: Path
) -> None:
    manifest = written(tmp_path)
    offers("apply", manifest, "--target", "dev", "--yes")
    edit(connected, api, "dev", "Spring towels", "/rank/priority", 55)
    changed = ("--target", "dev", "--var", "priority=20")

    planned = offers("plan", manifest, *changed, "--detailed-exitcode")
    assert planned.code == 1
    assert any(line.startswith('! conflict in personalized offer "Spring towels"') for line in planned.lines)
    done = offers("apply", manifest, *changed, "--yes")
    assert done.code == 1
    assert "The plan has 1 conflict" in done.err
    assert bodies(connected, api, "personalized", "dev")["Spring towels"]["rank"] == {"priority": 55}

    assert offers("apply", manifest, *changed, "--force-conflicts", "--yes").code == 0
    assert bodies(connected, api, "personalized", "dev")["Spring towels"]["rank"] == {"priority": 20}


def test_nothing_is_written_without_an_answer(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    done = offers("apply", written(tmp_path), "--target", "dev")

    assert done.code == 1
    assert "add --yes" in done.err
    assert writes(connected) == 0


def test_json_without_a_plan_to_see_is_not_confirmed(
    offers: Offers, connected: Emulator, tmp_path: Path, answers: list[str]
) -> None:
    done = offers("apply", written(tmp_path), "--target", "dev", "--format", "json")

    assert (done.code, done.out) == (1, "")
    assert "--format json shows no plan to confirm" in done.err
    assert writes(connected) == 0


@pytest.mark.parametrize(
    ("target", "answer", "code"),
    [("dev", "yes", 0), ("dev", "y", 1), ("dev", "", 1), ("prod", "prod", 0), ("prod", "yes", 1)],
)
def test_a_person_is_asked_and_a_protected_target_needs_its_name(
    offers: Offers, connected: Emulator, tmp_path: Path, answers: list[str], target: str, answer: str, code: int
) -> None:
    answers.append(answer)

    done = offers("apply", written(tmp_path), "--target", target)

    assert done.code == code, done.err
    assert (writes(connected) > 0) is (code == 0)
    assert answers == [f"{plans.QUESTIONS[target == 'prod'].format(target=target)}: "]
    if code:
        assert done.lines[-1] == "nothing was written"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--target", "prod"), "--target: given 'prod'; expected 'dev', the target of the plan"),
        (("--force-conflicts", "--max-prune", "3"), "--force-conflicts, --max-prune would change the plan"),
        (("--max-prune", "0"), "--max-prune would change the plan"),
        (("--var", "priority=1"), "--var would change the plan"),
        (("--conn-id", "ajo_prod"), "sandbox"),
    ],
)
def test_a_saved_plan_is_not_changed_by_options(
    offers: Offers, connected: Emulator, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    plan = tmp_path / "plan.json"
    offers("plan", written(tmp_path), "--target", "dev", "--out", plan)
    document = json.loads(plan.read_text())

    done = offers("apply", plan, *options, "--yes")

    if options[0] == "--conn-id":
        # The same sandbox through another connection is the same place.
        assert done.code == 0, done.err
        return
    assert done.code == 1
    assert said in done.err
    assert writes(connected) == 0
    assert json.loads(plan.read_text()) == document


def test_a_plan_that_was_damaged_is_refused(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    offers("plan", written(tmp_path), "--target", "dev", "--out", plan)
    document: dict[str, Any] = json.loads(plan.read_text())
    del document["objects"][0]["properties"]
    plan.write_text(json.dumps(document))

    done = offers("apply", plan, "--yes")

    assert done.code == 1
    assert "/objects/0/properties: given nothing" in done.err
    assert writes(connected) == 0


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_plan_that_windows_has_written_is_applied(
    offers: Offers, connected: Emulator, tmp_path: Path, encoding: str
) -> None:
    """`airflow offers plan --format json > plan.json` writes so in PowerShell."""
    plan = tmp_path / "plan.json"
    printed = offers("plan", written(tmp_path), "--target", "dev", "--format", "json").out
    plan.write_text(printed, encoding=encoding)

    done = offers("apply", plan, "--yes")

    assert done.code == 0, done.err
    assert done.lines[-1] == "applied: 3 created"


def test_a_plan_that_was_cut_off_is_not_called_a_manifest(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    offers("plan", written(tmp_path), "--target", "dev", "--out", plan)
    plan.write_text(plan.read_text()[:400])

    done = offers("apply", plan, "--yes")

    assert done.code == 1
    assert done.err.splitlines()[-2:] == [
        "airflow offers apply: The plan cannot be read:",
        f"  plan: given {str(plan)!r}, which is not JSON, or is cut off; expected the file of a plan",
    ]


def test_a_conflict_that_nothing_can_force_is_not_to_be_forced(
    offers: Offers, connected: Emulator, tmp_path: Path
) -> None:
    for _ in range(2):
        body = {"kind": "tag", "sandbox": "dev", "body": {"name": "Spring"}}
        connected.seed(objects=[body], checked=False)

    done = offers("apply", written(tmp_path), "--target", "dev", "--yes")

    assert done.code == 1
    assert "so nothing was written. What nothing can force has no value to choose: correct the library or" in done.err
    assert "force_conflicts" not in done.err
    assert "2 objects have this name" in done.err


def test_an_apply_with_failures_tells_each_and_goes_on_later(
    offers: Offers, connected: Emulator, api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The second apply waits for what the first may have created; here every listing shows it at once.
    monkeypatch.setattr(apply, "ApplyOptions", partial(apply.ApplyOptions, patience=0.2))
    manifest = written(tmp_path)
    connected.add_fault("status", status=422, method="POST", path="/data/*", times=1)

    done = offers("apply", manifest, "--target", "dev", "--yes", "--format", "json")

    assert done.code == 1
    report = json.loads(done.out)
    assert report["counts"]["failed"] >= 1
    assert "is not applied completely" in done.err
    assert offers("apply", manifest, "--target", "dev", "--yes").code == 0
    assert offers("plan", manifest, "--target", "dev").lines[-1] == EMPTY


@pytest.mark.parametrize("is_saved", [False, True])
def test_an_empty_connection_is_not_that_of_the_target(
    offers: Offers, connected: Emulator, tmp_path: Path, is_saved: bool
) -> None:
    manifest, plan = written(tmp_path), tmp_path / "plan.json"
    offers("plan", manifest, "--target", "dev", "--out", plan)

    given = [plan] if is_saved else [manifest, "--target", "dev"]
    done = offers("apply", *given, "--conn-id", "", "--yes")

    assert done.code == 1
    assert "given ''; expected the id of a connection" in done.err
    assert writes(connected) == 0


def test_a_target_is_not_promoted_to_the_sandbox_that_it_is_in(
    offers: Offers, connected: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AJO_PROD", os.environ["AIRFLOW_CONN_AJO_DEV"])
    manifest = written(tmp_path)
    assert offers("apply", manifest, "--target", "dev", "--yes").code == 0

    done = offers("promote", manifest, "dev", "prod", "--yes")

    assert done.code == 1
    assert "TO: given 'prod', which leads to the same sandbox 'dev' of the organization" in done.err
    assert done.out == ""


def test_two_connections_to_one_sandbox_are_warned_of(
    offers: Offers, connected: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AJO_PROD", os.environ["AIRFLOW_CONN_AJO_DEV"])
    manifest = written(tmp_path)
    said = "warning: The target 'dev' was applied to this sandbox last, so it leads to the same place as 'prod'."

    assert said not in offers("apply", manifest, "--target", "dev", "--yes").out
    assert said not in offers("plan", manifest, "--target", "dev").out
    assert said in offers("plan", manifest, "--target", "prod").out
    # A target with a new name is no second one.
    written(tmp_path, SPRING.replace("dev: {", "test: {"))
    assert "was applied to this sandbox last" not in offers("plan", manifest, "--target", "test").out


def test_a_target_is_not_promoted_to_itself(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    done = offers("promote", written(tmp_path), "dev", "dev", "--yes")

    assert done.code == 1
    assert "TO: given 'dev', the same target as FROM" in done.err
    assert writes(connected) == 0


@pytest.mark.parametrize(
    ("given", "meant"), [("plan.jsn", "plan.json"), ("exportd", "exported"), ("plam.json", "plan.json")]
)
def test_a_misspelled_plan_or_folder_gets_a_suggestion(
    offers: Offers, connected: Emulator, tmp_path: Path, given: str, meant: str
) -> None:
    assert offers("plan", written(tmp_path), "--target", "dev", "--out", tmp_path / "plan.json").code == 0
    (tmp_path / "exported").mkdir()

    done = offers("apply", tmp_path / given, "--yes")

    assert done.code == 1
    assert f"given '{tmp_path / given}', which does not exist" in done.err
    assert done.err.endswith(f"; did you mean '{meant}'?\n")
