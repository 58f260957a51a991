"""Reads the documentation: the pages, and their fenced blocks, tables, headings and links."""

import re
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent.parent

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE_NAME = re.compile(r"^`(?P<name>[\w./-]+\.(?:json|csv|yaml))`[^\n]*:\n\n\Z", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
_CELL_END = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Block:
    """A fenced block. `file` is its file name in the line before it."""

    page: str
    line: int
    language: str
    text: str
    file: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Page:
    """One page of the documentation; `name` is its path in the checkout."""

    name: str
    text: str

    def __str__(self) -> str:
        return self.name

    def blocks(self, language: str) -> list[Block]:
        """The fenced blocks of a language, in order."""
        found = []
        for match in _FENCE.finditer(self.text):
            if match["language"] == language:
                named = _FILE_NAME.search(self.text[: match.start()])
                line = self.text.count("\n", 0, match.start()) + 1
                found.append(Block(self.name, line, language, match["text"], named["name"] if named else None))
        return found

    def prose(self) -> str:
        """The page without its fenced blocks."""
        return _FENCE.sub("", self.text)

    def links(self) -> list[str]:
        """The targets of the page's links."""
        return [match["target"] for match in _LINK.finditer(self.prose())]

    def anchors(self) -> set[str]:
        """The anchors of the page's headings, as GitHub makes them."""
        texts = (match["text"].lower() for match in _HEADING.finditer(self.prose()))
        return {re.sub(r"[^\w -]", "", text).strip().replace(" ", "-") for text in texts}

    def section(self, heading: str) -> str:
        """The text between a heading of the second level and the next."""
        _, _, rest = self.text.partition(f"\n## {heading}\n")
        assert rest, f"{self.name} has no section {heading!r}"
        return rest.partition("\n## ")[0]


def page(name: str) -> Page:
    """The page at that path."""
    return Page(name, (CHECKOUT / name).read_text(encoding="utf-8"))


def all_pages() -> list[Page]:
    """Every page of the documentation."""
    docs = (str(path.relative_to(CHECKOUT)) for path in sorted((CHECKOUT / "docs").rglob("*.md")))
    return [page(name) for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", *docs)]


def table(text: str, first_column: str) -> list[list[str]]:
    """The rows of the first table with this heading in the first column, without the backquotes around whole cells."""
    lines = iter(text.splitlines())
    for line in lines:
        if _cells(line)[:1] == [first_column]:
            next(lines)
            rows = []
            for row in lines:
                if not row.startswith("|"):
                    break
                rows.append(_cells(row))
            return rows
    raise AssertionError(f"no table begins with a column {first_column!r}")


def _cells(line: str) -> list[str]:
    if not line.startswith("|"):
        return []
    return [cell.strip() for cell in _CELL_END.split(line.strip().strip("|"))]


def quoted(cell: str) -> list[str]:
    """The text between backquotes in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def untemplated(page: Page) -> set[str]:
    """The parameters that a page of operators leaves out where it says that every parameter is templated."""
    told = re.search(r"Every parameter below is templated, except ([^.]*)\.", page.text)
    assert told, f"{page} does not say which parameters are templated"
    return set(quoted(told[1]))
