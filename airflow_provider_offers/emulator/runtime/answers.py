"""The declarations of a test besides the library: profiles, audiences, and the answers of rules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_offers.emulator.store.database import Database

EVERYBODY = ""
"""The key for answers that apply to everybody."""


class Answers:
    """The declarations of one sandbox; profiles are named `Namespace:identity`."""

    def __init__(self, database: Database, sandbox: str) -> None:
        self._run, self._sandbox = database.connection.execute, sandbox

    def declare_rule(self, rule: str, answer: Any, profile: str = EVERYBODY) -> None:
        """Set the answer of a rule or formula, for everybody or for one profile; None removes it."""
        self._put("answers", (rule, profile), answer)

    def declare_profile(self, profile: str, attributes: Mapping[str, Any] | None) -> None:
        """Set the attributes of a profile; None removes them."""
        self._put("profiles", (profile,), attributes)

    def declare_audience(self, audience: str, profiles: Sequence[str] | None) -> None:
        """Set the profiles of an audience; None removes them."""
        self._put("audiences", (audience,), profiles)

    def rule(self, rule: str, profile: str) -> Any:
        """The declared answer of a rule: for the profile, else for everybody; None if there is none."""
        row = self._run(
            "SELECT answer FROM answers WHERE sandbox = ? AND rule = ? AND profile IN (?, ?) ORDER BY profile DESC",
            (self._sandbox, rule, profile, EVERYBODY),
        ).fetchone()
        return None if row is None else json.loads(row[0])

    def attributes(self, profile: str) -> Mapping[str, Any] | None:
        """The attributes of a profile; None if they were never declared."""
        found: Mapping[str, Any] | None = self._one(
            "SELECT attributes FROM profiles WHERE sandbox = ? AND profile = ?", profile
        )
        return found

    def members(self, audience: str) -> list[str] | None:
        """The profiles in an audience; None if it was never declared."""
        found: list[str] | None = self._one(
            "SELECT profiles FROM audiences WHERE sandbox = ? AND audience = ?", audience
        )
        return found

    def as_json(self) -> dict[str, Any]:
        """Everything declared in the sandbox."""
        rows = self._run("SELECT rule, profile, answer FROM answers WHERE sandbox = ? ORDER BY 1, 2", (self._sandbox,))
        rules = [
            {"rule_id": rule, **({"profile": profile} if profile else {}), "answer": json.loads(answer)}
            for rule, profile, answer in rows
        ]
        profiles = self._run("SELECT profile, attributes FROM profiles WHERE sandbox = ? ORDER BY 1", (self._sandbox,))
        audiences = self._run("SELECT audience, profiles FROM audiences WHERE sandbox = ? ORDER BY 1", (self._sandbox,))
        return {
            "rules": rules,
            "profiles": {name: json.loads(text) for name, text in profiles},
            "audiences": {name: json.loads(text) for name, text in audiences},
        }

    def _put(self, table: str, key: tuple[str, ...], value: Any) -> None:
        names = {"answers": "rule = ? AND profile = ?", "profiles": "profile = ?", "audiences": "audience = ?"}
        self._run(f"DELETE FROM {table} WHERE sandbox = ? AND {names[table]}", (self._sandbox, *key))
        if value is not None:
            marks = ", ".join("?" * (len(key) + 2))
            self._run(f"INSERT INTO {table} VALUES ({marks})", (self._sandbox, *key, json.dumps(value)))

    def _one(self, sql: str, key: str) -> Any:
        row = self._run(sql, (self._sandbox, key)).fetchone()
        return None if row is None else json.loads(row[0])
