"""The offer library: objects in their neutral form, one row for each revision, in one SQLite database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from airflow_provider_offers.emulator import wellknown
from airflow_provider_offers.emulator.clock import Clock
from airflow_provider_offers.emulator.kinds import BY_NAME, Kind
from airflow_provider_offers.emulator.settings import MAX_LAG
from airflow_provider_offers.emulator.store import identifiers
from airflow_provider_offers.emulator.store.database import Database

COLUMNS = (
    "row, sandbox, kind, id, instance_id, etag, created_us, modified_us, created_by, modified_by, version, name, "
    "status, body, spelled"
)
_INSERT = (
    "INSERT INTO revisions (sandbox, kind, id, instance_id, etag, created_us, modified_us, created_ms, modified_ms, "
    "created_by, modified_by, version, name, status, body, spelled, valid_from_us) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SYSTEM = "emulator"
_FORGETFUL = (
    "revisions",
    "refs",
    "deletions",
    "capping_events",
    "answers",
    "profiles",
    "audiences",
    "batch_jobs",
)


@dataclass(frozen=True)
class Record:
    """One revision of one object; `created_by` and `modified_by` are client ids.

    `spelled` lists the properties that generation 1 wrote in the rarer of two spellings, separated by commas.
    """

    row: int
    sandbox: str
    kind_name: str
    id: str
    instance_id: str
    etag: int
    created_us: int
    modified_us: int
    created_by: str
    modified_by: str
    version: str
    name: str
    status: str | None
    text: str
    spelled: str

    @cached_property
    def body(self) -> dict[str, Any]:
        """The neutral properties."""
        loaded: dict[str, Any] = json.loads(self.text)
        return loaded

    @property
    def kind(self) -> Kind:
        """The row of the kind table."""
        return BY_NAME[self.kind_name]


@dataclass(frozen=True)
class NewObject:
    """An object for the library; missing values are generated."""

    kind: Kind
    body: Mapping[str, Any]
    generation: str = "dps"
    version: str = ""
    client_id: str = _SYSTEM
    spelled: str = ""
    id: str | None = None
    instance_id: str | None = None
    created_us: int | None = None
    modified_us: int | None = None


class Library:
    """Reads and writes objects; every method runs inside the caller's transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self.changes = 0
        newest = self._one("SELECT max(modified_ms) FROM revisions")
        clock.follow_store(newest or 0)

    def ensure_reference_objects(self, sandboxes: Iterable[str], *, more: bool) -> None:
        """Add the objects of Adobe's documentation to sandboxes that do not have them yet."""
        sets = [("prepared", wellknown.REFERENCE_OBJECTS, 0)]
        if more:
            sets.append(("prepared more", wellknown.MORE_REFERENCE_OBJECTS, len(wellknown.REFERENCE_OBJECTS)))
        for sandbox in sandboxes:
            for mark, objects, first in sets:
                if self._one("SELECT 1 FROM counters WHERE name = ?", f"{mark}:{sandbox}"):
                    continue
                self.database.next_number(f"{mark}:{sandbox}")
                for number, (kind, object_id, body) in enumerate(objects, first):
                    if self.get(sandbox, object_id) is None:
                        born = wellknown.REFERENCE_OBJECTS_BORN_US + number * 1000
                        self.insert(sandbox, NewObject(BY_NAME[kind], body, "xcore", id=object_id), born)

    def settle(self) -> None:
        """Remove deleted objects whose delay is over."""
        now = self.clock.now_us()
        rows = self.database.connection.execute(
            "SELECT row, sandbox, id, gone_at_us FROM revisions "
            "WHERE current AND gone_at_us IS NOT NULL AND gone_at_us <= ?",
            (now,),
        ).fetchall()
        for row, sandbox, object_id, gone_at in rows:
            self._end(row, sandbox, object_id, gone_at)

    def get(self, sandbox: str, object_id: str) -> Record | None:
        """The object with this reference id."""
        return self._record("SELECT {} FROM revisions WHERE current AND sandbox = ? AND id = ?", sandbox, object_id)

    def get_instance(self, sandbox: str, instance_id: str) -> Record | None:
        """The object with this instance id."""
        sql = "SELECT {} FROM revisions WHERE current AND sandbox = ? AND instance_id = ?"
        return self._record(sql, sandbox, instance_id)

    def is_leaving(self, record: Record) -> bool:
        """Whether the object was deleted and is still visible."""
        return bool(self._one("SELECT gone_at_us IS NOT NULL FROM revisions WHERE row = ?", record.row))

    def named(self, sandbox: str, kind: Kind, name: str) -> Record | None:
        """An object with this kind and exact name."""
        sql = "SELECT {} FROM revisions WHERE current AND sandbox = ? AND kind = ? AND name = ? LIMIT 1"
        return self._record(sql, sandbox, kind.name, name)

    def referers(self, record: Record) -> list[str]:
        """The ids of the objects that refer to this one."""
        rows = self.database.connection.execute(
            "SELECT DISTINCT source FROM refs WHERE sandbox = ? AND target = ? AND source != ? ORDER BY source",
            (record.sandbox, record.id, record.id),
        )
        return [row[0] for row in rows]

    def all(self, sandbox: str | None = None, kind: str | None = None) -> Iterator[Record]:
        """Every current object, oldest first."""
        for row in self.database.connection.execute(
            f"SELECT {COLUMNS} FROM revisions WHERE current AND sandbox = ifnull(?, sandbox) "
            "AND kind = ifnull(?, kind) ORDER BY created_us, row",
            (sandbox, kind),
        ):
            yield Record(*row)

    def counts(self) -> list[tuple[str, str, str | None, int]]:
        """The number of current objects by sandbox, kind and status."""
        return self.database.connection.execute(
            "SELECT sandbox, kind, status, count(*) FROM revisions WHERE current GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        ).fetchall()

    def insert(self, sandbox: str, new: NewObject, stamp_us: int) -> Record:
        """Add an object; `stamp_us` is the time of the write."""
        created = stamp_us if new.created_us is None else new.created_us
        modified = max(created, new.modified_us if new.modified_us is not None else created)
        serial = self.database.next_number("objects")
        object_id = new.id or identifiers.reference_id(new.generation, new.kind.name, created, serial)
        instance_id = new.instance_id or identifiers.instance_id(created, serial)
        record = Record(
            row=0,
            sandbox=sandbox,
            kind_name=new.kind.name,
            id=object_id,
            instance_id=instance_id,
            etag=1,
            created_us=created,
            modified_us=modified,
            created_by=new.client_id,
            modified_by=new.client_id,
            version=new.version,
            name=str(new.body.get("name", "")),
            status=_status(new.body),
            text=_text(new.body),
            spelled=new.spelled,
        )
        self._write(record, new.kind, new.body, modified)
        return record

    def replace(
        self, record: Record, body: Mapping[str, Any], client_id: str, stamp_us: int, spelled: str | None = None
    ) -> Record:
        """Add the next revision of an object."""
        changed = Record(
            row=0,
            sandbox=record.sandbox,
            kind_name=record.kind_name,
            id=record.id,
            instance_id=record.instance_id,
            etag=record.etag + 1,
            created_us=record.created_us,
            modified_us=stamp_us,
            created_by=record.created_by,
            modified_by=client_id,
            version=record.version,
            name=str(body.get("name", "")),
            status=_status(body),
            text=_text(body),
            spelled=record.spelled if spelled is None else spelled,
        )
        self._end(record.row, record.sandbox, record.id, stamp_us)
        self._write(changed, record.kind, body, stamp_us)
        return changed

    def remove(self, record: Record, delay_seconds: float) -> None:
        """Delete an object, at once or after a delay during which it is still visible."""
        now = self.clock.now_us()
        if delay_seconds <= 0:
            self._end(record.row, record.sandbox, record.id, now)
            return
        gone_at = now + round(delay_seconds * 1_000_000)
        self.changes += 1
        self.database.connection.execute("UPDATE revisions SET gone_at_us = ? WHERE row = ?", (gone_at, record.row))

    def clear(self) -> None:
        """Remove all objects, deletions, decisions and declarations."""
        self.changes += 1
        for table in _FORGETFUL:
            self.database.connection.execute(f"DELETE FROM {table}")
        self.database.connection.execute("DELETE FROM counters WHERE name LIKE 'prepared%' OR name = 'decisions'")

    def earliest_us(self) -> int | None:
        """The creation time of the oldest current object, without reference objects."""
        found = self._one(
            "SELECT min(created_us) FROM revisions WHERE current AND created_us > ?", wellknown.BEGINNING_US
        )
        return None if found is None else int(found)

    def _write(self, record: Record, kind: Kind, body: Mapping[str, Any], valid_from: int) -> None:
        self.changes += 1
        run = self.database.connection.execute
        run(
            _INSERT,
            (
                record.sandbox,
                record.kind_name,
                record.id,
                record.instance_id,
                record.etag,
                record.created_us,
                record.modified_us,
                record.created_us // 1000,
                record.modified_us // 1000,
                record.created_by,
                record.modified_by,
                record.version,
                record.name,
                record.status,
                record.text,
                record.spelled,
                valid_from,
            ),
        )
        targets = {(record.sandbox, each.target, record.id) for each in kind.shape.references(body)}
        if targets:
            self.database.connection.executemany("INSERT INTO refs VALUES (?, ?, ?)", sorted(targets))

    def _end(self, row: int, sandbox: str, object_id: str, at_us: int) -> None:
        self.changes += 1
        run = self.database.connection.execute
        run("UPDATE revisions SET current = 0, valid_to_us = ?, gone_at_us = NULL WHERE row = ?", (at_us, row))
        run("DELETE FROM refs WHERE sandbox = ? AND source = ?", (sandbox, object_id))
        # No lag reaches further back, so nobody can see older revisions.
        oldest = at_us - round(MAX_LAG * 1_000_000)
        run(
            "DELETE FROM revisions WHERE sandbox = ? AND id = ? AND valid_to_us < ?",
            (sandbox, object_id, oldest),
        )

    def _one(self, sql: str, *values: Any) -> Any:
        row = self.database.connection.execute(sql, values).fetchone()
        return row[0] if row else None

    def _record(self, sql: str, *values: Any) -> Record | None:
        row = self.database.connection.execute(sql.format(COLUMNS), values).fetchone()
        return Record(*row) if row else None


def _status(body: Mapping[str, Any]) -> str | None:
    # Objects that were seeded without checks can contain anything.
    status = body.get("status")
    return status if isinstance(status, str) else None


def _text(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
