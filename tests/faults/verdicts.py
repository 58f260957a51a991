"""Runs one case: a try under faults, a try without faults, and the checks after both."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_offers.client.errors import AlreadyExistsError, OfferLibraryError, OutcomeUnknownError
from airflow_provider_offers.client.model.entities import Written
from tests.faults.doors import ClockSet, Killed, Outcome, Steps, Together, WorkerKilled, outcome_of
from tests.faults.matrix import Case, Place, Strike, Try
from tests.faults.world import Stored, World

# The permitted ends of a case. All others are failures.
DONE = "done"
CONVERGED = "failed, then converged"
REFUSED = "refused"
UNKNOWN = "unknown, and said so"
ENDINGS = (DONE, CONVERGED, REFUSED, UNKNOWN)


# The request that an error names.
_ABOUT = re.compile(r"\b(GET|POST|PATCH|PUT|DELETE) /|IMS at ")


class Broken(AssertionError):
    """The promise is broken."""


def trace(world: World, case: Case) -> tuple[Place, ...]:
    """The requests that the case's first try makes. Without a fault they are the same each time."""
    key = (case.write.name, case.api, case.shell, case.lag, case.skew)
    if not case.strikes and key in world.traces:
        return world.traces[key]
    _first_try(world, case)
    made = places(world.requests())
    if not case.strikes:
        world.traces[key] = made
    return made


def places(requests: list[Any]) -> tuple[Place, ...]:
    """The places of these requests."""
    seen: dict[str, int] = {}
    found = []
    for number, entry in enumerate(requests, start=1):
        nth = seen.get(entry.route, 0)
        seen[entry.route] = nth + 1
        found.append(Place(entry.route, nth, number))
    return tuple(found)


def play(world: World, case: Case) -> str:
    """The end of the case; raises `Broken` if the promise does not hold."""
    first, attempt = _first_try(world, case)
    _expect_documented(case, attempt, first)
    world.emulator.clear_faults()
    if isinstance(first, OutcomeUnknownError) and not first.retryable:
        return _unknown(world, case, attempt, first)
    later = first
    if isinstance(first, (OfferLibraryError, WorkerKilled)) and type(first) is not case.write.refused:
        with contextlib.closing(world.door(case.shell)) as door:
            later = outcome_of(lambda: case.write.do(door, attempt.next()))
    _expect_result(world, case, attempt, first, later)
    if isinstance(later, OfferLibraryError):
        return REFUSED
    return DONE if later is first else CONVERGED


def _first_try(world: World, case: Case) -> tuple[Outcome, Try]:
    write = case.write
    given = None if write.given is None else dict(write.given)
    target = world.begin(case.api, given=given, kind=write.kind)
    world.time.ahead = case.skew
    attempt = Try(1, world.time.now(), target)
    late = max((strike.fault.late for strike in case.strikes), default=0.0)
    # Together they stay within the limit.
    world.lag(max(case.lag - late, 0.0))
    max_retries = 3
    steps: list[Steps] = []
    for strike in case.strikes:
        max_retries = min(max_retries, strike.duration.max_retries)
        if strike.fault.kill is not None:
            steps.append(Killed(world.time, strike.place.number, strike.fault.kill))
        elif strike.fault.clock:
            steps.append(ClockSet(world.time, strike.place.number, strike.fault.clock))
        else:
            _arm(world, strike)
    timeout = min((strike.fault.timeout for strike in case.strikes), default=30.0)
    together = Together(world.time, steps)
    with contextlib.closing(world.door(case.shell, max_retries=max_retries, timeout=timeout, steps=together)) as door:
        return outcome_of(lambda: write.do(door, attempt)), attempt


def _arm(world: World, strike: Strike) -> None:
    rule = {**strike.fault.rule, "route": strike.place.route, "after": strike.place.nth, "times": strike.duration.times}
    world.emulator.add_fault(rule.pop("effect"), **rule)


def _expect_documented(case: Case, attempt: Try, first: Outcome) -> None:
    """An error names its subject, and may be retried unless the service itself refused permanently."""
    if not isinstance(first, OfferLibraryError) or type(first) is case.write.refused:
        return
    said = str(first)
    if not _ABOUT.search(said) and not any(name in said for name in _names(case, attempt)):
        raise Broken(f"the error does not say what it is about: {type(first).__name__}: {said}")
    final = any(strike.fault.final for strike in case.strikes)
    forgotten = case.write.forgetful and isinstance(first, OutcomeUnknownError)
    if not first.retryable and not final and not forgotten:
        raise Broken(f"no retry is left to Airflow: {type(first).__name__}: {said}")


