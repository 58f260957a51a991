"""Promotion: the same manifest on another sandbox, and a list of what is not portable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_offers.campaigns.manifest.loading import load
from airflow_provider_offers.campaigns.manifest.writing_yaml import as_yaml
from airflow_provider_offers.campaigns.moving.exporting import export_library
from airflow_provider_offers.campaigns.moving.promoting import compare_targets, find_unportable
from airflow_provider_offers.campaigns.objects import Campaign, WantedObject
from airflow_provider_offers.campaigns.state.states import State
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.emulator import Emulator
from tests.campaigns.making import PQL, campaign, offer, plan, wanted
from tests.client.campaign import campaign as seeded_campaign
from tests.client.campaign import decision, seed

STANDARD = {"ref": "https://ns.adobe.com/xdm/context/profile_union", "version": "1"}


def found(*objects: WantedObject) -> list[tuple[str, str]]:
    """The pointers and values that are not portable."""
    return [(each.pointer, each.value) for each in find_unportable(campaign(*objects))]


def test_a_campaign_with_names_and_standard_schemas_is_portable() -> None:
    rule = wanted("rule", "Gold", condition=PQL, definedOn={"profile": {"schema": STANDARD}})
    alias = {"offer": {"schema": {"altId": "_experience.offer-management.personalized-offer", "version": "0"}}}
    formula = wanted("formula", "Boost", expression=PQL, definedOn=alias)

    assert found(rule, formula, offer("Ten", tags=["name:Spring"])) == []


def test_what_only_one_sandbox_has_is_told_with_its_place() -> None:
    audience = {"profileConstraintType": "anySegments", "segmentIdentities": [{"id": "7"}]}
    model = {"priority": 1, "order": {"orderEvaluationType": "ranking-strategy", "rankingStrategy": "1a2b"}}
    asset = {"type": "html", "format": "text/html", "repo:id": "urn:aaid:sc:US:1"}
    shown = [{"placement": "dps:offer-placement:1", "components": [asset]}]
    ten = offer("Ten", tags=["name:A"], rank=model, selectionConstraint=audience, representations=shown)
    rule = wanted(
        "rule",
        "Gold",
        condition={**PQL, "value": 'inSegment("7")'},
        definedOn={"p": {"schema": {"ref": "https://ns.adobe.com/acme/schemas/1", "version": "1"}}},
    )

    assert set(found(ten)) == {
        ("/representations/0/placement", "'dps:offer-placement:1'"),
        ("/rank/order/rankingStrategy", "'1a2b'"),
        ("/selectionConstraint/segmentIdentities", "[{'id': '7'}]"),
        ("/representations/0/components/0/repo:id", "'urn:aaid:sc:US:1'"),
    }
    assert set(found(rule)) == {
        ("/condition/value", "'inSegment(\"7\")'"),
        ("/definedOn/p/schema", "'https://ns.adobe.com/acme/schemas/1'"),
    }
    (first, *_) = find_unportable(campaign(ten))
    assert str(first).startswith("spring.yaml:1:1: personalized 'Ten', /representations/0/placement: ")


def test_an_audience_in_an_expression_is_found_by_its_field_too() -> None:
    text = 'segmentMembership.get("ups").get("7").status = "realized"'

    rule = wanted("rule", "Gold", condition={**PQL, "value": text})

    assert [pointer for pointer, _ in found(rule)] == ["/condition/value"]


def test_a_value_that_a_variable_changes_is_portable() -> None:
    def made(model: str) -> Campaign:
        order = {"orderEvaluationType": "ranking-strategy", "rankingStrategy": model}
        return campaign(offer("Ten", rank={"priority": 1, "order": order}))

    assert compare_targets(made("dev-model"), made("prod-model")) == []
    assert [each.pointer for each in compare_targets(made("one"), made("one"))] == ["/rank/order/rankingStrategy"]


def test_a_variable_at_the_end_of_a_long_expression_makes_it_portable() -> None:
    def made(audience: str) -> Campaign:
        text = f'person.name.firstName = "{"A" * 200}" and inSegment("{audience}")'
        return campaign(wanted("rule", "Gold", condition={**PQL, "value": text}))

    assert compare_targets(made("7"), made("8")) == []
    (told,) = compare_targets(made("7"), made("7"))
    assert len(str(told)) < 400


@pytest.fixture
def on_dev(emulator: Emulator, api: str) -> Iterator[OfferLibrary]:
    """The library in another sandbox, with other ids."""
    connection = emulator.connection(api, sandbox="dev")
    connection.pop("conn_type")
    with OfferLibrary(parse_settings(**connection)) as library:
        yield library


def test_an_exported_campaign_is_planned_by_names_in_another_sandbox(
    library: OfferLibrary, on_dev: OfferLibrary, emulator: Emulator, tmp_path: Path
) -> None:
    ids = seeded_campaign(emulator)
    seed(emulator, "offer-activity", **decision(ids, status="live"))
    exported = library.run(lambda access: export_library(access, ["tag:Spring"]))
    path = tmp_path / "spring.yaml"
    path.write_text(as_yaml(exported.manifest("spring", "dev", "offers", "dev")))
    made = load(path)

    there = plan(on_dev, made, State("spring", Emulator.ORG_ID, "dev"))

    assert find_unportable(made) == []
    assert there.counts["create"] == len(exported.objects)
    assert there.ids == {}
    text = str([each.properties for each in there.objects])
    assert not any(identifier in text for identifier in ids.values())
