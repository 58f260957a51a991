"""Which fields of a task render otherwise in another try: their templates are rendered once more, as if in that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

# No part of a date or of a time of day is the same so much earlier.
_AGO = timedelta(days=401, hours=1, minutes=1, seconds=1, microseconds=7_001)


def unstable(task: BaseOperator, context: Context, fields: Sequence[str]) -> list[str]:
    """The fields whose templates tell the try, the moment or chance. What was rendered at the DAG's parsing is not
    seen, and neither is a file that was changed meanwhile."""
    original: Any = context["dag"].task_dict[task.task_id]
    templates = _templates(task, original)
    # The original names its files, which a mapped task has no way to render.
    renderer = task if hasattr(original, "partial_kwargs") else original
    numbers = {1, context["ti"].try_number - 1}
    found = []
    for name in fields:
        if name not in templates or not _has_template(templates[name]):
            continue
        # Against each other, since these are rendered alike; the field itself may have been made something else of.
        now = _rendered(renderer, name, templates[name], context)
        if any(_rendered(renderer, name, templates[name], _another(context, number)) != now for number in numbers):
            found.append(name)
    return found


def _templates(task: BaseOperator, original: Any) -> Mapping[str, Any]:
    """The fields of the task as the DAG has them."""
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
    """What the template of a field gives; what cannot be rendered is left to the task itself to report."""
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
    """A task instance in another of its tries."""

    def __init__(self, ti: Any, number: int) -> None:
        self._ti = ti
        self.try_number = number
        self.id = uuid4()
        self.hostname, self.pid = "another-worker", 0
        self.start_date = ti.start_date - _AGO if isinstance(getattr(ti, "start_date", None), datetime) else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ti, name)


class _Earlier(datetime):
    """`datetime`, whose clock is behind."""

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
    """`time`, whose clock is behind."""

    def __init__(self, time: Any) -> None:
        self._time = time

    def time(self) -> float:
        return float(self._time.time()) - _AGO.total_seconds()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._time, name)


class _Macros:
    """The macros of a moment long ago."""

    datetime = _Earlier

    def __init__(self, macros: Any) -> None:
        self._macros = macros

    @property
    def time(self) -> _Time:
        return _Time(self._macros.time)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._macros, name)
