"""How patient somebody is who looks again and again: the pause after each look, and when failures are too many."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from airflow_provider_offers.client.errors import OfferLibraryError, can_pass
from airflow_provider_offers.client.retry import LONGEST_HOLD

# Consecutive failures that are borne before the wait ends in the last of them.
MAX_FAILURES = 10
_MAX_BACKOFF = 120.0
_SHORTEST_INTERVAL = 0.1
# Waiters that began together should not look together for ever.
_SPREAD = 0.1


@dataclass
class Patience:
    """Pauses between looks, about `interval` seconds. A refusal ends the wait at once, an outage only if it lasts."""

    interval: float
    max_failures: int = MAX_FAILURES
    jitter: Callable[[], float] = random.random
    failures: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.interval = max(self.interval, _SHORTEST_INTERVAL)

    def after_look(self) -> float:
        """The pause after a look that was answered."""
        self.failures = 0
        return self.interval * (1 + _SPREAD * self.jitter())

    def after_failure(self, error: OfferLibraryError) -> float:
        """The pause after a look that failed; raises the error where another look is of no use."""
        self.failures += 1
        if self.failures > self.max_failures or not can_pass(error):
            raise error
        asked = getattr(error, "retry_after", None)
        if asked is not None:
            return min(float(asked), LONGEST_HOLD) + self.jitter()
        grown: float = self.interval * 2.0 ** (self.failures - 1)
        return min(grown, max(_MAX_BACKOFF, self.interval)) * (0.5 + 0.5 * self.jitter())
