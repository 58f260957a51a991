"""For every answer of a server, a flow ends with a result or with a documented error."""

from __future__ import annotations

import asyncio
import contextlib
import json
import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client import doctor
from airflow_provider_offers.client.deciding.asking import decide, diagnose
from airflow_provider_offers.client.deciding.jobs import Workload, job_receipt, job_status, new_workload, submit
from airflow_provider_offers.client.deciding.questions import Question, decided_receipt, new_question
from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.flows import editing, listing
from airflow_provider_offers.client.flows.access import open_access
from airflow_provider_offers.client.flows.golive import check_decision
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.decided import Decided, Job
from airflow_provider_offers.client.model.entities import Entity, Written
from airflow_provider_offers.client.model.kinds import DECISION, PERSONALIZED
from airflow_provider_offers.client.model.lifecycle import DECISION_STEPS, PUBLISH, STEPS, Step
from airflow_provider_offers.client.model.query import Query
from airflow_provider_offers.client.model.receipts import entity_receipt, write_receipt
from airflow_provider_offers.client.model.windows import OfferWindow
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.waiting.changes import ChangeReader
from airflow_provider_offers.client.waiting.feed import Feed
from airflow_provider_offers.client.waiting.verdicts import status_verdict, window_verdict
from airflow_provider_offers.client.waiting.watch import Watch
from airflow_provider_offers.client.wire.auth import fetch_token
from airflow_provider_offers.client.wire.messages import Request, Response
from airflow_provider_offers.client.wire.retry import Retries, retry_after
from airflow_provider_offers.emulator import Emulator
from tests.client.library import sale
from tests.client.script import SETTINGS, START
from tests.client.waiting import virtual_time
from tests.client.waiting.simulated import Library
from tests.deciding import EMAIL, PROFILE, Stage, set_up
from tests.effort import examples
from tests.fuzz.driving import Driver, check_error, check_text
from tests.fuzz.hostile import DATES, GOOD, MEMBERS, PLANS, SPOILED, Spoil, everywhere
from tests.fuzz.service import Emulated, Service, id_of

APIS = st.sampled_from(["dps", "xcore"])
WINDOW = OfferWindow(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))
REMOVAL = [{"op": "remove", "path": "/tags/0"}, {"op": "replace", "path": "/rank/priority", "value": 3}]


@pytest.fixture(autouse=True)
def _fewer_barren_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_BARREN_PAGES", 20)


def opened(driver: Driver, settings: Settings = SETTINGS) -> OfferLibrary:
    settings = replace(settings, api=cast("Any", driver.service.api))
    library = OfferLibrary(settings, shell=cast("Any", driver))
    # On the driver's clock, which pauses advance.
    library._exchange = driver.exchange(settings)
    return library


def edit(flow: Callable[..., Any], *arguments: Any, **options: Any) -> Callable[[OfferLibrary, str], Any]:
    return lambda library, given_id: library.edit(
        PERSONALIZED, given_id, lambda access, reference: flow(access, reference, *arguments, **options)
    )


ACTIONS: dict[str, Callable[[OfferLibrary, str], Any]] = {
    "create": lambda library, _: library.create(PERSONALIZED, sale()),
    "create, an earlier try": lambda library, _: library.create(PERSONALIZED, sale(), since=START),
    "create or update": lambda library, _: library.create(PERSONALIZED, sale(rank={"priority": 9}), if_exists="update"),
    "create or adopt": lambda library, _: library.create(PERSONALIZED, sale(), if_exists="adopt"),
    "read": lambda library, given_id: library.get(PERSONALIZED, given_id),
    "read unless": lambda library, given_id: library.get_unless(PERSONALIZED, given_id, 1),
    "set": lambda library, given_id: library.patch(PERSONALIZED, given_id, REMOVAL[1:]),
    "patch": lambda library, given_id: library.patch(PERSONALIZED, given_id, REMOVAL),
    "patch at an etag": lambda library, given_id: library.patch(PERSONALIZED, given_id, REMOVAL[1:], if_match=1),
    "replace": lambda library, given_id: library.replace(PERSONALIZED, given_id, sale(rank={"priority": 2})),
    "delete": lambda library, given_id: library.delete(PERSONALIZED, given_id),
    "search": lambda library, _: list(library.search(PERSONALIZED, Query())),
    "look at several": lambda library, given_id: library.look_at(
        [library.offer_reference(given_id), library.offer_reference(given_id[:-1] + "9")]
    ),
    "schedule": edit(editing.schedule, WINDOW),
    "archive if over": edit(editing.archive_expired, datetime(2027, 1, 1, tzinfo=UTC)),
    "examine": lambda library, _: [check_text(str(each)) for each in doctor.examine(library)],
} | {step.verb: edit(editing.take_step, step, now=START) for step in STEPS}


