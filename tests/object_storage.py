"""A real S3 server for states, rows and reports. Only the environment of the distributed tests has it."""

from __future__ import annotations

import importlib
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

BUCKET = "season"
SECRET = "a-secret-of-the-store"


@contextmanager
def s3_bucket() -> Iterator[str]:
    """The address of a new folder in a bucket, with the id of its connection; both end with the context."""
    server = importlib.import_module("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
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
    finally:
        server.stop()
