"""A plan: what an apply would do with each object, and why. It can be saved, reviewed and applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.client.wire.messages import Json

FORMAT = "offers.plan/v1"
# What may become of an object that is gone from the manifest.
Prune = Literal["archive", "delete"]
Action = Literal["create", "update", "rename", "retire", "conflict", "unchanged"]
ACTIONS: tuple[Action, ...] = ("create", "update", "rename", "retire", "conflict", "unchanged")


# The reasons of the conflicts that somebody can decide, because each has a value to choose. Nothing forces another one.
EDITED = "somebody else changed it since it was last applied"
EDITED_AND_GONE = f"it is gone from the manifest, but {EDITED}"
NEVER_APPLIED = (
    "it is in the library and was never applied, and it differs from the manifest: import it, adopt it, or force the "
    "manifest's values"
)
_DECIDABLE = (EDITED, EDITED_AND_GONE, NEVER_APPLIED)
# What to do about the conflicts that nobody can decide by a value.
NOT_FORCED = "What nothing can force has no value to choose: correct the library or the manifest"


class _Absent:
    """The class of `ABSENT`, which stays one object when it is copied or pickled."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"

    def __reduce__(self) -> str:
        return "ABSENT"


# The value of a leaf that is absent. JSON shows it as a member that is not there.
ABSENT: Json = _Absent()


@dataclass(frozen=True, slots=True)
class Change:
    """One leaf of an object, by its pointer in neutral names. Lists are leaves. Any value may be `ABSENT`.

    `base` is what was applied last, `live` what the library has, and `wanted` what the manifest says.
    """

    pointer: str
    live: Json
    wanted: Json
    base: Json = ABSENT


@dataclass(frozen=True, slots=True)
class PlannedObject:
    """What happens to one object.

    `id`, `instance_id` and `etag` are those of the live object on which this was planned. `changes` are made by an
    apply; `conflicts` are not, and an object with conflicts has the action `conflict`. `properties` are the wanted ones
    with references by `name:`; they are None where an apply needs none: the object stays as it is, and the state has
    them already, or it is retired. `old_name` is set for a rename. `reason` explains a conflict, a retirement or an
    object that is kept. `edited_by` and `edited_at` tell who changed a live object last, if the service tells.
    `retire` is the way of a retirement. `held_as_draft` marks an object that customers could see at once: an apply
    creates or changes it as a draft first, and approves it when all content is there. `after_offers` marks a collection
    or a live decision that shows none of these offers before its change: an apply changes it when they are approved, so
    that it never shows drafts, which would be only its fallback. `origin` is its place in the
    manifest. `prevent_destroy` and `ignore_changes` are the manifest's, for the state.
    """

    key: Key
    action: Action
    id: str | None = None
    instance_id: str | None = None
    etag: int | None = None
    changes: Sequence[Change] = ()
    conflicts: Sequence[Change] = ()
    properties: Mapping[str, Json] | None = None
    old_name: str | None = None
    reason: str = ""
    edited_by: str | None = None
    edited_at: str | None = None
    retire: Prune | None = None
    held_as_draft: bool = False
    after_offers: bool = False
    origin: str = ""
    prevent_destroy: bool = False
    ignore_changes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan for one campaign and target. Objects are in the order in which an apply processes them.

    Unchanged objects that need no change of the state are only counted. `digest` is the manifest's, and
    `state_generation` that of the state. `made_at` is the service's time in RFC 3339. `ids` are the ids of the live
    objects to which planned objects refer by `name:`. `left_alone` are objects that are gone from the manifest and
    stay in the library, each with the reason. `forgotten` are objects of the state that are gone from the manifest, and
    from the library: an apply drops them from the state. `given_up` are those that are left alone for another campaign:
    an apply notes in the state that this campaign no longer wants them. `connection` is the id of the target's
    connection, or of another one that the task names; it holds no secret.
    """

    campaign: str
    target: str
    organization: str
    sandbox: str
    api: str
    digest: str
    state_generation: int
    made_at: str
    objects: Sequence[PlannedObject]
    counts: Mapping[Action, int]
    protected: bool = False
    ids: Mapping[Key, str] = field(default_factory=dict)
    left_alone: Mapping[Key, str] = field(default_factory=dict)
    forgotten: Sequence[Key] = ()
    warnings: Sequence[str] = ()
    connection: str = ""
    given_up: Sequence[Key] = ()

    @property
    def has_changes(self) -> bool:
        """Whether an apply would write to the library."""
        return any(each.action not in ("unchanged", "conflict") for each in self.objects)

    @property
    def has_conflicts(self) -> bool:
        return any(each.action == "conflict" for each in self.objects)

    def ways_out(self, decide: str) -> str:
        """What to do about the conflicts; `decide` is the sentence for those that have a value to choose."""
        decidable = [each.reason in _DECIDABLE for each in self.objects if each.action == "conflict"]
        return ". ".join([*([decide] if any(decidable) else []), *([] if all(decidable) else [NOT_FORCED])])
