"""The Offer Library as plain Python: HTTP and JSON, both generations of the API, and no Airflow.

Nothing is imported here, so that `from airflow_provider_offers.client.errors import ...` stays cheap;
`airflow_provider_offers.client.library.OfferLibrary` is the door.
"""
