"""What generation 1 keeps around an object, and how a payload or a path shows that it is written for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_offers.client.model.spelling import Spelled, neutral_tokens

# Wire name to neutral name of what stands beside `_instance`.
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
# Those of them that generation 2 has among the properties, where a patch may test them.
BESIDE = {name: ENVELOPE[name] for name in ("repo:etag", "repo:createdDate", "repo:lastModifiedDate")}
# Receipts of dps name two of them in another way.
_OTHER_NAMES = {"createdDate": "created", "lastModifiedDate": "modified"}


def neutral_path(path: str, names: Spelled) -> list[str]:
    """A dotted property path in either generation's spelling as neutral tokens."""
    if path in ENVELOPE:
        return [ENVELOPE[path]]
    if path in _OTHER_NAMES:
        return [_OTHER_NAMES[path]]
    tokens = path.split(".")
    if tokens[0] == "_instance" and len(tokens) > 1:
        tokens = tokens[1:]
    return neutral_tokens(tokens, names)[0]


def is_prefixed(payload: Mapping[str, Any]) -> bool:
    """Whether a payload is written in this generation's names, so that messages can speak its language."""
    return "_instance" in payload or any(isinstance(name, str) and name.startswith("xdm:") for name in payload)
