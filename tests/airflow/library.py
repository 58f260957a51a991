"""Shared code of the operator tests: offers, DAGs, and reads of the library."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any

from airflow.sdk import DAG

from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.emulator import Emulator
from tests.airflow.harness import Airflow, Run

CONNECTION = "offer_library_default"
NO_DELAY = timedelta(0)


def dag_of(dag_id: str, **options: Any) -> DAG:
    """An empty DAG without a schedule."""
    return DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), **options)


def run(airflow: Airflow, emulator: Emulator, api: str, dag: DAG, *, conf: Any = None, **extra: Any) -> Run:
    """Run the DAG; the default connection leads to the emulator, with `extra` as further settings."""
    return airflow.run(dag, conf=conf, connections={CONNECTION: emulator.connection(api, **extra)})


def library_of(emulator: Emulator, api: str) -> OfferLibrary:
    """Another user's access to the same library."""
    connection = emulator.connection(api)
    connection.pop("conn_type")
    return OfferLibrary(parse_settings(**connection))


def personalized(name: str, **changes: Any) -> dict[str, Any]:
    """A personalized offer that the service accepts; None removes a property."""
    offer = {
        "name": name,
        "status": "draft",
        "representations": [
            {
                "channel": "https://ns.adobe.com/xdm/channel-types/web",
                "placement": Emulator.PLACEMENT_ID,
                "components": [{"type": "html", "format": "text/html", "language": ["en"], "content": "<p>10%</p>"}],
            }
        ],
        "selectionConstraint": {
            "startDate": "2026-03-10T00:00:00Z",
            "endDate": "2026-06-30T21:59:59Z",
            "profileConstraintType": "none",
        },
        "rank": {"priority": 10},
        **changes,
    }
    return {key: value for key, value in offer.items() if value is not None}


def fallback(name: str, **changes: Any) -> dict[str, Any]:
    """A fallback offer that the service accepts."""
    return personalized(name, selectionConstraint=None, rank=None, **changes)


def offer_of(offer_type: str, name: str, **changes: Any) -> dict[str, Any]:
    """An offer of that type."""
    return fallback(name, **changes) if offer_type == "fallback" else personalized(name, **changes)


def seed(emulator: Emulator, api: str, name: str, offer_type: str = "personalized", **options: Any) -> dict[str, Any]:
    """Put an offer into the library through that generation; return it as the emulator shows it."""
    body = offer_of(offer_type, name, **options.pop("changes", {}))
    (identifier,) = emulator.seed(
        objects=[{"kind": f"{offer_type}-offer", "generation": api, "body": body, **options}],
    )
    return next(each for each in emulator.objects() if each["id"] == identifier)


def offers(emulator: Emulator, sandbox: str | None = None) -> list[dict[str, Any]]:
    """All offers in the library, in neutral form, the oldest first."""
    return [each for each in emulator.objects(sandbox=sandbox) if each["kind"].endswith("-offer")]


def named(emulator: Emulator, name: str) -> list[dict[str, Any]]:
    """The offers with that name."""
    return [each for each in offers(emulator) if each["body"]["name"] == name]


def writes(emulator: Emulator) -> list[Any]:
    """The requests to the Offer Library that are not reads."""
    return [entry for entry in emulator.journal(path="/data/core/*") if entry.method != "GET"]


@contextmanager
def shown_once_posted(emulator: Emulator) -> Iterator[None]:
    """Let the listing show everything as soon as something was posted."""
    is_over = threading.Event()

    def show() -> None:
        while not writes(emulator) and not is_over.wait(0.02):
            pass
        emulator.configure(list_lag=0, index_lag=0)

    watching = threading.Thread(target=show)
    watching.start()
    try:
        yield
    finally:
        is_over.set()
        watching.join()


def media_type(value: str) -> tuple[str, dict[str, str]]:
    """A media type and its parameters; blanks and quotes do not count."""
    message = Message()
    message["Content-Type"] = value
    parameters = message.get_params(failobj=[])
    return message.get_content_type(), dict(parameters[1:])


def media_types(value: str) -> list[tuple[str, dict[str, str]]]:
    """The media types of an Accept header; a single `*` means `*/*`, as in Adobe's examples."""
    parts = (part.strip() for part in value.split(","))
    return [media_type("*/*" if part == "*" else part) for part in parts]


def document(entry: Any) -> Any:
    """The JSON of a request."""
    return json.loads(entry.body)


def holds(found: Any, wanted: Any) -> bool:
    """Whether a document has all members of another one, and perhaps more."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            name in found and holds(found[name], value) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(holds, found, wanted))
    return bool(found == wanted)


def errors(result: Run, tasks: Iterable[str]) -> dict[str, str]:
    """The text of each task's exception; a task that did not fail has none."""
    return {task: str(result.error(task) or "") for task in tasks}
