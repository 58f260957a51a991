"""Writes manifests for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow_provider_offers.campaigns.manifest.loading import load
from airflow_provider_offers.campaigns.objects import Campaign

HEADER = """\
apiVersion: offers/v1
campaign: spring
targets: {dev: {connection: ajo_dev}}
external: {placements: [Web hero]}
"""
OFFER = "rank: {priority: 1}, status: draft"
WINDOW = "{start: 2027-03-01T00:00:00Z, duration: P31D}"


def written(folder: Path, text: str, **files: str | bytes) -> Path:
    """A manifest of the header and the text, with files beside it; `__` in a file's name is a dot, `___` a slash."""
    for name, content in {"campaign__yaml": HEADER + text, **files}.items():
        path = folder / name.replace("___", "/").replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / "campaign.yaml"


def loaded(folder: Path, text: str, files: dict[str, str | bytes] | None = None, **options: Any) -> Campaign:
    """The campaign of the header and the text, with files beside it."""
    return load(written(folder, text, **(files or {})), **options)


def properties(campaign: Campaign) -> list[dict[str, Any]]:
    """The properties of every object, in order."""
    return [dict(each.properties) for each in campaign.objects]
