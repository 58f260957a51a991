"""Tests of the package's metadata for Airflow, as a running API server shows it."""
