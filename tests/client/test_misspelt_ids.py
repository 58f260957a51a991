"""An id that names nothing: a misspelt type is refused with the right spelling, and a missing object with advice."""

from __future__ import annotations

import pytest

from airflow_provider_offers.client.errors import InvalidInputError, NotFoundError
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
