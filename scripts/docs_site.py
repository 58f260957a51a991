"""What MkDocs does beyond its settings: pages from files beside `docs/`, and links to them. `mkdocs.yml` names it."""

from __future__ import annotations

import posixpath
import re
import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent

# Files of the checkout that are pages of the site, by their address there.
PAGES = {
    "CHANGELOG.md": "project/changelog.md",
    "CODE_OF_CONDUCT.md": "project/conduct.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "LICENSE": "project/license.md",
    "SECURITY.md": "project/security.md",
    "benchmarks/results.md": "project/results.md",
    "example_dags": "project/examples.md",
    "scripts/names.py": "reference/names.md",
}
# The examples, and how their text is colored.
_LANGUAGES = {".py": "python", ".yaml": "yaml", ".csv": "text", ".json": "json"}
_LINK = re.compile(r"(?P<before>\]\()(?P<path>[^)\s#]+)(?P<after>(?:#[^)\s]*)?\))")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that are made from files beside `docs/`."""
    from mkdocs.structure.files import File

    for name, address in PAGES.items():
        files.append(File.generated(config, address, content=_content(ROOT / name)))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Let links to files of the checkout lead to their pages."""
    return _outside_of_code(markdown, lambda text: _LINK.sub(lambda link: _led(link, page.file.src_uri), text))


def _led(link: re.Match[str], address: str) -> str:
    """The link with the path that its target has in the site, as seen from the page at that address."""
    if "://" in link["path"] or link["path"].startswith("mailto:"):
        return link[0]
    source = next((name for name, own in PAGES.items() if own == address), f"docs/{address}")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link["path"]))
    found = PAGES.get(target) or target.removeprefix("docs/")
    return f"{link['before']}{posixpath.relpath(found, posixpath.dirname(address) or '.')}{link['after']}"


def _outside_of_code(text: str, change: Any) -> str:
    """The text with everything but its fenced blocks changed."""
    parts, end = [], 0
    for block in _FENCED.finditer(text):
        parts += [change(text[end : block.start()]), block[0]]
        end = block.end()
    return "".join([*parts, change(text[end:])])


def _content(path: Path) -> str:
    """The text of a page."""
    if path.suffix == ".py":
        page: str = runpy.run_path(str(path))["page"]()
        return page
    if path.is_dir():
        return _examples(path)
    text = path.read_text(encoding="utf-8")
    return text if path.suffix == ".md" else f"# {path.name.capitalize()}\n\n```text\n{text}```\n"


def _examples(folder: Path) -> str:
    """A page with every example DAG, and the files that they read."""
    top = (
        "# Example DAGs\n\nThese DAGs run as they are, also on the emulator. The files that they read are below them.\n"
    )
    files = sorted(path for path in folder.rglob("*") if path.suffix in _LANGUAGES)
    files.sort(key=lambda path: path.suffix != ".py")
    shown = (
        f"## {path.relative_to(folder)}\n\n```{_LANGUAGES[path.suffix]}\n{path.read_text(encoding='utf-8')}```\n"
        for path in files
    )
    return "\n".join([top, *shown])
