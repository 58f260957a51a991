"""The two doors to the Offer Library, synchronous and asynchronous: the same methods, written once in `calls`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_offers.client.actions import Action, Known
from airflow_provider_offers.client.calls import Calls
from airflow_provider_offers.client.flows.access import Access, open_access
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.twins import async_iterated, awaited, driven, iterated
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.governor import governor_for
from airflow_provider_offers.client.wire.memory import NO_MEMORY, Memory
from airflow_provider_offers.client.wire.pace import NO_OBSERVER, Observer
from airflow_provider_offers.client.wire.retry import Retries

if TYPE_CHECKING:
    from airflow_provider_offers.client.session import AsyncSession
    from airflow_provider_offers.client.wire.sync_shell import SyncShell

T = TypeVar("T")


class _Door:
    """The part of both doors that needs no request."""

    def __init__(self, settings: Settings, retries: Retries | None) -> None:
        self.settings = settings
        self.calls = Calls(settings)
        self._exchange = Exchange(settings, retries or Retries(max_retries=settings.max_retries))

    def reference(self, kind: Kind, given: Any) -> Reference:
        """The reference to the object that is named."""
        return self.calls.reference(kind, given)

    def offer_reference(self, given: Any, kind: Kind | None = None) -> Reference:
        """The reference to the offer that is named, of either type without `kind`."""
        return self.calls.offer_reference(given, kind)

    def service_now(self) -> datetime:
        """The time of the service's clock, from its answers so far; before the first answer, this machine's time."""
        return self._exchange.service_now()


class OfferLibrary(_Door):
    """One sandbox of the Offer Library. Use it as a context manager, or call `close`. Threads may share it.

    `retries` defaults to the connection's `max_retries`. `on_token`
    gets every token that IMS returns. `memory` keeps values for a later process; by default nothing is kept.
    `observer` is told about every request, for statistics.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        retries: Retries | None = None,
        on_token: Callable[[str], None] | None = None,
        shell: SyncShell | None = None,
        memory: Memory = NO_MEMORY,
        observer: Observer = NO_OBSERVER,
    ) -> None:
        from airflow_provider_offers.client.wire.sync_shell import SyncShell

        super().__init__(settings, retries)
        self._shell = shell or SyncShell(
            settings,
            retries=self._exchange.retries,
            governor=governor_for(settings.host, settings.client_id),
            observer=observer,
            on_token=on_token,
            memory=memory,
        )
        self._access: Access | None = None
        self._guard = threading.Lock()

    def __enter__(self) -> OfferLibrary:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. The library can still be used; it opens new ones."""
        self._shell.close()

    @property
    def last_request_id(self) -> str | None:
        """The request id of this thread's latest answer, for logs."""
        return self._shell.last_request_id

    def run(self, action: Action[T]) -> T:
        """Run a flow of `airflow_provider_offers.client.flows`, or the caller's own, in this sandbox."""
        if isinstance(action, Known):
            known: T = action.value
            return known
        return self._shell.run(action(self._open()))

    def _open(self) -> Access:
        with self._guard:
            if self._access is None:
                self._access = self._shell.run(open_access(self._exchange))
            return self._access

    def _driving(self) -> tuple[Calls, OfferLibrary]:
        return self.calls, self

    service_time = driven(Calls.service_time)
    prepare = driven(Calls.prepare)
    with_ids = driven(Calls.with_ids)
    create_prepared = driven(Calls.create_prepared)
    create = driven(Calls.create)
    get = driven(Calls.get)
    get_unless = driven(Calls.get_unless)
    get_many = driven(Calls.get_many)
    look_at = driven(Calls.look_at)
    find = driven(Calls.find)
    search = iterated(Calls.search)
    patch = driven(Calls.patch)
    checked_patch = driven(Calls.checked_patch)
    replace = driven(Calls.replace)
    replacements = driven(Calls.replacements)
    edit = driven(Calls.edit)
    schedule = driven(Calls.schedule)
    publish = driven(Calls.publish)
    unpublish = driven(Calls.unpublish)
    activate = driven(Calls.activate)
    deactivate = driven(Calls.deactivate)
    complete = driven(Calls.complete)
    archive = driven(Calls.archive)
    delete = driven(Calls.delete)
    decide = driven(Calls.decide)
    submit_batch = driven(Calls.submit_batch)
    batch_status = driven(Calls.batch_status)


class AsyncOfferLibrary(_Door):
    """`OfferLibrary` for one event loop: the same methods, awaited.

    Use it as an async context manager, or await `close`. `on_token` is awaited with every token that IMS returns.
    `observer` is told about every request.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        retries: Retries | None = None,
        on_token: Callable[[str], Coroutine[Any, Any, None]] | None = None,
        memory: Memory = NO_MEMORY,
        observer: Observer = NO_OBSERVER,
    ) -> None:
        super().__init__(settings, retries)
        self._on_token = on_token
        self._memory = memory
        self._observer = observer
        self._session: AsyncSession | None = None
        self._guard = asyncio.Lock()

    async def __aenter__(self) -> AsyncOfferLibrary:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. The library can still be used; it opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @property
    def last_request_id(self) -> str | None:
        """The request id of the latest answer in this asyncio task, for logs."""
        return None if self._session is None else self._session.shell.last_request_id

    async def run(self, action: Action[T]) -> T:
        """Run a flow of `airflow_provider_offers.client.flows`, or the caller's own, in this sandbox."""
        if isinstance(action, Known):
            known: T = action.value
            return known
        session = await self.session()
        return await session.run(action(session.access))

    async def session(self) -> AsyncSession:
        """The open session, for work that runs many flows on it; opened at the first call."""
        if self._session is not None:
            return self._session
        from airflow_provider_offers.client.session import AsyncSession

        async with self._guard:
            if self._session is None:
                self._session = await AsyncSession.open(
                    self.settings,
                    retries=self._exchange.retries,
                    on_token=self._on_token,
                    memory=self._memory,
                    observer=self._observer,
                )
            return self._session

    async def _driving(self) -> tuple[Calls, AsyncOfferLibrary]:
        return self.calls, self

    service_time = awaited(Calls.service_time)
    prepare = awaited(Calls.prepare)
    with_ids = awaited(Calls.with_ids)
    create_prepared = awaited(Calls.create_prepared)
    create = awaited(Calls.create)
    get = awaited(Calls.get)
    get_unless = awaited(Calls.get_unless)
    get_many = awaited(Calls.get_many)
    look_at = awaited(Calls.look_at)
    find = awaited(Calls.find)
    search = async_iterated(Calls.search)
    patch = awaited(Calls.patch)
    checked_patch = awaited(Calls.checked_patch)
    replace = awaited(Calls.replace)
    replacements = awaited(Calls.replacements)
    edit = awaited(Calls.edit)
    schedule = awaited(Calls.schedule)
    publish = awaited(Calls.publish)
    unpublish = awaited(Calls.unpublish)
    activate = awaited(Calls.activate)
    deactivate = awaited(Calls.deactivate)
    complete = awaited(Calls.complete)
    archive = awaited(Calls.archive)
    delete = awaited(Calls.delete)
    decide = awaited(Calls.decide)
    submit_batch = awaited(Calls.submit_batch)
    batch_status = awaited(Calls.batch_status)
