"""The types of the hooks' results: receipts of writes, and results of reads."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class Window(TypedDict):
    """The window of an offer, in the service's spelling."""

    start: str | None
    end: str | None


class Identity(TypedDict):
    """The members that identify an object."""

    id: str
    instance_id: str
    name: str | None
    kind: NotRequired[str]


class WriteReceipt(Identity):
    """The receipt of a write. An offer has `offer_type`, an object of any kind `kind`; a deletion leaves no etag."""

    etag: int | None
    offer_type: NotRequired[str]
    api: Literal["dps", "xcore"]
    sandbox: str
    action: str
    cascaded: NotRequired[list[Identity]]


class ReadReceipt(Identity):
    """The result of a read or a search. Offers have `offer`, objects of any kind `object`, with every property."""

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
