"""What the client gives back: entities in their neutral form, receipts of writes, pages, and references to offers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.kinds import Kind, kind_of, kind_of_type_name
from airflow_provider_offers.client.wire import Json

_REFERENCE_ID = re.compile(r"(?:xcore|dps):(?P<type>[a-z-]+):[0-9a-zA-Z]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SAFE_ID = re.compile(r"[0-9A-Za-z:._-]+")


# Not frozen: a search makes them by the hundred thousand, and freezing would cost half their making.
@dataclass(slots=True)
class Entity:
    """An object of the library as a read shows it.

    `properties` are the object's own, in generation 2's plain names; `envelope` is what the service keeps about it
    beside those named here. `id` is the reference id (`@id`); `instance_id` the one in URLs, equal on dps.
    `created` and `modified` are RFC 3339 texts as the service wrote them.
    """

    kind: Kind
    id: str
    instance_id: str
    etag: int
    properties: Mapping[str, Json]
    created: str | None = None
    modified: str | None = None
    envelope: Mapping[str, Json] = field(default_factory=dict)

    @property
    def name(self) -> str | None:
        return self.properties.get("name")

    @property
    def status(self) -> str | None:
        return self.properties.get("status")

    @property
    def window(self) -> dict[str, str | None]:
        """When the offer may be shown, as the service spells it; a fallback has neither end."""
        constraint = self.properties.get("selectionConstraint")
        constraint = constraint if isinstance(constraint, Mapping) else {}
        return {"start": constraint.get("startDate"), "end": constraint.get("endDate")}

    @property
    def reference(self) -> Reference:
        return Reference(self.kind, id=self.id, instance_id=self.instance_id)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a write answered: the two ids, the new etag (none after a deletion), and when, as the service wrote it."""

    id: str
    instance_id: str
    etag: int | None
    created: str | None = None
    modified: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing. `next` is the link as the service wrote it; `total` counts the whole, if it does."""

    entities: Sequence[Entity]
    next: str | None
    total: int | None


@dataclass(frozen=True, slots=True)
class Reference:
    """Which object is meant: by its reference id, its instance id, or both."""

    kind: Kind
    id: str | None = None
    instance_id: str | None = None

    def __str__(self) -> str:
        return self.id or self.instance_id or "(no id)"


def parse_reference(given: Any, *, offer_type: str | None, api: str, sandbox: str) -> Reference:
    """The object meant by an id of either generation, an xcore instance id, or what an offer task returned.

    `offer_type` decides where the id does not tell the kind (default `personalized`) and must agree where it does.
    Raises `InvalidInputError` before anything is sent.
    """
    if isinstance(given, Mapping):
        return _from_mapping(given, offer_type=offer_type, api=api, sandbox=sandbox)
    if isinstance(given, str):
        return _from_text(given.strip(), offer_type)
    raise _wrong(f"a {type(given).__name__}")


def _from_text(text: str, offer_type: str | None) -> Reference:
    if match := _REFERENCE_ID.fullmatch(text):
        kind = kind_of_type_name(match["type"])
        if kind is None:
            raise _wrong(f"{text!r}, the id of a {match['type']}")
        if offer_type is not None and kind_of(offer_type) is not kind:
            raise InvalidInputError(
                "The offer's id and its type disagree",
                [Violation("offer_type", repr(offer_type), f"{kind.key!r}, which {text} is")],
            )
        return Reference(kind, id=text)
    kind = kind_of("personalized" if offer_type is None else offer_type)
    if _UUID.fullmatch(text):
        return Reference(kind, instance_id=text)
    if text and _SAFE_ID.fullmatch(text) and text.strip("."):
        return Reference(kind, id=text)
    raise _wrong(repr(text))


def _from_mapping(given: Mapping[str, Any], *, offer_type: str | None, api: str, sandbox: str) -> Reference:
    identifier = given.get("id") or given.get("@id") or given.get("instance_id") or given.get("instanceId")
    if not isinstance(identifier, str):
        raise _wrong(f"an object without an id, with {', '.join(sorted(map(str, given))) or 'nothing'} in it")
    origin = given.get("sandbox")
    if origin not in (None, sandbox):
        raise InvalidInputError(
            "The offer lies in another sandbox",
            [
                Violation(
                    "offer_id",
                    f"a receipt from {origin!r}",
                    f"an offer of {sandbox!r}, where this task works",
                )
            ],
        )
    stated = given.get("offer_type") or offer_type
    if offer_type is not None and stated != offer_type:
        raise InvalidInputError(
            "The receipt and the task disagree about the offer's type",
            [Violation("offer_type", repr(offer_type), f"{stated!r}, as the receipt says")],
        )
    reference = _from_text(identifier.strip(), stated)
    # An instance id is an address in generation 1 only; dps puts the reference id into its URLs.
    instance_id = given.get("instance_id") or given.get("instanceId") or reference.instance_id
    if given.get("api", api) != "xcore" or not (isinstance(instance_id, str) and _UUID.fullmatch(instance_id)):
        instance_id = reference.instance_id
    return Reference(reference.kind, id=reference.id, instance_id=instance_id)


def _wrong(given: str) -> InvalidInputError:
    accepted = (
        "an id such as dps:personalized-offer:1c265317da412003 or xcore:fallback-offer:124e2e764b1ac1b9, "
        "an xcore instance id, or what an offer task returned"
    )
    return InvalidInputError("No offer is named", [Violation("offer_id", given, accepted)])
