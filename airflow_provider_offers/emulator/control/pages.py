"""The files of the emulator's page, with headers that keep everything else out of it."""

from __future__ import annotations

from functools import cache
from importlib import resources

from airflow_provider_offers.emulator.http.messages import Answer

FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
}
"""The files by their path under the control plane's prefix, each with its name and its media type."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def file(path: str) -> Answer:
    """One of the files; the browser loads nothing else, runs no inline script, and shows the page in no frame."""
    name, media_type = FILES[path]
    return Answer(200, _content(name), {"content-type": media_type, **_HEADERS})


@cache
def _content(name: str) -> bytes:
    return (resources.files("airflow_provider_offers.emulator.control") / "page" / name).read_bytes()
