"""The abilities of the client, each as a flow without I/O: see `airflow_provider_offers.client.wire.messages`."""
