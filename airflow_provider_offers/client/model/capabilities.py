"""The capabilities of each generation of the API, from its documentation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What flows need to know about a generation, besides its spelling.

    `guards_by_etag`: a write with `If-Match` fails if the object was edited; without it, `test` operations guard a
    patch. `replaces_by_put`: an object can be replaced as a whole. `patch_operations` are the documented ones; others
    are rewritten as these before they are sent. `has_instance_ids`: URLs have an id of their own, not the reference
    id. `has_links`: an entity has links, which a patch may name. `has_diagnostics`: the decision runtime reports its
    last update.
    """

    guards_by_etag: bool
    replaces_by_put: bool
    patch_operations: tuple[str, ...]
    has_instance_ids: bool
    has_links: bool
    has_diagnostics: bool


DPS = Capabilities(
    guards_by_etag=False,
    replaces_by_put=False,
    patch_operations=("add", "replace", "remove", "copy", "test"),
    has_instance_ids=False,
    has_links=False,
    has_diagnostics=False,
)
XCORE = Capabilities(
    guards_by_etag=True,
    replaces_by_put=True,
    patch_operations=("add", "replace", "remove"),
    has_instance_ids=True,
    has_links=True,
    has_diagnostics=True,
)


def capabilities_of(api: str) -> Capabilities:
    """The capabilities of the generation that a connection or a receipt names."""
    return XCORE if api == "xcore" else DPS
