"""Misspelled properties and words are rejected with a suggestion, at every depth and in both spellings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import Doubt, InvalidInputError, Violation
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.kinds import (
    COLLECTION,
    DECISION,
    KINDS,
    PERSONALIZED,
    PLACEMENT,
    RULE,
    Kind,
)
from airflow_provider_offers.client.model.likeness import folded, near
from airflow_provider_offers.client.model.names import BESIDE, name_findings, paths_of
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.places import Place
from airflow_provider_offers.client.model.preparing import neutral_patch, patch_findings, prepare
from airflow_provider_offers.client.model.spelling import PLAIN, Spelled
from airflow_provider_offers.client.model.validation import offer_findings
from airflow_provider_offers.client.model.windows import window_from
from tests.client import strategies
from tests.client.library import sale
from tests.effort import examples

EVERY = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
WEB = "https://ns.adobe.com/xdm/channel-types/web"


def shown(channel: str | None = None, **component: Any) -> dict[str, Any]:
    """A complete representation with the given changes."""
    whole = {"placement": "p", "components": [{"type": "html", "format": "text/html", **component}]}
    return whole if channel is None else {**whole, "channel": channel}


def findings(document: Any, kind: Kind = PERSONALIZED) -> list[Violation]:
    return offer_findings(kind, neutral_payload(document, kind), document)


def objects(
    place: Place, spelled: Spelled, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Place, Spelled]]:
    """Every object with known members in a kind, and the path to it."""
    if place.item is not None:
        yield from objects(place.item, spelled.items or PLAIN, (*path, "#"))
    elif place.own is not None:
        yield from objects(place.own, spelled.values or PLAIN, (*path, "own"))
    elif place.members:
        yield path, place, spelled
        for name, member in place.members.items():
            yield from objects(member, spelled.wire_name(name)[1], (*path, name))


def placed(path: tuple[str, ...], inner: Any) -> Any:
    """A document that contains only this value at this place."""
    for token in reversed(path):
        inner = [inner] if token == "#" else {token: inner}
    return inner


def slips(name: str) -> set[str]:
    """The name with one letter omitted, added, changed or swapped with the next."""
    cut = [(name[:at], name[at:]) for at in range(len(name) + 1)]
    return (
        {head + tail[1:] for head, tail in cut if tail}
        | {f"{head}q{tail}" for head, tail in cut}
        | {f"{head}q{tail[1:]}" for head, tail in cut if tail}
        | {f"{head}{tail[1]}{tail[0]}{tail[2:]}" for head, tail in cut if len(tail) > 1}
    ) - {name, ""}


@pytest.mark.parametrize("prefix", ["XMD", "xmd", "mdx", "dxm"])
def test_a_misspelled_prefix_is_rejected_with_the_right_one(prefix: str) -> None:
    (found,) = findings(sale(**{f"{prefix}:description": "x"}))
    assert (found.pointer, isinstance(found, Doubt)) == (f"/{prefix}:description", False)
    assert "did you mean 'xdm:description'?" in found.expected
    whole = {**shown(), "components": [{"type": "html", "format": "text/html", "cd:language": ["en"]}]}
    (found,) = findings(sale(representations=[whole]))
    assert "did you mean 'dc:language'?" in found.expected
    wire = neutral_patch([{"op": "add", "path": f"/_instance/{prefix}:description", "value": "x"}], "xcore")
    assert (
        "did you mean 'xdm:description'?" in patch_findings(PERSONALIZED, PreparedPatch(wire, PERSONALIZED))[0].expected
    )


@pytest.mark.parametrize(
    "name",
    [
        *("acme:description", "dct:description", "xdn:description", "XD:description", "mdm:rank", "ac:tags", "cd:tags"),
        *("cdc:status", "db:name", "d:tag", "dcm:representations", "rep:status", "offerid:name"),
    ],
)
def test_a_prefix_of_somebody_else_is_doubtful(name: str) -> None:
    (found,) = findings(sale(**{name: "x"}))
    assert (found.pointer, isinstance(found, Doubt)) == (f"/{name}", True)
    assert "did you mean" not in found.expected


def test_a_prefix_of_somebody_else_is_doubtful_below_and_in_a_patch() -> None:
    component = {"type": "html", "format": "text/html", "dct:language": ["en"]}
    (found,) = findings(sale(representations=[{**shown(), "components": [component]}]))
    assert isinstance(found, Doubt)
    wire = neutral_patch([{"op": "add", "path": "/_instance/dct:description", "value": "x"}], "xcore")
    (found,) = patch_findings(PERSONALIZED, PreparedPatch(wire, PERSONALIZED))
    assert isinstance(found, Doubt)


@EVERY
def test_every_slip_in_every_name_at_every_depth_is_refused_with_what_was_meant(kind: Kind) -> None:
    tried = 0
    for path, place, spelled in objects(kind.place, kind.names):
        for name in place.members:
            wire = spelled.wire_name(name)[0]
            prefix = wire.removesuffix(name) if wire.endswith(name) else ""
            for slip in slips(name):
                if slip in place.known or (not path and slip in BESIDE):
                    continue
                for given_name, meant in ((slip, name), *([(prefix + slip, wire)] if prefix else [])):
                    (found,) = name_findings(kind.place, kind.names, placed(path, {given_name: 1}))
                    assert not isinstance(found, Doubt), (path, given_name)
                    assert repr(meant) in found.expected, (path, given_name, found)
                    tried += 1
    assert tried > 50


@EVERY
def test_every_known_name_passes_in_either_spelling(kind: Kind) -> None:
    for path, place, spelled in objects(kind.place, kind.names):
        for name in place.known:
            document = placed(path, {name: 1})
            assert list(name_findings(kind.place, kind.names, document)) == []
            wire = placed(path, {spelled.wire_name(name)[0]: 1})
            neutral = neutral_payload(wire, kind) if path or name not in ("placement", "filter") else document
            assert list(name_findings(kind.place, kind.names, neutral)) == []


@pytest.mark.parametrize(
    ("kind", "given_names", "meant"),
    [
        (PERSONALIZED, ("capingConstraint", "xdm:capingConstraint"), "cappingConstraint"),
        (PERSONALIZED, ("reprsentations", "Representations", "representation"), "representations"),
        (PERSONALIZED, ("capping_constraint", "cappingconstraint", "CappingConstrant"), "cappingConstraint"),
        (PLACEMENT, ("chanel", "xdm:chanel", "chanell"), "channel"),
        (PLACEMENT, ("returnMetadata", "return_meta_data"), "returnMetaData"),
        (DECISION, ("start_date", "startdate", "xdm:strtDate"), "startDate"),
        (COLLECTION, ("filtertype", "fliterType"), "filterType"),
    ],
)
def test_what_is_misspelt_is_named_as_its_author_would_write_it(
    kind: Kind, given_names: tuple[str, ...], meant: str
) -> None:
    for name in given_names:
        found = [each for each in findings({name: 1}, kind) if not each.expected.endswith("it is required")]
        suggested = f"xdm:{meant}" if name.startswith("xdm:") else meant
        assert [(each.pointer, each.given) for each in found] == [(f"/{name}", f"the property {name!r}")]
        assert found[0].expected == f"a documented property; did you mean {suggested!r}?"
        assert not isinstance(found[0], Doubt)


@pytest.mark.parametrize("prefix", ["XDM:", "Xdm:", "xdm.", "xdm_", "xdm-"])
def test_a_mistyped_prefix_is_a_slip(prefix: str) -> None:
    for name, meant in (("tags", "tags"), ("tgas", "tags")):
        (found,) = findings(sale(**{prefix + name: []}))
        assert not isinstance(found, Doubt)
        assert found.expected == f"a documented property; did you mean 'xdm:{meant}'?"
    path = f"/_instance/{prefix}status"
    (found,) = patch_findings(
        PERSONALIZED, PreparedPatch(neutral_patch([{"op": "replace", "path": path, "value": "approved"}], "xcore"))
    )
    assert (found.pointer, isinstance(found, Doubt)) == ("/0/path", False)


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/instance/xdm:status", "/_instance/xdm:status"),
        ("/instance/status", "/_instance/status"),
        ("/_instance/instance/xdm:status", "/_instance/xdm:status"),
        ("/_embedded/results/0/_instance/xdm:status", "/_instance/xdm:status"),
        ("/_instances/xdm:rank/xdm:priority", "/_instance/xdm:rank/xdm:priority"),
    ],
)
def test_a_front_that_a_path_does_not_have_is_refused(path: str, meant: str) -> None:
    for operation in ({"op": "replace", "path": path, "value": "approved"}, {"op": "test", "path": path, "value": 1}):
        with pytest.raises(InvalidInputError) as refused:
            prepare([operation], [PERSONALIZED], "xcore")
        assert f"/0/path: given {path!r}; expected" in str(refused.value)
        assert meant.split("/")[1] in str(refused.value)
    # Other unknown properties may be the customer's own.
    for own in ("/acme/status", "/acme/xdm:status", "/instance"):
        prepare([{"op": "replace", "path": own, "value": "approved"}], [PERSONALIZED], "xcore")


def test_a_property_with_the_prefix_of_another_is_told_its_own() -> None:
    component = {"xdm:type": "html", "xdm:format": "text/html"}
    found = {
        each.pointer: each.expected
        for each in findings(sale(representations=[{"placement": "p", "components": [component]}]))
        if each.given.startswith("the property")
    }
    assert found == {
        "/representations/0/components/0/xdm:type": "a documented property; did you mean '@type'?",
        "/representations/0/components/0/xdm:format": "a documented property; did you mean 'dc:format'?",
    }


@pytest.mark.parametrize(("name", "meant"), [("xdm:labels", "labels"), ("dc:customMetadata", "customMetadata")])
def test_a_prefix_that_no_page_shows_is_doubtful(name: str, meant: str) -> None:
    for found in (
        *findings(sale(**{name: []})),
        *patch_findings(PERSONALIZED, PreparedPatch([{"op": "add", "path": f"/{name}", "value": []}])),
    ):
        assert isinstance(found, Doubt)
        assert found.expected == f"a documented property; did you mean {meant!r}?"
    assert len(findings(sale(**{name: []}))) == 1
    assert findings(sale(**{meant: []})) == []


@pytest.mark.parametrize("name", ["acmeCampaignCode", "xdm:acmeCampaignCode", "_acme", "offerui:colour", "sku"])
def test_a_property_of_the_authors_own_is_doubtful(name: str) -> None:
    (found,) = findings(sale(**{name: "X-1"}))
    assert isinstance(found, Doubt)
    assert found.pointer == f"/{name}"
    assert "No page of Adobe's shows this property" in str(found)


@pytest.mark.parametrize(
    ("changes", "home"),
    [
        ({"globalCap": 5}, "/cappingConstraint"),
        ({"xdm:globalCap": 5}, "/cappingConstraint"),
        ({"startDate": "x"}, "/selectionConstraint or /frequencyCappingConstraints"),
        ({"priority": 1}, "/rank"),
        ({"placement": "dps:offer-placement:1c265317da412003"}, "/representations or /frequencyCappingConstraints"),
        ({"components": shown()["components"]}, "/representations"),
        ({"representations": [{**shown(), "tags": []}]}, "the top"),
        ({"rank": {"priority": 1, "cappingConstraint": {"globalCap": 5}}}, "the top"),
        ({"rank": {"priority": 1, "status": "approved"}}, "the top"),
    ],
)
def test_a_property_at_the_wrong_place_is_refused_with_its_place(changes: Any, home: str) -> None:
    (found,) = findings(sale(**changes))
    assert not isinstance(found, Doubt)
    assert found.expected == f"a documented property; does it belong to {home}?"


@pytest.mark.parametrize(
    ("changes", "home"),
    [
        # One common word, with a value that its place does not have, or that any text would be.
        ({"type": "summer"}, "/representations/components"),
        ({"content": "x"}, "/representations/components"),
        ({"priority": "urgent"}, "/rank"),
        ({"rank": {"priority": 1, "name": "x"}}, "the top"),
    ],
)
def test_a_common_word_may_be_a_property_of_the_authors_own(changes: Any, home: str) -> None:
    (found,) = findings(sale(**changes))
    assert isinstance(found, Doubt)
    assert found.expected == f"a documented property; does it belong to {home}?"


def test_a_patch_that_adds_a_property_at_the_wrong_place_is_refused() -> None:
    assert patched({"op": "add", "path": "/globalCap", "value": 5}) == [("/0/path", True)]
    assert patched({"op": "add", "path": "/priority", "value": 5}) == [("/0/path", True)]
    assert patched({"op": "add", "path": "/priority", "value": "urgent"}) == [("/0/path", False)]
    # It may be there from an earlier mistake, and this mends it.
    assert patched({"op": "remove", "path": "/globalCap"}) == []


@pytest.mark.parametrize(
    ("kind", "document", "refused", "meant"),
    [
        ("tag", {"filterType": "offers", "ids": []}, ["/filterType", "/ids"], "a collection"),
        ("tag", {"condition": {"type": "PQL", "value": "true"}}, ["/condition"], "a decision rule"),
        ("placement", {"expression": {"type": "PQL", "value": "1"}}, ["/expression"], "a ranking formula"),
        ("tag", {"status": "draft", "criteria": []}, ["/criteria"], "a decision"),
        # The rest is a decision's, but the window of an offer has no effect in it.
        ("decision", {"status": "draft", "criteria": [], "selectionConstraint": {}}, ["/selectionConstraint"], "offer"),
        ("tag", {"status": "draft"}, [], ""),
        ("tag", {"channel": "web", "acme": 1}, [], ""),
    ],
)
def test_the_properties_of_another_kind_are_refused(kind: str, document: Any, refused: list[str], meant: str) -> None:
    found = offer_findings(KINDS[kind], {"name": "x", **document}, {"name": "x", **document})
    assert [each.pointer for each in found if not isinstance(each, Doubt)] == refused
    for each in found:
        assert isinstance(each, Doubt) or each.expected.endswith(f"{meant}?")


def test_only_the_whole_object_has_what_the_service_assigns() -> None:
    condition = {"type": "PQL", "value": "true"}
    places: list[tuple[Kind, dict[str, Any], str]] = [
        (PERSONALIZED, sale(rank={"priority": 1, "id": "x"}), "/rank/id"),
        (PERSONALIZED, sale(representations=[{**shown(), "etag": 1}]), "/representations/0/etag"),
        (RULE, {"name": "R", "condition": condition, "definedOn": {"a": {"id": 1}}}, "/definedOn/a/id"),
    ]
    for kind, document, pointer in places:
        (found,) = findings(document, kind)
        assert (found.pointer, found.expected) == (pointer, "a documented property")
    assert findings(sale(id="x", etag=1, _links={})) == []


@pytest.mark.parametrize(
    ("document", "given_", "meant"),
    [
        (sale(_instnce={}), "_instnce", "; did you mean '_instance'?"),
        (sale(_Instance={}), "_Instance", "; did you mean '_instance'?"),
        # Without the underscore, or at another place, it may be the author's own.
        (sale(instance={}), "instance", ""),
        (sale(rank={"priority": 1, "_instnce": 1}), "_instnce", ""),
        (sale(_acme={}), "_acme", ""),
    ],
)
def test_a_slip_in_the_envelope_is_told_at_the_top_alone(document: Any, given_: str, meant: str) -> None:
    (found,) = findings(document)
    assert (found.given, found.expected) == (f"the property {given_!r}", f"a documented property{meant}")


def test_every_alias_of_a_rule_is_looked_at() -> None:
    aliases = {"a": "x", "b": {"schema": {}}, "c": {"schem": {}}, "d": {"schem": {}}}
    found = name_findings(RULE.place, RULE.names, {"definedOn": aliases})
    assert [each.pointer for each in found] == ["/definedOn/c/schem", "/definedOn/d/schem"]


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("priority", ["rank.priority"]),
        ("xdm:priority", ["rank.priority"]),
        ("startDate", ["selectionConstraint.startDate", "frequencyCappingConstraints.startDate"]),
        ("content", ["representations.components.content"]),
        # At the top only, or nowhere.
        ("status", []),
        ("acme", []),
    ],
)
def test_a_property_below_the_top_has_paths_the_shortest_first(name: str, paths: list[str]) -> None:
    assert paths_of(PERSONALIZED.place, name) == paths


def test_names_that_an_author_may_choose_are_not_looked_at() -> None:
    assert findings(sale(characteristics={"nmae": "x", "xdm:chanel": "y"})) == []
    condition = {"type": "PQL", "value": "true"}
    assert (
        findings({"name": "R", "condition": condition, "definedOn": {"profil": {"schema": {"altId": "x"}}}}, RULE) == []
    )
    (found,) = findings({"name": "R", "condition": condition, "definedOn": {"profil": {"schem": {}}}}, RULE)
    assert (found.pointer, found.expected) == (
        "/definedOn/profil/schem",
        "a documented property; did you mean 'schema'?",
    )


def patched(*operations: dict[str, Any], kind: Kind = PERSONALIZED) -> list[tuple[str, bool]]:
    """The places of a patch's errors, and whether each is certain."""
    found = patch_findings(kind, PreparedPatch(neutral_patch(operations, "xcore", kind), kind))
    return [(each.pointer, not isinstance(each, Doubt)) for each in found]


