"""A real S3 server for states, rows and reports. Only the environment of the distributed tests has it."""

from __future__ import annotations

import importlib
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

BUCKET = "season"
SECRET = "a-secret-of-the-store"


@contextmanager
def s3_bucket() -> Iterator[str]:
    """The address of a new folder in a bucket, with the id of its connection; both end with the context."""
    with _server() as (host, port):
        url = f"http://{host}:{port}"
        extra = {"endpoint_url": url, "region_name": "us-east-1"}
        connection = {"conn_type": "aws", "login": "keeper", "password": SECRET, "extra": extra}
        client = importlib.import_module("boto3").client(
            "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="keeper", aws_secret_access_key=SECRET
        )
        client.create_bucket(Bucket=BUCKET)
        with pytest.MonkeyPatch.context() as patched:
            # Airflow keeps the store of a connection as long as the process lives.
            patched.setenv(f"AIRFLOW_CONN_S3_{port}", json.dumps(connection))
            yield f"s3://s3_{port}@{BUCKET}/{uuid.uuid4()}"


@contextmanager
def _server() -> Iterator[tuple[str, int]]:
    """Serve S3 on a free port."""
    moto = importlib.import_module("moto.moto_server.werkzeug_app")
    app = _one_at_a_time(moto.DomainDispatcherApplication(moto.create_backend_app))
    server = importlib.import_module("werkzeug.serving").make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[:2]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _one_at_a_time(app: Callable[..., Any]) -> Callable[..., Any]:
    """Answer one request after the other.

    S3 looks for an object and creates it in one step. Moto does it in two, and lets two requests at once create it.
    """
    lock = threading.Lock()

    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        with lock:
            return list(app(environ, start_response))

    return serve
