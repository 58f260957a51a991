"""On a real terminal, a command asks, shows colors and a bar, and applies what was confirmed."""

from __future__ import annotations

import json
import os
import pty
import sys
from pathlib import Path

from airflow_provider_offers.emulator import Emulator
from tests.cli.manifests import bodies, written


def test_a_person_at_a_terminal_confirms_an_apply(emulator: Emulator, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "AIRFLOW_CONN_AJO_PROD": json.dumps(emulator.connection()),
        "AIRFLOW__OFFER_LIBRARY__STATE_PATH": str(tmp_path / "state"),
        "TERM": "xterm-256color",
    }
    arguments = ["-m", "airflow", "offers", "apply", str(written(tmp_path)), "--target", "prod"]
    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, *arguments], environment)
    shown = answered = b""
    try:
        while piece := os.read(terminal, 4096):
            shown += piece
            if not answered and b"Type its name to apply this plan" in shown:
                answered = b"prod\n"
                os.write(terminal, answered)
    except OSError:
        # The terminal of a process that has ended.
        pass
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0, shown.decode()
    assert b'\x1b[32m+ create personalized offer "Spring towels"' in shown
    assert b"applied: 3 created" in shown
    assert "Spring towels" in bodies(emulator, "dps", "personalized", "prod")
