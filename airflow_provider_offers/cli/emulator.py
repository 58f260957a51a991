"""`airflow offers emulator`: the same as `python -m airflow_provider_offers.emulator`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from airflow_provider_offers.cli.screen import Screen


def emulator(args: argparse.Namespace, screen: Screen) -> int:
    """Run the emulator until it is interrupted."""
    from airflow_provider_offers.emulator.__main__ import serve

    def tell(text: str) -> None:
        screen.line(text)
        screen.flush()

    return serve(args, tell)
