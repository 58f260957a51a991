"""The base of the models, and what pydantic does with them.

A model describes one kind of object, or a part of one, in generation 2's names. Its fields are read in two ways:
`places` walks them (spelling, references, cleaning, names), and pydantic checks a document against them. Pydantic finds
what is wrong; the rules that are our own (references, doubts, rules between members) are pydantic validators that
yield `Violation`, and `checking` turns every error into one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from airflow_provider_offers.client.errors import Violation

# The value of a field that an author leaves out. It is of any type, so that a field's type tells what may be set.
ABSENT: Any = None
# The type of an error that carries a violation of our own.
FINDING = "finding"


class Described(BaseModel):
    """An object, or a part of one, as its author writes it.

    A model takes what it is given, without a check: a template in it is text until Airflow renders it. The checks come
    before the object is sent. It keeps properties that it does not know.
    """

    model_config = ConfigDict(extra="allow", strict=True, defer_build=True)

    def __init__(self, /, **given: Any) -> None:
        self.__setstate__(type(self).model_construct(**given).__getstate__())

    # Pydantic calls an `__init__` that it does not know for every object that it checks.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def between(cls, given: Mapping[str, Any]) -> Iterator[Violation]:
        """What is wrong between members, by pointers below the object. Of a patch, only some members are known."""
        return iter(())

    @classmethod
    def types_of(cls, given: Mapping[str, Any], type_names: tuple[str, ...]) -> tuple[str, ...]:
        """The types that this very object's references may be of, out of those that its model names."""
        return type_names

    @model_validator(mode="wrap")
    @classmethod
    def _check_between(cls, value: Any, handler: Callable[[Any], Any]) -> Any:
        return checked_with(value, handler, cls.between)


def checked_with(
    value: Any,
    handler: Callable[[Any], Any],
    more: Callable[[Any], Iterable[Violation]],
    container: type | tuple[type, ...] = Mapping,
) -> Any:
    """The value, after pydantic's own check and one more. Raises `ValidationError` with the errors of both."""
    errors: list[InitErrorDetails] = []
    checked = value
    try:
        checked = handler(value)
    except ValidationError as refused:
        errors = [
            InitErrorDetails(
                type=PydanticCustomError(each["type"], each["msg"], each.get("ctx")),
                loc=each["loc"],
                input=each["input"],
            )
            for each in refused.errors(include_url=False)
        ]
    if isinstance(value, container):
        errors += [_details(finding, value) for finding in more(value)]
    if errors:
        raise ValidationError.from_exception_data("document", errors)
    return checked


def refuse(value: Any, findings: Iterable[Violation]) -> Any:
    """The value, where there is nothing to find. Raises `ValidationError` with every finding."""
    errors = [_details(finding, value) for finding in findings]
    if errors:
        raise ValidationError.from_exception_data("document", errors)
    return value


def _details(finding: Violation, value: Any) -> InitErrorDetails:
    about = {"finding": finding, "accepted": finding.accepted}
    return InitErrorDetails(type=PydanticCustomError(FINDING, "Input should be {accepted}", about), input=value)
