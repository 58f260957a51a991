"""Names instead of ids: looked up once, with an error for a missing or ambiguous name, against the emulator."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_offers.client.errors import (
    AmbiguousNameError,
    BadRequestError,
    InvalidInputError,
    NotFoundError,
    RejectedError,
)
from airflow_provider_offers.client.flows.naming import has_names, name_hinted, patch_with_ids, with_ids
from airflow_provider_offers.client.flows.reading import read_now, resolve
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.identifiers import TYPED_ID
from airflow_provider_offers.client.model.kinds import (
    COLLECTION,
    DECISION,
    FALLBACK,
    KINDS,
    PERSONALIZED,
    PLACEMENT,
    TAG,
    Kind,
)
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.places import pointings
from airflow_provider_offers.emulator import Emulator
from tests.client.campaign import OPEN, campaign, offer, seed


def resolved(library: OfferLibrary, kind: Kind, document: dict[str, Any]) -> dict[str, Any]:
    return library.run(lambda access: with_ids(access, kind, neutral_payload(document, kind)))


def lookups(emulator: Emulator) -> int:
    """The number of lookups in the library, without the search for a sandbox's container."""
    paths = [entry.path for entry in emulator.journal(method="GET", path="/data/core/*")]
    return sum(1 for path in paths if not path.endswith("/xcore/"))


# By kind: a document with an id, and the kind of object that a name there means.
PLACES: list[tuple[Kind, dict[str, Any], str]] = [
    (PERSONALIZED, {"representations": [{"placement": "name:Newsletter top"}]}, "placement"),
    (FALLBACK, {"representations": [{}, {"placement": "name:Newsletter top"}]}, "placement"),
    (PERSONALIZED, {"tags": ["name:Spring"]}, "tag"),
    (PERSONALIZED, {"selectionConstraint": {"eligibilityRule": "name:Gold members"}}, "rule"),
    (PERSONALIZED, {"frequencyCappingConstraints": [{"placement": "name:Newsletter top"}]}, "placement"),
    (PERSONALIZED, {"xdm:representations": [{"xdm:placement": "name:Newsletter top"}]}, "placement"),
    (COLLECTION, {"filterType": "any-tags", "ids": ["name:Spring"]}, "tag"),
    (COLLECTION, {"filterType": "offers", "ids": ["name:Voucher"]}, "personalized"),
    (COLLECTION, {"filterType": "offers", "ids": ["name:Everyone"]}, "fallback"),
    (COLLECTION, {"ids": ["name:Spring"]}, "tag"),
    (DECISION, {"fallback": "name:Everyone"}, "fallback"),
    (DECISION, {"criteria": [{"placements": ["name:Newsletter top"]}]}, "placement"),
    (DECISION, {"criteria": [{"optionSelection": {"filter": "name:Spring set"}}]}, "collection"),
    (DECISION, {"criteria": [{"profileConstraint": {"eligibilityRule": "name: Gold members "}}]}, "rule"),
]


@pytest.mark.parametrize(("kind", "document", "meant"), PLACES)
def test_a_name_becomes_the_id_wherever_one_may_stand(
    library: OfferLibrary, emulator: Emulator, kind: Kind, document: dict[str, Any], meant: str
) -> None:
    ids = campaign(emulator)
    neutral = neutral_payload(document, kind)
    assert has_names(kind, neutral)
    found = resolved(library, kind, document)
    (pointing,) = pointings(kind.place, found)
    assert pointing.target == ids[meant]
    assert not has_names(kind, found)
    assert neutral == neutral_payload(document, kind)


@pytest.mark.parametrize(("kind", "document", "meant"), PLACES)
def test_a_name_in_a_patch_becomes_the_id(
    library: OfferLibrary, emulator: Emulator, kind: Kind, document: dict[str, Any], meant: str
) -> None:
    ids = campaign(emulator)
    (name, value), *_ = neutral_payload({**document}, kind).items()
    if name == "filterType":
        name, value = "ids", document["ids"]
    patch = [{"op": "add", "path": f"/{name}", "value": value}, {"op": "remove", "path": "/description"}]
    prepared = PreparedPatch(patch, kind)
    assert prepared.named
    changed = library.run(lambda access: patch_with_ids(access, prepared)).operations
    (pointing,) = pointings(kind.place, {name: changed[0]["value"]})
    assert pointing.target == ids[meant]
    assert changed[1] == patch[1]


