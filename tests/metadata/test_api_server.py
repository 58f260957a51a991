"""The basis of this folder's tests: a server starts on a port that is still free when it opens it."""

import os
import socket
import sys
from pathlib import Path

import pytest

from tests.metadata import conftest

# Answers like an API server to a request for its version.
SERVER = """
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"path": self.path}).encode())
http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""


def test_a_server_whose_port_is_taken_meanwhile_is_started_on_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        ports = iter([taken.getsockname()[1], conftest.free_port()])
        monkeypatch.setattr(conftest, "free_port", lambda: next(ports))
        with conftest.served([sys.executable, "-c", SERVER], os.environ, tmp_path / "log") as url:
            assert conftest.get(f"{url}/x") == {"path": "/x"}
    assert next(ports, None) is None


def test_a_server_that_never_starts_says_why(tmp_path: Path) -> None:
    silent = [sys.executable, "-c", "raise SystemExit('no licence')"]
    with (
        pytest.raises(pytest.fail.Exception, match="no licence"),
        conftest.served(silent, os.environ, tmp_path / "log"),
    ):
        pass
