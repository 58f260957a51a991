"""The check of manifests without a connection, for `airflow offers validate` and for a pre-commit hook."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_offers.campaigns.errors import ManifestError
from airflow_provider_offers.campaigns.manifest import validate


def check_manifests(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Check manifests for all of their targets, without a connection.

    Returns the lines about what is valid, and the lines about what is wrong: one for each violation, each with the
    manifest, file, line and column.
    """
    valid: list[str] = []
    wrong: list[str] = []
    for path in paths:
        try:
            campaigns = validate(path)
        except ManifestError as error:
            wrong += [f"{path}: {violation}" for violation in error.violations]
            continue
        targets = ", ".join(f"{len(each.objects)} objects for {each.target.name}" for each in campaigns)
        valid.append(f"{path}: the campaign {campaigns[0].name!r} is valid: {targets}")
        valid += [f"{path}: warning: {each}" for each in dict.fromkeys(w for each in campaigns for w in each.warnings)]
    return valid, wrong
