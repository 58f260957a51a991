"""Whether a write took effect after a lost answer or a refusal: the current state of the object shows it."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import NoReturn

from airflow_provider_offers.client.errors import (
    BadRequestError,
    ConflictError,
    OfferLibraryError,
    OutcomeUnknownError,
    RejectedError,
    UnexpectedResponseError,
)
from airflow_provider_offers.client.model.comparing import differing, fingerprint
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.wire.messages import Call, Json

# The errors by which a service refuses a write. If a gateway sends a write twice, the second copy may be refused
# although the first one took effect.
REFUSED = (ConflictError, RejectedError, BadRequestError)


@dataclass(frozen=True, slots=True)
class Change:
    """A write: the properties that it touches and reads show, with their expected values.

    `tells` says whether a read certainly shows that the write took effect, `once` whether its guard prevents a second
    effect, and `idempotent` whether the guarded write may be applied twice. `patch` is the write, if it is a patch.
    """

    expected: Mapping[str, Json]
    touched: Set[str]
    patch: PreparedPatch | None = None
    tells: bool = True
    once: bool = True
    idempotent: bool = True


def judge_edited(
    call: Call, before: Entity, now: Entity, change: Change, error: OfferLibraryError, *, lost: bool
) -> None:
    """Judge a write that ended in `error`, of an object that was edited since the read. Returns if it took effect.

    `lost` says that no answer settles the outcome. A refused write may have taken effect too, because a gateway may
    have sent it twice and returned the second answer. Raises `ConflictError` if the write did not take effect, so that
    it can be sent again on a fresh read, and `OutcomeUnknownError` if the object does not show it.
    """
    if lost:
        _judge_lost(call, before, now, change, error)
    elif not change.tells or not _is_in(before, now, change):
        if change.tells and now.etag > before.etag + 1 and _is_partly_in(before, now, change):
            raise _cannot_tell(call, before, now, error) from error
        raise overtaken(call, before, now) from error


def _judge_lost(call: Call, before: Entity, now: Entity, change: Change, error: OfferLibraryError) -> None:
    if not change.tells:
        taken = is_unread_success(error) and now.etag == before.etag + 1
        if taken or _has_appeared(change.patch, before, now):
            return
        evidence = f"the etag went from {before.etag} to {now.etag}"
        raise not_shown(call, now, f"it had no answer that settles it ({error})", evidence) from error
    if not differing(now.properties, change.expected, change.touched):
        return
    # There were two writes since the read. One may be ours, and the other may have undone it.
    if now.etag > before.etag + 1:
        raise _cannot_tell(call, before, now, error) from error
    raise overtaken(call, before, now) from error


def is_unread_success(error: OfferLibraryError) -> bool:
    """Whether the answer reports success in a form that cannot be read."""
    return isinstance(error, UnexpectedResponseError) and 200 <= error.status < 300


def _is_in(before: Entity, now: Entity, change: Change) -> bool:
    """Whether the object shows everything that the write changes, even if others edited the same lists."""
    if not differing(now.properties, change.expected, change.touched):
        return True
    changed = differing(before.properties, change.expected, change.touched)
    parts = [_counts(name, before, now, change) for name in changed]
    return bool(parts) and all(
        all(there >= meant for _, there, meant in added) and all(there <= meant for _, there, meant in removed)
        for added, removed in parts
    )


def _is_partly_in(before: Entity, now: Entity, change: Change) -> bool:
    """Whether the object shows something that the write adds and that it did not have before."""
    changed = differing(before.properties, change.expected, change.touched)
    return any(there > was for name in changed for was, there, _ in _counts(name, before, now, change)[0])


_Counts = list[tuple[int, int, int]]


def _counts(name: str, before: Entity, now: Entity, change: Change) -> tuple[_Counts, _Counts]:
    """Counts of each value that the write adds, and of each that it removes: before, now, and as the write wants it.

    A value that is not a list counts as a list of one.
    """
    was, there, meant = (_items(each, name) for each in (before.properties, now.properties, change.expected))
    values = set(was) | set(meant)
    counted = [(was.count(each), there.count(each), meant.count(each)) for each in values]
    return [each for each in counted if each[2] > each[0]], [each for each in counted if each[2] < each[0]]


def _items(properties: Mapping[str, Json], name: str) -> list[str]:
    if name not in properties:
        return []
    value = properties[name]
    return [fingerprint(item) for item in value] if isinstance(value, list) else [fingerprint(value)]


def _has_appeared(patch: PreparedPatch | None, before: Entity, now: Entity) -> bool:
    """Whether reads show the patch now and did not show it before."""
    if patch is None:
        return False
    was, seen = (patch.is_shown_by(entity.properties) for entity in (before, now))
    return bool(seen) and not was


def give_up(call: Call, error: OfferLibraryError, *, unknown: bool) -> NoReturn:
    """Raise `error` itself, or `OutcomeUnknownError` if another try might apply the write twice."""
    if not unknown:
        raise error
    raise OutcomeUnknownError(
        f"{call.method} {call.bare_path} had no answer that settles it ({error}), and has not taken effect so far. "
        "Running this again might apply it twice; check the object first",
        retryable=False,
    ) from error


def conflict(call: Call, title: str, detail: str, *, code: str | None = None, final: bool = False) -> ConflictError:
    """The error for a conflict that the client itself found; `final` says that no retry of the task can succeed."""
    return ConflictError(
        method=call.method,
        path=call.bare_path,
        status=409,
        code=code,
        title=title,
        detail=detail,
        refused=False,
        final=final,
    )


def set_otherwise(call: Call, now: Entity, why: str) -> ConflictError:
    """The error for properties that a patch sets and somebody else has edited since."""
    title = f"Somebody else edited the {now.kind.subject} meanwhile, and it does not have the values of this patch"
    detail = f"{why}, and it was last modified {now.modified}{by(now)}; clear the task to set them anyway"
    return conflict(call, title, detail, final=True)


def overtaken(call: Call, before: Entity, now: Entity) -> ConflictError:
    """The object was edited since it was read, and does not contain the write."""
    title = f"Somebody else edited the {before.kind.subject} meanwhile; this write is not in it"
    detail = f"its etag went from {before.etag} to {now.etag}; last modified {now.modified}{by(now)}"
    return conflict(call, title, detail)


def cannot_tell_later(call: Call, evidence: str, now: Entity) -> OutcomeUnknownError:
    """The error for a write that an earlier try may have sent and that the object does not show."""
    return OutcomeUnknownError(
        f"An earlier try may have sent {call.method} {call.bare_path}: {evidence}{by(now)}. It is not known whether "
        f"the {now.kind.subject} has this patch; check it before running this again",
        retryable=False,
    )


def _cannot_tell(call: Call, before: Entity, now: Entity, error: OfferLibraryError) -> OutcomeUnknownError:
    """The error for properties that somebody edited in another way meanwhile: our write may be among the edits."""
    return OutcomeUnknownError(
        f"{call.method} {call.bare_path} had no answer that settles it ({error}), and the same properties were edited "
        f"meanwhile{by(now)}: the etag went from {before.etag} to {now.etag}. It is not known whether the "
        f"{now.kind.subject} has this write; check it before running this again",
        retryable=False,
    )


def not_shown(call: Call, now: Entity, why: str, evidence: str) -> OutcomeUnknownError:
    """The error for an object that was edited since, if reads do not show the properties that the write touches."""
    return OutcomeUnknownError(
        f"{call.method} {call.bare_path}: {why}, and reads of a {now.kind.noun} do not show what this patch sets; "
        f"{evidence}{by(now)}. It is not known whether the {now.kind.subject} has this write; check it before "
        "running this again",
        retryable=False,
    )


def by(entity: Entity) -> str:
    """The last editor of the object, as the end of a sentence; empty if reads do not show it."""
    return f" by {entity.editor}" if entity.editor else ""
