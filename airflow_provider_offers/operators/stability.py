"""Finds the fields of a task that render other values in another try: it renders their templates as if in that try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

# No part of a date or of a time of day is the same this long ago.
_AGO = timedelta(days=401, hours=1, minutes=1, seconds=1, microseconds=7_001)


def unstable(task: BaseOperator, context: Context, fields: Sequence[str]) -> list[str]:
    """The fields whose templates depend on the try, the time or chance.

    Values that were rendered at DAG parsing, and files that changed meanwhile, are not detected.
    """
    original: Any = context["dag"].task_dict[task.task_id]
    templates = _templates(task, original)
    # The original still names its files. A mapped task cannot render it.
    renderer = task if hasattr(original, "partial_kwargs") else original
    numbers = {1, context["ti"].try_number - 1}
    found = []
    for name in fields:
        if name not in templates or not _has_template(templates[name]):
            continue
        # Compare the two renderings with each other, because the task may have changed the field itself.
        now = _rendered(renderer, name, templates[name], context)
        if any(_rendered(renderer, name, templates[name], _another(context, number)) != now for number in numbers):
            found.append(name)
    return found


def _templates(task: BaseOperator, original: Any) -> Mapping[str, Any]:
    """The fields of the task as they are in the DAG."""
    if not hasattr(original, "partial_kwargs"):
        return {name: getattr(original, name, None) for name in task.template_fields}
    expanded = getattr(original.expand_input, "value", None)
    return {**original.partial_kwargs, **(expanded if isinstance(expanded, Mapping) else {})}


def _has_template(value: Any) -> bool:
    if isinstance(value, str):
        return "{{" in value or "{%" in value or value.endswith(".json")
    if isinstance(value, Mapping):
        return any(map(_has_template, value.values()))
    return isinstance(value, (list, tuple)) and any(map(_has_template, value))


def _rendered(task: Any, name: str, template: Any, context: Any) -> Any:
    """The result of a field's template; the task itself reports its errors."""
    from airflow_provider_offers.operators.rendering import Rendering

    return _plain(Rendering(task, context, task.get_template_env(), set()).field(name, template))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return str(value)


def _another(context: Context, number: int) -> Any:
    """The context of another try, long ago."""
    ti = _Try(context["ti"], number)
    given: Any = context
    return {**given, "ti": ti, "task_instance": ti, "macros": _Macros(given.get("macros"))}


class _Try:
    """A task instance as it would be in another try."""

    def __init__(self, ti: Any, number: int) -> None:
        self._ti = ti
        self.try_number = number
        self.id = uuid4()
        self.hostname, self.pid = "another-worker", 0
        self.start_date = ti.start_date - _AGO if isinstance(getattr(ti, "start_date", None), datetime) else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ti, name)


class _Earlier(datetime):
    """`datetime` with a clock that is behind."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime.now(tz) - _AGO

    @classmethod
    def utcnow(cls) -> Any:
        return datetime.now().astimezone().replace(tzinfo=None) - _AGO

    @classmethod
    def today(cls) -> Any:
        return datetime.today() - _AGO  # noqa: DTZ002  as templates call it


class _Time:
    """`time` with a clock that is behind."""

    def __init__(self, time: Any) -> None:
        self._time = time

    def time(self) -> float:
        return float(self._time.time()) - _AGO.total_seconds()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._time, name)


class _Macros:
    """The macros as they were long ago."""

    datetime = _Earlier

    def __init__(self, macros: Any) -> None:
        self._macros = macros

    @property
    def time(self) -> _Time:
        return _Time(self._macros.time)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._macros, name)
