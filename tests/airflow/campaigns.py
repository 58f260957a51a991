"""Shared code of the campaign tests: a manifest in a folder, and a person who answers at once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy.exc import OperationalError

SPRING = """\
apiVersion: offers/v1
campaign: spring
defaults: {status: draft, window: {start: 2026-03-01, duration: P3650D, timezone: Europe/Paris}}
targets:
  dev: {connection: offer_library_default}
  prod: {connection: offer_library_default, protected: true}
variables: {priority: 10}
tags: [{name: Spring}]
offers:
  - {name: Spring towels, tags: ["name:Spring"], rank: {priority: "{{ var.priority }}"}}
collections: [{name: Spring set, filterType: any-tags, ids: ["name:Spring"]}]
"""


def written(folder: Path, text: str = SPRING, name: str = "spring.yaml") -> str:
    """The path of the manifest as a file."""
    path = folder / name
    path.write_text(text)
    return str(path)


@contextmanager
def somebody_answers(answer: str = "Approve") -> Iterator[list[dict[str, str]]]:
    """Answer every question of Airflow's human-in-the-loop operators at once, as its API would. Yields the questions.

    `dag.test()` parks such a task on Airflow 3.3, and nobody could answer on 3.2.
    """
    from airflow.providers.standard.operators import hitl

    asked: list[dict[str, str]] = []

    def execute(self: Any, context: Any) -> Any:
        asked.append({"subject": self.subject, "body": self.body})
        event = {
            "chosen_options": [answer],
            "params_input": {},
            "responded_at": datetime(2026, 3, 1, tzinfo=UTC),
            "responded_by_user": {"id": "7", "name": "Ada"},
        }
        return self.execute_complete(context, event)

    with patch.object(hitl.HITLOperator, "execute", execute):
        yield asked


@contextmanager
def an_answer_of_the_ui(answer: str, before: Callable[[], None] = lambda: None) -> Iterator[list[dict[str, str]]]:
    """Answer the first question that Airflow stores, as its API server does. Yields the questions.

    `before` runs between the question and the answer.
    """
    asked: list[dict[str, str]] = []
    ended = threading.Event()

    def wait_and_answer() -> None:
        while not ended.wait(0.2):
            # The run writes to the same database: it may be locked, and the run may set the state of the task again.
            with contextlib.suppress(OperationalError):
                _answer(answer, asked, before)

    thread = threading.Thread(target=wait_and_answer)
    thread.start()
    try:
        yield asked
    finally:
        ended.set()
        thread.join()
    if not asked:
        # Airflow 3.2 ends the run as soon as the task waits, which may be between two looks.
        _answer(answer, asked, before)


def _answer(answer: str, asked: list[dict[str, str]], before: Callable[[], None]) -> None:
    """Answer the question, if there is one and its task waits."""
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        detail: Any = session.scalars(select(HITLDetail)).first()
        task: Any = detail and session.get(TaskInstance, detail.ti_id)
        if detail is None or (waits_without_a_trigger() and str(task.state) != "awaiting_input"):
            return
        if not asked:
            before()
        question = {"subject": detail.subject, "body": detail.body}
        detail.responded_by = {"id": "7", "name": "Ada"}
        detail.responded_at = datetime.now(UTC)
        detail.chosen_options = [answer]
        detail.params_input = {}
        if waits_without_a_trigger():
            from airflow.models.trigger import handle_event_submit
            from airflow.triggers.base import TriggerEvent

            event = TriggerEvent(detail.as_resume_event_payload())
            handle_event_submit(event, task_instance=task, session=session)
    if not asked:
        asked.append(question)


def waits_without_a_trigger() -> bool:
    """Whether Airflow parks a task that waits for a person, as it does from 3.3 on."""
    import airflow.sdk.exceptions

    return hasattr(airflow.sdk.exceptions, "TaskAwaitingInput")
