"""Replacing an object whole, exactly once: by PUT where the generation has it, else by a guarded patch."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.doubts import Waiver, look_before_change
from airflow_provider_offers.client.flows.memory import Intent
from airflow_provider_offers.client.flows.planned import edit
from airflow_provider_offers.client.flows.reading import resolve
from airflow_provider_offers.client.flows.writing import Written, expect_etag, guarded_patch, put
from airflow_provider_offers.client.generations import Operation, Patch
from airflow_provider_offers.client.model.comparing import EMPTY
from airflow_provider_offers.client.model.entities import Entity, Reference
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.patches import difference
from airflow_provider_offers.client.model.spelling import join_pointer
from airflow_provider_offers.client.model.validation import Validate
from airflow_provider_offers.client.wire.messages import Flow, Json

# What the service and its screens keep beside what an author writes.
_KEPT_BY_THE_SERVICE = ("id", "segmentModel")


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
    """Make the object what `properties` say and nothing else; the action is `replaced`, or `unchanged` where it is so.

    Calls a read, then `PUT .../instances/{instanceId}` (xcore) or, since dps documents no PUT, `PATCH` of the kind's
    path with what differs, behind `test` operations on what was read: members that are absent from `properties` are
    removed. What the service assigns is left alone, and on dps also what its reads do not show.

    Raises `ConflictError` where the object is not, or no longer, at `if_match`. Without it a conflict is answered by a
    fresh read. With an `intent`, another try of the same work sees what it did, as `planned.edit` tells.
    """
    reference = yield from resolve(access, reference)
    generation, waiver = access.generation, Waiver(waive, validate == "strict")
    by_put = generation.api == "xcore"
    call = generation.replace(reference, properties) if by_put else generation.patch(reference, [])
    looked: list[int] = []

    def plan(now: Entity) -> Flow[Patch]:
        operations = replacement(now.properties, generation.as_read(properties, now.kind), now.kind)
        if not operations:
            return []
        expect_etag(now, if_match, call)
        if validate and not looked:
            looked.append(now.etag)
            yield from look_before_change(access, now, {**_kept(now), **properties}, waiver)
        return operations

    def send(before: Entity, operations: Patch) -> Flow[Written]:
        if by_put:
            return put(access, before.reference, {**_kept(before), **properties}, before)
        return guarded_patch(access, before.reference, operations, before, whole=True)

    return (yield from edit(access, reference, plan, "replaced", intent=intent, send=send))


def replacement(current: Mapping[str, Json], wanted: Mapping[str, Json], kind: Kind) -> list[Operation]:
    """The patch by which an object becomes what is wanted, and loses every property that is not.

    What reads of the kind do not show is set where it is wanted: whether it is so already cannot be told.
    """
    told = {
        name: value
        for name, value in wanted.items()
        if name not in kind.write_only
        and name not in _KEPT_BY_THE_SERVICE
        and not (value in EMPTY and current.get(name) in EMPTY)
    }
    hidden: list[Operation] = [
        {"op": "add", "path": join_pointer([name]), "value": value}
        for name, value in told.items()
        if name in kind.unreliable_on_read and name not in current
    ]
    gone: list[Operation] = [
        {"op": "remove", "path": join_pointer([name])}
        for name, value in current.items()
        if name not in wanted and name not in _KEPT_BY_THE_SERVICE and value not in EMPTY
    ]
    return [*difference(current, told, kind), *hidden, *gone]


def _kept(entity: Entity) -> dict[str, Json]:
    """What stays of the object, although the replacement does not name it."""
    return {name: value for name, value in entity.properties.items() if name in _KEPT_BY_THE_SERVICE}
