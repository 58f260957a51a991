"""The final statuses, and that no edit changes an object with one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from airflow_provider_offers.client.errors import InvalidInputError, OfferLibraryError, TransitionError
from airflow_provider_offers.client.flows.editing import edit, schedule, take_step
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.lists import run_batch
from airflow_provider_offers.client.model.entities import Entity, Reference, Written
from airflow_provider_offers.client.model.kinds import DECISION, KINDS, PERSONALIZED, Kind
from airflow_provider_offers.client.model.lifecycle import ARCHIVE_DECISION, DECISION_STEPS, STEPS, is_final
from airflow_provider_offers.client.model.operations import Patch
from airflow_provider_offers.client.model.validation import Validate
from airflow_provider_offers.client.model.windows import resolve_window
from airflow_provider_offers.client.session import AsyncSession
from airflow_provider_offers.client.wire.messages import Flow
from airflow_provider_offers.emulator import Emulator
from tests.client.campaign import campaign, decision, seed

WINDOW = resolve_window("2031-01-01T00:00:00Z", "2032-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("steps", "final"),
    [(STEPS, {"archived"}), (DECISION_STEPS, {"archived", "complete"}), ((), set())],
)
def test_which_statuses_are_final(steps: Any, final: set[str]) -> None:
    statuses = ["draft", "approved", "live", "complete", "archived", "pending", None]
    assert {status for status in statuses if is_final(status, steps)} == final


@pytest.fixture
def there(emulator: Emulator) -> dict[str, str]:
    """An archived and a draft offer, a complete and an archived decision."""
    ids = campaign(emulator, personalized={"status": "archived"})
    return {
        "archived offer": ids["personalized"],
        "draft offer": seed(emulator, "personalized-offer", **_voucher(ids, "Draft")),
        "complete decision": seed(emulator, "offer-activity", **decision(ids, name="Done", status="complete")),
        "archived decision": seed(emulator, "offer-activity", **decision(ids, name="Gone", status="archived")),
    }


def _voucher(ids: dict[str, str], name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "status": "draft",
        "representations": [
            {"placement": ids["placement"], "components": [{"type": "html", "format": "text/html", "content": "x"}]}
        ],
        "selectionConstraint": {"startDate": "2026-01-01T00:00:00Z", "endDate": "2036-01-01T00:00:00Z"},
        "rank": {"priority": 1},
        **changes,
    }


def patches(emulator: Emulator) -> int:
    return len(emulator.journal(method="PATCH"))


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("archived offer", PERSONALIZED, "'archived' and cannot be scheduled; .* only deleting or duplicating"),
        ("archived decision", DECISION, "'archived' and cannot be scheduled; .* only deleting or duplicating"),
        ("complete decision", DECISION, r"'complete' and cannot be scheduled; .* archive \(to archived\)"),
    ],
)
def test_what_is_at_its_end_is_not_scheduled(
    emulator: Emulator, library: OfferLibrary, there: dict[str, str], name: str, kind: Kind, message: str
) -> None:
    with pytest.raises(TransitionError, match=message):
        library.edit(kind, there[name], lambda access, each: schedule(access, each, WINDOW))
    assert patches(emulator) == 0


def test_a_complete_decision_is_archived_all_the_same(library: OfferLibrary, there: dict[str, str]) -> None:
    def archive(access: Any, reference: Any) -> Any:
        return take_step(access, reference, ARCHIVE_DECISION, now=WINDOW.start)

    assert library.edit(DECISION, there["complete decision"], archive).action == "archived"


@pytest.mark.parametrize(
    "changes", [{"rank": {"priority": 2}}, {"status": "draft"}, {"status": "approved", "tags": []}]
)
def test_an_archived_offer_is_not_updated(
    emulator: Emulator, library: OfferLibrary, there: dict[str, str], changes: dict[str, Any]
) -> None:
    (body,) = (each["body"] for each in emulator.objects() if each["id"] == there["archived offer"])
    wanted = {name: value for name, value in body.items() if name not in ("id", "tags")}
    assert library.create(PERSONALIZED, wanted, if_exists="update").action == "unchanged"
    with pytest.raises(TransitionError, match="cannot be updated"):
        library.create(PERSONALIZED, {**wanted, **changes}, if_exists="update")
    assert patches(emulator) == 0


def test_a_complete_decision_is_updated_to_archived_and_to_nothing_else(
    emulator: Emulator, library: OfferLibrary, there: dict[str, str]
) -> None:
    def update(**changes: Any) -> str:
        wanted = {"name": "Done", "status": "complete", **changes}
        return library.create(DECISION, wanted, if_exists="update").action

    assert update() == "unchanged"
    for changes in ({"status": "draft"}, {"status": "archived", "description": "x"}, {"description": "x"}):
        with pytest.raises(TransitionError, match="'complete' and cannot be updated"):
            update(**changes)
    assert patches(emulator) == 0
    assert update(status="archived") == "updated"


def test_a_plain_patch_is_left_to_the_service(emulator: Emulator, library: OfferLibrary, there: dict[str, str]) -> None:
    emulator.configure(strict_status=False)
    rename = [{"op": "replace", "path": "/name", "value": "Renamed"}]
    assert library.patch(PERSONALIZED, there["archived offer"], rename).action == "updated"


class _Heard:
    """The reports of a batch about its items."""

    def __init__(self) -> None:
        self.actions: dict[int, str] = {}
        self.errors: dict[int, OfferLibraryError] = {}

    def succeeded(self, index: int, written: Written) -> Flow[None]:
        yield from ()
        self.actions[index] = written.action

    def parked(self) -> Flow[None]:
        yield from ()

    def failed(self, index: int, error: OfferLibraryError) -> None:
        self.errors[index] = error


def test_in_a_list_it_is_one_failure_among_the_others(library: OfferLibrary, there: dict[str, str]) -> None:
    heard = _Heard()
    ids = [there["archived offer"], there["draft offer"], "dps:personalized-offer:00000000000000ff"]

    async def work() -> None:
        session = await AsyncSession.open(library.settings)
        try:
            await run_batch(
                session,
                [Reference(PERSONALIZED, id=each) for each in ids],
                lambda access, each: schedule(access, each, WINDOW),
                max_concurrent=1,
                stop=False,
                progress=heard,
            )
        finally:
            await session.close()

    asyncio.run(work())
    assert heard.actions == {1: "scheduled"}
    assert {index: type(error).__name__ for index, error in heard.errors.items()} == {
        0: "TransitionError",
        2: "NotFoundError",
    }


def test_a_planned_edit_can_be_held_against_the_rules(
    emulator: Emulator, library: OfferLibrary, there: dict[str, str]
) -> None:
    def twice(before: Entity) -> Flow[Patch]:
        yield from ()
        shown = before.properties["representations"][0]
        return [{"op": "add", "path": "/representations/-", "value": shown}]

    def doubled(validate: Validate) -> str:
        return library.edit(
            PERSONALIZED,
            there["draft offer"],
            lambda access, each: edit(access, each, twice, "doubled", validate=validate),
        ).action

    with pytest.raises(InvalidInputError, match="/representations/1/placement"):
        doubled(validate="strict")
    assert patches(emulator) == 0
    # Adobe's own update page does it, so it is only a doubt.
    assert doubled(validate=True) == "doubled"


def test_every_kind_with_a_status_has_an_end() -> None:
    for kind in KINDS.values():
        assert any(is_final(status, kind.steps) for status in kind.statuses) == bool(kind.statuses)
