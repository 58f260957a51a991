"""Asking the decision runtime: a decision for one profile, and on generation 1 what became of its last update."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from airflow_provider_offers.client.delivery import (
    ANSWERS,
    ASKS,
    Decided,
    Question,
    RuntimeRefusalError,
    question_body,
    read_decided,
)
from airflow_provider_offers.client.entities import Reference
from airflow_provider_offers.client.errors import (
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
    RejectedError,
    UnsupportedError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.reading import not_found, resolve
from airflow_provider_offers.client.generations.xcore import Xcore
from airflow_provider_offers.client.instants import parse_instant
from airflow_provider_offers.client.retry import is_unsettled
from airflow_provider_offers.client.secret import Secret
from airflow_provider_offers.client.wire import Answer, Call, Flow, Json

_DPS_BASE = "/data/core/ods"
_XCORE_BASE = "/data/core/ode"


@dataclass(frozen=True, slots=True)
class Package:
    """The last update of generation 1's decision runtime: when, and what went wrong in it. None before the first."""

    date: datetime | None
    errors: tuple[str, ...]


def decide(access: Access, question: Question) -> Flow[Decided]:
    """What is decided for the profile.

    Calls `POST /data/core/ods/decisions` (dps) or `POST /data/core/ode/{container}/decisions` (xcore); Adobe: deliver
    offers using the Decisioning API. A dry run counts nothing and is repeated like a read. Otherwise a lost answer is
    an `OutcomeUnknownError` that no retry should follow: the offers may have been counted. Errors and logs lose the
    profile's ids where the service quotes them. A refusal that the runtime's next update may lift (404, 422) is a
    `RuntimeRefusalError`, which a retry may follow.
    """
    base, prefix = _runtime(access)
    scopes = yield from scope_ids(access, question.decisions, question.placements)
    headers = {"Accept": ANSWERS, "Content-Type": ASKS}
    call = Call(
        "POST",
        f"{prefix}/decisions",
        headers,
        question_body(question, scopes),
        repeatable=question.dry_run,
        private=tuple(map(Secret, question.identities)),
    )
    try:
        answer: Answer = yield from access.exchange.send(call, base)
        return read_decided(answer)
    except (NotFoundError, RejectedError) as refused:
        raise RuntimeRefusalError(refused) from refused
    except OfferLibraryError as error:
        if question.dry_run or not is_unsettled(error):
            raise
        unknown = OutcomeUnknownError(
            f"Whether the decision was made is not known: {error}\n"
            "  Caps may have counted it. Another try would count again, so that none is made by itself."
        )
        unknown.retryable = False
        raise unknown from None


def diagnose(access: Access) -> Flow[Package]:
    """When generation 1's runtime was last updated, and what kept it from it.

    Calls `GET /data/core/ode/{container}/diagnostics`; Adobe: diagnostics endpoint. `UnsupportedError` on dps.
    """
    if not isinstance(access.generation, Xcore):
        raise UnsupportedError("dps documents no diagnostics of its runtime; ask for a decision instead")
    base, prefix = _runtime(access)
    call = Call("GET", f"{prefix}/diagnostics", {"Accept": "application/vnd.adobe.xed-id+json"})
    answer: Answer = yield from access.exchange.send(call, base)
    operations = answer.object().get("xdm:operations")
    if not isinstance(operations, Mapping):
        raise answer.unexpected("its 'xdm:operations' is missing or no object")
    update = operations.get("xdm:decisioningPackageUpdate")
    if not isinstance(update, Mapping):
        return Package(None, ())
    try:
        date = parse_instant(update.get("xdm:date"))
    except ValueError as error:
        raise answer.unexpected(f"its 'xdm:date' is {error}") from None
    return Package(date, tuple(_descriptions(update.get("xdm:errors"))))


def scope_ids(
    access: Access, decisions: tuple[Reference, ...], placements: tuple[Reference, ...]
) -> Flow[list[tuple[str, str]]]:
    """The reference ids of every decision at every placement, each pair once.

    What is known by its name or its instance id only is looked up.
    """
    known: dict[Reference, str] = {}
    for reference in (*decisions, *placements):
        if reference not in known:
            known[reference] = yield from _reference_id(access, reference)
    pairs = [(known[decision], known[placement]) for decision in decisions for placement in placements]
    # Two names may have turned out to mean one object, and the service refuses to be asked the same twice.
    return list(dict.fromkeys(pairs))


def _reference_id(access: Access, reference: Reference) -> Flow[str]:
    if reference.id is not None:
        return reference.id
    there = yield from resolve(access, reference)
    if there.id is not None:
        return there.id
    call = access.generation.read(there)
    answer: Answer = yield from access.send(call, accept=(404, 410))
    if answer.response.status in (404, 410):
        raise not_found(access, reference, call.bare_path)
    return access.generation.entity(reference.kind, answer).id


def _runtime(access: Access) -> tuple[str, str]:
    """Where the decision runtime of the generation lives: its base, and what its paths begin with."""
    if isinstance(access.generation, Xcore):
        return _XCORE_BASE, f"/{quote(access.generation.container_id, safe='')}"
    return _DPS_BASE, ""


def _descriptions(errors: Json, depth: int = 0) -> Iterator[str]:
    """The innermost descriptions of nested errors, which say what to mend."""
    if not isinstance(errors, list) or depth > 20:
        return
    for error in errors:
        if not isinstance(error, Mapping):
            continue
        causes = list(_descriptions(error.get("xdm:causes"), depth + 1))
        description = error.get("xdm:description")
        if causes:
            yield from causes
        elif isinstance(description, str):
            yield description[:500]
