"""Names that a service may change: blanks at their ends, and letters with several forms in Unicode."""

from __future__ import annotations

import unicodedata

# Invisible characters that Python does not count as blank.
_UNSEEN = "\u200b\u200c\u200d\u2060\ufeff"


def plain_name(name: str) -> str:
    """The name in a form that no service changes: composed letters (NFC), no blank or invisible ends."""
    composed = unicodedata.normalize("NFC", name)
    while composed != (stripped := composed.strip().strip(_UNSEEN)):
        composed = stripped
    return composed


def is_respelling(given: str, name: str) -> bool:
    """Whether a service may have turned one name into the other."""
    return given != name and bare_name(given) == bare_name(name)


def bare_name(name: str) -> str:
    """The name without what a service or a person may spell in another way; equal for all respellings of a name."""
    plain = unicodedata.normalize("NFKC", plain_name(name))
    return " ".join(plain.split()).casefold()