def test_the_paths_and_values_of_patches_are_looked_at_too() -> None:
    for path in (
        "/capingConstraint",
        "/_instance/xdm:capingConstraint",
        "/representations/0/chanel",
        "/rank/prioritty",
    ):
        for operation in ({"op": "add", "value": 1}, {"op": "remove"}, {"op": "test", "value": 1}):
            assert patched({**operation, "path": path}) == [("/0/path", True)]
    assert patched({"op": "move", "from": "/descripton", "path": "/description"}) == [("/0/from", True)]
    misspelt = {**shown(), "chanel": WEB}
    assert patched({"op": "add", "path": "/representations/-", "value": misspelt}) == [("/0/value/chanel", True)]
    assert patched({"op": "add", "path": "/acme/code", "value": 1}) == [("/0/path", False)]
    assert patched({"op": "remove", "path": "/acme"}, {"op": "test", "path": "/acme", "value": 1}) == []
    assert patched({"op": "add", "path": "/characteristics/nmae", "value": "x"}) == []


@pytest.mark.parametrize(
    ("changes", "pointer", "meant"),
    [
        ({"status": "aproved"}, "/status", "did you mean 'approved'?"),
        ({"status": "published"}, "/status", "'draft' or 'approved' or 'archived'"),
        ({"representations": [shown(type="banner")]}, "/representations/0/components/0/type", "'html' or 'imagelink'"),
        ({"representations": [shown(type="htlm")]}, "/representations/0/components/0/type", "did you mean 'html'?"),
        ({"representations": [shown(channel="web")]}, "/representations/0/channel", f"did you mean '{WEB}'?"),
        ({"representations": [shown(channel=WEB[:-3] + "wbe")]}, "/representations/0/channel", f"mean '{WEB}'?"),
    ],
)
def test_an_unknown_word_of_a_closed_list_is_refused_with_what_was_meant(
    changes: dict[str, Any], pointer: str, meant: str
) -> None:
    (found,) = findings(sale(**changes))
    assert (found.pointer, isinstance(found, Doubt)) == (pointer, False)
    assert meant in found.expected


