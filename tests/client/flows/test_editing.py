"""Schedule, publish and archive against the emulator, while somebody else edits the same offer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_offers.client.errors import (
    ConflictError,
    NotPublishableError,
    TransitionError,
    UnsupportedError,
)
from airflow_provider_offers.client.flows import editing, guarding, obstacles
from airflow_provider_offers.client.flows.memory import Intent
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.model.lifecycle import ARCHIVE, PUBLISH, UNPUBLISH
from airflow_provider_offers.client.model.windows import OfferWindow, resolve_window
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.emulator import Emulator
from tests.notebook import Notebook, WorkerDied, intent

NOW = datetime(2026, 3, 20, tzinfo=UTC)
OPEN = {"startDate": "2026-03-10T00:00:00Z", "endDate": "2026-06-30T21:59:59Z"}
OVER = {"startDate": "2020-01-01T00:00:00Z", "endDate": "2020-02-01T00:00:00Z"}
LAST_YEAR = {"startDate": "2025-01-01T00:00:00.000Z", "endDate": "2025-02-01T00:00:00.000Z"}
REPRESENTATION = {
    "channel": "https://ns.adobe.com/xdm/channel-types/web",
    "placement": Emulator.PLACEMENT_ID,
    "components": [{"type": "html", "format": "text/html", "language": ["en"], "content": "<p>10%</p>"}],
}


@pytest.fixture
def library(emulator: Emulator, api: str, notebook: Notebook) -> Iterator[OfferLibrary]:
    connection = emulator.connection(api)
    connection.pop("conn_type")
    with OfferLibrary(parse_settings(**connection), memory=notebook) as library:
        yield library


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


def seed(emulator: Emulator, **changes: Any) -> str:
    body = {
        "name": "Voucher",
        "status": "draft",
        "selectionConstraint": {**OPEN, "profileConstraintType": "none"},
        "representations": [REPRESENTATION],
        "rank": {"priority": 1},
        **changes,
    }
    objects = [
        {"kind": "personalized-offer", "body": {name: value for name, value in body.items() if value is not None}}
    ]
    (identifier,) = emulator.seed(objects=objects, checked=False)
    return identifier


def etag_of(emulator: Emulator, identifier: str) -> int:
    (etag,) = (each["etag"] for each in emulator.objects() if each["id"] == identifier)
    return int(etag)


def body_of(emulator: Emulator, identifier: str) -> dict[str, Any]:
    (body,) = (each["body"] for each in emulator.objects() if each["id"] == identifier)
    return dict(body)


def patched(emulator: Emulator) -> list[Any]:
    return [entry for entry in emulator.journal(method="PATCH") if entry.status is not None and entry.status < 300]


def step(library: OfferLibrary, offer: str, step: Any, waive: Collection[str] = ()) -> str:
    def work(access: Any, reference: Any) -> Any:
        return editing.take_step(access, reference, step, waive=waive, now=NOW)

    return library.edit(PERSONALIZED, offer, work).action


def replace(library: OfferLibrary, offer: str, path: str, value: Any) -> None:
    library.patch(PERSONALIZED, offer, [{"op": "replace", "path": path, "value": value}], validate=False)


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Let somebody else act once, between the read of the offer and the write."""
    guarded, todo = guarding.guarded_patch, [act]

    def late(*arguments: Any, **options: Any) -> Any:
        if todo:
            todo.pop()()
        return (yield from guarded(*arguments, **options))

    monkeypatch.setattr(editing, "guarded_patch", late)


def test_the_steps_of_a_life_are_each_made_once(emulator: Emulator, library: OfferLibrary) -> None:
    offer = seed(emulator)
    for each, done in ((PUBLISH, "published"), (UNPUBLISH, "unpublished"), (ARCHIVE, "archived")):
        assert [step(library, offer, each), step(library, offer, each)] == [done, "unchanged"]
    assert len(patched(emulator)) == 3
    for each in (PUBLISH, UNPUBLISH):
        with pytest.raises(TransitionError, match="only deleting or duplicating"):
            step(library, offer, each)


POINTLESS: dict[str, dict[str, Any]] = {
    "window_over": {"selectionConstraint": OVER},
    "no_window": {"selectionConstraint": None},
    "no_representation": {"representations": []},
    "missing_placement": {"representations": [{**REPRESENTATION, "placement": "dps:offer-placement:0000000000000000"}]},
    "missing_rule": {
        "selectionConstraint": {
            **OPEN,
            "profileConstraintType": "eligibilityRule",
            "eligibilityRule": "dps:eligibility-rule:0000000000000000",
        }
    },
}


@pytest.mark.parametrize("reason", POINTLESS)
def test_what_makes_publishing_pointless_is_named_and_can_be_waived(
    emulator: Emulator, library: OfferLibrary, reason: str
) -> None:
    offer = seed(emulator, **POINTLESS[reason])
    with pytest.raises(NotPublishableError) as refused:
        step(library, offer, PUBLISH, waive=[other for other in obstacles.REASONS if other != reason])
    assert list(refused.value.findings) == [reason]
    assert reason in str(refused.value)
    assert not patched(emulator)


