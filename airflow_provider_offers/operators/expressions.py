"""The expressions in templates: undefined names, functions in fields, and the errors that are a template's own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2

# A shorter name resembles too many others.
_SHORTEST = 3


def telling(undefined: type[jinja2.Undefined], known: Collection[str]) -> type[jinja2.Undefined]:
    """The DAG's own undefined type, except that an unknown name is an error and not empty text.

    The error suggests the name that was probably meant: one of the `known` names, or a member of the value.
    """
    from jinja2.utils import missing

    from airflow_provider_offers.client.model.likeness import near, perhaps

    class Telling(undefined):  # type: ignore[misc, valid-type]
        __slots__ = ()

        @property
        def _undefined_message(self) -> str:
            members = known if self._undefined_obj is missing else _members(self._undefined_obj)
            name = self._undefined_name
            meant = near(name, members) if isinstance(name, str) and len(name) >= _SHORTEST else []
            return f"{super()._undefined_message}{perhaps(meant)}"

        def __str__(self) -> str:
            if self._undefined_obj is missing:
                self._fail_with_undefined_error()
            return str(super().__str__())

        def __iter__(self) -> Any:
            if self._undefined_obj is missing:
                self._fail_with_undefined_error()
            return super().__iter__()

    return Telling


def _members(value: Any) -> list[str]:
    """The names that a template may use after the value and a dot."""
    if isinstance(value, Mapping):
        return [name for name in value if isinstance(name, str)]
    try:
        return [name for name in dir(value) if not name.startswith("_")]
    except Exception:  # noqa: BLE001  a class may define any dir
        return []


def or_none(value: Any) -> Any:
    """The value of an expression; None for an unknown variable, of which `var.value.get` returns Airflow's marker."""
    return None if type(value).__name__ == "ArgNotSet" else value


def takes_context(function: Any) -> bool:
    """Whether a function in a field can be called as Airflow calls it."""
    import inspect

    try:
        inspect.signature(function).bind(context=None, jinja_env=None)
    except TypeError:
        return False
    except ValueError:
        # Some built-in functions do not show their parameters.
        return True
    return True


def is_of_the_template(error: Exception) -> bool:
    """Whether the expression in a template raised the error itself, such as a division by zero.

    A value that the filter `tojson` cannot write raises its error in Python's `json`.
    """
    import json

    import jinja2

    written = json.__file__.removesuffix("__init__.py")
    file, frame = "", error.__traceback__
    while frame is not None:
        here = frame.tb_frame.f_code.co_filename
        file = file if here.startswith(written) else here
        frame = frame.tb_next
    return file == "<template>" or file.startswith(jinja2.__file__.removesuffix("__init__.py"))