def check_result(result: Any, library: OfferLibrary) -> None:
    """Every result can be passed from task to task, and used in a wait."""
    if isinstance(result, Written):
        json.dumps(write_receipt(result, library.settings, PERSONALIZED))
    for entity in result if isinstance(result, list) else [result]:
        if isinstance(entity, Entity):
            json.dumps(entity_receipt(entity, library.settings, full=True))
            with contextlib.suppress(OfferLibraryError):
                status_verdict({entity.id: entity}, 1, ("approved",))
            with contextlib.suppress(OfferLibraryError):
                window_verdict({entity.id: entity}, 1, "open", START)


@pytest.mark.parametrize("action", ACTIONS)
@given(api=APIS, plan=PLANS, there=st.booleans())
@examples(60)
def test_every_flow_ends_as_documented(action: str, api: str, plan: list[Spoil], there: bool) -> None:
    driver = Driver(Service(api, there=there and not action.startswith("create,")), plan)
    library = opened(driver)
    try:
        result = ACTIONS[action](library, id_of(api))
    except OfferLibraryError as error:
        check_error(error)
        check_error(pickle.loads(pickle.dumps(error)))
    else:
        check_result(result, library)


NOW = datetime(2026, 3, 20, tzinfo=UTC)
OWNER = replace(SETTINGS, client_id=Emulator.CLIENT_ID, org_id=Emulator.ORG_ID, sandbox="prod")


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """One emulator for all examples, without requests to its server."""
    with Emulator() as running:
        yield running


def asked(library: OfferLibrary, stage: Stage, **options: Any) -> Question:
    given_: dict[str, Any] = {"decision_id": stage.decision, "placement_id": stage.placement, "profile": PROFILE}
    given_ |= {"item_count": 1, "context_data": None, "dry_run": True, "include_content": True, **options}
    return new_question(**given_, settings=library.settings)


def workload(library: OfferLibrary, stage: Stage) -> Workload:
    given_: dict[str, Any] = {"decision_id": stage.decision, "placement_id": stage.placement, "audience_id": "a"}
    given_ |= {"dataset_id": "d", "item_count": 1, "include_content": False}
    return new_workload(**given_, settings=library.settings)


def checked(library: OfferLibrary, stage: Stage) -> dict[str, str]:
    decision = library.get(DECISION, stage.decision)
    assert decision is not None
    return library.run(lambda access: check_decision(access, decision.properties, NOW))


def stepped(step: Step) -> Callable[[OfferLibrary, Stage], Any]:
    return lambda library, stage: library.edit(
        DECISION,
        stage.decision,
        lambda access, reference: editing.take_step(access, reference, step, now=NOW),
    )


DECIDING: dict[str, Callable[[OfferLibrary, Stage], Any]] = {
    "ask": lambda library, stage: library.run(lambda access: decide(access, asked(library, stage))),
    "ask for good": lambda library, stage: library.run(
        lambda access: decide(access, asked(library, stage, dry_run=False))
    ),
    "diagnose": lambda library, _: library.run(diagnose),
    "submit": lambda library, stage: library.run(lambda access: submit(access, workload(library, stage))),
    "look at a job": lambda library, _: library.run(lambda access: job_status(access, "a-job")),
    "check": checked,
    "read by name": lambda library, _: library.get(PERSONALIZED, "name:Offer 0"),
    "publish by name": lambda library, _: edit(editing.take_step, PUBLISH, now=NOW)(library, "name:Offer 0"),
} | {step.verb: stepped(step) for step in DECISION_STEPS}


@pytest.mark.parametrize("action", DECIDING)
@given(api=APIS, plan=PLANS)
@examples(40)
def test_every_decision_ends_as_documented(action: str, emulator: Emulator, api: str, plan: list[Spoil]) -> None:
    emulator.reset()
    stage = set_up(emulator, api)
    container = Emulator.CONTAINER_ID if api == "xcore" else None
    library = opened(Driver(Emulated(emulator, api), plan), replace(OWNER, container_id=container))
    try:
        result = DECIDING[action](library, stage)
    except OfferLibraryError as error:
        check_error(error)
        check_error(pickle.loads(pickle.dumps(error)))
        assert EMAIL not in str(error)  # noqa: PT017  nobody else should read whom it is about
    else:
        if isinstance(result, Decided):
            result = decided_receipt(result, library.settings, dry_run=True)
        if isinstance(result, Job):
            result = job_receipt(result, library.settings, dataset="d", audience="a")
        if isinstance(result, dict):
            json.dumps(result, allow_nan=False)
        check_result(result, library)


