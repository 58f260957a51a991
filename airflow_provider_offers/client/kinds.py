"""The kind table: one row for each kind of object in the Offer Library, the same for both generations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, Violation

SCHEMA_ROOT = "https://ns.adobe.com/experience/offer-management/"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: `key` names it in the provider, `type_name` in Adobe's ids and schemas.

    `xcore_version` is the schema version that the documents write with; `dps_path` and `dps_query` are where
    generation 2 keeps the kind; `noun` is how messages call one.
    """

    key: str
    type_name: str
    noun: str
    xcore_version: str
    dps_path: str
    dps_query: tuple[tuple[str, str], ...] = ()

    @property
    def schema(self) -> str:
        return SCHEMA_ROOT + self.type_name


PERSONALIZED = Kind(
    key="personalized",
    type_name="personalized-offer",
    noun="personalized offer",
    xcore_version="0.5",
    dps_path="/offers",
    dps_query=(("offer-type", "personalized"),),
)
FALLBACK = Kind(
    key="fallback",
    type_name="fallback-offer",
    noun="fallback offer",
    xcore_version="0.1",
    dps_path="/offers",
    dps_query=(("offer-type", "fallback"),),
)

PLACEMENT = Kind(
    key="placement", type_name="offer-placement", noun="placement", xcore_version="0.4", dps_path="/placements"
)
RULE = Kind(
    key="rule", type_name="eligibility-rule", noun="decision rule", xcore_version="0.3", dps_path="/offer-rules"
)

# The kinds that `offer_type` may name.
KINDS = {kind.key: kind for kind in (PERSONALIZED, FALLBACK)}


def kind_of(key: Any) -> Kind:
    """The row of that key; `InvalidInputError` names the known ones."""
    try:
        return KINDS[key]
    except (KeyError, TypeError):
        raise InvalidInputError(
            "There is no such kind of offer",
            [Violation("offer_type", repr(key), " or ".join(map(repr, KINDS)))],
        ) from None


def kind_of_type_name(type_name: str) -> Kind | None:
    """The row whose `type_name` is given, as ids carry it."""
    return next((kind for kind in KINDS.values() if kind.type_name == type_name), None)
