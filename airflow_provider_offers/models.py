"""The models of the library's objects, for DAG authors: editors complete them, and operators accept them.

A model accepts any value, including templates, and operators turn it into a plain document of the properties that were
set. The checks are the same as for other documents and run with the task. This import loads nothing that Airflow's SDK
has not loaded.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_offers.client.model.collections import Collection
from airflow_provider_offers.client.model.common import DefinedOn, Order, ProfileConstraint, Rank, SchemaReference
from airflow_provider_offers.client.model.decisions import Criterion, CriterionRank, Decision, OptionSelection
from airflow_provider_offers.client.model.formulas import Expression, RankingFormula, ReturnType
from airflow_provider_offers.client.model.offers import (
    CappingConstraint,
    Component,
    FallbackOffer,
    FrequencyCappingConstraint,
    PersonalizedOffer,
    Repeat,
    Representation,
    SelectionConstraint,
)
from airflow_provider_offers.client.model.placements import Placement, ReturnMetaData
from airflow_provider_offers.client.model.qualifiers import CollectionQualifier
from airflow_provider_offers.client.model.rules import Condition, DecisionRule

__all__ = [
    "CappingConstraint",
    "Collection",
    "CollectionQualifier",
    "Component",
    "Condition",
    "Criterion",
    "CriterionRank",
    "Decision",
    "DecisionRule",
    "DefinedOn",
    "Expression",
    "FallbackOffer",
    "FrequencyCappingConstraint",
    "OptionSelection",
    "Order",
    "PersonalizedOffer",
    "Placement",
    "ProfileConstraint",
    "Rank",
    "RankingFormula",
    "Repeat",
    "Representation",
    "ReturnMetaData",
    "ReturnType",
    "SchemaReference",
    "SelectionConstraint",
    "json_schema",
]


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a kind's documents in generation 2's names, such as `json_schema("placement")`.

    It contains types, words, bounds and required properties. It does not contain rules between properties, or rules
    that only cause warnings. Raises `InvalidInputError` for an unknown kind.
    """
    from airflow_provider_offers.client.model.json_schema import schema_of
    from airflow_provider_offers.client.model.kinds import kind_of

    return schema_of(kind_of(kind).model)
