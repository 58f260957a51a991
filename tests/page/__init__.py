"""The page "Offer Library" on a real API server of Airflow."""
