"""Adobe Journey Optimizer's Offer Library for Apache Airflow."""

__version__ = "0.1.0"

# The connection that hooks, operators and sensors use by default.
DEFAULT_CONNECTION = "offer_library_default"