@pytest.mark.parametrize(
    ("path", "value"),
    [("/representations/0/placement", "name:Newsletter top"), ("/tags/-", "name:Spring"), ("/tags/0", "name:Spring")],
)
def test_a_value_that_is_a_name_itself(library: OfferLibrary, emulator: Emulator, path: str, value: str) -> None:
    ids = campaign(emulator)
    patch = PreparedPatch([{"op": "replace", "path": path, "value": value}])
    (changed,) = library.run(lambda access: patch_with_ids(access, patch)).operations
    assert changed["value"] in ids.values()
    typed = TYPED_ID.fullmatch(changed["value"])
    assert typed is not None
    assert typed["type"] == ("tag" if "tags" in path else "offer-placement")


def test_only_what_refers_to_something_is_a_name(library: OfferLibrary, emulator: Emulator) -> None:
    document = {
        "name": "name:Voucher",
        "description": "name:Spring",
        "characteristics": {"placement": "name:x"},
        "representations": [{"components": [{"content": "name:y"}], "channel": "name:z"}],
        "unknown": {"placement": "name:u"},
    }
    assert not has_names(PERSONALIZED, document)
    assert resolved(library, PERSONALIZED, document) == document
    assert lookups(emulator) == 0


def test_each_name_is_looked_up_once_for_a_library(library: OfferLibrary, emulator: Emulator) -> None:
    campaign(emulator)
    document = {
        "representations": [{"placement": "name:Newsletter top"}, {"placement": "name:Newsletter top"}],
        "frequencyCappingConstraints": [{"placement": "name:Newsletter top"}],
    }
    first = resolved(library, PERSONALIZED, document)
    # A listed object is read, because the listing may lag.
    assert lookups(emulator) == 2
    assert resolved(library, FALLBACK, document)["representations"] == first["representations"]
    assert lookups(emulator) == 2


def test_a_name_that_went_to_another_object_is_looked_up_again(library: OfferLibrary, emulator: Emulator) -> None:
    old = library.create(TAG, {"name": "Spring"}).receipt.id
    assert resolved(library, PERSONALIZED, {"tags": ["name:Spring"]}) == {"tags": [old]}
    library.delete(TAG, "name:Spring")
    new = library.create(TAG, {"name": "Spring"}).receipt.id
    assert resolved(library, PERSONALIZED, {"tags": ["name:Spring"]}) == {"tags": [new]}


def test_a_renamed_object_is_not_found_by_its_old_name(library: OfferLibrary, emulator: Emulator, api: str) -> None:
    old = library.create(TAG, {"name": "Spring"}).receipt.id
    assert resolved(library, PERSONALIZED, {"tags": ["name:Spring"]}) == {"tags": [old]}
    path = "/name" if api == "dps" else "/_instance/xdm:name"
    library.patch(TAG, old, [{"op": "replace", "path": path, "value": "Summer"}])
    with pytest.raises(NotFoundError, match="'Spring'"):
        resolved(library, PERSONALIZED, {"tags": ["name:Spring"]})
    new = library.create(TAG, {"name": "Spring"}).receipt.id
    assert resolved(library, PERSONALIZED, {"tags": ["name:Spring", "name:Summer"]}) == {"tags": [new, old]}


# dps documents no replacement.
@pytest.mark.parametrize("api", ["xcore"], indirect=True)
def test_an_object_that_is_replaced_is_not_found_by_its_old_name(
    library: OfferLibrary, emulator: Emulator, api: str
) -> None:
    ids = campaign(emulator)
    listed = {"filterType": "offers", "ids": ["name:Voucher"]}
    assert resolved(library, COLLECTION, listed)["ids"] == [ids["personalized"]]
    library.replace(PERSONALIZED, ids["personalized"], offer("Coupon", ids["placement"]))
    with pytest.raises(NotFoundError, match="'Voucher'"):
        resolved(library, COLLECTION, listed)
    assert resolved(library, COLLECTION, {**listed, "ids": ["name:Coupon"]})["ids"] == [ids["personalized"]]


def test_names_stay_known_after_edits_of_something_else(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator)
    resolved(library, PERSONALIZED, {"tags": ["name:Spring"]})
    library.patch(TAG, ids["tag"], [{"op": "add", "path": "/description", "value": "name"}])
    before = lookups(emulator)
    resolved(library, PERSONALIZED, {"tags": ["name:Spring"]})
    assert lookups(emulator) == before


# An instance id is an address on generation 1 only.
@pytest.mark.parametrize("api", ["xcore"], indirect=True)
def test_what_is_deleted_by_its_instance_id_is_forgotten(library: OfferLibrary, emulator: Emulator, api: str) -> None:
    made = library.create(TAG, {"name": "Spring"}).receipt
    assert resolved(library, PERSONALIZED, {"tags": ["name:Spring"]}) == {"tags": [made.id]}
    library.delete(TAG, made.instance_id)
    new = library.create(TAG, {"name": "Spring"}).receipt.id
    assert resolved(library, PERSONALIZED, {"tags": ["name:Spring"]}) == {"tags": [new]}


