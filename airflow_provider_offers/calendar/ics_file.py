"""The windows of offers as iCalendar (RFC 5545), for calendars such as Outlook's and Google's.

Ten thousand events take a well-known library several seconds of the API server's time, and these lines less than one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.lifecycle import APPROVED

# Maximum octets of a line, without its end.
_LONGEST = 75
# Control characters that no text may hold; a line end becomes `\n`.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def ics_of(rows: Iterable[Mapping[str, Any]], *, name: str, made_at: datetime) -> bytes:
    """One event for each row that has a window. `name` names the calendar; `made_at` is when it was made."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//airflow-provider-offers//Offer Library//EN"]
    lines += ["CALSCALE:GREGORIAN", "METHOD:PUBLISH", f"NAME:{_text(name)}", f"X-WR-CALNAME:{_text(name)}"]
    for row in rows:
        start, end = (None if row[name] is None else parse_instant(row[name]) for name in ("start", "end"))
        if start is not None and end is not None and start < end:
            lines += _event(row, start, end, made_at)
    return b"".join(_folded(line) for line in [*lines, "END:VCALENDAR"])


def _event(row: Mapping[str, Any], start: datetime, end: datetime, made_at: datetime) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{_text(row['id'])}"
    yield f"DTSTAMP:{_stamp(made_at)}"
    yield f"DTSTART:{_stamp(start)}"
    yield f"DTEND:{_stamp(end)}"
    yield f"SUMMARY:{_text(row['name'])}"
    yield f"DESCRIPTION:{_text(_told(row))}"
    yield f"CATEGORIES:{','.join(map(_text, [row['status'] or 'none', *row['marks']]))}"
    # Only an approved offer can be shown: of the others, nothing is settled.
    yield "STATUS:CONFIRMED" if row["status"] == APPROVED else "STATUS:TENTATIVE"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _told(row: Mapping[str, Any]) -> str:
    lists = [f"{word}: {', '.join(row[word])}" for word in ("marks", "placements", "decisions", "tags") if row[word]]
    return "\n".join([f"status: {row['status']}", *lists])


def _stamp(instant: datetime) -> str:
    utc = instant.astimezone(UTC)
    # `%Y` leaves the zeros of an early year out.
    return f"{utc.year:04}{utc:%m%dT%H%M%SZ}"


def _text(value: str) -> str:
    text = _CONTROL.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))
    text = text.encode(errors="replace").decode()
    for sign in ("\\", ";", ","):
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\n", "\\n")


def _folded(line: str) -> bytes:
    """The line with its end, in parts of at most 75 octets that do not divide a character."""
    octets = line.encode()
    if len(octets) <= _LONGEST:
        return octets + b"\r\n"
    parts, room = [], _LONGEST
    while octets:
        end = min(room, len(octets))
        while end < len(octets) and octets[end] & 0xC0 == 0x80:
            end -= 1
        parts.append(octets[:end])
        # The blank in front of a continued line counts.
        octets, room = octets[end:], _LONGEST - 1
    return b"\r\n ".join(parts) + b"\r\n"
