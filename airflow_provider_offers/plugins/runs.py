"""What Airflow knows of an object: the runs that wrote it, and the plans of campaigns that wait for an answer.

Both come from Airflow's database: receipts in XCom, and the questions of `ApproveCampaignPlanOperator`. Only what the
user may read is told.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.models.dag import DagModel
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from airflow.utils.state import State
from sqlalchemy import Text, cast, select
from sqlalchemy.exc import SQLAlchemyError

from airflow_provider_offers.campaigns.plans import ACTIONS
from airflow_provider_offers.campaigns.reports import DONE

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

T = TypeVar("T")

DAYS = 90
"""How far back receipts are looked for."""
_MOST = 50
_RESULT = "return_value"
# The actions of receipts that say that nothing was written.
_NOTHING = frozenset({"unchanged", "skipped", "failed"})
# The words of plans, which the reports of applies have too.
_PLANNED = frozenset(ACTIONS)
_APPROVAL = "ApproveCampaignPlanOperator"

log = logging.getLogger(__name__)


def runs_of(identifier: str, user: Any) -> list[dict[str, Any]]:
    """The tasks whose results hold a receipt of a write of that object, the latest first, at most 50 of 90 days."""
    may_read = _readable(user, DagAccessEntity.TASK_INSTANCE, DagAccessEntity.XCOM)
    return _tolerant(lambda session: _runs(session, identifier, may_read), "runs")


def waiting_plans(conn_id: str, user: Any) -> list[dict[str, Any]]:
    """The plans for a connection that wait for an answer, the oldest question first.

    A plan is among them even if Airflow's database does not tell its connection.
    """
    may_read = _readable(user, DagAccessEntity.TASK_INSTANCE, DagAccessEntity.XCOM, DagAccessEntity.HITL_DETAIL)
    found = _tolerant(lambda session: list(_plans(session, may_read)), "plans")
    return [each for each in found if each["connection"] in (conn_id, None)]


def _tolerant(read: Callable[[Session], list[T]], what: str) -> list[T]:
    """What is read from Airflow's tables; nothing if this version of Airflow has other tables than those known here."""
    try:
        with create_session() as session:
            return read(session)
    except (AttributeError, SQLAlchemyError):
        log.exception("The %s cannot be read from Airflow's database", what)
        return []


def _readable(user: Any, *parts: DagAccessEntity) -> Callable[[str], bool]:
    """Whether the user may read these parts of a DAG."""

    @cache
    def may_read(dag_id: str) -> bool:
        details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
        may = get_auth_manager().is_authorized_dag
        return all(may(method="GET", access_entity=each, details=details, user=user) for each in parts)

    return may_read


def _runs(session: Session, identifier: str, may_read: Callable[[str], bool]) -> list[dict[str, Any]]:
    hidden: set[str] = set()
    while True:
        found, more = _some_runs(session, identifier, may_read, hidden)
        # The rows of DAGs that the user may not read leave no room for the others: ask again without them.
        if len(found) >= _MOST or not more:
            return found
        hidden |= more


def _some_runs(
    session: Session, identifier: str, may_read: Callable[[str], bool], hidden: set[str]
) -> tuple[list[dict[str, Any]], set[str]]:
    """The latest writes in DAGs that are not `hidden`, and the unreadable DAGs whose rows took the room of others."""
    most = 4 * _MOST
    query = (
        select(
            XComModel.dag_id,
            XComModel.run_id,
            XComModel.task_id,
            XComModel.map_index,
            XComModel.value,
            XComModel.timestamp,
            TaskInstance.end_date,
            TaskInstance.try_number,
        )
        .join(
            TaskInstance,
            (TaskInstance.dag_id == XComModel.dag_id)
            & (TaskInstance.run_id == XComModel.run_id)
            & (TaskInstance.task_id == XComModel.task_id)
            & (TaskInstance.map_index == XComModel.map_index),
        )
        .where(
            XComModel.key == _RESULT,
            XComModel.timestamp >= datetime.now(UTC) - timedelta(days=DAYS),
            XComModel.dag_id.not_in(hidden),
            cast(XComModel.value, Text).contains(identifier, autoescape=True),
        )
        .order_by(XComModel.timestamp.desc())
        .limit(most)
    )
    found: list[dict[str, Any]] = []
    unreadable: set[str] = set()
    count = 0
    # A result may have the receipts of thousands of objects: few of them are in memory at a time.
    rows = session.execute(query, execution_options={"yield_per": 10})
    for dag_id, run_id, task_id, map_index, value, stored, ended, try_number in rows:
        if len(found) >= _MOST:
            break
        count += 1
        if not may_read(dag_id):
            unreadable.add(dag_id)
            continue
        for receipt in _receipts(_plain(value), identifier):
            task = _task(dag_id, run_id, task_id, map_index)
            action = DONE.get(receipt["action"], receipt["action"])
            told = {"action": action, "etag": receipt.get("etag"), "at": (ended or stored).isoformat()}
            found.append({**task, "try_number": try_number, **told})
    return found[:_MOST], unreadable if count == most else set()


