"""How generation 1, the xcore repository, spells objects, receipts, links and media types."""

from __future__ import annotations

from typing import Any

from airflow_provider_offers.emulator import instants, wellknown
from airflow_provider_offers.emulator.http.media_types import same_schema
from airflow_provider_offers.emulator.kinds import KINDS, Kind
from airflow_provider_offers.emulator.store.library import Record

HAL = "application/vnd.adobe.platform.xcore.hal+json"
HOME = "application/vnd.adobe.platform.xcore.home.hal+json"
PATCH = "application/vnd.adobe.platform.xcore.patch.hal+json"
RECEIPT = "application/vnd.adobe.platform.xcore.xdm.receipt+json"
SCHEMA_INSTANCE = "application/schema-instance+json"
RESULTS_SCHEMA = "https://ns.adobe.com/experience/xcore/hal/results"
HOME_SCHEMA = "https://ns.adobe.com/experience/xcore/hal/home"
CONTAINER_SCHEMA = "https://ns.adobe.com/experience/xcore/container"
PRODUCT = "acp"

_RULE = "eligibility-rule"
_TWICE_SPELLED = ("description", "condition")
_CONDITION = ("type", "format", "value")


def kind_of(schema: str) -> Kind | None:
    """The kind of a schema id, in any version with the same major number."""
    for kind in KINDS:
        if same_schema(schema, f"{kind.schema};version={kind.xcore_version}"):
            return kind
    return None


def version_of(schema: str) -> str:
    """The version in a schema id, or an empty text."""
    return schema.partition(";version=")[2].strip()


def stamped_schema(record: Record) -> str:
    """The schema id with the version in which the object was written."""
    return f"{record.kind.schema};version={record.version or record.kind.xcore_version}"


def receipt(record: Record) -> dict[str, Any]:
    """The answer to a write."""
    return {"instanceId": record.instance_id, "@id": record.id, **_bookkeeping(record)}


def payload(record: Record, rule_names: str) -> dict[str, Any]:
    """The object's own properties and its `@id`; `rule_names` selects the spelling of a rule's properties."""
    written = record.kind.shape.write(record.body, "xcore")
    if record.kind.name == _RULE and rule_names != "plain":
        names = _TWICE_SPELLED if rule_names == "prefixed" else record.spelled.split(",")
        written = {(f"xdm:{name}" if name in names else name): value for name, value in written.items()}
        if isinstance(written.get("xdm:condition"), dict):
            written["xdm:condition"] = {
                (f"xdm:{name}" if name in _CONDITION else name): value
                for name, value in written["xdm:condition"].items()
            }
    return {**written, "@id": record.id}


def spelled(kind: Kind, document: Any) -> str:
    """The properties of a rule that a document spells with a prefix."""
    if kind.name != _RULE or not isinstance(document, dict):
        return ""
    return ",".join(name for name in _TWICE_SPELLED if f"xdm:{name}" in document)


def envelope(record: Record, container: str, rule_names: str = "plain") -> dict[str, Any]:
    """The answer to a read of one object."""
    schema = stamped_schema(record)
    return {
        "instanceId": record.instance_id,
        "schemas": [schema],
        "productContexts": [PRODUCT],
        **_bookkeeping(record),
        "_instance": payload(record, rule_names),
        "_links": {
            "self": {
                "name": f"{schema}#{record.instance_id}",
                "href": f"/{container}/instances/{record.instance_id}",
                "@type": schema,
            }
        },
    }


def container_document(sandbox: str, born_us: int) -> dict[str, Any]:
    """The container of a sandbox in the list of the repository root."""
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
