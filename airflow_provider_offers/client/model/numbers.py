"""Numbers as users give them."""

from __future__ import annotations

# Python turns no text of many thousand digits into a number.
_DIGITS = 18


def whole_number(given: object, least: int, most: int = 10**9) -> int | None:
    """The whole number that somebody gave, as one or as text out of a template; None where it is none in the bounds."""
    if isinstance(given, str) and given.isascii() and given.isdecimal() and len(given) <= _DIGITS:
        given = int(given)
    if not isinstance(given, int) or isinstance(given, bool):
        return None
    return given if least <= given <= most else None
