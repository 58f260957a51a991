"""The events of a task that wrote: their assets and their content. They never fail the task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_offers.assets.uris import SCHEME, Address, address_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook

# The most objects of a task with an event each. Airflow stores them in the one request that ends the task, which has
# five seconds by default. On two busy cores an event took 40 ms.
MOST_OBJECTS = 25
# The most ids that an event of a whole kind names, and the longest key of a partition.
_MOST_NAMED, _LONGEST_KEY = 100, 250
_TOLD = ("id", "instance_id", "name", "etag", "api", "action", "job_id")
# Actions that wrote nothing, unless an earlier try of the task did.
_NOTHING = ("unchanged", "adopted")

Receipt = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to an asset."""

    address: Address
    extra: dict[str, Any]


class Written:
    """What a task wrote, by the receipts of its objects, as events."""

    def __init__(self, receipts: Iterable[Receipt], organization: str, sandbox: str, *, is_retry: bool) -> None:
        self._place = (organization, sandbox)
        self._by_kind: dict[str, list[Receipt]] = {}
        for receipt in _with_cascaded(receipts):
            action = receipt.get("action")
            if action == "skipped" or (action in _NOTHING and not is_retry):
                continue
            self._by_kind.setdefault(_kind_of(receipt), []).append(receipt)

    def of(self, address: Address) -> Event | None:
        """The event of one asset; None if the task did not write it."""
        receipts = self._by_kind.get(address.kind, []) if (address.organization, address.sandbox) == self._place else []
        if address.name is None:
            return Event(address, self._summary(address.kind, receipts)) if receipts else None
        named = [each for each in receipts if each.get("name") == address.name]
        return Event(address, self._extra(address.kind, named[-1])) if named else None

    def all(self) -> list[Event]:
        """An event for each object; of more than `MOST_OBJECTS`, and of objects without a name, one for each kind."""
        events: list[Event] = []
        for kind, receipts in self._by_kind.items():
            named = {each["name"]: each for each in receipts if each.get("name")}
            each_has_one = len(events) + len(named) <= MOST_OBJECTS
            if each_has_one:
                events += [Event(self._address(kind, name), self._extra(kind, named[name])) for name in named]
            rest = [each for each in receipts if not each.get("name")] if each_has_one else receipts
            if rest:
                events.append(Event(self._address(kind), self._summary(kind, rest)))
        return events

    def ids(self, kind: str) -> list[str]:
        """The ids of the objects of a kind, as keys of partitions."""
        ids = dict.fromkeys(str(each["id"]) for each in self._by_kind.get(kind, ()) if each.get("id"))
        return [each for each in ids if len(each) <= _LONGEST_KEY]

    def _address(self, kind: str, name: str | None = None) -> Address:
        return Address(*self._place, kind, name)

    def _extra(self, kind: str, receipt: Receipt) -> dict[str, Any]:
        told = {name: receipt[name] for name in _TOLD if receipt.get(name) is not None}
        return {**told, "kind": kind, "organization": self._place[0], "sandbox": self._place[1]}

    def _summary(self, kind: str, receipts: Sequence[Receipt]) -> dict[str, Any]:
        actions = Counter(str(each.get("action")) for each in receipts)
        return {
            "kind": kind,
            "organization": self._place[0],
            "sandbox": self._place[1],
            "count": len(receipts),
            "actions": dict(actions),
            "ids": [each["id"] for each in receipts[:_MOST_NAMED] if each.get("id")],
        }


def emit(task: Any, context: Context, hook: OfferLibraryHook, receipts: Sequence[Receipt]) -> None:
    """Tell Airflow what the task wrote: in the events of its outlets, and with `emit_assets=True` through the alias."""
    outlet_events: Any = context.get("outlet_events")
    if outlet_events is None:
        return
    settings = hook.settings
    outlets = [(outlet, address) for outlet in task.outlets if (address := _address(outlet)) is not None]
    if task.emit_assets is True or any(address.name is not None for _, address in outlets):
        receipts = _with_names(task, hook, receipts)
    written = Written(receipts, settings.org_id, settings.sandbox, is_retry=context["ti"].try_number > 1)
    for outlet, address in outlets:
        _tell_outlet(task, outlet_events[outlet], address, written)
    if task.emit_assets is True:
        _tell_alias(task, outlet_events, written)


def _tell_outlet(task: Any, accessor: Any, address: Address, written: Written) -> None:
    event = written.of(address)
    if event is None:
        task.log.warning("This task did not write %s, and Airflow emits an event of it anyway", address.uri)
        return
    accessor.extra.update(event.extra)
    if task.emit_assets != "partitions" or address.name is not None:
        return
    # Airflow 3.2 has no partitions that a task chooses: there, the kind has one event.
    if not hasattr(accessor, "add_partitions"):
        task.log.warning("Airflow 3.2 has no partitions of a task's events: %s has one event", address.uri)
        return
    keys = written.ids(address.kind)
    if len(keys) > MOST_OBJECTS:
        task.log.warning("%s has one event without a partition for %d objects", address.uri, len(keys))
        return
    accessor.add_partitions(keys)


def _tell_alias(task: Any, outlet_events: Any, written: Written) -> None:
    from airflow_provider_offers.assets.library import create_asset, library_alias

    events = written.all()
    accessor = outlet_events[library_alias()]
    for event in events:
        address = event.address
        place: dict[str, Any] = {"organization": address.organization, "sandbox": address.sandbox, "kind": address.kind}
        try:
            asset = create_asset(**place, name=address.name)
        except ValueError as error:
            # A name that is too long for Airflow: its kind has an event instead.
            task.log.warning("No event for %r: %s", address.name, error)
            asset = create_asset(**place)
        accessor.add(asset, extra=event.extra)
    task.log.info("%d asset events", len(events))


def _with_names(task: Any, hook: OfferLibraryHook, receipts: Sequence[Receipt]) -> Sequence[Receipt]:
    """The receipts with names: an edit by id may not have seen the name. Reads a few objects by their ids."""
    from airflow_provider_offers.client.errors import OfferLibraryError

    unnamed: dict[str, list[str]] = {}
    for each in receipts:
        if not each.get("name") and each.get("id") and each.get("action") != "deleted":
            unnamed.setdefault(_kind_of(each), []).append(each["id"])
    names: dict[str, Any] = {}
    for kind, ids in unnamed.items():
        if len(ids) > MOST_OBJECTS:
            continue
        try:
            names |= {each["id"]: each["name"] for each in hook.objects(cast(Any, kind)).get_many(ids)}
        except OfferLibraryError as error:
            task.log.warning("The names for the asset events could not be read: %s", error)
    return [{**each, "name": each.get("name") or names.get(each.get("id", ""))} for each in receipts]


def _kind_of(receipt: Receipt) -> str:
    return str(receipt.get("kind") or receipt.get("offer_type"))


def _address(outlet: Any) -> Address | None:
    uri = getattr(outlet, "uri", None)
    if not isinstance(uri, str) or not uri.startswith(f"{SCHEME}:"):
        return None
    try:
        return address_of(uri)
    except ValueError:
        return None


def _with_cascaded(receipts: Iterable[Receipt]) -> Iterable[Receipt]:
    for receipt in receipts:
        yield receipt
        for each in receipt.get("cascaded") or ():
            yield {"api": receipt.get("api"), **each, "action": "deleted"}
