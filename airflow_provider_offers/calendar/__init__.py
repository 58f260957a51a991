"""The calendar of an Offer Library: one copy of a sandbox, and what can be said about its windows. Knows no Airflow."""
