"""Finding the references to an object, and deletions that respect them, against the emulator on both generations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_offers.client.errors import ConflictError, NotFoundError
from airflow_provider_offers.client.flows import cascading, deleting, referring
from airflow_provider_offers.client.flows.cascading import delete_object
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.flows.referring import referrers, referring_kinds
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.entities import Deleted
from airflow_provider_offers.client.model.kinds import (
    COLLECTION,
    DECISION,
    FALLBACK,
    FORMULA,
    KINDS,
    PERSONALIZED,
    PLACEMENT,
    RULE,
    TAG,
    Kind,
    kind_of,
)
from airflow_provider_offers.client.model.query import parse_query
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.emulator import Emulator
from tests.client.campaign import campaign, decision, offer, seed


def users(library: OfferLibrary, kind: Kind, *ids: str) -> dict[str, tuple[str, ...]]:
    found = library.run(lambda access: referrers(access, kind, ids))
    return {each.entity.id: each.pointers for each in found}


def remove(library: OfferLibrary, kind: Kind, identifier: str, **options: Any) -> Deleted:
    done = library.edit(kind, identifier, lambda access, reference: delete_object(access, reference, **options))
    assert isinstance(done, Deleted)
    return done


def whole(emulator: Emulator, **changes: Any) -> dict[str, str]:
    ids = campaign(emulator)
    return {**ids, "decision": seed(emulator, "offer-activity", **decision(ids, **changes))}


def left(emulator: Emulator, ids: dict[str, str]) -> set[str]:
    """The keys of the remaining objects."""
    there = {each["id"] for each in emulator.objects()}
    return {key for key, identifier in ids.items() if identifier in there}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (TAG, [PERSONALIZED, FALLBACK, COLLECTION]),
        (RULE, [PERSONALIZED, FALLBACK, DECISION]),
        (FORMULA, [PERSONALIZED, FALLBACK, DECISION]),
        (PLACEMENT, [PERSONALIZED, FALLBACK, DECISION]),
        (PERSONALIZED, [COLLECTION]),
        (FALLBACK, [COLLECTION, DECISION]),
        (COLLECTION, [DECISION]),
        (DECISION, []),
    ],
)
def test_which_kinds_may_refer_to_which(kind: Kind, expected: list[Kind]) -> None:
    assert referring_kinds(kind) == expected


def test_who_refers_to_what_and_where(library: OfferLibrary, emulator: Emulator) -> None:
    ids = whole(emulator)
    offer_place, first = ("/representations/0/placement",), ("/criteria/0/placements/0",)
    assert users(library, PLACEMENT, ids["placement"]) == {
        ids["personalized"]: offer_place,
        ids["fallback"]: offer_place,
        ids["decision"]: first,
    }
    assert users(library, TAG, ids["tag"]) == {ids["personalized"]: ("/tags/0",), ids["collection"]: ("/ids/0",)}
    assert users(library, RULE, ids["rule"]) == {ids["decision"]: ("/criteria/0/profileConstraint/eligibilityRule",)}
    assert users(library, COLLECTION, ids["collection"]) == {ids["decision"]: ("/criteria/0/optionSelection/filter",)}
    assert users(library, FALLBACK, ids["fallback"]) == {ids["decision"]: ("/fallback",)}
    assert users(library, PERSONALIZED, ids["personalized"]) == {}
    assert users(library, DECISION, ids["decision"]) == {}


def test_a_listing_that_lags_names_nobody_who_is_gone(library: OfferLibrary, emulator: Emulator) -> None:
    emulator.clock.freeze("2026-05-01T12:00:00Z")
    ids = whole(emulator)
    emulator.clock.advance(60)
    emulator.configure(list_lag=30, index_lag=30)
    library.delete(DECISION, ids["decision"])
    assert [each.id for each in library.search(DECISION, parse_query())] == [ids["decision"]]
    assert users(library, COLLECTION, ids["collection"]) == {}
    assert remove(library, COLLECTION, ids["collection"]).action == "deleted"


def test_looking_stops_where_enough_is_known(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator)
    for number in range(30):
        seed(emulator, "personalized-offer", **offer(f"Tagged {number}", ids["placement"], tags=[ids["tag"]]))
    emulator.clear_journal()
    with pytest.raises(ConflictError, match="and more"):
        remove(library, TAG, ids["tag"])
    assert len(emulator.journal(path="/data/core/*")) <= 15


@pytest.mark.parametrize("key", ["tag", "placement", "rule", "collection", "fallback"])
def test_what_is_used_stays_and_its_users_are_named(library: OfferLibrary, emulator: Emulator, key: str) -> None:
    emulator.configure(dps_delete_referenced=200)
    ids = whole(emulator)
    with pytest.raises(ConflictError) as caught:
        remove(library, kind_of(key), ids[key])
    assert caught.value.status == 409
    named = [each for each in ids if each != key and ids[each] in str(caught.value)]
    assert (
        named
        == {
            "tag": ["personalized", "collection"],
            "placement": ["personalized", "fallback", "decision"],
            "rule": ["decision"],
            "collection": ["decision"],
            "fallback": ["decision"],
        }[key]
    )
    assert left(emulator, ids) == set(ids)


@pytest.mark.parametrize(
    ("key", "order", "stays"),
    [
        ("decision", [], {"placement", "tag", "rule", "personalized", "fallback", "collection"}),
        ("collection", ["decision"], {"placement", "tag", "rule", "personalized", "fallback"}),
        ("fallback", ["decision"], {"placement", "tag", "rule", "personalized", "collection"}),
        ("rule", ["decision"], {"placement", "tag", "personalized", "fallback", "collection"}),
        ("tag", ["decision", "collection", "personalized"], {"placement", "rule", "fallback"}),
        ("placement", ["decision", "fallback", "personalized"], {"tag", "rule", "collection"}),
    ],
)
@pytest.mark.parametrize("status", ["draft", "live"])
def test_a_cascade_deletes_in_order_and_no_more(
    library: OfferLibrary, emulator: Emulator, key: str, order: list[str], stays: set[str], status: str
) -> None:
    ids = whole(emulator, status=status)
    done = remove(library, kind_of(key), ids[key], cascade=True)
    keys = {identifier: each for each, identifier in ids.items()}
    assert [keys[each.id] for each in done.cascaded] == order
    assert left(emulator, ids) == stays
    # No object is deleted while another refers to it: the emulator would have refused it.
    refused = [entry for entry in emulator.journal(method="DELETE") if entry.status not in (200, 202)]
    assert refused == []


def test_a_cascade_takes_back_what_is_shown_before_it_goes(library: OfferLibrary, emulator: Emulator) -> None:
    ids = whole(emulator, status="live")
    remove(library, TAG, ids["tag"], cascade=True)
    writes = [entry for entry in emulator.journal(path="/data/core/*") if entry.method != "GET"]
    assert [entry.method for entry in writes] == ["PATCH", "DELETE", "DELETE", "PATCH", "DELETE", "DELETE"]


def test_a_fallback_that_is_listed_in_a_collection_goes_after_it(library: OfferLibrary, emulator: Emulator) -> None:
    """A fallback uses the placement, a collection lists the fallback, and the decision uses the collection."""
    ids = campaign(emulator)
    listed = seed(emulator, "offer-filter", name="Listed", filterType="offers", ids=[ids["fallback"]])
    ids = {**ids, "listed": listed}
    ids["decision"] = seed(emulator, "offer-activity", **decision({**ids, "collection": listed}))
    done = remove(library, PLACEMENT, ids["placement"], cascade=True)
    keys = {identifier: each for each, identifier in ids.items()}
    assert [keys[each.id] for each in done.cascaded] == ["decision", "listed", "fallback", "personalized"]


@pytest.mark.parametrize("cascade", [True, False])
@pytest.mark.parametrize("named", ["name:Nothing", "dps:tag:1c265317da41ffff"])
def test_what_is_not_there(library: OfferLibrary, emulator: Emulator, cascade: bool, named: str) -> None:
    with pytest.raises(NotFoundError):
        remove(library, TAG, named, cascade=cascade)
    assert remove(library, TAG, named, cascade=cascade, missing_ok=True).action == "unchanged"


# An instance id is an address on generation 1 only.
@pytest.mark.parametrize("api", ["xcore"], indirect=True)
def test_an_object_is_deleted_by_its_instance_id(library: OfferLibrary, emulator: Emulator, api: str) -> None:
    ids = whole(emulator)
    instance = next(each["instance_id"] for each in emulator.objects("tag") if each["id"] == ids["tag"])
    with pytest.raises(ConflictError, match="'Spring set'"):
        remove(library, TAG, instance)


@pytest.mark.parametrize("edited", [0, 7])
def test_who_is_edited_between_two_pages_is_found_all_the_same(
    library: OfferLibrary, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, edited: int
) -> None:
    """In a listing sorted by the last edit, an edited object moves to a page that was already read."""
    tag, placement = seed(emulator, "tag", name="Rare"), seed(emulator, "offer-placement", name="Top")
    offers = [
        seed(emulator, "personalized-offer", **offer(f"Offer {each}", placement, tags=[tag] if each == edited else []))
        for each in range(8)
    ]
    pages: list[int] = []
    actual = Listing.advance

    def interrupted(self: Listing) -> Any:
        page = yield from actual(self)
        pages.append(len(page or ()))
        if len(pages) == 1:
            change = [{"op": "add", "path": "/description", "value": "edited"}]
            library.patch(PERSONALIZED, offers[edited], change)
        return page

    monkeypatch.setattr(referring, "_PAGE", 3)
    monkeypatch.setattr(Listing, "advance", interrupted)
    assert users(library, TAG, tag) == {offers[edited]: ("/tags/0",)}
    assert len(pages) > 2


@pytest.mark.parametrize("refusal", [400, 409, 422])
@pytest.mark.parametrize("cascade", [True, False])
def test_who_refers_to_it_after_the_look_is_named_too(
    library: OfferLibrary, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, refusal: int, cascade: bool
) -> None:
    emulator.configure(dps_delete_referenced=refusal)
    # Generation 1 accepts a deletion first and refuses it later; another test covers how long that may take.
    monkeypatch.setattr(deleting, "_GRACE_SECONDS", 0.5)
    tag = seed(emulator, "tag", name="Lonely")
    late: list[str] = []
    actual = deleting.delete

    def overtaken(*arguments: Any, **options: Any) -> Any:
        if not late:
            late.append(seed(emulator, "offer-filter", name="Late", filterType="any-tags", ids=[tag]))
        return (yield from actual(*arguments, **options))

    monkeypatch.setattr(cascading, "delete", overtaken)
    with pytest.raises(ConflictError, match="the service refused to delete it") as caught:
        remove(library, TAG, tag, cascade=cascade)
    assert "the collection 'Late'" in str(caught.value)
    assert "at /ids/0" in str(caught.value)
    assert left(emulator, {"tag": tag, "late": late[0]}) == {"tag", "late"}


class _Meanwhile:
    """Calls a function once, right after that call of a flow."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, happens: Callable[[], object]) -> None:
        self.is_over = False
        actual = getattr(cascading, name)

        def followed(*arguments: Any, **options: Any) -> Any:
            done = yield from actual(*arguments, **options)
            if not self.is_over:
                self.is_over = True
                happens()
            return done

        monkeypatch.setattr(cascading, name, followed)


