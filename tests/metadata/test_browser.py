"""Fills the connection form in Chromium and presses its Test button, like a user, with the emulator behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.metadata.browser import Page, chromium, page_of, started

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed: apt-get install chromium"),
]

ORGANIZATION = "element_org_id"


@pytest.fixture(scope="module")
def library() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def chromium_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with started(tmp_path_factory.mktemp("chromium")) as address:
        yield address


@pytest.fixture
def pressed(airflow_server: str, chromium_at: str, tmp_path: Path) -> Callable[[str, dict[str, str]], str]:
    """A function that types a connection, presses Test, and returns the text that the browser then shows."""

    async def in_browser(name: str, fields: dict[str, str]) -> tuple[str, bytes]:
        async with page_of(chromium_at) as page:
            told = await _made_and_tested(page, airflow_server, name, fields)
            return told, await page.picture()

    def run(name: str, fields: dict[str, str]) -> str:
        told, picture = asyncio.run(in_browser(name, fields))
        (tmp_path / f"{name}.png").write_bytes(picture)
        return told

    return run


async def _made_and_tested(page: Page, url: str, name: str, fields: dict[str, str]) -> str:
    await page.open(f"{url}/connections")
    await page.click("button", "Add Connection")
    await page.type("[name=connection_id]", name)
    await page.type("[role=dialog] [role=combobox]", "Adobe Offer Library")
    await page.click("[role=option]", "Adobe Offer Library")
    for field, text in fields.items():
        if not field.startswith("element_"):
            await page.type(f"[name={field}]", text)
    await page.click("[role=dialog] button", "Extra Fields")
    for field, text in fields.items():
        if field.startswith("element_"):
            await page.type(f"[name={field}]", text)
    await page.click("[role=dialog] button", "Save")
    await page.gone("[role=dialog]")
    await page.click("button[aria-label='Test Connection']", row=name)
    return await page.text("[data-scope=toast][data-part=root]", "Test Connection")


def _least(library: Emulator) -> dict[str, str]:
    """The required input: credential, organization, the emulator's address, and the port that the button needs."""
    given = library.connection()
    host, _, port = given["host"].rpartition(":")
    return {
        "host": host,
        "port": port,
        "login": given["login"],
        "password": given["password"],
        ORGANIZATION: given["extra"]["org_id"],
        "element_token_url": given["extra"]["token_url"],
    }


def test_a_connection_of_the_least_that_can_be_typed_is_tested(
    pressed: Callable[[str, dict[str, str]], str], library: Emulator
) -> None:
    assert "token: ok" in pressed("least", _least(library))


def test_a_connection_with_more_typed_is_tested(
    pressed: Callable[[str, dict[str, str]], str], library: Emulator
) -> None:
    more = {
        **_least(library),
        "description": "Offers",
        "element_scopes": "openid,AdobeID",
        "element_verify": "true",
    }
    assert "token: ok" in pressed("more", more)


def test_a_wrong_secret_is_told_by_the_button(pressed: Callable[[str, dict[str, str]], str], library: Emulator) -> None:
    told = pressed("wrong", {**_least(library), "password": "not-the-secret"})
    assert "invalid_client" in told
    assert "not-the-secret" not in told
