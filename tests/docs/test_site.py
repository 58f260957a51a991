"""The website: its navigation has every page, its links lead somewhere, and no page loads anything from elsewhere."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from scripts.docs_site import PAGES
from tests.docs.pages import CHECKOUT
from tests.metadata.browser import chromium, page_of, started

# The whole site is built and read.
pytestmark = [pytest.mark.once, pytest.mark.timeout(300)]

# Attributes whose address a browser loads by itself.
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "object": "data"}


def test_every_page_is_in_the_navigation_once() -> None:
    listed = re.findall(
        r"(?:- |: )([\w./-]+\.md)$", (CHECKOUT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE
    )
    docs = [str(path.relative_to(CHECKOUT / "docs")) for path in (CHECKOUT / "docs").rglob("*.md")]
    assert sorted(listed) == sorted([*docs, *PAGES.values()])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the website; a warning, such as a link that leads nowhere, is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class _Loads(HTMLParser):
    """The addresses that a browser loads with a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if (address := given.get(LOADED.get(tag, ""))) and given.get("rel") not in ("canonical", "prev", "next"):
            self.found.append(address)


def _loads(site: Path) -> Iterator[tuple[Path, str]]:
    for path in site.rglob("*.html"):
        page = _Loads()
        page.feed(path.read_text(encoding="utf-8"))
        yield from ((path, address) for address in page.found)
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        yield from ((path, address) for address in re.findall(r"(?:url\(|@import )[\"']?([^\"')]+)", text))


@pytest.mark.slow
def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    loads = list(_loads(site))
    assert any(address.endswith(".css") for _, address in loads), "expected style sheets"
    assert [each for each in loads if re.match(r"(?!data:)[\w+-]*:|//", each[1])] == []


@pytest.mark.slow
def test_everything_that_a_page_loads_is_there(site: Path) -> None:
    loads = [
        (path, address) for path, address in _loads(site) if not address.startswith("data:") and path.name != "404.html"
    ]
    missing = [each for each in loads if not (each[0].parent / re.split("[?#]", each[1])[0]).is_file()]
    assert missing == []


@pytest.mark.slow
def test_the_search_knows_every_page_without_a_server(site: Path) -> None:
    index = json.loads((site / "search/search_index.js").read_text(encoding="utf-8").removeprefix("var __index = "))
    found = {each["location"].partition("#")[0] for each in index["docs"]}
    pages = {str(path.relative_to(site)) for path in site.rglob("*.html")} - {"404.html"}
    assert found == pages


IN_CHROMIUM = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed: apt-get install chromium"),
]


async def _searched(browser: str, url: str) -> tuple[str, list[str]]:
    """The result of a search in the browser, and the addresses of everything that the browser loaded."""
    async with page_of(browser) as page:
        await page.open(url)
        found = ""
        await page.type(".md-search__input", "max_outage")
        for turn in range(240):
            # The page answers a key, but not before it has loaded its index; an answer may take seconds.
            if turn % 8 == 0:
                await page.press("ArrowRight")
            await asyncio.sleep(0.25)
            found = str(await page.evaluate("document.querySelector('.md-search-result__list').innerText"))
            if "The sensors" in found:
                break
        return found, await page.evaluate("performance.getEntriesByType('resource').map((each) => each.name)")


@pytest.mark.parametrize("served", [pytest.param(each, marks=IN_CHROMIUM) for each in (False, True)])
def test_a_browser_searches_and_loads_nothing_from_elsewhere(site: Path, tmp_path: Path, served: bool) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        root = f"http://127.0.0.1:{server.server_port}/" if served else f"{site.as_uri()}/"
        with started(tmp_path) as browser:
            found, loaded = asyncio.run(_searched(browser, f"{root}index.html"))
        server.shutdown()
    assert "The sensors" in found
    assert "max_outage" in found
    # Of files, Chromium tells no addresses.
    assert not served or f"{root}search/search_index.json" in loaded
    assert [each for each in loaded if not each.startswith((root, "data:", "blob:"))] == []


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing."""