@pytest.mark.parametrize("component", ["html", "component-text", "text", "component-html"])
def test_component_types_pass_as_words_and_as_uris_of_the_pages(component: str) -> None:
    uri = f"https://ns.adobe.com/experience/offer-management/content-component-{component.removeprefix('component-')}"
    for given_type in (component, uri):
        assert findings({"name": "P", "componentType": given_type, "channel": WEB}, PLACEMENT) == []


@pytest.mark.parametrize(
    "uri", ["https://ns.adobe.com/experience/decisioning/content-component-html-template", "acme:own"]
)
def test_a_uri_that_no_page_shows_is_doubtful(uri: str) -> None:
    for name in ("componentType", "channel"):
        (found,) = findings({"name": "P", name: uri}, PLACEMENT)
        assert isinstance(found, Doubt)
    (found,) = findings({"name": "P", "channel": "https://ns.adobe.com/xdm/channel-types/skywriting"}, PLACEMENT)
    assert isinstance(found, Doubt)


@EVERY
@given(data=st.data())
@examples(20)
def test_looking_at_names_ends_in_findings_at_places_of_the_document(kind: Kind, data: st.DataObject) -> None:
    document = data.draw(strategies.OBJECTS[kind.key])
    try:
        neutral = neutral_payload(document, kind)
    except InvalidInputError:
        return
    places = {
        "".join(f"/{token.replace('~', '~0').replace('/', '~1')}" for token in place)
        for place in strategies.places(neutral)
    }
    assert {found.pointer for found in name_findings(kind.place, kind.names, neutral)} <= places


