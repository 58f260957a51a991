"""The URIs of assets, without a DAG."""
