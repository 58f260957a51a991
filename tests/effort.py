"""The effort of tests with generated examples: a few that stay the same, or many new ones with HYPOTHESIS_PROFILE=full.

A usual run repeats its examples, so it fails only for a change of the code. `make fuzz` looks for new ones.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

FULL = os.environ.get("HYPOTHESIS_PROFILE") == "full"
_TIMES_AS_MANY = 10
# A usual run tries no example that the one before it did not: more than these seldom find what these do not.
_ENOUGH = 20


def examples(number: int) -> settings:
    """The settings of a test: in the long run ten times this number of examples; usually half of it, or up to 20."""
    usual = max(number // 2, min(number, _ENOUGH))
    return settings(
        max_examples=number * _TIMES_AS_MANY if FULL else usual,
        derandomize=not FULL,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def steps(number: int, each: int) -> settings:
    """The settings of a state machine with this number of runs and of steps in each run."""
    return settings(examples(number), stateful_step_count=each)
