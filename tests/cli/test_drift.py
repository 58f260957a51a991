"""`airflow offers drift` names each managed value that somebody else has changed; `schema` prints the JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path

from jsonschema import Draft202012Validator

from airflow_provider_offers.campaigns.state.storage import StateStore
from airflow_provider_offers.emulator import Emulator
from tests.cli.commands import Offers
from tests.cli.manifests import SPRING, edit, written


def test_an_edit_of_a_managed_value_is_drift(offers: Offers, connected: Emulator, api: str, tmp_path: Path) -> None:
    drift = ("drift", written(tmp_path), "--target", "dev", "--detailed-exitcode")
    assert offers("apply", drift[1], "--target", "dev", "--yes").code == 0
    clean = offers(*drift)
    assert (clean.code, clean.out) == (0, "no drift in 3 objects\n")
    assert "the state has no objects" not in clean.err

    edit(connected, api, "dev", "Spring towels", "/rank/priority", 55)

    done = offers(*drift)
    assert done.code == 2
    assert done.lines[0].startswith('! personalized offer "Spring towels", last edited by ')
    assert done.lines[1].strip() == "/rank/priority: 10 was applied, the library has 55"
    told = json.loads(offers(*drift, "--format", "json").out)
    assert told["objects"][0]["edits"] == [{"pointer": "/rank/priority", "applied": 10, "live": 55}]
    assert offers(*drift[:-1]).code == 0


def test_nothing_drifts_before_the_first_apply(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    done = offers("drift", written(tmp_path), "--target", "dev", "--detailed-exitcode")

    assert (done.code, done.out) == (0, "no drift in 0 objects\n")
    assert "the state has no objects of 'spring' in this sandbox" in done.err


def test_the_changes_of_a_running_apply_are_no_drift(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    store = StateStore(tmp_path / "state")

    with store.lock("spring", Emulator.ORG_ID, "dev", owner="another task\x1b[2J"):
        done = offers("drift", written(tmp_path), "--target", "dev")

    assert done.code == 1
    assert "an apply of the campaign is running (another task" in done.err
    # What somebody else has written clears no screen.
    assert "\x1b" not in done.err


def test_the_schema_is_one_that_editors_understand(offers: Offers) -> None:
    done = offers("schema")

    schema = json.loads(done.out)
    assert done.code == 0
    Draft202012Validator.check_schema(schema)
    assert "campaign" in schema["properties"]


def test_an_object_that_a_marketer_renamed_drifts_until_the_manifest_has_its_new_name(
    offers: Offers, connected: Emulator, api: str, tmp_path: Path
) -> None:
    manifest = written(tmp_path)
    assert offers("apply", manifest, "--target", "dev", "--yes").code == 0
    edit(connected, api, "dev", "Spring towels", "/name", "Beach towels")
    assert offers("drift", manifest, "--target", "dev").lines[-1] == "1 of 3 objects drifted"
    moved = "moved: [{kind: offer, from: Spring towels, to: Beach towels}]\n"
    written(tmp_path, SPRING.replace("Spring towels", "Beach towels") + moved)

    assert offers("apply", manifest, "--target", "dev", "--yes").code == 0

    assert offers("drift", manifest, "--target", "dev").lines == ["no drift in 3 objects"]
