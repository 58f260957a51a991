"""The application of the page: its files, and its data as JSON. Every route needs a user of Airflow."""

from __future__ import annotations

import asyncio
import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep, get_user
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.staticfiles import StaticFiles

from airflow_provider_offers import DEFAULT_CONNECTION
from airflow_provider_offers.calendar.document import DAYS, calendar_of
from airflow_provider_offers.calendar.shelf import Shelf, Shelves, Shown
from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.model.instants import format_instant
from airflow_provider_offers.plugins.connections import ReadableConnId, listed, settings_of
from airflow_provider_offers.plugins.errors import told
from airflow_provider_offers.plugins.headers import SecurityHeaders

if TYPE_CHECKING:
    from airflow_provider_offers.client.library import OfferLibrary
    from airflow_provider_offers.client.settings import Settings

STATIC = Path(__file__).parent / "static"
_THREADS = 8


def build_app() -> FastAPI:
    """The application, with a memory of its own for the libraries that it reads."""
    app = FastAPI(
        title="Offer Library",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(get_user)],
    )
    executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="offer-library")
    app.state.executor = executor
    app.state.shelves = Shelves(_open, executor)
    app.state.files = StaticFiles(directory=STATIC)
    app.add_middleware(SecurityHeaders)
    app.add_exception_handler(OfferLibraryError, _tell)
    app.add_api_route("/", _index, methods=["GET"])
    app.add_api_route("/static/{path:path}", _file, methods=["GET"])
    app.add_api_route("/api/connections", _connections, methods=["GET"])
    app.add_api_route("/api/calendar", _calendar, methods=["GET"])
    return app


def _open(settings: Settings) -> OfferLibrary:
    """The client of a connection. It gives up sooner than a task: somebody waits for it."""
    from airflow.sdk.log import mask_secret

    from airflow_provider_offers.client.library import OfferLibrary
    from airflow_provider_offers.client.wire.retry import Retries
    from airflow_provider_offers.hooks.stats import request_stats

    retries = Retries(max_retries=min(settings.max_retries, 2), deadline=60.0)
    return OfferLibrary(settings, retries=retries, on_token=mask_secret, observer=request_stats(settings))


async def _tell(_: Request, error: Exception) -> Response:
    assert isinstance(error, OfferLibraryError)
    answer = told(error)
    return JSONResponse({"detail": answer.detail}, answer.status_code)


async def _index(request: Request) -> Response:
    return await _file(request, "index.html")


async def _file(request: Request, path: str) -> Response:
    files: StaticFiles = request.app.state.files
    return await files.get_response(path, request.scope)


def _connections(user: GetUserDep) -> dict[str, Any]:
    found = listed(user)
    known = any(each["conn_id"] == DEFAULT_CONNECTION for each in found)
    return {"connections": found, "default": DEFAULT_CONNECTION if known else None}


def shelf_of(request: Request, conn_id: ReadableConnId, settings: Annotated[Any, Depends(settings_of)]) -> Shelf:
    """The shelf of a connection that the user may read."""
    shelves: Shelves = request.app.state.shelves
    return shelves.shelf(conn_id, settings)


OnShelf = Annotated[Shelf, Depends(shelf_of)]


async def _calendar(
    request: Request, conn_id: ReadableConnId, shelf: OnShelf, days: Annotated[int, Query(ge=1, le=366)] = DAYS
) -> Response:
    shown = await asyncio.wrap_future(shelf.ask())
    loop = asyncio.get_running_loop()
    body = await loop.run_in_executor(request.app.state.executor, _body, conn_id, shelf, shown, days)
    return _zipped(request, body)


def _body(conn_id: str, shelf: Shelf, shown: Shown, days: int) -> bytes:
    settings = shelf.library.settings
    document = {
        "conn_id": conn_id,
        "sandbox": settings.sandbox,
        "api": settings.api,
        "read_at": format_instant(shown.copy.read_at),
        "age_seconds": round(shown.age, 1),
        **calendar_of(shown.copy, days),
        "warnings": [] if shown.trouble is None else [f"The latest look failed: {shown.trouble}"],
    }
    return gzip.compress(json.dumps(document, separators=(",", ":")).encode(), 5)


def _zipped(request: Request, body: bytes) -> Response:
    """A body that is zipped already, for a client that takes it so."""
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(gzip.decompress(body), media_type="application/json")
    headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(body, media_type="application/json", headers=headers)
