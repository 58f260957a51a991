"""Exports: a manifest of what is there, with names for ids. A plan of it is empty."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.campaigns.manifest.findings import Findings
from airflow_provider_offers.campaigns.manifest.loading import load
from airflow_provider_offers.campaigns.manifest.nodes import plain
from airflow_provider_offers.campaigns.manifest.reading_yaml import node_of_yaml
from airflow_provider_offers.campaigns.manifest.schema import schema_text
from airflow_provider_offers.campaigns.manifest.writing_yaml import as_yaml, write_manifest
from airflow_provider_offers.campaigns.moving.exporting import Exported, check_head, export_library
from airflow_provider_offers.campaigns.state.states import State
from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.emulator import Emulator
from tests.campaigns.making import PQL, WINDOW, counted, plan, put
from tests.client.campaign import campaign as seeded_campaign
from tests.client.campaign import decision
from tests.effort import examples


def export(library: OfferLibrary, *select: str, **options: Any) -> Exported:
    return library.run(lambda access: export_library(access, select, **options))


def nothing_applied() -> State:
    return State("exported", Emulator.ORG_ID, Emulator.SANDBOX)


def written(exported: Exported, path: Path) -> Path:
    write_manifest(exported.manifest("exported", "prod", "offers"), path)
    return path


def whole(emulator: Emulator) -> dict[str, str]:
    """A campaign with a live decision, and objects that manifests write in a special way."""
    ids = seeded_campaign(emulator)
    shown = [{"placement": ids["placement"], "components": [{"type": "html", "format": "text/html", "content": TEXT}]}]
    put(
        emulator, "fallback", "Text", status="draft", representations=shown, characteristics={"{{x}}": "no", "a": "010"}
    )
    (hero,) = emulator.seed(objects=[{"kind": "offer-activity", "body": decision(ids, status="live")}])
    return {**ids, "decision": hero}


TEXT = "<p>{{profile.name}}</p>\n  <p>&nbsp;\t</p>\n\n"


@pytest.mark.parametrize("name", ["manifest.yaml", "manifest.json", "folder"])
def test_the_plan_of_an_export_is_empty(library: OfferLibrary, emulator: Emulator, tmp_path: Path, name: str) -> None:
    whole(emulator)

    exported = export(library)
    found = plan(library, load(written(exported, tmp_path / name)), nothing_applied())

    assert not found.has_changes
    assert not found.has_conflicts
    assert found.counts["unchanged"] == len(exported.objects)
    assert [each for each in exported.notes if "definedOn" not in each] == []
    assert exported.external == ()


def test_references_are_names_and_templates_of_adobe_stay(library: OfferLibrary, emulator: Emulator) -> None:
    whole(emulator)

    manifest = export(library).manifest("exported", "prod", "offers", "prod")

    assert list(manifest) == [
        "apiVersion", "campaign", "targets", "tags", "rules", "placements", "offers", "fallbacks", "collections",
        "decisions",
    ]  # fmt: skip
    assert manifest["targets"] == {"prod": {"connection": "offers", "sandbox": "prod"}}
    (collection,) = manifest["collections"]
    assert collection["ids"] == ["name:Spring"]
    (hero,) = manifest["decisions"]
    assert (hero["fallback"], hero["criteria"][0]["placements"]) == ("name:Everyone", ["name:Newsletter top"])
    assert [each.get("templates") for each in manifest["fallbacks"]] == [None, False]


def test_an_editor_finds_no_mistake_in_an_export(library: OfferLibrary, emulator: Emulator) -> None:
    whole(emulator)
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))

    manifest = export(library).manifest("exported", "prod", "offers")

    assert [f"{each.json_path}: {each.message}" for each in validator.iter_errors(manifest)] == []


def test_a_tag_selects_what_uses_it_and_what_that_needs(library: OfferLibrary, emulator: Emulator) -> None:
    whole(emulator)
    put(emulator, "personalized", "Other", status="draft", selectionConstraint=WINDOW, rank={"priority": 1})

    selected = export(library, "tag:Spr*")

    assert sorted(name for _, name in selected.objects) == [
        "Everyone", "Gold members", "Newsletter", "Newsletter top", "Spring", "Spring set", "Voucher",
    ]  # fmt: skip
    assert set(export(library, "decision:Newsletter").objects) == set(selected.objects)
    assert {name for _, name in export(library, "rules:Gold*", "tag:Sale").objects} == {"Gold members", "Sale"}


def test_with_only_the_needed_objects_are_external(library: OfferLibrary, emulator: Emulator, tmp_path: Path) -> None:
    whole(emulator)

    selected = export(library, "collection:*", only=True)

    assert list(selected.objects) == [("collection", "Spring set")]
    assert selected.external == (("tag", "Spring"),)
    assert counted(plan(library, load(written(selected, tmp_path / "one.yaml")), nothing_applied())) == {"unchanged": 1}


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("thing:*", "expected a kind before the colon: tags, rules"),
        ("tag:Nowhere*", "given 'tag:Nowhere*'; expected a pattern"),
    ],
)
def test_a_selection_of_nothing_is_an_error(library: OfferLibrary, pattern: str, message: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        export(library, pattern)

    assert message in str(caught.value)


def test_what_cannot_be_exported_is_told(library: OfferLibrary, emulator: Emulator, tmp_path: Path) -> None:
    twice = [put(emulator, "placement", "Hero") for _ in range(2)]
    shown = [{"placement": twice[0], "components": [{"type": "html", "format": "text/html", "content": "<p/>"}]}]
    offer = {"selectionConstraint": WINDOW, "rank": {"priority": 1}, "representations": shown}
    put(emulator, "personalized", "Ten", status="draft", **offer)
    put(emulator, "personalized", "Old", status="archived", **offer)

    exported = export(library)

    assert ("personalized", "Ten") in exported.objects
    assert not any(name in ("Hero", "Old") for _, name in exported.objects)
    assert any("2 placements are called 'Hero'" in each for each in exported.notes)
    assert any(f"stays an id: {twice[0]} has no name of its own" in each for each in exported.notes)
    assert "Left out: 1 archived objects" in exported.notes
    # The id stays right in this sandbox.
    assert not plan(library, load(written(exported, tmp_path / "all.yaml")), nothing_applied()).has_conflicts


def test_what_reads_do_not_show_is_told(library: OfferLibrary, emulator: Emulator, api: str, tmp_path: Path) -> None:
    alias = {"offer": {"schema": {"altId": "_experience.offer-management.personalized-offer", "version": "0"}}}
    value = {**PQL, "value": "offer.rank.priority"}
    formula = put(emulator, "formula", "Boost", expression=value, returnType={"type": "integer"}, definedOn=alias)

    exported = export(library)

    if api == "xcore":
        # Generation 1 has no formulas.
        assert not any(kind == "formula" for kind, _ in exported.objects)
        return
    (note,) = [each for each in exported.notes if formula in each]
    assert note.startswith("Reads do not show definedOn of ")
    assert note.endswith(f"the ranking formula 'Boost' ({formula}): if there is one, add it by hand")
    assert not plan(library, load(written(exported, tmp_path / "all.yaml")), nothing_applied()).has_conflicts


def test_an_export_costs_one_request_a_page(library: OfferLibrary, emulator: Emulator, api: str) -> None:
    emulator.seed(150)
    library.service_time()
    emulator.clear_journal()

    export(library)

    assert {each.method for each in emulator.journal()} == {"GET"}
    assert len(emulator.journal()) == (9 if api == "dps" else 8)


def test_nothing_is_written_over(tmp_path: Path, library: OfferLibrary) -> None:
    exported = Exported({("tag", "Spring"): {"name": "Spring"}})
    document = exported.manifest("exported", "prod", "offers")

    assert write_manifest(document, tmp_path / "folder") == ["campaign.yaml", "tags.yaml"]
    with pytest.raises(InvalidInputError, match=r"'campaign\.yaml' already; expected a path without it, or the option"):
        write_manifest(document, tmp_path / "folder")
    assert write_manifest(document, tmp_path / "folder", overwrite=True) == ["campaign.yaml", "tags.yaml"]
    (tmp_path / "folder" / "mine.yaml").write_text("rules: []")
    with pytest.raises(InvalidInputError, match=r"'mine\.yaml' already, which would become a part of") as refused:
        write_manifest(document, tmp_path / "folder", overwrite=True)
    assert "overwrite" not in str(refused.value)


ODD = [
    "no",
    "on",
    "2027-03-01",
    "12:30",
    "010",
    "0o7",
    "1e3",
    "~",
    "null",
    "<<",
    "=",
    "-_a",
    "a:_b",
    "#x",
    "!include_x",
]
TEXTS = st.text(max_size=12) | st.text(alphabet=" \t\n:#-'\"|>&*!%@`\\{}[],?x", max_size=12)
ANY_TEXT = TEXTS | st.sampled_from([each.replace("_", " ") for each in ODD])
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.none() | st.booleans() | NUMBERS | ANY_TEXT | st.lists(ANY_TEXT, max_size=2)
DOCUMENT = st.dictionaries(ANY_TEXT, VALUES, max_size=3)


@examples(50)
@given(DOCUMENT)
def test_every_document_is_read_as_it_was_written(document: dict[str, Any]) -> None:
    text = as_yaml(document)
    node = node_of_yaml(text, "x.yaml", lambda path, origin: None, Findings())

    assert node is not None
    assert json.dumps(plain(node)) == json.dumps(document)


@pytest.mark.parametrize(("name", "given"), [("campaign", ""), ("campaign", "{{ ds }}"), ("target", " ")])
def test_a_head_that_no_manifest_can_have_is_refused(name: str, given: str) -> None:
    with pytest.raises(InvalidInputError, match=f"{name}: given .*; expected text that is neither blank"):
        check_head(**{"campaign": "spring", "target": "dev", "connection": "ajo", name: given})
