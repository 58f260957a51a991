"""Whether a write took effect after a lost answer or a refusal: the current state of the object shows it."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

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
    """What a write does to an object: the properties that it touches and reads show, and their expected values.

    `tells` says whether a read is sure to show that it took effect, `once` whether its guard keeps it from taking
    effect twice, and `idempotent` whether it may be applied twice, guarded as it is. `patch` is the write, if it is a
    patch.
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

    `lost` says that no answer settles it. A refused write may have taken effect too: a gateway may have sent it twice,
    and handed on the second answer. Raises `ConflictError` where it did not take effect, so that it can be made again
    on a fresh read, and `OutcomeUnknownError` if the object does not show it.
    """
    if lost:
        _judge_lost(call, before, now, change, error)
    elif not change.tells or not _is_in(before, now, change):
        if change.tells and now.etag > before.etag + 1 and _is_partly_in(before, now, change):
            raise _cannot_tell(call, before, now, error) from error
        raise _conflict(call, before, now) from error


def _judge_lost(call: Call, before: Entity, now: Entity, change: Change, error: OfferLibraryError) -> None:
    if not change.tells:
        taken = is_unread_success(error) and now.etag == before.etag + 1
        if taken or _has_appeared(change.patch, before, now):
            return
        evidence = f"the etag went from {before.etag} to {now.etag}"
        raise not_shown(call, now, f"it had no answer that settles it ({error})", evidence) from error
    if not differing(now.properties, change.expected, change.touched):
        return
    # Two writes since the read: one may be ours, and the other what undid it.
    if now.etag > before.etag + 1:
        raise _cannot_tell(call, before, now, error) from error
    raise _conflict(call, before, now) from error


def is_unread_success(error: OfferLibraryError) -> bool:
    """Whether the answer reports success in a form that cannot be read."""
    return isinstance(error, UnexpectedResponseError) and 200 <= error.status < 300


def _is_in(before: Entity, now: Entity, change: Change) -> bool:
    """Whether the object shows everything that the write changes, although others may have edited the same lists."""
    if not differing(now.properties, change.expected, change.touched):
        return True
    changed = differing(before.properties, change.expected, change.touched)
    parts = [_counts(name, before, now, change) for name in changed]
    return bool(parts) and all(
        all(there >= meant for _, there, meant in added) and all(there <= meant for _, there, meant in removed)
        for added, removed in parts
    )


def _is_partly_in(before: Entity, now: Entity, change: Change) -> bool:
    """Whether the object shows something that the write adds and that was not there before it."""
    changed = differing(before.properties, change.expected, change.touched)
    return any(there > was for name in changed for was, there, _ in _counts(name, before, now, change)[0])


_Counts = list[tuple[int, int, int]]


def _counts(name: str, before: Entity, now: Entity, change: Change) -> tuple[_Counts, _Counts]:
    """For each value that the write adds, and each that it removes: how often it was there, is there, and would be.

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


def ending(call: Call, error: OfferLibraryError, *, unknown: bool) -> OfferLibraryError:
    """The error to raise: `error` itself, or `OutcomeUnknownError` where another try might apply the write twice."""
    if not unknown:
        return error
    outcome = OutcomeUnknownError(
        f"{call.method} {call.bare_path} had no answer that settles it ({error}) and has not taken effect so far; look "
        "at what it is before running this again, which might apply it twice",
        retryable=False,
    )
    outcome.__cause__ = error
    return outcome


def set_otherwise(call: Call, now: Entity, why: str) -> ConflictError:
    """Somebody else has since edited what a patch sets."""
    return ConflictError(
        method=call.method,
        path=call.bare_path,
        status=409,
        title=f"Somebody else edited the {now.kind.subject} meanwhile, and it is not as this patch sets it",
        detail=f"{why}, and it was last modified {now.modified}{by(now)}; clear the task to set it all the same",
        refused=False,
        final=True,
    )


def _conflict(call: Call, before: Entity, now: Entity) -> ConflictError:
    return ConflictError(
        method=call.method,
        path=call.bare_path,
        status=409,
        title=f"Somebody else edited the {before.kind.subject} meanwhile; this write is not in it",
        detail=f"its etag went from {before.etag} to {now.etag}; last modified {now.modified}{by(now)}",
        refused=False,
    )


def cannot_tell_later(call: Call, evidence: str, now: Entity) -> OutcomeUnknownError:
    """An earlier try may have sent the write, and the object does not tell."""
    return OutcomeUnknownError(
        f"An earlier try may have sent {call.method} {call.bare_path}; {evidence}{by(now)}, and whether this patch is "
        f"in it cannot be told; look at the {now.kind.subject} before running this again",
        retryable=False,
    )


def _cannot_tell(call: Call, before: Entity, now: Entity, error: OfferLibraryError) -> OutcomeUnknownError:
    """The same properties were edited in another way meanwhile: ours may be among the edits."""
    return OutcomeUnknownError(
        f"{call.method} {call.bare_path} had no answer that settles it ({error}), and what it writes was edited "
        f"meanwhile{by(now)}: the etag went from {before.etag} to {now.etag}, and whether this write is in it cannot "
        "be told",
        retryable=False,
    )


def not_shown(call: Call, now: Entity, why: str, evidence: str) -> OutcomeUnknownError:
    """The object was edited since, and reads do not show what the write touches."""
    return OutcomeUnknownError(
        f"{call.method} {call.bare_path}: {why}, and reads of a {now.kind.noun} do not show what this patch sets; "
        f"{evidence}{by(now)}, and whether this write is in it cannot be told; look at the {now.kind.subject} before "
        "running this again",
        retryable=False,
    )


def by(entity: Entity) -> str:
    """Who edited the object last, if reads show it."""
    author = entity.envelope.get("lastModifiedBy")
    return f" by {author}" if isinstance(author, str) else ""
