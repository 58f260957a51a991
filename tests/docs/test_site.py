"""The website: its navigation has every page, its links lead somewhere, and no page loads anything from elsewhere."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from scripts.docs_site import PAGES
from tests.docs.pages import CHECKOUT

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