def test_what_is_waived_is_published_all_the_same(emulator: Emulator, library: OfferLibrary) -> None:
    assert step(library, seed(emulator, **POINTLESS["window_over"]), PUBLISH, waive=["window_over"]) == "published"


def test_every_reason_is_told_at_once(emulator: Emulator, library: OfferLibrary) -> None:
    offer = seed(emulator, **POINTLESS["window_over"], **POINTLESS["no_representation"])
    with pytest.raises(NotPublishableError) as refused:
        step(library, offer, PUBLISH)
    assert set(refused.value.findings) == {"window_over", "no_representation"}


def test_publishing_looks_again_at_what_somebody_edits_meanwhile(
    emulator: Emulator, library: OfferLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, spoilt = seed(emulator), seed(emulator)
    meanwhile(monkeypatch, lambda: replace(library, kept, "/rank/priority", 7))
    assert step(library, kept, PUBLISH) == "published"
    body = body_of(emulator, kept)
    assert (body["status"], body["rank"]["priority"]) == ("approved", 7)
    meanwhile(monkeypatch, lambda: replace(library, spoilt, "/selectionConstraint/endDate", OVER["endDate"]))
    replace(library, spoilt, "/selectionConstraint/startDate", OVER["startDate"])
    with pytest.raises(NotPublishableError, match="window_over"):
        step(library, spoilt, PUBLISH)
    assert body_of(emulator, spoilt)["status"] == "draft"


def test_a_step_that_somebody_else_made_meanwhile_is_not_made_again(
    emulator: Emulator, library: OfferLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = seed(emulator)
    meanwhile(monkeypatch, lambda: replace(library, offer, "/status", "archived"))
    with pytest.raises(TransitionError):
        step(library, offer, PUBLISH)
    other = seed(emulator)
    meanwhile(monkeypatch, lambda: replace(library, other, "/status", "archived"))
    # A gateway may have repeated our own request: an offer that has the wanted state counts as done, and is not written
    # again.
    assert step(library, other, ARCHIVE) == "archived"
    assert etag_of(emulator, other) == 2


def test_an_offer_whose_window_is_moved_meanwhile_is_not_archived(
    emulator: Emulator, library: OfferLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved, over = seed(emulator, selectionConstraint=OVER), seed(emulator, selectionConstraint=OVER)
    meanwhile(monkeypatch, lambda: replace(library, moved, "/selectionConstraint/endDate", "2090-01-01T00:00:00Z"))

    def archive(offer: str) -> str:
        work = lambda access, reference: editing.archive_expired(access, reference, NOW)  # noqa: E731
        return library.edit(PERSONALIZED, offer, work).action

    assert [archive(moved), archive(over), archive(over)] == ["unchanged", "archived", "unchanged"]
    assert body_of(emulator, moved)["status"] == "draft"


def test_a_task_that_retires_offers_is_not_ended_by_a_deleted_one_and_counts_its_earlier_try(
    emulator: Emulator, library: OfferLibrary
) -> None:
    over, goes_on, deleted = (seed(emulator, selectionConstraint=window) for window in (OVER, OPEN, OVER))
    library.delete(PERSONALIZED, deleted)

    def retire(offer: str, *, is_retry: bool) -> str:
        work = lambda access, reference: editing.retire_expired(access, reference, NOW, is_retry=is_retry)  # noqa: E731
        return library.edit(PERSONALIZED, offer, work).action

    assert [retire(over, is_retry=False), retire(over, is_retry=False)] == ["archived", "unchanged"]
    # The earlier try may have archived it and lost the answer.
    assert retire(over, is_retry=True) == "archived"
    assert len(patched(emulator)) == 1
    assert [retire(each, is_retry=True) for each in (goes_on, deleted)] == ["unchanged", "unchanged"]
    assert body_of(emulator, goes_on)["status"] == "draft"


def schedule(library: OfferLibrary, offer: str, window: OfferWindow, **options: Any) -> str:
    meant = library.offer_reference(offer)
    return library.edit(
        meant.kind, meant, lambda access, reference: editing.schedule(access, reference, window), **options
    ).action


def test_a_window_is_set_once_and_the_edit_of_somebody_else_is_kept(
    emulator: Emulator, library: OfferLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = {"scope": "profile", "entity": "offer"}
    capping = [{**scope, "enabled": True, "limit": 2, **LAST_YEAR}]
    offer = seed(emulator, frequencyCappingConstraints=capping)
    before = body_of(emulator, offer)["frequencyCappingConstraints"]
    window = resolve_window("2026-04-01", duration="P14D", timezone="America/New_York")
    meanwhile(monkeypatch, lambda: replace(library, offer, "/selectionConstraint/profileConstraintType", "anySegments"))
    assert [schedule(library, offer, window), schedule(library, offer, window)] == ["scheduled", "unchanged"]
    body = body_of(emulator, offer)
    assert body["selectionConstraint"]["profileConstraintType"] == "anySegments"
    assert body["frequencyCappingConstraints"] == before
    entity = library.get(PERSONALIZED, offer)
    assert entity is not None
    assert window.changes(entity.properties) == []


def test_a_fallback_offer_has_no_window(emulator: Emulator, library: OfferLibrary) -> None:
    window = resolve_window("2026-04-01T00:00:00Z", duration="P14D")
    with pytest.raises(UnsupportedError, match="may always be shown"):
        schedule(library, "dps:fallback-offer:1", window)


def _step(wanted: Any) -> Callable[[Intent], Any]:
    return lambda intent: lambda access, reference: editing.take_step(access, reference, wanted, now=NOW, intent=intent)


WINDOW = resolve_window("2026-04-01T00:00:00Z", duration="P14D")
# A task: the offer before, the edit, the name of the done edit, and a later change by somebody else.
EDITS: dict[str, tuple[dict[str, Any], Callable[[Intent], Any], str, tuple[str, Any]]] = {
    "publish": ({}, _step(PUBLISH), "published", ("/status", "draft")),
    "unpublish": ({"status": "approved"}, _step(UNPUBLISH), "unpublished", ("/status", "approved")),
    "archive": ({}, _step(ARCHIVE), "archived", ("/status", "draft")),
    "schedule": (
        {},
        lambda intent: lambda access, reference: editing.schedule(access, reference, WINDOW, intent=intent),
        "scheduled",
        ("/selectionConstraint/endDate", "2026-05-01T00:00:00.000Z"),
    ),
}
EACH = pytest.mark.parametrize("case", EDITS)


@EACH
def test_what_an_earlier_try_did_is_done(emulator: Emulator, library: OfferLibrary, case: str) -> None:
    before, edit, done, _ = EDITS[case]
    offer = seed(emulator, **before)
    for number in (1, 2, 3):
        assert library.edit(PERSONALIZED, offer, edit(intent(number))).action == done
    # Another task finds this state.
    assert library.edit(PERSONALIZED, offer, edit(intent(1, work="another"))).action == "unchanged"
    assert len(patched(emulator)) == 1


@EACH
def test_what_somebody_undid_since_is_not_done_again(emulator: Emulator, library: OfferLibrary, case: str) -> None:
    before, edit, done, (path, value) = EDITS[case]
    offer = seed(emulator, **before)
    library.edit(PERSONALIZED, offer, edit(intent(1)))
    # One page says that even archiving can be reversed.
    emulator.configure(strict_status=False)
    replace(library, offer, path, value)
    undone = body_of(emulator, offer)
    for number in (2, 3):
        with pytest.raises(ConflictError) as refused:
            library.edit(PERSONALIZED, offer, edit(intent(number)))
        assert not refused.value.retryable
        said = str(refused.value)
        assert f"may have been {done} by this task already" in said
        assert f"{path} is " in said
        assert "by emulator-account" in said or " by " in said
        assert "clear the task" in said
    assert body_of(emulator, offer) == undone
    # A cleared task knows no earlier try, and neither does a task without a memory.
    assert library.edit(PERSONALIZED, offer, edit(intent(4, work="another"))).action == done


@EACH
def test_what_an_earlier_try_did_not_get_to_is_done(
    emulator: Emulator, library: OfferLibrary, notebook: Notebook, case: str
) -> None:
    """The earlier try was killed before the write. Then somebody edits another property, and that edit stays."""
    before, edit, done, _ = EDITS[case]
    untouched, edited = seed(emulator, **before), seed(emulator, **before)
    for offer in (untouched, edited):
        notebook.dies = True
        with pytest.raises(WorkerDied):
            library.edit(PERSONALIZED, offer, edit(intent(1)))
        assert list(notebook.values) == ["intent_1"]
        notebook.dies = False
        if offer == edited:
            replace(library, offer, "/rank/priority", 7)
        assert library.edit(PERSONALIZED, offer, edit(intent(2))).action == done
        notebook.values.clear()
    assert body_of(emulator, edited)["rank"]["priority"] == 7


def test_a_later_try_that_planned_on_what_somebody_edited_counts_from_there(
    emulator: Emulator, library: OfferLibrary, notebook: Notebook
) -> None:
    offer = seed(emulator)
    for number, priority in ((1, 5), (2, 6)):
        notebook.dies = True
        with pytest.raises(WorkerDied):
            library.edit(PERSONALIZED, offer, _step(PUBLISH)(intent(number)))
        notebook.dies = False
        replace(library, offer, "/rank/priority", priority)
    assert library.edit(PERSONALIZED, offer, _step(PUBLISH)(intent(3))).action == "published"
    assert body_of(emulator, offer)["rank"]["priority"] == 6
