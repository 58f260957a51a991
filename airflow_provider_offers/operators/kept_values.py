"""The values that the first try of a task rendered: kept, so that later tries continue with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow_provider_offers.client.errors import OutcomeUnknownError
from airflow_provider_offers.operators.memory import TaskMemory, clear_generation, is_anew

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

_KEY = "offers_work"
# The fields that do not change the work of a task.
_BESIDE = frozenset({"offer_library_conn_id", "sandbox", "max_concurrent", "on_failure", "report"})
# The fields whose content is in other fields after rendering.
_FILLED_IN = frozenset({"rows", "columns"})
_STABLE = "use values that are the same in every try, such as {{ dag_run.run_after }} or {{ ts }}"


def carry_on(task: BaseOperator, context: Context, target: Sequence[str]) -> None:
    """Set the fields of the task to the values of its first try since its start or its last clearing.

    The first try keeps its values. `target` is the sandbox in which the task works. Raises `OutcomeUnknownError` if
    another try rendered other values that are not known: on Airflow 3.2, which keeps nothing, and for values that are
    not kept, such as those that contain a secret.
    """
    fields = [name for name in task.template_fields if name not in _BESIDE]
    memory = TaskMemory(context)
    if not memory.durable:
        if context["ti"].try_number > 1 and not is_anew(context):
            _refuse_unstable(task, context, fields)
        return
    rendered = {name: getattr(task, name) for name in fields if name not in _FILLED_IN}
    before: Any = memory.recall(_KEY) if context["ti"].try_number > 1 else None
    if not isinstance(before, dict) or before.get("asked") != clear_generation(context):
        from airflow_provider_offers.client.flows.memory import digest

        encoded = _encodable(rendered)
        work = {
            "asked": clear_generation(context),
            "target": list(target),
            "digest": _digest(rendered) if encoded is None else digest(encoded),
        }
        memory.keep(_KEY, {**work, "fields": None if encoded is None else _without_secrets(encoded)})
        return
    if before["target"] != list(target):
        raise _other_work(
            f"An earlier try of this task worked in {_named(before['target'])}, but this try is for "
            f"{_named(target)}; nothing was sent; clear the task to let it work there"
        )
    if before["digest"] == _digest(rendered):
        return
    if before["fields"] is None:
        raise _other_work(
            "The fields of this task rendered other values in its first try. They were not kept, because they contain "
            f"a secret or are not JSON; nothing was sent; clear the task to use the new values; {_STABLE}"
        )
    _restore(task, before["fields"], rendered)


def _restore(task: BaseOperator, fields: Mapping[str, Any], rendered: Mapping[str, Any]) -> None:
    other = [name for name in fields if _digest(rendered.get(name)) != _digest(_decoded(fields[name]))]
    task.log.warning(
        "%s rendered another value in the first try of this task, and this try continues with that value; clear the "
        "task to use the new value",
        " and ".join(other) or "A field",
    )
    for name, value in fields.items():
        setattr(task, name, _decoded(value))


def _encodable(rendered: Mapping[str, Any]) -> dict[str, Any] | None:
    """The values as JSON; None if another process could not restore one of them."""
    try:
        return {name: _encoded(value) for name, value in rendered.items()}
    except TypeError:
        return None


def _without_secrets(encoded: dict[str, Any]) -> dict[str, Any] | None:
    """The values; None if Airflow would mask anything in them, or cannot say so."""
    try:
        from airflow.sdk.log import redact  # type: ignore[attr-defined]  # nowhere exported, and in every version
    except ImportError:
        return None
    leaves = _leaves(encoded)
    return encoded if redact(leaves) == leaves else None


def _leaves(document: Any) -> dict[str, list[str]]:
    """Every name in the document, with the different texts at any depth below it.

    Airflow masks a text for itself or for a name above it, so this shows whether it would mask any of the document. The
    objects of a list have most of their names and texts in common.
    """
    found: dict[str, dict[str, None]] = {}

    def take(value: Any, above: tuple[dict[str, None], ...]) -> None:
        if isinstance(value, dict):
            for name, member in value.items():
                take(member, (*above, found.setdefault(name, {})))
        elif isinstance(value, list):
            for each in value:
                take(each, above)
        elif isinstance(value, str):
            for texts in above:
                texts[value] = None

    take(document, ())
    return {name: list(texts) for name, texts in found.items()}


_TYPE = "offers:type"


def _encoded(value: Any) -> Any:
    """A rendered value as JSON. Raises TypeError if another process could not restore it."""
    if value is None or type(value) in (str, bool, int, float):
        return value
    if isinstance(value, Mapping):
        return {_text(name): _encoded(member) for name, member in value.items()}
    if type(value) is list:
        return list(map(_encoded, value))
    from airflow_provider_offers.client.rows.rendering import PerRow

    if isinstance(value, datetime):
        return {_TYPE: "datetime", "value": value.isoformat(), "zone": getattr(value.tzinfo, "key", None)}
    if type(value) is date:
        return {_TYPE: "date", "value": value.isoformat()}
    if type(value) is timedelta:
        return {_TYPE: "timedelta", "value": [value.days, value.seconds, value.microseconds]}
    if isinstance(value, PerRow):
        return {_TYPE: "rows", "value": [_encoded(each) for each in value]}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_encoded(each) for each in value]
    if isinstance(value, (set, frozenset)):
        # Processes differ in its order.
        return sorted(map(_encoded, value), key=repr)
    raise TypeError(type(value).__name__)


def _text(name: Any) -> str:
    if type(name) is not str or name == _TYPE:
        raise TypeError(type(name).__name__)
    return name


def _decoded(value: Any) -> Any:
    from airflow_provider_offers.client.rows.rendering import PerRow

    if isinstance(value, list):
        return [_decoded(each) for each in value]
    if not isinstance(value, dict):
        return value
    if _TYPE not in value:
        return {name: _decoded(member) for name, member in value.items()}
    if value[_TYPE] == "rows":
        return PerRow(_decoded(each) for each in value["value"])
    if value[_TYPE] == "timedelta":
        days, seconds, microseconds = value["value"]
        return timedelta(days, seconds, microseconds)
    if value[_TYPE] == "date":
        return date.fromisoformat(value["value"])
    moment = datetime.fromisoformat(value["value"])
    return moment if value["zone"] is None else moment.astimezone(ZoneInfo(value["zone"]))


def _digest(value: Any) -> str:
    """A digest that is equal for equal values; a sequence type of Airflow counts as a list."""
    from airflow_provider_offers.client.flows.memory import digest

    try:
        return digest(_encoded(value))
    except TypeError:
        if isinstance(value, Mapping):
            return digest({str(name): _digest(member) for name, member in value.items()})
        return digest(str(value))


def _named(target: Sequence[str]) -> str:
    host, sandbox, api = target
    return f"the sandbox {sandbox!r} over {api} at {host}"


def _other_work(message: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(message, retryable=False)


def _refuse_unstable(task: BaseOperator, context: Context, fields: Sequence[str]) -> None:
    from airflow_provider_offers.client.rows.rendering import ROW
    from airflow_provider_offers.operators.stability import unstable

    if (sample := getattr(task, "sample_row", None)) is not None:
        given: Any = context
        context = {**given, ROW: sample}  # type: ignore[misc]
    if other := unstable(task, context, fields):
        raise _other_work(
            f"{' and '.join(other)} of this task renders another value in every try. Airflow 3.2 keeps no values of "
            "earlier tries, so this try would do other work; nothing was sent; check the library, then clear the "
            f"task; {_STABLE}"
        )
