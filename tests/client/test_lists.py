"""A list reads for all of its objects at once: about one request for each object, and the pages of few listings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import KINDS, Kind
from airflow_provider_offers.emulator import Emulator
from tests.client.lists import Heard, creations, document, kinds_of, run_list, work_of

COUNT = 60
OTHERS = 300
_PAGE = 100


def bound(pages: int) -> float:
    """How many requests a list may take."""
    return 1.1 * COUNT + pages + 20


def pages_of(emulator: Emulator) -> int:
    """The listings that were read page by page: those that ask for neither names nor ids."""
    return sum(
        each.route.endswith(".list") and "id" not in each.query.replace("limit", "") and "name" not in each.query
        for each in emulator.journal()
    )


def counted(emulator: Emulator) -> tuple[int, str]:
    """The requests of a list without those for tokens and containers, and what they were."""
    routes = Counter(each.route for each in emulator.journal(path="/data/*"))
    return routes.total(), ", ".join(f"{count} {route}" for route, count in sorted(routes.items()))


def seeded(emulator: Emulator, kind: Kind, names: Sequence[str], **changes: Any) -> list[Any]:
    """Objects that somebody made long ago."""
    for needed in ("fallback", "collection") if kind.key == "decision" else ():
        if not emulator.objects(needed):
            referred = {
                "fallback": "dps:fallback-offer:1c00000000000001",
                "collection": "dps:offer-filter:1c00000000000002",
            }
            emulator.seed(
                objects=[
                    {"kind": KINDS[needed].type_name, "id": referred[needed], "body": document(KINDS[needed], "Around")}
                ]
            )
    objects = [{"kind": kind.type_name, "body": {**document(kind, name), **changes}} for name in names]
    emulator.seed(objects=objects)
    wanted = set(names)
    there = [each for each in emulator.objects(kind.type_name) if each["body"]["name"] in wanted]
    emulator.clock.advance(3600)
    return there


def given(there: Sequence[Any], kind: Kind, *, both: bool = True) -> list[Reference]:
    """References as the receipts of a task give them, or with ids alone."""
    return [Reference(kind, id=each["id"], instance_id=each["instance_id"] if both else None) for each in there]


def expect_all(heard: Heard, action: str) -> None:
    assert heard.errors == {}
    assert Counter(each.action for each in heard.written.values()) == {action: COUNT}


NAMES = [f"Ours {number:03}" for number in range(COUNT)]


@pytest.fixture
def others(emulator: Emulator, api: str) -> None:
    """A library of others."""
    emulator.clock.advance(0)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.key)
def test_creating_takes_about_a_request_each(emulator: Emulator, library: OfferLibrary, api: str, kind: Kind) -> None:
    if kind not in kinds_of(api):
        pytest.skip(f"{api} documents no calls for it")
    seeded(emulator, kind, [f"Other {number}" for number in range(OTHERS)])
    emulator.clear_journal()

    _, heard = run_list(library.settings, creations(kind, NAMES))

    expect_all(heard, "created")
    requests, told = counted(emulator)
    assert requests <= bound(OTHERS // _PAGE + 2), told
    names = [each["body"]["name"] for each in emulator.objects(kind.type_name)]
    assert sorted(name for name in names if name.startswith("Ours")) == NAMES


EDITS = {
    "patch sets": "updated",
    "patch adds": "updated",
    "schedule": "scheduled",
    "publish": "published",
    "unpublish": "unpublished",
    "archive": "archived",
    "replace": "replaced",
    "delete": "deleted",
}


def _fits(operation: str, kind: Kind) -> bool:
    if operation == "schedule":
        return kind.window is not None
    if operation in ("publish", "unpublish", "archive"):
        return any(step.verb == operation for step in kind.steps)
    return operation != "patch adds" or kind.is_offer


@pytest.mark.parametrize("both", [True, False], ids=["receipts", "ids"])
@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        pytest.param(operation, kind, id=f"{operation}-{kind.key}")
        for operation in EDITS
        for kind in KINDS.values()
        if _fits(operation, kind)
    ],
)
def test_an_edit_takes_about_a_request_each(
    emulator: Emulator, library: OfferLibrary, api: str, operation: str, kind: Kind, both: bool
) -> None:
    if kind not in kinds_of(api):
        pytest.skip(f"{api} documents no calls for it")
    seeded(emulator, kind, [f"Other {number}" for number in range(OTHERS)])
    changes = {"status": "approved"} if operation == "unpublish" else {}
    there = seeded(emulator, kind, NAMES, **changes)
    emulator.clear_journal()

    _, heard = run_list(library.settings, given(there, kind, both=both), work_of(operation, kind))

    expect_all(heard, EDITS[operation])
    requests, told = counted(emulator)
    assert requests <= bound(pages_of(emulator)), told
    now = {each["id"]: each for each in emulator.objects(kind.type_name)}
    if operation == "delete":
        assert not {each["id"] for each in there} & set(now)
    else:
        assert {now[each["id"]]["etag"] - each["etag"] for each in there} == {1}
