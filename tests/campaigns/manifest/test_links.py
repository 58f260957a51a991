"""What spans the objects of a manifest: names, references, lifecycles, new names, several files, and the digest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from airflow.sdk import ObjectStoragePath

from airflow_provider_offers.campaigns.checking import check_manifests
from airflow_provider_offers.campaigns.errors import ManifestError
from airflow_provider_offers.campaigns.manifest.loading import load, validate
from tests.campaigns.manifest.folders import HEADER, OFFER, WINDOW, loaded, properties, written

TAG = "tags: [{name: T}]\n"


def pointers(error: ManifestError) -> list[str]:
    """The pointers of all violations, without their places."""
    return [each.pointer.partition(" ")[2] for each in error.violations]


def ignored(folder: Path, pointer: str, section: str = "offers", more: str = f"{OFFER}, window: {WINDOW}") -> list[str]:
    """The pointers that an object of a section ignores."""
    text = f"{section}: [{{name: A, {more}, lifecycle: {{ignore_changes: ['{pointer}']}}}}]\n"
    return list(loaded(folder, text).objects[0].lifecycle.ignore_changes)


class TestLifecycle:
    @pytest.mark.parametrize("pointer", ["/rank/priority", "/rank", "/characteristics/any name", "/labels", "/tags"])
    def test_a_pointer_names_a_property_or_what_is_above_it(self, tmp_path: Path, pointer: str) -> None:
        assert ignored(tmp_path, pointer) == [pointer]

    def test_a_pointer_may_have_generation_1s_spelling(self, tmp_path: Path) -> None:
        assert ignored(tmp_path, "/xdm:rank/xdm:priority") == ["/rank/priority"]

    def test_the_window_means_both_dates(self, tmp_path: Path) -> None:
        dates = ["/selectionConstraint/startDate", "/selectionConstraint/endDate"]
        assert ignored(tmp_path, "/window") == dates
        assert ignored(tmp_path, "/window", "decisions", "status: draft") == ["/startDate", "/endDate"]

    def test_a_kind_without_a_window_has_no_such_pointer(self, tmp_path: Path) -> None:
        with pytest.raises(ManifestError, match="/lifecycle/ignore_changes/0: given '/window'"):
            ignored(tmp_path, "/window", "fallbacks", "status: draft")

    def test_a_lifecycle_may_depend_on_the_target(self, tmp_path: Path) -> None:
        text = "tags: [{name: T, lifecycle: {prevent_destroy: \"{{ target.name == 'dev' }}\"}}]\n"

        assert loaded(tmp_path, text).objects[0].lifecycle.prevent_destroy is True


class TestReferences:
    def test_an_object_of_the_manifest_of_others_or_an_id_may_be_named(self, tmp_path: Path) -> None:
        text = """\
placements: [{name: Own}]
fallbacks:
  - name: F
    status: draft
    representations:
      - {placement: name:Own, components: []}
      - {placement: name:Web hero, components: []}
      - {placement: "xcore:offer-placement:124e0be5699743d3", components: []}
"""
        assert len(properties(loaded(tmp_path, text))[1]["representations"]) == 3

    def test_the_kind_of_a_name_follows_from_its_place(self, tmp_path: Path) -> None:
        with pytest.raises(
            ManifestError, match="given 'name:T', the name of a collection qualifier; expected name: and"
        ):
            loaded(tmp_path, TAG + "collections: [{name: C, filterType: offers, ids: [name:T]}]\n")

    def test_an_offer_and_a_fallback_of_one_name_are_two_objects(self, tmp_path: Path) -> None:
        text = f"offers: [{{name: A, {OFFER}, window: {WINDOW}}}]\nfallbacks: [{{name: A, status: draft}}]\n"

        assert [each.key for each in loaded(tmp_path, text).objects] == [("personalized", "A"), ("fallback", "A")]

    def test_names_differ_in_case(self, tmp_path: Path) -> None:
        assert len(loaded(tmp_path, "tags: [{name: a}, {name: A}]\n").objects) == 2

    def test_one_mistake_causes_no_others(self, tmp_path: Path) -> None:
        text = "tags: [{name: T, color: red}]\ncollections: [{name: C, filterType: any-tags, ids: [name:T]}]\n"

        with pytest.raises(ManifestError) as caught:
            loaded(tmp_path, text)

        assert pointers(caught.value) == ["/tags/0/color"]

    def test_all_mistakes_are_told_at_once(self, tmp_path: Path) -> None:
        text = """\
