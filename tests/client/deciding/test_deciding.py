"""Deciding for one profile: requests, answers, retries, and the values that nothing may show."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.deciding.asking import decide, diagnose
from airflow_provider_offers.client.deciding.profiles import Profile, context_pairs, identity_map, read_profile
from airflow_provider_offers.client.deciding.questions import Question, decided_receipt, new_question
from airflow_provider_offers.client.errors import (
    BadRequestError,
    InvalidInputError,
    NoAnswerError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
    RateLimitedError,
    RuntimeRefusalError,
    UnexpectedResponseError,
    UnsupportedError,
)
from airflow_provider_offers.client.model.decided import Package
from tests.client.library import entity, page
from tests.client.script import CONTAINER, SETTINGS, Script, answer, body_of, lost

DECISION = "dps:offer-activity:1c2655439f013001"
PLACEMENT = "dps:offer-placement:1c2651d4d6411005"
OTHER_PLACEMENT = "dps:offer-placement:1c2651d4d6411006"
OFFER = "dps:personalized-offer:1c265317da412003"
EMAIL = "a.customer@example.com"
PROFILE = {"Email": EMAIL}

ARGUMENTS: dict[str, Any] = {
    "decision_id": DECISION,
    "placement_id": PLACEMENT,
    "profile": PROFILE,
    "item_count": 1,
    "context_data": None,
    "dry_run": True,
    "include_content": True,
    "settings": SETTINGS,
}


def question(**changes: Any) -> Question:
    return new_question(**{**ARGUMENTS, **changes})


def decided(*options: dict[str, Any], **members: Any) -> dict[str, Any]:
    """An answer with one proposition."""
    proposition: dict[str, Any] = {
        "xdm:activity": {"xdm:id": DECISION, "repo:etag": 4},
        "xdm:placement": {"xdm:id": PLACEMENT, "repo:etag": 1},
    }
    proposition |= {"xdm:options": list(options)} if options else {}
    return {
        "xdm:propositionId": "5d0ffb5e-dfc6-4280-99b6-0bf3131cb8b8",
        "ode:createDate": 1_772_443_300_123,
        "xdm:propositions": [{**proposition, **members}],
    }


OPTION = {
    "xdm:id": OFFER,
    "repo:etag": 3,
    "@type": "https://ns.adobe.com/experience/decisioning/content-component-html-template",
    "xdm:content": "<p>10%</p>",
    "xdm:score": 45.65,
}


@pytest.mark.parametrize(
    ("api", "address"),
    [("dps", "/data/core/ods/decisions"), ("xcore", f"/data/core/ode/{CONTAINER}/decisions")],
)
def test_both_request_forms_ask_the_same_in_the_documented_media_types(api: str, address: str) -> None:
    script = Script(answer(200, decided(OPTION)))
    script.run(decide(script.access(api), question(context_data={"https://ns/store": {"_acme": {"store": "42"}}})))
    (request,) = script.requests
    assert (request.method, request.url) == ("POST", f"https://platform.adobe.io{address}")
    schema = "https://ns.adobe.com/experience/offer-management/decision-{};version=1.0"
    assert request.headers["Accept"] == f'application/vnd.adobe.xdm+json; schema="{schema.format("response")}"'
    assert request.headers["Content-Type"] == f'application/vnd.adobe.xdm+json; schema="{schema.format("request")}"'
    assert body_of(request) == {
        "xdm:dryRun": True,
        "xdm:propositionRequests": [
            {"xdm:activityId": DECISION, "xdm:placementId": PLACEMENT, "xdm:itemCount": 1},
        ],
        "xdm:profiles": [
            {
                "xdm:identityMap": {"Email": [{"xdm:id": EMAIL, "primary": True}]},
                "xdm:contextData": [{"@type": "https://ns/store", "xdm:data": {"_acme": {"store": "42"}}}],
            }
        ],
        "xdm:responseFormat": {"xdm:includeContent": True},
    }


def test_every_decision_is_asked_at_every_placement_once() -> None:
    script = Script(answer(200, decided(OPTION)))
    asked = question(placement_id=[PLACEMENT, OTHER_PLACEMENT, PLACEMENT], item_count="3", include_content=False)
    script.run(decide(script.access(), asked))
    body = body_of(script.requests[0])
    assert [each["xdm:placementId"] for each in body["xdm:propositionRequests"]] == [PLACEMENT, OTHER_PLACEMENT]
    assert {each["xdm:itemCount"] for each in body["xdm:propositionRequests"]} == {3}
    assert body["xdm:responseFormat"] == {"xdm:includeContent": False}


def test_what_is_left_to_the_placement_is_not_sent() -> None:
    script = Script(answer(200, decided(OPTION)))
    script.run(decide(script.access(), question(item_count=None, include_content=None)))
    body = body_of(script.requests[0])
    assert body["xdm:propositionRequests"] == [{"xdm:activityId": DECISION, "xdm:placementId": PLACEMENT}]
    assert "xdm:responseFormat" not in body
    # These do not count against the limit of one answer, so only the service knows the limit.
    many = [f"dps:offer-placement:{number}" for number in range(30)]
    assert len(question(item_count="", placement_id=many).scopes) == 30
    with pytest.raises(InvalidInputError, match="at most 30 decisions and placements in one request"):
        question(item_count=None, placement_id=[*many, PLACEMENT])


def test_two_names_of_one_decision_are_asked_once() -> None:
    there = {**entity("dps", {"name": "d3"}), "id": DECISION}
    script = Script(answer(200, page("dps", [there])), answer(200, there), answer(200, decided(OPTION)))
    script.run(decide(script.access(), question(decision_id=["name:d3", DECISION])))
    assert [each["xdm:activityId"] for each in body_of(script.requests[-1])["xdm:propositionRequests"]] == [DECISION]


def test_an_answer_is_read_as_it_was_meant() -> None:
    fallback = {
        "xdm:id": "dps:fallback-offer:1c26533689c12004",
        # The older pages show etags as text.
        "repo:etag": "5",
        "@type": "https://ns.adobe.com/experience/decisioning/content-component-imagelink",
        "dc:format": "image/png",
        "xdm:deliveryURL": "https://cdn.example.com/1.png",
        "xdm:linkURL": "https://example.com",
    }
    body = decided(OPTION, {**OPTION, "xdm:id": "dps:personalized-offer:2", "repo:etag": 7})
    body["xdm:propositions"].append({**body["xdm:propositions"][0], "xdm:options": None, "xdm:fallback": fallback})
    script = Script(answer(200, body))
    found = decided_receipt(script.run(decide(script.access(), question())), SETTINGS, dry_run=True)
    first, second = found.pop("propositions")
    assert found == {
        "proposition_id": "5d0ffb5e-dfc6-4280-99b6-0bf3131cb8b8",
        "created": "2026-03-02T09:21:40.123Z",
        "dry_run": True,
        "api": "dps",
        "sandbox": "dev1",
    }
    assert first["decision"] == {"id": DECISION, "etag": 4}
    assert first["placement"] == {"id": PLACEMENT, "etag": 1}
    assert first["fallback"] is None
    assert first["options"][0] == {
        "id": OFFER,
        "etag": 3,
        "type": OPTION["@type"],
        "content": "<p>10%</p>",
        "score": 45.65,
    }
    assert [option["etag"] for option in first["options"]] == [3, 7]
    assert second["options"] == []
    assert second["fallback"] == {
        "id": "dps:fallback-offer:1c26533689c12004",
        "etag": 5,
        "type": fallback["@type"],
        "format": "image/png",
        "delivery_url": "https://cdn.example.com/1.png",
        "link_url": "https://example.com",
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
members = st.sampled_from(["xdm:id", "repo:etag", "xdm:score", "@type", "xdm:content", "xdm:characteristics"])
shown = st.dictionaries(members, json_values, max_size=6) | json_values
rows = st.fixed_dictionaries(
    {},
    optional={
        "xdm:activity": shown,
        "xdm:placement": shown,
        "xdm:options": st.lists(shown, max_size=3) | json_values,
        "xdm:fallback": shown,
    },
)


@given(rows=st.lists(rows, max_size=3) | json_values, created=json_values)
def test_whatever_is_answered_is_read_or_refused(rows: Any, created: Any) -> None:
    script = Script(answer(200, {"xdm:propositions": rows, "ode:createDate": created}))
    try:
        found = script.run(decide(script.access(max_retries=0), question()))
    except UnexpectedResponseError:
        assert not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows)
    else:
        assert len(found.propositions) == len(rows)
        json.dumps(decided_receipt(found, SETTINGS, dry_run=True), allow_nan=False)


def test_a_dry_run_is_repeated_like_a_read() -> None:
    script = Script(lost(), answer(503), answer(200, b'{"cut'), answer(429), answer(200, decided(OPTION)))
    # A complete answer that is not JSON is left to the task's retries.
    with pytest.raises(UnexpectedResponseError):
        script.go(decide(script.access(), question()))
    assert len(script.requests) == 3
    assert len(script.go(decide(script.access(), question())).propositions) == 1


@pytest.mark.parametrize("reply", [lost(), answer(503), answer(500), answer(200, b'{"cut')])
def test_what_may_have_counted_is_not_asked_again(reply: Any) -> None:
    script = Script(reply)
    with pytest.raises(OutcomeUnknownError, match="is not known") as caught:
        script.run(decide(script.access(), question(dry_run=False)))
    assert not caught.value.retryable
    assert body_of(script.requests[0])["xdm:dryRun"] is False


@pytest.mark.parametrize("reply", [lost(sent=False), answer(429)])
def test_what_was_not_taken_up_is_asked_again_even_for_real(reply: Any) -> None:
    script = Script(reply, answer(200, decided(OPTION)))
    script.run(decide(script.access(), question(dry_run=False)))
    assert len(script.requests) == 2


def test_an_outage_and_a_refusal_keep_their_own_errors() -> None:
    for replies, kind in (
        ([answer(429)] * 6, RateLimitedError),
        ([lost()] * 6, NoAnswerError),
        ([answer(400, {"title": "Bad request", "detail": "no profile"})], BadRequestError),
    ):
        script = Script(*replies)
        with pytest.raises(kind):
            script.run(decide(script.access(), question()))


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(("status", "may_pass"), [(400, False), (404, True), (422, True)])
def test_what_the_runtime_does_not_know_yet_may_be_asked_again(status: int, may_pass: bool, dry_run: bool) -> None:
    there = {
        **entity("dps", {"name": "d", "status": "live", "criteria": [{"placements": [PLACEMENT]}]}),
        "id": DECISION,
    }
    looks = [answer(200, there)] if may_pass else []
    script = Script(answer(status, {"title": "Refused", "detail": "the runtime knows no decision d"}), *looks)
    with pytest.raises(OfferLibraryError, match="knows no decision d") as caught:
        script.run(decide(script.access(), question(dry_run=dry_run)))
    assert caught.value.retryable is may_pass
    assert isinstance(caught.value, RuntimeRefusalError) is may_pass
    assert [sent.partition(" ")[0] for sent in script.sent] == ["POST", "GET"][: 1 + may_pass]
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.status, again.retryable) == (str(caught.value), status, may_pass)


@pytest.mark.parametrize("allow", [True, False, None])
def test_duplicates_are_left_to_the_service_unless_the_request_says(allow: bool | None) -> None:
    script = Script(answer(200, decided(OPTION)))
    script.run(decide(script.access(), question(allow_duplicates=allow)))
    across = {"xdm:acrossActivities": allow, "xdm:acrossPlacements": allow}
    sent = body_of(script.requests[0]).get("xdm:allowDuplicatePropositions")
    assert sent == (None if allow is None else across)


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("status", [400, 422, 503])
def test_errors_lose_the_identities_that_the_service_quotes(dry_run: bool, status: int) -> None:
    detail = f"profile {EMAIL} ({EMAIL}) is unknown, 4711 too, but not 47112"
    script = Script(answer(status, {"title": f"No {EMAIL}", "detail": detail}), *[answer(404)] * (status == 422))
    asked = question(profile={"Email": EMAIL, "CRM": 4711}, dry_run=dry_run)
    with pytest.raises(OfferLibraryError) as caught:
        script.run(decide(script.access(max_retries=0), asked))
    assert EMAIL not in str(caught.value)
    assert EMAIL not in repr(caught.value.__dict__)
    assert "*** (***) is unknown, *** too, but not 47112" in str(caught.value)
    assert EMAIL not in repr(asked)


def test_an_instance_id_is_looked_up_for_the_id_that_decisions_go_by() -> None:
    instance = "0f32d8a0-1619-11f1-9d55-1b1f0c9a7e21"
    shown = {
        **entity("xcore", {"name": "A decision"}),
        "_instance": {"@id": "xcore:offer-activity:77", "xdm:name": "A"},
    }
    script = Script(answer(200, shown), answer(200, decided(OPTION)))
    script.run(decide(script.access("xcore"), question(decision_id=instance)))
    assert script.sent[0] == f"GET /data/core/xcore/{CONTAINER}/instances/{instance}"
    assert body_of(script.requests[1])["xdm:propositionRequests"][0]["xdm:activityId"] == "xcore:offer-activity:77"

    script = Script(answer(404, {"title": "Not found"}))
    with pytest.raises(NotFoundError, match="there is no decision"):
        script.run(decide(script.access("xcore"), question(decision_id=instance)))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no profile": ({"profile": {}}, "profile: given an empty object"),
    "two profiles": ({"profile": [PROFILE, PROFILE]}, "profile: given a list"),
    "text": ({"profile": EMAIL}, "profile: given a str"),
    "an empty id": ({"profile": {"Email": " "}}, "profile.Email: given empty text"),
    "no id": ({"profile": {"Email": [{"primary": True}]}}, "profile.Email: given a dict without an id"),
    "no ids": ({"profile": {"Email": []}}, "profile.Email: given nothing"),
    "a flag for an id": ({"profile": {"Email": True}}, "profile.Email: given a bool without an id"),
    "two primary": (
        {"profile": {"Email": [{"id": "a", "primary": True}, {"id": "b", "primary": True}]}},
        "2 primary identities",
    ),
    "primary in words": ({"profile": {"Email": {"id": "a", "primary": "yes"}}}, "profile.Email.primary: given a str"),
    "no items": ({"item_count": 0}, "item_count: given 0; expected a whole number from 1 to 30"),
    "31 items": ({"item_count": 31}, "item_count: given 31"),
    "half an item": ({"item_count": 1.5}, "item_count: given 1.5"),
    "true items": ({"item_count": True}, "item_count: given True"),
    "more offers than one answer holds": (
        {"item_count": 30, "placement_id": [f"dps:offer-placement:{n}" for n in range(4)]},
        "so 25 at each placement",
    ),
    "31 placements": ({"placement_id": [f"dps:offer-placement:{n}" for n in range(31)]}, "at most 30"),
    "no placement": ({"placement_id": []}, "placement_id: given"),
    "a placement in its place": ({"decision_id": PLACEMENT}, "decision_id"),
    "an offer in its place": ({"placement_id": OFFER}, "placement_id"),
    "nothing": ({"decision_id": None}, "decision_id"),
    "another sandbox's": ({"decision_id": {"id": DECISION, "sandbox": "prod"}}, "a receipt from 'prod'"),
    "context that is none": ({"context_data": {"store": "42"}}, "context_data/store: given a str"),
    "a flag in words": ({"dry_run": "false"}, "dry_run: given 'false'; expected True or False"),
    "content in words": ({"include_content": "no"}, "include_content: given 'no'; expected True, False or None"),
    "duplicates in numbers": ({"allow_duplicates": 1}, "allow_duplicates: given 1; expected True, False or None"),
    "two maps": ({"profile": {"identityMap": PROFILE, "Email": EMAIL}}, "profile/Email: given an unknown member"),
    "context without a schema": ({"context_data": [{"xdm:data": {}}]}, "context_data/0"),
    "context beyond JSON": ({"context_data": {"schema": {"x": {1, 2}}}}, "context_data/x"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_before_anything_is_sent(case: str) -> None:
    changes, said = WRONG[case]
    with pytest.raises(InvalidInputError) as caught:
        question(**changes)
    assert said in str(caught.value)
    assert EMAIL not in str(caught.value)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        question(decision_id="", placement_id=OFFER, profile=None, item_count="x", context_data=3)
    named = {violation.pointer.partition("/")[0] for violation in caught.value.violations}
    assert {"decision_id", "profile", "item_count", "context_data"} <= named


@pytest.mark.parametrize(
    ("profile", "plain"),
    [
        ({"Email": "a"}, {"Email": [{"id": "a", "primary": True}]}),
        ({"CRM": 12}, {"CRM": [{"id": "12", "primary": True}]}),
        (
            {"ECID": ["1", "2"], "Email": "a"},
            {"ECID": [{"id": "1", "primary": True}, {"id": "2"}], "Email": [{"id": "a"}]},
        ),
        (
            {"ECID": "1", "Email": {"id": "a", "primary": True}},
            {"ECID": [{"id": "1"}], "Email": [{"id": "a", "primary": True}]},
        ),
        (
            {"Email": [{"xdm:id": "a", "primary": True, "authenticatedState": "ambiguous"}]},
            {"Email": [{"id": "a", "primary": True, "authenticatedState": "ambiguous"}]},
        ),
    ],
)
def test_identities_in_plain_and_in_adobes_own_form(profile: Any, plain: Any) -> None:
    assert identity_map(profile) == plain
    assert read_profile({"xdm:identityMap": profile}) == read_profile({"identityMap": profile}) == Profile(plain)
    # A second conversion does not change the profile.
    assert identity_map(plain) == plain


def test_context_in_plain_and_in_adobes_own_form() -> None:
    plain = context_pairs({"https://ns/a": {"x": 1}})
    assert plain == (("https://ns/a", {"x": 1}),)
    assert context_pairs([{"@type": "https://ns/a", "xdm:data": {"x": 1}}]) == plain
    assert context_pairs({"@type": "https://ns/a", "xdm:data": {"x": 1}}) == plain
    assert context_pairs(None) == ()


def test_diagnostics_tell_the_last_update_and_its_innermost_errors() -> None:
    errors = [
        {
            "xdm:description": "Error(s) were found in instances related to a live activity",
            "xdm:causes": [
                {
                    "xdm:description": "Error(s) were found while compiling scopes",
                    "xdm:details": {"@id": "xcore:offer-activity:1", "etag": "1"},
                    "xdm:causes": [{"xdm:description": "Function occurs does not match"}, {"xdm:description": "And x"}],
                }
            ],
        },
        "what is this",
        {"xdm:description": "By itself", "xdm:causes": []},
    ]
    for update, date, said in (
        ({}, None, ()),
        ({"xdm:decisioningPackageUpdate": {"xdm:date": "2021-04-13T22:38:48.897Z", "xdm:errors": []}}, 897_000, ()),
        (
            {"xdm:decisioningPackageUpdate": {"xdm:date": "2021-06-01T12:00:00.000Z", "xdm:errors": errors}},
            0,
            ("Function occurs does not match", "And x", "By itself"),
        ),
    ):
        script = Script(answer(200, {"xdm:operations": update}))
        package = script.run(diagnose(script.access("xcore")))
        assert isinstance(package, Package)
        assert (package.date.microsecond if package.date else None, package.errors) == (date, said)
        assert script.sent == [f"GET /data/core/ode/{CONTAINER}/diagnostics"]
        assert script.requests[0].headers["Accept"] == "application/vnd.adobe.xed-id+json"


@pytest.mark.parametrize(
    "body", [{}, {"xdm:operations": []}, {"xdm:operations": {"xdm:decisioningPackageUpdate": {"xdm:date": "soon"}}}]
)
def test_diagnostics_that_say_nothing_are_refused(body: Any) -> None:
    script = Script(answer(200, body))
    with pytest.raises(UnexpectedResponseError):
        script.run(diagnose(script.access("xcore")))


def test_dps_has_no_diagnostics() -> None:
    script = Script()
    with pytest.raises(UnsupportedError, match="dps documents no diagnostics"):
        script.run(diagnose(script.access("dps")))


def test_a_list_of_one_kind_is_not_taken_for_a_decision() -> None:
    # A page of a listing is not a receipt.
    with pytest.raises(InvalidInputError, match="decision_id"):
        question(decision_id=page("dps"))
