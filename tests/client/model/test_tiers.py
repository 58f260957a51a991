"""Three levels of checks: errors are rejected, doubts are sent with a warning, everything else is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.kinds import DECISION, PERSONALIZED, Kind
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.preparing import check_patch, neutral_patch
from airflow_provider_offers.client.model.validation import Validate, check_offer
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.emulator import Emulator
from tests.client.library import sale

LOG = "airflow_provider_offers.client.model.validation"
START, END = "2030-01-01T00:00:00Z", "2036-01-01T00:00:00Z"


@pytest.fixture
def library(emulator: Emulator, api: str) -> Iterator[OfferLibrary]:
    connection = emulator.connection(api)
    settings = parse_settings(**{name: connection[name] for name in ("host", "login", "password", "extra")})
    with OfferLibrary(settings, retries=Retries(max_retries=4, base=0.01, cap=0.05)) as library:
        yield library


def doubts(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings of the checks."""
    return [record.getMessage() for record in caplog.records if record.name == LOG]


def shown(placement: str = Emulator.PLACEMENT_ID) -> dict[str, Any]:
    return {"placement": placement, "components": [{"type": "html", "format": "text/html", "content": "<p>10%</p>"}]}


def offer(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Sale",
        "status": "draft",
        "representations": [shown()],
        "selectionConstraint": {"startDate": START, "endDate": END},
        "rank": {"priority": 1},
        **changes,
    }


def check(document: Any, validate: Validate = True, kind: Kind = PERSONALIZED) -> list[str]:
    """The places of the errors."""
    try:
        check_offer(kind, neutral_payload(document, kind), document, validate)
    except InvalidInputError as error:
        return [violation.pointer for violation in error.violations]
    return []


# Incomplete drafts, and the place of the problem.
UNFINISHED = [
    ({"selectionConstraint": {"startDate": START, "endDate": START}}, "/selectionConstraint/endDate"),
    ({"selectionConstraint": {"startDate": END, "endDate": START}}, "/selectionConstraint/endDate"),
    ({"representations": [{"placement": "p"}]}, "/representations/0/components"),
    ({"representations": [{"placement": "p", "components": []}]}, "/representations/0/components"),
]


