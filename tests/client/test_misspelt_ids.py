"""An id that names nothing: a misspelt type is refused with the right spelling, and a missing object with advice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_offers.client.errors import BadRequestError, InvalidInputError, NotFoundError, RejectedError
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import FALLBACK, PERSONALIZED, PLACEMENT, TAG, Kind
from airflow_provider_offers.emulator import Emulator
from tests.client.library import sale

NUMBER = "1c265317da412003"


@pytest.mark.parametrize(
    ("kind", "given", "meant"),
    [
        (PLACEMENT, "dps:offer-placment:", "dps:offer-placement:"),
        (PLACEMENT, "xcore:offer_placement:", "xcore:offer-placement:"),
        (PLACEMENT, "dps:Offer-Placement:", "dps:offer-placement:"),
        (PERSONALIZED, "xcore:personalised-offer:", "xcore:personalized-offer:"),
        (FALLBACK, "dps:falback-offer:", "dps:fallback-offer:"),
        (TAG, "dps:tags:", "dps:tag:"),
    ],
)
def test_a_misspelt_type_in_an_id_is_refused_with_the_right_spelling(
    library: OfferLibrary, emulator: Emulator, kind: Kind, given: str, meant: str
) -> None:
    with pytest.raises(InvalidInputError, match=f"did you mean '{meant}{NUMBER}'"):
        library.get(kind, f"{given}{NUMBER}")
    assert emulator.journal(path="/data/core/*") == []


@pytest.mark.parametrize("given", ["dps:offer-placment:", "xcore:offer_placement:"])
def test_a_misspelt_type_in_a_document_is_refused_likewise(
    library: OfferLibrary, emulator: Emulator, given: str
) -> None:
    document = sale()
    document["representations"][0]["placement"] = f"{given}{NUMBER}"
    with pytest.raises(InvalidInputError, match=r"/placement: given .*; did you mean '(dps|xcore):offer-placement:1c2"):
        library.create(PERSONALIZED, document)
    assert emulator.journal(method="POST", path="/data/core/*") == []


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (f"dps:personalized-offer:{NUMBER[:-4]}ffff", "Check the id, and the sandbox of the connection"),
        ("name:Spring vocher", "Check the name, which must be exact, and the sandbox of the connection"),
        ("Spring1", "did you mean 'name:Spring1'?"),
    ],
)
def test_the_error_about_a_missing_object_says_what_to_do(library: OfferLibrary, given: str, advice: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        library.get(PERSONALIZED, given)
    assert caught.value.hint is not None
    assert advice in caught.value.hint
    assert str(caught.value).count("Check") <= 1
    with pytest.raises(NotFoundError) as several:
        library.get_many([library.offer_reference(given), library.offer_reference(given)])
    assert advice in str(several.value)


def upper(identifier: str) -> str:
    """The id with its number in upper case."""
    start, colon, number = identifier.rpartition(":")
    return f"{start}{colon}{number.upper()}"


def test_an_id_in_upper_case_is_told_in_lower_case(
    library: OfferLibrary, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    there = library.get(PERSONALIZED, emulator.seed(1)[0])
    patch = [{"op": "replace", "path": "/rank/priority", "value": 5}]
    calls: list[Callable[[str], Any]] = [
        lambda given: library.get(PERSONALIZED, given),
        lambda given: library.get_many([library.offer_reference(given)]),
        lambda given: library.patch(PERSONALIZED, given, patch),
        lambda given: library.publish(PERSONALIZED, given),
        lambda given: library.delete(PERSONALIZED, given),
    ]
    for right in {there.id, there.instance_id}:
        for given in {upper(right), right.upper()}:
            for call in calls:
                with pytest.raises(NotFoundError, match=f"'{given}' has upper-case letters.*mean '{right}'"):
                    call(given)
            library.delete(PERSONALIZED, given, missing_ok=True)
            told = caplog.messages[-1]
            assert "so nothing is deleted" in told
            assert f"did you mean '{right}'?" in told
    library.delete(PERSONALIZED, there.id)
    caplog.clear()
    library.delete(PERSONALIZED, there.id, missing_ok=True)
    assert caplog.messages == []


def test_a_reference_in_upper_case_is_told_in_lower_case(library: OfferLibrary) -> None:
    document = sale()
    document["representations"][0]["placement"] = upper(Emulator.PLACEMENT_ID)
    with pytest.raises((BadRequestError, RejectedError), match=f"did you mean '{Emulator.PLACEMENT_ID}'"):
        library.create(PERSONALIZED, document)
