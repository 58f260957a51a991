"""The hooks: they turn an Airflow connection of type `offer_library` into the client, and mask its secrets.

`OfferLibraryHook` and `OfferLibraryAsyncHook` have the same methods, which are written in `hooks.calls`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk import BaseHook

from airflow_provider_offers import DEFAULT_CONNECTION
from airflow_provider_offers.client.twins import async_iterated, awaited, driven, iterated
from airflow_provider_offers.configuration import connection_id
from airflow_provider_offers.hooks.calls import HookCalls
from airflow_provider_offers.hooks.connections import ONE_CALL_AT_A_TIME, check_place, connection_settings
from airflow_provider_offers.hooks.loops import PerLoop

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_offers.client.flows.ownership import Creation
    from airflow_provider_offers.client.library import AsyncOfferLibrary, OfferLibrary
    from airflow_provider_offers.client.model.entities import Written
    from airflow_provider_offers.client.session import AsyncSession
    from airflow_provider_offers.client.settings import Settings
    from airflow_provider_offers.client.wire.memory import Memory
    from airflow_provider_offers.client.wire.retry import Retries
    from airflow_provider_offers.hooks.objects import AsyncLibraryObjects, LibraryObjects
    from airflow_provider_offers.operators.words import KindName

T = TypeVar("T")


class _Hook(BaseHook):
    """The part of both hooks that needs no request."""

    conn_name_attr = "offer_library_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = "offer_library"
    hook_name = "Adobe Offer Library"

    def __init__(
        self,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        *,
        memory: Memory | None = None,
        **kwargs: Any,
    ) -> None:
        try:
            super().__init__(**kwargs)
        except TypeError as error:
            from airflow_provider_offers.client.model.likeness import with_nearest_names

            raise with_nearest_names(error, kwargs, ("offer_library_conn_id", "sandbox", "memory")) from None
        self.offer_library_conn_id = connection_id(offer_library_conn_id)
        self.sandbox = sandbox
        self._memory = memory

    @property
    def memory(self) -> Memory:
        """The store for values that the tries of a task keep for each other."""
        from airflow_provider_offers.client.wire.memory import NO_MEMORY

        return self._memory or NO_MEMORY

    def tell_withdrawn(self, creation: Creation, written: Written) -> None:
        """Log which duplicates of a new object were deleted."""
        from airflow_provider_offers.hooks.object_calls import tell_withdrawn

        tell_withdrawn(self.log, creation, written)

    def _read_settings(self) -> Settings:
        check_place(self.offer_library_conn_id, self.sandbox)
        return connection_settings(self.get_connection(self.offer_library_conn_id), self.sandbox)

    def _calls(self, library: OfferLibrary | AsyncOfferLibrary) -> HookCalls:
        return HookCalls(library.calls, self.log, lambda: library.last_request_id)


class OfferLibraryHook(_Hook):
    """Access to Adobe Journey Optimizer's Offer Library through an Airflow connection.

    The connection selects the generation of the API (`api` in its extra: `dps` or `xcore`). The methods are the same on
    both, and accept JSON in either spelling. `sandbox` overrides the sandbox of the connection.

    Every method raises the errors of `airflow_provider_offers.client.errors`. Use the hook as a context manager to
    close its connections; otherwise they end with the process. `memory` keeps values that the tries of a task need from
    each other. The operators set it; by default nothing is kept.
    """

    def __enter__(self) -> OfferLibraryHook:
        return self

    def __exit__(self, *_: object) -> None:
        if "library" in self.__dict__:
            self.library.close()

    @cached_property
    def settings(self) -> Settings:
        """The checked connection. Raises `ConfigurationError` that lists every problem."""
        return self._read_settings()

    @cached_property
    def library(self) -> OfferLibrary:
        """The client on this connection."""
        from airflow.sdk.log import mask_secret

        from airflow_provider_offers.client.library import OfferLibrary
        from airflow_provider_offers.hooks.stats import request_stats

        observer = request_stats(self.settings)
        return OfferLibrary(self.settings, on_token=mask_secret, memory=self.memory, observer=observer)

    def get_conn(self) -> OfferLibrary:
        """The client on this connection; Airflow's name for `library`."""
        return self.library

    def objects(self, kind: KindName) -> LibraryObjects:
        """The calls for the objects of one kind.

        `kind` is `placement`, `tag`, `collection`, `rule`, `formula`, `decision`, `personalized` or `fallback`.
        """
        from airflow_provider_offers.client.model.kinds import kind_of
        from airflow_provider_offers.hooks.objects import LibraryObjects

        return LibraryObjects(self, kind_of(kind))

    async def async_session(self) -> AsyncSession:
        """A session on the same sandbox for an event loop of this task. The caller closes it."""
        from airflow_provider_offers.client.session import AsyncSession
        from airflow_provider_offers.hooks.stats import request_stats

        return await AsyncSession.open(
            self.settings,
            on_token=_mask_in_thread,
            memory=self.memory,
            observer=request_stats(self.settings),
        )

    def test_connection(self) -> tuple[bool, str]:
        """Test token, organization, sandbox and read permission; returns whether they work, and a message."""
        from airflow_provider_offers.client.doctor import examine, summary
        from airflow_provider_offers.client.errors import ConfigurationError

        try:
            return summary(examine(self.library))
        except ConfigurationError as error:
            return False, str(error)
        finally:
            self.__exit__()

    def _driving(self) -> tuple[HookCalls, OfferLibrary]:
        return self._calls(self.library), self.library

    service_now = driven(HookCalls.service_now)
    create_offer = driven(HookCalls.create_offer)
    create = driven(HookCalls.create)
    get_offer = driven(HookCalls.get_offer)
    get_offers = driven(HookCalls.get_offers)
    patch_offer = driven(HookCalls.patch_offer)
    replace_offer = driven(HookCalls.replace_offer)
    edit_offer = driven(HookCalls.edit_offer)
    schedule_offer = driven(HookCalls.schedule_offer)
    publish_offer = driven(HookCalls.publish_offer)
    unpublish_offer = driven(HookCalls.unpublish_offer)
    archive_offer = driven(HookCalls.archive_offer)
    delete_offer = driven(HookCalls.delete_offer)
    search_offers = iterated(HookCalls.search_offers)
    decide = driven(HookCalls.decide)
    submit_batch = driven(HookCalls.submit_batch)
    batch_status = driven(HookCalls.batch_status)


