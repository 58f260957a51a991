"""Whole profiles: Adobe's printed requests, values that are given twice, and misspelled members."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_offers.client.deciding.asking import decide
from airflow_provider_offers.client.deciding.profiles import identity_map
from airflow_provider_offers.client.deciding.questions import decided_receipt, new_question
from airflow_provider_offers.client.deciding.serving import new_viewpoint
from airflow_provider_offers.client.errors import InvalidInputError, OfferLibraryError
from tests.client.deciding.test_deciding import DECISION, OPTION, PLACEMENT, decided
from tests.client.script import SETTINGS, Script, answer, body_of

CORPUS = Path(__file__).parents[2] / "corpus"
REQUESTS: dict[str, dict[str, Any]] = {
    file.stem: json.loads(file.read_text())["request"] for file in sorted((CORPUS / "decisions").glob("*.json"))
}
NAMED: dict[str, Any] = {"decision_id": DECISION, "placement_id": PLACEMENT}
WHO = "somebody@planted.test"
IDENTITIES = {"Email": [{"xdm:id": WHO, "primary": True}]}


def sent(profile: Any, **options: Any) -> Any:
    """The body of the request."""
    arguments: dict[str, Any] = dict.fromkeys(("item_count", "context_data", "dry_run"))
    arguments |= {"include_content": True, "profile": profile, "settings": SETTINGS}
    script = Script(answer(200, decided(OPTION)))
    script.run(decide(script.access(), new_question(**{**arguments, **options})))
    return body_of(script.requests[-1])


def without_prefixes(value: Any) -> Any:
    if isinstance(value, dict):
        return {name.removeprefix("xdm:"): without_prefixes(member) for name, member in value.items()}
    return [without_prefixes(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", REQUESTS)
def test_a_whole_request_of_adobes_goes_out_as_it_is_printed(name: str) -> None:
    request = REQUESTS[name]
    body = sent(request)
    (profile,), (printed,) = body.pop("xdm:profiles"), request["xdm:profiles"]
    # If no identity is primary, the first one is.
    (namespace,) = printed["xdm:identityMap"]
    assert profile.pop("xdm:identityMap")[namespace][0]["xdm:id"] == printed["xdm:identityMap"][namespace][0]["xdm:id"]
    assert profile == {name: value for name, value in printed.items() if name != "xdm:identityMap"}
    asked = [tuple(sorted(each.items())) for each in body.pop("xdm:propositionRequests")]
    assert asked == [tuple(sorted(each.items())) for each in request["xdm:propositionRequests"]]
    assert body.pop("xdm:dryRun") is request.get("xdm:dryRun", True)
    rest = {name: value for name, value in request.items() if name not in ("xdm:profiles", "xdm:dryRun")}
    rest.pop("xdm:propositionRequests")
    rest["xdm:responseFormat"] = {"xdm:includeContent": True, **rest["xdm:responseFormat"]}
    assert body == rest


@pytest.mark.parametrize("name", REQUESTS)
def test_the_prefixes_may_be_left_out(name: str) -> None:
    request = REQUESTS[name]
    bare = without_prefixes({key: value for key, value in request.items() if key != "xdm:profiles"})
    (printed,) = request["xdm:profiles"]
    profile = {key.removeprefix("xdm:"): value for key, value in printed.items()}
    assert sent({**bare, "profiles": [profile]}) == sent(request)


def test_what_stands_beside_the_identities_goes_where_the_service_has_it() -> None:
    body = sent(
        {
            "identityMap": IDENTITIES,
            "contextData": [{"@type": "s", "xdm:data": {"x": 1}}],
            "decisionRequestId": "row-17",
            "mergePolicy": {"id": "5f3ed32f"},
            "enrichedAudience": True,
        },
        **NAMED,
        context_data={"t": {"y": 2}},
    )
    assert body["xdm:profiles"] == [
        {
            "xdm:identityMap": IDENTITIES,
            "xdm:decisionRequestId": "row-17",
            "xdm:contextData": [{"@type": "s", "xdm:data": {"x": 1}}, {"@type": "t", "xdm:data": {"y": 2}}],
        }
    ]
    assert (body["xdm:mergePolicy"], body["xdm:enrichedAudience"]) == ({"xdm:id": "5f3ed32f"}, True)
    assert body["xdm:dryRun"] is True


WHOLE = REQUESTS["every-member"]
WRONG: dict[str, tuple[Any, dict[str, Any], str]] = {
    "scopes twice": (WHOLE, NAMED, f"decision_id: given {DECISION!r}; expected nothing beside scopes"),
    "other scopes": (
        WHOLE,
        {"scopes": [{"decision": DECISION, "placement": PLACEMENT}]},
        "scopes: given [{",
    ),
    "real and not": (WHOLE, {"dry_run": True}, "dry_run: given True; expected nothing beside a whole request"),
    "duplicates": (WHOLE, {"allow_duplicates": False}, "allow_duplicates: given False"),
    "misspelt": ({"identityMap": IDENTITIES, "contextdata": []}, NAMED, "profile/contextdata: given an unknown member"),
    "another case": (
        {"identityMap": IDENTITIES, "xdm:dryrun": False},
        NAMED,
        "given an unknown member; expected 'dryRun'",
    ),
    "a separator": (
        {"identityMap": IDENTITIES, "xdm:dry_run": False},
        NAMED,
        "given an unknown member; expected 'dryRun'",
    ),
    "the suggestion": ({"identityMap": IDENTITIES, "mergePolcy": {}}, NAMED, "expected 'mergePolicy'"),
    "twice": (
        {"identityMap": IDENTITIES, "xdm:identityMap": IDENTITIES},
        NAMED,
        "profile/xdm:identityMap: given a second identityMap",
    ),
    "a misspelt prefix": (
        {"identityMap": IDENTITIES, "xmd:mergePolicy": {"id": "x"}},
        NAMED,
        "profile/xmd:mergePolicy: given an unknown member; expected 'mergePolicy'",
    ),
    "a misspelt prefix below": (
        {"identityMap": IDENTITIES, "responseFormat": {"xmd:includeContent": True}},
        NAMED,
        "profile/responseFormat/xmd:includeContent: given an unknown member; expected 'includeContent'",
    ),
    "the map misspelt": ({"identiyMap": IDENTITIES}, NAMED, "given an unknown member; expected 'identityMap'"),
    "two profiles": ({"profiles": [{}, {}]}, NAMED, "profile/profiles: given 2 of them"),
    "no identities": ({"profiles": [{"decisionRequestId": "x"}]}, NAMED, "profile: given nothing"),
    "a flag in words": ({"identityMap": IDENTITIES, "enrichedAudience": "yes"}, NAMED, "given a str; expected true"),
    "a policy's id alone": ({"identityMap": IDENTITIES, "mergePolicy": "5f3e"}, NAMED, "expected an object"),
    "a misspelt mark": (
        {"ECID": "planted", "Email": [{"id": "planted", "prmiary": True}]},
        NAMED,
        "profile.Email.prmiary: given an unknown member; expected 'primary'",
    ),
    "a misspelt format": (
        {"identityMap": IDENTITIES, "xdm:responseFormat": {"xdm:includeContnt": True}},
        NAMED,
        "profile/responseFormat/xdm:includeContnt: given an unknown member; expected 'includeContent'",
    ),
    "a number for a row": ({"identityMap": IDENTITIES, "decisionRequestId": 17}, NAMED, "given an int; expected text"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_before_anything_is_sent(case: str) -> None:
    profile, options, said = WRONG[case]
    with pytest.raises(InvalidInputError) as caught:
        sent(profile, **options)
    assert said in str(caught.value)
    assert "planted" not in str(caught.value)


def test_the_primary_identity_may_have_the_prefix() -> None:
    (profile,) = sent({"ECID": "4711", "Email": [{"xdm:id": "a", "xdm:primary": True}]}, **NAMED)["xdm:profiles"]
    assert profile["xdm:identityMap"] == {"ECID": [{"xdm:id": "4711"}], "Email": [{"xdm:id": "a", "primary": True}]}


@pytest.mark.parametrize("name", ["acme:more", "xdmx:profile", "xde:mergePolicy", "xdn:mergePolicy", "xd:dryRun"])
def test_what_adobe_may_add_is_sent(name: str) -> None:
    assert sent({"identityMap": IDENTITIES, name: {"x": 1}}, **NAMED)[name] == {"x": 1}


@pytest.mark.parametrize("name", ["xde:identityMap", "xmd:identityMap", "XDM:identityMap", "identiyMap"])
def test_a_misspelt_map_is_one_error(name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        sent({name: IDENTITIES}, **NAMED)
    assert len(caught.value.violations) == 1


def test_the_id_of_the_row_is_as_private_as_the_identities() -> None:
    refused = answer(503, {"title": "No answer for row-17 of a@example.com"})
    script = Script(refused)
    question = new_question(
        profile=WHOLE, item_count=None, context_data=None, dry_run=None, include_content=None, settings=SETTINGS
    )
    with pytest.raises(OfferLibraryError) as caught:
        script.run(decide(script.access(max_retries=0), question))
    assert "row-17" not in str(caught.value)
    assert "row-17" not in repr(question)
    assert "a@example.com" not in repr(question)


def test_a_sensor_looks_with_a_whole_profile_but_asks_in_its_own_way() -> None:
    profile = {key: value for key, value in WHOLE.items() if key != "xdm:propositionRequests"}
    view = new_viewpoint(
        decision_id=DECISION, placement_id=PLACEMENT, profile=profile, context_data=None, settings=SETTINGS
    )
    assert set(view.terms) == {"mergePolicy", "enrichedAudience", "validateContextData"}
    assert (view.beside, len(view.context)) == ({"decisionRequestId": "row-17"}, 1)
    with pytest.raises(InvalidInputError, match="profile/propositionRequests"):
        new_viewpoint(decision_id=DECISION, placement_id=None, profile=WHOLE, context_data=None, settings=SETTINGS)


def test_an_answer_of_2020_is_read() -> None:
    printed = json.loads((CORPUS / "answers" / "deliver-2020.json").read_text())["answer"]
    script = Script(answer(200, printed))
    question = new_question(
        **NAMED,
        profile=IDENTITIES,
        item_count=None,
        context_data=None,
        dry_run=None,
        include_content=None,
        settings=SETTINGS,
    )
    found = decided_receipt(script.run(decide(script.access("xcore"), question)), SETTINGS, dry_run=True)
    assert found["proposition_id"] == "2347f8a4-ebf7-45ae-ac75-10d7d91497e1"
    (proposition,) = found["propositions"]
    assert (proposition["decision"]["etag"], proposition["placement"]["etag"]) == (4, 3)
    assert proposition["options"][0]["characteristics"] == {"product": "savings", "region": "NA"}
    assert found["factors"] == {"numberOfIneligibleOffers": "2"}


@pytest.mark.parametrize(("namespace", "meant"), [("Emial", "Email"), ("email", "Email"), ("ecid", "ECID")])
def test_a_slip_in_a_namespace_is_warned_of(namespace: str, meant: str, caplog: pytest.LogCaptureFixture) -> None:
    assert identity_map({namespace: "a@example.com"}) == {namespace: [{"id": "a@example.com", "primary": True}]}
    (warning,) = [record.getMessage() for record in caplog.records]
    assert f"the identity namespace '{namespace}'; did you mean '{meant}'?" in warning
    assert "a@example.com" not in warning


@pytest.mark.parametrize("text", ["None", "nan", "#N/A", "1.23E+11"])
def test_an_identity_that_a_program_wrote_is_warned_of(text: str, caplog: pytest.LogCaptureFixture) -> None:
    assert identity_map({"Email": text, "ECID": "4711"})["Email"] == [{"id": text, "primary": True}]
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.startswith("The identity 'Email' of the profile does not look like one; perhaps a ")
    assert text not in warning


def test_another_namespace_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    identity_map(dict.fromkeys(("Email", "ECID", "CRMID", "MCID", "loyaltyId", "Email_LC_SHA256"), "1"))
    assert caplog.records == []
