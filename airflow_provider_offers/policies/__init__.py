"""Retry policies for tasks (Airflow 3.3 and newer)."""
