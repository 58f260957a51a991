"""The texts that refer to another object of the library: an id of either generation, or `name:` and a name."""

from __future__ import annotations

import re

# The prefix of a name where an id is expected: `name:Newsletter top`.
NAME_PREFIX = "name:"
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
TYPED_ID = re.compile(r"(?:xcore|dps):(?P<type>[a-z-]+):[0-9a-zA-Z]+")
# The characters of an id of any generation. The service does not look for an object whose id has a blank.
IDENTIFIER = re.compile(r"[0-9A-Za-z:._-]+")


def name_in(target: str) -> str | None:
    """The name after `name:`, without surrounding blanks; None if the text is an id."""
    text = target.strip()
    return text.removeprefix(NAME_PREFIX).strip() if text.startswith(NAME_PREFIX) else None


def name_hint(given: str) -> str:
    """The end of a message for text that is not an id: it may be a name without its prefix."""
    name = given.strip()
    looks_like_one = name[:1].isalnum() and not name.startswith(("dps:", "xcore:"))
    return f"; did you mean {NAME_PREFIX + name!r}?" if looks_like_one else ""
