"""Adobe Journey Optimizer's Offer Library for Apache Airflow."""

__version__ = "0.1.0"
