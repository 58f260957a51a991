"""Tests of what users install: the wheel and what Airflow makes of it."""
