"""The commands `airflow offers …`, thin over `client/` and `campaigns/`. Airflow loads `definition` at its start."""
