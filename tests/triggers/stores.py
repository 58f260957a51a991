"""Airflow's asset state, kept in memory."""

from __future__ import annotations

import json
from typing import Any


class Store:
    """Airflow's accessor for one asset: it keeps JSON by key."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.written: list[str] = []

    async def aget(self, key: str, default: Any = None) -> Any:
        return json.loads(self.kept[key]) if key in self.kept else default

    async def aset(self, key: str, value: Any) -> None:
        self.written.append(key)
        self.kept[key] = json.dumps(value)


class Stores:
    def __init__(self, *stores: Store) -> None:
        self._by_name = dict(enumerate(stores))
        self._by_uri: dict[str, Store] = {}
