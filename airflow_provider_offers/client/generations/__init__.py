"""The generations of the API: the protocol that flows use, and one module for the spelling of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from airflow_provider_offers.client.model.capabilities import Capabilities
from airflow_provider_offers.client.model.entities import Entity, Page, Receipt, Reference
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.operations import Patch
from airflow_provider_offers.client.model.query import Query
from airflow_provider_offers.client.settings import Api
from airflow_provider_offers.client.wire.messages import Answer, Call, Json


class Generation(Protocol):
    """What flows need from a generation: it turns neutral objects into calls, and answers into neutral objects."""

    @property
    def api(self) -> Api: ...

    @property
    def base(self) -> str:
        """The path of the service, to which `Call.path` and the hrefs of its answers are relative."""
        ...

    @property
    def total_is_whole(self) -> bool:
        """Whether a page's `total` is documented to count the whole listing."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def runtime(self) -> tuple[str, str]:
        """The path of the decision runtime's service, and what its calls' paths begin with."""
        ...

    def supports(self, kind: Kind) -> bool:
        """Whether the generation documents calls for a kind of object."""
        ...

    def renames(self, call: Call) -> bool:
        """Whether a call changes what an object is called."""
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
        """Find by exact name or reference ids, by a path that reads the repository and not the search index."""
        ...

    def recent(self, kind: Kind, page_size: int) -> Call:
        """List everything of a kind, the latest modified first, from the repository and not the search index."""
        ...

    def every(self, kind: Kind, page_size: int) -> Call:
        """List everything of a kind in an order that no edit changes, so that nothing is missed between two pages."""
        ...

    def follow(self, href: str) -> Call:
        """The page that a link of the service leads to."""
        ...

    def needs_instance_id(self, reference: Reference) -> bool:
        """Whether the instance id must be looked up before the object can be addressed."""
        ...

    def needs_read(self, kind: Kind, patch: Patch) -> bool:
        """Whether only a read of the object tells how its own properties are spelled that the patch names."""
        ...

    def as_read(self, properties: Mapping[str, Json], kind: Kind) -> Mapping[str, Json]:
        """Neutral properties as they come back after a write: some values have two spellings on the way in."""
        ...

    def receipt(self, kind: Kind, answer: Answer) -> Receipt: ...

    def entity(self, kind: Kind, answer: Answer) -> Entity: ...

    def page(self, kind: Kind, answer: Answer) -> Page: ...


def writes(patch: Patch, names: Sequence[str]) -> bool:
    """Whether an operation of the patch changes a member of one of these names, at any depth."""
    return any(
        operation["op"] != "test" and operation.get(pointer, "").rpartition("/")[2] in names
        for operation in patch
        for pointer in ("path", "from")
    )
