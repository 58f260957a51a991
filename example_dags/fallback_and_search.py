"""Create a fallback offer from a templated JSON file, correct its text, find it, and delete it.

The file uses the spelling of Adobe's generation 1. It works on both generations; the connection selects one.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_offers.operators.offers import (
    CreateFallbackOfferOperator,
    DeleteOfferOperator,
    PatchOfferOperator,
    SearchOffersOperator,
)

with DAG(
    dag_id="example_fallback_and_search",
    schedule=None,
    tags=["example", "offer-library"],
    params={
        "offer_library_conn_id": Param("offer_library_default", type="string"),
        "placement": Param("xcore:offer-placement:124e0be5699743d3", type="string"),
    },
    default_args={"offer_library_conn_id": "{{ params.offer_library_conn_id }}"},
    doc_md=__doc__,
) as dag:
    create = CreateFallbackOfferOperator(task_id="create_fallback", offer="offers/fallback.json", if_exists="update")

    correct = PatchOfferOperator(
        task_id="patch_fallback",
        offer_id=create.output,
        if_match="{{ ti.xcom_pull(task_ids='create_fallback')['etag'] }}",
        patch=[{"op": "replace", "path": "/representations/0/components/0/content", "value": "<p>See you!</p>"}],
    )

    search = SearchOffersOperator(
        task_id="search_fallbacks",
        offer_type="fallback",
        properties=["status==approved", "name~Generic banner.*"],
        order_by=["name", "-created"],
    )

    delete = DeleteOfferOperator(task_id="delete_fallback", offer_id=create.output)

    create >> correct >> search >> delete
