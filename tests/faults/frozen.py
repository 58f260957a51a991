"""The tries of one creating task, of which some freeze: the next try begins meanwhile, and the frozen one goes on."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from airflow_provider_offers.client.flows.adding import create_object
from airflow_provider_offers.client.flows.creation_notes import CreationNotes
from airflow_provider_offers.client.flows.memory import TaskTries
from airflow_provider_offers.client.model.entities import Written
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.wire.memory import remember
from airflow_provider_offers.client.wire.messages import Request
from tests.faults.doors import Outcome, Steps, WorkerKilled, outcome_of
from tests.faults.interleaving import interleave
from tests.faults.world import World, offer

# How often a try that may not begin yet looks again.
_TICK = 1.0


@dataclass(frozen=True)
class Fate:
    """What happens to a try at its request of that number (from 1), just `before` it is sent or `after` it is answered.

    Number 0 is its first POST of an object. The try freezes for some `seconds`. The next try begins `gap` seconds after
    the first one froze. When the frozen one goes on, it `dies` after that number of steps (None: never); a step is the
    moment before a request, or after it. Without `seconds`, it is killed at once.
    """

    number: int
    when: str
    seconds: float = 0.0
    gap: float = 0.0
    dies: int | None = 0


class _Fated(Steps):
    """The steps of a try with a fate."""

    def __init__(self, turns: Steps, fate: Fate | None, freeze: Callable[[], None]) -> None:
        super().__init__(turns.time)
        self._turns = turns
        self._fate = fate
        self._freeze = freeze
        self._count = 0
        self._left: int | None = None

    def before(self, request: Request) -> None:
        self._turns.before(request)
        self._count += 1
        self._step("before", request)

    def after(self, request: Request) -> None:
        self._turns.after(request)
        self._step("after", request)

    def pause(self, seconds: float) -> None:
        self._turns.pause(seconds)

    def _step(self, when: str, request: Request) -> None:
        fate = self._fate
        is_post = request.method == "POST" and "/data/" in request.url
        number = 0 if fate is not None and not fate.number and is_post else self._count
        if self._left is not None:
            self._left -= 1
        elif fate is not None and (number, when) == (fate.number, fate.when):
            if fate.seconds:
                self._freeze()
                self._turns.pause(fate.seconds)
                self._left = fate.dies
            else:
                self._left = 0
        if self._left is not None and self._left <= 0:
            raise WorkerKilled


@dataclass
class FrozenTask:
    """A task that creates one offer. `fates` are those of its tries, from the first.

    Airflow gives up a frozen try, and begins the next one. The `result` is that of the last try.
    """

    world: World
    fates: Sequence[Fate | None]
    # The task's state.
    values: dict[str, str] = field(default_factory=dict)
    # When each try may begin.
    begins: dict[int, datetime] = field(default_factory=dict)
    result: Outcome = None

    def play(self, seed: str) -> None:
        """Run the tries until all have ended; the seed decides about the order of requests at the same time."""
        self.begins = {1: self.world.time.now()}
        interleave(self.world.time, seed, [self._work(number) for number in range(1, len(self.fates) + 1)])

    def _work(self, number: int) -> Callable[[Steps], object]:
        def work(turns: Steps) -> None:
            while self.result is None and not self._may_begin(number):
                turns.pause(_TICK)
            if self.result is None:
                self._try(number, turns)

        return work

    def _may_begin(self, number: int) -> bool:
        return number in self.begins and self.world.time.now() >= self.begins[number]

    def _try(self, number: int, turns: Steps) -> None:
        fate = self.fates[number - 1]

        def freeze() -> None:
            assert fate is not None
            self.begins.setdefault(number + 1, self.world.time.now() + timedelta(seconds=fate.gap))

        outcome = outcome_of(lambda: self.create(number, _Fated(turns, fate, freeze)))
        if number + 1 in self.begins:
            # Airflow has given this try up.
            return
        if isinstance(outcome, Written) or number == len(self.fates):
            self.result = outcome
        else:
            self.begins[number + 1] = self.world.time.now()

    def create(self, number: int, steps: Steps | None = None) -> Written:
        """What the try of that number does."""
        door = self.world.door(steps=steps)
        door.notebook.values = self.values
        creation = door.prepare(PERSONALIZED, offer())
        tries = TaskTries(number=number, last=max(len(self.fates), number), durable=True)
        now = self.world.time.now
        notes = CreationNotes(tries, [creation.wish(["prod"])], began=now(), answer=timedelta(seconds=60))
        remember(door.notebook, notes.load())
        given = replace(creation, earlier=notes.earlier(0), record=notes.of(0))
        written = door.run(lambda access: create_object(access, given))
        remember(door.notebook, notes.add(0, {"action": written.action, "id": written.receipt.id}, now()))
        remember(door.notebook, notes.save())
        return written


def random_task(world: World, api: str, seed: str) -> FrozenTask:
    """A task with three or four tries, of which the first freezes; the last two run undisturbed."""
    chosen = random.Random(seed)
    world.begin(api)
    world.lag(chosen.choice((0.0, 3.0, 10.0)))
    world.time.request_seconds = chosen.choice((0.0, 0.005, 1.0))
    fates: list[Fate | None] = [_frozen(chosen)]
    if chosen.random() < 0.6:
        fates.append(_frozen(chosen) if chosen.random() < 0.3 else _killed(chosen))
    return FrozenTask(world, [*fates, None, None])


def _frozen(chosen: random.Random) -> Fate:
    return Fate(
        chosen.choice((0, 0, 0, *range(1, 6))),
        chosen.choice(("before", "before", "after")),
        seconds=chosen.choice((2.0, 45.0, 120.0, 400.0, *[chosen.uniform(0.0, 60.0)] * 4)),
        gap=chosen.choice((0.0, 1.0, 10.0, 40.0, 300.0)),
        dies=chosen.choice((1, 1, 2, 3, None)),
    )


def _killed(chosen: random.Random) -> Fate:
    return Fate(chosen.randrange(1, 9), chosen.choice(("before", "after")))
