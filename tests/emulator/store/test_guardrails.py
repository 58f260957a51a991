"""Adobe's guardrails: the limits of one object, with every kind of write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.emulator.store.guardrails import MAX_OFFER_BYTES
from tests.emulator.conftest import Caller
from tests.emulator.kinds import Kind, Writer, family

DATE = "2026-03-10T00:00:00Z"
EARLIER = "2026-03-09T00:00:00Z"


@pytest.fixture(params=("dps", "xcore"))
def writer(request: pytest.FixtureRequest, caller: Caller) -> Writer:
    """A writer of each generation."""
    return Writer(caller, request.param)


def spelled(writer: Writer, value: Any) -> Any:
    """A value in the writer's generation; only for names with a regular prefix."""
    if isinstance(value, dict):
        prefix = "" if writer.api == "dps" else "xdm:"
        return {prefix + name: spelled(writer, member) for name, member in value.items()}
    return [spelled(writer, each) for each in value] if isinstance(value, list) else value


def many(emulator: Emulator, kind: str, count: int, **body: Any) -> list[str]:
    """The ids of this number of new objects."""
    bodies = [{"name": f"Many {kind} {number}", **body} for number in range(count)]
    return emulator.seed(objects=[{"kind": kind, "body": each} for each in bodies])


def cap(**changes: Any) -> dict[str, Any]:
    return {"limit": 1, "scope": "profile", "entity": "offer", **changes}


def period(unit: str, count: int) -> list[dict[str, Any]]:
    return [cap(repeat={"enabled": True, "unit": unit, "unitCount": count})]


def criteria(placements: list[str], collections: list[str]) -> list[dict[str, Any]]:
    """A criterion for each collection, the first with every placement."""
    return [
        {"placements": placements if number == 0 else placements[:1], "optionSelection": {"filter": each}}
        for number, each in enumerate(collections)
    ]


def _tags(count: int) -> Callable[[Emulator, dict[str, str]], Any]:
    return lambda emulator, ids: many(emulator, "tag", count)


def _placements(count: int) -> Callable[[Emulator, dict[str, str]], Any]:
    return lambda emulator, ids: criteria(many(emulator, "offer-placement", count), [ids["collection"]])


def _collections(count: int) -> Callable[[Emulator, dict[str, str]], Any]:
    return lambda emulator, ids: criteria([ids["placement"]], many(emulator, "offer-filter", count))


def _plain(value: Any) -> Callable[[Emulator, dict[str, str]], Any]:
    return lambda emulator, ids: value


