"""A manifest becomes a campaign: the example, its targets and what they change, and what a caller gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_offers.campaigns.errors import CampaignError, ManifestError
from airflow_provider_offers.campaigns.manifest.loading import load, validate
from airflow_provider_offers.campaigns.objects import Campaign, Lifecycle

SPRING = Path(__file__).parents[3] / "example_dags" / "campaigns" / "spring" / "campaign.yaml"


def named(campaign: Campaign, name: str) -> dict[str, Any]:
    """The properties of the only object of that name."""
    (found,) = [each for each in campaign.objects if each.name == name]
    return dict(found.properties)


def test_the_example_is_a_campaign_with_every_row_template_and_default() -> None:
    campaign = load(SPRING, target="dev")

    assert [each.key for each in campaign.objects] == [
        ("tag", "Spring 2027"),
        ("rule", "Gold members"),
        ("personalized", "Spring towels"),
        ("personalized", "Spring parasols, red"),
        ("personalized", "Spring sandals"),
        ("personalized", "Spring gold preview"),
        ("fallback", "Welcome back"),
        ("collection", "Spring set"),
        ("decision", "Hero"),
    ]
    towels = named(campaign, "Spring towels")
    assert towels["rank"] == {"priority": 30}
    assert towels["status"] == "approved"
    # Midnight in Paris, before and after the clocks change.
    assert towels["selectionConstraint"] == {"startDate": "2027-02-28T23:00:00Z", "endDate": "2027-03-31T22:00:00Z"}
    assert campaign.external == [("placement", "Web hero")]
    assert [(each.kind.key, each.old, each.new) for each in campaign.moved] == [
        ("personalized", "Spring towel", "Spring towels")
    ]
    assert campaign.objects[2].lifecycle == Lifecycle(("/rank/priority",))
    assert campaign.objects[-1].lifecycle == Lifecycle(prevent_destroy=True)


def test_each_target_has_its_own_variables() -> None:
    urls = [
        named(load(SPRING, target=target), "Spring gold preview")["representations"][0]["components"][0]["deliveryURL"]
        for target in ("dev", "prod")
    ]

    assert urls == ["https://cdn-test.example.com/gold.png", "https://cdn.example.com/gold.png"]
    assert load(SPRING, target="prod").target.protected


def test_a_manifest_with_several_targets_needs_one() -> None:
    with pytest.raises(ManifestError, match="one of its targets, 'dev' or 'stage' or 'prod'"):
        load(SPRING)
    with pytest.raises(ManifestError, match="did you mean 'prod'"):
        load(SPRING, target="prd")


def test_all_targets_are_checked_at_once() -> None:
    assert [each.target.name for each in validate(SPRING)] == ["dev", "stage", "prod"]


def test_rows_of_a_caller_replace_those_of_the_file() -> None:
    rows = {"offers": [{"sku": "1", "name": "hats", "priority": 7, "cap": None, "image": "hats.png"}]}

    with pytest.raises(ManifestError, match="Spring towels"):
        load(SPRING, target="dev", rows=rows)


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [(ConnectionResetError("reset by peer"), True), (PermissionError("AccessDenied"), False)],
    ids=["outage", "no right"],
)
@pytest.mark.parametrize("method", ["is_dir", "iterdir", "read_bytes"])
def test_an_object_store_that_fails_for_a_moment_is_no_mistake_in_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, error: Exception, may_pass: bool
) -> None:
    from airflow.sdk import ObjectStoragePath

    head = "apiVersion: offers/v1\ncampaign: c\ntargets: {dev: {connection: x}}\n"
    (tmp_path / "campaign.yaml").write_text(f"{head}tags: [{{name: T}}]\n")
    folder = ObjectStoragePath(f"file://{tmp_path}")
    assert named(load(folder), "T") == {"name": "T"}

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(ObjectStoragePath, method, fail)
    with pytest.raises(CampaignError if may_pass else ManifestError, match="cannot be read") as caught:
        load(folder)
    assert caught.value.retryable is may_pass


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("tags: {name: B}\n", "second.yaml:1:7 /tags: given an object; expected a list of objects"),
        ("tags:\n", "second.yaml:1:6 /tags: given None; expected a list of objects"),
        ("external:\n", "second.yaml:1:10 /external: given None; expected an object"),
        ("external: {tags: Y}\n", "second.yaml:1:18 /external/tags: given 'Y'; expected a list of names"),
        (None, "second.yaml:1:1: given 'second.yaml', which does not exist; expected a file"),
    ],
)
def test_a_part_of_a_folder_that_is_not_one_is_told_and_not_left_out(
    tmp_path: Path, second: str | None, said: str
) -> None:
    head = "apiVersion: offers/v1\ncampaign: c\ntargets: {dev: {connection: x}}\n"
    (tmp_path / "first.yaml").write_text(f"{head}tags: [{{name: T}}]\nexternal: {{tags: [X]}}\n")
    if second is None:
        # A link of a folder that was copied without what it leads to.
        (tmp_path / "second.yaml").symlink_to("elsewhere.yaml")
    else:
        (tmp_path / "second.yaml").write_text(second)

    with pytest.raises(ManifestError) as caught:
        load(tmp_path)
    assert said in str(caught.value)
