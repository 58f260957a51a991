"""Media types as HTTP defines them: a name and parameters, compared by meaning and not as text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NAME = re.compile(rf"\s*({_TOKEN}/{_TOKEN}|\*)\s*")
_PARAMETER = re.compile(rf""";\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s;,"']+))\s*""")
_SCHEMA = re.compile(r"(?P<name>[^;]+?)(?:;\s*version=(?P<major>\d+)(?:\.\d+)*)?")


class MediaTypeError(ValueError):
    """A text that is not a media type."""


@dataclass(frozen=True)
class MediaType:
    """A parsed media type; its name and the names of its parameters are in lower case."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse(text: str) -> MediaType:
    """Parse one media type; values can be unquoted, in double quotes or, as in some documents, in single quotes."""
    parsed, rest = _take(text)
    if rest.strip():
        raise MediaTypeError(f"{text!r} has more text after its parameters: {rest.strip()!r}")
    return parsed


def parse_accept(text: str) -> list[MediaType]:
    """The media ranges of an Accept header; a single `*` means `*/*`, as in Adobe's examples."""
    ranges, rest = [], text
    while rest.strip():
        parsed, rest = _take(rest)
        ranges.append(parsed)
        rest = rest.strip()
        if rest:
            if not rest.startswith(","):
                raise MediaTypeError(f"{text!r} is not a list of media types")
            rest = rest[1:]
    return ranges


def _take(text: str) -> tuple[MediaType, str]:
    match = _NAME.match(text)
    if match is None:
        if text.strip().lower().startswith("content-type:"):
            raise MediaTypeError(f"{text!r} is not a media type: the header's name was sent inside its value")
        raise MediaTypeError(f"{text!r} is not a media type")
    name, rest = match[1].lower(), text[match.end() :]
    parameters: dict[str, str] = {}
    while rest.startswith(";"):
        found = _PARAMETER.match(rest)
        if found is None:
            if not rest.strip("; \t"):
                return MediaType(name, parameters), ""
            raise MediaTypeError(f"{text!r} has a malformed parameter near {rest.strip()!r}")
        quoted, single, bare = found[2], found[3], found[4]
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else single if single is not None else bare
        parameters[found[1].lower()] = value
        rest = rest[found.end() :]
    return MediaType("*/*" if name == "*" else name, parameters), rest


def same_schema(wanted: str, stamped: str) -> bool:
    """Whether two schema ids have the same name and major version; a missing version matches any."""
    first, second = _SCHEMA.fullmatch(wanted.strip()), _SCHEMA.fullmatch(stamped.strip())
    if first is None or second is None or first["name"] != second["name"]:
        return False
    return first["major"] is None or second["major"] is None or first["major"] == second["major"]
