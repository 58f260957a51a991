"""The shared objects of one process's triggers, by event loop, connection and sandbox: change feeds and askers."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from airflow_provider_offers.client.model.entities import Reference
    from airflow_provider_offers.client.model.kinds import Kind
    from airflow_provider_offers.client.session import AsyncSession
    from airflow_provider_offers.client.waiting.feed import Feed
    from airflow_provider_offers.client.waiting.sharing import Asker
    from airflow_provider_offers.client.waiting.watch import SharedSearch, Watch


@dataclass(slots=True)
class _Shared:
    asker: Asker
    users: int = 0


_feeds: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str | None], Feed]] = WeakKeyDictionary()
_askers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str | None], _Shared]] = WeakKeyDictionary()


@asynccontextmanager
async def watching(
    conn_id: str,
    sandbox: str | None,
    references: Iterable[Reference] = (),
    *,
    interval: float,
    search: SharedSearch | None = None,
    follows: Kind | None = None,
    outage: float = 3_600.0,
) -> AsyncIterator[Watch]:
    """A place at the change feed of that connection and sandbox. The feed ends with its last watch."""
    from airflow_provider_offers.client.waiting.feed import Feed

    feeds = _feeds.setdefault(asyncio.get_running_loop(), {})
    feed = feeds.setdefault((conn_id, sandbox), Feed(partial(open_session, conn_id, sandbox)))
    watch = feed.join(references, interval=interval, search=search, follows=follows, outage=outage)
    try:
        yield watch
    finally:
        await feed.leave(watch)
        # While this watch left, others may have joined, or even made a new feed.
        if feed.idle and feeds.get((conn_id, sandbox)) is feed:
            del feeds[conn_id, sandbox]


@asynccontextmanager
async def asking(conn_id: str, sandbox: str | None) -> AsyncIterator[Asker]:
    """The asker of that connection and sandbox. Its last user closes it."""
    from airflow_provider_offers.client.waiting.sharing import Asker

    askers = _askers.setdefault(asyncio.get_running_loop(), {})
    shared = askers.setdefault((conn_id, sandbox), _Shared(Asker(partial(open_session, conn_id, sandbox))))
    shared.users += 1
    try:
        yield shared.asker
    finally:
        shared.users -= 1
        if not shared.users:
            # While this asker closes, a new user makes a new one.
            del askers[conn_id, sandbox]
            await shared.asker.close()


async def open_session(conn_id: str, sandbox: str | None) -> AsyncSession:
    """A session for all triggers on that connection and sandbox."""
    from airflow_provider_offers.client.wire.retry import Retries
    from airflow_provider_offers.hooks.offer_library import OfferLibraryAsyncHook

    with reading_connection(conn_id):
        # The waits have a patience of their own; retries below it would only hide failures.
        return await OfferLibraryAsyncHook(conn_id, sandbox).session(retries=Retries(max_retries=0))


@contextmanager
def reading_connection(conn_id: str) -> Iterator[None]:
    """A context in which every failure to read the connection is an error of ours."""
    from airflow.sdk.exceptions import AirflowNotFoundException

    from airflow_provider_offers.client.errors import ConfigurationError, OfferLibraryError, Violation

    try:
        yield
    except OfferLibraryError:
        raise
    except AirflowNotFoundException:
        accepted = "the id of a connection of type offer_library"
        violations = [Violation("offer_library_conn_id", repr(conn_id), accepted)]
        raise ConfigurationError("The connection is not known", violations) from None
    except Exception as error:  # noqa: BLE001  raised again, without its texts
        # Airflow's own API was out of reach, for example. Its texts may quote the connection, so they are dropped.
        lost = OfferLibraryError(
            f"The connection {conn_id!r} could not be read ({type(error).__name__})", retryable=True
        )
        raise lost from None
