"""Long results as files: a list of receipts goes to object storage, and XCom gets a summary that leads to it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_offers.client.errors import InvalidInputError, OfferLibraryError, Violation
from airflow_provider_offers.client.text import legible, quoted

if TYPE_CHECKING:
    from airflow.sdk import Context

# The number of receipts in XCom that causes a warning.
_MANY = 2_000
# The number of objects that a summary names.
_NAMED = 5
_SUBJECT = "The report cannot be used"
_ACCEPTED = "an address of object storage or an absolute path, such as 's3://bucket/{{ run_id }}/created.jsonl'"
_CONNECTION = "the id of a connection, such as s3://aws_default@bucket/created.jsonl"
_FAILED = "failed"


def is_report(given: Any) -> bool:
    """Whether the value is the summary of a report."""
    return isinstance(given, Mapping) and {"report", "digest", "count"} <= given.keys()


def begin(path: Any) -> None:
    """Create the empty file of a report, so that a task fails before its work if it could not store the result."""
    try:
        _write(path, b"")
    except OSError as error:
        raise OfferLibraryError(
            f"The report {quoted(str(path))} cannot be written: {_why(error)}", retryable=True
        ) from None


def returned(task: Any, context: Context, result: Any) -> Any:
    """The return value of a task: its result, or with `report` the summary of the file that holds the list."""
    if not isinstance(result, list):
        return result
    if task.report is None:
        if len(result) >= _MANY:
            task.log.warning(
                "The result is a list of %d objects in XCom; report='s3://...' puts it into a file instead", len(result)
            )
        return result
    return write(task, context, result)


def push_unfinished(
    task: Any, context: Context, receipts: list[dict[str, Any]], failures: Mapping[str, OfferLibraryError]
) -> None:
    """Push the summary of the finished objects for later tasks, if the task itself fails or is skipped."""
    result: Any = receipts if task.report is None else write(task, context, receipts, failures)
    context["ti"].xcom_push(key="return_value", value=result)


def write(
    task: Any,
    context: Context,
    receipts: Sequence[Mapping[str, Any]],
    failures: Mapping[str, OfferLibraryError] | None = None,
) -> dict[str, Any]:
    """Write a report with one JSON object for each line: the receipts, then the failures.

    Returns its summary. If the file cannot be written, raises an error for which Airflow retries; the receipts are then
    in XCom.
    """
    failed = [{"name": name, "action": _FAILED, "error": str(error)} for name, error in (failures or {}).items()]
    content = "".join(json.dumps(each, default=str) + "\n" for each in [*receipts, *failed]).encode()
    try:
        _write(task.report, content)
    except OSError as error:
        context["ti"].xcom_push(key="return_value", value=list(receipts))
        message = f"The work is done, and its report {quoted(str(task.report))} cannot be written: {_why(error)}"
        raise OfferLibraryError(message, retryable=True) from None
    task.log.info("The report of %d objects is %s", len(receipts) + len(failed), task.report)
    actions = Counter(str(each["action"]) for each in [*receipts, *failed] if "action" in each)
    summary = {
        "report": str(task.report),
        "digest": hashlib.sha256(content).hexdigest(),
        "count": len(receipts),
        "actions": dict(actions),
        "first": [{"id": each.get("id"), "name": each.get("name")} for each in receipts[:_NAMED]],
    }
    if failed:
        summary["failures"] = {each["name"]: legible(each["error"]) for each in failed[:_NAMED]}
    return summary


def read(field: str, summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The receipts in a report, without the failures.

    Raises `InvalidInputError` if the summary is that of another report.
    """
    path, digest = str(summary["report"]), str(summary["digest"])
    try:
        return list(_receipts(path, digest))
    except FileNotFoundError:
        given = f"the report {quoted(path)}, which does not exist"
        raise InvalidInputError(_SUBJECT, [Violation(field, given, "the report of an earlier task")]) from None
    except OSError as error:
        raise OfferLibraryError(f"The report {quoted(path)} cannot be read: {_why(error)}", retryable=True) from None
    except InvalidInputError:
        raise
    except ValueError:
        given = f"the report {quoted(path)}, which another task has overwritten"
        apart = "`{{ run_id }}` in its name keeps runs apart, and `{{ ti.map_index }}` mapped tasks"
        accepted = f"the report as its task wrote it; {apart}"
        raise InvalidInputError(_SUBJECT, [Violation(field, given, accepted)]) from None


@cache
def _receipts(path: str, digest: str) -> list[dict[str, Any]]:
    """The receipts, read once in a process, because a sensor reads them at each look."""
    content = bytes(_path(path).read_bytes())
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(digest)
    lines = [json.loads(line) for line in content.decode().split("\n") if line]
    return [each for each in lines if each.get("action") != _FAILED]


def _path(path: Any) -> Any:
    from airflow.sdk import ObjectStoragePath

    text = str(path).strip()
    try:
        parts = urlsplit(text)
    except ValueError:
        raise InvalidInputError(_SUBJECT, [Violation("report", quoted(text), _ACCEPTED)]) from None
    if parts.password is not None:
        raise InvalidInputError(_SUBJECT, [Violation("report", "an address with a password", _CONNECTION)])
    if not parts.scheme and not text.startswith("/"):
        raise InvalidInputError(_SUBJECT, [Violation("report", quoted(text), _ACCEPTED)])
    if hasattr(path, "write_bytes") and "://" in text:
        return path
    try:
        return ObjectStoragePath(text if parts.scheme else f"file://{text}")
    except (ValueError, ImportError) as error:
        raise InvalidInputError(_SUBJECT, [Violation("report", f"{quoted(text)}: {error}", _ACCEPTED)]) from None


def _write(path: Any, content: bytes) -> None:
    place = _path(path)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    except (ValueError, ImportError, NotImplementedError) as error:
        why = str(error) or "a read-only place"
        raise InvalidInputError(_SUBJECT, [Violation("report", f"{quoted(str(path))}: {why}", _ACCEPTED)]) from None


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
