"""The emulator as a command: what it writes never disturbs what it serves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests


@pytest.mark.parametrize("is_read", [True, False])
def test_a_terminal_that_cannot_show_a_name_or_has_gone_disturbs_nothing(is_read: bool, tmp_path: Path) -> None:
    with (
        open(tmp_path / "err", "w", encoding="utf-8") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "airflow_provider_offers.emulator", "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "ascii"},
        ) as process,
    ):
        try:
            assert process.stdout is not None
            found = re.search(rb"http://\S+", process.stdout.readline())
            assert found
            while b"as JSON" not in process.stdout.readline():
                pass
            process.stdout.readline()
            process.stdout.readline()
            if not is_read:
                process.stdout.close()
            for path in ("/Été-☃", "/plain"):
                assert requests.get(found[0].decode() + path, timeout=10).status_code == 404
            lines = [process.stdout.readline() for _ in range(2)] if is_read else []
        finally:
            process.kill()

    assert [line.split()[2] for line in lines] == [rb"/\xc9t\xe9-\u2603", b"/plain"][: len(lines)]
    assert (tmp_path / "err").read_text(encoding="utf-8") == ""
