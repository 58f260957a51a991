"""From an empty sandbox to a live decision, with a proof that it shows the offer only inside its window.

This DAG creates a placement, a qualifier, an offer, a fallback offer, a collection and a decision, and publishes them.
Then it asks the decision runtime for one test profile: before the window opens, while it is open, and after it closes.
Objects refer to each other by name, so you copy no ids. The DAG runs on both generations of the API; the connection
selects one.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task

from airflow_provider_offers.operators.decisions import DecideOperator
from airflow_provider_offers.operators.library import (
    ActivateDecisionOperator,
    CompleteDecisionOperator,
    CreateLibraryObjectOperator,
)
from airflow_provider_offers.operators.offers import (
    CreateFallbackOfferOperator,
    CreateOfferOperator,
    PublishOfferOperator,
)
from airflow_provider_offers.sensors.decisions import OfferLiveSensor
from airflow_provider_offers.sensors.offers import OfferWindowSensor

# Every run creates its own campaign; all runs share the placement.
CAMPAIGN = "Summer banner {{ dag_run.run_after | ts_nodash }}"
PLACEMENT = "Homepage banner"
WEB = "https://ns.adobe.com/xdm/channel-types/web"
PROFILE = {"Email": "{{ params.test_profile }}"}


def shown_as(html: str) -> list[dict[str, Any]]:
    """One representation at the placement."""
    component = {"type": "html", "format": "text/html", "content": html}
    return [{"channel": WEB, "placement": f"name:{PLACEMENT}", "components": [component]}]


with DAG(
    dag_id="example_campaign_from_scratch",
    schedule=None,
    tags=["example", "offer-library"],
    params={
        "offer_library_conn_id": Param("offer_library_default", type="string"),
        "test_profile": Param("test@example.com", type="string", description="a test profile"),
        "start": Param("", type="string", description="RFC 3339; default: five minutes after the run's time"),
        "duration": Param("P14D", type="string", description="ISO 8601; days are calendar days in New York"),
    },
    default_args={"offer_library_conn_id": "{{ params.offer_library_conn_id }}"},
    doc_md=__doc__,
) as dag:
    placement = CreateLibraryObjectOperator(
        task_id="create_placement",
        kind="placement",
        object={"name": PLACEMENT, "componentType": "html", "channel": WEB},
        if_exists="adopt",
    )

    qualifier = CreateLibraryObjectOperator(task_id="create_qualifier", kind="tag", object={"name": CAMPAIGN})

    banner = CreateOfferOperator(
        task_id="create_offer",
        offer={
            "name": CAMPAIGN,
            "status": "draft",
            "representations": shown_as("<p>20 % off beach towels</p>"),
            "rank": {"priority": 10},
            "tags": [f"name:{CAMPAIGN}"],
        },
        window={
            "start": "{{ params.start or (dag_run.run_after + macros.timedelta(minutes=5)).isoformat() }}",
            "duration": "{{ params.duration }}",
            "timezone": "America/New_York",
        },
    )

    fallback = CreateFallbackOfferOperator(
        task_id="create_fallback",
        offer={
            "name": f"{CAMPAIGN}, for everyone else",
            "status": "approved",
            "representations": shown_as("<p>Welcome back!</p>"),
        },
    )

    collection = CreateLibraryObjectOperator(
        task_id="create_collection",
        kind="collection",
        object={"name": CAMPAIGN, "filterType": "any-tags", "ids": [f"name:{CAMPAIGN}"]},
    )

    publish = PublishOfferOperator(task_id="publish_offer", offer_id=banner.output)

    decision = CreateLibraryObjectOperator(
        task_id="create_decision",
        kind="decision",
        object={
            "name": CAMPAIGN,
            "status": "draft",
            "criteria": [
                {"placements": [f"name:{PLACEMENT}"], "optionSelection": {"filter": f"name:{CAMPAIGN}"}},
            ],
            "fallback": f"name:{CAMPAIGN}, for everyone else",
        },
        window={"start": "{{ dag_run.run_after.isoformat() }}", "duration": "P60D", "timezone": "America/New_York"},
    )

    activate = ActivateDecisionOperator(task_id="activate_decision", object_id=decision.output)

    def ask(task_id: str) -> DecideOperator:
        """Ask what the test profile would be shown now; this counts nothing."""
        return DecideOperator(
            task_id=task_id,
            decision_id=decision.output,
            placement_id=placement.output,
            profile=PROFILE,
            retries=2,
        )

    # The runtime syncs the library with a delay of some seconds. Until then it does not know the decision.
    known = OfferLiveSensor(
        task_id="wait_until_known",
        offer_id=fallback.output,
        decision_id=decision.output,
        placement_id=placement.output,
        profile=PROFILE,
        deferrable=True,
        poke_interval=1,
        timeout=280,
    )

    before = ask("decide_before")

    wait_open = OfferWindowSensor(task_id="wait_until_open", offer_id=banner.output, until="open", deferrable=True)

    live = OfferLiveSensor(
        task_id="wait_until_live",
        offer_id=publish.output,
        decision_id=decision.output,
        placement_id=placement.output,
        profile=PROFILE,
        deferrable=True,
        poke_interval=5,
        timeout=900,
    )

    during = ask("decide_during")

    wait_closed = OfferWindowSensor(
        task_id="wait_until_closed",
        offer_id=banner.output,
        until="closed",
        deferrable=True,
        timeout=30 * 24 * 3600,
    )

    after = ask("decide_after")

    # `Any`, because a task is called with references to other tasks' results, and runs with the results.
    @task
    def prove(offer: Any, before: Any, during: Any, after: Any) -> dict[str, str]:
        """Fail unless the offer was shown inside its window and the fallback outside."""
        shown = {}
        for moment, answer in (("before", before), ("during", during), ("after", after)):
            (proposition,) = answer["propositions"]
            served = [option["id"] for option in proposition["options"]]
            shown[moment] = "the offer" if served == [offer["id"]] else "the fallback"
        if shown != {"before": "the fallback", "during": "the offer", "after": "the fallback"}:
            raise ValueError(f"The decision showed the wrong offers: {shown}")
        return shown

    proof = prove(banner.output, before.output, during.output, after.output)

    complete = CompleteDecisionOperator(task_id="complete_decision", object_id=decision.output)

    [placement, qualifier] >> banner >> publish
    placement >> fallback
    qualifier >> collection
    [publish, fallback, collection] >> decision >> activate
    activate >> known >> before >> wait_open >> live >> during >> wait_closed >> after >> proof >> complete
