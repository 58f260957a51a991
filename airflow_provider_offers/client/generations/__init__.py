"""The generations of the API: the protocol that flows use, and one module for each generation's spelling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from airflow_provider_offers.client.model.capabilities import Capabilities
from airflow_provider_offers.client.model.entities import Entity, Page, Receipt, Reference
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.operations import Patch
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.query import Query
from airflow_provider_offers.client.settings import Api
from airflow_provider_offers.client.wire.messages import Answer, Call, Json


class Generation(Protocol):
    """Turns neutral objects into calls, and answers into neutral objects."""

    @property
    def api(self) -> Api: ...

    @property
    def base(self) -> str:
        """The path of the service. `Call.path` and the links in answers are relative to it."""
        ...

    @property
    def total_is_whole(self) -> bool:
        """Whether Adobe documents that a page's `total` counts the whole listing."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def runtime(self) -> tuple[str, str]:
        """The path of the decision runtime's service, and the beginning of its calls' paths."""
        ...

    def supports(self, kind: Kind) -> bool:
        """Whether the generation documents calls for this kind of object."""
        ...

    def renames(self, call: Call) -> bool:
        """Whether a call may change the name of an object."""
        ...

    def create(self, kind: Kind, properties: Mapping[str, Json]) -> Call: ...

    def read(self, reference: Reference, *, etag: int | str | None = None) -> Call: ...

    def patch(self, reference: Reference, patch: Patch, *, etag: int | str | None = None) -> Call: ...

    def replace(
        self, reference: Reference, properties: Mapping[str, Json], *, etag: int | str | None = None
    ) -> Call: ...

    def delete(self, reference: Reference) -> Call: ...

    def search(self, kind: Kind, query: Query) -> Call: ...

    def lookup(self, kind: Kind, *, name: str | None = None, ids: Sequence[str] = ()) -> Call:
        """Find objects by exact name or reference ids. The path reads the repository, not the search index."""
        ...

    def recent(self, kind: Kind, page_size: int) -> Call:
        """List all objects of a kind, the latest modified first. Reads the repository, not the search index."""
        ...

    def every(self, kind: Kind, page_size: int) -> Call:
        """List all objects of a kind in an order that edits do not change: no object is missed between two pages."""
        ...

    def oldest(self, kind: Kind, page_size: int) -> Call:
        """List all objects of a kind, the oldest first, from the repository and not from the search index."""
        ...

    def newest(self, kind: Kind, page_size: int) -> Call:
        """List all objects of a kind, the newest first, from the repository and not from the search index."""
        ...

    def follow(self, href: str) -> Call:
        """The call for a link of the service."""
        ...

    def needs_instance_id(self, reference: Reference) -> bool:
        """Whether the instance id must be looked up first, because URLs need it."""
        ...

    def needs_read(self, kind: Kind, patch: PreparedPatch) -> bool:
        """Whether the object must be read first, because it may spell the patched properties in its own way."""
        ...

    def as_read(self, properties: Mapping[str, Json], kind: Kind) -> Mapping[str, Json]:
        """Neutral properties as a later read shows them: a write accepts two spellings of some values."""
        ...

    def receipt(self, answer: Answer) -> Receipt: ...

    def entity(self, kind: Kind, answer: Answer) -> Entity: ...

    def page(self, kind: Kind, answer: Answer, *, brief: bool = False) -> Page:
        """A page of a listing. `brief` says that only what receipts show is needed: the entities may have no more."""
        ...


def writes(patch: Patch, names: Sequence[str]) -> bool:
    """Whether an operation of the patch changes a member with one of these names, at any depth."""
    for operation in patch:
        if operation["op"] != "test" and (
            operation.get("path", "").rpartition("/")[2] in names
            or operation.get("from", "").rpartition("/")[2] in names
        ):
            return True
    return False
