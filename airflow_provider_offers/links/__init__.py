"""Airflow's links for the Offer Library."""
