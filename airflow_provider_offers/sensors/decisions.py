"""The sensor for the decision runtime: it waits until a published offer reaches customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from airflow_provider_offers import DEFAULT_CONNECTION
from airflow_provider_offers.operators.documents import json_document, named_offer
from airflow_provider_offers.operators.words import OFFER_TYPES, OfferType
from airflow_provider_offers.sensors import arguments
from airflow_provider_offers.sensors.base import OfferLibrarySensor, offer_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from airflow_provider_offers.client.deciding.serving import Viewpoint
    from airflow_provider_offers.client.errors import Violation
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
    from airflow_provider_offers.operators.airflow_arguments import SensorArguments
    from airflow_provider_offers.triggers.offers import OfferTrigger

__all__ = ["OfferLiveSensor"]


class OfferLiveSensor(OfferLibrarySensor):
    """Wait until the decision runtime serves an offer, or every offer of a list, in its published version.

    :param offer_id: the result of an offer task, an id, or a list of either
    :param offer_type: `personalized` or `fallback`, if the ids do not show it (default `personalized`)
    :param etag: the etag to wait for; default: the etag of the receipt, or for an id the current etag in the library
    :param decision_id: the decision that contains the offer: an id or the result of a task
    :param placement_id: the placement to check; default: every placement of the decision
    :param profile: a profile that qualifies for the offer, such as `{"Email": "test@example.com"}`. It is not logged,
        but Airflow shows it in the rendered fields, so use a test profile.
    :param context_data: context data by schema, for rules that use it

    An offer is live once a decision for the profile shows it with the etag, or with a later one. The decisions are dry
    runs, which count nothing. A fallback offer is only shown to a profile that qualifies for no other offer.

    Without a decision, on xcore only, the runtime's diagnostics must show an update after the offer's last
    modification, without errors. dps documents no diagnostics, so there this is an error.

    Returns a list of `id`, `etag`, `decision`, `placement` and `updated` (when the runtime reported it). The
    task fails at once (with `soft_fail`, is skipped) if an offer is deleted, archived or past its window, if the
    decision is deleted, complete or archived, or past its window, or if the placement is deleted. An offer, a decision
    or a placement that does not exist at the first poke is a mistake, and always fails the task.

    Calls `POST /data/core/ods/decisions` (dps), `POST /data/core/ode/{container}/decisions` or
    `GET /data/core/ode/{container}/diagnostics` (xcore), and reads the offers.
    """

    template_fields: Sequence[str] = (
        *OfferLibrarySensor.template_fields,
        "offer_id",
        "offer_type",
        "etag",
        "decision_id",
        "placement_id",
        "profile",
        "context_data",
    )

    def __init__(
        self,
        *,
        offer_id: Any,
        offer_type: OfferType | None = None,
        etag: int | str | None = None,
        decision_id: Any = None,
        placement_id: Any = None,
        profile: dict[str, Any] | str | None = None,
        context_data: Any = None,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        deferrable: bool | None = None,
        max_outage: timedelta | float = arguments.LONGEST_OUTAGE,
        **kwargs: Unpack[SensorArguments],
    ) -> None:
        super().__init__(
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            deferrable=deferrable,
            max_outage=max_outage,
            **kwargs,
        )
        self.offer_id = offer_id
        self.offer_type = offer_type
        self.etag = etag
        self.decision_id = decision_id
        self.placement_id = placement_id
        self.profile = profile
        self.context_data = context_data
        self._carried: dict[str, Any] = {}
        self._told = ""
        self.refuse_where_parsed()

    def check(self) -> Iterator[Violation]:
        yield from super().check()
        yield from self.check_offers()
        yield from arguments.check_word("offer_type", self.offer_type, OFFER_TYPES, optional=True)
        yield from arguments.check_etag("etag", self.etag)

    @property
    def goal(self) -> str:
        return "the decision runtime serves each as it was published"

    def last(self) -> str:
        return self._told

    def seen(self) -> Any:
        return self._told

    def take_up(self, seen: Any) -> None:
        self._told = str(seen)

    def look(self, hook: OfferLibraryHook) -> list[dict[str, Any]] | None:
        from airflow_provider_offers.client.deciding.serving import all_served, served_verdict, sight
        from airflow_provider_offers.triggers.decisions import viewpoint_arguments

        viewpoint = self._pinned(hook, self._viewpoint(hook))
        named = named_offer(self.offer_id)
        given = list(named) if isinstance(named, (list, tuple)) else [named]
        etags = self._etags(given)
        references, entities = self.look_at_offers(hook.library, given, self.offer_type)
        now = hook.library.service_now()
        for reference, entity in zip(references, entities, strict=True):
            # A wait that can no longer succeed needs no decision.
            served_verdict(str(reference), entity, None, None, now)
        there = {entity.id: (entity, etag) for entity, etag in zip(entities, etags, strict=True) if entity is not None}
        self._carried = {
            "offers": [{**offer_of(entity), "etag": etag} for entity, etag in there.values()],
            "viewpoint": viewpoint_arguments(viewpoint),
        }
        seen = hook.library.run(lambda access: sight(access, viewpoint))
        values, reason = all_served([(entity.id, entity, etag) for entity, etag in there.values()], seen, now)
        if reason is None:
            return values
        if reason != self._told:
            self.log.info("%s", reason)
        self._told = reason
        return None

    def trigger(self, common: dict[str, Any]) -> OfferTrigger:
        from airflow_provider_offers.triggers.decisions import OfferLiveTrigger

        return OfferLiveTrigger(**self._carried, **common)

    def _etags(self, given: list[Any]) -> list[int | None]:
        """The etag to wait for, for each offer."""
        from airflow_provider_offers.client.deciding.serving import check_etag
        from airflow_provider_offers.client.errors import InvalidInputError, Violation

        etag = check_etag(self.etag)
        if etag is not None and len(given) != 1:
            raise InvalidInputError(
                "The sensor's arguments are not valid",
                [Violation("etag", f"one etag for {len(given)} offers", "etag with one offer only")],
            )
        if etag is not None:
            return [etag]
        return [check_etag(each.get("etag")) if isinstance(each, dict) else None for each in given]

    def _pinned(self, hook: OfferLibraryHook, viewpoint: Viewpoint) -> Viewpoint:
        """The viewpoint by ids: a name stands for the decision or the placement that had it at the first look."""
        from dataclasses import replace
        from functools import partial

        from airflow_provider_offers.client.deciding.serving import by_id
        from airflow_provider_offers.client.model.entities import Reference

        pinned: dict[str, Reference] = {}
        for field, given in (("decision", viewpoint.decision), ("placement", viewpoint.placement)):
            if given is None or given.name is None:
                continue
            key = f"{given.kind.key} {given}"
            if key not in self._named:
                found = hook.library.run(partial(by_id, reference=given))
                self._named[key] = {"id": found.id, "instance_id": found.instance_id}
            pinned[field] = Reference(given.kind, **self._named[key])
        return replace(viewpoint, **pinned)  # type: ignore[arg-type]  # fields of these types

    def _viewpoint(self, hook: OfferLibraryHook) -> Viewpoint:
        from airflow_provider_offers.client.deciding.serving import new_viewpoint

        return new_viewpoint(
            decision_id=_one(named_offer(self.decision_id, "decision_id")),
            placement_id=_one(named_offer(self.placement_id, "placement_id")),
            profile=json_document("profile", self.profile or None, private=True),
            context_data=json_document("context_data", self.context_data or None, private=True),
            settings=hook.settings,
        )


def _one(named: Any) -> Any:
    """The object of a field, or None. An empty list, such as of a task that found nothing, is not the default."""
    return None if named is None or named == "" else named
