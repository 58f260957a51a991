"""How generation 1, the xcore repository, spells objects, receipts, links and media types."""

from __future__ import annotations

from typing import Any

from airflow_provider_offers.emulator import instants, wellknown
from airflow_provider_offers.emulator.kinds import KINDS, Kind
from airflow_provider_offers.emulator.library import Record
from airflow_provider_offers.emulator.media_types import same_schema

HAL = "application/vnd.adobe.platform.xcore.hal+json"
HOME = "application/vnd.adobe.platform.xcore.home.hal+json"
PATCH = "application/vnd.adobe.platform.xcore.patch.hal+json"
RECEIPT = "application/vnd.adobe.platform.xcore.xdm.receipt+json"
SCHEMA_INSTANCE = "application/schema-instance+json"
RESULTS_SCHEMA = "https://ns.adobe.com/experience/xcore/hal/results"
HOME_SCHEMA = "https://ns.adobe.com/experience/xcore/hal/home"
CONTAINER_SCHEMA = "https://ns.adobe.com/experience/xcore/container"
PRODUCT = "acp"


def kind_of(schema: str) -> Kind | None:
    """The kind that a schema id names, in any version of the same major number."""
    for kind in KINDS:
        if same_schema(schema, f"{kind.schema};version={kind.xcore_version}"):
            return kind
    return None


def version_of(schema: str) -> str:
    """The version in a schema id, or nothing."""
    return schema.partition(";version=")[2].strip()


def stamped_schema(record: Record) -> str:
    """The schema id with the version that the object was written in."""
    return f"{record.kind.schema};version={record.version or record.kind.xcore_version}"


def receipt(record: Record) -> dict[str, Any]:
    """What a write answers."""
    return {"instanceId": record.instance_id, "@id": record.id, **_bookkeeping(record)}


def payload(record: Record) -> dict[str, Any]:
    """The object's own properties and its `@id`."""
    return {**record.kind.shape.write(record.body, "xcore"), "@id": record.id}


def envelope(record: Record, container: str) -> dict[str, Any]:
    """What reading one object answers."""
    schema = stamped_schema(record)
    return {
        "instanceId": record.instance_id,
        "schemas": [schema],
        "productContexts": [PRODUCT],
        **_bookkeeping(record),
        "_instance": payload(record),
        "_links": {
            "self": {
                "name": f"{schema}#{record.instance_id}",
                "href": f"/{container}/instances/{record.instance_id}",
                "@type": schema,
            }
        },
    }


def container_document(sandbox: str, born_us: int) -> dict[str, Any]:
    """A sandbox's container, as the repository root lists it."""
    container = wellknown.container_of(sandbox)
    return {
        "instanceId": container,
        "schemas": [f"{CONTAINER_SCHEMA};version=0.5"],
        "productContexts": [PRODUCT],
        "repo:etag": 1,
        "repo:createdDate": instants.micros_text(born_us),
        "repo:lastModifiedDate": instants.micros_text(born_us),
        "repo:createdBy": "emulator",
        "repo:lastModifiedBy": "emulator",
        "repo:createdByClientId": "emulator",
        "repo:lastModifiedByClientId": "emulator",
        "_instance": {
            "containerType": "decisioning",
            "repo:name": sandbox,
            "dataCenter": "VA7",
            "parentName": sandbox,
            "parentId": wellknown.sandbox_id_of(sandbox),
        },
        "_links": {"self": {"href": f"/containers/{container}"}},
    }


def _bookkeeping(record: Record) -> dict[str, Any]:
    return {
        "repo:etag": record.etag,
        "repo:createdDate": instants.micros_text(record.created_us),
        "repo:lastModifiedDate": instants.micros_text(record.modified_us),
        "repo:createdBy": wellknown.account_of(record.created_by),
        "repo:lastModifiedBy": wellknown.account_of(record.modified_by),
        "repo:createdByClientId": record.created_by,
        "repo:lastModifiedByClientId": record.modified_by,
    }
