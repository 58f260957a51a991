"""What the client can do, each as a flow without I/O: see `airflow_provider_offers.client.wire.messages`."""
