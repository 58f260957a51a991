"""The types and word lists of the operators' arguments, for editors, mypy and checks at DAG parsing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, get_args

from airflow.sdk.definitions.mappedoperator import OperatorPartial

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.model.query import Qop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from os import PathLike

    from airflow.sdk import XComArg
    from airflow.sdk.definitions._internal.expandinput import OperatorExpandArgument, OperatorExpandKwargsArgument
    from airflow.sdk.definitions.mappedoperator import MappedOperator

    from airflow_provider_offers.client.flows.doubts import Waivable
    from airflow_provider_offers.client.model.common import KindModel

    _One: TypeAlias = dict[str, Any] | KindModel | str | PathLike[str]
    # A document, a model of it, the name of a file, or a list of them; or the result of a task.
    Document: TypeAlias = _One | Sequence[_One] | XComArg
    # Dicts, or tuples whose values `columns` names; the name of a file; or the result of a task.
    Rows: TypeAlias = Sequence[Mapping[str, Any]] | Sequence[Sequence[Any]] | str | PathLike[str] | XComArg
    # The address of a file.
    Report: TypeAlias = str | PathLike[str]
    # The names of findings to waive: one or several.
    Waive: TypeAlias = Sequence[Waivable] | Waivable

EmitAssets: TypeAlias = bool | Literal["partitions"]
IfExists: TypeAlias = Literal["fail", "adopt", "update", "skip"]
IfUnknown: TypeAlias = Literal["submit", "fail"]
OnConflict: TypeAlias = Literal["fail", "report"]
OnFailure: TypeAlias = Literal["stop", "continue"]
Prune: TypeAlias = Literal["archive", "delete"]
OfferStatus: TypeAlias = Literal["draft", "approved", "archived"]
OfferType: TypeAlias = Literal["personalized", "fallback"]
KindName: TypeAlias = Literal[
    "placement", "tag", "collection", "rule", "formula", "decision", "personalized", "fallback"
]
Until: TypeAlias = Literal["open", "closed"]

# The other values of `emit_assets` are True and False.
EMIT_ASSETS: tuple[str, ...] = ("partitions",)
IF_EXISTS: tuple[str, ...] = get_args(IfExists)
IF_UNKNOWN: tuple[str, ...] = get_args(IfUnknown)
ON_CONFLICT: tuple[str, ...] = get_args(OnConflict)
ON_FAILURE: tuple[str, ...] = get_args(OnFailure)
OFFER_STATUSES: tuple[str, ...] = get_args(OfferStatus)
OFFER_TYPES: tuple[str, ...] = get_args(OfferType)
KINDS: tuple[str, ...] = get_args(KindName)
PRUNE: tuple[str, ...] = get_args(Prune)
QOPS: tuple[str, ...] = get_args(Qop)
UNTIL: tuple[str, ...] = get_args(Until)
# The other values of `validate` are True and False.
VALIDATE: tuple[str, ...] = ("strict",)

# The closed words by parameter. A parameter has the same words in every operator and sensor.
CLOSED: dict[str, tuple[str, ...]] = {
    "if_exists": IF_EXISTS,
    "if_unknown": IF_UNKNOWN,
    "kind": KINDS,
    "offer_type": OFFER_TYPES,
    "on_conflict": ON_CONFLICT,
    "on_failure": ON_FAILURE,
    "prune": PRUNE,
    "qop": QOPS,
    "status": OFFER_STATUSES,
    "until": UNTIL,
    "validate": VALIDATE,
}

T = TypeVar("T")


def checked(name: str, given: T, words: tuple[str, ...], task: Any) -> T:
    """The word, unchanged. Text that is neither a template nor one of the words is an error at DAG parsing.

    The arguments of mapped tasks, and the results of templates, are checked when the task runs.
    """
    if getattr(task, "_BaseOperator__from_mapped", False) or not (wrong := _violations(name, given, words)):
        return given
    raise InvalidInputError(f"The task {task.task_id!r} is not valid", wrong)


def with_nearest(error: TypeError, operator: type, arguments: Mapping[str, Any]) -> TypeError:
    """Airflow's error about unknown arguments, with the known ones that were probably meant."""
    from inspect import signature, unwrap

    from airflow_provider_offers.client.model.likeness import with_nearest_names

    constructors = [unwrap(vars(each)["__init__"]) for each in operator.__mro__[:-1] if "__init__" in vars(each)]
    known = {name for each in constructors for name in signature(each).parameters} - {"self", "kwargs"}
    return with_nearest_names(error, arguments, known)


class CheckedPartial(OperatorPartial):
    """What `.partial(...)` returns: `.expand(...)` and `.expand_kwargs(...)` reject unknown closed words.

    The results of tasks, and what a template renders, are checked when the task runs.
    """

    __slots__ = ()

    @classmethod
    def of(cls, partial: OperatorPartial) -> CheckedPartial:
        """The same partial, checked. Airflow does not warn that the given one is never mapped."""
        partial._expand_called = True
        return cls(operator_class=partial.operator_class, kwargs=partial.kwargs, params=partial.params)

    def expand(self, **mapped_kwargs: OperatorExpandArgument) -> MappedOperator:
        self._check([mapped_kwargs])
        return super().expand(**mapped_kwargs)

    def expand_kwargs(self, kwargs: OperatorExpandKwargsArgument, *, strict: bool = True) -> MappedOperator:
        self._check(kwargs if isinstance(kwargs, (list, tuple)) else [])
        return super().expand_kwargs(kwargs, strict=strict)

    def _check(self, given: Sequence[Any]) -> None:
        # Otherwise, Airflow adds a warning that nothing was mapped.
        self._expand_called = True
        for each in given:
            if isinstance(each, dict):
                check_words(self.kwargs.get("task_id"), each)


def check_words(task_id: Any, arguments: Mapping[str, Any]) -> None:
    """Reject unknown closed words when the DAG is parsed: each argument is a word, or a list of words."""
    wrong = [
        violation
        for name, given in arguments.items()
        if name in CLOSED
        for each in _each(given)
        for violation in _violations(name, each, CLOSED[name])
    ]
    if wrong:
        raise InvalidInputError(f"The task {task_id!r} is not valid", wrong)


def _each(given: Any) -> Iterator[Any]:
    if isinstance(given, (list, tuple)):
        for each in given:
            yield from _each(each)
    else:
        yield given


def _violations(name: str, given: Any, words: tuple[str, ...]) -> list[Violation]:
    if not isinstance(given, str) or given in words or is_template(given):
        return []
    from airflow_provider_offers.client.model.likeness import one_of

    accepted = one_of(words, given)
    return [Violation(name, repr(given), f"True or {accepted} or False" if words is VALIDATE else accepted)]


def is_template(text: str) -> bool:
    """Whether Jinja renders the text, so that its value is known only when the task runs."""
    return any(mark in text for mark in ("{{", "{%", "{#"))
