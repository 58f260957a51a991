"""Create a season's offers from a table, publish them all, and report what was done in a file.

`offers/season.csv` has one row for each offer. Each offer gets its own window, in the time zone of the campaign. The
receipts go into a file, so XCom stays small for any number of rows; the next task reads them from there.
"""

from __future__ import annotations

from airflow.configuration import AIRFLOW_HOME
from airflow.sdk import DAG, Param

from airflow_provider_offers.operators.offers import CreateOfferOperator, PublishOfferOperator

with DAG(
    dag_id="example_season_from_a_table",
    schedule=None,
    tags=["example", "offer-library"],
    params={
        "offer_library_conn_id": Param("offer_library_default", type="string"),
        "placement": Param("xcore:offer-placement:124e0be5699743d3", type="string"),
        "table": Param("offers/season.csv", type="string", description="A CSV, JSON lines or Parquet file"),
        "reports": Param(f"file://{AIRFLOW_HOME}/reports", type="string", description="A folder, such as s3://bucket"),
        "timezone": Param("Europe/Berlin", type="string"),
    },
    default_args={"offer_library_conn_id": "{{ params.offer_library_conn_id }}"},
    doc_md=__doc__,
) as dag:
    create = CreateOfferOperator(
        task_id="create_offers",
        rows="{{ params.table }}",
        offer={
            "name": "Season {{ row.name }}",
            "status": "draft",
            "representations": [
                {
                    "channel": "https://ns.adobe.com/xdm/channel-types/web",
                    "placement": "{{ params.placement }}",
                    "components": [
                        {
                            "type": "html",
                            "format": "text/html",
                            "content": "<p>{{ row.discount }} % off: {{ row.name }}</p>",
                        }
                    ],
                }
            ],
            "rank": {"priority": "{{ row.priority }}"},
            "cappingConstraint": {"globalCap": "{{ row.cap }}"},
            "characteristics": {"sku": "{{ row.sku }}"},
        },
        window={"start": "{{ row.start }}", "duration": "P14D", "timezone": "{{ params.timezone }}"},
        if_exists="adopt",
        on_failure="continue",
        report="{{ params.reports }}/{{ run_id }}/created.jsonl",
    )

    publish = PublishOfferOperator(task_id="publish_offers", offer_id=create.output, on_failure="continue")
