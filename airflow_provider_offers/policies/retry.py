"""A retry policy for tasks: it retries temporary errors, and lets all other errors fail the task at once.

If the service named a time, the retry waits for it. Airflow has retry policies since 3.3; `retry_arguments` gives the
task arguments for any supported Airflow.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_offers.client.errors import OfferLibraryError, may_retry

try:
    from airflow.sdk import RetryPolicy
except ImportError:  # Airflow 3.2
    RetryPolicy = None  # type: ignore[assignment,misc]

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.retry_policy import RetryDecision


def retry_arguments(**arguments: Any) -> dict[str, Any]:
    """The task arguments with `retry_policy` if Airflow supports it; on Airflow 3.2, only the given arguments.

    Use it as `CreateOfferOperator(..., **retry_arguments(retries=5))` or in `default_args`. Airflow ignores unknown
    names in `default_args`, so a near miss of an argument of every task, or `retry` with a number, raises `TypeError`.
    """
    from inspect import signature

    from airflow.sdk import BaseOperator

    from airflow_provider_offers.client.model.likeness import near, perhaps

    known = set(signature(BaseOperator.__init__).parameters)
    for name in arguments.keys() - known:
        # Operators of other providers may have a `retry`, but no number in it.
        is_number = isinstance(arguments[name], (int, float))
        if meant := ["retries"] if name == "retry" and is_number else near(name, known):
            raise TypeError(f"retry_arguments() got an unknown argument {name!r}{perhaps(meant)}")
    return arguments if RetryPolicy is None else {"retry_policy": OfferLibraryRetryPolicy(), **arguments}


if RetryPolicy is not None:

    class OfferLibraryRetryPolicy(RetryPolicy):
        """Decides by the error of the Offer Library that ended the task, anywhere in the causes or in a group.

        - An error that another try cannot fix fails the task, even if retries are left.
        - If the service named a time (`Retry-After`), the next try waits for it; otherwise the task's delay applies.
        - For all other errors, the task's own settings apply.
        - A group, as of `asyncio.TaskGroup`, is retried if another try can fix one of its errors and repeats nothing.

        It never reschedules a try (Airflow 3.4): such a try keeps its number, so it would not know its earlier writes.
        """

        def evaluate(
            self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
        ) -> RetryDecision:
            """Decide about the exception; Airflow itself handles `try_number` and `max_tries`."""
            from airflow.sdk.definitions.retry_policy import RetryDecision

            errors = list(_causes(exception))
            if not errors:
                return RetryDecision.default()
            if not may_retry(errors):
                # An outcome that is not known tells more than an error that another try could fix.
                told = next((error for error in errors if error.risks_repetition), errors[0])
                return RetryDecision.fail(reason=_first_line(told))
            passing = [error for error in errors if error.retryable]
            times = [seconds for error in passing if (seconds := getattr(error, "retry_after", None)) is not None]
            delay = timedelta(seconds=float(max(times))) if times else None
            return RetryDecision.retry(delay=delay, reason=_first_line(passing[0]))

        def serialize(self) -> dict[str, Any]:
            """An empty dict: the policy has no settings."""
            return {}

        @classmethod
        def deserialize(cls, data: dict[str, Any]) -> OfferLibraryRetryPolicy:
            """A new policy."""
            return cls()


def _first_line(error: OfferLibraryError) -> str:
    return str(error).partition("\n")[0][:200]


def _causes(exception: BaseException | None) -> Iterator[OfferLibraryError]:
    """The first error of the Offer Library in the chain of causes, and in each member of a group there."""
    seen: set[int] = set()
    while exception is not None and id(exception) not in seen:
        if isinstance(exception, OfferLibraryError):
            yield exception
            return
        if isinstance(exception, BaseExceptionGroup):
            found = [error for member in exception.exceptions for error in _causes(member)]
            if found:
                yield from found
                return
        seen.add(id(exception))
        exception = exception.__cause__ or (None if exception.__suppress_context__ else exception.__context__)
