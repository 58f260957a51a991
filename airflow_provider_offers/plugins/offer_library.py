"""The plugin that adds the page "Offer Library" to Airflow's UI. Every process of Airflow imports this module."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from airflow.sdk.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

NAME = "Offer Library"
PREFIX = "/offer-library"


class LazyApp:
    """The application of the page, which is built at its first request: only the API server ever needs it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._app: Any = None

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        if self._app is None:
            import asyncio

            await asyncio.to_thread(self._build)
        await self._app(scope, receive, send)

    def forget(self) -> None:
        """Forget the libraries that were read, as a new process would."""
        if self._app is not None:
            self._app.state.shelves.close()

    def _build(self) -> None:
        from airflow_provider_offers.plugins.app import build_app

        with self._guard:
            if self._app is None:
                self._app = build_app()


class OfferLibraryPlugin(AirflowPlugin):
    """The page "Offer Library": the calendar of offers, in the navigation of Airflow's UI."""

    name = "offer_library"
    fastapi_apps = [{"app": LazyApp(), "url_prefix": PREFIX, "name": NAME}]
    # The address is relative to the base of the UI, which may be below a path of its host.
    external_views = [
        {
            "name": NAME,
            "href": f"{PREFIX.removeprefix('/')}/",
            "destination": "nav",
            "category": "browse",
            "url_route": "offer-library",
        }
    ]
