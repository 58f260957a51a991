"""A few examples of the fuzz tests, others in each run; the printed `FUZZ_SEED` repeats them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from airflow_provider_offers.client.flows import listing
from airflow_provider_offers.emulator import Emulator
from tests.fuzz import test_answers, test_emulator, test_input
from tests.fuzz.hostile import GOOD, PLANS, SPOILED
from tests.fuzz.test_answers import ACTIONS, APIS, DECIDING

SEED = int(os.environ["FUZZ_SEED"])
_EXAMPLES = 12


@pytest.fixture(autouse=True)
def _fewer_barren_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_BARREN_PAGES", 20)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """One emulator for all examples."""
    with Emulator() as running:
        yield running


def play(test: Any, strategies: dict[str, st.SearchStrategy[Any]], examples: int = _EXAMPLES, **fixed: Any) -> None:
    """Run a fuzz test on examples of this run's seed; a failure names it."""
    inner: Callable[..., Any] = test.hypothesis.inner_test

    def once(**drawn: Any) -> None:
        inner(**fixed, **drawn)

    tried = settings(
        max_examples=examples,
        derandomize=False,
        database=None,
        deadline=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    try:
        seed(SEED)(tried(given(**strategies)(once)))()
    except BaseException as error:
        error.add_note(f"FUZZ_SEED={SEED} plays these examples again")
        raise


@pytest.mark.parametrize("action", ACTIONS)
def test_flows_end_as_documented(action: str) -> None:
    drawn = {"api": APIS, "plan": PLANS, "there": st.booleans()}
    play(test_answers.test_every_flow_ends_as_documented, drawn, action=action)


@pytest.mark.parametrize("action", DECIDING)
def test_decisions_end_as_documented(action: str, emulator: Emulator) -> None:
    drawn = {"api": APIS, "plan": PLANS}
    play(test_answers.test_every_decision_ends_as_documented, drawn, examples=6, action=action, emulator=emulator)


def test_tokens_are_given_or_the_error_says_why() -> None:
    play(
        test_answers.test_a_token_is_given_or_the_error_says_why,
        {"plan": st.lists(GOOD | SPOILED, min_size=1, max_size=3)},
        examples=30,
    )


def test_what_users_write_is_taken_or_refused() -> None:
    play(
        test_input.test_any_offer,
        {
            "offer": test_input.OFFERS,
            "kind": test_input.OFFER_KINDS,
            "validate": st.booleans(),
        },
    )
    patches = test_input.ANYTHING | st.lists(test_input.OPERATIONS, max_size=4)
    play(test_input.test_any_patch, {"patch": patches, "validate": st.booleans()})
    drawn = {"fields": test_input.FIELDS, "extra": test_input.EXTRA, "good": st.booleans()}
    play(test_input.test_any_connection, drawn, examples=30)


def test_the_control_plane_is_not_broken(emulator: Emulator) -> None:
    drawn = {"requests": st.lists(test_emulator.REQUESTS, min_size=1, max_size=4)}
    play(test_emulator.test_no_command_breaks_the_control_plane, drawn, emulator=emulator)


def test_the_seed_decides_what_is_drawn() -> None:
    """The same seed draws the same examples, so that a failure can be repeated."""
    drawn: list[list[int]] = []

    class Fake:
        class hypothesis:
            @staticmethod
            def inner_test(number: int) -> None:
                drawn[-1].append(number)

    for _ in range(2):
        drawn.append([])
        play(Fake, {"number": st.integers()})
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) > 3
