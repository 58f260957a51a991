"""The types and word lists of the operators' arguments, for editors, mypy and checks at DAG parsing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, get_args

from airflow_provider_offers.client.errors import InvalidInputError, Violation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from airflow.sdk import XComArg

    # A document, the name of a file, or a list of them; or the result of a task.
    Document: TypeAlias = (
        dict[str, Any] | str | PathLike[str] | Sequence[dict[str, Any] | str | PathLike[str]] | XComArg
    )

IfExists: TypeAlias = Literal["fail", "adopt", "update", "skip"]
OnFailure: TypeAlias = Literal["stop", "continue"]
OfferType: TypeAlias = Literal["personalized", "fallback"]
KindName: TypeAlias = Literal[
    "placement", "tag", "collection", "rule", "formula", "decision", "personalized", "fallback"
]
Qop: TypeAlias = Literal["AND", "OR", "and", "or"]

IF_EXISTS: tuple[str, ...] = get_args(IfExists)
ON_FAILURE: tuple[str, ...] = get_args(OnFailure)
OFFER_TYPES: tuple[str, ...] = get_args(OfferType)
KINDS: tuple[str, ...] = get_args(KindName)
QOPS: tuple[str, ...] = get_args(Qop)

T = TypeVar("T")


def checked(name: str, given: T, words: tuple[str, ...], task: Any) -> T:
    """The word, unchanged. Text that is neither a template nor one of the words is an error at DAG parsing.

    The arguments of mapped tasks, and the results of templates, are checked when the task runs.
    """
    if not isinstance(given, str) or given in words or _is_template(given):
        return given
    if getattr(task, "_BaseOperator__from_mapped", False):
        return given
    raise InvalidInputError(
        f"The task {task.task_id!r} cannot be made", [Violation(name, repr(given), " or ".join(map(repr, words)))]
    )


def _is_template(text: str) -> bool:
    return "{{" in text or "{%" in text
