"""The Offer Library as plain Python: HTTP and JSON, both generations of the API, and no Airflow.

This module imports nothing, so `from airflow_provider_offers.client.errors import ...` stays cheap. Begin with
`airflow_provider_offers.client.library.OfferLibrary`.
"""
