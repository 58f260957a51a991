"""The emulator's settings: one default for each point that Adobe's documentation does not define."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_offers.emulator import wellknown

MAX_LAG = 3600.0
"""Seconds of history for lagging indexes; this is also the maximum lag."""


class SettingError(ValueError):
    """A setting that does not exist, or a value that is not valid for it."""


def _one_of(default: Any, *others: Any) -> Any:
    return field(default=default, metadata={"choices": (default, *others)})


def _range(default: Any, least: float, most: float = 1e9) -> Any:
    return field(default=default, metadata={"range": (least, most)})


@dataclass(frozen=True)
class Settings:
    """All settings with their defaults; `docs/emulator.md` describes them. All times are in seconds."""

    sandboxes: tuple[str, ...] = wellknown.SANDBOXES
    access_token: str | None = field(default=None, metadata={"type": str})
    missing_sandbox: str = _one_of("default", "refuse")
    reference_objects: str = _one_of("basic", "all")
    token_lifetime: float = _range(86399.0, 0)

    index_lag: float = _range(0.0, 0, MAX_LAG)
    list_lag: float = _range(0.0, 0, MAX_LAG)
    delete_delay: float = _range(0.0, 0)
    unique_timestamps: bool = True

    runtime_lag: float = _range(0.0, 0, MAX_LAG)
    decision_seed: int = 0
    ode_answers: str = _one_of("present", "2020")
    closed_decision: str = _one_of("refuse", "fallback")
    unknown_rule: str = _one_of("refuse", "true", "false")
    delivery_invalid_status: int = _one_of(400, 422)
    batch_queued_seconds: float = _range(1.0, 0, 86_400)
    batch_processing_seconds: float = _range(2.0, 0, 86_400)
    batch_ingesting_seconds: float = _range(1.0, 0, 86_400)
    unknown_audience: str = _one_of("allow", "refuse", "error")

    default_page_size: int = _range(50, 1)
    max_page_size: int = _range(1000, 1)
    xcore_total: str = _one_of("overall", "remaining")
    xcore_default_order: str = _one_of("instanceId", "-repo:createdDate", "repo:createdDate", "-repo:lastModifiedDate")

    strict_status: bool = True
    live_decision: str = _one_of("complete", "any")
    guardrails: str = _one_of("enforce", "ignore")
    missing_references: str = _one_of("refuse", "allow")
    formula_reads: str = _one_of("documented", "stored")
    refuse_reversed_window: bool = True
    undeclared_constraint_type: str = _one_of("allow", "refuse")
    draft_gaps: str = _one_of("allow", "refuse")
    dps_component_uris: str = _one_of("keep", "refuse")
    duplicate_placements: str = _one_of("allow", "refuse")
    unknown_properties: str = _one_of("keep", "refuse")
    xcore_rule_names: str = _one_of("plain", "as_written", "prefixed")
    dps_required: str = _one_of("schema", "name")
    dps_create_status: int = _one_of(201, 200)
    dps_invalid_status: int = _one_of(400, 422)
    dps_delete_referenced: int = _one_of(409, 400, 422, 200)
    xcore_delete_referenced: str = _one_of("refuse", "allow")
    dps_if_match: str = _one_of("ignore", "obey")
    unlisted_operations: str = _one_of("apply", "refuse")
    replace_of_absent: str = _one_of("add", "refuse")
    patch_test_status: int = _one_of(422, 400, 409, 412)
    sandbox_refusal_status: int = _one_of(403, 404, 400)
    foreign_container_status: int = _one_of(403, 404)

    cross_origin: str = _one_of("allow", "refuse")
    control_hosts: tuple[str, ...] = ()
    rate_limit: float | None = field(default=None, metadata={"type": float, "range": (0.001, 1e9)})
    rate_burst: int = _range(10, 1)
    rate_retry_after: bool = True
    max_body_bytes: int = _range(1_000_000, 1)
    journal_limit: int = _range(10_000, 1)
    journal_body_limit: int = _range(8_192, 0)

    def updated(self, changes: Mapping[str, Any]) -> Settings:
        """A copy with these settings changed; raises `SettingError` for an unknown name or a wrong value."""
        known = {each.name: each for each in dataclasses.fields(self)}
        accepted = {}
        for name, value in changes.items():
            if name not in known:
                raise SettingError(_unknown(name, list(known)))
            accepted[name] = _checked(known[name], value)
        return dataclasses.replace(self, **accepted)

    def as_json(self) -> dict[str, Any]:
        """The settings as the control plane shows them; a static token is hidden."""
        shown = dataclasses.asdict(self)
        shown["sandboxes"], shown["control_hosts"] = list(self.sandboxes), list(self.control_hosts)
        shown["access_token"] = None if self.access_token is None else "(set)"
        return shown


def nearest(name: str, known: list[str]) -> str:
    """The known name that is nearest to a mistyped one, as the end of a sentence."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(known))}"


def _unknown(name: str, known: list[str]) -> str:
    return f"unknown setting {name!r}{nearest(name, known)}"


def _checked(setting: dataclasses.Field[Any], value: Any) -> Any:
    name = setting.name
    if name in ("sandboxes", "control_hosts"):
        return _names(name, value)
    if value is None and setting.default is None:
        return None
    value = _typed(name, value, setting.metadata.get("type") or type(setting.default))
    choices = setting.metadata.get("choices")
    if choices and value not in choices:
        raise SettingError(f"{name} must be one of {', '.join(map(str, choices))}, not {value!r}")
    least, most = setting.metadata.get("range", (None, None))
    if least is not None and not least <= value <= most:
        raise SettingError(f"{name} must lie between {least} and {most}, not {value!r}")
    return value


def _typed(name: str, value: Any, wanted: type) -> Any:
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        # A number that is too large for a float is out of range for every setting.
        return float(value) if abs(value) < 10**300 else float("inf")
    if type(value) is not wanted:
        raise SettingError(f"{name} must be a {wanted.__name__}, not {value!r}")
    return value


def _names(setting: str, value: Any) -> tuple[str, ...]:
    names = tuple(value) if isinstance(value, list | tuple) else ("",)
    enough = names or setting != "sandboxes"
    if not enough or not all(isinstance(name, str) and name for name in names) or len(set(names)) != len(names):
        raise SettingError(f"{setting} must be a list of distinct names, not {value!r}")
    return names
