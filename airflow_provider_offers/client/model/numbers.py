"""Numbers as users give them."""

from __future__ import annotations

# Python does not convert text of many thousand digits to a number.
_DIGITS = 18


def whole_number(given: object, least: int, most: int = 10**9) -> int | None:
    """The whole number, given as a number or as text from a template; None if it is not one within the bounds."""
    if isinstance(given, str) and given.isascii() and given.isdecimal() and len(given) <= _DIGITS:
        given = int(given)
    if not isinstance(given, int) or isinstance(given, bool):
        return None
    return given if least <= given <= most else None
