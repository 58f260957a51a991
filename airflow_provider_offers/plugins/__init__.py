"""The plugin of Airflow's UI. Airflow loads `offer_library` in every process, so that module imports nothing else."""