@pytest.mark.parametrize("member", MEMBERS)
def test_no_member_is_trusted_wherever_it_stands(member: str, emulator: Emulator) -> None:
    """Every entity of the library has the same wrong value in the same place."""
    emulator.reset()
    stages = {api: set_up(emulator, api) for api in ("dps", "xcore")}
    for number, value in enumerate(
        [b"7", b"true", b'"x"', b"{}", b"[7]", b"[[]]", b"[{}]", b'["\\ud800"]', b'"\\ud800"']
    ):
        api = ("dps", "xcore")[number % 2]
        driver = Driver(Emulated(emulator, api), [everywhere(member, value)])
        library = opened(driver, replace(OWNER, container_id=Emulator.CONTAINER_ID))
        for action in ("check", "activate", "publish by name", "ask", "look at a job"):
            try:
                DECIDING[action](library, stages[api])
            except OfferLibraryError as error:
                check_error(error)


@given(plan=st.lists(GOOD | SPOILED, min_size=1, max_size=3))
@examples(150)
def test_a_container_is_found_or_the_error_says_why(plan: list[Spoil]) -> None:
    driver = Driver(Service("xcore"), plan)
    settings = replace(SETTINGS, api="xcore")
    try:
        access = driver.run(open_access(driver.exchange(settings)))
        access.generation.search(PERSONALIZED, Query())
    except OfferLibraryError as error:
        check_error(error)


@given(plan=st.lists(GOOD | SPOILED, min_size=1, max_size=3))
@examples(150)
def test_a_token_is_given_or_the_error_says_why(plan: list[Spoil]) -> None:
    driver = Driver(Service("dps"), plan)
    try:
        token = driver.run(fetch_token(SETTINGS, driver.clock, Retries(), driver.now))
    except OfferLibraryError as error:
        check_error(error)
    else:
        assert token.value.isascii()
        assert token.value.isprintable()
        assert 0 < len(token.value) < 20_000
        assert driver.time < token.renew_at < driver.time + 8 * 86_400


@given(api=APIS, plans=st.lists(PLANS, min_size=2, max_size=4))
@examples(150)
def test_changes_are_read_or_the_error_says_why(api: str, plans: list[list[Spoil]]) -> None:
    reader = ChangeReader(PERSONALIZED)
    for plan in plans:
        driver = Driver(Service(api), plan)
        try:
            driver.run(reader.read(driver.access(api)))
        except OfferLibraryError as error:
            check_error(error)


@given(api=APIS, plan=st.lists(GOOD | GOOD | SPOILED, min_size=1, max_size=40))
@examples(80)
def test_the_feed_outlives_every_answer(api: str, plan: list[Spoil], caplog: pytest.LogCaptureFixture) -> None:
    """No waiter is left: each one gets the final state of its offer, or an error from our hierarchy."""

    async def main() -> None:
        library = Library(api)
        watched = library.create()
        left = list(plan)

        def spoiled(request: Request) -> Response | Exception | None:
            return left.pop(0)(library_answer(library, request)) if left else None

        library.faults.append(spoiled)
        feed = Feed(library.open, jitter=lambda: 0.5)
        watch = feed.join([library.reference(watched)], interval=60.0)
        for status in ("approved", "archived"):
            await asyncio.sleep(700)
            library.change(watched, status=status)
        # The longest duration of forty failures, with the pauses between them.
        await asyncio.sleep(40 * 300)
        try:
            await told(watch)
        except OfferLibraryError as error:
            # An error of the feed itself is logged with its traceback.
            check_error(error)
        else:
            # An answer may have claimed that the offer is gone, or newer than it is.
            assert watched in watch.states
        await feed.leave(watch)
        assert library.sessions_open == 0

    virtual_time.run(main())
    assert not [record for record in caplog.records if record.exc_info]
    caplog.clear()


def library_answer(library: Library, request: Request) -> Response:
    """The good answer, as if there were no faults."""
    faults, library.faults = library.faults, []
    try:
        return library.answer(request)
    finally:
        library.faults = faults


async def told(watch: Watch) -> None:
    while await watch.news(within=0):
        pass


@given(value=st.sampled_from(DATES) | st.text(max_size=60), date=st.sampled_from(DATES) | st.text(max_size=60))
@examples(500)
def test_any_retry_after_is_a_bounded_pause_or_none(value: str, date: str) -> None:
    seconds = retry_after({"retry-after": value, "date": date}, START)
    assert seconds is None or 0 <= seconds <= 86_400
