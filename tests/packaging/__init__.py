"""Tests of the installed package: the wheel, and Airflow's use of it."""
