"""Instants: converts RFC 3339 text to aware datetimes and back; a time without a zone is refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from airflow_provider_offers.client.text import quoted, typed

_RFC_3339 = re.compile(
    r"(?:\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}|\d{8}T\d{6})(?P<fraction>\.\d+)?(?P<zone>[Zz]|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
ACCEPTED = "an RFC 3339 date-time with a zone, such as 2026-03-10T00:00:00Z or 2026-03-10T01:00:00+01:00"


def parse_instant(value: object) -> datetime:
    """The instant of an RFC 3339 text or an aware datetime.

    Raises `ValueError` with a sentence that says what is wrong. A time without a zone is an error, because a zone would
    be a guess.
    """
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError("a datetime without a time zone")
        return value
    if not isinstance(value, str):
        raise ValueError(f"{typed(value)}, {quoted(value, 80)}")
    return _parsed(value)


# The objects of a list have much the same windows.
@lru_cache(maxsize=1024)
def _parsed(value: str) -> datetime:
    match = _RFC_3339.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"{quoted(value)}, which is not an RFC 3339 date-time")
    if match["zone"] is None:
        raise ValueError(f"{quoted(value)}, which has no time zone")
    try:
        return datetime.fromisoformat(value.strip().upper())
    except ValueError as error:
        raise ValueError(f"{quoted(value)}: {error}") from None


def format_instant(instant: datetime) -> str:
    """The instant in UTC as RFC 3339, with milliseconds if it has any: both generations accept this form."""
    try:
        utc = parse_instant(instant).astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise ValueError(f"{instant}, which is beyond the calendar in UTC") from None
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds") + "Z"
