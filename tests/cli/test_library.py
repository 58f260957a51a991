"""`airflow offers export`, `import`, `promote` and `prune`: from a library to a manifest, and on to another sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.cli.commands import Offers
from tests.cli.manifests import SPRING, bodies, edit, written

UNCHANGED = "0 to create, 0 to change, 0 to retire, 0 in conflict, 3 unchanged"
DEV = ("--target", "dev")


def applied(offers: Offers, folder: Path) -> Path:
    """A manifest that was applied to `dev`."""
    manifest = written(folder)
    assert offers("apply", manifest, *DEV, "--yes").code == 0
    return manifest


@pytest.mark.parametrize("out", ["exported", "spring.yaml", "spring.json"])
def test_an_export_is_a_manifest_whose_plan_is_empty(
    offers: Offers, connected: Emulator, tmp_path: Path, out: str
) -> None:
    applied(offers, tmp_path)
    (tmp_path / "spring.yaml").unlink()
    path = tmp_path / out

    done = offers("export", "--conn-id", "ajo_dev", "--select", "tag:Spring", "--out", path, "--campaign", "copied")

    assert done.code == 0, done.err
    assert done.out.startswith(f"{path}: 1 collection qualifier, 1 personalized offer, 1 collection in ")
    planned = offers("plan", path, "--detailed-exitcode")
    assert (planned.code, planned.lines[-1]) == (0, UNCHANGED)
    assert offers("export", "--conn-id", "ajo_dev", "--out", path).code == 1
    assert offers("export", "--conn-id", "ajo_dev", "--select", "tag:Spring", "--out", path, "--overwrite").code == 0


def test_a_file_that_exists_is_refused_before_the_library_is_read(
    offers: Offers, connected: Emulator, tmp_path: Path
) -> None:
    path = tmp_path / "spring.yaml"
    path.write_text("mine")

    done = offers("export", "--conn-id", "ajo_dev", "--out", path)

    assert (done.code, path.read_text()) == (1, "mine")
    assert "--out: given a path that has 'spring.yaml' already; expected a path without it, or the option" in done.err
    assert not connected.journal(path="/data/core/*")


@pytest.mark.parametrize("name", ["x.txt", "spring.ymal", "spring.JSN", "spring.yam", "library.csv"])
def test_a_name_of_another_file_does_not_become_a_folder(
    offers: Offers, connected: Emulator, tmp_path: Path, name: str
) -> None:
    done = offers("export", "--conn-id", "ajo_dev", "--out", tmp_path / name)

    assert done.code == 1
    assert f"--out: given '{name}', a name that ends in " in done.err
    assert "expected a file that ends in .yaml, .yml or .json, or a folder" in done.err
    assert not (tmp_path / name).exists()
    assert not connected.journal(path="/data/core/*")


@pytest.mark.parametrize("name", ["2026.05", "exports.v2", "spring.old", "spring.yml", "there.txt"])
def test_other_names_with_a_dot_are_folders_or_files(
    offers: Offers, connected: Emulator, tmp_path: Path, name: str
) -> None:
    (tmp_path / "there.txt").mkdir()

    done = offers("export", "--conn-id", "ajo_dev", "--out", tmp_path / name)

    assert done.code == 0, done.err
    assert (tmp_path / name).is_file() == name.endswith(".yml")


def test_an_export_without_a_file_goes_to_the_pipe(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    applied(offers, tmp_path)

    done = offers("export", "--conn-id", "ajo_dev", "--select", "offer:Spring *", "--only")

    path = written(tmp_path, done.out, "piped.yaml")
    assert offers("validate", path).code == 0
    assert "external:" in done.out


def test_a_selection_that_finds_nothing_is_a_mistake(offers: Offers, connected: Emulator) -> None:
    done = offers("export", "--conn-id", "ajo_dev", "--select", "tag:Sprung*")

    assert done.code == 1
    assert "'tag:Sprung*'" in done.err


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("offer:spring *", "'Spring towels'"),
        ("tag: Spring", "'Spring'"),
        ("offer:Spring tovels", "'Spring towels'"),
        ("SPRING", "'Spring'"),
        ("tag:Spring towels", None),
        ("tag:", None),
    ],
)
def test_a_selection_in_another_case_or_with_a_typing_error_gets_a_suggestion(
    offers: Offers, connected: Emulator, tmp_path: Path, pattern: str, meant: str | None
) -> None:
    applied(offers, tmp_path)

    done = offers("export", "--conn-id", "ajo_dev", "--select", pattern)

    told = "expected a pattern that the name of an object matches"
    assert (done.code, done.out) == (1, "")
    assert done.err.endswith(f"{told}\n" if meant is None else f"{told}; did you mean {meant}?\n")


@pytest.mark.parametrize(("option", "needed"), [("--only", "--select"), ("--overwrite", "--out")])
def test_an_option_of_an_export_that_would_do_nothing_is_a_mistake(
    offers: Offers, connected: Emulator, option: str, needed: str
) -> None:
    done = offers("export", "--conn-id", "ajo_dev", option)

    assert (done.code, done.out) == (1, "")
    assert f"airflow offers export: {option}: given without {needed}, so it would do nothing" in done.err
    assert not connected.journal(path="/data/core/*")


def test_what_is_imported_is_changed_and_no_conflict_any_more(
    offers: Offers, connected: Emulator, api: str, tmp_path: Path
) -> None:
    manifest = applied(offers, tmp_path)
    edit(connected, api, "dev", "Spring towels", "/rank/priority", 55)
    lost = ("--state-path", tmp_path / "another state")
    assert offers("plan", manifest, *DEV, *lost, "--detailed-exitcode").code == 1

    done = offers("import", manifest, *DEV, *lost)

    assert done.code == 0, done.err
    assert done.out == "3 imported, 0 known before, 0 not imported\n"
    assert offers("plan", manifest, *DEV, *lost, "--detailed-exitcode").code == 2
    assert offers("apply", manifest, *DEV, *lost, "--yes").lines[-1] == "applied: 1 changed, 2 unchanged"
    again = offers("import", manifest, *DEV, *lost)
    assert again.out == "0 imported, 3 known before, 0 not imported\n"


def test_an_import_that_finds_nothing_fails(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    done = offers("import", written(tmp_path), *DEV)

    assert done.code == 1
    assert "not in the library: personalized offer 'Spring towels'\n" in done.out
    assert done.out.endswith("0 imported, 0 known before, 0 not imported, 3 not in the library\n")
    assert "airflow offers import: the library of the target 'dev' has no object of the manifest" in done.err
    assert not list((tmp_path / "state").rglob("*.json"))


def test_what_an_apply_will_create_is_no_failure_of_an_import(
    offers: Offers, connected: Emulator, tmp_path: Path
) -> None:
    applied(offers, tmp_path)
    manifest = written(tmp_path, SPRING + "fallbacks: [{name: Welcome}]\n")
    lost = ("--state-path", tmp_path / "another state")

    done = offers("import", manifest, *DEV, *lost)

    assert done.code == 0, done.err
    assert done.out.endswith(
        "not in the library: fallback offer 'Welcome'\n"
        "3 imported, 0 known before, 0 not imported, 1 not in the library\n"
    )


def test_an_import_that_refuses_objects_fails_and_keeps_the_others(
    offers: Offers, connected: Emulator, api: str, tmp_path: Path
) -> None:
    """An apply refuses the same objects with the same code."""
    manifest = applied(offers, tmp_path)
    edit(connected, api, "dev", "Spring towels", "/status", "archived")
    lost = ("--state-path", tmp_path / "another state")

    done = offers("import", manifest, *DEV, *lost)

    assert done.code == 1
    why = "it is archived, and archiving is final: choose another name, or delete the archived object"
    assert f"not imported: personalized offer 'Spring towels': {why}\n" in done.out
    assert done.out.endswith("2 imported, 0 known before, 1 not imported\n")
    assert done.err.endswith(
        "airflow offers import: 1 object of the manifest was not imported for the reason above; the state knows the "
        "other 2 now; a plan shows a conflict for each. Correct that, and import again\n"
    )
    assert offers("apply", manifest, *DEV, *lost, "--yes").code == 1
    assert offers("import", manifest, *DEV, *lost).out.endswith("0 imported, 2 known before, 1 not imported\n")


def test_a_campaign_is_promoted_and_then_nothing_differs(
    offers: Offers, connected: Emulator, api: str, tmp_path: Path
) -> None:
    manifest = applied(offers, tmp_path)

    done = offers("promote", manifest, "dev", "prod", "--yes")

    assert done.code == 0, done.err
    assert done.lines[-1] == "applied: 3 created"
    assert done.err == ""
    assert offers("plan", manifest, "--target", "prod").lines[-1] == UNCHANGED
    assert bodies(connected, api, "personalized", "prod")["Spring towels"]["rank"] == {"priority": 10}


def test_a_promotion_tells_what_is_not_portable_and_what_was_never_tried(
    offers: Offers, connected: Emulator, api: str, tmp_path: Path
) -> None:
    identifier = f"{api}:tag:1c265317da412003"
    manifest = written(tmp_path, SPRING.replace('ids: ["name:Spring"]', f'ids: ["{identifier}"]'))

    done = offers("promote", manifest, "dev", "prod", "--allow-differences")

    assert "warning: the target 'dev' is not as the manifest says: 3 to create" in done.err
    assert "warning: not portable: spring.yaml:" in done.err
    assert identifier in done.err


@pytest.mark.parametrize("case", ["never applied", "changed since", "edited by somebody"])
def test_what_the_source_does_not_have_is_not_promoted(
    case: str, offers: Offers, connected: Emulator, api: str, tmp_path: Path
) -> None:
    """Nobody has seen it there, which is what a promotion is for."""
    manifest = written(tmp_path) if case == "never applied" else applied(offers, tmp_path)
    if case == "changed since":
        written(tmp_path, SPRING.replace("priority: 10", "priority: 20"))
    if case == "edited by somebody":
        edit(connected, api, "dev", "Spring towels", "/rank/priority", 55)

    done = offers("promote", manifest, "dev", "prod", "--yes")

    assert done.code == 1
    counts = {"never applied": "3 to create", "changed since": "1 to change", "edited by somebody": "1 in conflict"}
    assert "airflow offers promote: the target 'dev' is not as the manifest says: " in done.err
    assert counts[case] in done.err
    assert f"airflow offers plan {manifest} --target dev" in done.err
    assert "or add --allow-differences" in done.err
    assert not bodies(connected, api, "personalized", "prod")
    allowed = offers("promote", manifest, "dev", "prod", "--yes", "--allow-differences")
    assert (allowed.code, allowed.lines[-1]) == (0, "applied: 3 created")
    assert "warning: the target 'dev' is not as the manifest says: " in allowed.err


def test_a_prune_retires_what_is_gone_and_does_nothing_else(
    offers: Offers, connected: Emulator, api: str, tmp_path: Path
) -> None:
    applied(offers, tmp_path)
    text = SPRING.replace(
        '  - name: Spring towels\n    tags: ["name:Spring"]\n    rank: {priority: "{{ var.priority }}"}',
        "  - {name: Spring buckets, rank: {priority: 1}}",
    )
    manifest = written(tmp_path, text)
    assert "left alone" in offers("plan", manifest, *DEV).out

    done = offers("prune", manifest, *DEV, "--yes")

    assert done.code == 0, done.err
    assert done.lines[-1] == "applied: 1 retired"
    there = bodies(connected, api, "personalized", "dev")
    assert there["Spring towels"]["status"] == "archived"
    assert "Spring buckets" not in there
    assert offers("prune", manifest, *DEV).lines[-1].startswith("applied: ")


def test_a_prune_keeps_what_an_object_had_under_its_old_name(
    offers: Offers, connected: Emulator, api: str, tmp_path: Path
) -> None:
    manifest = applied(offers, tmp_path)
    edit(connected, api, "dev", "Spring towels", "/name", "Beach towels")
    moved = "moved: [{kind: offer, from: Spring towels, to: Beach towels}]\n"
    written(tmp_path, SPRING.replace("Spring towels", "Beach towels") + moved)
    assert offers("prune", manifest, *DEV, "--yes").code == 0

    edit(connected, api, "dev", "Beach towels", "/rank/priority", 50)

    assert "the manifest wants 10, and 10 was applied last" in offers("plan", manifest, *DEV).out


def test_a_prune_leaves_what_another_campaign_has_too(
    offers: Offers, connected: Emulator, api: str, tmp_path: Path
) -> None:
    manifest = applied(offers, tmp_path)
    other = written(tmp_path, SPRING.replace("campaign: spring", "campaign: autumn"), "autumn.yaml")
    assert offers("apply", other, *DEV, "--yes").code == 0
    # A copy is nobody's state.
    (state,) = (tmp_path / "state").rglob("spring.json")
    (state.parent / "copy.json").write_bytes(state.read_bytes())
    written(tmp_path, SPRING[: SPRING.index("offers:")])
    prune = ("--how", "delete", "--max-prune", "2", "--yes")

    done = offers("prune", manifest, *DEV, *prune)

    assert done.code == 0, done.err
    assert """left alone: personalized offer "Spring towels": the campaign 'autumn' has it, too""" in done.out
    assert list(bodies(connected, api, "personalized", "dev")) == ["Spring towels"]
    # The campaign has given it up, but every later plan says that it is there. An apply writes the state once for that.
    content = state.read_bytes()
    again = offers("prune", manifest, *DEV, *prune)
    assert "the campaign 'autumn' has it, too. If that campaign is no more" in again.out
    assert state.read_bytes() == content
    # It is the other campaign's alone, which may retire it.
    written(tmp_path, SPRING.replace("campaign: spring", "campaign: autumn").partition("offers:")[0], "autumn.yaml")
    assert offers("prune", other, *DEV, *prune).lines[-1] == "applied: 2 retired"
    assert not bodies(connected, api, "personalized", "dev")
    assert "left alone" not in offers("prune", manifest, *DEV, *prune).out


def test_what_a_campaign_has_given_up_is_its_own_again_when_it_is_back_in_the_manifest(
    offers: Offers, connected: Emulator, api: str, tmp_path: Path
) -> None:
    manifest = applied(offers, tmp_path)
    other = written(tmp_path, SPRING.replace("campaign: spring", "campaign: autumn"), "autumn.yaml")
    assert offers("apply", other, *DEV, "--yes").code == 0
    prune = ("--how", "delete", "--max-prune", "2", "--yes")
    written(tmp_path, SPRING[: SPRING.index("offers:")])
    assert offers("prune", manifest, *DEV, *prune).code == 0
    assert offers("apply", written(tmp_path), *DEV, "--yes").lines[-1] == "applied: 3 unchanged"
    written(tmp_path, SPRING.replace("campaign: spring", "campaign: autumn").partition("offers:")[0], "autumn.yaml")

    done = offers("prune", other, *DEV, *prune)

    assert "the campaign 'spring' has it, too" in done.out
    assert list(bodies(connected, api, "personalized", "dev")) == ["Spring towels"]


def test_the_state_of_the_old_name_of_a_campaign_keeps_objects_until_it_is_removed(
    offers: Offers, connected: Emulator, api: str, tmp_path: Path
) -> None:
    applied(offers, tmp_path)
    renamed = SPRING.replace("campaign: spring", "campaign: spring-2027")
    manifest = written(tmp_path, renamed)
    assert offers("apply", manifest, *DEV, "--yes").lines[-1] == "applied: 3 unchanged"
    written(tmp_path, renamed.partition("offers:")[0])
    prune = ("--how", "delete", "--max-prune", "2", "--yes")

    for _ in range(2):
        done = offers("prune", manifest, *DEV, *prune)
        assert "the campaign 'spring' has it, too. If that campaign is no more, or has another name now" in done.out
        assert "remove its state, spring.json beside the one of this campaign" in done.out
    (state,) = (tmp_path / "state").rglob("spring.json")
    state.unlink()

    assert offers("prune", manifest, *DEV, *prune).lines[-1] == "applied: 2 retired"
    assert not bodies(connected, api, "personalized", "dev")


def test_a_prune_of_too_much_is_refused(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    applied(offers, tmp_path)
    manifest = written(tmp_path, SPRING[: SPRING.index("tags:")])

    done = offers("prune", manifest, *DEV, "--how", "delete", "--yes")

    assert done.code == 1
    assert "retire" in done.err
    assert offers("prune", manifest, *DEV, "--how", "delete", "--max-prune", "3", "--yes").code == 0


def test_a_prune_does_not_pass_over_what_somebody_else_has_changed(
    offers: Offers, connected: Emulator, api: str, tmp_path: Path
) -> None:
    applied(offers, tmp_path)
    edit(connected, api, "dev", "Spring towels", "/rank/priority", 50)
    manifest = written(tmp_path, SPRING[: SPRING.index("offers:")])

    done = offers("prune", manifest, *DEV, "--max-prune", "3", "--yes")

    assert done.code == 1
    assert 'conflict in personalized offer "Spring towels"' in done.out
    assert bodies(connected, api, "personalized", "dev")["Spring towels"]["status"] == "draft"
    assert offers("prune", manifest, *DEV, "--max-prune", "3", "--force-conflicts", "--yes").code == 0
    assert bodies(connected, api, "personalized", "dev")["Spring towels"]["status"] == "archived"
