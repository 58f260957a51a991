"""The capabilities of each generation of the API, from its documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_offers.client.settings import Api


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What flows need to know about a generation, besides its spelling.

    `guards_by_etag`: a write with `If-Match` fails if the object was edited; without it, `test` operations guard a
    patch. `replaces_by_put`: an object can be replaced as a whole. `patch_operations` are the documented ones; others
    are rewritten as these before they are sent. `has_diagnostics`: the decision runtime reports its last update.
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
