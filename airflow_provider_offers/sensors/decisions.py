"""The sensor for the decision runtime: it waits until a published offer really reaches customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
from airflow_provider_offers.operators.base import json_document, named_offer
from airflow_provider_offers.operators.words import OFFER_TYPES, OfferType
from airflow_provider_offers.sensors import arguments
from airflow_provider_offers.sensors.base import OfferLibrarySensor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from airflow_provider_offers.client.deciding.sighting import Viewpoint
    from airflow_provider_offers.client.errors import Violation
    from airflow_provider_offers.triggers.offers import OfferTrigger


class OfferLiveSensor(OfferLibrarySensor):
    """Wait until the decision runtime serves an offer, or every one of a list, as it was published.

    :param offer_id: what an offer task returned, an id, or a list of either
    :param offer_type: `personalized` or `fallback`, where the ids do not tell (default `personalized`)
    :param etag: the etag to wait for; the default is that of the receipt, and for a bare id the one that the library
        has at each look
    :param decision_id: the decision that offers it: an id or what a task returned
    :param placement_id: the placement to ask for; every placement of the decision by default
    :param profile: a profile that is eligible for the offer, such as `{"Email": "test@example.com"}`. It is not
        logged, but Airflow shows it among the rendered fields, so that a test profile is best.
    :param context_data: data of the situation by schema, for rules that ask for it

    An offer is served once a decision for that profile shows it with the etag, or with a later one. The decisions are
    dry runs, which count nothing. A fallback shows only to a profile that is eligible for nothing else.

    Without a decision, on xcore only, the runtime's diagnostics must tell of an update since the offer was modified,
    without errors; on dps, which documents none, that is an error.

    Returns a list of `id`, `etag`, `decision`, `placement` and `updated` (when the runtime said so). An offer that is
    deleted or archived or whose window is over fails the task at once (skips it, with `soft_fail`), and so does a
    decision that is not there, or is complete, archived or over.

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
        offer_library_conn_id: str = OfferLibraryHook.default_conn_name,
        sandbox: str | None = None,
        deferrable: bool | None = None,
        max_outage: timedelta | float = arguments.LONGEST_OUTAGE,
        **kwargs: Any,
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
        from airflow_provider_offers.client.deciding.serving import served_verdict
        from airflow_provider_offers.client.deciding.sighting import sight
        from airflow_provider_offers.triggers.decisions import viewpoint_arguments

        viewpoint = self._viewpoint(hook)
        named = named_offer(self.offer_id)
        given = list(named) if isinstance(named, (list, tuple)) else [named]
        etags = self._etags(given)
        references = [hook.library.reference(each, self.offer_type or None) for each in given]
        entities = hook.library.look_at(references)
        now = hook.library.service_now()
        for reference, entity in zip(references, entities, strict=True):
            # What is hopeless needs no decision.
            served_verdict(str(reference), entity, None, None, now)
        there = {entity.id: (entity, etag) for entity, etag in zip(entities, etags, strict=True) if entity is not None}
        self._carried = {
            "offers": [
                {"id": entity.id, "instance_id": entity.instance_id, "offer_type": entity.kind.key, "etag": etag}
                for entity, etag in there.values()
            ],
            "viewpoint": viewpoint_arguments(viewpoint),
        }
        seen = hook.library.run(lambda access: sight(access, viewpoint))
        verdicts = [served_verdict(entity.id, entity, etag, seen, now) for entity, etag in there.values()]
        values = [verdict.value for verdict in verdicts if verdict.value is not None]
        if len(values) == len(verdicts):
            return values
        told = "Not served yet: " + "; ".join(verdict.reason for verdict in verdicts if verdict.value is None)
        if told != self._told:
            self.log.info("%s", told)
        self._told = told
        return None

    def trigger(self, common: dict[str, Any]) -> OfferTrigger:
        from airflow_provider_offers.triggers.decisions import OfferLiveTrigger

        return OfferLiveTrigger(**self._carried, **common)

    def _etags(self, given: list[Any]) -> list[int | None]:
        """The etag that each offer is waited for with."""
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

    def _viewpoint(self, hook: OfferLibraryHook) -> Viewpoint:
        from airflow_provider_offers.client.deciding.sighting import new_viewpoint

        return new_viewpoint(
            decision_id=named_offer(self.decision_id, "decision_id") or None,
            placement_id=named_offer(self.placement_id, "placement_id") or None,
            profile=json_document("profile", self.profile or None, private=True),
            context_data=json_document("context_data", self.context_data or None, private=True),
            settings=hook.settings,
        )
