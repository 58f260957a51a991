"""The reasons against a decision going live, each by its name, against the emulator on both generations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_offers.client.errors import APIError, ConflictError, NotPublishableError
from airflow_provider_offers.client.flows import editing, supplies
from airflow_provider_offers.client.flows.deleting import delete_written
from airflow_provider_offers.client.flows.editing import take_step
from airflow_provider_offers.client.flows.golive import REASONS, check_decision
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.flows.supplies import shown_in
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.kinds import COLLECTION, DECISION, FALLBACK, PERSONALIZED, Kind
from airflow_provider_offers.client.model.lifecycle import ACTIVATE
from airflow_provider_offers.emulator import Emulator
from tests.client.campaign import OPEN, campaign, decision, offer, seed, shown

NOW = datetime(2026, 3, 20, tzinfo=UTC)
NOWHERE = "dps:{}:1c265317da41ffff"


def findings(library: OfferLibrary, properties: dict[str, Any], *waive: str) -> dict[str, str]:
    return library.run(lambda access: check_decision(access, properties, NOW, waive))


def test_nothing_speaks_against_a_whole_decision(library: OfferLibrary, emulator: Emulator) -> None:
    assert findings(library, decision(campaign(emulator))) == {}


def _other(ids: dict[str, str], **changes: Any) -> dict[str, Any]:
    """The decision with its only criterion changed; a tuple of two keys names a nested member."""
    criterion: dict[str, Any] = decision(ids)["criteria"][0]
    return decision(ids, criteria=[{**criterion, **changes}])


@pytest.mark.parametrize(
    ("changes", "reason", "said"),
    [
        ({"startDate": None}, "no_window", "startDate and a later endDate"),
        ({"endDate": "2025-01-01T00:00:00Z"}, "no_window", "a later endDate"),
        ({**OPEN, "endDate": "2026-02-01T00:00:00Z"}, "window_over", "2026-02-01T00:00:00Z"),
        ({"criteria": None}, "no_criteria", "no criterion"),
        ({"criteria": []}, "no_criteria", "no criterion"),
        ({"fallback": None}, "no_fallback", "no fallback offer"),
        ({"fallback": NOWHERE.format("fallback-offer")}, "missing_fallback", NOWHERE.format("fallback-offer")),
    ],
)
def test_what_the_decision_itself_lacks(
    library: OfferLibrary, emulator: Emulator, changes: dict[str, Any], reason: str, said: str
) -> None:
    found = findings(library, decision(campaign(emulator), **changes))
    assert list(found) == [reason]
    assert said in found[reason]


@pytest.mark.parametrize(
    ("criterion", "reasons"),
    [
        (
            {"placements": [NOWHERE.format("offer-placement")]},
            ["missing_placement", "fallback_lacks_placement", "no_offer_to_show"],
        ),
        ({"optionSelection": {"filter": NOWHERE.format("offer-filter")}}, ["missing_collection"]),
        ({"profileConstraint": {"eligibilityRule": NOWHERE.format("eligibility-rule")}}, ["missing_rule"]),
    ],
)
def test_what_the_decision_refers_to_in_vain(
    library: OfferLibrary, emulator: Emulator, criterion: dict[str, Any], reasons: list[str]
) -> None:
    found = findings(library, _other(campaign(emulator), **criterion))
    assert list(found) == reasons
    assert "1c265317da41ffff" in found[reasons[0]]


# Generation 1 documents no calls for formulas.
@pytest.mark.parametrize("api", ["dps"], indirect=True)
def test_a_formula_that_is_not_there(library: OfferLibrary, emulator: Emulator, api: str) -> None:
    order = {"orderEvaluationType": "scoringFunction", "function": NOWHERE.format("ranking-function")}
    found = findings(library, _other(campaign(emulator), rank={"priority": 0, "order": order}))
    assert list(found) == ["missing_formula"]


def test_the_fallback_must_cover_every_placement_and_be_approved(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator, fallback={"status": "draft"})
    second = seed(emulator, "offer-placement", name="Newsletter bottom")
    found = findings(library, _other(ids, placements=[ids["placement"], second]))
    assert list(found) == ["fallback_not_approved", "fallback_lacks_placement"]
    assert "'Everyone'" in found["fallback_not_approved"]
    assert "'draft'" in found["fallback_not_approved"]
    assert "'Newsletter bottom'" in found["fallback_lacks_placement"]
    assert "'Newsletter top'" not in found["fallback_lacks_placement"]


@pytest.mark.parametrize(("number", "said"), [(1, "which does not exist"), (2, "which do not exist")])
def test_a_collection_may_list_offers_that_are_gone(
    library: OfferLibrary, emulator: Emulator, number: int, said: str
) -> None:
    emulator.configure(missing_references="allow")
    gone = [f"dps:personalized-offer:1c265317da41fff{each}" for each in range(number)]
    found = findings(library, decision(campaign(emulator, collection={"filterType": "offers", "ids": gone})))
    assert f"lists {', '.join(gone)}, {said}" in found["missing_offer"]


@pytest.mark.parametrize(
    ("collection", "reason"),
    [
        ({"ids": []}, "empty_collection"),
        ({"filterType": "offers", "ids": []}, "empty_collection"),
    ],
)
def test_a_collection_without_ids_is_empty(
    library: OfferLibrary, emulator: Emulator, collection: dict[str, Any], reason: str
) -> None:
    found = findings(library, decision(campaign(emulator, collection=collection)))
    assert list(found) == [reason]
    assert "'Spring set'" in found[reason]


@pytest.mark.parametrize(
    ("how", "tags", "status", "reasons"),
    [
        ("any-tags", ["tag"], "approved", []),
        ("any-tags", ["tag"], "draft", ["offers_not_approved"]),
        ("any-tags", [], "approved", ["empty_collection"]),
        ("any-tags", ["other"], "approved", []),
        ("all-tags", ["tag"], "approved", ["empty_collection"]),
        ("all-tags", ["tag", "other"], "approved", []),
        ("all-tags", ["tag", "other"], "archived", ["offers_not_approved"]),
    ],
)
def test_a_collection_by_qualifiers_needs_one_approved_offer(
    library: OfferLibrary, emulator: Emulator, how: str, tags: list[str], status: str, reasons: list[str]
) -> None:
    ids = campaign(emulator, personalized={"tags": []})
    ids["other"] = seed(emulator, "tag", name="Summer")
    ids["collection"] = seed(emulator, "offer-filter", name="By tags", filterType=how, ids=[ids["tag"], ids["other"]])
    seed(
        emulator,
        "personalized-offer",
        **offer("Tagged", ids["placement"], tags=[ids[each] for each in tags], status=status),
    )
    assert list(findings(library, decision(ids))) == reasons


def test_every_offer_that_a_collection_lists_must_be_there_and_approved(
    library: OfferLibrary, emulator: Emulator
) -> None:
    ids = campaign(emulator)
    draft = seed(emulator, "personalized-offer", **offer("Unready", ids["placement"], status="draft"))
    listed = [ids["personalized"], ids["fallback"], draft]
    ids["collection"] = seed(emulator, "offer-filter", name="Listed", filterType="offers", ids=listed)
    found = findings(library, decision(ids))
    assert list(found) == ["offers_not_approved"]
    assert "'Unready'" in found["offers_not_approved"]
    assert "'Voucher'" not in found["offers_not_approved"]


def test_an_offer_that_is_gone_from_a_collection(library: OfferLibrary, emulator: Emulator) -> None:
    emulator.configure(dps_delete_referenced=200)
    ids = campaign(emulator)
    gone = seed(emulator, "personalized-offer", **offer("Gone", ids["placement"]))
    ids["collection"] = seed(
        emulator, "offer-filter", name="Listed", filterType="offers", ids=[ids["personalized"], gone]
    )
    connection = emulator.connection("dps")
    connection.pop("conn_type")
    from airflow_provider_offers.client.settings import parse_settings

    with OfferLibrary(parse_settings(**connection)) as dps:
        dps.edit(PERSONALIZED, gone, delete_written)
    found = findings(library, decision(ids))
    assert list(found) == ["missing_offer"]
    assert gone in found["missing_offer"]


ENDED = {"startDate": "2026-01-01T00:00:00Z", "endDate": "2026-02-01T00:00:00Z"}


@pytest.mark.parametrize("how", ["offers", "any-tags"])
@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({}, []),
        ({"selectionConstraint": ENDED}, ["no_offer_to_show"]),
        ({"representations": []}, ["no_offer_to_show"]),
        ({"representations": "elsewhere"}, ["no_offer_to_show"]),
        ({"status": "draft"}, ["offers_not_approved"]),
    ],
)
def test_each_criterion_needs_an_offer_that_can_be_shown(
    library: OfferLibrary, emulator: Emulator, how: str, changes: dict[str, Any], reasons: list[str]
) -> None:
    ids = campaign(emulator)
    if changes.get("representations") == "elsewhere":
        elsewhere = seed(emulator, "offer-placement", name="Elsewhere")
        caps = [{"limit": 1, "scope": "global", "entity": "placement", "placement": ids["placement"]}]
        changes = {"representations": shown(elsewhere), "frequencyCappingConstraints": caps}
    other = seed(emulator, "tag", name="Other")
    only = seed(emulator, "personalized-offer", **offer("Only", ids["placement"], tags=[other], **changes))
    listed = [only] if how == "offers" else [other]
    ids["collection"] = seed(emulator, "offer-filter", name="Few", filterType=how, ids=listed)
    found = findings(library, decision(ids))
    assert list(found) == reasons
    if reasons == ["no_offer_to_show"]:
        assert "'Few'" in found["no_offer_to_show"]
        assert "/criteria/0" in found["no_offer_to_show"]


@pytest.mark.parametrize("how", ["offers", "any-tags"])
@pytest.mark.parametrize(
    ("window", "reasons"),
    [
        ({"startDate": "2026-01-01T00:00:00Z", "endDate": "2027-01-01T00:00:00Z"}, ["no_offer_to_show"]),
        ({"startDate": "2026-01-01T00:00:00Z", "endDate": "2030-01-01T00:00:00Z"}, ["no_offer_to_show"]),
        ({"startDate": "2026-01-01T00:00:00Z", "endDate": "2030-01-01T00:00:01Z"}, []),
        ({"startDate": "2030-12-31T23:59:59Z", "endDate": "2032-01-01T00:00:00Z"}, []),
        ({"startDate": "2031-01-01T00:00:00Z", "endDate": "2032-01-01T00:00:00Z"}, ["no_offer_to_show"]),
    ],
)
def test_an_offer_counts_only_if_its_window_and_the_decisions_overlap(
    library: OfferLibrary, emulator: Emulator, how: str, window: dict[str, str], reasons: list[str]
) -> None:
    ids = campaign(emulator, personalized={"selectionConstraint": window})
    if how == "offers":
        ids["collection"] = seed(emulator, "offer-filter", name="Few", filterType=how, ids=[ids["personalized"]])
    later = decision(ids, startDate="2030-01-01T00:00:00Z", endDate="2031-01-01T00:00:00Z")
    assert list(findings(library, later)) == reasons


def test_of_a_decision_under_way_what_is_left_counts(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator, personalized={"selectionConstraint": ENDED})
    # It overlaps with the decision's window, but only in the past.
    assert list(findings(library, decision(ids))) == ["no_offer_to_show"]


NO_RULE = {"profileConstraintType": "eligibilityRule"}


def test_a_criterion_by_a_rule_that_it_does_not_name_is_for_nobody(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator)
    found = findings(library, _other(ids, profileConstraint=NO_RULE))
    assert list(found) == ["rule_not_named"]
    assert "/criteria/0" in found["rule_not_named"]
    assert findings(library, _other(ids, profileConstraint=NO_RULE), "rule_not_named") == {}
    # Without a type, nobody is excluded; a constraint by segments needs no rule.
    for fine in ({}, {"profileConstraintType": "none"}, {"profileConstraintType": "anySegments"}):
        assert findings(library, _other(ids, profileConstraint=fine)) == {}


@pytest.mark.parametrize("how", ["offers", "any-tags"])
def test_an_offer_by_a_rule_that_it_does_not_name_is_nothing_to_show(
    library: OfferLibrary, emulator: Emulator, how: str
) -> None:
    ids = campaign(emulator, personalized={"name": "Ruled", "selectionConstraint": {**OPEN, **NO_RULE}})
    listed = [ids["personalized"]]
    if how == "offers":
        ids["collection"] = seed(emulator, "offer-filter", name="Few", filterType=how, ids=listed)
    found = findings(library, decision(ids))
    assert list(found) == ["rule_not_named", "no_offer_to_show"]
    assert "'Ruled'" in found["rule_not_named"]
    # It does no harm next to an offer that can be shown.
    listed.append(seed(emulator, "personalized-offer", **offer("Free", ids["placement"], tags=[ids["tag"]])))
    if how == "offers":
        ids["collection"] = seed(emulator, "offer-filter", name="More", filterType=how, ids=listed)
    assert findings(library, decision(ids)) == {}


def test_archived_offers_do_no_harm_beside_one_that_can_be_shown(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator)
    old = seed(emulator, "personalized-offer", **offer("Old", ids["placement"], status="archived"))
    both = [old, ids["personalized"]]
    ids["collection"] = seed(emulator, "offer-filter", name="Both", filterType="offers", ids=both)
    assert findings(library, decision(ids)) == {}
    ids["collection"] = seed(emulator, "offer-filter", name="Old one", filterType="offers", ids=[old])
    assert list(findings(library, decision(ids))) == ["offers_not_approved"]
    elsewhere = seed(emulator, "offer-placement", name="Elsewhere")
    away = seed(emulator, "personalized-offer", **offer("Away", elsewhere))
    ids["collection"] = seed(emulator, "offer-filter", name="Away", filterType="offers", ids=[old, away])
    assert list(findings(library, decision(ids))) == ["offers_not_approved", "no_offer_to_show"]


def test_fallbacks_alone_are_nothing_to_show(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator)
    ids["collection"] = seed(emulator, "offer-filter", name="Few", filterType="offers", ids=[ids["fallback"]])
    assert list(findings(library, decision(ids))) == ["no_offer_to_show"]


def test_one_collection_may_do_for_one_criterion_and_not_for_another(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator)
    second = seed(emulator, "offer-placement", name="Bottom")
    criteria = decision(ids)["criteria"]
    both = [*criteria, {**criteria[0], "placements": [second]}]
    found = findings(library, decision(ids, criteria=both), "fallback_lacks_placement")
    assert list(found) == ["no_offer_to_show"]
    assert "/criteria/1" in found["no_offer_to_show"]
    assert "/criteria/0" not in found["no_offer_to_show"]


def test_a_fallback_covers_a_placement_by_its_representations_only(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator)
    elsewhere = seed(emulator, "offer-placement", name="Elsewhere")
    caps = [{"limit": 1, "scope": "global", "entity": "placement", "placement": ids["placement"]}]
    properties = {"name": "Odd", "representations": shown(elsewhere), "frequencyCappingConstraints": caps}
    odd = Entity(FALLBACK, ids["fallback"], ids["fallback"], 1, properties)
    assert shown_in(odd) == {elsewhere}


def test_a_formula_does_not_keep_a_decision_from_going_live(
    library: OfferLibrary, emulator: Emulator, api: str
) -> None:
    """Generation 1 documents no calls for formulas, although its decisions name them."""
    ids = campaign(emulator)
    formula = seed(emulator, "ranking-function", name="Boost", expression={"type": "PQL", "value": "1"})
    order = {"orderEvaluationType": "scoringFunction", "function": formula}
    assert findings(library, _other(ids, rank={"priority": 0, "order": order})) == {}


def test_what_is_waived_is_not_looked_up(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator)
    library.run(lambda access: check_decision(access, {}, NOW))
    emulator.clear_journal()
    findings(library, decision(ids), *REASONS)
    assert emulator.journal(path="/data/core/*") == []
    findings(library, decision(ids), *(set(REASONS) - {"missing_rule"}))
    assert len(emulator.journal(path="/data/core/*")) == 1


def test_the_offers_are_looked_at_although_a_missing_collection_is_waived(
    library: OfferLibrary, emulator: Emulator
) -> None:
    ids = campaign(emulator, personalized={"status": "draft"})
    assert list(findings(library, decision(ids), "missing_collection")) == ["offers_not_approved"]


def test_who_is_edited_between_two_pages_of_offers_is_found(
    library: OfferLibrary, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = campaign(emulator)
    for number in range(6):
        seed(emulator, "personalized-offer", **offer(f"Other {number}", ids["placement"]))
    pages: list[int] = []
    actual = Listing.advance

    def interrupted(self: Listing) -> Any:
        page = yield from actual(self)
        if self in scans and not pages:
            pages.append(len(page or ()))
            change = [{"op": "add", "path": "/description", "value": "edited"}]
            library.patch(PERSONALIZED, ids["personalized"], change)
        return page

    scans: list[Listing] = []

    def scanned(*arguments: Any) -> Listing:
        scans.append(Listing(*arguments))
        return scans[-1]

    monkeypatch.setattr(supplies, "_PAGE", 2)
    monkeypatch.setattr(supplies, "Listing", scanned)
    monkeypatch.setattr(Listing, "advance", interrupted)
    assert findings(library, decision(ids)) == {}
    assert pages == [2]


def test_each_reason_can_be_waived_and_no_other_is_then_hidden(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator, fallback={"status": "draft"}, personalized={"status": "draft"})
    ids["placement"] = seed(emulator, "offer-placement", name="Other")
    bad = decision(ids, startDate=None)
    every = set(findings(library, bad))
    assert every == {"no_window", "fallback_not_approved", "fallback_lacks_placement", "offers_not_approved"}
    for reason in every:
        assert set(findings(library, bad, reason)) == every - {reason}
    assert findings(library, bad, *REASONS) == {}


def test_a_whole_decision_takes_few_requests(library: OfferLibrary, emulator: Emulator, api: str) -> None:
    ids = campaign(emulator)
    library.run(lambda access: check_decision(access, {}, NOW))
    emulator.clear_journal()
    findings(library, decision(ids))
    # Lookups of the placement and the rule, reads of the collection and the fallback (generation 1 needs a lookup for
    # each), a page of offers, and a read of the offer that can be shown.
    assert len(emulator.journal(path="/data/core/*")) == {"dps": 6, "xcore": 8}[api]


LAG = 30


def _lagging(emulator: Emulator, ids: dict[str, str], how: str) -> dict[str, Any]:
    """A decision about the campaign; from now on, the listings show an earlier state."""
    if how == "offers":
        ids["collection"] = seed(emulator, "offer-filter", name="Few", filterType=how, ids=[ids["personalized"]])
    emulator.clock.advance(2 * LAG)
    emulator.configure(list_lag=LAG, index_lag=LAG)
    return decision(ids)


def _set(library: OfferLibrary, identifier: str, kind: Kind, status: str) -> None:
    library.patch(kind, identifier, [{"op": "replace", "path": "/status", "value": status}])


@pytest.mark.parametrize("how", ["offers", "any-tags", "all-tags"])
def test_what_was_published_a_moment_ago_counts(library: OfferLibrary, emulator: Emulator, how: str) -> None:
    emulator.clock.freeze("2026-03-20T12:00:00Z")
    draft = {"status": "draft"}
    ids = campaign(
        emulator, fallback=draft, personalized=draft, collection={} if how == "offers" else {"filterType": how}
    )
    there = _lagging(emulator, ids, how)
    assert set(findings(library, there)) == {"fallback_not_approved", "offers_not_approved"}
    _set(library, ids["personalized"], PERSONALIZED, "approved")
    _set(library, ids["fallback"], FALLBACK, "approved")
    assert findings(library, there) == {}


@pytest.mark.parametrize("how", ["offers", "any-tags", "all-tags"])
def test_what_was_unpublished_a_moment_ago_does_not(library: OfferLibrary, emulator: Emulator, how: str) -> None:
    emulator.clock.freeze("2026-03-20T12:00:00Z")
    ids = campaign(emulator, collection={} if how == "offers" else {"filterType": how})
    there = _lagging(emulator, ids, how)
    assert findings(library, there) == {}
    _set(library, ids["personalized"], PERSONALIZED, "draft")
    _set(library, ids["fallback"], FALLBACK, "draft")
    assert set(findings(library, there)) == {"fallback_not_approved", "offers_not_approved"}


def test_what_lost_its_qualifier_a_moment_ago_does_not_count(library: OfferLibrary, emulator: Emulator) -> None:
    emulator.clock.freeze("2026-03-20T12:00:00Z")
    ids = campaign(emulator)
    there = _lagging(emulator, ids, "any-tags")
    library.patch(PERSONALIZED, ids["personalized"], [{"op": "replace", "path": "/tags", "value": []}])
    assert set(findings(library, there)) == {"empty_collection"}


def test_a_collection_that_was_filled_a_moment_ago_is_not_empty(library: OfferLibrary, emulator: Emulator) -> None:
    emulator.clock.freeze("2026-03-20T12:00:00Z")
    ids = campaign(emulator, collection={"ids": []})
    there = _lagging(emulator, ids, "any-tags")
    change = [{"op": "replace", "path": "/ids", "value": [ids["tag"]]}]
    library.patch(COLLECTION, ids["collection"], change)
    assert findings(library, there) == {}


@pytest.mark.parametrize("how", ["offers", "any-tags"])
def test_so_many_offers_are_read_by_themselves_and_no_more(
    library: OfferLibrary, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(supplies, "_PAGE", 4)
    ids = campaign(emulator, personalized={"status": "draft"})
    drafts = [
        seed(emulator, "personalized-offer", **offer(f"D{each}", ids["placement"], tags=[ids["tag"]], status="draft"))
        for each in range(40)
    ]
    if how == "offers":
        ids["collection"] = seed(emulator, "offer-filter", name="Many", filterType=how, ids=drafts)
    emulator.clear_journal()
    found = findings(library, decision(ids))
    assert "32 offers were read by their ids" in found["offers_not_approved"]
    ask = {"dps": "/data/core/dps/offers/*", "xcore": "/data/core/xcore/*/instances/*"}[library.settings.api]
    reads = [entry for entry in emulator.journal(path=ask) if "personalized-offer" in (entry.note or "")]
    assert len(reads) == 32
    # One offer that can be shown ends the search.
    ready = seed(emulator, "personalized-offer", **offer("Ready", ids["placement"], tags=[ids["tag"]]))
    if how == "any-tags":
        assert findings(library, decision(ids)) == {}
    else:
        ids["collection"] = seed(emulator, "offer-filter", name="More", filterType=how, ids=[ready])
        assert findings(library, decision(ids)) == {}


def test_what_changes_while_it_is_looked_at_is_looked_at_again(
    library: OfferLibrary, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody removes the fallback between the look and the patch."""
    ids = campaign(emulator)
    there = seed(emulator, "offer-activity", **decision(ids))
    looks: list[dict[str, str]] = []
    actual = check_decision

    def interrupted(*arguments: Any, **options: Any) -> Any:
        found = yield from actual(*arguments, **options)
        if not looks:
            library.patch(DECISION, there, [{"op": "remove", "path": "/fallback"}])
        looks.append(found)
        return found

    monkeypatch.setattr(editing, "check_decision", interrupted)
    with pytest.raises(NotPublishableError, match="no_fallback") as caught:
        library.edit(DECISION, there, lambda access, it: take_step(access, it, ACTIVATE, now=NOW))
    assert set(caught.value.findings) == {"no_fallback"}
    assert len(looks) == 2
    assert not isinstance(caught.value, ConflictError)
    assert emulator.objects("offer-activity")[0]["body"]["status"] == "draft"


