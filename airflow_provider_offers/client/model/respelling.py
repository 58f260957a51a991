"""Names that a service may respell: blanks at their ends, and letters that Unicode writes in several ways."""

from __future__ import annotations

import unicodedata

# Not blank to Python, and not to be seen either.
_UNSEEN = "\u200b\u200c\u200d\u2060\ufeff"


def plain_name(name: str) -> str:
    """The name as no service respells it: composed letters (NFC), nothing blank or unseen at its ends."""
    composed = unicodedata.normalize("NFC", name)
    while composed != (stripped := composed.strip().strip(_UNSEEN)):
        composed = stripped
    return composed


def is_respelling(given: str, name: str) -> bool:
    """Whether one name may be what a service made of the other."""
    return given != name and _bare(given) == _bare(name)


def _bare(name: str) -> str:
    plain = unicodedata.normalize("NFKC", plain_name(name))
    return " ".join(plain.split()).casefold()
