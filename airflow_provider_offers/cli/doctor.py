"""`airflow offers doctor`: a connection test that says what failed and what to do."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_provider_offers.cli.connections import hook_of
from airflow_provider_offers.cli.running import FAILED, OK, UserError
from airflow_provider_offers.client.diagnosis import Diagnosis, diagnose
from airflow_provider_offers.client.errors import ConfigurationError, InvalidInputError

if TYPE_CHECKING:
    import argparse

    from airflow_provider_offers.cli.screen import Screen

_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}
# The longest step, `read collection qualifiers`, and two blanks.
_WIDTH = 28


def doctor(args: argparse.Namespace, screen: Screen) -> int:
    """Test the connection; each step is shown when it is done."""
    found = []
    for each in _steps(args):
        found.append(each)
        if args.format == "text":
            _show(each, screen)
    if args.format == "json":
        screen.document(json.dumps([dataclasses.asdict(each) for each in found], indent=2))
    return FAILED if any(each.verdict == "failed" for each in found) else OK


def _steps(args: argparse.Namespace) -> Iterator[Diagnosis]:
    from airflow.sdk.log import mask_secret

    try:
        with hook_of(args.conn_id, args.sandbox) as hook:
            settings = hook.settings
    except (ConfigurationError, InvalidInputError) as error:
        detail = "; ".join(map(str, error.violations))
        yield Diagnosis("connection", "failed", detail, "Correct these fields of the connection.")
        return
    except UserError as error:
        yield Diagnosis("connection", "failed", str(error))
        return
    yield Diagnosis("connection", "ok", hook.offer_library_conn_id)
    yield from diagnose(settings, write=args.write, on_token=mask_secret)


def _show(found: Diagnosis, screen: Screen) -> None:
    verdict = found.verdict.upper() if found.verdict == "failed" else found.verdict
    line = f"{verdict:<9}{found.step:<{_WIDTH}}{found.detail}".rstrip()
    screen.line(line, style=_STYLES[found.verdict])
    if found.remedy:
        screen.line(f"{'':9}{'':{_WIDTH}}{found.remedy}")