def _names(case: Case, attempt: Try) -> tuple[str, ...]:
    named = (str(case.write.wanted["name"]),) if case.write.wanted is not None else ()
    return (*named, *(attempt.target.names if attempt.target is not None else ()))


def _unknown(world: World, case: Case, attempt: Try, error: OutcomeUnknownError) -> str:
    """The task fails finally, because another run might apply the write twice; the write was applied at most once."""
    if not any(said in str(error) for said in ("had no answer", "was accepted", "may have sent")):
        raise Broken(f"the error does not say what is known: {error}")
    (left,) = world.ours()
    assert attempt.target is not None
    if left.etag - attempt.target.etag > 1:
        raise Broken(f"applied more than once: {left}")
    _expect_undisturbed(world)
    return UNKNOWN


def _expect_result(world: World, case: Case, attempt: Try, first: Outcome, later: Outcome) -> None:
    write = case.write
    if isinstance(later, OfferLibraryError) and not isinstance(later, _allowed(case, first)):
        raise Broken(f"the next try failed: {type(later).__name__}: {later}")
    left = world.ours()
    if write.wanted is None:
        if left:
            raise Broken(f"still there: {left}")
    else:
        if len(left) != 1:
            raise Broken(f"{len(left)} offers where there must be one: {[each.names for each in left]}")
        _expect_offer(case, attempt, left[0], later, killed=isinstance(first, WorkerKilled))
    _expect_undisturbed(world)
    _expect_writes(world, case)


def _allowed(case: Case, first: Outcome) -> tuple[type[OfferLibraryError], ...]:
    allowed = [each for each in (case.write.refused,) if each is not None]
    if case.write.late_refusal is not None and isinstance(first, (OfferLibraryError, WorkerKilled)):
        allowed.append(case.write.late_refusal)
    # Without notes, a task recognizes its own object by its creation time, which is wrong if a clock is set afterward.
    if case.write.known_by_time and any(strike.fault.clock for strike in case.strikes):
        allowed.append(AlreadyExistsError)
    return tuple(allowed)


def _expect_offer(case: Case, attempt: Try, left: Stored, later: Outcome, *, killed: bool) -> None:
    write, wanted = case.write, case.write.wanted
    assert wanted is not None
    if write.certain or not killed:
        wrong = {name: left.body.get(name) for name in wanted if not _holds(left.body.get(name), wanted[name])}
        if wrong:
            raise Broken(f"the offer is not as wanted: {wrong}")
    before = attempt.target.etag if attempt.target is not None else 0
    changes = 1 if write.creates or dict(write.given or {}) != dict(wanted) else 0
    times = left.etag - before
    if times < changes or (write.once and times > (changes if write.certain or not killed else 2 * changes)):
        raise Broken(f"written {times} times, not {changes}")
    if isinstance(later, Written):
        if later.receipt.id not in left.names:
            raise Broken(f"the receipt names {later.receipt.id}, what is there is {left.id}")
        # A repeatable write may take effect once more after the last answer.
        if int(str(later.receipt.etag)) != left.etag and write.once:
            raise Broken(f"the receipt has the etag {later.receipt.etag}, the offer {left.etag}")


def _expect_undisturbed(world: World) -> None:
    if wrong := world.disturbed():
        raise Broken("; ".join(wrong))


def _expect_writes(world: World, case: Case) -> None:
    """Only the write itself took effect; a twin was created and deleted if that could not be avoided."""
    methods = [entry.method for entry in world.writes()]
    # A gateway that sends a POST twice creates two objects, unless the second is refused.
    doubled = [each for each in world.writes() if each.method == "POST" and _is_repeated(each)]
    posted, deleted = methods.count("POST") + len(doubled), methods.count("DELETE")
    if case.write.creates and posted - deleted != 1:
        raise Broken(f"{posted} offers were made and {deleted} deleted")
    if not case.write.creates and posted:
        raise Broken(f"an offer was made: {methods}")


def _is_repeated(entry: Any) -> bool:
    return "repeat" in (entry.fault or "") and entry.status is not None and entry.status < 300


def _holds(found: Any, wanted: Any) -> bool:
    """Whether a document has the same content, with instants in any spelling and perhaps more members."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(_holds(found.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list):
        # An empty list may be missing in a read.
        found = [] if found is None else found
        return isinstance(found, list) and len(found) == len(wanted) and all(map(_holds, found, wanted))
    if isinstance(wanted, str) and wanted.endswith("Z") and isinstance(found, str):
        return found.removesuffix("Z").removesuffix(".000") == wanted.removesuffix("Z").removesuffix(".000")
    return bool(found == wanted)