@pytest.mark.parametrize(
    ("moment", "status"),
    # A draft does not need to be taken back.
    [("_direct_and_indirect_referrers", "draft"), ("delete", "draft")]
    + [(moment, "live") for moment in ("_direct_and_indirect_referrers", "delete", "_take_back")],
)
def test_a_cascade_spares_what_points_elsewhere_by_then(
    library: OfferLibrary, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, moment: str, status: str
) -> None:
    ids = campaign(emulator)
    for number in range(3):
        ids[f"d{number}"] = seed(emulator, "offer-activity", **decision(ids, name=f"D{number}", status=status))
    other = seed(emulator, "offer-filter", name="Other", filterType="any-tags", ids=[ids["tag"]])

    def moves() -> None:
        change = [{"op": "replace", "path": "/criteria/0/optionSelection/filter", "value": other}]
        for each in emulator.objects("offer-activity"):
            library.patch(DECISION, each["id"], change)

    _Meanwhile(monkeypatch, moment, moves)
    done = remove(library, COLLECTION, ids["collection"], cascade=True)
    assert len(done.cascaded) == (1 if moment == "delete" else 0)
    assert len(left(emulator, ids) & {"d0", "d1", "d2"}) == 3 - len(done.cascaded)
    assert "collection" not in left(emulator, ids)