@pytest.mark.parametrize("how", ["any-tags", "all-tags", "offers"])
@pytest.mark.parametrize("told_by", ["patch", "collection"])
def test_the_filter_type_tells_what_a_name_in_a_patch_is_of(
    library: OfferLibrary, emulator: Emulator, how: str, told_by: str
) -> None:
    ids = campaign(emulator)
    twin = seed(emulator, "personalized-offer", **offer("Spring", ids["placement"]))
    meant, other = (twin, ids["tag"]) if how == "offers" else (ids["tag"], twin)
    of_collection = how if told_by == "collection" else "any-tags" if how == "offers" else "offers"
    there = seed(emulator, "offer-filter", name="Some", filterType=of_collection, ids=[])
    patch: list[dict[str, Any]] = [{"op": "add", "path": "/ids", "value": ["name:Spring"]}]
    if told_by == "patch":
        patch.insert(0, {"op": "replace", "path": "/filterType", "value": how})
    library.patch(COLLECTION, there, patch)
    entity = library.get(COLLECTION, there)
    assert entity is not None
    assert entity.properties["ids"] == [meant]
    assert other not in entity.properties["ids"]


def test_a_name_of_another_kind_than_a_collection_lists_is_unknown(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator)
    with pytest.raises(NotFoundError, match="there is no such collection qualifier"):
        library.patch(COLLECTION, ids["collection"], [{"op": "add", "path": "/ids/-", "value": "name:Voucher"}])


@pytest.mark.parametrize("spelled", [" name:Spring", "\nname: Spring\n", "name:Spring "])
def test_blanks_around_a_name_do_not_count(library: OfferLibrary, emulator: Emulator, spelled: str) -> None:
    ids = campaign(emulator)
    assert has_names(PERSONALIZED, {"tags": [spelled]})
    assert resolved(library, PERSONALIZED, {"tags": [spelled]}) == {"tags": [ids["tag"]]}


def test_every_unknown_name_is_told_at_once(library: OfferLibrary, emulator: Emulator) -> None:
    campaign(emulator)
    document = {
        "representations": [{"placement": "name:Newsletter top"}, {"placement": "name:Nowhere"}],
        "tags": ["name:Autumn"],
    }
    with pytest.raises(NotFoundError) as caught:
        resolved(library, PERSONALIZED, document)
    said = str(caught.value)
    assert "/representations/1/placement names 'Nowhere', but there is no such placement" in said
    assert "/tags/0 names 'Autumn', but there is no such collection qualifier" in said
    assert "in the sandbox 'prod'" in said


def test_every_ambiguous_name_is_told_at_once(library: OfferLibrary, emulator: Emulator) -> None:
    twins = [seed(emulator, "offer-placement", name="Twin") for _ in range(2)]
    with pytest.raises(AmbiguousNameError) as caught:
        resolved(library, PERSONALIZED, {"representations": [{"placement": "name:Twin"}]})
    assert "/representations/0/placement" in str(caught.value)
    assert set(caught.value.ids) == set(twins)
    with pytest.raises(AmbiguousNameError) as caught:
        library.get(PLACEMENT, "name:Twin")
    assert set(caught.value.ids) == set(twins)


def test_a_name_that_objects_of_two_kinds_have(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator)
    seed(emulator, "fallback-offer", name="Spring", status="approved")
    document = {"filterType": "any-tags", "ids": ["name:Spring"]}
    assert resolved(library, COLLECTION, document)["ids"] == [ids["tag"]]
    # Without the type, the name could mean both.
    with pytest.raises(AmbiguousNameError):
        resolved(library, COLLECTION, {"ids": ["name:Spring"]})


@pytest.mark.parametrize("name", ["100 % off*", 'A "quoted" one', "a,b", "ümlaut & co", "a==b", "a?b\\c", "name:x"])
def test_names_are_exact_whatever_they_hold(library: OfferLibrary, emulator: Emulator, name: str) -> None:
    wanted = seed(emulator, "tag", name=name)
    seed(emulator, "tag", name=f"{name} more")
    assert resolved(library, PERSONALIZED, {"tags": [f"name:{name}"]}) == {"tags": [wanted]}


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind.key not in ("formula", "decision")])
def test_every_kind_is_found_by_its_name(library: OfferLibrary, emulator: Emulator, kind: Kind, api: str) -> None:
    ids = campaign(emulator)
    name = next(each["body"]["name"] for each in emulator.objects() if each["id"] == ids[kind.key])
    there = library.run(lambda access: resolve(access, library.reference(kind, f"name:{name}")))
    assert there.id == ids[kind.key]
    assert (there.instance_id == there.id) == (api == "dps")
    entity = library.run(lambda access: read_now(access, library.reference(kind, f"name:{name}")))
    assert (entity.id, entity.name) == (ids[kind.key], name)


