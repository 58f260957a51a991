"""The decision runtime's copy of the library: packages that are built with a delay, and only without errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_offers.emulator import wellknown
from airflow_provider_offers.emulator.kinds import criteria_of
from airflow_provider_offers.emulator.runtime import pql
from airflow_provider_offers.emulator.runtime.deciding import collected, representation
from airflow_provider_offers.emulator.settings import Settings
from airflow_provider_offers.emulator.store.library import Library, Record
from airflow_provider_offers.emulator.store.snapshot import Snapshot

_KEPT = 16
_SUMMARY = "Error(s) were found in instances related to a live activity"


@dataclass(frozen=True)
class Trouble:
    """An error that blocks a package: a description, the object, and its causes."""

    description: str
    record: Record | None = None
    causes: tuple[Trouble, ...] = ()

    def as_json(self, instances: str) -> dict[str, Any]:
        """The error as the diagnostics show it; `instances` is the address of the container's instances."""
        document: dict[str, Any] = {"xdm:description": self.description}
        if self.record is not None:
            document["xdm:details"] = {
                "@id": self.record.id,
                "instanceId": self.record.instance_id,
                "href": f"{instances}/{self.record.instance_id}",
                "etag": str(self.record.etag),
            }
        if self.causes:
            document["xdm:causes"] = [each.as_json(instances) for each in self.causes]
        return document


@dataclass(frozen=True)
class Package:
    """One attempt to sync the library to the runtime: its last change, some seconds later."""

    snapshot: Snapshot
    change_us: int
    built_us: int
    errors: tuple[Trouble, ...]


@dataclass
class Runtime:
    """Builds packages of one library, each of them once."""

    library: Library
    _packages: dict[tuple[Any, ...], Package] = field(default_factory=dict)
    _changes: dict[tuple[Any, ...], int | None] = field(default_factory=dict)
    _broken: dict[tuple[Any, ...], tuple[int | None, int]] = field(default_factory=dict)

    def snapshot(self, sandbox: str, settings: Settings) -> Snapshot:
        """The library for decisions: the newest package without errors."""
        package = newest = self.latest(sandbox, settings)
        key = (sandbox, settings.runtime_lag, settings.live_decision)
        good_us, broken_until_us = self._broken.get(key, (None, 0))
        while package is not None and package.errors:
            if (good_us or 0) < package.change_us <= broken_until_us:
                # Everything before this time was already checked.
                package = self._package(sandbox, settings, good_us)
                break
            package = self._package(sandbox, settings, self._change(sandbox, package.change_us))
        if newest is not None and newest.errors:
            self._broken[key] = (None if package is None else package.change_us, newest.change_us)
        # Before the first package, the runtime knows nothing.
        return package.snapshot if package is not None else Snapshot(self.library, sandbox, 0)

    def latest(self, sandbox: str, settings: Settings) -> Package | None:
        """The newest package, with or without errors; None if nothing was ever written."""
        if settings.runtime_lag == 0:
            return self._package(sandbox, settings, self._change(sandbox), current=True)
        moment = self.library.clock.now_us() - _lag_us(settings)
        return self._package(sandbox, settings, self._change(sandbox, moment + 1))

    def _package(
        self, sandbox: str, settings: Settings, change_us: int | None, *, current: bool = False
    ) -> Package | None:
        """The library after the change at this time, or the current library."""
        if change_us is None:
            return None
        lag_us, checked = _lag_us(settings), settings.live_decision == "complete"
        key = (sandbox, change_us, current, lag_us, checked, self.library.changes)
        if key not in self._packages:
            if len(self._packages) >= _KEPT:
                self._packages.clear()
            snapshot = Snapshot(self.library, sandbox, None if current else change_us)
            errors = tuple(troubles(snapshot)) if checked else ()
            self._packages[key] = Package(snapshot, change_us, change_us + lag_us, errors)
        return self._packages[key]

    def _change(self, sandbox: str, before_us: int | None = None) -> int | None:
        """The last change of the sandbox, optionally before a time; reference objects do not count."""
        key = (sandbox, before_us, self.library.changes)
        if key not in self._changes:
            if len(self._changes) >= _KEPT:
                self._changes.clear()
            row = self.library.database.connection.execute(
                "SELECT max(at_us) FROM (SELECT valid_from_us AS at_us FROM revisions WHERE sandbox = ? UNION ALL "
                "SELECT valid_to_us FROM revisions WHERE sandbox = ?) WHERE at_us > ? AND at_us < ifnull(?, at_us + 1)",
                (sandbox, sandbox, wellknown.BEGINNING_US, before_us),
            ).fetchone()
            self._changes[key] = row[0]
        return self._changes[key]


