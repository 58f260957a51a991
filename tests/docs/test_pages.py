"""Checks the pages: JSON parses, links lead somewhere, and no page names this machine."""

import importlib
import json
import pkgutil
import re
from typing import Any

import pytest

from airflow_provider_offers import client
from airflow_provider_offers.client.errors import OfferLibraryError
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


@pytest.mark.parametrize("each", PAGES, ids=str)
def test_no_page_names_a_place_on_somebodys_machine(each: Page) -> None:
    assert re.findall(r"(?<![\w.])/(?:home|root|work|Users)/\S*", each.text) == []


def test_the_tree_of_errors_is_the_modules_own() -> None:
    from airflow_provider_offers.client import errors

    (tree,) = page("docs/errors.md").blocks("text")
    assert errors.__doc__ is not None
    own = errors.__doc__.partition("::")[2].partition("Errors cross")[0]
    assert tree.text.split() == own.split(), f"Expected in docs/errors.md:\n{own}"


def test_the_tree_of_the_errors_of_campaigns_is_the_modules_own() -> None:
    from airflow_provider_offers.campaigns import errors

    assert errors.__doc__ is not None
    own = errors.__doc__.partition("::")[2]
    trees = [block.text.split() for block in page("docs/campaign-semantics.md").blocks("text")]
    assert own.split() in trees, f"Expected in docs/campaign-semantics.md:\n{own}"


def _all_errors() -> dict[str, Any]:
    """Every error class of the client by its name, from all modules."""
    for module in pkgutil.walk_packages(client.__path__, f"{client.__name__}."):
        importlib.import_module(module.name)
    found: dict[str, Any] = {}
    waiting: list[Any] = [OfferLibraryError]
    while waiting:
        each = waiting.pop()
        waiting += each.__subclasses__()
        if each.__module__.startswith(client.__name__) and not each.__name__.startswith("_"):
            found[each.__name__] = each
    return found


ERRORS = _all_errors()
ABSTRACT = {"OfferLibraryError", "APIError"}


def test_the_tree_of_errors_names_every_class_and_its_base() -> None:
    (tree,) = page("docs/errors.md").blocks("text")
    above: list[str] = []
    named: dict[str, str | None] = {}
    for line in tree.text.splitlines():
        found = re.fullmatch(r"(?P<branch>\W*)(?P<name>\w+).*", line)
        assert found is not None, line
        above = [*above[: len(found["branch"]) // 4], found["name"]]
        named[found["name"]] = above[-2] if above[1:] else None
    assert named == {
        name: next((base.__name__ for base in each.__mro__[1:] if base.__name__ in ERRORS), None)
        for name, each in ERRORS.items()
    }
    assert {each.__module__ for each in ERRORS.values()} == {OfferLibraryError.__module__}


def test_every_error_is_in_the_table_of_who_tries_again() -> None:
    rows = table(page("docs/errors.md").section("Who tries again"), "error")
    stated = [name for row in rows for name in quoted(row[0])]
    missing = sorted(set(ERRORS) - ABSTRACT - set(stated))
    assert sorted(stated) == sorted(set(ERRORS) - ABSTRACT), f"Missing in docs/errors.md: {missing}"


def test_every_code_of_the_gateway_is_explained() -> None:
    from airflow_provider_offers.client.wire.refusals import GATEWAY_HINTS

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
    kind = ERRORS[name]
    if name == "BatchError":
        return kind("patched", 0, 1, {"an offer": _error("ServerError")})
    if name in STATUSES:
        return kind(method="GET", path="/offers", status=STATUSES[name])
    made = kind.__new__(kind)
    made.__dict__.update(status=400, code=None, sent=True)
    return made


@pytest.mark.parametrize("row", table(page("docs/errors.md").section("Who tries again"), "error"), ids=" ".join)
def test_the_operators_fail_at_once_where_the_table_says_so(row: list[str]) -> None:
    for name in quoted(row[0]):
        assert (not _error(name).retryable) == row[2].startswith("fails at once"), name


def test_the_retry_policy_tries_again_what_the_page_says() -> None:
    stated = set(quoted(page("docs/errors.md").section("A retry policy"))) & set(ERRORS)
    # Only some of these.
    some = {"AuthenticationError", "BatchError"}
    assert some <= stated
    assert {name for name in set(ERRORS) - ABSTRACT - some if _error(name).retryable} == stated - some
