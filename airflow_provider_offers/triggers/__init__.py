"""Airflow's triggers for the Offer Library."""
