"""The change feeds of this process: one for each event loop, connection and sandbox, shared by all triggers on it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from airflow_provider_offers.client.model.entities import Reference
    from airflow_provider_offers.client.waiting.feed import Feed
    from airflow_provider_offers.client.waiting.watch import Question, Watch
    from airflow_provider_offers.client.wire.session import AsyncSession

_feeds: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str | None], Feed]] = WeakKeyDictionary()


@asynccontextmanager
async def watching(
    conn_id: str,
    sandbox: str | None,
    references: Iterable[Reference] = (),
    *,
    interval: float,
    question: Question | None = None,
    outage: float = 3_600.0,
) -> AsyncIterator[Watch]:
    """A place at the feed of that connection and sandbox, given up at the end."""
    from airflow_provider_offers.client.waiting.feed import Feed

    feeds = _feeds.setdefault(asyncio.get_running_loop(), {})
    feed = feeds.setdefault((conn_id, sandbox), Feed(partial(open_session, conn_id, sandbox)))
    watch = feed.join(references, interval=interval, question=question, outage=outage)
    try:
        yield watch
    finally:
        await feed.leave(watch)
        # While this one left, others may have come, and even made a feed of their own.
        if feed.idle and feeds.get((conn_id, sandbox)) is feed:
            del feeds[conn_id, sandbox]


async def open_session(conn_id: str, sandbox: str | None) -> AsyncSession:
    """A way to the sandbox for everybody on it; failures are borne by those who look again and again, not below."""
    from airflow.sdk.exceptions import AirflowNotFoundException

    from airflow_provider_offers.client.errors import ConfigurationError, OfferLibraryError, Violation
    from airflow_provider_offers.client.wire.retry import Retries
    from airflow_provider_offers.hooks.offer_library import OfferLibraryAsyncHook

    try:
        # The feed bears failures by itself; retries below it would only hide them.
        return await OfferLibraryAsyncHook(conn_id, sandbox).session(retries=Retries(max_retries=0))
    except OfferLibraryError:
        raise
    except AirflowNotFoundException:
        accepted = "the id of a connection of type offer_library"
        violations = [Violation("offer_library_conn_id", repr(conn_id), accepted)]
        raise ConfigurationError("The connection is not known", violations) from None
    except Exception as error:  # noqa: BLE001  raised again, without its texts
        # Airflow's own API was out of reach, for example. Its texts are not kept: they may quote the connection.
        lost = OfferLibraryError(f"The connection {conn_id!r} could not be read ({type(error).__name__})")
        lost.retryable = True
        raise lost from None
