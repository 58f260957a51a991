"""The lineage of a task for OpenLineage: what it wrote and read, as datasets, from its result. It sends no request.

Airflow's OpenLineage provider is optional. Nothing here is called without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_offers.assets.uris import SCHEME, address_of

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Asset
    from openlineage.client.event_v2 import Dataset, InputDataset, OutputDataset

    from airflow_provider_offers.client.model.kinds import Kind
    from airflow_provider_offers.client.wire.messages import Json

# The most datasets on each side of a task.
_MOST = 100


@dataclass(frozen=True, slots=True)
class Lineage:
    """The receipts of what a task wrote and read in one sandbox."""

    organization: str
    sandbox: str
    written: Iterable[Mapping[str, Any]] = ()
    read: Iterable[Mapping[str, Any]] = field(default_factory=tuple)


def operator_lineage(lineage: Lineage) -> OperatorLineage[Any, Any]:
    """The datasets of a task: at most 100 written and 100 read."""
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset

    inputs: list[Dataset] = _datasets(lineage, lineage.read, InputDataset)
    outputs: list[Dataset] = _datasets(lineage, lineage.written, OutputDataset)
    return OperatorLineage(inputs=inputs, outputs=outputs)


def to_openlineage(asset: Asset, lineage_context: Any) -> Dataset | None:
    """The dataset of an asset; Airflow's OpenLineage provider calls this for inlets and outlets."""
    from openlineage.client.event_v2 import Dataset

    address = address_of(asset.uri)
    name = address.kind if address.name is None else f"{address.kind}/{address.name}"
    return Dataset(namespace=namespace(address.organization, address.sandbox), name=name)


def referred_objects(documents: Iterable[tuple[Kind, Json]]) -> list[dict[str, Any]]:
    """The objects to which documents refer, by id or by name."""
    from airflow_provider_offers.client.model.kinds import kind_of_type_name
    from airflow_provider_offers.client.model.places import pointings

    found: dict[str, dict[str, Any]] = {}
    for kind, document in documents:
        for each in pointings(kind.place, document):
            target = kind_of_type_name(each.type_names[0])
            key = None if target is None else target.key
            by_name = {"kind": key, "name": each.name}
            found.setdefault(each.target, identified(each.target, key) if each.name is None else by_name)
    return list(found.values())


def identified(identifier: str, kind: str | None = None) -> dict[str, Any]:
    """An object by its id, whose kind is that of the id, if the id shows it."""
    from airflow_provider_offers.client.model.identifiers import TYPED_ID
    from airflow_provider_offers.client.model.kinds import kind_of_type_name

    match = TYPED_ID.fullmatch(identifier)
    typed = kind_of_type_name(match["type"]) if match else None
    return {"kind": typed.key if typed else kind, "id": identifier}


def namespace(organization: str, sandbox: str) -> str:
    """The namespace of the datasets of a sandbox."""
    return f"{SCHEME}://{quote(organization, safe='')}/{quote(sandbox, safe='')}"


def _datasets(
    lineage: Lineage, receipts: Iterable[Mapping[str, Any]], made: type[InputDataset] | type[OutputDataset]
) -> list[Dataset]:
    """A dataset for each object: its name is that of its asset. An id that is known beside it is a symlink."""
    from openlineage.client.generated.symlinks_dataset import Identifier, SymlinksDatasetFacet

    place = namespace(lineage.organization, lineage.sandbox)
    found: dict[str, Dataset] = {}
    for receipt in receipts:
        kind, identifier = receipt.get("kind") or receipt.get("offer_type"), receipt.get("id")
        name = f"{kind}/{receipt.get('name') or identifier}"
        if kind is None or name in found or len(found) == _MOST or receipt.get("action") == "skipped":
            continue
        alias = [] if identifier is None else [Identifier(place, f"{kind}/{identifier}", "ID")]
        found[name] = made(namespace=place, name=name, facets={"symlinks": SymlinksDatasetFacet(identifiers=alias)})
    return list(found.values())
