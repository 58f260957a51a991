"""Distinguishes Adobe's own templates in an offer's content from Airflow's."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2

# The properties of a component that customers see, with plain names.
CONTENT = ("content", "deliveryURL", "linkURL")

_FIRST_NAME = re.compile(r"-?\s*([A-Za-z_]\w*)")
# Syntax that only Adobe's language has: helpers, blocks, partials, and unescaped text.
_ADOBES = re.compile(r"\{%=|\{%-?\s*let\b|\{%[#/]|\{\{[#/>!{]|\{\{\s*else\b")
# The first words of Adobe's expressions, from its pages about personalization.
_ADOBES_NAMES = ("profile", "context", "target", "targetData", "audience", "journey", "offer", "fragment", "upperCase")


def plain(name: Any) -> str:
    """The name of a property without generation 1's prefix."""
    return str(name).rpartition(":")[2]


def is_content(tokens: Collection[Any]) -> bool:
    """Whether a place in a document contains content."""
    return any(isinstance(token, str) and plain(token) in CONTENT for token in tokens)


def looks_like_adobes(text: str) -> bool:
    """Whether the text contains Adobe's personalization."""
    if _ADOBES.search(text):
        return True
    return any(re.search(r"\{\{\s*" + name + r"\b", text) for name in _ADOBES_NAMES)


def pieces(text: str, env: jinja2.Environment, known: Collection[str]) -> Iterator[tuple[bool, str]]:
    """The pieces of the text, each with a flag for Airflow's expressions.

    An expression in double braces is Airflow's if it begins with a name that Airflow knows. Everything else is
    Adobe's: statements, comments, triple braces, and expressions that begin with anything else.
    """
    start, end = re.escape(env.variable_start_string), re.escape(env.variable_end_string)
    done = 0
    for match in re.finditer(rf"(?<!\{{){start}(?!\{{)((?:(?!{end}).)*){end}(?!\}})", text, re.DOTALL):
        first = _FIRST_NAME.match(match[1].lstrip())
        if first is None or first[1] not in known:
            continue
        if match.start() > done:
            yield False, text[done : match.start()]
        yield True, match[0]
        done = match.end()
    if done < len(text):
        yield False, text[done:]


_STRING = r'"((?:\{\{(?:(?!\}\}).)*\}\}|\{%(?:(?!%\}).)*%\}|\\.|[^"\\])*)"'
_CONTENT_MEMBER = re.compile(rf'("(?:\w+:)?(?:{"|".join(CONTENT)})"\s*:\s*){_STRING}', re.DOTALL)


def render_around(text: str, env: jinja2.Environment, known: Collection[str], render: Callable[[str], str]) -> str:
    """Render JSON text with templates outside of strings, and keep Adobe's templates in its content."""
    from uuid import uuid4

    kept: dict[str, str] = {}

    def protected(match: re.Match[str]) -> str:
        shown = []
        for is_airflows, piece in pieces(match[2], env, known):
            token = piece if is_airflows else f"kept-{uuid4().hex}"
            if not is_airflows:
                kept[token] = piece
            shown.append(token)
        return f'{match[1]}"{"".join(shown)}"'

    rendered = render(_CONTENT_MEMBER.sub(protected, text))
    return re.sub(r"kept-[0-9a-f]{32}", lambda match: kept.get(match[0], match[0]), rendered)
