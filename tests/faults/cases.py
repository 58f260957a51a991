"""The cases of one write on one generation: faults at each of its requests, and at requests that follow a fault."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from tests.faults.matrix import (
    BLINDING,
    DURATIONS,
    FAULTS,
    LAGS,
    SHELLS,
    SKEWS,
    UNSETTLING,
    Case,
    Duration,
    Place,
    Strike,
    Write,
)
from tests.faults.verdicts import trace
from tests.faults.world import World

_WRITING = ("create", "patch", "put", "delete")
_ONCE, _UNREPEATED, _THROUGHOUT = DURATIONS


def all_cases(world: World, write: Write, api: str) -> Iterator[Case]:
    """Every case; a run of the write itself shows which requests can fail."""
    for lag in _lags(write):
        there = trace(world, Case(write, api, SHELLS[0], (), lag))
        yield from _single(write, api, lag, there)
        for first in _unsettling(there) if write.deep else ():
            yield from _double(world, Case(write, api, SHELLS[0], (first,), lag))


def some_cases(world: World, write: Write, api: str, *, seed: int, singles: int, doubles: int) -> Iterator[Case]:
    """A sample of the cases, the same for the same seed, and always the case without a fault."""
    # A text gives the same seed in every process, a tuple does not.
    chosen = random.Random(f"{seed} {write.name} {api}")
    lag = chosen.choice(_lags(write))
    there = trace(world, Case(write, api, SHELLS[0], (), lag))
    undisturbed, *single = _single(write, api, lag, there)
    yield undisturbed
    yield from chosen.sample(single, min(singles, len(single)))
    # Faults of only few requests would seldom be drawn.
    if rare := [case for case in single if any(strike.fault.methods for strike in case.strikes)]:
        yield chosen.choice(rare)
    unsettling = list(_unsettling(there))
    for first in chosen.sample(unsettling, min(doubles, len(unsettling))):
        both = list(_double(world, Case(write, api, SHELLS[0], (first,), lag)))
        if both:
            yield chosen.choice(both)


def sums(world: World, write: Write, api: str, *, seed: int, count: int) -> Iterator[Case]:
    """Two and three faults at once, drawn from all faults, at any requests; together they stay within the limits."""
    chosen = random.Random(f"{seed} sums {write.name} {api}")
    for number in range(count):
        case = Case(write, api, chosen.choice(SHELLS), (), 0.0, chosen.choice(SKEWS))
        for _ in range(2 + number % 2):
            last = max((strike.place.number for strike in case.strikes), default=0)
            later = [place for place in trace(world, case) if place.number > last]
            # The first fault strikes a write, if there is one; the others strike requests that it causes.
            writing = [place for place in later if place.route.partition(".")[2] in _WRITING]
            if not later:
                break
            place = chosen.choice(writing if writing and not case.strikes else later)
            late = any(strike.fault.late for strike in case.strikes)
            fitting = [each for each in FAULTS if each.may_befall(place.route) and not (late and each.late)]
            strike = Strike(place, chosen.choice(fitting), chosen.choice((_ONCE, _UNREPEATED)))
            case = replace(case, strikes=(*case.strikes, strike))
            if strike.fault.kill is not None:
                break
        if len(case.strikes) > 1:
            yield case


def killed_with_wrong_clocks(world: World, write: Write, api: str) -> Iterator[Case]:
    """The worker, whose clock is wrong, is killed after each request that writes."""
    (kill,) = (each for each in FAULTS if each.kill == "after")
    for number, skew in enumerate(each for each in SKEWS if each):
        case = Case(write, api, SHELLS[number % len(SHELLS)], (), 0.0, skew)
        for place in trace(world, case):
            if place.route.partition(".")[2] in _WRITING:
                yield replace(case, strikes=(Strike(place, kill, _ONCE),))


def _lags(write: Write) -> tuple[float, ...]:
    writes_by_name = write.looks_by_name and write.given != write.wanted
    return LAGS if writes_by_name else LAGS[:1]


def _single(write: Write, api: str, lag: float, there: tuple[Place, ...]) -> Iterator[Case]:
    for shell in SHELLS:
        yield Case(write, api, shell, (), lag)
        for place in _distinct(there):
            for strike in _strikes(place, shell):
                yield Case(write, api, shell, (strike,), lag)
    # A worker whose clock is wrong, alternately ahead and behind.
    for skew in SKEWS[1:]:
        yield Case(write, api, SHELLS[0], (), lag, skew)
    strikes = [strike for place in _distinct(there) for strike in _strikes(place, SHELLS[-1])]
    for number, strike in enumerate(strikes):
        yield Case(write, api, SHELLS[-1], (strike,), lag, SKEWS[1 + number % 2])


def _double(world: World, once: Case) -> Iterator[Case]:
    """A fault at each request after the first one."""
    (first,) = once.strikes
    later = trace(world, once)[first.place.number :]
    for number, second in enumerate(_blinding(_distinct(later))):
        yield Case(once.write, once.api, SHELLS[number % len(SHELLS)], (first, second), once.lag)


def _distinct(places: tuple[Place, ...]) -> list[Place]:
    """Of equal requests, the first two and the last."""
    by_route: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        by_route[place.route].append(place)
    kept = {each for alike in by_route.values() for each in (*alike[:2], alike[-1])}
    return [place for place in places if place in kept]


def _strikes(place: Place, shell: str) -> Iterator[Strike]:
    for fault in FAULTS:
        if not fault.may_befall(place.route):
            continue
        # A worker dies once; faults that wait for a timeout take real time; and both shells run the same flows.
        shortly = fault.kill is not None or fault.clock or fault.timeout < 1 or shell != SHELLS[0]
        for duration in (_UNREPEATED,) if shortly else DURATIONS:
            yield Strike(place, fault, duration)


def _unsettling(there: tuple[Place, ...]) -> Iterator[Strike]:
    for place in there:
        if place.route.partition(".")[2] in _WRITING:
            for fault in UNSETTLING:
                for duration in (_ONCE, _UNREPEATED):
                    yield Strike(place, fault, duration)


def _blinding(later: list[Place]) -> Iterator[Strike]:
    for place in later:
        for fault in BLINDING:
            durations: tuple[Duration, ...] = (_ONCE,) if fault.kill is not None else (_ONCE, _THROUGHOUT)
            for duration in durations:
                yield Strike(place, fault, duration)
