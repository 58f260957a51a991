"""The places at which states can be: folders of the disk, and object stores."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.object_storage import s3_bucket


def _disk(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("tmp_path") / "states"


def _object_storage_on_disk(request: pytest.FixtureRequest) -> Any:
    from airflow.sdk import ObjectStoragePath

    return ObjectStoragePath(f"file://{request.getfixturevalue('tmp_path')}/states")


def object_store(_: pytest.FixtureRequest) -> Any:
    from airflow.sdk import ObjectStoragePath

    return ObjectStoragePath(f"memory://{uuid.uuid4()}/states")


@pytest.fixture(scope="module")
def _bucket() -> Iterator[str]:
    with s3_bucket() as address:
        yield address


def _bucket_folder(request: pytest.FixtureRequest) -> Any:
    from airflow.sdk import ObjectStoragePath

    return ObjectStoragePath(f"{request.getfixturevalue('_bucket')}/{uuid.uuid4()}/states")


S3 = pytest.param(_bucket_folder, id="s3://", marks=pytest.mark.distributed)
PLACES = [
    pytest.param(_disk, id="path"),
    pytest.param(_object_storage_on_disk, id="file://"),
    pytest.param(object_store, id="memory://"),
    S3,
]


@pytest.fixture(params=PLACES)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("airflow_provider_offers.campaigns.state.folders._SETTLING_SECONDS", 0.0)
    monkeypatch.setattr("airflow_provider_offers.campaigns.state.folders._RemoteFolder.settling_seconds", 0.001)
    return request.param(request)
