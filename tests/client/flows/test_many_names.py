"""Many references by name: a listing of each kind and few lookups find all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from airflow_provider_offers.client import calls
from airflow_provider_offers.client.errors import AmbiguousNameError, NotFoundError
from airflow_provider_offers.client.flows import access
from airflow_provider_offers.client.flows.creation_arguments import new_creation
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import COLLECTION, PERSONALIZED, TAG, Kind
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.emulator import Emulator
from tests.client.campaign import offer, seed

MANY = 120
# Two pages of tags, three lookups of 40 ids, and one more for a page that may be the last.
FEW = 6


def tags(emulator: Emulator, names: list[str]) -> dict[str, str]:
    return {name: seed(emulator, "tag", name=name) for name in names}


def offers(emulator: Emulator, names: list[str], kind: str = "personalized-offer") -> dict[str, str]:
    wanted = {name: offer(name, Emulator.PLACEMENT_ID) for name in names}
    if kind == "fallback-offer":
        wanted = {
            name: {part: each for part, each in body.items() if part not in ("selectionConstraint", "rank")}
            for name, body in wanted.items()
        }
    return {name: seed(emulator, kind, **body) for name, body in wanted.items()}


def named(names: Iterable[str]) -> dict[str, Any]:
    """A collection of the offers with these names."""
    return {"name": "All", "filterType": "offers", "ids": [f"name:{name}" for name in names]}


def reads(emulator: Emulator) -> int:
    paths = [entry.path for entry in emulator.journal(method="GET", path="/data/core/*")]
    return sum(1 for path in paths if not path.endswith("/xcore/"))


def creations(documents: list[dict[str, Any]], kind: Kind = PERSONALIZED, patience: float = 0) -> list[Any]:
    """The creations of a list, as `CreateOfferOperator` prepares them, for listings that lag by `patience`."""
    options: dict[str, Any] = {"window": None, "if_exists": "fail", "marker": None, "earlier": None}
    options["patience"] = patience
    return [new_creation(kind, each, validate=True, **options) for each in documents]


def test_a_collection_of_many_names(library: OfferLibrary, emulator: Emulator) -> None:
    names = [f"Offer {number}" for number in range(MANY)]
    ids = offers(emulator, names)
    creation = library.prepare(COLLECTION, named(reversed(names)), patience=0)
    assert creation.properties["ids"] == [ids[name] for name in reversed(names)]
    # The name may also be that of a fallback.
    assert reads(emulator) <= FEW + 1


def test_each_offer_of_a_list_names_an_object_of_its_own(library: OfferLibrary, emulator: Emulator) -> None:
    names = [f"Tag {number}" for number in range(MANY)]
    ids = tags(emulator, names)
    documents = [offer(f"Offer {name}", Emulator.PLACEMENT_ID, tags=[f"name:{name}"]) for name in names]
    found = library.with_ids(creations(documents))
    assert [each.properties["tags"] for each in found] == [[ids[name]] for name in names]
    assert [each.name for each in found] == [f"Offer {name}" for name in names]
    assert reads(emulator) <= FEW


def test_replacements_look_their_names_up_together(
    library: OfferLibrary, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "DEFAULT_PATIENCE", 0.0)
    names = [f"Tag {number}" for number in range(MANY)]
    ids = tags(emulator, names)
    documents = [offer(f"Offer {name}", Emulator.PLACEMENT_ID, tags=[f"name:{name}"]) for name in names]
    references = [
        library.reference(PERSONALIZED, seed(emulator, "personalized-offer", **{**each, "tags": []}))
        for each in documents
    ]
    found = library.replacements(references, documents)
    assert [found[each]["tags"] for each in references] == [[ids[name]] for name in names]
    assert reads(emulator) <= FEW


def test_a_name_of_any_kind_that_a_collection_takes(library: OfferLibrary, emulator: Emulator) -> None:
    ids = offers(emulator, [f"Offer {number}" for number in range(4)])
    ids |= offers(emulator, [f"Fallback {number}" for number in range(4)], "fallback-offer")
    assert library.prepare(COLLECTION, named(ids), patience=0).properties["ids"] == list(ids.values())
    # One page and one lookup of each kind.
    assert reads(emulator) <= 4


def test_few_names_in_a_large_library_are_looked_up_one_by_one(library: OfferLibrary, emulator: Emulator) -> None:
    ids = tags(emulator, [f"Tag {number}" for number in range(1_000)])
    wanted = {"name": "Some", "filterType": "any-tags", "ids": [f"name:Tag {number}" for number in range(5)]}
    assert library.prepare(COLLECTION, wanted).properties["ids"] == [ids[f"Tag {number}"] for number in range(5)]
    # One page tells how many there are.
    assert reads(emulator) <= 11


def test_all_unknown_names_of_a_list_are_told_by_their_places(library: OfferLibrary, emulator: Emulator) -> None:
    tags(emulator, ["Spring", "Summer", "Autumn"])
    documents = [
        offer("First", Emulator.PLACEMENT_ID, tags=["name:Spring", "name:Sommer"]),
        offer("Second", Emulator.PLACEMENT_ID, tags=["name:Summer"]),
        offer("Third", Emulator.PLACEMENT_ID, tags=["name:Autumn", "name:Winter"]),
    ]
    with pytest.raises(NotFoundError) as caught:
        library.with_ids(creations(documents))
    told = str(caught.value)
    assert "/0/tags/1 names 'Sommer', but there is no such collection qualifier" in told
    assert "/2/tags/1 names 'Winter'" in told
    assert "Autumn" not in told
    with pytest.raises(NotFoundError, match=r"row 1/tags/1 names 'Sommer'.*row 3/tags/1 names 'Winter'"):
        library.with_ids(creations(documents), ["row 1", "row 2", "row 3"])


def test_a_message_names_only_the_first_of_many_unknown_names(library: OfferLibrary) -> None:
    wanted = named(f"Offer {number}" for number in range(50))
    with pytest.raises(NotFoundError, match=r"/ids/19 names 'Offer 19'.*; and 30 more, in the sandbox") as caught:
        library.prepare(COLLECTION, wanted)
    assert "Offer 20" not in str(caught.value)


def test_a_name_of_two_objects_is_ambiguous_among_many(library: OfferLibrary, emulator: Emulator) -> None:
    names = ["Spring", "Summer", "Autumn", "Winter"]
    offers(emulator, names)
    twin = offers(emulator, ["Summer"])["Summer"]
    with pytest.raises(AmbiguousNameError, match="/ids/1: The name 'Summer' could mean 2 objects") as caught:
        library.prepare(COLLECTION, named(names))
    assert twin in caught.value.ids


def test_a_name_of_an_offer_and_a_fallback_is_ambiguous_among_many(library: OfferLibrary, emulator: Emulator) -> None:
    names = ["Spring", "Summer", "Autumn", "Winter"]
    offers(emulator, names)
    offers(emulator, ["Winter"], "fallback-offer")
    with pytest.raises(AmbiguousNameError, match="'Winter' could mean 2 objects"):
        library.prepare(COLLECTION, named(names))


@pytest.mark.parametrize("lagging", [False, True])
def test_a_name_that_moved_to_another_object_a_moment_ago(
    library: OfferLibrary, emulator: Emulator, lagging: bool
) -> None:
    names = ["Spring", "Summer", "Autumn", "Winter"]
    old = tags(emulator, names)
    wanted = {"name": "All", "filterType": "any-tags", "ids": [f"name:{each}" for each in names]}
    assert library.prepare(COLLECTION, wanted).properties["ids"] == list(old.values())
    library.delete(TAG, old["Summer"])
    if lagging:
        emulator.configure(list_lag=1, index_lag=1)
    new = library.create(TAG, {"name": "Summer"}).receipt.id
    found = library.prepare(COLLECTION, wanted).properties["ids"]
    assert found == [old["Spring"], new, old["Autumn"], old["Winter"]]


def test_a_listing_that_fails_leaves_the_names_to_single_lookups(library: OfferLibrary, emulator: Emulator) -> None:
    names = ["Spring", "Summer", "Autumn", "Winter"]
    ids = tags(emulator, names)
    library.reference(PERSONALIZED, "name:x")
    assert library.find(TAG, "None") == []
    emulator.add_fault("status", status=400, method="GET", path="*/data/core/*", times=1)
    wanted = {"name": "All", "filterType": "any-tags", "ids": [f"name:{each}" for each in names]}
    assert library.prepare(COLLECTION, wanted).properties["ids"] == list(ids.values())


def other(emulator: Emulator, api: str) -> OfferLibrary:
    """The library of another process, which knows no names."""
    connection = emulator.connection(api)
    connection.pop("conn_type")
    return OfferLibrary(parse_settings(**connection))


@pytest.mark.parametrize("count", [4, 15])
def test_a_name_that_an_object_lost_a_moment_ago_is_not_believed(
    library: OfferLibrary, emulator: Emulator, api: str, count: int
) -> None:
    """Listings and lookups by ids still show the old name, and a write cannot be guarded by it."""
    names = [f"Tag {number}" for number in range(count)]
    ids = tags(emulator, names)
    emulator.configure(list_lag=0.6, index_lag=0.6)
    emulator.clock.advance(2)
    with other(emulator, api) as somebody:
        somebody.patch(TAG, ids["Tag 2"], [{"op": "replace", "path": "/name", "value": "Old"}])
    documents = [offer("First", Emulator.PLACEMENT_ID, tags=[f"name:{each}" for each in names])]
    with pytest.raises(NotFoundError, match=r"/0/tags/2 names 'Tag 2', but there is no such") as caught:
        library.with_ids(creations(documents, patience=0.7))
    assert "Tag 3" not in str(caught.value)


def test_many_names_that_an_object_got_a_moment_ago_are_found(
    library: OfferLibrary, emulator: Emulator, api: str
) -> None:
    names = [f"Tag {number}" for number in range(15)]
    ids = tags(emulator, names)
    emulator.configure(list_lag=0.6, index_lag=0.6)
    emulator.clock.advance(2)
    with other(emulator, api) as somebody:
        somebody.patch(TAG, ids["Tag 2"], [{"op": "replace", "path": "/name", "value": "Old"}])
    ids |= tags(emulator, ["Tag 2"])
    documents = [offer("First", Emulator.PLACEMENT_ID, tags=[f"name:{each}" for each in names])]
    (found,) = library.with_ids(creations(documents, patience=0.7))
    assert found.properties["tags"] == list(ids.values())


def test_names_of_few_objects_are_read_by_their_ids(library: OfferLibrary, emulator: Emulator) -> None:
    """Nothing waits for listings that lag, and each object is read once for all documents."""
    names = [f"Tag {number}" for number in range(10)]
    ids = tags(emulator, names)
    documents = [
        offer(f"Offer {number}", Emulator.PLACEMENT_ID, tags=[f"name:Tag {number % 10}"]) for number in range(50)
    ]
    found = library.with_ids(creations(documents, patience=3600))
    assert [each.properties["tags"] for each in found] == [[ids[f"Tag {number % 10}"]] for number in range(50)]
    assert reads(emulator) <= 11


def test_listings_that_lag_for_long_are_not_waited_for(library: OfferLibrary, emulator: Emulator) -> None:
    ids = tags(emulator, [f"Tag {number}" for number in range(15)])
    documents = [offer("First", Emulator.PLACEMENT_ID, tags=[f"name:{each}" for each in ids])]
    (found,) = library.with_ids(creations(documents, patience=3600))
    assert found.properties["tags"] == list(ids.values())
    assert reads(emulator) <= 16


def test_an_unknown_name_in_many_documents_is_looked_up_once(library: OfferLibrary, emulator: Emulator) -> None:
    documents = [offer(f"Offer {number}", Emulator.PLACEMENT_ID, tags=["name:Sommer"]) for number in range(100)]
    documents[7]["tags"] = ["name:Winter"]
    with pytest.raises(NotFoundError) as caught:
        library.with_ids(creations(documents))
    assert (
        "/0/tags/0 names 'Sommer', but there is no such collection qualifier (as in 98 more places); "
        "/7/tags/0 names 'Winter', but there is no such collection qualifier, in the sandbox"
    ) in str(caught.value)
    assert reads(emulator) == 2


def test_an_ambiguous_name_in_many_documents_is_looked_up_once(library: OfferLibrary, emulator: Emulator) -> None:
    twins = {*offers(emulator, ["Twin"]).values(), *offers(emulator, ["Twin"]).values()}
    documents = [{**named(["Twin"]), "name": f"Collection {number}"} for number in range(100)]
    with pytest.raises(AmbiguousNameError, match=r"/0/ids/0: The name 'Twin'.* \(as in 99 more places\)") as caught:
        library.with_ids(creations(documents, COLLECTION))
    assert sorted(caught.value.ids) == sorted(twins)
    # A lookup of each type, and a read of each offer.
    assert reads(emulator) == 4


def test_after_some_unknown_names_the_others_are_not_looked_up(library: OfferLibrary, emulator: Emulator) -> None:
    tags(emulator, ["Spring"])
    documents = [offer(f"Offer {number}", Emulator.PLACEMENT_ID, tags=[f"name:{number}"]) for number in range(300)]
    with pytest.raises(NotFoundError, match=r"/19/tags/0 names '19'.*; and 280 more"):
        library.with_ids(creations(documents))
    assert reads(emulator) == 21


def test_unknown_and_ambiguous_names_are_told_together(library: OfferLibrary, emulator: Emulator) -> None:
    offers(emulator, ["Twin"])
    offers(emulator, ["Twin"])
    with pytest.raises(AmbiguousNameError) as caught:
        library.prepare(COLLECTION, named(["Twin", "Nobody"]))
    assert "/ids/0: The name 'Twin' could mean 2 objects" in str(caught.value)
    assert "/ids/1 names 'Nobody', but there is no such personalized offer or fallback offer" in str(caught.value)


def test_a_name_that_may_mean_other_kinds_elsewhere(library: OfferLibrary, emulator: Emulator) -> None:
    """Without a filterType, the name may also be that of a tag: the same object has two places to be found for."""
    names = [f"Offer {number}" for number in range(40)]
    ids = offers(emulator, names)
    documents = [named(names), {"name": "Any", "ids": [f"name:{name}" for name in names]}]
    wanted = [
        new_creation(
            COLLECTION, each, window=None, if_exists="fail", patience=0, marker=None, earlier=None, validate=False
        )
        for each in documents
    ]
    found = library.with_ids(wanted)
    assert [each.properties["ids"] for each in found] == [list(ids.values())] * 2
    # One page of each of three kinds, and one lookup.
    assert reads(emulator) <= 4


def test_names_stay_known_during_slow_lookups(
    library: OfferLibrary, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the lookups take, no object is read a second time."""
    monkeypatch.setattr(access, "_KNOWN_SECONDS", 0.0)
    names = [f"Tag {number}" for number in range(MANY)]
    ids = tags(emulator, names)
    documents = [offer(f"Offer {name}", Emulator.PLACEMENT_ID, tags=[f"name:{name}"]) for name in names]
    found = library.with_ids(creations(documents))
    assert [each.properties["tags"] for each in found] == [[ids[name]] for name in names]
    assert reads(emulator) <= FEW


@pytest.mark.parametrize("status", [400, 403])
def test_a_lookup_of_many_ids_that_fails_leaves_the_names_to_single_lookups(
    library: OfferLibrary, emulator: Emulator, status: int
) -> None:
    names = [f"Tag {number}" for number in range(15)]
    ids = tags(emulator, names)
    assert library.find(TAG, "None") == []
    is_lookup = {"method": "GET", "path": "*/data/core/*", "after": 1}
    emulator.add_fault("status", status=status, times=1, **is_lookup)
    wanted = {"name": "All", "filterType": "any-tags", "ids": [f"name:{each}" for each in names]}
    assert library.prepare(COLLECTION, wanted, patience=0).properties["ids"] == list(ids.values())