def _expression(size: int) -> Callable[[Emulator, dict[str, str]], Any]:
    return _plain({"type": "PQL", "format": "pql/text", "value": "é" * (size // 2) + "." * (size % 2)})


# A property of a kind, a value at its limit, a value beyond it, and the message.
BOUNDS: list[tuple[str, str, Any, Any, str]] = [
    ("offer", "tags", _tags(20), _tags(21), "has 21 collection qualifiers, and may have at most 20"),
    ("fallback", "tags", _tags(20), _tags(21), "has 21 collection qualifiers"),
    ("collection", "ids", _tags(20), _tags(21), "has 21 collection qualifiers"),
    (
        "offer",
        "frequencyCappingConstraints",
        _plain([cap()] * 10),
        _plain([cap()] * 11),
        "has 11 capping rules, and may have at most 10",
    ),
    (
        "offer",
        "frequencyCappingConstraints",
        _plain(period("day", 730)),
        _plain(period("day", 731)),
        "731 days are more than two years",
    ),
    (
        "offer",
        "frequencyCappingConstraints",
        _plain(period("month", 24)),
        _plain(period("month", 25)),
        "25 months are more than two years",
    ),
    (
        "offer",
        "frequencyCappingConstraints",
        _plain([cap(startDate=EARLIER, endDate=DATE)]),
        _plain([cap(startDate=DATE, endDate=DATE)]),
        "the window is empty",
    ),
    ("placement", "itemCount", _plain(30), _plain(31), "must be at most 30, not 31"),
    ("decision", "criteria", _placements(30), _placements(31), "has 31 placements, and may have at most 30"),
    ("decision", "criteria", _collections(30), _collections(31), "has 31 collections, and may have at most 30"),
    ("rule", "condition", _expression(15 * 1024), _expression(15 * 1024 + 1), "has 15361 bytes"),
    ("formula", "expression", _expression(8 * 1024), _expression(8 * 1024 + 1), "has 8193 bytes"),
]


@pytest.mark.parametrize(("name", "where", "within", "beyond", "message"), BOUNDS)
def test_bounds_hold_when_created_and_when_patched(
    writer: Writer, name: str, where: str, within: Any, beyond: Any, message: str
) -> None:
    known, ids = family(writer)
    status = {"status": "draft"} if name == "decision" else {}
    good, bad = (spelled(writer, make(writer.emulator, ids)) for make in (within, _apart(beyond)))
    object_id = writer.made(known[name], name="Within", **{where: good}, **status)
    refusals = [
        writer.create_neutral(known[name], name="Beyond", **{where: bad}, **status),
        writer.patch(known[name], object_id, "add", f"/{where}", bad),
    ]
    for refused in refusals:
        assert refused.status_code == writer.refused
        assert refused.json()["title"] == "Validation failed"
        assert message in refused.json()["detail"]
    writer.emulator.configure(guardrails="ignore")
    assert writer.patch(known[name], object_id, "add", f"/{where}", bad).status_code == 200
    writer.made(known[name], name="Beyond", **{where: bad}, **status)


def _apart(make: Callable[[Emulator, dict[str, str]], Any]) -> Callable[[Emulator, dict[str, str]], Any]:
    """The same with unique names, because the names of tags are unique."""

    def made(emulator: Emulator, ids: dict[str, str]) -> Any:
        for each in emulator.objects("tag"):
            if each["body"]["name"].startswith("Many tag"):
                name = each["body"]["name"].replace("Many", "First")
                Caller(emulator).dps(
                    "PATCH", f"/tags/{each['id']}", json=[{"op": "replace", "path": "/name", "value": name}]
                )
        return make(emulator, ids)

    return made


def test_one_more_is_refused_where_many_are(writer: Writer) -> None:
    known, ids = family(writer)
    tags = many(writer.emulator, "tag", 20)
    assert writer.patch(known["offer"], ids["offer"], "replace", "/tags", tags).status_code == 200
    answer = writer.patch(known["offer"], ids["offer"], "add", "/tags/-", ids["tag"])
    assert answer.status_code == writer.refused
    assert "/tags: has 21 collection qualifiers" in answer.json()["detail"].replace("xdm:", "")


def test_a_replacement_keeps_the_bounds(caller: Caller) -> None:
    writer = Writer(caller, "xcore")
    known, ids = family(writer)
    many_tags = {**known["offer"].prefixed, "xdm:tags": many(caller.emulator, "tag", 21)}
    headers = {"Content-Type": f'application/schema-instance+json; schema="{known["offer"].stamped}"'}
    answer = caller.instances("PUT", writer.instance_of(ids["offer"]), json=many_tags, headers=headers)
    assert answer.status_code == 422
    assert "/xdm:tags: has 21 collection qualifiers" in answer.json()["detail"]


def test_characteristics_of_an_offer(writer: Writer) -> None:
    known, ids = family(writer)
    thirty = {f"key{number}": "value" for number in range(30)}
    assert writer.patch(known["offer"], ids["offer"], "replace", "/characteristics", thirty).status_code == 200
    one_more = {**thirty, "last": "value"}
    answer = writer.patch(known["offer"], ids["offer"], "replace", "/characteristics", one_more)
    assert answer.status_code == writer.refused
    assert "has 31 characteristics, and may have at most 30" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["offer", "fallback"])
def test_the_size_of_an_offer(writer: Writer, name: str) -> None:
    known, ids = family(writer)
    large = {"sku": "x" * (MAX_OFFER_BYTES - 2000)}
    assert writer.patch(known[name], ids[name], "add", "/characteristics", large).status_code == 200
    answer = writer.patch(known[name], ids[name], "add", "/description", "é" * 1000)
    assert answer.status_code == writer.refused
    assert f"and may have at most {MAX_OFFER_BYTES}" in answer.json()["detail"]


@pytest.mark.parametrize(("count", "refused"), [(500, False), (501, True)])
def test_offers_of_a_static_collection(writer: Writer, count: int, refused: bool) -> None:
    known, _ = family(writer)
    offers = [each["id"] for each in many_offers(writer.emulator, count)]
    answer = writer.create_neutral(known["collection"], filterType="offers", ids=offers)
    assert answer.status_code == (writer.refused if refused else 201)
    assert ("has 501 offers, and may have at most 500" in answer.text) is refused


def many_offers(emulator: Emulator, count: int) -> list[dict[str, Any]]:
    emulator.seed(count, name="Counted {n}")
    return [each for each in emulator.objects("personalized-offer") if each["body"]["name"].startswith("Counted")]


@pytest.mark.parametrize(
    ("filter_type", "wanted", "found"),
    [
        ("offers", "personalized-offer or fallback-offer", "tag"),
        ("any-tags", "tag", "offer"),
        ("all-tags", "tag", "fallback"),
    ],
)
def test_ids_of_a_collection_fit_its_filter_type(writer: Writer, filter_type: str, wanted: str, found: str) -> None:
    known, ids = family(writer)
    fitting = ids["offer"] if filter_type == "offers" else ids["tag"]
    word = filter_type if writer.api == "dps" else {"any-tags": "anyTags", "all-tags": "allTags"}.get(filter_type)
    object_id = writer.made(known["collection"], filterType=word or filter_type, ids=[fitting])
    answer = writer.patch(known["collection"], object_id, "add", "/ids/-", ids[found])
    assert answer.status_code == writer.refused
    assert f"{ids[found]!r}, which is a {known[found].schema} and not a {wanted}" in answer.json()["detail"]
    writer.emulator.configure(guardrails="ignore")
    assert writer.patch(known["collection"], object_id, "add", "/ids/-", ids[found]).status_code == 200


def test_a_new_filter_type_needs_other_ids(writer: Writer) -> None:
    known, ids = family(writer)
    answer = writer.patch(known["collection"], ids["collection"], "replace", "/filterType", "offers")
    assert answer.status_code == writer.refused
    assert "which is a tag and not a personalized-offer or fallback-offer" in answer.json()["detail"]


def test_an_empty_window_of_a_decision(writer: Writer) -> None:
    known, ids = family(writer)
    answer = writer.patch(known["decision"], ids["decision"], "replace", "/endDate", DATE)
    assert answer.status_code == writer.refused
    assert "equals the start, so the window is empty" in answer.json()["detail"]
    writer.emulator.configure(guardrails="ignore")
    assert writer.patch(known["decision"], ids["decision"], "replace", "/endDate", DATE).status_code == 200


def test_a_reversed_window_of_a_cap(writer: Writer) -> None:
    known, ids = family(writer)
    caps = spelled(writer, [cap(), cap(startDate=DATE, endDate=EARLIER)])
    change = ("replace", "/frequencyCappingConstraints", caps)
    answer = writer.patch(known["offer"], ids["offer"], *change)
    assert answer.status_code == writer.refused
    detail = answer.json()["detail"].replace("xdm:", "")
    assert "/frequencyCappingConstraints/1/endDate: 2026-03-09T00:00:00.000Z is before the start" in detail
    writer.emulator.configure(refuse_reversed_window=False)
    assert writer.patch(known["offer"], ids["offer"], *change).status_code == 200


def test_what_was_seeded_unchecked_may_be_brought_back_within_the_bounds(writer: Writer) -> None:
    known, ids = family(writer)
    kind: Kind = known["collection"]
    tags = many(writer.emulator, "tag", 21)
    body = {"name": "Too many", "filterType": "any-tags", "ids": tags}
    (object_id,) = writer.emulator.seed(objects=[{"kind": kind.schema, "body": body}], checked=False)
    assert writer.patch(kind, object_id, "replace", "/name", "Still").status_code == writer.refused
    assert writer.patch(kind, object_id, "replace", "/ids", [ids["tag"]]).status_code == 200