@given(st.text(max_size=12), st.lists(st.text(min_size=1, max_size=12), max_size=5))
@examples(70)
def test_a_word_is_nearest_to_itself(word: str, others: list[str]) -> None:
    assert set(near(word, [*others, word])) >= {word}
    assert all(folded(each) == folded(word) for each in near(word, [*others, word]))


@pytest.mark.parametrize(("name", "meant"), [("strat", "start"), ("startDate", "start"), ("Duration", "duration")])
def test_a_slip_in_a_window_is_told_what_was_meant(name: str, meant: str) -> None:
    with pytest.raises(InvalidInputError, match="The window is not valid") as refused:
        window_from({name: "2026-03-10T00:00:00Z"})
    assert refused.value.violations[0].expected.endswith(f"; did you mean {meant!r}?")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("selectionConstraint.endDate", "/selectionConstraint/endDate"),
        ("representations.0.components.1.content", "/representations/0/components/1/content"),
        ("xdm:rank.xdm:priority", "/xdm:rank/xdm:priority"),
        ("_instance.xdm:status", "/_instance/xdm:status"),
        ("_instance.rank.xdm:priority", "/_instance/rank/xdm:priority"),
    ],
)
def test_a_name_with_dots_is_told_as_the_path_of_the_property(name: str, meant: str) -> None:
    (found,) = findings(sale(**{name: "x"}))

    assert not isinstance(found, Doubt)
    assert found.given == f"the property {name!r}"
    assert found.expected == f"a documented property; did you mean the path {meant}?"


