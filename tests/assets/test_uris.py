"""An asset's URI has one spelling, leads back to its object, and Airflow itself accepts it."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import Asset
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.assets.library import create_asset, library_asset
from airflow_provider_offers.assets.uris import Address, address_of, asset_kinds, sanitize_uri

ORGANIZATION = "1234567890ABCDEF@AdobeOrg"

texts = st.text(min_size=1, max_size=40)
filled = texts.filter(lambda text: bool(text.strip()))


@given(organization=filled, sandbox=filled, kind=st.sampled_from(asset_kinds()), name=st.none() | texts)
def test_an_address_survives_its_uri_and_airflow(organization: str, sandbox: str, kind: str, name: str | None) -> None:
    address = Address(organization, sandbox, kind, name)

    asset = create_asset(organization=organization, sandbox=sandbox, kind=kind, name=name)

    assert address_of(address.uri) == address
    assert asset.uri == asset.name == address.uri
    assert Asset(uri=asset.uri).uri == asset.uri
    assert asset.uri.isascii()
    assert Address(organization, sandbox, kind, f"{name}!").uri != address.uri


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("offer-library://1234@AdobeOrg/prod/placement/Top", "offer-library://1234%40AdobeOrg/prod/placement/Top"),
        ("OFFER-LIBRARY://1234@AdobeOrg/prod/tag/A b%c3%bc", "offer-library://1234%40AdobeOrg/prod/tag/A%20b%C3%BC"),
        ("offer-library://1234%40AdobeOrg/my%20box/rule/", "offer-library://1234%40AdobeOrg/my%20box/rule"),
    ],
)
def test_airflow_keeps_one_spelling(given: str, kept: str) -> None:
    assert Asset("towels", given).uri == kept


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("offer-library://org/prod/offer/Top", "'offer'; expected 'placement' or"),
        ("offer-library://org/prod/personalised", "did you mean 'personalized'?"),
        ("offer-library://org/prod/placement/A/B", "/ is %2F"),
        ("offer-library://org/prod/placement/Really?", None),
        ("offer-library://org/prod/placement/A?b=1", "? is %3F"),
        ("offer-library:///prod/placement/A", "organization is not valid"),
        ("offer-library://org//placement/A", "sandbox is not valid"),
        ("offer-library://org/prod", "expected offer-library://{organization}/{sandbox}/{kind}/{name}"),
        ("offer-library://org/prod/placement/%FF", "percent-encoded UTF-8"),
    ],
)
def test_a_uri_that_names_nothing_is_refused(given: str, said: str | None) -> None:
    if said is None:
        # An empty query is lost before anybody can see it.
        assert Asset("named", given).uri.endswith("/Really")
        return
    with pytest.raises(ValueError, match=r"asset's") as refused:
        Asset("named", given)

    assert said in str(refused.value)


def test_a_part_that_is_wrong_is_named() -> None:
    with pytest.raises(ValueError, match=r"sandbox is not valid: given ' '; expected text"):
        library_asset(ORGANIZATION, " ", "placement")
    with pytest.raises(ValueError, match=r"name is not valid: given ''"):
        library_asset(ORGANIZATION, "prod", "placement", "")
    with pytest.raises(ValueError, match="1500 characters"):
        library_asset(ORGANIZATION, "prod", "placement", "ü" * 300)


def test_the_metadata_leads_to_the_sanitizer_and_the_factory() -> None:
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    found = ProvidersManagerTaskRuntime()

    assert found.asset_uri_handlers["offer-library"] is sanitize_uri
    made = found.asset_factories["offer-library"](
        organization=ORGANIZATION, sandbox="prod", kind="tag", name="Spring", extra={"a": 1}
    )
    assert (made.uri, made.extra) == (library_asset(ORGANIZATION, "prod", "tag", "Spring").uri, {"a": 1})


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"name": "name:Sale"}, "expected the exact name, without 'name:'"),
        ({"sandbox": "{{ params.sandbox }}"}, "Airflow renders none in assets"),
        ({"name": "dps:personalized-offer:1c265317da412003"}, "an asset has no id in it"),
        ({"organization": "1234567890ABCDEF"}, "expected the org_id of the connection"),
        ({"organization": "1@AdobeOrg "}, "expected the org_id of the connection"),
        ({"sandbox": "prod "}, "expected the name of a sandbox, without blanks"),
    ],
)
def test_an_asset_that_no_task_writes_to_is_refused(parts: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match="asset's") as refused:
        library_asset(**{"organization": "1@AdobeOrg", "sandbox": "prod", "kind": "personalized", **parts})
    assert said in str(refused.value)


def test_a_task_tells_of_an_object_of_any_name() -> None:
    asset = create_asset(organization="1@AdobeOrg", sandbox="prod", kind="tag", name="name:{{ x }}")
    assert address_of(asset.uri).name == "name:{{ x }}"
