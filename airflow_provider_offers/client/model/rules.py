"""The model of a decision rule, in Adobe's words."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from airflow_provider_offers.client.model.common import DefinedOn, KindModel, Pql, PqlFormat, RuleText
from airflow_provider_offers.client.model.described import ABSENT, Described
from airflow_provider_offers.client.model.facts import AnyText, OnXcore, Shown, UnreliableOnRead


class Condition(Described):
    """An expression in Profile Query Language, the only supported language."""

    type: Annotated[Pql, OnXcore("type", also="xdm:type")] = Field(description="the language")
    format: Annotated[PqlFormat, OnXcore("format", also="xdm:format")] = Field(
        default=ABSENT, description="`pql/text` on all of Adobe's pages; the service checks other values"
    )
    value: Annotated[RuleText, OnXcore("value", also="xdm:value")] = Field(description="the expression")


class DecisionRule(KindModel):
    """Which profiles qualify for an offer or for a criterion of a decision.

    On generation 1, Adobe's pages write the description and the condition without a prefix; some reads show them with
    one.
    """

    description: Annotated[AnyText, OnXcore("description", also="xdm:description")] = Field(
        default=ABSENT, description="free text"
    )
    condition: Annotated[Condition, OnXcore("condition", also="xdm:condition")] = Field(
        description="the condition for eligible profiles, in Profile Query Language"
    )
    definedOn: Annotated[dict[str, DefinedOn], UnreliableOnRead()] = Field(
        default=ABSENT, description="what the expression reads, by alias"
    )
    segmentModel: Shown = ABSENT
    exdRule: Shown = ABSENT
    labels: Shown = ABSENT
