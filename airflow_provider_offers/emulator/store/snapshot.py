"""The library at one time, for reads of more than one object."""

from __future__ import annotations

from typing import Any

from airflow_provider_offers.emulator.store.library import COLUMNS, Library, Record


class Snapshot:
    """The objects of one sandbox, now (`as_of_us` None) or at an earlier time; each is read once."""

    def __init__(self, library: Library, sandbox: str, as_of_us: int | None = None) -> None:
        self.sandbox = sandbox
        self._library = library
        was_there = "valid_from_us <= ? AND (valid_to_us IS NULL OR valid_to_us > ?)"
        self._state = "current" if as_of_us is None else was_there
        self._moment = () if as_of_us is None else (as_of_us, as_of_us)
        self._by_id: dict[str, Record | None] = {}
        self._by_kind: dict[str, list[Record]] = {}

    def get(self, object_id: Any, kind: str) -> Record | None:
        """The object with this reference id and kind."""
        if not isinstance(object_id, str):
            return None
        if object_id not in self._by_id:
            found = self._records("id = ?", object_id)
            self._by_id[object_id] = found[0] if found else None
        record = self._by_id[object_id]
        return record if record is not None and record.kind_name == kind else None

    def all(self, kind: str) -> list[Record]:
        """Every object of a kind, oldest first."""
        if kind not in self._by_kind:
            self._by_kind[kind] = self._records("kind = ?", kind)
        return self._by_kind[kind]

    def _records(self, clause: str, value: str) -> list[Record]:
        rows = self._library.database.connection.execute(
            f"SELECT {COLUMNS} FROM revisions WHERE sandbox = ? AND {clause} AND {self._state} "
            "ORDER BY created_us, row",
            (self.sandbox, value, *self._moment),
        )
        return [Record(*row) for row in rows]
