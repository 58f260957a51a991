"""Reads the connection form from a running API server, as its UI does."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def form(api_server: Callable[[str], Any]) -> dict[str, Any]:
    """The server's description of our connection type."""
    (ours,) = (hook for hook in api_server("/ui/connections/hook_meta") if hook["connection_type"] == "offer_library")
    return ours


def test_the_type_has_its_name_and_its_hook(form: dict[str, Any]) -> None:
    assert form["hook_name"] == "Adobe Offer Library"
    assert form["hook_class_name"] == "airflow_provider_offers.hooks.offer_library.OfferLibraryHook"


def test_standard_fields_are_named_in_adobes_words_and_unused_ones_hidden(form: dict[str, Any]) -> None:
    fields = form["standard_fields"]
    assert {name: field["title"] for name, field in fields.items() if field and field["title"]} == {
        "login": "Client ID",
        "password": "Client secret",
    }
    assert {name for name, field in fields.items() if field and field["hidden"]} == {"url_schema"}
    assert fields["host"]["placeholder"] == "https://platform.adobe.io"
    assert all(fields[name]["placeholder"] for name in ("login", "password"))


def test_the_fields_that_are_always_shown_tell_of_the_required_one_that_is_not(form: dict[str, Any]) -> None:
    told = form["standard_fields"]["login"]["placeholder"]
    assert form["extra_fields"]["org_id"]["schema"]["title"] in told
    assert "required" in told
    assert "Extra Fields" in told


@pytest.mark.parametrize(
    ("name", "label", "type_", "default"),
    [
        ("org_id", "Organization ID", "string", None),
        ("sandbox", "Sandbox", "string", "prod"),
        ("api", "API generation", "string", "dps"),
        ("container_id", "Container ID", "string", None),
        ("scopes", "Scopes", "string", None),
        ("token_url", "Token URL", "string", None),
        ("access_token", "Access token", "string", None),
        ("timeout", "Timeout", "number", None),
        ("max_retries", "Retries", "integer", None),
        ("verify", "Verify TLS", "string", None),
        ("allow_http", "Allow plain HTTP", "boolean", None),
        ("proxies", "Proxies", "object", None),
    ],
)
def test_every_extra_field_is_drawn(
    form: dict[str, Any], name: str, label: str, type_: str, default: str | None
) -> None:
    field = form["extra_fields"][name]
    assert field["schema"]["title"] == label
    assert field["schema"]["type"] == [type_, "null"]
    assert field["value"] == default
    assert field["description"]


def test_no_other_field_is_drawn(form: dict[str, Any]) -> None:
    assert len(form["extra_fields"]) == 12


def test_the_access_token_is_typed_unseen_and_nothing_else(form: dict[str, Any]) -> None:
    fields = form["extra_fields"]
    assert {name for name, field in fields.items() if field["schema"].get("format") == "password"} == {"access_token"}


def test_the_api_generation_is_chosen_from_a_list(form: dict[str, Any]) -> None:
    assert form["extra_fields"]["api"]["schema"]["enum"] == ["dps", "xcore"]
