"""Arguments with JSON: an object, text, the name of a file, or what a template makes of the result of a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.text import quoted

# The characters of a wrong document in a message.
_SHOWN = 80
_JSON = "the name of a .json file, or a JSON document"


def named_offer(given: Any, field: str = "offer_id") -> Any:
    """The value of a field that names objects; a template turns the result of a task into text."""
    from airflow_provider_offers.operators.reports import is_report, read

    if isinstance(given, str) and given.lstrip().startswith(("{", "[", "(")):
        given = json_document(field, given)
    if is_report(given):
        return read(field, given)
    if not isinstance(given, Sequence) or isinstance(given, (str, bytes)):
        return given
    # The results of mapped tasks are a sequence type of Airflow. Each may be a list again, or the summary of one.
    named: list[Any] = []
    for each in given:
        results = read(field, each) if is_report(each) else each
        is_list = isinstance(results, Sequence) and not isinstance(results, (str, bytes))
        named += results if is_list else [results]
    return named


def listed_document(name: str, given: Any) -> Any:
    """An item of a list of documents; other text than JSON and file names is rejected later."""
    from airflow_provider_offers.operators.files import looks_like_a_name

    if isinstance(given, str) and (given.lstrip().startswith(("{", "[", "(")) or looks_like_a_name(given)):
        return json_document(name, given)
    return given


def json_document(name: str, given: Any, *, private: bool = False) -> Any:
    """A templated field with JSON: as a Python object, as text, or as the name of a `.json` file.

    Airflow has already replaced the name of a file with its content. Errors do not quote `private` values.
    """
    if not isinstance(given, str):
        return given
    from airflow_provider_offers.client.model.literals import parsed
    from airflow_provider_offers.client.secret import without_secrets
    from airflow_provider_offers.operators.files import looks_like_a_name

    try:
        return parsed(given)
    except ValueError as error:
        # A command that was pasted whole contains a token.
        text = without_secrets(given.strip(), ())
        if looks_like_a_name(given):
            accepted = f"{_JSON}, or a template with `| tojson`"
            shown = "text that is not JSON" if private else quoted(text)
            raise InvalidInputError(f"{name} is not JSON", [Violation(name, shown, accepted)]) from None
        shown = "" if private else f": {quoted(text, _SHOWN)}"
        raise InvalidInputError(
            f"{name} is not JSON",
            [Violation(name, f"invalid JSON: {error}{shown}", f"{_JSON}; in a template, `| tojson`")],
        ) from None
