"""The command line: `python -m airflow_provider_offers.emulator`, and what `airflow offers emulator` runs."""

from __future__ import annotations

import argparse
import io
import json
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from airflow_provider_offers.emulator.emulator import Emulator, EmulatorError
from airflow_provider_offers.emulator.settings import SettingError


def main(arguments: list[str] | None = None) -> int:
    """Run the emulator until it is interrupted."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        # An escape stands for a character that the encoding does not have.
        sys.stdout.reconfigure(errors="backslashreplace")
    return serve(options, _print)


def serve(options: argparse.Namespace, tell: Callable[[str], None]) -> int:
    """Run the emulator with these options until it is interrupted. Returns the exit code; `tell` gets what it says."""
    try:
        settings = dict(map(_setting, options.set))
        if options.sandbox:
            settings["sandboxes"] = options.sandbox
        if options.access_token:
            settings["access_token"] = options.access_token
        log = None if options.quiet else _while_read(tell)
        emulator = Emulator(options.port, options.db, options.host, log=log, **settings)
    except (SettingError, argparse.ArgumentTypeError) as error:
        print(f"emulator: {error}", file=sys.stderr)
        return 2
    stop = threading.Event()

    def interrupted(number: int, frame: FrameType | None) -> None:
        stop.set()

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, interrupted)
    try:
        emulator.start()
    except EmulatorError as error:
        print(f"emulator: {error}", file=sys.stderr)
        return 1
    if options.sample:
        _fill(emulator, tell)
    tell(_greeting(emulator, options.db))
    stop.wait()
    emulator.stop()
    return 0


def _while_read(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Write lines until the reader is gone, as with `| head`. The emulator continues without them."""
    is_read = True

    def tell_line(text: str) -> None:
        nonlocal is_read
        if is_read:
            try:
                tell(text)
            except BrokenPipeError:
                is_read = False

    return tell_line


def _fill(emulator: Emulator, tell: Callable[[str], None]) -> None:
    """Add the sample to every sandbox that does not have it, as a file keeps it."""
    from airflow_provider_offers.emulator.store.seeding import SeedError

    for name in _names(emulator):
        try:
            emulator.seed_sample(name)
        except SeedError as error:
            tell(f"The sandbox {name} keeps its library, without the sample: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_offers.emulator",
        description="Adobe Journey Optimizer's Offer Library API on this machine.",
        allow_abbrev=False,
    )
    parser.add_argument("--port", type=int, default=8765, help="port to listen on; 0 selects any free port (8765)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--db", default=":memory:", metavar="FILE", help="SQLite file for all data (memory)")
    parser.add_argument("--sandbox", action="append", metavar="NAME", help="a sandbox; can be repeated (prod and dev)")
    parser.add_argument("--access-token", metavar="TOKEN", help="a token that is always valid")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting; can be repeated")
    parser.add_argument("--sample", action="store_true", help="fill every sandbox with a shop's months of campaigns")
    parser.add_argument("--quiet", action="store_true", help="do not print a line for each request")
    return parser


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"--set takes NAME=VALUE, not {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _greeting(emulator: Emulator, db: str) -> str:
    connection = json.dumps(emulator.connection())
    return "\n".join(
        (
            f"Offer Library emulator on {emulator.url} (library in {'memory' if db == ':memory:' else db})",
            f"  client id, secret  {emulator.CLIENT_ID}, {emulator.CLIENT_SECRET}",
            f"  read only          {emulator.READER_CLIENT_ID}, {emulator.READER_CLIENT_SECRET}",
            f"  no permission      {emulator.OUTSIDER_CLIENT_ID}, {emulator.OUTSIDER_CLIENT_SECRET}",
            f"  organization       {emulator.ORG_ID}",
            *(f"  sandbox            {name}, container {emulator.container_id(name)}" for name in _names(emulator)),
            f"  tokens             {emulator.token_url}",
            f"  control plane      {emulator.url}/_emulator/",
            "Connection for Airflow, as a URI or as JSON (use api=xcore for generation 1):",
            f"  AIRFLOW_CONN_OFFER_LIBRARY_DEFAULT='{emulator.conn_uri()}'",
            f"  AIRFLOW_CONN_OFFER_LIBRARY_DEFAULT='{connection}'",
        )
    )


def _names(emulator: Emulator) -> tuple[str, ...]:
    return emulator.settings.sandboxes


def _print(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
