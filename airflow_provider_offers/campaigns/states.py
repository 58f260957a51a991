"""The state of a campaign: what was applied last. It is only a merge base, and holds what the manifest said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.client.wire.messages import Json

FORMAT = "offers.state/v1"


@dataclass(frozen=True, slots=True)
class Applied:
    """What was applied to one object: neutral properties, with references by `name:` where the object has a name.

    `pending` is the service's time at which an apply was about to create the object, in RFC 3339. It is None once the
    creation is known to have happened. `prevent_destroy` is what the manifest said: an object that is gone from the
    manifest is not retired then.
    """

    properties: Mapping[str, Json]
    pending: str | None = None
    prevent_destroy: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """The state of one campaign in one sandbox. `generation` counts the writes of the state; 0 is no state yet."""

    campaign: str
    organization: str
    sandbox: str
    generation: int = 0
    objects: Mapping[Key, Applied] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The document of the state."""
        objects: dict[str, dict[str, Any]] = {}
        for (kind, name), applied in sorted(self.objects.items()):
            told: dict[str, Any] = {"properties": applied.properties}
            if applied.pending is not None:
                told["pending"] = applied.pending
            if applied.prevent_destroy:
                told["prevent_destroy"] = True
            objects.setdefault(kind, {})[name] = told
        return {
            "format": FORMAT,
            "campaign": self.campaign,
            "organization": self.organization,
            "sandbox": self.sandbox,
            "generation": self.generation,
            "objects": objects,
        }
