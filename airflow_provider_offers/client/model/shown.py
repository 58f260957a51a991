"""What the hooks give back, as types: receipts of writes, and what a read shows."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class Window(TypedDict):
    """When an offer may be shown, as the service spells it."""

    start: str | None
    end: str | None


class Identity(TypedDict):
    """What tells an object from every other."""

    id: str
    instance_id: str
    name: str | None
    kind: NotRequired[str]


class WriteReceipt(Identity):
    """What a write tells. An offer has `offer_type`, an object of any kind `kind`; a deletion leaves no etag."""

    etag: int | None
    offer_type: NotRequired[str]
    api: Literal["dps", "xcore"]
    sandbox: str
    action: str
    cascaded: NotRequired[list[Identity]]


class ReadReceipt(Identity):
    """What a read or a search shows. Offers have `offer`, objects of any kind `object`, with every property."""

    etag: int
    offer_type: NotRequired[str]
    api: Literal["dps", "xcore"]
    sandbox: str
    status: NotRequired[str | None]
    window: NotRequired[Window]
    created: str | None
    modified: str | None
    offer: NotRequired[dict[str, Any]]
    object: NotRequired[dict[str, Any]]
