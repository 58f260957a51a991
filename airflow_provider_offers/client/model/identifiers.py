"""The texts that refer to another object of the library: an id of either generation, or `name:` and a name."""

from __future__ import annotations

import re
from collections.abc import Collection

from airflow_provider_offers.client.model.likeness import folded, is_slip, near, perhaps

# The prefix of a name where an id is expected: `name:Newsletter top`.
NAME_PREFIX = "name:"
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
TYPED_ID = re.compile(r"(?:xcore|dps):(?P<type>[a-z-]+):[0-9a-zA-Z]+")
# An id whose type is nobody's, or is not spelled as types are.
_LIKE_TYPED = re.compile(r"(?P<api>xcore|dps):(?P<type>[^:]+):(?P<rest>[0-9a-zA-Z]+)")
# Longer text is nobody's slip, and would fill the message.
_LONGEST_NAME = 300
NO_DIGIT = "No page of Adobe's shows an id without a digit"
_PREFIXES = ("name", "dps", "xcore")
# The characters of an id of any generation. The service does not look for an object whose id has a blank.
IDENTIFIER = re.compile(r"[0-9A-Za-z:._-]+")


def name_in(target: str) -> str | None:
    """The name after `name:`, without surrounding blanks; None if the text is an id."""
    text = target.strip()
    return text.removeprefix(NAME_PREFIX).strip() if text.startswith(NAME_PREFIX) else None


def resembles_name(text: str) -> bool:
    """Whether the text is more likely a name than an id, because it has no digit. An id with a type is an id."""
    return TYPED_ID.fullmatch(text) is None and not any(map(str.isdigit, text))


def case_hint(identifier: str) -> str:
    """The advice about an id with upper-case letters; empty for all other text. Adobe's ids have none."""
    lower = identifier.lower()
    is_id = lower != identifier and (TYPED_ID.fullmatch(lower) or UUID.fullmatch(lower))
    return f"{identifier!r} has upper-case letters, and no id of Adobe's has any{perhaps([lower])}" if is_id else ""


def id_hint(target: str) -> str:
    """What was probably meant by text that was sent as an id; empty if it is certainly an id.

    It may be a name without its prefix, or an id in upper case. Much longer text than a name is neither.
    """
    if len(target) > _LONGEST_NAME:
        return ""
    if hint := case_hint(target):
        return hint
    is_clear = name_in(target) is not None or TYPED_ID.fullmatch(target) or UUID.fullmatch(target)
    hint = "" if is_clear else name_hint(target)
    return f"{target!r} was sent as an id{hint}" if hint else ""


def type_hint(given: str, type_names: Collection[str]) -> str:
    """The end of a message for an id whose type is one of these with a slip; empty for all other text."""
    like = _LIKE_TYPED.fullmatch(given.strip())
    if like is None or like["type"] in type_names:
        return ""
    return perhaps(f"{like['api']}:{each}:{like['rest']}" for each in near(like["type"], type_names))


def misspells_prefix(given: str) -> bool:
    """Whether the text certainly begins with a misspelled `name:` or is an id with a misspelled `dps:` or `xcore:`.

    `nme:Sale` and `dsp:tag:1f` do. `game:77` and `gps:tag:12` may be ids of another system.
    """
    prefix, colon, rest = given.strip().partition(":")
    if not colon or not rest.strip():
        return False
    bare = folded(prefix)
    slips = [each for each in _PREFIXES if bare == each or is_slip(bare, each)]
    return any(f"{each}:" == NAME_PREFIX or TYPED_ID.fullmatch(f"{each}:{rest}") for each in slips)


def _is_named(given: str) -> bool:
    """Whether a name may follow `name:`, which may have a slip."""
    prefix, colon, rest = given.strip().partition(":")
    return bool(colon and rest.strip()) and NAME_PREFIX[:-1] in near(prefix, _PREFIXES)


def _respelled(given: str) -> list[str]:
    """The ids that the text is with another prefix."""
    prefix, _, rest = given.strip().partition(":")
    return [f"{each}:{rest}" for each in near(prefix, _PREFIXES) if TYPED_ID.fullmatch(f"{each}:{rest}")]


def name_hint(given: str, type_names: Collection[str] = ()) -> str:
    """The end of a message for text that is not an id: it may be a name without its prefix, or have a misspelt one.

    With types, it suggests only ids of these.
    """
    text = given.strip()
    if _is_named(text):
        # The prefix has a slip, or the name has a colon.
        return perhaps([f"{NAME_PREFIX}{text.partition(':')[2].strip()}", f"{NAME_PREFIX}{text}"])
    if meant := _respelled(text):
        return perhaps(each for each in meant if not type_names or each.split(":")[1] in type_names)
    looks_like_one = text[:1].isalnum() and not text.startswith(("dps:", "xcore:"))
    return perhaps([f"{NAME_PREFIX}{text}"]) if looks_like_one else ""