def test_a_cascade_spares_what_pointed_there_through_another_that_does_no_more(
    library: OfferLibrary, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = whole(emulator)
    other = seed(emulator, "tag", name="Other")
    change = [{"op": "replace", "path": "/ids/0", "value": other}]
    _Meanwhile(
        monkeypatch,
        "_direct_and_indirect_referrers",
        lambda: library.patch(COLLECTION, ids["collection"], change),
    )
    done = remove(library, TAG, ids["tag"], cascade=True)
    assert [each.id for each in done.cascaded] == [ids["personalized"]]
    assert left(emulator, ids) == set(ids) - {"tag", "personalized"}


@pytest.mark.parametrize("refusal", [400, 409, 422])
def test_a_plain_deletion_that_is_refused_names_who_refers(
    library: OfferLibrary, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    emulator.configure(dps_delete_referenced=refusal)
    monkeypatch.setattr(deleting, "_GRACE_SECONDS", 0.5)
    ids = campaign(emulator)
    lone = seed(emulator, "personalized-offer", **offer("Lone", ids["placement"]))
    listed = seed(emulator, "offer-filter", name="Listed", filterType="offers", ids=[ids["personalized"]])

    def plainly(identifier: str) -> str:
        return library.edit(PERSONALIZED, identifier, deleting.delete_written).action

    with pytest.raises(ConflictError, match="the service refused to delete it") as caught:
        plainly(ids["personalized"])
    assert f"the collection 'Listed' ({listed}) at /ids/0" in str(caught.value)
    assert ids["personalized"] in {each["id"] for each in emulator.objects()}
    emulator.clear_journal()
    assert plainly(lone) == "deleted"
    # Generation 1 looks up the id for its addresses; no flow searches for referring objects.
    assert len(emulator.journal(route="*.list")) == {"dps": 0, "xcore": 1}[library.settings.api]


@pytest.mark.parametrize("cascade", [True, False])
def test_references_to_what_is_gone_are_left_alone(library: OfferLibrary, emulator: Emulator, cascade: bool) -> None:
    emulator.configure(dps_delete_referenced=200)
    ids = whole(emulator)
    connection = emulator.connection("dps")
    connection.pop("conn_type")
    with OfferLibrary(parse_settings(**connection)) as dps:
        dps.edit(TAG, ids["tag"], deleting.delete_written)
    assert remove(library, TAG, ids["tag"], cascade=cascade, missing_ok=True).action == "unchanged"
    with pytest.raises(NotFoundError):
        remove(library, TAG, ids["tag"], cascade=cascade)
    assert left(emulator, ids) == set(ids) - {"tag"}


def test_the_table_has_no_cycle() -> None:
    order = list(KINDS.values())
    for kind in order:
        assert all(order.index(each) > order.index(kind) for each in referring_kinds(kind))
