"""Airflow's operators for the Offer Library."""
