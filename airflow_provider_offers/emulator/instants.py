"""Instants in the formats of both generations: RFC 3339 texts, microseconds and milliseconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC_3339 = re.compile(
    r"(?P<base>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,9}))?(?P<zone>Z|[+-]\d\d:\d\d)",
    re.ASCII | re.IGNORECASE,
)


def normalized(text: str) -> str:
    """An RFC 3339 text in the format of the store: UTC, `Z`, at least milliseconds. Raises `ValueError` otherwise."""
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an RFC 3339 date-time with a zone, such as 2026-03-10T00:00:00Z")
    zone = match["zone"].upper()
    try:
        moment = datetime.fromisoformat(match["base"].upper() + ("+00:00" if zone == "Z" else zone))
    except ValueError as error:
        raise ValueError(f"{text!r} does not exist: {error}") from None
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is out of range") from None
    digits = (match["fraction"] or "").rstrip("0").ljust(3, "0")
    return f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + f".{digits}Z"


def to_us(moment: datetime | str) -> int:
    """Microseconds since 1970 of an aware datetime or an RFC 3339 text. Raises `ValueError` for anything else."""
    if isinstance(moment, str):
        return _text_to_us(moment)
    if not isinstance(moment, datetime):
        raise ValueError(f"{moment!r} is neither a datetime with a time zone nor an RFC 3339 text")
    if moment.tzinfo is None:
        raise ValueError("a datetime needs a time zone")
    return (moment - _EPOCH) // timedelta(microseconds=1)


@lru_cache(maxsize=32_768)
def _text_to_us(moment: str) -> int:
    # Cached because decisions check the windows of all offers again and again.
    whole, _, fraction = normalized(moment)[:-1].partition(".")
    seconds = datetime.fromisoformat(whole + "+00:00") - _EPOCH
    return seconds // timedelta(microseconds=1) + int(fraction[:6].ljust(6, "0"))


def micros_text(us: int) -> str:
    """Generation 1's envelope dates: microseconds and `Z`."""
    return f"{_EPOCH + timedelta(microseconds=us):%Y-%m-%dT%H:%M:%S.%f}Z"


def millis_text(us: int) -> str:
    """Generation 2's cursors: milliseconds and `Z`."""
    return f"{micros_text(us)[:-4]}Z"


def offset_text(us: int) -> str:
    """Generation 2's entity dates: milliseconds and `+00:00`."""
    return f"{micros_text(us)[:-4]}+00:00"
