"""The position of an event trigger: what it remembers of its objects, in the asset state store of Airflow 3.3.

The objects are in pages, so that a change rewrites little. A position is kept after its events are stored: a triggerer
that is killed in between tells them once more, and loses none.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_offers.client.model.instants import format_instant, parse_instant
from airflow_provider_offers.client.waiting.happenings import Memory, Seen

if TYPE_CHECKING:
    from airflow_provider_offers.client.wire.messages import Json

_OBJECTS_IN_A_PAGE = 200
_VERSION = 1


class Positions:
    """Reads and writes the position of one trigger. `store` is Airflow's accessor, or None on Airflow 3.2."""

    def __init__(self, store: Any, arguments: Mapping[str, Any]) -> None:
        # A trigger may have several assets, and each has a store.
        self._stores = [] if store is None else [*vars(store)["_by_name"].values(), *vars(store)["_by_uri"].values()]
        # Another interval changes nothing of what is remembered.
        told = {name: each for name, each in arguments.items() if name != "poll_interval"}
        digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:16]
        self._key = f"offer_library_events_{digest}"
        # By store: its pages. A store of an asset that came later has none.
        self._kept: list[dict[str, Json]] = [{} for _ in self._stores]

    @property
    def is_kept(self) -> bool:
        """Whether positions survive the triggerer."""
        return bool(self._stores)

    async def read(self) -> tuple[Memory, dict[str, str]] | None:
        """The memory, and the drift that was told by object; None if nothing is kept."""
        for store, pages in zip(self._stores, self._kept, strict=True):
            head: Any = await store.aget(self._key)
            if not isinstance(head, dict) or head.get("version") != _VERSION:
                continue
            seen: dict[str, Seen] = {}
            for page in range(head["pages"]):
                key = self._page_key(head["pages"], page)
                kept: Any = await store.aget(key) or {}
                pages[key] = kept
                seen |= {identifier: Seen.from_json(value) for identifier, value in kept.items()}
            return Memory(parse_instant(head["since"]), seen), dict(head["drift"])
        return None

    async def write(self, memory: Memory, drift: Mapping[str, str]) -> None:
        """Keep a position: the pages that differ, then the head."""
        pages = 1
        while pages * _OBJECTS_IN_A_PAGE < len(memory.seen):
            pages *= 2
        content: dict[str, dict[str, Json]] = {self._page_key(pages, page): {} for page in range(pages)}
        for identifier, seen in memory.seen.items():
            content[self._page_key(pages, zlib.crc32(identifier.encode()) % pages)][identifier] = seen.as_json()
        head = {"version": _VERSION, "pages": pages, "since": format_instant(memory.since), "drift": dict(drift)}
        for store, kept in zip(self._stores, self._kept, strict=True):
            for key, each in content.items():
                if kept.get(key) != each:
                    await store.aset(key, each)
                    kept[key] = each
            await store.aset(self._key, head)

    def _page_key(self, pages: int, page: int) -> str:
        return f"{self._key}_{pages}_{page}"
