"""The state of a campaign during an apply: what was applied to each object so far."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from airflow_provider_offers.campaigns.applying.items import plan_id
from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.campaigns.plans import Plan
from airflow_provider_offers.campaigns.state.states import Applied, State
from airflow_provider_offers.campaigns.state.storage import Lock


class Ledger:
    """Collects what becomes of each object, and writes it under the lock when told."""

    def __init__(self, held: Lock, state: State, plan: Plan) -> None:
        self._held, self._state, self._plan_id, self._target = held, state, plan_id(plan), plan.target
        self._bases = dict(state.objects)

    @property
    def generation(self) -> int:
        """The generation of the state as it was written last."""
        return self._state.generation

    def base(self, key: Key) -> Applied | None:
        """What was applied to an object."""
        return self._bases.get(key)

    def put(self, key: Key, base: Applied | None) -> None:
        """Take what was applied to an object; None if nothing was."""
        if base is None:
            self._bases.pop(key, None)
        else:
            self._bases[key] = base

    def put_status(self, key: Key, status: str, old: Key | None = None) -> None:
        """Take a new status of an object, which had the `old` key before, if anything was applied to it."""
        base = self._bases.get(old or key)
        if base is not None:
            self._bases[key] = replace(base, properties={**base.properties, "status": status})

    def give_up(self, keys: Iterable[Key]) -> None:
        """Note that the campaign no longer wants these objects, which stay in the state."""
        self._bases |= {key: replace(self._bases[key], given_up=True) for key in keys if key in self._bases}

    async def save(self) -> None:
        """Write the state, unless nothing has changed. Raises `StateError` or `StateLockedError`."""
        state = replace(self._state, objects=dict(self._bases), plan=self._plan_id, target=self._target)
        if state != self._state:
            self._state = await asyncio.to_thread(self._held.write, state)
