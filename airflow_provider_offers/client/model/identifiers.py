"""What stands for another object of the library in text: an id of either generation, or `name:` and a name."""

from __future__ import annotations

import re

# What an object of the library is called by, where an id is wanted: `name:Newsletter top`.
NAME_PREFIX = "name:"
TYPED_ID = re.compile(r"(?:xcore|dps):(?P<type>[a-z-]+):[0-9a-zA-Z]+")
# The characters of an id of any generation. The service does not look for an object whose id has a blank.
IDENTIFIER = re.compile(r"[0-9A-Za-z:._-]+")


def name_in(target: str) -> str | None:
    """The name that stands in place of an id, without the blanks around it; None where an id stands."""
    text = target.strip()
    return text.removeprefix(NAME_PREFIX).strip() if text.startswith(NAME_PREFIX) else None


def name_hint(given: str) -> str:
    """What the author may have meant by text that is no id, as the end of a sentence: a name without its mark."""
    name = given.strip()
    looks_like_one = name[:1].isalnum() and not name.startswith(("dps:", "xcore:"))
    return f"; did you mean {NAME_PREFIX + name!r}?" if looks_like_one else ""
