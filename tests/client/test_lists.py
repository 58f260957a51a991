"""A list reads for all of its objects at once: about one request for each object, and the pages of few listings."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from airflow_provider_offers.client.errors import NotFoundError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.doubts import patch_looked_at
from airflow_provider_offers.client.flows.ends import BothEnds
from airflow_provider_offers.client.flows.replacing import replace_object
from airflow_provider_offers.client.flows.surveys import NameSurvey
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.entities import Entity, Reference, Written
from airflow_provider_offers.client.model.kinds import KINDS, Kind
from airflow_provider_offers.client.model.preparing import prepare
from airflow_provider_offers.client.model.query import parse_query
from airflow_provider_offers.client.wire.messages import Flow, Pause
from airflow_provider_offers.emulator import Emulator
from tests.client.lists import Heard, creations, document, kinds_of, run_list, work_of

# More than one lookup by ids takes, and more others than a page holds.
COUNT = 45
OTHERS = 150
NAMES = [f"Ours {number:03}" for number in range(COUNT)]
# The listings that a list reads page by page: of the kind itself, before and after, and of those that may refer to it.
PAGES = 2 * 3 + len(KINDS)
BOUND = 1.1 * COUNT + PAGES + 20

_AROUND = {
    "fallback": "dps:fallback-offer:1c00000000000001",
    "collection": "dps:offer-filter:1c00000000000002",
}
"""What a decision refers to."""


def counted(emulator: Emulator) -> tuple[int, str]:
    """The requests of a list, and what they were."""
    routes = Counter(each.route for each in emulator.journal(path="/data/*"))
    return routes.total(), ", ".join(f"{count} {route}" for route, count in sorted(routes.items()))


def seeded(emulator: Emulator, kind: Kind, names: Sequence[str], **changes: Any) -> list[dict[str, Any]]:
    """Objects that somebody made long ago."""
    if kind.key == "decision" and not emulator.objects("fallback"):
        around = [(KINDS[key], identifier) for key, identifier in _AROUND.items()]
        emulator.seed(
            objects=[{"kind": row.type_name, "id": each, "body": document(row, "Around")} for row, each in around]
        )
    # They differ in their names, so one is checked for all.
    (first,) = emulator.seed(objects=[{"kind": kind.type_name, "body": {**document(kind, names[0]), **changes}}])
    (body,) = (each["body"] for each in emulator.objects(kind.type_name) if each["id"] == first)
    objects = [{"kind": kind.type_name, "body": {**body, "name": name}} for name in names[1:]]
    emulator.seed(objects=objects, checked=False)
    emulator.clock.advance(3600)
    wanted = set(names)
    return [each for each in emulator.objects(kind.type_name) if each["body"]["name"] in wanted]


def references(there: Sequence[dict[str, Any]], kind: Kind, named_by: str) -> list[Reference]:
    """The objects as the receipts of a task give them, or by their reference ids or names alone."""
    if named_by == "names":
        return [Reference(kind, name=each["body"]["name"]) for each in there]
    instances = named_by == "receipts"
    return [Reference(kind, id=each["id"], instance_id=each["instance_id"] if instances else None) for each in there]


def expect_all(heard: Heard, action: str) -> None:
    assert heard.errors == {}
    assert Counter(each.action for each in heard.written.values()) == {action: COUNT}


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.key)
def test_creating_takes_about_a_request_each(emulator: Emulator, library: OfferLibrary, api: str, kind: Kind) -> None:
    if kind not in kinds_of(api):
        pytest.skip(f"{api} documents no calls for it")
    seeded(emulator, kind, [f"Other {number}" for number in range(OTHERS)])
    emulator.clear_journal()

    _, heard = run_list(library.settings, creations(kind, NAMES))

    expect_all(heard, "created")
    # The ids are kept before the look that confirms all of them.
    assert heard.parks == [0]
    requests, told = counted(emulator)
    assert requests <= BOUND, told
    names = [each["body"]["name"] for each in emulator.objects(kind.type_name)]
    assert sorted(name for name in names if name.startswith("Ours")) == NAMES


def test_a_last_page_of_one_object_does_not_waste_the_listing(
    emulator: Emulator, library: OfferLibrary, api: str
) -> None:
    kind = KINDS["personalized"]
    seeded(emulator, kind, [f"Other {number}" for number in range(101)])
    assert len(list(library.search(kind, parse_query()))) == 101
    emulator.clear_journal()

    _, heard = run_list(library.settings, creations(kind, NAMES))

    expect_all(heard, "created")
    requests, told = counted(emulator)
    assert requests <= BOUND, told


def test_a_name_that_somebody_takes_during_the_survey_is_not_posted(
    emulator: Emulator, library: OfferLibrary, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library of so many pages is read from both ends, and ends with what was created meanwhile."""
    kind = KINDS["personalized"]
    seeded(emulator, kind, [f"Other {number}" for number in range(310)])
    emulator.clear_journal()
    end = NameSurvey.end

    def end_after_a_rival(survey: NameSurvey, **options: bool) -> Flow[None]:
        emulator.seed(objects=[{"kind": kind.type_name, "body": document(kind, NAMES[7])}])
        yield from end(survey, **options)

    monkeypatch.setattr(NameSurvey, "end", end_after_a_rival)
    # If the flow from the oldest were the faster one, it would reach the end of the listing before the rival.
    monkeypatch.setattr(BothEnds, "rest", lambda ends: [ends._from_newest()])

    _, heard = run_list(library.settings, creations(kind, NAMES, "adopt"))

    assert heard.errors == {}
    assert [index for index, each in heard.written.items() if each.action == "adopted"] == [7]
    requests, told = counted(emulator)
    assert requests <= BOUND, told
    assert Counter(each.method for each in emulator.journal(path="/data/*") if each.method != "GET") == {
        "POST": COUNT - 1
    }