def test_a_decision_created_live_is_looked_at_unless_it_is_there(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator, fallback={"representations": []})
    live = decision(ids, status="live")
    with pytest.raises(NotPublishableError, match="fallback_lacks_placement"):
        library.create(DECISION, live, validate="strict")
    assert emulator.objects("offer-activity") == []
    there = seed(emulator, "offer-activity", **decision(ids))
    assert library.create(DECISION, live, if_exists="adopt").receipt.id == there


def test_a_decision_created_live_without_checks_is_the_services_to_refuse(
    library: OfferLibrary, emulator: Emulator
) -> None:
    ids = campaign(emulator, fallback={"representations": []})
    with pytest.raises(APIError):
        library.create(DECISION, decision(ids, status="live"), validate=False)
    assert emulator.journal(method="POST", path="/data/core/*"), "it was sent"


def test_an_update_puts_no_draft_live_unlooked_at(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator, fallback={"representations": []})
    there = seed(emulator, "offer-activity", **decision(ids))
    live = {"name": "Newsletter", "status": "live"}
    with pytest.raises(NotPublishableError, match="waive a reason by its name") as caught:
        library.create(DECISION, live, if_exists="update", validate="strict")
    # The unchanged parts count too: the decision's own criteria and window.
    assert set(caught.value.findings) == {"fallback_lacks_placement"}
    assert emulator.objects("offer-activity")[0]["body"]["status"] == "draft"
    whole = seed(emulator, "fallback-offer", name="Whole", status="approved", representations=shown(ids["placement"]))
    done = library.create(DECISION, {**live, "fallback": whole}, if_exists="update")
    assert (done.action, done.receipt.id) == ("updated", there)


