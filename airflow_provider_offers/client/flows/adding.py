"""Adding an object of any kind to the library: `creating.create`, and what is particular to some kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from airflow_provider_offers.client.errors import (
    AlreadyExistsError,
    APIError,
    BadRequestError,
    ConflictError,
    NotPublishableError,
    OutcomeUnknownError,
    RejectedError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.creating import Creation, Earlier, create
from airflow_provider_offers.client.flows.golive import DECIDING, check_decision
from airflow_provider_offers.client.flows.reading import Found, find_there
from airflow_provider_offers.client.flows.writing import Written
from airflow_provider_offers.client.kinds import DECISION
from airflow_provider_offers.client.lifecycle import ACTIVATE
from airflow_provider_offers.client.sameness import same
from airflow_provider_offers.client.wire import Flow, Json, Pause

_FIRST_LOOK = 0.25


def create_object(access: Access, creation: Creation) -> Flow[Written]:
    """Create an object once, as `creating.create` does.

    A decision that is to be live from the start, or that an update would make live or change while it is, is looked at
    first, as `golive` does; `NotPublishableError` names what would make it pointless. A name that the service allows
    only once may be taken between our look and the POST: the refusal then counts as an object that was there before,
    and `if_exists` decides.
    """
    # As it will be read, by which a creation is recognised: some values have two spellings, some are filled in.
    creation = replace(creation, properties=access.generation.as_read(creation.properties, creation.kind))
    goes_live = creation.kind is DECISION and creation.properties.get("status") == ACTIVATE.target
    if goes_live and creation.validate:
        yield from _check_live(access, creation)
    posted: list[datetime] = []

    def before_post() -> None:
        posted.append(access.exchange.now())
        if creation.before_post is not None:
            creation.before_post()

    try:
        return (yield from create(access, replace(creation, before_post=before_post)))
    except (BadRequestError, RejectedError, ConflictError) as refused:
        if not creation.kind.unique_name:
            raise
        # The name may be taken by a POST of ours that had no answer.
        unanswered = len(posted) > 1
        # Or by this one, which a gateway repeated.
        if posted and creation.earlier is None:
            creation = replace(creation, earlier=Earlier(posted[0]))
        return (yield from _taken(access, creation, refused, unanswered=unanswered))


def _check_live(access: Access, creation: Creation) -> Flow[None]:
    """Look at the decision as it is to go live: the one that is created, or the one that is updated to it."""
    found: Found = yield from find_there(access, creation.kind, creation.name)
    properties = creation.properties
    if found.entities:
        if creation.if_exists != "update" or len(found.entities) > 1:
            # It stays as it is, or is ours already; of several none is touched.
            return
        (there,) = found.entities
        properties = {**there.properties, **properties}
        if there.status == ACTIVATE.target and _decides_alike(properties, there.properties):
            return
    findings = yield from check_decision(access, properties, access.exchange.service_now())
    if findings:
        remedy = "create it as a draft, and waive a reason by its name when it is activated, or do without the checks"
        raise NotPublishableError(repr(creation.name), findings, doing="Activating", remedy=remedy)


def _decides_alike(properties: Mapping[str, Json], others: Mapping[str, Json]) -> bool:
    """Whether what speaks against two decisions going live rests on the same."""
    return all(same(properties.get(name), others.get(name)) for name in DECIDING)


def _taken(access: Access, creation: Creation, refused: APIError, *, unanswered: bool) -> Flow[Written]:
    """What a refused creation comes to where the name turns out to be taken; the refusal itself where it is free.

    Where an earlier POST of this work may have taken it, and nothing shows that, the next try looks once more.
    """
    clock = access.exchange.clock
    until, pause = clock() + creation.patience, _FIRST_LOOK
    while True:
        found: Found = yield from find_there(access, creation.kind, creation.name)
        if found.entities:
            try:
                return (yield from create(access, creation))
            except AlreadyExistsError as error:
                if not unanswered:
                    raise error from refused
                raise OutcomeUnknownError(
                    f"The {creation.kind.noun} {creation.name!r} was posted without an answer and then refused "
                    f"({refused}), and what has that name does not look like it: {error}"
                ) from refused
        left = until - clock()
        if left <= 0:
            break
        yield Pause(min(pause, left), f"looking whether the name {creation.name!r} is taken: {refused}")
        pause = min(pause * 2, 2.0)
    if creation.earlier is None:
        raise refused
    raise OutcomeUnknownError(
        f"The {creation.kind.noun} {creation.name!r} may have been posted before without an answer, has not shown up "
        f"within {creation.patience:g} s, and was refused now: {refused}"
    ) from refused
