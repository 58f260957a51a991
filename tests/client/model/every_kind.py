"""Shared code of the tests of all kinds: the kinds as parameters, references to them, and violations of a document."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.generations.xcore import Xcore
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import (
    FORMULA,
    KINDS,
    Kind,
)
from airflow_provider_offers.client.model.validation import check_offer
from tests.client.library import INSTANCE_ID
from tests.client.script import CONTAINER
from tests.effort import examples

property_test = examples(20)
ROOT = "https://ns.adobe.com/experience/offer-management/"
XCORE, DPS = Xcore(CONTAINER), Dps()
EVERY = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
# Adobe documents no calls for formulas on generation 1.
ON_XCORE = pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind is not FORMULA])
WINDOW = {"startDate": "2026-03-10T00:00:00Z", "endDate": "2026-06-30T21:59:59Z"}


def reference(kind: Kind) -> Reference:
    return Reference(kind, id=f"xcore:{kind.type_name}:1c265317da412003", instance_id=INSTANCE_ID)


def violations(kind: Kind, document: dict[str, Any]) -> dict[str, str]:
    """The violations of a document, by pointers in the author's spelling."""
    try:
        check_offer(kind, neutral_payload(document, kind), document, "strict")
    except InvalidInputError as error:
        return {each.pointer: each.expected for each in error.violations}
    return {}
