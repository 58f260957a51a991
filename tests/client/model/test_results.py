"""The result of a patch: only what it makes wrong or worse counts, and each doubt is told once, with the object."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.model.kinds import FALLBACK, PERSONALIZED, Kind
from airflow_provider_offers.client.model.preparing import prepare
from airflow_provider_offers.client.model.validation import (
    MAX_BYTES,
    Validate,
    check_offer,
    check_result,
    checked_validate,
    offer_findings,
    size_of,
)
from tests.client.library import sale

GOOD = {"placement": "p1", "components": [{"type": "html", "format": "text/html"}]}
BAD = {"placement": "p2", "components": [{"type": "html", "format": "html"}]}
WORSE = {"placement": "p1", "components": [{"format": "text/html"}]}
EMPTY = {"placement": "p1", "components": []}
AGAIN = {**GOOD, "channel": "https://ns.adobe.com/xdm/channel-types/web"}


def refused(before: dict[str, Any], after: dict[str, Any], validate: Validate = True) -> list[str]:
    """The places for which a patch from one state to the other is refused."""
    try:
        check_result(PERSONALIZED, before, after, validate, set())
    except InvalidInputError as error:
        return [each.pointer for each in error.violations]
    return []


@pytest.mark.parametrize(
    ("before", "after", "pointers"),
    [
        ({}, {"tags": ["t1", ""]}, ["/tags/1"]),
        # As wrong as before, or less.
        ({"tags": [""]}, {"tags": [""], "description": "new"}, []),
        ({"tags": ["", ""]}, {"tags": [""]}, []),
        ({"rank": {"priority": -1}}, {"rank": {"priority": -2}}, []),
        # One more error of the same place, and one of another place instead.
        ({"tags": [""]}, {"tags": ["", ""]}, ["/tags/1"]),
        ({"rank": {"priority": -1}}, {"tags": [""]}, ["/tags/0"]),
        # An item moves up.
        ({"representations": [GOOD, BAD]}, {"representations": [BAD]}, []),
        ({"representations": [GOOD, BAD]}, {"representations": [WORSE, BAD]}, ["/representations/0/components/0/type"]),
        # Too many, and more or fewer of them.
        ({"tags": ["t1"] * 22}, {"tags": ["t1"] * 21}, []),
        ({"tags": ["t1"] * 9 + ["t2"] * 90}, {"tags": ["t1"] * 100}, ["/tags"]),
        # A doubt about a draft is an error in an offer that is shown.
        (
            {"status": "draft", "representations": [EMPTY]},
            {"status": "approved", "representations": [EMPTY]},
            ["/representations/0/components"],
        ),
    ],
)
def test_only_what_a_patch_makes_wrong_or_worse_counts(
    before: dict[str, Any], after: dict[str, Any], pointers: list[str]
) -> None:
    assert refused(sale(**before), sale(**after)) == pointers
    assert refused(sale(**before), sale(**after), validate=False) == []


def test_a_doubt_of_the_result_is_refused_if_the_author_says_so() -> None:
    twice = sale(representations=[GOOD, AGAIN])
    assert refused(sale(), twice) == []
    assert refused(sale(), twice, "strict") == ["/representations/1/placement"]
    assert refused(twice, {**twice, "description": "new"}, "strict") == []


def test_a_doubt_that_was_told_is_not_told_again_wherever_it_stands(caplog: pytest.LogCaptureFixture) -> None:
    # In the patch it is at index 1, in its result at index 2.
    operations = [{"op": "replace", "path": "/representations", "value": [GOOD, AGAIN]}]
    doubts = prepare(operations, [PERSONALIZED], "dps").doubts
    (told,) = caplog.messages
    assert told.startswith("The patch of the personalized offer is sent although it may be wrong")
    before, after = sale(name="Sale"), sale(name="Sale", representations=[BAD, GOOD, AGAIN])
    before["representations"] = [BAD]
    check_result(PERSONALIZED, before, after, True, set(doubts))
    assert len(caplog.messages) == 1

    known: set[str] = set()
    for _ in range(2):
        check_result(PERSONALIZED, before, after, True, known)
    _, once = caplog.messages
    assert once.startswith("The patched personalized offer 'Sale' is sent although")
    assert known == doubts
    # A doubt is refused even if it was told.
    with pytest.raises(InvalidInputError):
        check_result(PERSONALIZED, before, after, "strict", set(doubts))


def test_a_warning_names_the_offer(caplog: pytest.LogCaptureFixture) -> None:
    offer = sale(name="Sale", future=1)
    check_offer(PERSONALIZED, offer, offer)
    (told,) = caplog.messages
    assert told.startswith("The personalized offer 'Sale' is sent although it may be wrong")
    assert "validate='strict' rejects it: /future: given" in told


@pytest.mark.parametrize("path", ["/future", "/future/deep", "/rank/future", "/representations/0/future"])
def test_a_property_that_a_path_names_is_told_once(caplog: pytest.LogCaptureFixture, path: str) -> None:
    """The patch has the path, and its result has the property at its place."""
    prepared = prepare([{"op": "add", "path": path, "value": 1}], [PERSONALIZED, FALLBACK], "dps")
    told = len(caplog.messages)
    before = sale(future={}) if path.endswith("deep") else sale()
    after = prepared.result(before)
    if path.endswith("deep"):
        del before["future"]
    for kind in (PERSONALIZED, FALLBACK):
        check_result(kind, before, after, True, set(prepared.doubts))
    assert told
    assert len(caplog.messages) == told
    # Another property of the same kind is told.
    check_result(PERSONALIZED, before, {**after, "other": 1}, True, set(prepared.doubts))
    assert len(caplog.messages) == told + 1


@pytest.mark.parametrize("kind", [PERSONALIZED, FALLBACK])
def test_an_object_may_have_exactly_so_many_bytes(kind: Kind) -> None:
    offer = sale(description="")
    offer["description"] = "x" * (MAX_BYTES - size_of(offer))
    assert offer_findings(kind, offer, offer) == []
    offer["description"] += "x"
    (found,) = offer_findings(kind, offer, offer)
    assert (found.pointer, found.given) == ("", f"{MAX_BYTES + 1} bytes")
    assert found.expected == f"at most {MAX_BYTES} bytes for a whole {kind.subject}"


@pytest.mark.parametrize("validate", [True, False, "strict"])
def test_the_checks_have_three_levels(validate: Validate) -> None:
    assert checked_validate(validate) is validate


@pytest.mark.parametrize("validate", ["STRICT", "true", None, 1, ""])
def test_another_level_of_checks_is_refused(validate: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        checked_validate(validate)
    (violation,) = caught.value.violations
    assert (violation.pointer, violation.given) == ("validate", repr(validate))


def test_only_the_strict_level_refuses_doubts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    doubtful = sale(future=1)
    for validate in (True, False):
        check_offer(PERSONALIZED, doubtful, doubtful, validate)
    with pytest.raises(InvalidInputError, match="personalized offer cannot be sent"):
        check_offer(PERSONALIZED, doubtful, doubtful, "strict")
    assert len(caplog.messages) == 1
