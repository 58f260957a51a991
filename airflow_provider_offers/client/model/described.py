"""The base of the models, and their use of pydantic.

A model describes one kind of object, or a part of one, in generation 2's names. Its fields are read in two ways:
`places` walks them (for spelling, references, cleaning and names), and pydantic checks a document against them. Our own
rules (references, doubts, rules between members) are pydantic validators that yield `Violation`. `checking` turns every
error into a violation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from airflow_provider_offers.client.errors import Violation

# The value of a field that an author leaves out. Its type is Any, so the type of a field shows what an author may set.
ABSENT: Any = None
# The type of an error that contains a violation of our own.
FINDING = "finding"


class Described(BaseModel):
    """An object, or a part of one, as its author writes it.

    A model accepts any value without a check, because a template is text until Airflow renders it. The checks run
    before the object is sent. Unknown properties are kept.
    """

    model_config = ConfigDict(extra="allow", strict=True, defer_build=True)

    def __init__(self, /, **given: Any) -> None:
        self.__setstate__(type(self).model_construct(**given).__getstate__())

    # Pydantic would otherwise call this `__init__` for every object that it checks.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def between(cls, given: Mapping[str, Any]) -> Iterator[Violation]:
        """The violations of rules between members, with pointers below the object.

        For a patch, only some members are known.
        """
        return iter(())

    @classmethod
    def gaps(cls, given: Mapping[str, Any]) -> Iterator[Violation]:
        """What the object lacks beside its members, with pointers below the object. It is whole, unlike in a patch."""
        return iter(())

    @classmethod
    def types_of(cls, given: Mapping[str, Any], type_names: tuple[str, ...]) -> tuple[str, ...]:
        """The types to which this object's references may belong, out of those in its model."""
        return type_names

    @model_validator(mode="wrap")
    @classmethod
    def _check_between(cls, value: Any, handler: Callable[[Any], Any]) -> Any:
        return checked_with(value, handler, lambda given: (*cls.between(given), *cls.gaps(given)))


def checked_with(
    value: Any,
    handler: Callable[[Any], Any],
    more: Callable[[Any], Iterable[Violation]],
    container: type | tuple[type, ...] = Mapping,
) -> Any:
    """The value, after pydantic's check and one more. Raises `ValidationError` with the errors of both."""
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
    """The value, if there are no findings. Raises `ValidationError` with all findings."""
    errors = [_details(finding, value) for finding in findings]
    if errors:
        raise ValidationError.from_exception_data("document", errors)
    return value


def _details(finding: Violation, value: Any) -> InitErrorDetails:
    about = {"finding": finding, "expected": finding.expected}
    return InitErrorDetails(type=PydanticCustomError(FINDING, "Input should be {expected}", about), input=value)
