"""Runs when a marketer approves an offer in Journey Optimizer, whoever created it.

The watcher of the asset asks the library what happened. One look in half a minute serves all watchers of a sandbox. The
run reads the approved offers, and warns of those that can no longer be shown. Run by hand, the DAG checks the offer
that `offer_id` names. The asset's name is free here, because the watcher decides what the event is about.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, Param, task

from airflow_provider_offers.operators.offers import GetOfferOperator
from airflow_provider_offers.triggers.events import OfferLibraryEventTrigger

log = logging.getLogger(__name__)

approved = OfferLibraryEventTrigger(events="status", kinds="personalized", statuses="approved")
approved_offers = Asset("approved_offers", watchers=[AssetWatcher(name="offer_approved", trigger=approved)])

with DAG(
    dag_id="example_offer_approved",
    schedule=[approved_offers],
    # Each approval has a run of its own, or shares one with others of the same moment.
    max_active_runs=1,
    tags=["example", "offer-library"],
    params={"offer_id": Param("", type="string", description="the offer to check in a run by hand")},
    doc_md=__doc__,
) as dag:

    @task
    def which_offers(params: Any = None, triggering_asset_events: Any = None) -> list[str]:
        """The ids of the offers in the events of this run; by hand, the one in `offer_id`."""
        events = [event for found in (triggering_asset_events or {}).values() for event in found]
        ids = [event.extra["payload"]["id"] for event in events]
        return list(dict.fromkeys(ids)) or [each for each in [params["offer_id"]] if each]

    offers = GetOfferOperator(task_id="read_offers", offer_id=which_offers())

    @task
    def warn_of_the_past(offers: Any) -> list[str]:
        """The names of the approved offers whose window is over."""
        from datetime import UTC, datetime

        ends = {offer["name"]: offer["window"]["end"] for offer in offers}
        over = [name for name, end in ends.items() if end and datetime.fromisoformat(end) < datetime.now(UTC)]
        for name in over:
            log.warning("%s is approved, and its window is over", name)
        return over

    warn_of_the_past(offers.output)
