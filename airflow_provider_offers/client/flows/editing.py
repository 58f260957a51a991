"""Edits that follow from what an offer or decision is: its window and its status, made once on the newest read."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from airflow_provider_offers.client.errors import NotPublishableError, UnsupportedError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.golive import DECIDING, check_decision
from airflow_provider_offers.client.flows.golive import REASONS as DECISION_REASONS
from airflow_provider_offers.client.flows.memory import Intent
from airflow_provider_offers.client.flows.obstacles import SHOWING, obstacles
from airflow_provider_offers.client.flows.planned import called, edit
from airflow_provider_offers.client.flows.writing import Written
from airflow_provider_offers.client.generations import Operation, Patch
from airflow_provider_offers.client.model.entities import Entity, Reference
from airflow_provider_offers.client.model.kinds import FALLBACK
from airflow_provider_offers.client.model.lifecycle import ACTIVATE, ARCHIVE, PUBLISH, Step, is_done
from airflow_provider_offers.client.model.windows import OfferWindow, doubtful, window_of
from airflow_provider_offers.client.wire.messages import Flow, Note

# What a window has to do with: the other reasons were there before it was changed.
_OF_WINDOWS = {"no_window", "window_over", "no_offer_to_show"}


def schedule(
    access: Access,
    reference: Reference,
    window: OfferWindow,
    *,
    waive: Collection[str] = (),
    strict: bool = False,
    intent: Intent | None = None,
) -> Flow[Written]:
    """Give a personalized offer or a decision its window by the smallest patch; nothing is sent where it has it.

    A window that is over by the service's clock is warned of, and with `strict` refused as `InvalidInputError`, unless
    `waive` names `window_over`. Capping rules keep their own windows. A live decision is looked at first:
    `NotPublishableError` where it would be over, or have no offer to show in that window. Calls a read, then `PATCH` as
    `flows.writing.patch` does. Raises `TransitionError` where the status is final: an archived offer, an archived or
    complete decision; with an `intent`, `ConflictError` as `planned.edit` does.
    """
    if reference.kind is FALLBACK:
        raise UnsupportedError(f"{reference} is a fallback offer, which has no window: it may always be shown")
    if reference.kind.window is None:
        raise UnsupportedError(f"{reference} is a {reference.kind.noun}, which has no window")

    told: set[str] = set()

    def plan(entity: Entity) -> Flow[Patch]:
        over = None if "window_over" in waive else window.is_over_by(access.exchange.service_now())
        if over and strict:
            raise doubtful({"window_over": over})
        if over and not told:
            told.add(over)
            yield Note(f"{called(entity)} is never shown: {over}")
        changes = window.changes(entity.properties, entity.kind)
        if not changes or entity.status != ACTIVATE.target:
            return changes
        scheduled = {**entity.properties, **window.as_constraint()}
        others = set(DECISION_REASONS) - _OF_WINDOWS
        check = yield from check_decision(access, scheduled, access.exchange.service_now(), others)
        if check:
            remedy = "complete or deactivate it instead, or choose another window"
            raise NotPublishableError(called(entity), check, doing="Scheduling", remedy=remedy)
        return [*_unchanged(access, entity, "criteria"), *changes]

    return (yield from edit(access, reference, plan, "scheduled", intent=intent))


def take_step(
    access: Access,
    reference: Reference,
    step: Step,
    *,
    waive: Collection[str] = (),
    now: Callable[[], datetime] | None = None,
    intent: Intent | None = None,
) -> Flow[Written]:
    """Make a step in the life of an offer or a decision; nothing is sent where its status is the step's already.

    Publishing an offer and activating a decision look first for what would make it pointless, except for the reasons
    in `waive` (see `obstacles.REASONS` and `golive.REASONS`). `now` stands in for the service's clock. Raises
    `TransitionError` where the status does not allow the step and `NotPublishableError` with the reasons; with an
    `intent`, `ConflictError` as `planned.edit` does.
    """

    now_there = now or access.exchange.service_now

    def plan(entity: Entity) -> Flow[Patch]:
        if is_done(step, entity.status, called(entity), entity.kind.steps):
            return []
        if step is PUBLISH:
            findings = yield from obstacles(access, entity.kind, entity.properties, now_there(), waive)
            if findings:
                raise NotPublishableError(called(entity), findings)
            return [*_unchanged(access, entity, *SHOWING), *_set_status(step)]
        if step is ACTIVATE:
            check = yield from check_decision(access, entity.properties, now_there(), waive)
            if check:
                raise NotPublishableError(called(entity), check, doing="Activating")
            return [*_unchanged(access, entity, *DECIDING), *_set_status(step)]
        return _set_status(step)

    return (yield from edit(access, reference, plan, step.done, intent=intent))


def archive_expired(access: Access, reference: Reference, cutoff: datetime) -> Flow[Written]:
    """Archive an offer whose window ended before `cutoff`; one that did not, or not any more, is left alone.

    So is one whose end has not passed for certain by the service's clock: an archived offer never comes back.
    """

    def plan(entity: Entity) -> Flow[Patch]:
        yield from ()
        window = window_of(entity.properties)
        if entity.status == ARCHIVE.target or window is None or window.end >= cutoff:
            return []
        if not access.exchange.service_clock.has_passed(window.end):
            return []
        return [*_unchanged(access, entity, "selectionConstraint"), *_set_status(ARCHIVE)]

    return (yield from edit(access, reference, plan, ARCHIVE.done))


def _set_status(step: Step) -> list[Operation]:
    return [{"op": "replace", "path": "/status", "value": step.target}]


def _unchanged(access: Access, entity: Entity, *names: str) -> list[Operation]:
    """Guards for what the plan rests on but does not touch. The etag guards everything where the generation has it."""
    if access.generation.api == "xcore":
        return []
    return [
        {"op": "test", "path": f"/{name}", "value": entity.properties[name]}
        for name in names
        if name in entity.properties
    ]
