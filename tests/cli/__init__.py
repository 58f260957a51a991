"""The commands `airflow offers …`, through Airflow's own parser."""
