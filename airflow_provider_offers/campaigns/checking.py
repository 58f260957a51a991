"""The check of manifests without a connection, for `airflow offers validate` and for a pre-commit hook."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from airflow_provider_offers.campaigns.errors import ManifestError
from airflow_provider_offers.campaigns.manifest.loading import validate
from airflow_provider_offers.client.errors import Violation

# What follows the name of a file in the place of a violation.
_PLACE = re.compile(r":\d|, row | in row ")


def check_manifests(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Check manifests for all of their targets, without a connection.

    Returns the lines about what is valid, and the lines about what is wrong: one for each violation. Each begins with
    the path of a file, its line and its column, or with the path of the manifest.
    """
    valid: list[str] = []
    wrong: list[str] = []
    for path in paths:
        try:
            campaigns = validate(path)
        except ManifestError as error:
            wrong += [_line(path, violation) for violation in error.violations]
            continue
        targets = ", ".join(f"{len(each.objects)} objects for {each.target.name}" for each in campaigns)
        valid.append(f"{path}: the campaign {campaigns[0].name!r} is valid: {targets}")
        valid += [f"{path}: warning: {each}" for each in dict.fromkeys(w for each in campaigns for w in each.warnings)]
    return valid, wrong


def _line(path: str, violation: Violation) -> str:
    """A violation with a path that a terminal can open."""
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    file = _PLACE.split(violation.pointer, maxsplit=1)[0]
    if Path(path).is_absolute() and (folder / file).is_file():
        return f"{folder.as_posix()}/{violation}"
    return str(violation) if Path(file).is_file() else f"{path}: {violation}"
