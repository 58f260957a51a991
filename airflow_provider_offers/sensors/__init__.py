"""Airflow's sensors for the Offer Library."""
