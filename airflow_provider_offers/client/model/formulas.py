"""The model of a ranking formula, in Adobe's words."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from airflow_provider_offers.client.model.common import DefinedOn, FormulaText, KindModel, Pql, PqlFormat
from airflow_provider_offers.client.model.described import ABSENT, Described
from airflow_provider_offers.client.model.facts import Expected, Filled, Flag, Shown, UnreliableOnRead


class Expression(Described):
    """An expression in Profile Query Language, the only supported language."""

    type: Pql = Field(description="the language")
    format: PqlFormat = Field(
        default=ABSENT, description="`pql/text` on all of Adobe's pages; the service checks other values"
    )
    value: FormulaText = Field(description="the expression")


class ReturnType(Described):
    """The type of a formula's result."""

    type: Annotated[Filled, Expected("a type such as integer")] = Field(description="such as `integer`")


class RankingFormula(KindModel):
    """A score to rank offers. Generation 1 documents no calls for formulas, but its spelling is known."""

    expression: Expression = Field(description="the score, in Profile Query Language")
    returnType: Annotated[ReturnType, UnreliableOnRead(any_case=True)] = Field(
        default=ABSENT, description="the result of the expression"
    )
    isPure: Flag = Field(default=ABSENT, description="whether the same input gives the same score")
    definedOn: Annotated[dict[str, DefinedOn], UnreliableOnRead()] = Field(
        default=ABSENT, description="what the expression reads, by alias"
    )
    exdFunction: Shown = ABSENT
    labels: Shown = ABSENT
