"""Checks the pages: JSON parses, links lead somewhere, and no page names the machine it was made on."""

import json
import re
from typing import Any

import pytest

from tests.docs.pages import CHECKOUT, Block, Page, all_pages, page, quoted, table

PAGES = all_pages()
JSON = [block for each in PAGES for block in each.blocks("json")]


@pytest.mark.parametrize("block", JSON, ids=str)
def test_json_parses(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("each", PAGES, ids=str)
def test_links_resolve(each: Page) -> None:
    lost = []
    for target in each.links():
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        linked = CHECKOUT / each.name if not path else (CHECKOUT / each.name).parent / path
        name = str(linked.resolve().relative_to(CHECKOUT))
        if not linked.exists() or (anchor and anchor not in page(name).anchors()):
            lost.append(target)
    assert lost == []


def test_every_page_is_linked_from_the_readme() -> None:
    # The pages of the kinds have an index of their own, which the README links.
    linked = {*page("README.md").links(), *(f"docs/{link}" for link in page("docs/library.md").links())}
    assert [each.name for each in PAGES if each.name not in {*linked, "README.md"}] == []


@pytest.mark.parametrize("each", PAGES, ids=str)
def test_no_page_names_a_place_on_somebodys_machine(each: Page) -> None:
    assert re.findall(r"(?<![\w.])/(?:home|root|work|Users)/\S*", each.text) == []


def test_the_tree_of_errors_is_the_modules_own() -> None:
    from airflow_provider_offers.client import errors

    (tree,) = page("docs/errors.md").blocks("text")
    assert errors.__doc__ is not None
    assert tree.text.split() == errors.__doc__.partition("::")[2].partition("Errors cross")[0].split()


def test_every_error_is_in_the_table_of_who_tries_again() -> None:
    from airflow_provider_offers.client import errors

    section = page("docs/errors.md").section("Who tries again")
    public = [name for name in vars(errors) if name.endswith("Error") and not name.startswith("_")]
    abstract = {"OfferLibraryError", "APIError"}
    assert [name for name in public if f"| `{name}`" not in section and f", `{name}`" not in section] == [
        name for name in public if name in abstract
    ]


def test_every_code_of_the_gateway_is_explained() -> None:
    from airflow_provider_offers.client.refusals import GATEWAY_HINTS

    rows = table(page("docs/errors.md").text, "code")
    assert {row[0] for row in rows} == set(GATEWAY_HINTS)


STATUSES = {
    "BadRequestError": 400,
    "NotAuthenticatedError": 401,
    "PermissionDeniedError": 403,
    "NotFoundError": 404,
    "ConflictError": 409,
    "RejectedError": 422,
    "RateLimitedError": 429,
    "ServerError": 503,
}
"""The status that each error of the service stands for."""


def _error(name: str) -> Any:
    """An error of that class as the client raises it."""
    from airflow_provider_offers.client import errors

    kind: Any = getattr(errors, name)
    if name in STATUSES:
        return kind(method="GET", path="/offers", status=STATUSES[name])
    made = kind.__new__(kind)
    made.__dict__.update(status=400, retryable=kind.retryable)
    return made


@pytest.mark.parametrize("row", table(page("docs/errors.md").section("Who tries again"), "error"), ids=" ".join)
def test_the_operators_fail_at_once_where_the_table_says_so(row: list[str]) -> None:
    from airflow_provider_offers.client import errors
    from airflow_provider_offers.client.errors import can_pass

    for name in quoted(row[0]):
        if hasattr(errors, name):
            assert (not can_pass(_error(name))) == row[2].startswith("fails at once"), name


def test_the_retry_policy_tries_again_what_the_page_says() -> None:
    from airflow_provider_offers.client import errors
    from airflow_provider_offers.client.errors import can_pass

    section = page("docs/errors.md").section("A retry policy")
    stated = {name for name in quoted(section) if hasattr(errors, name)}
    names = {name for name in vars(errors) if name.endswith("Error") and not name.startswith("_")}
    concrete = names - {"OfferLibraryError", "APIError", "AuthenticationError"}
    assert {name for name in concrete if can_pass(_error(name))} == stated - {"AuthenticationError"}
