"""One connection in one event loop: the asynchronous shell and the access to the sandbox together."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from airflow_provider_offers.client.flows.access import Access, open_access
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.wire.async_shell import AsyncShell
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.governor import governor_for
from airflow_provider_offers.client.wire.memory import NO_MEMORY, Memory
from airflow_provider_offers.client.wire.messages import Flow
from airflow_provider_offers.client.wire.pace import NO_OBSERVER, Observer
from airflow_provider_offers.client.wire.retry import Retries

T = TypeVar("T")


@dataclass
class AsyncSession:
    """Open access to a sandbox. Close it in the event loop that opened it."""

    settings: Settings
    shell: AsyncShell
    access: Access

    @classmethod
    async def open(
        cls,
        settings: Settings,
        *,
        retries: Retries | None = None,
        on_token: Callable[[str], Coroutine[Any, Any, None]] | None = None,
        memory: Memory = NO_MEMORY,
        observer: Observer = NO_OBSERVER,
    ) -> AsyncSession:
        """Open the session; looks up the container of an xcore sandbox if the connection names none."""
        exchange = Exchange(settings, retries or Retries(max_retries=settings.max_retries))
        shell = AsyncShell(
            settings,
            retries=exchange.retries,
            governor=governor_for(settings.host, settings.client_id),
            observer=observer,
            on_token=on_token,
            memory=memory,
        )
        try:
            access = await shell.run(open_access(exchange))
        except BaseException:
            await shell.close()
            raise
        return cls(settings, shell, access)

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result."""
        return await self.shell.run(flow)

    async def close(self) -> None:
        """Close the connections."""
        await self.shell.close()
