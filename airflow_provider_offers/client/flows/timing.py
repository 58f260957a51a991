"""Asking the service for its time, for decisions that must not depend on one answer."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.wire.messages import Flow

# Maximum number of requests until two answers in a row agree.
_MOST_ASKED = 4


def service_time(access: Access) -> Flow[datetime]:
    """A time that the service's clock has certainly reached, because two answers in a row show it.

    If the servers contradict each other, the earliest time that they show. If no answer shows a time, the clock of this
    machine. Calls `GET .../instances` (xcore) or `GET /offers` (dps) for one offer.
    """
    clock = access.exchange.service_clock
    shown: list[datetime] = []
    while len(shown) < _MOST_ASKED and (not shown or clock.agreeing == 1):
        yield from access.send(access.generation.recent(PERSONALIZED, 1))
        shown.append(clock.now())
    return shown[-1] if clock.agreeing > 1 else min(shown)