class OfferLibraryAsyncHook(_Hook):
    """`OfferLibraryHook` for triggers and asynchronous tasks: the same methods, awaited.

    Use it as an async context manager. It never reads the connection or masks a secret on the event loop. Each event
    loop has connections of its own, so that one hook can be used in several calls of `asyncio.run`, whose end closes
    them.
    """

    def __init__(
        self, offer_library_conn_id: str = DEFAULT_CONNECTION, sandbox: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(offer_library_conn_id, sandbox, **kwargs)
        self._libraries: PerLoop[AsyncOfferLibrary] = PerLoop()

    async def __aenter__(self) -> OfferLibraryAsyncHook:
        return self

    async def __aexit__(self, *_: object) -> None:
        library = self._libraries.taken()
        if library is not None:
            await library.close()

    async def settings(self) -> Settings:
        """The checked connection. Raises `ConfigurationError` that lists every problem."""
        # Airflow's own asynchronous read could deadlock the triggerer before 3.3.2; a thread never does.
        return await _in_thread(self._read_settings)

    async def library(self, *, retries: Retries | None = None) -> AsyncOfferLibrary:
        """The client on this connection for this event loop; created at the first call."""

        async def created() -> AsyncOfferLibrary:
            from airflow_provider_offers.client.library import AsyncOfferLibrary
            from airflow_provider_offers.hooks.stats import request_stats

            settings = await self.settings()
            return AsyncOfferLibrary(
                settings,
                retries=retries,
                on_token=_mask_in_thread,
                memory=self.memory,
                observer=request_stats(settings),
            )

        return await self._libraries.made(created)

    async def session(self, *, retries: Retries | None = None) -> AsyncSession:
        """The session on the sandbox; opened at the first call."""
        library = await self.library(retries=retries)
        return await library.session()

    def objects(self, kind: KindName) -> AsyncLibraryObjects:
        """The calls for the objects of one kind; see `OfferLibraryHook.objects`."""
        from airflow_provider_offers.client.model.kinds import kind_of
        from airflow_provider_offers.hooks.objects import AsyncLibraryObjects

        return AsyncLibraryObjects(self, kind_of(kind))

    async def test_connection(self) -> tuple[bool, str]:
        """Test token, organization, sandbox and read permission; returns whether they work, and a message."""
        from airflow_provider_offers.client.doctor import examine_async, summary
        from airflow_provider_offers.client.errors import ConfigurationError

        try:
            return summary(await examine_async(await self.library()))
        except ConfigurationError as error:
            return False, str(error)
        finally:
            await self.__aexit__()

    async def _driving(self) -> tuple[HookCalls, AsyncOfferLibrary]:
        library = await self.library()
        return self._calls(library), library

    service_now = awaited(HookCalls.service_now)
    create_offer = awaited(HookCalls.create_offer)
    create = awaited(HookCalls.create)
    get_offer = awaited(HookCalls.get_offer)
    get_offers = awaited(HookCalls.get_offers)
    patch_offer = awaited(HookCalls.patch_offer)
    replace_offer = awaited(HookCalls.replace_offer)
    edit_offer = awaited(HookCalls.edit_offer)
    schedule_offer = awaited(HookCalls.schedule_offer)
    publish_offer = awaited(HookCalls.publish_offer)
    unpublish_offer = awaited(HookCalls.unpublish_offer)
    archive_offer = awaited(HookCalls.archive_offer)
    delete_offer = awaited(HookCalls.delete_offer)
    search_offers = async_iterated(HookCalls.search_offers)
    decide = awaited(HookCalls.decide)
    submit_batch = awaited(HookCalls.submit_batch)
    batch_status = awaited(HookCalls.batch_status)


async def _mask_in_thread(token: str) -> None:
    await _in_thread(_mask, token)


def _mask(token: str) -> None:
    from airflow.sdk.log import mask_secret

    with ONE_CALL_AT_A_TIME:
        mask_secret(token)


async def _in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Run it in a thread from which the triggerer of Airflow 3.2 can return to its loop; this needs asgiref.

    The thread belongs to this loop's pool. asgiref's default, a shared thread, does not exist in a task: a worker is a
    fork, the threads of its parent do not run in it, and waiting for one would never end.
    """
    from asgiref.sync import sync_to_async

    return await sync_to_async(work, thread_sensitive=False)(*arguments)
