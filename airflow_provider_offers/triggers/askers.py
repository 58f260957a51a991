"""The askers of this process: one for each event loop, connection and sandbox, shared by all triggers on it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_provider_offers.triggers.feeds import open_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_offers.client.waiting.sharing import Asker


@dataclass(slots=True)
class _Shared:
    asker: Asker
    users: int = 0


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str | None], _Shared]] = WeakKeyDictionary()


@asynccontextmanager
async def asking(conn_id: str, sandbox: str | None) -> AsyncIterator[Asker]:
    """The asker of that connection and sandbox; the last one to leave closes it."""
    from airflow_provider_offers.client.waiting.sharing import Asker

    known = _shared.setdefault(asyncio.get_running_loop(), {})
    shared = known.setdefault((conn_id, sandbox), _Shared(Asker(partial(open_session, conn_id, sandbox))))
    shared.users += 1
    try:
        yield shared.asker
    finally:
        shared.users -= 1
        if not shared.users:
            # Whoever comes while this one closes makes an asker of his own.
            del known[conn_id, sandbox]
            await shared.asker.close()
