"""A campaign as code: a plan, an approval, an apply, a check that it is live, and a watch for drift.

The manifest in `campaigns/towels` describes the whole campaign: a placement, a qualifier, one offer for each row of a
CSV file, a fallback offer, a collection and a live decision. The first task plans what would change, and a person
approves it in Airflow's UI ("Required actions"); nobody is asked if nothing would change. The last task ends when
somebody else changes what the campaign applied, and says who, from what to what.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param

from airflow_provider_offers.operators.campaigns import (
    ApplyCampaignOperator,
    ApproveCampaignPlanOperator,
    PlanCampaignOperator,
)
from airflow_provider_offers.sensors.campaigns import CampaignDriftSensor
from airflow_provider_offers.sensors.decisions import OfferLiveSensor

MANIFEST = "campaigns/towels"

with DAG(
    dag_id="example_campaign_as_code",
    schedule=None,
    tags=["example", "offer-library"],
    params={
        "target": Param("dev", type="string", description="a target of the manifest"),
        "offer_library_conn_id": Param("offer_library_default", type="string", description="its connection"),
        "test_profile": Param("test@example.com", type="string", description="a test profile"),
    },
    doc_md=__doc__,
) as dag:
    plan = PlanCampaignOperator(task_id="plan", manifest=MANIFEST, target="{{ params.target }}")

    approve = ApproveCampaignPlanOperator(
        task_id="approve",
        plan=plan.output,
        # Without an answer, nothing is applied.
        response_timeout=timedelta(days=2),
        defaults="Reject",
    )

    apply = ApplyCampaignOperator(
        task_id="apply",
        plan=approve.output,
        retries=2,
        retry_delay=timedelta(minutes=1),
    )

    live = OfferLiveSensor(
        task_id="wait_until_live",
        offer_library_conn_id="{{ params.offer_library_conn_id }}",
        offer_id="name:Beach: Large towels",
        decision_id="name:Beach hero",
        placement_id="name:Beach hero",
        profile={"Email": "{{ params.test_profile }}"},
        poke_interval=5,
        timeout=900,
        deferrable=True,
    )

    drift = CampaignDriftSensor(
        task_id="watch_for_drift",
        manifest=MANIFEST,
        target="{{ params.target }}",
        poke_interval=60,
        timeout=timedelta(days=14),
        # Two weeks without a change of somebody else are no failure.
        soft_fail=True,
        deferrable=True,
    )

    apply >> live >> drift
