"""The arguments of Airflow's own operators and sensors, for type checkers and editors only.

No module imports this one at run time. An operator with unpacked keywords lists these besides its own, because such
keywords are a closed list.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, MutableMapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Required, TypedDict

from airflow.sdk import DAG, TaskGroup

from airflow_provider_offers.client.model.query import Conditions, SearchParameters

Callbacks = Callable[..., Any] | Collection[Callable[..., Any]] | None


class TaskArguments(TypedDict, total=False):
    """The arguments of every task, as in `airflow.sdk.BaseOperator`."""

    task_id: Required[str]
    owner: str
    email: str | Sequence[str] | None
    email_on_retry: bool
    email_on_failure: bool
    retries: int | None
    retry_delay: timedelta | float
    retry_exponential_backoff: float
    max_retry_delay: timedelta | float | None
    retry_policy: Any
    start_date: datetime | None
    end_date: datetime | None
    depends_on_past: bool
    ignore_first_depends_on_past: bool
    wait_for_past_depends_before_skipping: bool
    wait_for_downstream: bool
    dag: DAG | None
    params: MutableMapping[str, Any] | None
    default_args: dict[str, Any] | None
    priority_weight: int
    weight_rule: Any
    queue: str
    pool: str | None
    pool_slots: int
    sla: timedelta | None
    execution_timeout: timedelta | None
    on_execute_callback: Callbacks
    on_failure_callback: Callbacks
    on_success_callback: Callbacks
    on_retry_callback: Callbacks
    on_skipped_callback: Callbacks
    pre_execute: Callable[..., Any] | None
    post_execute: Callable[..., Any] | None
    trigger_rule: str
    resources: dict[str, Any] | None
    run_as_user: str | None
    map_index_template: str | None
    max_active_tis_per_dag: int | None
    max_active_tis_per_dagrun: int | None
    executor: str | None
    executor_config: dict[str, Any] | None
    do_xcom_push: bool
    multiple_outputs: bool
    inlets: Any
    outlets: Any
    task_group: TaskGroup | None
    doc: str | None
    doc_md: str | None
    doc_json: str | None
    doc_yaml: str | None
    doc_rst: str | None
    task_display_name: str | None
    logger_name: str | None
    allow_nested_operators: bool
    render_template_as_native_obj: bool | None


class SensorArguments(TaskArguments, total=False):
    """The arguments of every sensor, as in `airflow.sdk.BaseSensorOperator`."""

    poke_interval: timedelta | float
    timeout: timedelta | float
    soft_fail: bool
    mode: str
    exponential_backoff: bool
    max_wait: timedelta | float | None
    silent_fail: bool
    never_fail: bool


class SearchArguments(SearchParameters, TaskArguments, total=False):
    """The arguments of an operator that searches."""


class SearchSensorArguments(Conditions, SensorArguments, total=False):
    """The arguments of a sensor that searches."""
