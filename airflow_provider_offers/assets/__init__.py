"""The objects of the library as assets of Airflow: their URIs, and the events of tasks that write them."""
