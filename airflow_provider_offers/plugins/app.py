"""The application of the page: its files, and its data as JSON. Every route needs a user of Airflow."""

from __future__ import annotations

import asyncio
import gzip
import json
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from airflow.api_fastapi.core_api.security import GetUserDep, get_user
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.staticfiles import StaticFiles

from airflow_provider_offers import configuration
from airflow_provider_offers.calendar.csv_file import csv_of
from airflow_provider_offers.calendar.detail import detail_of
from airflow_provider_offers.calendar.document import DAYS, calendar_of
from airflow_provider_offers.calendar.ics_file import ics_of
from airflow_provider_offers.calendar.rows import Filters, named_rows
from airflow_provider_offers.calendar.shelf import Shelf, Shelves, Shown
from airflow_provider_offers.client.errors import InvalidInputError, OfferLibraryError, Violation
from airflow_provider_offers.client.model.instants import format_instant
from airflow_provider_offers.client.model.kinds import kind_of
from airflow_provider_offers.client.model.likeness import near, perhaps
from airflow_provider_offers.links.offers import journey_optimizer_url
from airflow_provider_offers.plugins.connections import ReadableConnId, listed, settings_of
from airflow_provider_offers.plugins.errors import told
from airflow_provider_offers.plugins.headers import SecurityHeaders
from airflow_provider_offers.plugins.runs import history_of, runs_of, waiting_plans

if TYPE_CHECKING:
    from airflow_provider_offers.client.library import OfferLibrary
    from airflow_provider_offers.client.settings import Settings

T = TypeVar("T")

STATIC = Path(__file__).parent / "static"
_LOGGED_OUT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Offer Library</title>
<body style="font:16px system-ui,sans-serif;margin:4em auto;max-width:40em;padding:0 1em">
<h1>You are logged out</h1>
<p><a href="../" target="_top">Log in to Airflow</a>, then load this page again.</p>
"""
_THREADS = 8
# More would take several times as long, and save a tenth.
_LEVEL = 5


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
    app.state.shelves = Shelves(_open, executor, fresh=_fresh)
    app.state.files = StaticFiles(directory=STATIC)
    app.add_middleware(SecurityHeaders)
    app.add_exception_handler(OfferLibraryError, _tell)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_api_route("/", _index, methods=["GET"])
    app.add_api_route("/static/{path:path}", _file, methods=["GET"])
    app.add_api_route("/api/connections", _connections, methods=["GET"])
    app.add_api_route("/api/calendar", _calendar, methods=["GET"])
    app.add_api_route("/api/calendar.csv", _csv, methods=["GET"])
    app.add_api_route("/api/calendar.ics", _ics, methods=["GET"])
    app.add_api_route("/api/object", _object, methods=["GET"])
    app.add_api_route("/api/plans", _waiting, methods=["GET"])
    return app


def _fresh() -> float:
    """The option as it is now: a wrong one is told to the person who opens the page, and not only in the log."""
    return configuration.page_refresh()


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


async def _refuse(request: Request, error: Exception) -> Response:
    """The answer of Airflow's refusal; a person whose login is over gets a page with the way to log in."""
    assert isinstance(error, HTTPException)
    is_page = request.url.path.endswith("/") and "text/html" in request.headers.get("accept", "")
    if is_page and error.status_code in (401, 403):
        return HTMLResponse(_LOGGED_OUT, error.status_code)
    return await http_exception_handler(request, error)


async def _index(request: Request) -> Response:
    return await _file(request, "index.html")


async def _file(request: Request, path: str) -> Response:
    files: StaticFiles = request.app.state.files
    return await files.get_response(path, request.scope)


def _connections(user: GetUserDep) -> dict[str, Any]:
    found = listed(user)
    default = configuration.connection_id()
    known = any(each["conn_id"] == default for each in found)
    return {"connections": found, "default": default if known else None}


def shelf_of(request: Request, conn_id: ReadableConnId, settings: Annotated[Any, Depends(settings_of)]) -> Shelf:
    """The shelf of a connection that the user may read."""
    shelves: Shelves = request.app.state.shelves
    return shelves.shelf(conn_id, settings)


OnShelf = Annotated[Shelf, Depends(shelf_of)]


async def _shared(future: Future[T]) -> T:
    """The result of work that others may wait for as well: a browser that goes away does not cancel it."""
    try:
        return await asyncio.shield(asyncio.wrap_future(future))
    except OfferLibraryError as error:
        # The same error, raised by all, would collect the tracebacks of all.
        raise error.alike() from None


