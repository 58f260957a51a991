"""Airflow's hooks for the Offer Library."""