def test_names_mix_with_ids_in_what_is_read(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator)
    second = seed(emulator, "personalized-offer", **offer("Second", ids["placement"]))
    found = library.get_many([library.offer_reference("name:Voucher"), library.offer_reference(second)])
    assert [entity.id for entity in found] == [ids["personalized"], second]
    with pytest.raises(NotFoundError, match="name:Third"):
        library.get_many([library.offer_reference("name:Third"), library.offer_reference(second)])


def test_what_is_created_with_names_is_found_again_by_its_ids(library: OfferLibrary, emulator: Emulator) -> None:
    """A repeated creation compares the existing object by ids, not by names."""
    ids = campaign(emulator)
    wanted = {
        "name": "Named",
        "status": "draft",
        "selectionConstraint": OPEN,
        "rank": {"priority": 1},
        "tags": ["name:Spring"],
    }
    made = library.create(PERSONALIZED, wanted)
    assert library.create(PERSONALIZED, wanted, if_exists="update").action == "unchanged"
    entity = library.get(PERSONALIZED, made.receipt.id)
    assert entity is not None
    assert entity.properties["tags"] == [ids["tag"]]
    assert library.patch(
        PERSONALIZED,
        "name:Named",
        [{"op": "test", "path": "/tags/0", "value": "name:Spring"}, {"op": "remove", "path": "/tags/0"}],
    )


@pytest.mark.parametrize("empty", ["name:", "name:  ", " name:", "  "])
def test_an_empty_name_is_refused_before_anything_is_sent(
    library: OfferLibrary, emulator: Emulator, empty: str
) -> None:
    with pytest.raises(InvalidInputError, match="/tags/0"):
        library.create(PERSONALIZED, offer("x", "p", tags=[empty]))
    assert lookups(emulator) == 0


WRITES_OF_A_TAG: dict[str, Callable[[OfferLibrary, str, str], Any]] = {
    "create": lambda library, _, tag: library.create(PERSONALIZED, offer("Another", Emulator.PLACEMENT_ID, tags=[tag])),
    "patch": lambda library, given, tag: library.patch(
        PERSONALIZED, given, [{"op": "replace", "path": "/tags", "value": [tag]}]
    ),
    "replace": lambda library, given, tag: library.replace(
        PERSONALIZED, given, offer("One", Emulator.PLACEMENT_ID, tags=[tag])
    ),
}


@pytest.mark.parametrize("write", WRITES_OF_A_TAG)
def test_a_refused_id_that_may_be_a_name_gets_a_hint(library: OfferLibrary, write: str) -> None:
    """Text with a digit may be an id, so that only the service can refuse it."""
    made = library.create(PERSONALIZED, offer("One", Emulator.PLACEMENT_ID)).receipt.id
    refused = (BadRequestError, RejectedError)
    with pytest.raises(refused) as caught:
        WRITES_OF_A_TAG[write](library, made, "Summer2024")
    hint = "'Summer2024' was sent as an id; did you mean 'name:Summer2024'?"
    assert caught.value.hint == hint
    assert str(caught.value).endswith(f"\n  {hint}")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    for certain in ("xcore:tag:ffffffffffffffff", "0f32d8a0-1619-11f1-9d55-1b1f0c9a7e21"):
        with pytest.raises(refused) as caught:
            WRITES_OF_A_TAG[write](library, made, certain)
        assert caught.value.hint is None


def test_a_hint_is_about_the_quoted_texts_or_about_the_first_ones() -> None:
    document = {"tags": [f"Summer202{number}" for number in range(6)]}
    found = list(pointings(PERSONALIZED.place, document))

    def told(detail: str) -> str | None:
        error = BadRequestError(method="POST", path="/offers", status=400, detail=detail, hint="Read the page.")
        return name_hinted(error, found).hint

    def hint(number: int) -> str:
        return f"\n  'Summer202{number}' was sent as an id; did you mean 'name:Summer202{number}'?"

    assert told("there is no Summer2024") == "Read the page." + hint(4)
    assert told("something is wrong") == "Read the page." + hint(0) + hint(1) + hint(2)


def test_the_given_document_keeps_its_names(library: OfferLibrary, emulator: Emulator) -> None:
    """The ids go into a copy: the next try uses the task's document again."""
    seed(emulator, "tag", name="Red")
    given: dict[str, Any] = {"name": "Voucher", "tags": ["name:Red"]}
    made = library.run(lambda access: with_ids(access, PERSONALIZED, given))
    assert made["tags"] != ["name:Red"]
    assert given == {"name": "Voucher", "tags": ["name:Red"]}
