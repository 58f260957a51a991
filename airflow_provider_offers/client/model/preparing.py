"""Prepares an author's JSON Patch: checks it, converts it to neutral names, and cleans its values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, UnsupportedError, Violation
from airflow_provider_offers.client.given import as_given
from airflow_provider_offers.client.model.cleaning import tidied_patch
from airflow_provider_offers.client.model.documents import json_value
from airflow_provider_offers.client.model.envelope import BESIDE
from airflow_provider_offers.client.model.kinds import PERSONALIZED, Kind
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.spelling import join_pointer, neutral_tokens, neutral_value, split_pointer
from airflow_provider_offers.client.model.validation import Validate, check_operations, check_patch
from airflow_provider_offers.client.wire.messages import Json

# The members of each operation. RFC 6902 says that any others are ignored.
_MEMBERS = {
    **dict.fromkeys(("add", "replace", "test"), ("op", "path", "value")),
    **dict.fromkeys(("move", "copy"), ("op", "from", "path")),
    "remove": ("op", "path"),
}


def prepare(operations: Any, kinds: Sequence[Kind], api: str, validate: Validate = True) -> PreparedPatch:
    """A prepared JSON Patch from either generation's spelling, valid for every kind of object that gets it.

    The kinds are one kind, or both kinds of offers, which are spelled alike. Raises `InvalidInputError` with every
    violation at once.
    """
    operations = as_given(operations)
    check_operations(operations)
    neutral = neutral_patch(operations, api, kinds[0])
    if validate is not False:
        neutral = tidied_patch(kinds[0], neutral)
    for kind in kinds:
        check_patch(kind, neutral, validate)
    return PreparedPatch(neutral, kinds[0])


def neutral_patch(patch: Any, api: str, kind: Kind = PERSONALIZED) -> list[dict[str, Json]]:
    """A well-formed patch in neutral names, from paths and values in either generation's spelling.

    Both kinds of offers are spelled alike. `/_instance/xdm:status` and `/status` are the same path. Links
    (`/_links/...`) exist in generation 1 only.
    """
    violations: list[Violation] = []
    neutral = []
    for index, operation in enumerate(patch):
        renamed: dict[str, Json] = {}
        for name in _MEMBERS[operation["op"]]:
            value = operation[name]
            if name in ("path", "from"):
                renamed[name] = _neutral_pointer(value, api, kind)
            elif name == "value":
                pointer = f"/{index}/value"
                spelled = neutral_tokens(split_pointer(_inside(operation["path"])), kind.names)[1]
                renamed[name] = neutral_value(json_value(value, violations, pointer), spelled, pointer)
            else:
                renamed[name] = value
        neutral.append(renamed)
    if violations:
        raise InvalidInputError("The patch cannot be sent", violations)
    return neutral


def _inside(pointer: str) -> str:
    return pointer.removeprefix("/_instance") if pointer.startswith("/_instance/") else pointer


def _neutral_pointer(pointer: str, api: str, kind: Kind) -> str:
    if pointer == "/_instance":
        raise InvalidInputError(
            "The patch cannot be sent",
            [Violation("path", repr(pointer), "a property below it, such as /status")],
        )
    if split_pointer(pointer)[0] == "_links":
        if api != "xcore":
            raise UnsupportedError(f"{pointer!r} is a link of generation 1; {api} has no links")
        return pointer
    tokens = split_pointer(_inside(pointer))
    return join_pointer(neutral_tokens([BESIDE.get(tokens[0], tokens[0]), *tokens[1:]], kind.names)[0])