def _plain(value: Any) -> Any:
    """The value of an XCom, which Airflow may have stored as a JSON text."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return None


def _receipts(value: Any, identifier: str) -> Iterator[Mapping[str, Any]]:
    """The receipts of writes of an object at any depth: those of tasks, and the objects in reports of applies."""
    if isinstance(value, Mapping):
        if value.get("id") == identifier and isinstance(value.get("action"), str):
            # An object in a plan looks like a receipt, but nothing was written.
            is_planned = value["action"] in _PLANNED
            is_write = value.get("end") == "done" if is_planned else "instance_id" in value
            if is_write and value["action"] not in _NOTHING:
                yield value
            return
        value = list(value.values())
    for each in value if isinstance(value, list) else ():
        yield from _receipts(each, identifier)


def _plans(session: Session, may_read: Callable[[str], bool]) -> Iterator[dict[str, Any]]:
    query = (
        select(HITLDetail, TaskInstance)
        .join(TaskInstance, TaskInstance.id == HITLDetail.ti_id)
        .where(
            HITLDetail.responded_at.is_(None),
            TaskInstance.operator == _APPROVAL,
            TaskInstance.state.in_([state for state in State.unfinished if state is not None]),
        )
        .order_by(HITLDetail.created_at)
    )
    for question, task in session.execute(query):
        if may_read(task.dag_id):
            plan = _plan_in_question(session, question, task)
            place = _task(task.dag_id, task.run_id, task.task_id, task.map_index)
            yield {
                **{name: plan.get(name) for name in ("campaign", "target", "sandbox", "connection")},
                **place,
                "href": f"{place['href']}/required_actions",
                "since": question.created_at.isoformat(),
                "summary": plan.get("summary") or question.subject,
            }


def _plan_in_question(session: Session, question: HITLDetail, task: TaskInstance) -> Mapping[str, Any]:
    """The result of the plan's task: the one of the same run whose text the question shows."""
    query = select(XComModel.value).where(
        XComModel.dag_id == task.dag_id,
        XComModel.run_id == task.run_id,
        XComModel.key == _RESULT,
        cast(XComModel.value, Text).contains('"digest"'),
    )
    for value in map(_plain, session.scalars(query)):
        for plan in value if isinstance(value, list) else [value]:
            if isinstance(plan, Mapping) and plan.get("markdown") == question.body:
                return plan
    return {}


def _task(dag_id: str, run_id: str, task_id: str, map_index: int) -> dict[str, Any]:
    """A task instance, with its address in Airflow's UI relative to the page."""
    mapped = f"/mapped/{map_index}" if map_index >= 0 else ""
    dag, run, task = (quote(each, safe="") for each in (dag_id, run_id, task_id))
    return {
        "dag_id": dag_id,
        "run_id": run_id,
        "task_id": task_id,
        "map_index": map_index,
        "href": f"../dags/{dag}/runs/{run}/tasks/{task}{mapped}",
    }


def history_of(entity: Mapping[str, Any], runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is known of an object's past, the latest first: its creation, the writes of runs, and a later edit.

    An etag above those of all runs shows that it was written since, by somebody else or by a run that the user may
    not read.
    """
    created, modified, etag = entity["created"], entity["modified"], entity["etag"]
    keys = ("dag_id", "run_id", "task_id", "map_index", "href")
    past: list[dict[str, Any]] = [
        {"at": run["at"], "what": run["action"], "etag": run["etag"], "run": {key: run[key] for key in keys}}
        for run in runs
    ]
    known = max((run["etag"] for run in runs if isinstance(run["etag"], int)), default=None)
    if known is not None and isinstance(etag, int) and etag > known:
        past.insert(0, {"at": modified, "what": "changed outside these runs", "etag": etag})
    elif not runs and modified != created:
        past.insert(0, {"at": modified, "what": "changed", "etag": etag})
    if not any(run["action"] == "created" for run in runs):
        past.append({"at": created, "what": "created"})
    return past
