"""Invalid documents are rejected before anything is sent: every rule, in the author's spelling, all at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import InvalidInputError, UnsupportedError
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.kinds import COLLECTION, DECISION, FALLBACK, PERSONALIZED, Kind, offer_kind
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.preparing import check_operations, check_patch, neutral_patch
from airflow_provider_offers.client.model.spelling import join_pointer, split_pointer, wire_tokens, wire_value
from airflow_provider_offers.client.model.validation import Validate, check_offer
from tests.client import strategies
from tests.client.library import DPS_ID, sale
from tests.client.script import SETTINGS
from tests.effort import examples

OFFER = PERSONALIZED.names


def pointers(offer: Any, kind: Kind = PERSONALIZED, validate: Validate = "strict") -> list[str]:
    """The places where an offer is refused."""
    try:
        check_offer(kind, neutral_payload(offer), offer, validate)
    except InvalidInputError as refused:
        return [violation.pointer for violation in refused.violations]
    return []


def patch_pointers(*operations: Any, kind: Kind = PERSONALIZED, validate: Validate = "strict") -> list[str]:
    try:
        check_operations(operations)
        check_patch(kind, PreparedPatch(neutral_patch(operations, "xcore", kind), kind), validate)
    except InvalidInputError as refused:
        return [violation.pointer for violation in refused.violations]
    return []


def component(**changes: Any) -> dict[str, Any]:
    return {"type": "html", "format": "text/html", **changes}


def showing(*components: Any, **changes: Any) -> list[dict[str, Any]]:
    return [{"placement": "p", "components": list(components) or [component()], **changes}]


def capping(**changes: Any) -> list[dict[str, Any]]:
    return [{"limit": 1, "scope": "profile", "entity": "offer", **changes}]


def window(**changes: Any) -> dict[str, Any]:
    return {"startDate": "2026-03-10T00:00:00Z", "endDate": "2026-06-30T00:00:00Z", **changes}


def test_a_good_offer_passes_in_either_spelling() -> None:
    full = sale(
        description="",
        frequencyCappingConstraints=capping(events=["click"], repeat={"enabled": True, "unit": "day", "unitCount": 1}),
        cappingConstraint={"globalCap": 1, "profileCap": 1},
        future={"anything": [None]},
    )
    wire = wire_value(full, OFFER)
    for offer in (full, wire, {"_instance": wire, "_links": {}}):
        assert pointers(offer, validate=True) == []
        assert [pointer.rpartition("/")[2] for pointer in pointers(offer)] == ["future"]
    least = {"name": "x", "status": "approved"}
    assert pointers(least, FALLBACK) == []


# Each rule: a value that breaks it, and the place.
RULES: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "/name"),
    ({"name": "  "}, "/name"),
    ({"name": 5}, "/name"),
    ({"name": None}, "/name"),
    ({"description": 5}, "/description"),
    ({"status": "live"}, "/status"),
    ({"status": "Draft"}, "/status"),
    ({"status": ["draft"]}, "/status"),
    ({"status": None}, "/status"),
    ({"representations": {}}, "/representations"),
    ({"representations": ["x"]}, "/representations/0"),
    ({"representations": [{"components": [component()]}]}, "/representations/0/placement"),
    ({"representations": [{"placement": "p"}]}, "/representations/0/components"),
    ({"representations": [{"placement": "p", "components": []}]}, "/representations/0/components"),
    ({"representations": showing(placement="")}, "/representations/0/placement"),
    ({"representations": showing(channel=5)}, "/representations/0/channel"),
    ({"representations": showing({"format": "text/html"})}, "/representations/0/components/0/type"),
    ({"representations": showing(component(), {"type": "html"})}, "/representations/0/components/1/format"),
    ({"representations": showing(component(format="html"))}, "/representations/0/components/0/format"),
    ({"representations": showing(component(language="en"))}, "/representations/0/components/0/language"),
    ({"representations": showing(component(language=["en_US"]))}, "/representations/0/components/0/language/0"),
    ({"representations": showing(component(content=5))}, "/representations/0/components/0/content"),
    ({"representations": showing(component(deliveryURL=5))}, "/representations/0/components/0/deliveryURL"),
    ({"representations": showing(component(linkURL=[]))}, "/representations/0/components/0/linkURL"),
    ({"selectionConstraint": None}, "/selectionConstraint"),
    ({"selectionConstraint": []}, "/selectionConstraint"),
    ({"selectionConstraint": {"startDate": "2026-03-10T00:00:00Z"}}, "/selectionConstraint/endDate"),
    ({"selectionConstraint": window(startDate="2026-03-10")}, "/selectionConstraint/startDate"),
    ({"selectionConstraint": window(startDate="2026-03-10T00:00:00")}, "/selectionConstraint/startDate"),
    ({"selectionConstraint": window(startDate="2026-02-30T00:00:00Z")}, "/selectionConstraint/startDate"),
    ({"selectionConstraint": window(startDate=1772443231018)}, "/selectionConstraint/startDate"),
    ({"selectionConstraint": window(endDate="2026-03-10T00:00:00Z")}, "/selectionConstraint/endDate"),
    ({"selectionConstraint": window(endDate="2026-03-10T00:30:00+01:00")}, "/selectionConstraint/endDate"),
    ({"selectionConstraint": window(eligibilityRule="")}, "/selectionConstraint/eligibilityRule"),
    ({"selectionConstraint": window(profileConstraintType="all")}, "/selectionConstraint/profileConstraintType"),
    ({"selectionConstraint": window(segmentIdentities="x")}, "/selectionConstraint/segmentIdentities"),
    ({"rank": None}, "/rank"),
    ({"rank": {}}, "/rank/priority"),
    ({"rank": {"priority": -1}}, "/rank/priority"),
    ({"rank": {"priority": 1.5}}, "/rank/priority"),
    ({"rank": {"priority": True}}, "/rank/priority"),
    ({"rank": {"priority": "1"}}, "/rank/priority"),
    ({"cappingConstraint": {"globalCap": 0}}, "/cappingConstraint/globalCap"),
    ({"cappingConstraint": {"profileCap": None}}, "/cappingConstraint/profileCap"),
    ({"frequencyCappingConstraints": capping(limit=0)}, "/frequencyCappingConstraints/0/limit"),
    ({"frequencyCappingConstraints": [{"limit": 1, "entity": "offer"}]}, "/frequencyCappingConstraints/0/scope"),
    ({"frequencyCappingConstraints": capping(scope="all")}, "/frequencyCappingConstraints/0/scope"),
    ({"frequencyCappingConstraints": capping(entity="x")}, "/frequencyCappingConstraints/0/entity"),
    ({"frequencyCappingConstraints": capping(enabled="yes")}, "/frequencyCappingConstraints/0/enabled"),
    ({"frequencyCappingConstraints": capping(events=[])}, "/frequencyCappingConstraints/0/events"),
    ({"frequencyCappingConstraints": capping(events=["x"])}, "/frequencyCappingConstraints/0/events/0"),
    ({"frequencyCappingConstraints": capping(repeat={"unit": "year"})}, "/frequencyCappingConstraints/0/repeat/unit"),
    (
        {"frequencyCappingConstraints": capping(**window(endDate="2026-01-01T00:00:00Z"))},
        "/frequencyCappingConstraints/0/endDate",
    ),
    ({"frequencyCappingConstraints": capping() * 11}, "/frequencyCappingConstraints"),
    ({"tags": ["t"] * 21}, "/tags"),
    ({"tags": [""]}, "/tags/0"),
    ({"tags": "t"}, "/tags"),
    ({"characteristics": {"a/b~": 5}}, "/characteristics/a~1b~0"),
    ({"characteristics": {"xdm:name": 5}}, "/characteristics/xdm:name"),
    ({"characteristics": {f"c{n}": "" for n in range(31)}}, "/characteristics"),
    ({"characteristics": []}, "/characteristics"),
    ({"tags": {}}, "/tags"),
    ({"tags": {f"t{n}": "t1" for n in range(21)}}, "/tags"),
    ({"description": "x" * 300 * 1024}, ""),
    ({"future": float("nan")}, "/future"),
    ({"future": [float("-inf")]}, "/future/0"),
    ({"future": {"when": dt.date(2026, 3, 10)}}, "/future/when"),
    ({"future": {1, 2}}, "/future"),
    ({"future": b"x"}, "/future"),
    ({"future": {5: 1}}, "/future"),
    ({"future": "\ud83d"}, "/future"),
    ({"future": {"\ud83d": 1}}, "/future"),
    ({"future": 10**400}, "/future"),
    ({"selectionConstraint": window(startDate=dt.datetime(2026, 3, 10))}, "/selectionConstraint/startDate"),  # noqa: DTZ001
]


@pytest.mark.parametrize(("changes", "pointer"), RULES, ids=[f"{pointer}-{n}" for n, (_, pointer) in enumerate(RULES)])
def test_each_rule_is_told_where_it_is_broken_in_the_authors_spelling(changes: dict[str, Any], pointer: str) -> None:
    offer = sale(**changes)
    assert pointers(offer) == [pointer]
    if "future" in changes:
        return
    wire = join_pointer(wire_tokens(split_pointer(pointer), OFFER)[0])
    assert pointers(wire_value(offer, OFFER)) == [wire]
    assert pointers({"_instance": wire_value(offer, OFFER)}) == ["/_instance" + wire if wire else "/_instance"]


@pytest.mark.parametrize("name", ["name", "status", "selectionConstraint", "rank"])
def test_what_is_required(name: str) -> None:
    offer = sale()
    del offer[name]
    assert pointers(offer) == [f"/{name}"]
    assert pointers(wire_value(offer, OFFER)) == [f"/xdm:{name}"]
    assert pointers(offer, FALLBACK) == ([f"/{name}"] if name in ("name", "status") else [])


def test_everything_wrong_is_told_at_once() -> None:
    offer = sale(name="", status="x", rank={"priority": -1}, tags=[5, ""], representations=showing({"format": "x"}))
    assert sorted(pointers(offer)) == [
        "/name",
        "/rank/priority",
        "/representations/0/components/0/format",
        "/representations/0/components/0/type",
        "/status",
        "/tags/0",
        "/tags/1",
    ]
    assert len(pointers({})) == 4


def test_the_message_says_what_was_given_and_what_would_do() -> None:
    with pytest.raises(InvalidInputError) as caught:
        check_offer(PERSONALIZED, sale(status="live"), sale(status="live"))
    assert "/status: given 'live'; expected 'draft' or 'approved' or 'archived'" in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "given_offer", [None, [], "offer.json", 5, [("name", "x")], {"_instance": None}, {"_instance": [1]}]
)
def test_what_is_no_offer_at_all(given_offer: Any) -> None:
    assert pointers(given_offer) in ([""], ["/_instance"])


def test_aware_datetimes_become_text() -> None:
    berlin = dt.timezone(dt.timedelta(hours=1))
    start = dt.datetime(2026, 3, 10, 1, 0, tzinfo=berlin)
    end = dt.datetime(2026, 6, 30, 21, 59, 59, 999_999, tzinfo=dt.UTC)
    offer = sale(selectionConstraint={"startDate": start, "endDate": end})
    assert pointers(offer) == []
    assert neutral_payload(offer)["selectionConstraint"] == {
        "startDate": "2026-03-10T00:00:00Z",
        "endDate": "2026-06-30T21:59:59.999Z",
    }


def test_a_datetime_beyond_the_calendar_is_refused() -> None:
    early = dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    assert pointers(sale(selectionConstraint=window(startDate=early))) == ["/selectionConstraint/startDate"]


def nested(depth: int, wrap: Callable[[Any], Any]) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    return value


@pytest.mark.parametrize("wrap", [lambda value: [value], lambda value: {"x": value}], ids=["lists", "objects"])
def test_depth_is_bounded(wrap: Callable[[Any], Any]) -> None:
    assert pointers(sale(future=nested(60, wrap)), validate=True) == []
    for depth in (70, 5_000):
        (pointer,) = pointers(sale(future=nested(depth, wrap)))
        assert pointer.startswith("/future/")
        (pointer,) = patch_pointers({"op": "add", "path": "/future", "value": nested(depth, wrap)})
        assert pointer.startswith("/0/value")


# Patches.


@pytest.mark.parametrize(
    ("operation", "pointer"),
    [
        (5, "/0"),
        ({"path": "/name"}, "/0/op"),
        ({"op": "set", "path": "/name", "value": 1}, "/0/op"),
        ({"op": ["add"], "path": "/name", "value": "x"}, "/0/op"),
        ({"op": "add", "value": 1}, "/0/path"),
        ({"op": "add", "path": "name", "value": "x"}, "/0/path"),
        ({"op": "add", "path": "", "value": {}}, "/0/path"),
        ({"op": "add", "path": "/a~2", "value": 1}, "/0/path"),
        ({"op": "add", "path": 5, "value": 1}, "/0/path"),
        ({"op": "move", "path": "/name"}, "/0/from"),
        ({"op": "copy", "path": "/name", "from": "x"}, "/0/from"),
        ({"op": "add", "path": "/name"}, "/0/value"),
        ({"op": "test", "path": "/name"}, "/0/value"),
        ({"op": "replace", "path": "/name", "value": ""}, "/0/value"),
        ({"op": "replace", "path": "/name", "value": None}, "/0/value"),
        ({"op": "replace", "path": "/_instance/xdm:status", "value": "live"}, "/0/value"),
        ({"op": "replace", "path": "/rank", "value": {"priority": -1}}, "/0/value/priority"),
        ({"op": "replace", "path": "/rank/priority", "value": "1"}, "/0/value"),
        ({"op": "replace", "path": "/selectionConstraint/endDate", "value": "tomorrow"}, "/0/value"),
        ({"op": "add", "path": "/representations/-", "value": {"placement": "p"}}, "/0/value/components"),
        ({"op": "add", "path": "/representations/0/components/-", "value": {"type": "html"}}, "/0/value/format"),
        ({"op": "add", "path": "/tags/-", "value": ""}, "/0/value"),
        ({"op": "add", "path": "/tags/first", "value": "x"}, "/0/path"),
        ({"op": "add", "path": "/characteristics/a", "value": 5}, "/0/value"),
        ({"op": "remove", "path": "/name"}, "/0/path"),
        ({"op": "remove", "path": "/xdm:rank/xdm:priority"}, "/0/path"),
        ({"op": "remove", "path": "/selectionConstraint"}, "/0/path"),
        ({"op": "remove", "path": "/selectionConstraint/startDate"}, "/0/path"),
        ({"op": "move", "from": "/name", "path": "/description"}, "/0/from"),
        ({"op": "replace", "path": "/id", "value": "x"}, "/0/path"),
        ({"op": "replace", "path": "/_instance/@id", "value": "x"}, "/0/path"),
        ({"op": "replace", "path": "/etag", "value": 1}, "/0/path"),
        ({"op": "remove", "path": "/repo:createdDate"}, "/0/path"),
        ({"op": "add", "path": "/future", "value": float("nan")}, "/0/value"),
        ({"op": "add", "path": "/future", "value": {"x": {1}}}, "/0/value/x"),
        ({"op": "add", "path": "/_instance", "value": {}}, "path"),
    ],
)
def test_what_a_patch_may_not_do(operation: Any, pointer: str) -> None:
    assert patch_pointers(operation) == [pointer]


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "/status", "value": "approved"},
        {"op": "add", "path": "/tags/-", "value": "t"},
        {"op": "add", "path": "/future/deep", "value": [1]},
        {"op": "remove", "path": "/description"},
        {"op": "remove", "path": "/selectionConstraint/eligibilityRule"},
        {"op": "test", "path": "/etag", "value": 5},
        {"op": "test", "path": "/name", "value": None},
        {"op": "copy", "from": "/name", "path": "/description"},
        {"op": "move", "from": "/a", "path": "/b"},
        {"op": "remove", "path": "/_links/self"},
    ],
)
def test_what_a_patch_may_do(operation: Any) -> None:
    assert patch_pointers(operation, validate=True) == []


def setting(**values: Any) -> list[dict[str, Any]]:
    """A patch that sets these whole properties, in this order."""
    return [{"op": "replace", "path": f"/{name}", "value": value} for name, value in values.items()]


def criteria(placements: int, collections: int = 1) -> list[dict[str, Any]]:
    places = [f"dps:offer-placement:{number}" for number in range(placements)]
    return [
        {"placements": places, "optionSelection": {"filter": f"dps:offer-filter:{number}"}}
        for number in range(collections)
    ]


START, END, LATER = "2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z", "2032-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("kind", "operations", "pointers_"),
    [
        (DECISION, setting(criteria=criteria(31)), ["/0/value"]),
        (DECISION, setting(name="x", criteria=criteria(1, 31)), ["/1/value"]),
        (DECISION, setting(startDate=START, endDate=START), ["/1/value"]),
        (DECISION, setting(endDate=START, name="x", startDate=END), ["/0/value"]),
        (PERSONALIZED, setting(representations=showing() * 2), ["/0/value/1/placement"]),
        (FALLBACK, setting(representations=showing() * 2), ["/0/value/1/placement"]),
        (COLLECTION, setting(filterType="any-tags", ids=[f"dps:tag:{n}" for n in range(21)]), ["/1/value"]),
        (COLLECTION, setting(ids=["dps:tag:1", "dps:tag:2"], filterType="offers"), ["/0/value/0", "/0/value/1"]),
        (PERSONALIZED, setting(description="x" * 310_000), ["/0/value"]),
        (PERSONALIZED, setting(description="x" * 200_000, future="y" * 200_000), ["/1/path", ""]),
        (
            PERSONALIZED,
            [{"op": "add", "path": "/representations/0/components/0/content", "value": "x" * 310_000}],
            ["/0/value"],
        ),
        (
            PERSONALIZED,
            [{"op": "add", "path": f"/characteristics/c{number}", "value": ""} for number in range(31)],
            ["/30/path"],
        ),
        (PERSONALIZED, [{"op": "add", "path": "/characteristics/code/part", "value": "x"}], ["/0/path"]),
        (
            PERSONALIZED,
            [
                {"op": "replace", "path": "/selectionConstraint/endDate", "value": START},
                {"op": "replace", "path": "/selectionConstraint/startDate", "value": END},
            ],
            ["/0/value"],
        ),
        # As one value, and again by its members.
        (PERSONALIZED, setting(selectionConstraint={"startDate": END, "endDate": START}), ["/0/value/endDate"]),
        (
            PERSONALIZED,
            [
                *setting(selectionConstraint={"startDate": START, "endDate": END}),
                {"op": "replace", "path": "/selectionConstraint/startDate", "value": LATER},
            ],
            ["/0/value/endDate"],
        ),
    ],
)
def test_what_a_patch_sets_is_looked_at_together(kind: Kind, operations: Any, pointers_: list[str]) -> None:
    assert patch_pointers(*operations, kind=kind) == pointers_


@pytest.mark.parametrize(
    ("kind", "operations"),
    [
        (DECISION, setting(criteria=criteria(30, 30))),
        (DECISION, setting(startDate=END)),
        (DECISION, setting(startDate=START, endDate=END)),
        # The last operation counts; its result is not known if a part of it is removed again.
        (DECISION, setting(startDate=END, endDate=START) + setting(endDate=LATER)),
        (DECISION, [*setting(criteria=criteria(31)), {"op": "remove", "path": "/criteria/0/placements/0"}]),
        (DECISION, [*setting(criteria=criteria(31)), {"op": "remove", "path": "/criteria"}]),
        (DECISION, [*setting(startDate=END, endDate=START), {"op": "copy", "from": "/other", "path": "/endDate"}]),
        (DECISION, [*setting(startDate=END, endDate=START), {"op": "move", "from": "/startDate", "path": "/was"}]),
        (DECISION, [*setting(startDate=END), {"op": "test", "path": "/endDate", "value": START}]),
        (COLLECTION, setting(filterType="any-tags")),
        (COLLECTION, setting(ids=[f"dps:tag:{n}" for n in range(21)])),
        (PERSONALIZED, [*setting(representations=showing() * 2), {"op": "remove", "path": "/representations/1"}]),
        (PERSONALIZED, [{"op": "add", "path": "/characteristics/5", "value": ""}]),
        (PERSONALIZED, setting(representations=[])),
        (PERSONALIZED, setting(selectionConstraint=window())),
    ],
)
def test_what_does_not_show_is_left_to_the_service(kind: Kind, operations: Any) -> None:
    assert patch_pointers(*operations, kind=kind, validate=True) == []


def test_a_window_goes_nowhere_whole() -> None:
    """Dates and rule are in the same object.

    A fallback does not need it, but its members can only be removed singly.
    """
    assert patch_pointers({"op": "remove", "path": "/selectionConstraint"}, kind=FALLBACK) == ["/0/path"]
    assert patch_pointers({"op": "remove", "path": "/rank"}, kind=FALLBACK) == []


def test_every_operation_is_looked_at() -> None:
    wrong = {"op": "replace", "path": "/status", "value": "live"}
    fine = {"op": "replace", "path": "/status", "value": "draft"}
    assert patch_pointers(wrong, fine, wrong) == ["/0/value", "/2/value"]
    assert patch_pointers({}, 5) == ["/0/op", "/0/path", "/1"]


@pytest.mark.parametrize("patch", [None, {}, "x", 5, []])
def test_what_is_no_patch_at_all(patch: Any) -> None:
    with pytest.raises(InvalidInputError):
        check_operations(patch)


def test_a_patch_has_a_size() -> None:
    fine = {"op": "replace", "path": "/status", "value": "draft"}
    assert patch_pointers(*[fine] * 1_000) == []
    assert patch_pointers(*[fine] * 1_001) == [""]


# Any input.


class NothingIsSent:
    """A shell that accepts every flow and sends nothing."""

    last_request_id = None

    def run(self, flow: Any) -> Any:
        flow.close()
        raise Reached

    def close(self) -> None:
        pass


class Reached(Exception):
    """The input was accepted."""


LIBRARY = OfferLibrary(SETTINGS, shell=NothingIsSent())  # type: ignore[arg-type]

_NAIVE = dt.datetime(2026, 1, 1)  # noqa: DTZ001  to be refused
_ODD = st.sampled_from([float("nan"), "\ud800", b"x", {1}, object(), 10**400, _NAIVE, _NAIVE.date()])
ANYTHING = st.recursive(
    strategies.JSON | _ODD,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "xdm:name",
                    "rank",
                    "status",
                    "_instance",
                    "representations",
                    "tags",
                    "op",
                    "path",
                    "value",
                    "id",
                ]
            )
            | st.integers()
            | st.text(max_size=2),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


def accepted_or_refused(call: Callable[[], Any]) -> None:
    try:
        call()
    except (InvalidInputError, UnsupportedError, Reached) as outcome:
        assert str(outcome) is not None  # noqa: PT017  a message can always be made


@given(ANYTHING | strategies.OFFER, st.booleans())
@examples(50)
def test_any_offer_is_accepted_or_refused(offer: Any, validate: bool) -> None:
    accepted_or_refused(lambda: LIBRARY.create(PERSONALIZED, offer, validate=validate))
    accepted_or_refused(lambda: LIBRARY.replace(PERSONALIZED, DPS_ID, offer, validate=validate))


_OPERATION = st.fixed_dictionaries(
    {},
    optional={
        "op": st.sampled_from(["add", "replace", "remove", "test", "move", "copy", "x", 5]),
        "path": st.sampled_from(
            ["/name", "/tags/-", "/_instance/xdm:rank", "/_links/x", "/_instance", "", "x", "/a~1b"]
        )
        | ANYTHING,
        "from": st.sampled_from(["/name", "/id", "/rank/priority"]) | ANYTHING,
        "value": ANYTHING,
    },
)


@given(ANYTHING | st.lists(_OPERATION, max_size=3), st.booleans())
@examples(50)
def test_any_patch_is_accepted_or_refused(patch: Any, validate: bool) -> None:
    accepted_or_refused(lambda: LIBRARY.patch(PERSONALIZED, DPS_ID, patch, validate=validate))


@given(ANYTHING, ANYTHING)
@examples(30)
def test_any_reference_is_accepted_or_refused(offer_id: Any, offer_type: Any) -> None:
    accepted_or_refused(lambda: LIBRARY.reference(PERSONALIZED, offer_id))
    accepted_or_refused(lambda: LIBRARY.offer_reference(offer_id))
    accepted_or_refused(lambda: LIBRARY.offer_reference({"id": offer_id, "offer_type": offer_type}))
    accepted_or_refused(lambda: offer_kind(offer_type))


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"if_exists": "replace"}, "if_exists"),
        ({"if_exists": None}, "if_exists"),
        ({"since": "yesterday"}, "since"),
        ({"since": dt.datetime(2026, 1, 1)}, "since"),  # noqa: DTZ001
        ({"patience": -1}, "patience"),
        ({"patience": dt.timedelta(hours=2)}, "patience"),
    ],
)
def test_the_options_of_a_creation_are_checked(options: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        LIBRARY.create(PERSONALIZED, sale(), **options)
    assert [violation.pointer for violation in caught.value.violations] == [pointer]


def test_an_offer_type_is_one_of_two() -> None:
    with pytest.raises(InvalidInputError) as caught:
        offer_kind("both")
    assert [violation.pointer for violation in caught.value.violations] == ["offer_type"]


def test_without_the_checks_a_name_is_still_needed() -> None:
    with pytest.raises(InvalidInputError, match="found by its name"):
        LIBRARY.create(PERSONALIZED, {"status": "draft"}, validate=False)
    with pytest.raises(Reached):
        LIBRARY.create(PERSONALIZED, {"name": "x", "future": 1}, validate=False)
