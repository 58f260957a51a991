"""The operations of a JSON Patch (RFC 6902) as plain objects, in neutral paths and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airflow_provider_offers.client.wire.messages import Json

Operation = Mapping[str, Json]
Patch = Sequence[Operation]
