"""Text from outside: prepared for messages, with a limited length and nothing that breaks or forges a log line; and as
JSON in which no object has a name twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from itertools import islice
from typing import Any

LONGEST_MESSAGE = 8_000
_LONGEST_VALUE = 300
_BREAKS = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
# Control characters, marks that change the direction of writing, and halves of surrogate pairs.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ADDRESS = re.compile(r"(?<=[\w>)]) at 0x[0-9a-f]+(?=>)")
# Words that databases and programs write into text in place of a missing value, and the errors of spreadsheets.
_MISSING = re.compile(
    r"\b(?:None|null|NULL|nan|NaN|NaT)\b|<NA>|#(?:N/A|NAME\?|NULL!|NUM!|REF!|VALUE!|DIV/0!|NV|BEZUG!|WERT!|ZAHL!)"
)
# A long number, as a spreadsheet shortens it in a column that is too narrow.
_SHORTENED = re.compile(r"(?<![\w.,])\d(?:[.,]\d+)?E\+\d{2}(?!\w)")
# A formula that keeps the zeros of a number in a spreadsheet, such as ="0042".
_FORMULA = re.compile(r'(?<!\S)="[^"<>]*"(?!\S)')
# The mark of a lost character, and letters whose UTF-8 was read as Windows-1252. No language writes these pairs.
_MISREAD = re.compile(
    "\ufffd|\u00c3[\u00a1-\u00aa\u00ac-\u00ba\u00bc-\u00bf\u02c6\u0153\u0160\u0178\u017e\u201e\u2021\u2030\u2039]"
    "|\u00c2[\u00a3\u00a7\u00a9\u00ae\u00b0]|\u00e2\u20ac[\u009d\u00a6\u0153\u02dc\u201c\u201d\u2122]"
)
_LOST = "perhaps a program read it in another encoding than UTF-8"
_DAMAGES = {
    _MISSING: "perhaps a value is missing",
    _SHORTENED: "perhaps a spreadsheet shortened a long number",
    _FORMULA: "perhaps it is a formula of a spreadsheet",
    _MISREAD: _LOST,
}
_NO_BREAK_OF_OURS = re.compile(r"\n(?! {2})")


class NameTwiceError(ValueError):
    """An object in JSON text has a name twice, so one of the two values would be lost."""


def json_of(text: str) -> Any:
    """The value of JSON text. Raises ValueError if it is not JSON, and `NameTwiceError` if it is ambiguous."""
    return json.loads(text, object_pairs_hook=with_each_name_once)


def with_each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of a JSON object. Raises `NameTwiceError` if a name is in it twice."""
    read: dict[str, Any] = {}
    for name, value in pairs:
        if name in read:
            raise NameTwiceError(f"the name {quoted(name, 80)} is in one object twice")
        read[name] = value
    return read


def damage_in(text: str, template: str) -> str:
    """What a program may have done to a part of the text that the template does not have; empty if nothing shows it."""
    found = (said for form, said in _DAMAGES.items() if {*form.findall(text)} - {*form.findall(template)})
    return next(found, "")


def damage_of(text: object) -> str:
    """What a program may have done to the text as a whole, or to its letters; empty for any other value."""
    if not isinstance(text, str):
        return ""
    whole = next((said for form, said in _DAMAGES.items() if form.fullmatch(text.strip())), "")
    return whole or (_LOST if _MISREAD.search(text) else "")


def legible(text: str, longest: int = _LONGEST_VALUE) -> str:
    """The text on one line."""
    return _printable(_BREAKS.sub(" ", _cut(text, longest)))


def legible_message(text: str) -> str:
    """A whole message. Our own line breaks are followed by two blanks; all other breaks come from outside."""
    lines = _NO_BREAK_OF_OURS.sub(" ", _cut(text, LONGEST_MESSAGE)).split("\n")
    return "\n".join(_printable(_BREAKS.sub(" ", line)) for line in lines)


def quoted(value: object, longest: int = _LONGEST_VALUE) -> str:
    """The repr of the value, cut short and without addresses in memory; the name of its type if it has no repr."""
    try:
        return legible(_ADDRESS.sub("", repr(value)), longest)
    except (ValueError, RecursionError):
        # A number with too many digits for text, or endless nesting.
        return f"{typed(value)} too large to show"
    except Exception:  # noqa: BLE001  a class may define any repr
        return f"{typed(value)} that cannot be shown"


def typed(value: object) -> str:
    """The type of a value with an article, such as `an int`; `nothing` for None."""
    name = type(value).__name__
    return "nothing" if value is None else f"{'an' if name[0] in 'aeiouAEIO' else 'a'} {name}"


def describe(value: object) -> str:
    """The value in a message: whole if it is short, otherwise its beginning or its type."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return quoted(value, 80)


def listed(texts: Collection[str], most: int = 5) -> str:
    """The first texts in one line, and how many more there are: `a, b and 3 more`."""
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(islice(texts, most)) + more


def on_lines(texts: Collection[object], most: int) -> str:
    """The first texts, each on its own line of a message, and how many more there are."""
    more = f"\n  and {len(texts) - most} more" if len(texts) > most else ""
    return "".join(f"\n  {each}" for each in islice(texts, most)) + more


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
