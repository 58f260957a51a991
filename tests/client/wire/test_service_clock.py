"""The service's clock: its answers bound the time, and a worker's own clock decides nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.editing import archive_expired
from airflow_provider_offers.client.flows.timing import service_time
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.messages import Request, Response
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.client.wire.service_clock import MARGIN, UNTOLD_MARGIN, ServiceClock, clock_of, elapsed
from tests.client.library import entity, page, receipt
from tests.client.script import SETTINGS, START, Script, answer

HOST = "https://platform.adobe.io"


@dataclass
class World:
    """A worker, whose clock is `ahead` of the service's, and the answers of the service."""

    ahead: timedelta = timedelta(0)
    seconds: float = 1_000.0

    @property
    def service(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def clock(self) -> ServiceClock:
        return ServiceClock(HOST, elapsed=lambda: self.seconds, wall=lambda: self.service + self.ahead)

    def ask(self, clock: ServiceClock, *, there: float = 0.0, back: float = 0.0) -> None:
        """A request that takes this long in each direction."""
        sent = self.seconds
        self.seconds += there
        headers = {"date": http_date(self.service)}
        self.seconds += back
        clock.learn(200, headers, sent=sent, received=self.seconds)


def http_date(moment: datetime) -> str:
    return format_datetime(moment.replace(microsecond=0), usegmt=True)


TRIPS = st.floats(0, 40)


@given(
    ahead=st.timedeltas(timedelta(days=-400), timedelta(days=400)),
    asked=st.lists(st.tuples(TRIPS, TRIPS, st.floats(0, 600)), min_size=1, max_size=6),
    later=st.floats(0, 900),
)
def test_it_never_shows_what_the_service_has_not_reached(
    ahead: timedelta, asked: list[tuple[float, float, float]], later: float
) -> None:
    world = World(ahead)
    clock = world.clock()
    for there, back, pause in asked:
        world.ask(clock, there=there, back=back)
        world.seconds += pause
    world.seconds += later
    assert clock.now() <= world.service + timedelta(seconds=0.5)
    shortest = min(back for _, back, _ in asked)
    assert world.service - clock.now() <= timedelta(seconds=shortest + 1.5)
    assert clock.moves == 0
    assert clock.agreeing == len(asked)


def test_a_slow_answer_is_no_clock_that_stands_still() -> None:
    world = World()
    clock = world.clock()
    world.ask(clock)
    world.ask(clock, back=4)
    assert world.service - clock.now() <= timedelta(seconds=1)


def test_answers_that_agree_narrow_it() -> None:
    world = World(seconds=1_000.9)
    clock = world.clock()
    world.ask(clock, back=2)
    first = world.service - clock.now()
    world.seconds = 1_010.05
    world.ask(clock, back=0.01)
    assert first > timedelta(seconds=2.8)
    assert world.service - clock.now() < timedelta(seconds=0.1)


@pytest.mark.parametrize("moved", [timedelta(days=14), timedelta(days=-14), timedelta(seconds=5)])
def test_a_clock_that_was_set_is_believed_at_the_next_answer(moved: timedelta) -> None:
    clock = ServiceClock(HOST, elapsed=lambda: 5.0, wall=lambda: START)
    for shown in (START, START + moved):
        clock.learn(200, {"date": http_date(shown)}, sent=5.0, received=5.0)
    assert clock.now() == START + moved
    assert (clock.moves, clock.agreeing) == (1, 1)


def test_a_clock_that_stands_still_is_not_carried_on() -> None:
    time = 0.0
    clock = ServiceClock(HOST, elapsed=lambda: time, wall=lambda: START)
    for time in (0.0, 5.0, 10.0):
        clock.learn(200, {"date": http_date(START)}, sent=time, received=time)
    time = 500.0
    assert clock.now() == START
    clock.learn(200, {"date": http_date(START + timedelta(days=1))}, sent=time, received=time)
    time = 510.0
    assert clock.now() == START + timedelta(days=1, seconds=10)


UNTRUSTED: dict[str, tuple[int, dict[str, str]]] = {
    "none": (200, {}),
    "no date": (200, {"date": "yesterday"}),
    "a number": (200, {"date": "1772442000"}),
    "two in one": (200, {"date": f"{http_date(START)}, {http_date(START)}"}),
    "before there were clocks": (200, {"date": "Mon, 01 Jan 0001 00:00:00 GMT"}),
    "of a clock that lost its battery": (200, {"date": "Thu, 01 Jan 1970 00:00:00 GMT"}),
    "another day of the week": (200, {"date": "Fri, 01 Jan 2026 00:00:00 GMT"}),
    "no such day": (200, {"date": "Mon, 31 Feb 2026 00:00:00 GMT"}),
    "out of a cache": (200, {"date": http_date(START), "age": "0"}),
    "by a gateway": (502, {"date": http_date(START)}),
    "by somebody who throttles": (429, {"date": http_date(START)}),
    "by a proxy": (407, {"date": http_date(START)}),
    "by a gatekeeper": (403, {"date": http_date(START)}),
    "by whoever redirects": (302, {"date": http_date(START)}),
}


@pytest.mark.parametrize("case", UNTRUSTED)
def test_what_the_service_did_not_say_now_teaches_nothing(case: str) -> None:
    status, headers = UNTRUSTED[case]
    wall = START + timedelta(days=3)
    clock = ServiceClock(HOST, elapsed=lambda: 1.0, wall=lambda: wall)
    clock.learn(status, headers, sent=0.0, received=1.0)
    assert clock.now() == wall
    assert not clock.is_told


@pytest.mark.parametrize(
    ("ahead", "said"), [(300, "0:05:00 ahead of that"), (-7200, "2:00:00 behind that"), (20, None), (-20, None)]
)
def test_a_clock_that_is_off_is_told_once(ahead: int, said: str | None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    world = World(timedelta(seconds=ahead))
    clock = world.clock()
    for _ in range(3):
        world.ask(clock)
        world.seconds += 60
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == (said is not None)
    assert said is None or f"{said} of {HOST}" in told[0]


def test_all_connections_to_a_host_share_one_clock() -> None:
    here, there = Exchange(SETTINGS), Exchange(SETTINGS, Retries(max_retries=0))
    assert here.service_clock is there.service_clock is clock_of(SETTINGS.host)
    now = elapsed()
    clock_of(SETTINGS.host).learn(200, {"date": "Thu, 01 Jan 2099 00:00:00 GMT"}, sent=now, received=now)
    assert there.service_now().year == 2099


def dated(*moments: datetime | None) -> list[Callable[[Request], Response]]:
    """Answers of a listing, each with its time by the service's clock."""

    def step(moment: datetime | None) -> Callable[[Request], Response]:
        headers = {} if moment is None else {"date": http_date(moment)}
        return lambda request: answer(200, page("dps", []), headers)

    return list(map(step, moments))


def access_of(script: Script) -> Access:
    return script.access("dps")


def test_what_time_it_is_takes_two_answers_that_agree() -> None:
    later = START + timedelta(hours=1)
    script = Script(*dated(START, START))
    assert script.run(service_time(access_of(script))) == START
    script = Script(*dated(START, later, later))
    assert script.run(service_time(access_of(script))) == later


def test_servers_that_contradict_each_other_are_believed_the_earliest() -> None:
    later = START + timedelta(hours=1)
    for moments in ((later, START, later, START), (START, later, START, later)):
        script = Script(*dated(*moments))
        assert script.run(service_time(access_of(script))) == START


def test_without_a_date_it_is_the_time_of_this_machine() -> None:
    script = Script(*dated(None))
    assert script.run(service_time(access_of(script))) == START + timedelta(seconds=script.time - 1_000)


@pytest.mark.parametrize("told", [True, False])
def test_an_offer_is_archived_only_once_its_end_has_passed_by_a_margin(told: bool) -> None:
    margin = MARGIN if told else UNTOLD_MARGIN
    for late, done in ((timedelta(seconds=1), True), (timedelta(seconds=-1), False)):
        end = START - margin - late
        window = {"startDate": "2026-01-01T00:00:00Z", "endDate": end.isoformat()}
        there = entity("dps", {"name": "x", "status": "approved", "selectionConstraint": window})
        headers = {"date": http_date(START)} if told else {}
        script = Script(answer(200, there, headers), answer(200, receipt("dps", etag=2)), answer(200, there, headers))
        access = Access(Exchange(SETTINGS, Retries(max_retries=0), clock=lambda: 1.0, now=lambda: START), Dps())
        reference = Reference(PERSONALIZED, id=there["id"])
        script.go(archive_expired(access, reference, START + timedelta(days=1)))
        assert [request.method for request in script.requests][:2] == (["GET", "PATCH"] if done else ["GET"])
