"""Names that a service may respell: refused with the better spelling, and named where the service did it after all."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_offers.client.errors import InvalidInputError, OutcomeUnknownError
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.emulator.store.library import Library
from tests.client.library import sale

# As written, and as a service may store it.
NAMES = {
    "a blank before": (" Sale", "Sale"),
    "a blank behind": ("Sale ", "Sale"),
    "a blank that does not break": ("Sale\u00a0", "Sale"),
    "a line break": ("Sale\n", "Sale"),
    "a blank without a width": ("\u200bSale", "Sale"),
    "a letter and its accent": ("Cafe\u0301", "Caf\u00e9"),
    "a Korean syllable in parts": ("\u1112\u1161\u11ab", "\ud55c"),
    "several at once": (" Cafe\u0301\ufeff ", "Caf\u00e9"),
}
EACH = pytest.mark.parametrize("case", NAMES)


@pytest.fixture
def library(emulator: Emulator, api: str) -> Iterator[OfferLibrary]:
    connection = emulator.connection(api)
    connection.pop("conn_type")
    with OfferLibrary(parse_settings(**connection)) as opened:
        yield opened


def names(emulator: Emulator) -> list[str]:
    return [each["body"]["name"] for each in emulator.objects("personalized-offer")]


@EACH
def test_it_is_refused_with_the_better_spelling(library: OfferLibrary, emulator: Emulator, case: str) -> None:
    given, better = NAMES[case]

    with pytest.raises(InvalidInputError) as caught:
        library.create(PERSONALIZED, sale(name=given, representations=[], tags=[]), patience=0)

    (violation,) = caught.value.violations
    assert violation.pointer == "/name"
    assert violation.expected.startswith(f"{better!r}, as the service may store it")
    assert "validate=False" in violation.expected
    assert names(emulator) == []


@EACH
def test_without_the_checks_it_is_sent_and_found_again(library: OfferLibrary, emulator: Emulator, case: str) -> None:
    given, _ = NAMES[case]

    made = library.create(PERSONALIZED, sale(name=given, representations=[], tags=[]), patience=0, validate=False)
    found = library.create(
        PERSONALIZED, sale(name=given, representations=[], tags=[]), patience=0, validate=False, if_exists="adopt"
    )

    assert (found.action, found.receipt.id) == ("adopted", made.receipt.id)
    assert names(emulator) == [given]


@EACH
def test_what_the_service_did_to_it_is_said(
    library: OfferLibrary, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    given, better = NAMES[case]
    insert = Library.insert

    def respell(self: Library, sandbox: str, new: Any, stamp_us: int) -> Any:
        name = unicodedata.normalize("NFC", new.body["name"]).strip(" \n\u00a0\u200b\ufeff")
        return insert(self, sandbox, replace(new, body={**new.body, "name": name}), stamp_us)

    monkeypatch.setattr(Library, "insert", respell)

    with pytest.raises(OutcomeUnknownError) as caught:
        library.create(PERSONALIZED, sale(name=given, representations=[], tags=[]), patience=0, validate=False)

    (made,) = emulator.objects("personalized-offer")
    assert made["body"]["name"] == better
    assert made["id"] in str(caught.value)
    assert f"the service calls it {better!r}" in str(caught.value)
    assert not caught.value.retryable


@pytest.mark.parametrize("name", ["Sale 2026", "Caf\u00e9", "50 % off \u2013 today", "a  b", "\ud55c\uae00"])
def test_any_other_name_is_taken(library: OfferLibrary, emulator: Emulator, name: str) -> None:
    library.create(PERSONALIZED, sale(name=name, representations=[], tags=[]), patience=0)
    assert names(emulator) == [name]