tags: [{name: T}, {name: T}]
collections: [{name: C, filterType: any-tags, ids: [name:U]}]
decisions: [{name: D, status: alive, fallback: x}]
moved: [{kind: tag, from: S, to: V}]
"""
        with pytest.raises(ManifestError) as caught:
            loaded(tmp_path, text)

        assert sorted(pointers(caught.value)) == [
            "/collections/0/ids/0",
            "/decisions/0/status",
            "/moved/0/to",
            "/tags/1/name",
        ]


class TestMoves:
    @pytest.mark.parametrize(
        ("moves", "pointer"),
        [
            ("{kind: tag, from: A, to: T}, {kind: tag, from: A, to: U}", "/moved/1"),
            ("{kind: tag, from: A, to: T}, {kind: tag, from: B, to: T}", "/moved/1"),
            ("{kind: tag, from: A, to: B}, {kind: tag, from: B, to: A}", "/moved/0/to"),
            ("{kind: tag, from: A, to: B}, {kind: tag, from: C, to: T}", "/moved/0/to"),
        ],
    )
    def test_a_move_that_leads_nowhere_or_elsewhere_is_refused(self, tmp_path: Path, moves: str, pointer: str) -> None:
        with pytest.raises(ManifestError) as caught:
            loaded(tmp_path, f"tags: [{{name: T}}, {{name: U}}]\nmoved: [{moves}]\n")

        assert pointer in pointers(caught.value)

    def test_an_object_may_move_several_times(self, tmp_path: Path) -> None:
        moves = "{kind: tag, from: B, to: T}, {kind: tag, from: A, to: B}"

        campaign = loaded(tmp_path, f"tags: [{{name: T}}]\nmoved: [{moves}]\n")

        assert [(each.old, each.new) for each in campaign.moved] == [("B", "T"), ("A", "B")]

    def test_the_names_of_other_kinds_do_not_count(self, tmp_path: Path) -> None:
        campaign = loaded(
            tmp_path, f"{TAG}rules: []\nplacements: [{{name: A}}]\nmoved: [{{kind: tag, from: A, to: T}}]\n"
        )

        assert [(each.kind.key, each.old, each.new) for each in campaign.moved] == [("tag", "A", "T")]


class TestFiles:
    def test_a_folder_is_one_manifest(self, tmp_path: Path) -> None:
        written(
            tmp_path,
            "offers: []\ntags: [{name: A}]\n",
            more__yml="tags: [{name: B, description: !include b.txt}, !include c.json]\n"
            "external: {placements: [Footer]}\n",
            c__json='{"name": "C"}',
            b__txt="of text",
            rows__json='[{"n": 1}]',
            _draft__yaml="tags: [{name: D}]\n",
            parts___x__yaml="not: used\n",
            note__txt="not read",
        )

        campaign = load(tmp_path)

        assert [each.name for each in campaign.objects] == ["A", "B", "C"]
        assert campaign.objects[1].properties["description"] == "of text"
        assert campaign.external == [("placement", "Web hero"), ("placement", "Footer")]
        assert str(campaign.objects[2].origin) == "c.json:1:1"

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            ("campaign: other\n", "more.yaml:1:1: given campaign in a second file"),
            ("- name: X\n", "more.yaml:1:1: given a file that is not part of a manifest"),
            ("placement: x\n", "did you mean 'placements'"),
            ("tags: {name: X}\n", "more.yaml:1:7 /tags: given an object; expected a list of objects"),
        ],
    )
    def test_a_file_of_a_folder_that_does_not_fit_is_refused(self, tmp_path: Path, content: str, says: str) -> None:
        written(tmp_path, TAG, more__yaml=content)

        with pytest.raises(ManifestError) as caught:
            load(tmp_path)

        assert says in str(caught.value)

    def test_a_manifest_may_be_json(self, tmp_path: Path) -> None:
        (tmp_path / "c.json").write_text(
            '{"apiVersion": "offers/v1", "campaign": "x", "targets": {"t": {"connection": "c"}}, '
            '"tags": [{"name": "T"}]}'
        )

        assert load(tmp_path / "c.json").objects[0].name == "T"

    def test_paths_are_relative_to_the_file_that_names_them(self, tmp_path: Path) -> None:
        campaign = loaded(
            tmp_path,
            "tags: !include parts/tags.yaml\n",
            {
                "parts___tags__yaml": "- {for_each: ../t.csv, name: '{{ row.n }}'}\n- !include more/u.yaml\n",
                "parts___more___u__yaml": "name: U\n",
                "t__csv": "n\nT\n",
            },
        )

        assert [each.name for each in campaign.objects] == ["T", "U"]

    def test_a_circle_of_links_and_a_pipe_are_no_files(self, tmp_path: Path) -> None:
        manifest = written(tmp_path, "tags: !include circle.yaml\nrules: !include pipe.yaml\n")
        (tmp_path / "circle.yaml").symlink_to("circle.yaml")
        os.mkfifo(tmp_path / "pipe.yaml")

        with pytest.raises(ManifestError) as caught:
            load(manifest)

        circle, pipe = map(str, caught.value.violations)
        assert circle.startswith("campaign.yaml:5:7: given 'circle.yaml', which ")
        assert "did you mean" not in circle
        assert pipe == "campaign.yaml:6:8: given 'pipe.yaml', a pipe or a device; expected a file"

    def test_a_link_that_leaves_the_folder_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "secret.txt").write_text("x")
        folder = tmp_path / "campaign"
        manifest = written(folder, "tags: [{name: !include link.txt}]\n")
        (folder / "link.txt").symlink_to(tmp_path / "secret.txt")

        with pytest.raises(ManifestError, match=r"campaign.yaml:5:15: given 'link.txt', a link that leaves"):
            load(manifest)

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
    def test_a_byte_order_mark_is_no_text(self, tmp_path: Path, encoding: str) -> None:
        manifest = written(tmp_path, "tags: [{name: Grün}]\n")
        manifest.write_bytes(manifest.read_text(encoding="utf-8").encode(encoding))

        campaign = load(manifest)

        assert campaign.objects[0].name == "Grün"
        assert str(campaign.objects[0].origin) == "campaign.yaml:5:8"

    def test_a_path_as_it_was_typed_stands_in_messages(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        written(tmp_path / "a" / "b", "tags: [{name: 7, colour: !include x.txt}]\n", x__txt="x")
        monkeypatch.chdir(tmp_path)

        with pytest.raises(ManifestError, match=r"  a/b/campaign\.yaml:5:18 /tags/0/colour: given"):
            load("a/b/campaign.yaml")

    def test_object_storage_is_read(self, tmp_path: Path) -> None:
        written(
            tmp_path, "tags: !include parts/tags.yaml\n", parts___tags__yaml="[{for_each: t.csv, name: '{{ row.n }}'}]"
        )
        (tmp_path / "parts" / "t.csv").write_text("n\nT\n")
        root = ObjectStoragePath(f"file://{tmp_path}")

        assert load(root / "campaign.yaml").objects[0].name == load(root).objects[0].name == "T"

    @pytest.mark.parametrize("path", ["no.yaml", "no", "campaign.txt", "", None, 7, "x" * 5_000, "a\0b"])
    def test_a_path_that_is_no_manifest_is_refused(self, tmp_path: Path, path: object) -> None:
        (tmp_path / "campaign.txt").write_text(HEADER)
        given = str(tmp_path / path) if isinstance(path, str) and path else path

        for check in (load, validate):
            with pytest.raises(ManifestError) as caught:
                check(given)
            assert len(caught.value.violations) == 1

    def test_a_plan_that_is_saved_in_the_folder_is_no_part_of_the_manifest(self, tmp_path: Path) -> None:
        written(tmp_path, TAG, plan__json='{"format": "offers.plan/v1", "campaign": "spring"}')

        assert [each.name for each in load(tmp_path).objects] == ["T"]

    def test_an_empty_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ManifestError, match=r"a folder with a file that ends in \.yaml, \.yml"):
            load(tmp_path)


class TestDigest:
    def test_places_comments_and_files_do_not_count(self, tmp_path: Path) -> None:
        one = loaded(tmp_path / "a", "tags: [{name: T}]\n")
        other = loaded(tmp_path / "b", "# a comment\ntags: !include t.yaml\n", {"t__yaml": "- name: T\n"})

        assert one.digest == other.digest

    @pytest.mark.parametrize(
        "text",
        [
            "tags: [{name: U}]\n",
            "tags: [{name: T, description: x}]\n",
            "rules: []\ntags: [{name: T, lifecycle: {prevent_destroy: true}}]\n",
            "tags: [{name: T, lifecycle: {ignore_changes: [/description]}}]\n",
            "tags: [{name: T}]\nmoved: [{kind: tag, from: S, to: T}]\n",
            "tags: [{name: T}, {name: U}]\n",
        ],
    )
    def test_what_an_apply_does_counts(self, tmp_path: Path, text: str) -> None:
        assert loaded(tmp_path / "a", TAG).digest != loaded(tmp_path / "b", text).digest

    def test_each_target_has_its_own(self, tmp_path: Path) -> None:
        manifest = written(tmp_path, TAG)
        manifest.write_text(manifest.read_text().replace("{dev:", "{stage: {connection: ajo_dev}, dev:"))

        stage, dev = validate(manifest)

        assert stage.digest != dev.digest


def test_what_is_doubtful_is_a_warning_of_the_campaign(tmp_path: Path) -> None:
    campaign = loaded(
        tmp_path,
        "rules: [{name: R, condition: {type: PQL, format: pql/text, value: x}}]\n"
        "collections: [{name: C, filterType: any-tags, ids: [springtag]}]\n",
    )

    (warning,) = campaign.warnings
    assert warning.startswith("campaign.yaml:6:53 /collections/0/ids/0: given 'springtag'")


@pytest.mark.parametrize("other", ["spring", "Spring ", "\uff33pring"], ids=["case", "blanks", "form"])
def test_names_that_look_the_same_are_a_warning(tmp_path: Path, other: str) -> None:
    text = f'tags: [{{name: Spring}}, {{name: "{other}"}}, {{name: Winter}}]\nrules: []\n'

    campaign = loaded(tmp_path, text)

    (warning,) = campaign.warnings
    assert warning.startswith("campaign.yaml:5:")
    assert f"/tags/1/name: given {other!r}, which looks like 'Spring' at campaign.yaml:5:8" in warning
    assert warning.endswith("There will be two collection qualifiers")


def test_targets_that_lead_to_one_place_are_a_warning(tmp_path: Path) -> None:
    """They share a state, so each would retire what only the other one has."""
    manifest = written(tmp_path, TAG)
    head = "dev: {connection: ajo_dev}"
    same = f"{head}, prod: {{connection: ajo_dev, sandbox: prod}}, stage: {{connection: ajo_dev}}"
    manifest.write_text(manifest.read_text().replace(head, same))

    for campaign in validate(manifest):
        (warning,) = campaign.warnings
        assert "/targets/stage: given the connection and the sandbox of the target 'dev'" in warning


class TestLines:
    """The lines of a check: each begins with what a terminal can open."""

    TEXT = "tags: [{name: T, color: x}, {for_each: parts/t.csv, name: '{{ row.n }}'}]\n"

    def test_a_relative_path_stays_as_it_was_typed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        written(tmp_path / "a", self.TEXT, parts___t__csv="n,n\n")
        monkeypatch.chdir(tmp_path)

        _, wrong = check_manifests(["a/campaign.yaml", "nothing.yaml"])

        assert [each.partition(" ")[0] for each in wrong] == [
            "a/campaign.yaml:5:18",
            "a/parts/t.csv:1:",
            "nothing.yaml:",
        ]

    def test_an_absolute_path_does_too(self, tmp_path: Path) -> None:
        path = written(tmp_path, self.TEXT, parts___t__csv="n\nU\n")

        valid, wrong = check_manifests([str(path), str(tmp_path)])

        assert [each.partition(" ")[0] for each in wrong] == [f"{path}:5:18"] * 2
        assert valid == []

    def test_a_valid_manifest_is_one_line_with_its_targets(self, tmp_path: Path) -> None:
        path = written(tmp_path, TAG)

        assert check_manifests([str(path)]) == (
            [f"{path}: the campaign 'spring' is valid: 1 objects for dev"],
            [],
        )
