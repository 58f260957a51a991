"""What each generation of the API can do, as its pages document it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_offers.client.settings import Api


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What flows have to know of a generation beside its spelling.

    `guards_by_etag`: a write with `If-Match` fails where the object was edited; without it, `test` operations guard.
    `replaces_by_put`: an object can be replaced whole. `patch_operations` are those that the pages list; others are
    written as these before they are sent. `has_diagnostics`: the decision runtime tells of its last update.
    """

    guards_by_etag: bool
    replaces_by_put: bool
    patch_operations: tuple[str, ...]
    has_diagnostics: bool


DPS = Capabilities(
    guards_by_etag=False,
    replaces_by_put=False,
    patch_operations=("add", "replace", "remove", "copy", "test"),
    has_diagnostics=False,
)
XCORE = Capabilities(
    guards_by_etag=True,
    replaces_by_put=True,
    patch_operations=("add", "replace", "remove"),
    has_diagnostics=True,
)


def capabilities_of(api: Api) -> Capabilities:
    """The capabilities of the generation that a connection names."""
    return XCORE if api == "xcore" else DPS
