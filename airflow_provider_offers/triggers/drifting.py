"""Drift as events: the objects of a campaign that differ from what it applied last, with a digest of each."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.triggers.campaigns import CampaignDriftTrigger

if TYPE_CHECKING:
    from airflow_provider_offers.triggers.events import OfferLibraryEventTrigger

# The most pointers that the event of a drifted object names.
_MOST_POINTERS = 20


async def drifted_objects(trigger: OfferLibraryEventTrigger, view: int) -> dict[str, tuple[str, dict[str, Any]]] | None:
    """The digest and the payload of each drifted object, by kind and name; None if the answer is not final.

    `view` stands for what the look has seen: triggers that have seen the same share one answer.
    """
    looking = CampaignDriftTrigger(
        campaign=trigger.campaign or "",
        ignored=[],
        state_path=trigger.state_path,
        offer_library_conn_id=trigger.offer_library_conn_id,
        sandbox=trigger.sandbox,
        poll_interval=trigger.poll_interval,
    )
    try:
        drift = await looking.look_once(max_age=trigger.poll_interval / 2, view=view)
    except OfferLibraryError as error:
        trigger.log.warning("The drift is reported later: %s", error)
        return None
    if drift is None:
        return None
    if not drift.managed:
        trigger.log.warning(
            "The state has no objects of the campaign %r, so nothing can drift; apply the campaign, or correct "
            "campaign or state_path",
            drift.campaign,
        )
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for each in drift.objects:
        told: dict[str, Any] = each.as_json()
        digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:16]
        pointers = [edit["pointer"] for edit in told["edits"]][:_MOST_POINTERS]
        payload = {name: told.get(name) for name in ("kind", "name", "id", "edited_by", "edited_at", "reason")}
        found["/".join(each.key)] = digest, {**payload, "campaign": drift.campaign, "pointers": pointers}
    return found
