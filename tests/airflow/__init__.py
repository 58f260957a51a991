"""Tests that run DAGs on a real Airflow, and the harness they use."""
