"""Reads everything that an Airflow has stored, so that a test can search it for secrets."""

import sqlite3
import zlib
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

IGNORED_TABLES = frozenset(
    {
        "dag_code",  # the DAG file itself; if a test defines its DAG inline, this is the test's own text
        "alembic_version",
        "sqlite_sequence",
    }
)


# Airflow 3.4 renamed these tables.
_NAMES_BEFORE = {"rtif_v2": "rendered_task_instance_fields", "xcom_v2": "xcom"}


@dataclass(frozen=True)
class Kept:
    """The texts by place: `table.column`, or the path of a log file."""

    texts: list[tuple[str, str]]

    def where(self, wanted: str) -> list[str]:
        """All places that contain the wanted text."""
        return sorted({place for place, text in self.texts if wanted in text})

    def of(self, place: str) -> str:
        """The text of all places whose names begin with this one."""
        return "\n".join(text for name, text in self.texts if name.startswith(place))


def read_kept(home: Path, database: Path) -> Kept:
    """Read the whole database, with the decrypted arguments of triggers, and every log file."""
    return Kept([*_database_texts(database), *_trigger_texts(), *_log_texts(home / "logs")])


def _database_texts(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as database:
        tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        return [
            (f"{_NAMES_BEFORE.get(table, table)}.{column}", _as_text(value))
            for table in tables
            if table not in IGNORED_TABLES
            for column, value in _values(database, table)
            if value is not None
        ]


def _values(database: sqlite3.Connection, table: str) -> list[tuple[str, Any]]:
    cursor = database.execute(f'select * from "{table}"')
    columns = [description[0] for description in cursor.description]
    return [pair for row in cursor for pair in zip(columns, row, strict=True)]


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        with suppress(zlib.error):
            value = zlib.decompress(value)
        return value.decode(errors="replace")
    return str(value)


def _trigger_texts() -> list[tuple[str, str]]:
    from airflow.models.trigger import Trigger
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return [("trigger.kwargs", str(trigger.kwargs)) for trigger in session.scalars(select(Trigger))]


def _log_texts(folder: Path) -> list[tuple[str, str]]:
    return [
        (str(path.relative_to(folder.parent)), path.read_text(errors="replace"))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