Days = Annotated[int, Query(ge=1, le=366)]
Text = Annotated[str, Query(max_length=1000)]


async def _calendar(request: Request, conn_id: ReadableConnId, shelf: OnShelf, days: Days = DAYS) -> Response:
    """The calendar as JSON. All times are UTC; `age_seconds` is how old the copy is."""
    shown = await _shared(shelf.ask())
    document = await _document(shelf, shown, days)
    settings = shelf.library.settings

    def body() -> bytes:
        told = {
            "conn_id": conn_id,
            "sandbox": settings.sandbox,
            "api": settings.api,
            "read_at": format_instant(shown.copy.read_at),
            "age_seconds": round(shown.age, 1),
            **document,
            "warnings": [] if shown.trouble is None else [f"The latest look failed: {shown.trouble}"],
        }
        return gzip.compress(json.dumps(told, separators=(",", ":")).encode(), _LEVEL)

    return _zipped(request, await _shared(shelf.once(shown, ("body", days), body)))


async def _document(shelf: Shelf, shown: Shown, days: int) -> dict[str, Any]:
    made = shelf.once(shown, ("document", days), lambda: calendar_of(shown.copy, days))
    return await _shared(made)


def _zipped(request: Request, body: bytes) -> Response:
    """A body that is zipped already, for a client that takes it so."""
    headers = {"Vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(gzip.decompress(body), media_type="application/json", headers=headers)
    headers["Content-Encoding"] = "gzip"
    return Response(body, media_type="application/json", headers=headers)


def filters_of(
    request: Request,
    kind: Text = "",
    status: Text = "",
    placement: Text = "",
    decision: Text = "",
    text: Text = "",
    mark: Text = "",
) -> Filters:
    """The filters of an export; an empty one lets everything pass.

    Raises `InvalidInputError` for a word that no offer can have, and for an unknown parameter: an export without a
    filter that was misspelt, or of another sandbox, looks like the right one.
    """
    known = (*(each.name for each in fields(Filters)), "conn_id", "sandbox", "days")
    if unknown := [each for each in request.query_params if each not in known]:
        accepted = f"one of {', '.join(known)}"
        wrong = [Violation(each, "an unknown parameter", accepted + perhaps(near(each, known))) for each in unknown]
        raise InvalidInputError("The parameters of the export are not valid", wrong)
    return Filters(kind, status, placement, decision, text, mark)


ByFilters = Annotated[Filters, Depends(filters_of)]


async def _csv(shelf: OnShelf, filters: ByFilters, days: Days = DAYS) -> Response:
    shown = await _shared(shelf.ask())
    document = await _document(shelf, shown, days)
    made = shelf.once(shown, ("csv", days, filters), lambda: csv_of(named_rows(document, filters)).encode())
    return _attached(await _shared(made), "text/csv; charset=utf-8", "offers.csv")


async def _ics(conn_id: ReadableConnId, shelf: OnShelf, filters: ByFilters, days: Days = DAYS) -> Response:
    shown = await _shared(shelf.ask())
    document = await _document(shelf, shown, days)
    name = f"Offer Library: {conn_id}, {shelf.library.settings.sandbox}"

    def make() -> bytes:
        return ics_of(named_rows(document, filters), name=name, made_at=shown.copy.read_at)

    made = shelf.once(shown, ("ics", days, filters), make)
    return _attached(await _shared(made), "text/calendar; charset=utf-8", "offers.ics")


def _attached(content: bytes, media_type: str, name: str) -> Response:
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


async def _object(request: Request, shelf: OnShelf, user: GetUserDep, kind: Text, id: Text) -> dict[str, Any]:
    row = kind_of(kind)
    shown = await _shared(shelf.ask())

    def read() -> dict[str, Any]:
        settings = shelf.library.settings
        entity = shelf.library.get(row, id)
        detail = detail_of(entity, shown.copy)
        runs = runs_of(entity.id, user)
        address = journey_optimizer_url(settings.host, settings.sandbox)
        return {
            **detail,
            "history": history_of(detail["entity"], runs),
            "runs": runs,
            "links": {"journey_optimizer": address} if address else {},
        }

    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(request.app.state.executor, read)


def _waiting(conn_id: ReadableConnId, user: GetUserDep) -> dict[str, Any]:
    return {"plans": waiting_plans(conn_id, user)}
