"""The state of a campaign: what was applied last. It is only a merge base, and holds what the manifest said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_offers.campaigns.errors import StateError
from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.kinds import KINDS
from airflow_provider_offers.client.model.likeness import near, perhaps
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Json

FORMAT = "offers.state/v1"
_MEMBERS = ("format", "campaign", "organization", "sandbox", "generation", "plan", "target", "objects")
_MEMBERS_OF_AN_OBJECT = ("properties", "pending", "prevent_destroy", "ignore_changes", "given_up")
# The end of a message about a damaged state.
REMEDY = (
    ". Restore the document, or remove it: without a state nothing is created twice, and what differs from the library "
    "becomes a conflict to decide"
)


@dataclass(frozen=True, slots=True)
class Applied:
    """What was applied to one object: neutral properties, with references by `name:` where the object has a name.

    `pending` is the service's time at which an apply was about to create the object, in RFC 3339. It is None once the
    creation is known to have happened. `prevent_destroy` is what the manifest said: an object that is gone from the
    manifest is not retired then. `ignore_changes` are the manifest's pointers of leaves that are not drift. `given_up`
    says that the object is gone from the manifest, and stays only because another campaign has it, too.
    """

    properties: Mapping[str, Json]
    pending: str | None = None
    prevent_destroy: bool = False
    ignore_changes: tuple[str, ...] = ()
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """The state of one campaign in one sandbox. `generation` counts the writes of the state; 0 means none yet.

    `plan` identifies the plan whose apply wrote the state last, so that another run of that apply goes on with it, and
    `target` is the target of that plan.
    """

    campaign: str
    organization: str
    sandbox: str
    generation: int = 0
    objects: Mapping[Key, Applied] = field(default_factory=dict)
    plan: str | None = None
    target: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The document of the state."""
        objects: dict[str, dict[str, Any]] = {}
        for (kind, name), applied in sorted(self.objects.items()):
            told: dict[str, Any] = {"properties": applied.properties}
            if applied.pending is not None:
                told["pending"] = applied.pending
            if applied.prevent_destroy:
                told["prevent_destroy"] = True
            if applied.ignore_changes:
                told["ignore_changes"] = list(applied.ignore_changes)
            if applied.given_up:
                told["given_up"] = True
            objects.setdefault(kind, {})[name] = told
        return {
            "format": FORMAT,
            "campaign": self.campaign,
            "organization": self.organization,
            "sandbox": self.sandbox,
            "generation": self.generation,
            **({} if self.plan is None else {"plan": self.plan}),
            **({} if self.target is None else {"target": self.target}),
            "objects": objects,
        }

    @classmethod
    def from_json(cls, document: Json) -> State:
        """The state in a document. Raises `StateError`, which says what is wrong, for anything else."""
        if not isinstance(document, dict):
            raise StateError(f"The document is not a state: given {quoted(document)}; expected a JSON object")
        found = document.get("format")
        if found != FORMAT:
            newer = "it is from another version of this provider; upgrade the provider"
            do = newer if is_state(document) else "it is not a state"
            raise StateError(f"The document is not a state: format: given {quoted(found)}; expected {FORMAT!r}; {do}")
        _expect_members("", document, _MEMBERS)
        generation = document.get("generation")
        if isinstance(generation, bool) or not isinstance(generation, int) or generation < 1:
            raise _damaged("generation", generation, "a whole number from 1")
        campaign, organization, sandbox = (_text(document, name) for name in ("campaign", "organization", "sandbox"))
        plan, target = (None if document.get(name) is None else _text(document, name) for name in ("plan", "target"))
        return cls(campaign, organization, sandbox, generation, _objects(document.get("objects")), plan, target)


def is_state(document: Json) -> bool:
    """Whether a document says that it is a state, of any version."""
    found = document.get("format") if isinstance(document, dict) else None
    return isinstance(found, str) and found.startswith(FORMAT.partition("/")[0] + "/")


def _text(document: Mapping[str, Json], name: str) -> str:
    given = document.get(name)
    if not isinstance(given, str):
        raise _damaged(name, given, "text")
    return given


def _objects(told: Json) -> dict[Key, Applied]:
    if not isinstance(told, dict):
        raise _damaged("objects", told, "an object with the kinds")
    objects: dict[Key, Applied] = {}
    for kind, by_name in told.items():
        if kind not in KINDS:
            raise _damaged("objects", kind, f"one of {', '.join(KINDS)}")
        if not isinstance(by_name, dict):
            raise _damaged(f"objects.{kind}", by_name, "an object with the names")
        for name, each in by_name.items():
            objects[kind, name] = applied_of(f"objects.{kind}.{name}", each)
    return objects


def applied_of(place: str, told: Json) -> Applied:
    """What was applied to the object at a place of the document. Raises `StateError` for anything else."""
    if not isinstance(told, dict) or not isinstance(told.get("properties"), dict):
        raise _damaged(place, told, "an object with its properties")
    _expect_members(f"{place}.", told, _MEMBERS_OF_AN_OBJECT)
    pending = told.get("pending")
    if pending is not None:
        try:
            parse_instant(pending)
        except ValueError:
            raise _damaged(f"{place}.pending", pending, "a time in RFC 3339") from None
    kept, given_up = told.get("prevent_destroy", False), told.get("given_up", False)
    for name, given in (("prevent_destroy", kept), ("given_up", given_up)):
        if not isinstance(given, bool):
            raise _damaged(f"{place}.{name}", given, "true or false")
    ignored = told.get("ignore_changes", [])
    if not isinstance(ignored, list) or not all(isinstance(each, str) and each.startswith("/") for each in ignored):
        raise _damaged(f"{place}.ignore_changes", ignored, "a list of pointers such as /rank/priority")
    return Applied(told["properties"], pending, kept, tuple(ignored), given_up)


def _expect_members(place: str, told: Mapping[str, Json], known: Sequence[str]) -> None:
    """Raise `StateError` for a member that nobody reads: somebody misspelled it, or a newer version wrote it."""
    for name in told:
        if name not in known:
            expected = f"{', '.join(known)}{perhaps(near(name, known)) or '.'}"
            raise StateError(
                f"The state has an unknown member: given {quoted(f'{place}{name}')}; expected {expected} "
                "If a newer version of the provider wrote it, upgrade the provider; otherwise correct or remove it"
            )


def _damaged(place: str, given: Json, expected: str) -> StateError:
    return StateError(f"The state is damaged: {place}: given {quoted(given)}; expected {expected}{REMEDY}")
