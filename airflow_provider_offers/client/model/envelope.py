"""The members that generation 1 keeps around an object, and how a payload or a path shows its spelling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_offers.client.model.spelling import Spelled, neutral_tokens

# Wire names and neutral names of the members beside `_instance`.
ENVELOPE = {
    "instanceId": "instanceId",
    "repo:etag": "etag",
    "repo:createdDate": "created",
    "repo:lastModifiedDate": "modified",
    "repo:createdBy": "createdBy",
    "repo:lastModifiedBy": "lastModifiedBy",
    "repo:createdByClientId": "createdByClientId",
    "repo:lastModifiedByClientId": "lastModifiedByClientId",
}
# Generation 2 has these among the properties, where a patch may test them.
NEUTRAL_BESIDE = {name: ENVELOPE[name] for name in ("repo:etag", "repo:createdDate", "repo:lastModifiedDate")}
# Receipts of dps use other names for two of them.
_OTHER_NAMES = {"createdDate": "created", "lastModifiedDate": "modified"}


def neutral_path(path: str, names: Spelled) -> list[str]:
    """The neutral tokens of a dotted property path in either generation's spelling."""
    if path in ENVELOPE:
        return [ENVELOPE[path]]
    if path in _OTHER_NAMES:
        return [_OTHER_NAMES[path]]
    tokens = path.split(".")
    if tokens[0] == "_instance" and len(tokens) > 1:
        tokens = tokens[1:]
    return neutral_tokens(tokens, names)[0]


def is_prefixed(payload: Mapping[str, Any]) -> bool:
    """Whether a payload uses generation 1's names, so that messages can use them too."""
    return "_instance" in payload or any(isinstance(name, str) and name.startswith("xdm:") for name in payload)