@pytest.mark.parametrize("name", ["_instanc", "xdm:_instance", "_Instance"])
def test_the_envelope_of_generation_1_may_have_a_slip(name: str) -> None:
    (found,) = findings(sale(**{name: {"xdm:status": "draft"}}))

    assert (isinstance(found, Doubt), found.expected) == (False, "a documented property; did you mean '_instance'?")


@pytest.mark.parametrize(
    "name", ["acme.code", "_instance.acme", "_acme.status", "rank..priority", "rank.acme", "rank.0"]
)
def test_a_name_with_dots_that_is_no_path_may_be_an_authors_own(name: str) -> None:
    (found,) = findings(sale(**{name: "x"}))

    assert isinstance(found, Doubt)


@pytest.mark.parametrize(
    ("name", "meant"), [("offerNmae", "offerName"), ("offer_name", "offerName"), ("xdm:channeltype", "channelType")]
)
def test_the_metadata_of_a_placement_has_names_of_adobe(name: str, meant: str) -> None:
    (found,) = findings({"name": "P", "returnMetaData": {name: True}}, PLACEMENT)
    assert (found.pointer, isinstance(found, Doubt)) == (f"/returnMetaData/{name}", False)
    assert found.expected == f"a documented property; did you mean {meant!r}?"
    assert PLACEMENT.names.wire_name("returnMetaData")[1].wire_name(meant)[0] == meant
