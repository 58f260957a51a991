"""References by name in the documents of a plan: which objects they mean, and the ids that are written instead."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping

from airflow_provider_offers.campaigns.errors import CampaignError
from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.client.flows.naming import put_at
from airflow_provider_offers.client.model.kinds import KINDS, Kind, kinds_of
from airflow_provider_offers.client.model.places import Pointing, pointings_by_name
from airflow_provider_offers.client.model.spelling import split_pointer
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Json


def named_in(kind: Kind, properties: Mapping[str, Json]) -> Iterator[tuple[Pointing, list[Key]]]:
    """The references by name in a document, each with the objects that it may mean."""
    for each in pointings_by_name(kind.place, properties):
        yield each, [(found.key, each.name or "") for found in kinds_of(each.type_names)]


class KnownIds:
    """The ids of objects by kind and name: those of the plan, and of objects that the apply has created since."""

    def __init__(self, ids: Mapping[Key, str]) -> None:
        self._ids = dict(ids)

    def learn(self, key: Key, identifier: str) -> None:
        """Take the id of an object."""
        self._ids[key] = identifier

    def meant(self, keys: Iterable[Key]) -> Key | None:
        """The first of the objects whose id is known."""
        return next((key for key in keys if key in self._ids), None)

    def with_ids(self, kind: Kind, properties: Mapping[str, Json]) -> dict[str, Json]:
        """The properties with the id in place of every `name:`. Raises `CampaignError` if an id is not known."""
        changed: Json = None
        for pointing, keys in named_in(kind, properties):
            key = self.meant(keys)
            if key is None:
                nouns = " or ".join(KINDS[each].noun for each, _ in keys)
                raise CampaignError(
                    f"{pointing.pointer} names {quoted(pointing.name)}, but the plan knows no such {nouns}; "
                    "make the plan again"
                )
            if changed is None:
                changed = copy.deepcopy(dict(properties))
            changed = put_at(changed, split_pointer(pointing.pointer), self._ids[key])
        return dict(properties) if changed is None else dict(changed)
