"""A campaign from launch to archive: create, correct, set the window, publish, wait, check, archive.

This DAG runs on both generations of the API; the connection selects one. The sensors are deferred, so no worker waits
for fourteen days. Use another `offer_library_conn_id` for the other generation, or a shorter `duration` to see it end.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_offers.operators.offers import (
    ArchiveOfferOperator,
    CreateFallbackOfferOperator,
    CreateOfferOperator,
    PatchOfferOperator,
    PublishOfferOperator,
    ScheduleOfferOperator,
    SearchOffersOperator,
)
from airflow_provider_offers.sensors.offers import OfferStatusSensor, OfferWindowSensor

# Every run launches its own campaign; a retried task finds the offer of an earlier try by this name.
CAMPAIGN = "Spring voucher {{ dag_run.run_after | ts_nodash }}"

with DAG(
    dag_id="example_campaign_launch",
    schedule=None,
    tags=["example", "offer-library"],
    params={
        "offer_library_conn_id": Param("offer_library_default", type="string"),
        "placement": Param("xcore:offer-placement:124e0be5699743d3", type="string"),
        "start": Param("", type="string", description="RFC 3339; default: one minute after the run's time"),
        "duration": Param("P14D", type="string", description="ISO 8601; days are calendar days in New York"),
    },
    default_args={"offer_library_conn_id": "{{ params.offer_library_conn_id }}"},
    doc_md=__doc__,
) as dag:
    fallback = CreateFallbackOfferOperator(
        task_id="create_fallback",
        offer={
            "name": f"{CAMPAIGN}, for everyone else",
            "status": "approved",
            "representations": [
                {
                    "channel": "https://ns.adobe.com/xdm/channel-types/web",
                    "placement": "{{ params.placement }}",
                    "components": [{"type": "html", "format": "text/html", "content": "<p>Welcome back!</p>"}],
                }
            ],
        },
    )

    voucher = CreateOfferOperator(
        task_id="create_offer",
        offer={
            "name": CAMPAIGN,
            "status": "draft",
            "representations": [
                {
                    "channel": "https://ns.adobe.com/xdm/channel-types/web",
                    "placement": "{{ params.placement }}",
                    "components": [{"type": "html", "format": "text/html", "content": "<p>10 % off</p>"}],
                }
            ],
            "selectionConstraint": {
                "startDate": "2030-01-01T00:00:00Z",
                "endDate": "2030-01-15T00:00:00Z",
                "profileConstraintType": "none",
            },
            "rank": {"priority": 10},
            "cappingConstraint": {"globalCap": 5000},
        },
    )

    correct = PatchOfferOperator(
        task_id="patch_offer",
        offer_id=voucher.output,
        patch=[
            {"op": "replace", "path": "/rank/priority", "value": 20},
            # Generation 1's spelling also works, on both generations.
            {"op": "add", "path": "/_instance/xdm:characteristics", "value": {"sku": "SPR-10"}},
        ],
    )

    schedule = ScheduleOfferOperator(
        task_id="schedule_offer",
        offer_id=voucher.output,
        start="{{ params.start or (dag_run.run_after + macros.timedelta(minutes=1)).isoformat() }}",
        duration="{{ params.duration }}",
        timezone="America/New_York",
    )

    publish = PublishOfferOperator(task_id="publish_offer", offer_id=voucher.output)

    wait_open = OfferWindowSensor(task_id="wait_until_open", offer_id=voucher.output, until="open", deferrable=True)

    still_live = OfferStatusSensor(
        task_id="check_status", offer_id=[voucher.output, fallback.output], status="approved", deferrable=True
    )

    search = SearchOffersOperator(
        task_id="search_offers",
        q="spring voucher",
        qop="AND",
        fields=["name"],
        properties=["status==approved"],
        order_by="-created",
        limit=20,
    )

    wait_closed = OfferWindowSensor(
        task_id="wait_until_closed",
        offer_id=voucher.output,
        until="closed",
        deferrable=True,
        timeout=30 * 24 * 3600,
    )

    archive = ArchiveOfferOperator(task_id="archive_offer", offer_id=voucher.output)

    [fallback, voucher] >> correct >> schedule >> publish >> wait_open >> still_live >> search >> wait_closed >> archive
