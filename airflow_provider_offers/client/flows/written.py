"""What a write came to, and how its answer and a read tell it."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_offers.client.errors import BadRequestError, ConflictError, RejectedError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.model.entities import Entity, Receipt, Reference
from airflow_provider_offers.client.wire.messages import Answer

# What a service answers to a write that it does not make, and, where a gateway sends a write twice, to the second.
REFUSED = (ConflictError, RejectedError, BadRequestError)


@dataclass(frozen=True, slots=True)
class Written:
    """What a write came to. `name` is known where the offer was read on the way.

    `withdrawn` are the ids of twins that were deleted again, where two had created the offer at once.
    """

    receipt: Receipt
    action: str
    name: str | None = None
    request_id: str | None = None
    withdrawn: tuple[str, ...] = ()


def written(access: Access, reference: Reference, answer: Answer, *, name: str | None = None) -> Written:
    """The receipt of a write. One that cannot be read, or that is about another object, settles nothing."""
    receipt = access.generation.receipt(reference.kind, answer)
    if not reference.may_be(receipt.id, receipt.instance_id):
        raise answer.unexpected(f"it is the receipt of another object ({receipt.id})")
    return Written(receipt, "updated", name, answer.request_id)


def seen(now: Entity) -> Written:
    receipt = Receipt(now.id, now.instance_id, now.etag, now.created, now.modified)
    return Written(receipt, "updated", now.name)
