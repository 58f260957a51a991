"""Adobe Journey Optimizer's Offer Library for Apache Airflow."""

__version__ = "0.1.0"


class Default(str):
    """Text that is the default of an argument. It is ordinary text, and the configuration may replace it."""

    __slots__ = ()


# The connection that hooks, operators and sensors use, unless `[offer_library] default_conn_id` names another one.
DEFAULT_CONNECTION = Default("offer_library_default")