def test_an_end_of_the_survey_that_waits_for_a_retry_does_not_hold_up_the_list(
    emulator: Emulator, library: OfferLibrary, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = KINDS["personalized"]
    seeded(emulator, kind, [f"Other {number}" for number in range(310)])
    ends: list[str] = []

    def waiting(_: BothEnds) -> Flow[None]:
        try:
            yield Pause(5, "the newest end is overloaded")
            ends.append("waited")
        except GeneratorExit:
            ends.append("canceled")
            raise

    monkeypatch.setattr(BothEnds, "_from_newest", waiting)

    _, heard = run_list(library.settings, creations(kind, NAMES, "fail"))

    expect_all(heard, "created")
    assert ends == ["canceled"]


EDITS: dict[str, tuple[str, tuple[str, ...]]] = {
    "patch sets": ("updated", ("personalized", "tag", "decision")),
    "patch adds": ("updated", ("personalized", "fallback")),
    "schedule": ("scheduled", ("personalized", "decision")),
    "publish": ("published", ("personalized", "fallback")),
    "unpublish": ("unpublished", ("personalized",)),
    "archive": ("archived", ("personalized", "decision")),
    "replace": ("replaced", ("personalized", "collection")),
    "delete": ("deleted", tuple(KINDS)),
}
"""What is done to lists, the action of the receipts, and the kinds to which it is done."""


@pytest.mark.bulk
@pytest.mark.parametrize(
    ("operation", "key", "named_by"),
    [
        pytest.param(operation, key, named_by, id=f"{operation}-{key}-{named_by}")
        for operation, (_, keys) in EDITS.items()
        for key in keys
        for named_by in ("receipts", "ids")
        if named_by == "receipts" or key == "personalized"
    ],
)
def test_an_edit_takes_about_a_request_each(
    emulator: Emulator, library: OfferLibrary, api: str, operation: str, key: str, named_by: str
) -> None:
    kind = KINDS[key]
    if kind not in kinds_of(api):
        pytest.skip(f"{api} documents no calls for it")
    seeded(emulator, kind, [f"Other {number}" for number in range(OTHERS)])
    there = seeded(emulator, kind, NAMES, **({"status": "approved"} if operation == "unpublish" else {}))
    emulator.clear_journal()

    _, heard = run_list(library.settings, references(there, kind, named_by), work_of(operation, kind))

    expect_all(heard, EDITS[operation][0])
    requests, told = counted(emulator)
    assert requests <= BOUND, told
    expect_each_once(emulator, there, operation)


def expect_each_once(emulator: Emulator, there: Sequence[dict[str, Any]], operation: str) -> None:
    """Each object was written once, and nothing else was."""
    now = {each["id"]: each for each in emulator.objects()}
    if operation == "delete":
        assert not {each["id"] for each in there} & set(now)
    else:
        assert {now[each["id"]]["etag"] - each["etag"] for each in there} == {1}
    writes = [each for each in emulator.journal(path="/data/*") if each.method != "GET"]
    assert len(writes) == COUNT


@pytest.mark.parametrize("operation", list(EDITS))
def test_names_are_listed_once(emulator: Emulator, library: OfferLibrary, api: str, operation: str) -> None:
    """A write that can be guarded by the name needs no other read. A deletion cannot, so it reads each object by id."""
    kind = KINDS["personalized"]
    seeded(emulator, kind, [f"Other {number}" for number in range(OTHERS)])
    there = seeded(emulator, kind, NAMES, **({"status": "approved"} if operation == "unpublish" else {}))
    emulator.clear_journal()
    work = work_of(operation, kind)
    if operation == "replace":
        work = replaced_under_its_name

    _, heard = run_list(library.settings, references(there, kind, "names"), work)

    expect_all(heard, EDITS[operation][0])
    requests, told = counted(emulator)
    assert requests <= BOUND + (COUNT if operation == "delete" else 0), told
    expect_each_once(emulator, there, operation)


def replaced_under_its_name(access: Access, each: Reference) -> Flow[Written]:
    changed = {**document(each.kind, str(each.name)), "description": "new"}
    return replace_object(access, each, changed)


@pytest.mark.parametrize("number", [COUNT, 3])
def test_getting_names_takes_the_pages_of_one_listing(
    emulator: Emulator, library: OfferLibrary, api: str, number: int
) -> None:
    kind = KINDS["personalized"]
    seeded(emulator, kind, [f"Other {index}" for index in range(OTHERS)])
    there = references(seeded(emulator, kind, NAMES), kind, "names")[:number]
    emulator.clear_journal()

    found = library.get_many(there)

    assert [entity.name for entity in found] == [each.name for each in there]
    requests, told = counted(emulator)
    assert requests <= PAGES + 2, told


def test_the_documents_of_a_list_of_names_need_no_read_of_each_object(
    emulator: Emulator, library: OfferLibrary, api: str
) -> None:
    """Before the first write, a name that no object has is an error."""
    kind = KINDS["personalized"]
    seeded(emulator, kind, [f"Other {index}" for index in range(OTHERS)])
    there = references(seeded(emulator, kind, NAMES), kind, "names")
    documents = [document(kind, name) for name in NAMES]
    emulator.clear_journal()

    assert list(library.replacements(there, documents)) == there

    requests, told = counted(emulator)
    assert requests <= PAGES + 2, told
    with pytest.raises(NotFoundError, match="named 'Nobody'"):
        library.replacements([*there, Reference(kind, name="Nobody")], [*documents, document(kind, "Nobody")])


def test_a_list_of_names_keeps_few_objects(emulator: Emulator, library: OfferLibrary, api: str) -> None:
    """A deletion reads an object by its id to see whether it has the name, and then does not use it up."""
    kind = KINDS["tag"]
    there = seeded(emulator, kind, [f"Ours {number:03}" for number in range(3 * COUNT)])
    kept: list[int] = []

    class Counting(Heard):
        def succeeded(self, index: int, written: Written) -> Flow[None]:
            if index == len(there) - 1:
                gc.collect()
                kept.append(sum(type(each) is Entity for each in gc.get_objects()))
            return super().succeeded(index, written)

    heard = Counting()
    # Objects of other tests are not counted.
    gc.freeze()
    try:
        run_list(library.settings, references(there, kind, "names"), work_of("delete", kind), heard=heard)
    finally:
        gc.unfreeze()

    assert heard.errors == {}
    assert 0 < kept[0] < COUNT


def test_a_doubt_about_the_results_is_told_at_once_and_then_with_the_number_of_objects(
    emulator: Emulator, library: OfferLibrary, caplog: pytest.LogCaptureFixture
) -> None:
    kind = KINDS["personalized"]
    there = references(seeded(emulator, kind, NAMES[:5]), kind, "receipts")
    (shown,) = document(kind, "Any")["representations"]
    prepared = prepare(
        [{"op": "add", "path": "/representations/-", "value": shown}], [kind], library.settings.api, True
    )

    _, heard = run_list(library.settings, there, lambda access, each: patch_looked_at(access, each, prepared))

    assert Counter(each.action for each in heard.written.values()) == {"updated": 5}
    first, last = (each for each in caplog.messages if "although it may be wrong" in each)
    assert first.startswith("The patched personalized offer 'Ours ")
    assert last.startswith(f"{first} [5 times in this list: ")
    assert all(f"'{name}'" in last.removeprefix(first) for name in NAMES[:5])
