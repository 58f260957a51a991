"""Replacing a whole object exactly once: by PUT if the generation has it, otherwise by a guarded patch."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from airflow_provider_offers.client.errors import BadRequestError, RejectedError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.doubts import Waiver, look_before_change
from airflow_provider_offers.client.flows.editing import edit
from airflow_provider_offers.client.flows.guarding import guarded_patch
from airflow_provider_offers.client.flows.judging import Change
from airflow_provider_offers.client.flows.memory import Intent
from airflow_provider_offers.client.flows.naming import name_hinted
from airflow_provider_offers.client.flows.reading import Meant, resolve
from airflow_provider_offers.client.flows.sending import expect_etag, send_guarded
from airflow_provider_offers.client.model.comparing import differing
from airflow_provider_offers.client.model.differences import KEPT_BY_THE_SERVICE, replacement
from airflow_provider_offers.client.model.entities import Entity, Reference, Written
from airflow_provider_offers.client.model.operations import Patch
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.places import pointings
from airflow_provider_offers.client.model.validation import Validate
from airflow_provider_offers.client.wire.messages import Flow, Json


def replace_object(
    access: Access,
    reference: Reference,
    properties: Mapping[str, Json],
    *,
    if_match: int | str | None = None,
    intent: Intent | None = None,
    waive: Collection[str] = (),
    validate: Validate = True,
) -> Flow[Written]:
    """Give the object exactly these properties; the action is `replaced`, or `unchanged` if it has them already.

    Calls a read, then `PUT .../instances/{instanceId}` (xcore). dps documents no PUT. There, `PATCH` of the kind's path
    sends the differences after `test` operations on the values that were read, and removes properties that the new
    document does not have. Properties that the service assigns stay, and on dps also those that its reads do not show.

    Raises `ConflictError` if the etag is not `if_match`. Without `if_match`, the answer to a conflict is a fresh read
    and another attempt. With an `intent`, other tries of the same work see what this one did; see `editing.edit`.
    """
    if reference.name is None or reference.name != properties.get("name"):
        # A list guards the write by all properties, so the object must have the name before and after it.
        reference = yield from resolve(access, reference)
    generation, waiver = access.generation, Waiver(waive, validate == "strict")
    by_put = generation.capabilities.replaces_by_put
    looked: list[int] = []

    def plan(now: Entity) -> Flow[Patch]:
        operations = replacement(now.properties, generation.as_read(properties, now.kind), now.kind)
        if not operations:
            return []
        if if_match is not None:
            there = now.reference
            call = generation.replace(there, properties) if by_put else generation.patch(there, [])
            expect_etag(now, if_match, call)
        if validate and not looked:
            looked.append(now.etag)
            yield from look_before_change(access, now, {**_kept(now), **properties}, waiver)
        return operations

    def send(meant: Meant, before: Entity, prepared: PreparedPatch) -> Flow[Written]:
        if by_put:
            return _put(access, {**_kept(before), **properties}, before, meant)
        return guarded_patch(access, prepared, before, whole=True, meant=meant)

    try:
        return (yield from edit(access, reference, plan, "replaced", intent=intent, send=send))
    except (BadRequestError, RejectedError) as refused:
        raise name_hinted(refused, pointings(reference.kind.place, properties)) from None


def _put(access: Access, properties: Mapping[str, Json], before: Entity, meant: Meant) -> Flow[Written]:
    """Replace an object that was read; `ConflictError` if it has changed since. `UnsupportedError` on dps."""
    kind = before.kind
    call = access.generation.replace(before.reference, {**properties, "id": before.id}, etag=before.etag)
    expected = access.generation.as_read(properties, kind)
    written = {*expected, *before.properties}
    touched = written.difference(kind.write_only, kind.unreliable_on_read)
    blind = not written.isdisjoint(kind.unreliable_on_read)
    change = Change(expected, touched, tells=not blind or bool(differing(before.properties, expected, touched)))
    return (yield from send_guarded(access, call, before, change, meant))


def _kept(entity: Entity) -> dict[str, Json]:
    """The properties that stay although the replacement does not have them."""
    return {name: value for name, value in entity.properties.items() if name in KEPT_BY_THE_SERVICE}
