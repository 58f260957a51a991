"""The SQLite file: opening it, its tables, and one transaction for each request."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

APPLICATION_ID = 0x4F4C454D
SCHEMA_VERSION = 2

_TABLES = """
CREATE TABLE IF NOT EXISTS revisions (
    row INTEGER PRIMARY KEY,
    sandbox TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    instance_id TEXT NOT NULL,
    etag INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    modified_us INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    modified_by TEXT NOT NULL,
    version TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT,
    body TEXT NOT NULL,
    spelled TEXT NOT NULL DEFAULT '',
    current INTEGER NOT NULL DEFAULT 1,
    valid_from_us INTEGER NOT NULL,
    valid_to_us INTEGER,
    gone_at_us INTEGER
);
CREATE UNIQUE INDEX IF NOT EXISTS current_by_id ON revisions (sandbox, id) WHERE current;
CREATE UNIQUE INDEX IF NOT EXISTS current_by_instance ON revisions (sandbox, instance_id) WHERE current;
CREATE INDEX IF NOT EXISTS by_object ON revisions (sandbox, id, valid_to_us);
CREATE INDEX IF NOT EXISTS by_modified ON revisions (sandbox, kind, modified_ms, instance_id) WHERE current;
CREATE INDEX IF NOT EXISTS by_modified_id ON revisions (sandbox, kind, modified_ms, id) WHERE current;
CREATE INDEX IF NOT EXISTS by_created ON revisions (sandbox, kind, created_ms, instance_id) WHERE current;
CREATE INDEX IF NOT EXISTS by_instance ON revisions (sandbox, kind, instance_id) WHERE current;
CREATE INDEX IF NOT EXISTS by_id ON revisions (sandbox, kind, id) WHERE current;
CREATE INDEX IF NOT EXISTS by_id_in_lower_case ON revisions (sandbox, kind, lower(id)) WHERE current;
CREATE INDEX IF NOT EXISTS by_name ON revisions (sandbox, kind, name, instance_id) WHERE current;
CREATE INDEX IF NOT EXISTS leaving ON revisions (gone_at_us) WHERE current AND gone_at_us IS NOT NULL;
CREATE TABLE IF NOT EXISTS refs (sandbox TEXT NOT NULL, target TEXT NOT NULL, source TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS refs_by_target ON refs (sandbox, target);
CREATE INDEX IF NOT EXISTS refs_by_source ON refs (sandbox, source);
CREATE TABLE IF NOT EXISTS deletions (
    id TEXT PRIMARY KEY, sandbox TEXT NOT NULL, verdict TEXT NOT NULL, due_us INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS capping_events (
    sandbox TEXT NOT NULL,
    offer TEXT NOT NULL,
    placement TEXT NOT NULL,
    profile TEXT NOT NULL,
    event TEXT NOT NULL,
    at_us INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS capping_by_offer ON capping_events (sandbox, offer, at_us);
CREATE INDEX IF NOT EXISTS capping_by_profile ON capping_events (sandbox, offer, profile, at_us);
CREATE TABLE IF NOT EXISTS answers (
    sandbox TEXT NOT NULL, rule TEXT NOT NULL, profile TEXT NOT NULL, answer TEXT NOT NULL,
    PRIMARY KEY (sandbox, rule, profile)
);
CREATE TABLE IF NOT EXISTS profiles (
    sandbox TEXT NOT NULL, profile TEXT NOT NULL, attributes TEXT NOT NULL, PRIMARY KEY (sandbox, profile)
);
CREATE TABLE IF NOT EXISTS audiences (
    sandbox TEXT NOT NULL, audience TEXT NOT NULL, profiles TEXT NOT NULL, PRIMARY KEY (sandbox, audience)
);
CREATE TABLE IF NOT EXISTS batch_jobs (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    sandbox TEXT NOT NULL,
    dataset TEXT NOT NULL,
    request TEXT NOT NULL,
    submitted_us INTEGER NOT NULL,
    started_us INTEGER NOT NULL,
    processed_us INTEGER NOT NULL,
    finished_us INTEGER NOT NULL,
    decided INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    results TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX IF NOT EXISTS jobs_by_dataset ON batch_jobs (sandbox, dataset, finished_us);
CREATE INDEX IF NOT EXISTS jobs_to_decide ON batch_jobs (started_us) WHERE NOT decided;
CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, client_id TEXT NOT NULL, expires_us INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS clock (frozen_us INTEGER, offset_us INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


_MIGRATIONS = {1: ("ALTER TABLE revisions ADD COLUMN spelled TEXT NOT NULL DEFAULT ''",)}
"""The migrations from each older file format to the next one."""


class DatabaseError(Exception):
    """A database file that cannot be used; the message says which file and why."""


class Database:
    """One connection to one SQLite database; the caller makes sure that only one thread uses it at a time."""

    def __init__(self, path: str | Path = ":memory:") -> None:
        self.path = str(path)
        self.in_memory = self.path == ":memory:"
        if not self.in_memory and not Path(self.path).absolute().parent.is_dir():
            raise DatabaseError(f"cannot open {self.path}: its directory does not exist")
        try:
            self.connection = sqlite3.connect(
                self.path, isolation_level=None, check_same_thread=False, timeout=0.5, cached_statements=256
            )
            try:
                self._prepare()
            except BaseException:
                self.connection.close()
                raise
        except sqlite3.Error as error:
            why = "another process is using it" if "locked" in str(error) else str(error)
            raise DatabaseError(f"cannot use {self.path} as the emulator's database: {why}") from None

    def _prepare(self) -> None:
        run = self.connection.execute
        if not self.in_memory:
            # One process owns the file, so its caches are valid; a killed process leaves no lock.
            run("PRAGMA locking_mode=EXCLUSIVE")
        mark = run("PRAGMA application_id").fetchone()[0]
        empty = run("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if mark != APPLICATION_ID and not empty:
            raise DatabaseError(f"{self.path} is a database of another program")
        version = run("PRAGMA user_version").fetchone()[0]
        if not empty and version != SCHEMA_VERSION and version not in _MIGRATIONS:
            raise DatabaseError(f"{self.path} was written by another version of the emulator (format {version})")
        if not self.in_memory:
            run("PRAGMA journal_mode=WAL")
            run("PRAGMA synchronous=NORMAL")
        run("BEGIN IMMEDIATE")
        for older in range(SCHEMA_VERSION if empty else version, SCHEMA_VERSION):
            for statement in _MIGRATIONS[older]:
                run(statement)
        for statement in _TABLES.split(";\n"):
            if statement.strip():
                run(statement)
        run(f"PRAGMA application_id={APPLICATION_ID}")
        run(f"PRAGMA user_version={SCHEMA_VERSION}")
        run("COMMIT")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction: commits at the end, rolls back after an exception."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def next_number(self, counter: str) -> int:
        """The next value of a counter that survives restarts."""
        row = self.connection.execute(
            "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
            (counter,),
        ).fetchone()
        return int(row[0])

    def close(self) -> None:
        """Close the connection; all committed data is in the file."""
        self.connection.close()
