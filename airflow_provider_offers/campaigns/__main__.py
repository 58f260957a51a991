"""`python -m airflow_provider_offers.campaigns validate MANIFEST …`: checks manifests without Airflow."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from airflow_provider_offers.campaigns.checking import check_manifests


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns 0 if every manifest is valid, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_offers.campaigns",
        description="Campaigns as code, without Airflow.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    checked = commands.add_parser("validate", help="check manifests for all of their targets, without a connection")
    checked.add_argument("manifests", nargs="+", metavar="MANIFEST", help="a file or a folder")
    valid, wrong = check_manifests(parser.parse_args(arguments).manifests)
    sys.stdout.writelines(f"{line}\n" for line in valid)
    sys.stderr.writelines(f"{line}\n" for line in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