def test_an_update_of_what_is_live_is_looked_at_where_it_matters(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator, personalized={"status": "draft"})
    there = seed(emulator, "offer-activity", **decision(ids, status="live"))
    changed = decision(ids, status="live", description="New")
    assert library.create(DECISION, changed, if_exists="update").action == "updated"
    later = decision(ids, status="live", endDate="2098-01-01T00:00:00Z")
    with pytest.raises(NotPublishableError, match="offers_not_approved"):
        library.create(DECISION, later, if_exists="update", validate="strict")
    ended = decision(ids, status="live", **ENDED)
    with pytest.raises(NotPublishableError, match="window_over"):
        library.create(DECISION, ended, if_exists="update", validate="strict")
    assert emulator.objects("offer-activity")[0]["body"]["endDate"].startswith("2099")
    unlooked = library.create(DECISION, later, if_exists="update", validate=False)
    assert (unlooked.action, unlooked.receipt.id) == ("updated", there)


def test_the_words_for_the_placements_of_a_fallback(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator)
    more = {f"P{number}": seed(emulator, "offer-placement", name=f"P{number}") for number in range(7)}
    found = findings(library, _other(ids, placements=[ids["placement"], *more.values()]))
    assert "and 2 more" in found["fallback_lacks_placement"]
    assert shown("x")[0]["placement"] == "x"
