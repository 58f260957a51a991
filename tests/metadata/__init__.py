"""Tests of what the package declares to Airflow, as a running API server sees it."""