@pytest.mark.parametrize(("changes", "pointer"), UNFINISHED)
def test_a_draft_may_be_unfinished_and_what_is_shown_may_not(
    changes: dict[str, Any], pointer: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert check(offer(**changes)) == []
    (doubt,) = doubts(caplog)
    assert (
        f"The personalized offer 'Sale' is sent although it may be wrong; validate='strict' rejects it: {pointer}"
        in doubt
    )
    assert "Adobe" in doubt
    assert check(offer(status="approved", **changes)) == [pointer]
    assert check(offer(**changes), "strict") == [pointer]
    assert check(offer(status="approved", **changes), validate=False) == []
    assert len(doubts(caplog)) == 1


@pytest.mark.parametrize("end", [START, "2029-12-31T00:00:00Z"])
def test_a_cap_has_a_window_even_in_a_draft(end: str) -> None:
    cap = {"limit": 1, "scope": "profile", "entity": "offer", "startDate": START, "endDate": end}
    assert check(offer(frequencyCappingConstraints=[cap])) == ["/frequencyCappingConstraints/0/endDate"]


def test_a_live_decision_has_a_window_and_a_draft_needs_none(caplog: pytest.LogCaptureFixture) -> None:
    empty = {"xdm:name": "D", "xdm:status": "draft", "xdm:startDate": START, "xdm:endDate": START}
    assert check(empty, kind=DECISION) == []
    assert "/xdm:endDate: given" in doubts(caplog)[0]
    assert check({**empty, "xdm:status": "live"}, kind=DECISION) == ["/xdm:endDate"]


def test_one_placement_twice_is_doubtful_whatever_the_status(caplog: pytest.LogCaptureFixture) -> None:
    twice = offer(status="approved", representations=[shown("p"), shown("p")])
    assert check(twice) == []
    (doubt,) = doubts(caplog)
    assert "/representations/1/placement: given 'p'" in doubt
    assert 'Adobe\'s page "Update a personalized offer"' in doubt
    assert check(twice, "strict") == ["/representations/1/placement"]


RULE_ID = "xcore:eligibility-rule:124e0faf5b8ee89b"


@pytest.mark.parametrize(
    ("constraint", "place"),
    [
        ({"profileConstraintType": "none", "eligibilityRule": RULE_ID}, "eligibilityRule"),
        (
            {"profileConstraintType": "anySegments", "segmentIdentities": [{"id": "7"}], "eligibilityRule": RULE_ID},
            "eligibilityRule",
        ),
        (
            {"profileConstraintType": "eligibilityRule", "eligibilityRule": RULE_ID, "segmentIdentities": [{"id": 7}]},
            "segmentIdentities",
        ),
    ],
)
def test_a_rule_that_its_constraint_does_not_apply_is_doubtful(constraint: dict[str, Any], place: str) -> None:
    dated = {"startDate": START, "endDate": END}
    assert check(offer(selectionConstraint={**dated, **constraint})) == []
    assert check(offer(selectionConstraint={**dated, **constraint}), "strict") == [f"/selectionConstraint/{place}"]
    criterion = {"placements": ["p1"], "optionSelection": {"filter": "c1"}, "profileConstraint": constraint}
    decision = {"name": "Home", "status": "draft", "criteria": [criterion]}
    assert check(decision, "strict", DECISION) == [f"/criteria/0/profileConstraint/{place}"]


@pytest.mark.parametrize(
    "constraint",
    [
        {"eligibilityRule": RULE_ID},
        {"profileConstraintType": "eligibilityRule", "eligibilityRule": RULE_ID},
        {"profileConstraintType": "allSegments", "segmentIdentities": [{"id": "7"}]},
        {"profileConstraintType": "rules", "eligibilityRule": RULE_ID},
        {"profileConstraintType": "none", "segmentIdentities": []},
    ],
)
def test_a_rule_that_its_constraint_may_apply_is_not_doubtful(constraint: dict[str, Any]) -> None:
    assert check(offer(selectionConstraint={"startDate": START, "endDate": END, **constraint}), "strict") == []


def test_what_is_certain_is_told_alone_and_what_is_doubtful_with_it_when_strict(
    caplog: pytest.LogCaptureFixture,
) -> None:
    both = offer(name="", representations=[shown("p"), shown("p")])
    assert check(both) == ["/name"]
    assert doubts(caplog) == []
    assert check(both, "strict") == ["/name", "/representations/1/placement"]


@pytest.mark.parametrize("wrong", ["strickt", "False", "true", None, 1, "STRICT"])
def test_how_strict_the_checks_are_is_one_of_three(wrong: Any, library: OfferLibrary) -> None:
    for act in (
        lambda: library.prepare(PERSONALIZED, offer(), validate=wrong),
        lambda: library.patch(PERSONALIZED, "dps:personalized-offer:1", [], validate=wrong),
        lambda: library.replace(PERSONALIZED, "dps:personalized-offer:1", offer(), validate=wrong),
    ):
        with pytest.raises(InvalidInputError, match=r"validate: given .*'strict'"):
            act()


@pytest.mark.parametrize(("status", "refused"), [("live", ["/0/value"]), ("draft", []), (None, [])])
def test_a_patch_that_sets_the_status_tells_how_certain_its_window_is(
    status: str | None, refused: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    values = {"endDate": START, "startDate": END, **({} if status is None else {"status": status})}
    patch = [{"op": "replace", "path": f"/{name}", "value": value} for name, value in values.items()]
    found: list[str] = []
    try:
        check_patch(DECISION, PreparedPatch(neutral_patch(patch, "dps", DECISION), DECISION))
    except InvalidInputError as error:
        found = [violation.pointer for violation in error.violations]
    assert found == refused
    assert len(doubts(caplog)) == (0 if refused else 1)


def test_a_doubt_is_told_once_however_often_the_document_is_looked_at(
    emulator: Emulator, library: OfferLibrary, caplog: pytest.LogCaptureFixture
) -> None:
    """An addition is checked when it is planned, and again after somebody else was faster."""
    made = library.create(PERSONALIZED, offer()).receipt.id
    emulator.add_fault("status", status=409, method="PATCH", path="/data/*", times=2)
    add = [{"op": "add", "path": "/representations/-", "value": shown()}]
    assert library.patch(PERSONALIZED, made, add).receipt.etag == 2
    assert len(emulator.journal(method="PATCH")) == 3
    (doubt,) = doubts(caplog)
    assert "The patched personalized offer 'Sale'" in doubt
    # Unchanged problems are not reported again.
    library.patch(
        PERSONALIZED,
        made,
        [{"op": "test", "path": "/name", "value": "Sale"}, {"op": "add", "path": "/rank", "value": {"priority": 2}}],
    )
    assert len(doubts(caplog)) == 1


def test_a_doubt_about_a_creation_is_told_once_when_it_becomes_an_update(
    library: OfferLibrary, caplog: pytest.LogCaptureFixture
) -> None:
    library.create(PERSONALIZED, offer())
    written = library.create(PERSONALIZED, offer(representations=[shown(), shown()]), if_exists="update")
    assert written.action == "updated"
    assert len(doubts(caplog)) == 1


def test_approving_an_unfinished_draft_is_refused(
    emulator: Emulator, library: OfferLibrary, caplog: pytest.LogCaptureFixture
) -> None:
    """A guarded patch is checked against the rules for objects that customers see."""
    emulator.configure(refuse_reversed_window=False)
    made = library.create(PERSONALIZED, offer(selectionConstraint={"startDate": END, "endDate": START})).receipt.id
    approve = [
        {"op": "test", "path": "/status", "value": "draft"},
        {"op": "add", "path": "/status", "value": "approved"},
    ]
    with pytest.raises(InvalidInputError, match="nothing was sent") as refused:
        library.patch(PERSONALIZED, made, approve)
    assert [violation.pointer for violation in refused.value.violations] == ["/selectionConstraint/endDate"]
    assert not emulator.journal(method="PATCH")


def test_a_good_document_is_sent_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    assert check(sale(), "strict") == []
    assert doubts(caplog) == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Sa\u200ble", "with U+200B; expected a name without invisible characters"),
        (
            "Sale {{ ds }}",
            "given 'Sale {{ ds }}'; expected the rendered name; only the fields of operators are rendered, and no cell "
            "of a file",
        ),
        ("{% if x %}Sale", "given '{% if x %}Sale'; expected the rendered name"),
        ("Sa\tle", "with U+0009"),
        ("Sale\u202e", "with U+202E"),
        ("S\u0430le", "with letters of Cyrillic and Latin in one word"),
        ("name:Sale", "expected the name without 'name:'"),
    ],
)
def test_a_name_that_nobody_can_type_is_doubtful(name: str, told: str, caplog: pytest.LogCaptureFixture) -> None:
    assert check(offer(name=name)) == []
    (doubt,) = doubts(caplog)
    assert told in doubt
    assert check(offer(name=name), "strict") == ["/name"]


@pytest.mark.parametrize(
    "name",
    [
        "Sale",
        "Prix d'\u00e9t\u00e9",
        "\u0420\u0430\u0441\u043f\u0440\u043e\u0434\u0430\u0436\u0430 iPhone",
        "\u590f",
        "\U0001f468\u200d\U0001f469",
        "Sale: 10 %",
        "a name: b",
    ],
)
def test_names_of_every_language_are_sent_in_silence(name: str, caplog: pytest.LogCaptureFixture) -> None:
    assert check(offer(name=name), "strict") == []
    assert doubts(caplog) == []
