"""Tests that run DAGs on a real Airflow, and their harness."""