def troubles(snapshot: Snapshot) -> Iterator[Trouble]:
    """The errors in the live decisions of a snapshot and in the objects that they need."""
    for activity in snapshot.all("offer-activity"):
        if activity.status != "live":
            continue
        causes = [*_fallback_troubles(snapshot, activity), *_rule_troubles(snapshot, activity)]
        if causes:
            issues = f"The following issue(s) were encountered for {activity.id}"
            scopes = f"Error(s) were found while compiling scopes in {activity.id}"
            inner = Trouble(scopes, activity, (Trouble(issues, activity, tuple(causes)),))
            yield Trouble(_SUMMARY, causes=(inner,))


def _lag_us(settings: Settings) -> int:
    return round(settings.runtime_lag * 1_000_000)


def _placements(activity: Record) -> list[str]:
    found = [each for criterion in criteria_of(activity.body) for each in criterion.get("placements", ())]
    return list(dict.fromkeys(found))


def _fallback_troubles(snapshot: Snapshot, activity: Record) -> Iterator[Trouble]:
    wanted = activity.body.get("fallback")
    fallback = snapshot.get(wanted, "fallback-offer")
    if fallback is None:
        yield Trouble(f"The fallback offer {wanted} does not exist" if wanted else "There is no fallback offer")
        return
    if fallback.status != "approved":
        yield Trouble(f"The fallback offer {fallback.id} is {fallback.status}, and not approved", fallback)
    for placement in _placements(activity):
        if representation(fallback, placement) is None:
            yield Trouble(f"The fallback offer {fallback.id} has no representation for {placement}", fallback)


def _rule_troubles(snapshot: Snapshot, activity: Record) -> Iterator[Trouble]:
    for rule_id in _rules(snapshot, activity):
        rule = snapshot.get(rule_id, "eligibility-rule")
        if rule is None:
            yield Trouble(f"Encountered issues with the dependency: {rule_id}", causes=(Trouble("It does not exist"),))
            continue
        try:
            pql.parse(rule.body.get("condition", {}).get("value", ""))
        except pql.PqlSyntaxError as error:
            failure = Trouble("Exception encountered while processing entity: Error while validating PQL query")
            failure = Trouble(failure.description, causes=(Trouble(str(error)),))
            issues = Trouble(f"The following issue(s) were encountered for {rule_id}", rule, (failure,))
            yield Trouble(f"Encountered issues with the dependency: {rule_id}", causes=(issues,))
        except pql.PqlUnsupported:
            continue


def _rules(snapshot: Snapshot, activity: Record) -> Sequence[str]:
    found: dict[str, None] = {}
    for criterion in criteria_of(activity.body):
        constraints = [criterion.get("profileConstraint", {})]
        constraints += [each.body.get("selectionConstraint", {}) for each in collected(snapshot, criterion)]
        for constraint in constraints:
            rule = constraint.get("eligibilityRule")
            if (
                isinstance(rule, str)
                and constraint.get("profileConstraintType", "eligibilityRule") == "eligibilityRule"
            ):
                found.setdefault(rule)
    return list(found)
