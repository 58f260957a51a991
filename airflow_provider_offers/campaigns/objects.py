"""A campaign, as its manifest describes it for one target: the wanted objects, and what belongs to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.wire.messages import Json

# Identifies an object in a sandbox: the key of its kind, and its exact name.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Origin:
    """The place in a file where something is written; lines and columns count from 1.

    `row` is the row with which a template was filled, such as `row 3 (offers.csv:4)`; empty without rows.
    """

    file: str
    line: int
    column: int
    row: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place} in {self.row}" if self.row else place


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """How the campaign treats an object.

    `ignore_changes` are pointers in neutral names; nothing at or below them is compared or changed after the creation.
    `prevent_destroy` keeps the object when it is gone from the manifest.
    """

    ignore_changes: tuple[str, ...] = ()
    prevent_destroy: bool = False


@dataclass(frozen=True, slots=True)
class WantedObject:
    """An object that the campaign manages.

    `properties` are complete and checked, in neutral names: dates are RFC 3339, a window is in its dates, and defaults
    are filled in. References are ids, or `name:` and the exact name. A kind with statuses has a `status`.
    """

    kind: Kind
    name: str
    properties: Mapping[str, Json]
    origin: Origin
    lifecycle: Lifecycle = field(default_factory=Lifecycle)

    @property
    def key(self) -> Key:
        return self.kind.key, self.name


@dataclass(frozen=True, slots=True)
class Move:
    """A new name of an object. It keeps its identity in the library."""

    kind: Kind
    old: str
    new: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Target:
    """Where a campaign is applied. `sandbox` is None for the connection's own. `protected` asks for an approval."""

    name: str
    connection: str
    sandbox: str | None = None
    protected: bool = False
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Campaign:
    """A manifest for one target, with every template rendered and every row filled in.

    `objects` are in the order of the manifest, and no two of them have the same key. `external` are the objects that
    the campaign refers to and never changes. `digest` differs if anything here differs, apart from places in files and
    from `warnings`, which are sentences about what may be wrong.
    """

    name: str
    target: Target
    objects: Sequence[WantedObject]
    digest: str
    external: Sequence[Key] = ()
    moved: Sequence[Move] = ()
    source: str = ""
    warnings: Sequence[str] = ()
