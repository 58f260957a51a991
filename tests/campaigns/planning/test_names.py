"""Names that look the same and are not, names that a service may change, and ids of another sandbox."""

from __future__ import annotations

import unicodedata

import pytest

from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.emulator import Emulator
from tests.campaigns.making import campaign, counted, plan, planned, put, state, wanted


@pytest.mark.parametrize("name", [unicodedata.normalize("NFD", "Grüße"), "Spring ", "\u00a0Spring", "Spring\u200b"])
def test_a_name_that_the_service_may_change_is_no_new_object(
    library: OfferLibrary, emulator: Emulator, name: str
) -> None:
    found = plan(library, campaign(wanted("tag", name)))

    assert counted(found) == {"conflict": 1}
    assert "may store its name in another form: write it as" in planned(found, name).reason
    # One that the library has is an object like others.
    put(emulator, "tag", name)
    assert counted(plan(library, campaign(wanted("tag", name)))) == {"unchanged": 1}


def test_no_object_is_renamed_to_such_a_name(library: OfferLibrary, emulator: Emulator) -> None:
    put(emulator, "tag", "Spring")
    made = campaign(wanted("tag", "Summer "), moved=[("tag", "Spring", "Summer ")])

    found = plan(library, made, state(wanted("tag", "Spring")))

    assert counted(found) == {"conflict": 1}
    assert "write it as 'Summer'" in planned(found, "Summer ").reason


@pytest.mark.parametrize("there", [unicodedata.normalize("NFD", "Grüße"), "grüsse", "Grüße ", "GRÜẞE"])
def test_a_new_name_that_looks_like_one_of_the_library_is_a_warning(
    library: OfferLibrary, emulator: Emulator, there: str
) -> None:
    put(emulator, "tag", there)

    (warning,) = plan(library, campaign(wanted("tag", "Grüße"), wanted("tag", "Other"))).warnings

    assert "differ only in case, blanks or the form of their letters" in warning
    assert warning.endswith("two objects of each: the collection qualifier 'Grüße'")
    # The names of another kind are no such names.
    assert plan(library, campaign(wanted("rule", "Grüße", condition={}))).warnings == ()


def test_an_id_that_the_library_does_not_show_is_a_warning(library: OfferLibrary, emulator: Emulator) -> None:
    there = put(emulator, "tag", "Spring")
    lost = there[:-4] + "0000"
    sets = [wanted("collection", name, filterType="any-tags", ids=[each]) for name, each in (("A", there), ("B", lost))]

    (warning,) = plan(library, campaign(*sets)).warnings

    assert f"these ids, or it is archived: {lost}. They may be those of another sandbox" in warning
    assert warning.endswith("They are in the collection 'B'")
