"""The notifiers take back what a failed launch left approved, and tell which offers expire, in every process."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, BaseNotifier, task
from airflow.sdk.execution_time import context as airflow_context
from airflow.triggers.callback import CallbackTrigger

from airflow_provider_offers.client.errors import BatchError, InvalidInputError
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.notifications.offers import OfferExpiryNotifier, UnpublishOffersNotifier
from airflow_provider_offers.operators.offers import CreateOfferOperator, GetOfferOperator, PublishOfferOperator
from tests.airflow.harness import Airflow
from tests.airflow.library import dag_of, personalized, run
from tests.docs.pages import page

pytestmark = pytest.mark.parametrize("api", ["dps", "xcore"])
ENDS = ["2026-04-01T00:00:00Z", "2026-05-03T00:00:00Z", "2026-05-08T11:59:59Z", "2026-05-08T12:00:01Z"]


@pytest.fixture
def library(api: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An emulator at a fixed time, with a connection in the environment."""
    with Emulator() as emulator:
        emulator.clock.freeze("2026-05-01T12:00:00Z")
        monkeypatch.setenv("AIRFLOW_CONN_OFFER_LIBRARY_DEFAULT", json.dumps(emulator.connection(api=api)))
        yield emulator


def seed(emulator: Emulator, *bodies: dict[str, Any]) -> list[str]:
    return emulator.seed(objects=[{"kind": "personalized-offer", "body": body} for body in bodies])


def status(emulator: Emulator, name: str) -> str:
    (found,) = (each for each in emulator.objects("personalized-offer") if each["body"]["name"] == name)
    return str(found["body"]["status"])


def call(notifier: BaseNotifier, way: str) -> None:
    """Call a notifier as a worker does, or await it as a triggerer does."""
    if way == "called":
        notifier({})
        return

    async def awaiting() -> None:
        await notifier

    asyncio.run(awaiting())


ways = pytest.mark.parametrize("way", ["called", "awaited"])


def test_a_failed_launch_takes_its_offers_back(airflow: Airflow, api: str) -> None:
    with Emulator() as emulator:
        with dag_of("launch") as dag:
            notifier = UnpublishOffersNotifier(offer_id="{{ ti.xcom_pull(task_ids=['first', 'second']) }}")
            first = CreateOfferOperator(task_id="first", offer=personalized("One"))
            second = CreateOfferOperator(task_id="second", offer=personalized("Two"))

            @task(on_failure_callback=notifier)
            def look_at_the_page() -> None:
                raise RuntimeError("the page shows nothing")

            publish = PublishOfferOperator(
                task_id="publish", offer_id=[first.output, second.output], waive=["window_over"]
            )
            publish >> look_at_the_page()
        result = run(airflow, emulator, api, dag)

        assert result.states == {
            "first": "success",
            "second": "success",
            "publish": "success",
            "look_at_the_page": "failed",
        }
        assert {status(emulator, "One"), status(emulator, "Two")} == {"draft"}


@ways
def test_every_offer_is_tried_and_only_what_customers_see_counts(library: Emulator, api: str, way: str) -> None:
    seed(
        library,
        {**personalized("Seen"), "status": "approved"},
        {**personalized("Draft"), "status": "draft"},
        {**personalized("Archived"), "status": "archived"},
        {**personalized("Also seen"), "status": "approved"},
    )
    named = ["name:Seen", "name:Draft", "name:Archived", "name:Nobody", "name:Also seen"]

    call(UnpublishOffersNotifier(offer_id=named), way)

    statuses = {name: status(library, name) for name in ("Seen", "Draft", "Archived", "Also seen")}
    assert statuses == {"Seen": "draft", "Draft": "draft", "Archived": "archived", "Also seen": "draft"}


def test_a_deadline_that_is_missed_takes_its_offers_back(library: Emulator, api: str) -> None:
    """The deadline of the documentation."""
    seed(library, {**personalized("Spring voucher"), "status": "approved"})
    (example,) = (each.text for each in page("docs/notifiers.md").blocks("python") if "DeadlineAlert" in each.text)
    made: dict[str, Any] = {}
    exec(example, made)
    assert DAG("launch", schedule=None, deadline=made["late"]).deadline
    late = made["late"].callback

    async def missed() -> list[Any]:
        """What the triggerer does then."""
        trigger = CallbackTrigger(late.path, {**late.kwargs, "context": {}})
        return [event.payload["state"] async for event in trigger.run()]

    assert asyncio.run(missed()) == ["running", "success"]
    assert status(library, "Spring voucher") == "draft"


@ways
def test_a_failure_names_the_offer_and_spares_the_others(library: Emulator, api: str, way: str) -> None:
    seed(library, *({**personalized(name), "status": "approved"} for name in ("One", "Two")))
    library.add_fault("status", method="PATCH", status=403, times=1)

    with pytest.raises(BatchError, match=r"1 of 2 offers were unpublished, 1 failed:\n  name:One: "):
        call(UnpublishOffersNotifier(offer_id=["name:One", "name:Two"]), way)

    assert (status(library, "One"), status(library, "Two")) == ("approved", "draft")


@ways
@pytest.mark.parametrize("given", [None, "", "None", [None], "{{ none }}", "[{"])
def test_what_renders_nothing_is_an_error(library: Emulator, api: str, way: str, given: Any) -> None:
    with pytest.raises(InvalidInputError, match="No offer is named"):
        call(UnpublishOffersNotifier(offer_id=given), way)

    assert library.journal(method="PATCH") == []


class Told(BaseNotifier):
    """Keeps what its template rendered."""

    template_fields = ("message",)

    def __init__(self, context: Any = None) -> None:
        super().__init__(context=context)
        self.message = "{% for offer in expiring_offers %}{{ offer.name }};{% endfor %}"
        self.told: list[str] = []

    def notify(self, context: Any) -> None:
        self.told.append(self.message)

    async def async_notify(self, context: Any) -> None:
        self.told.append(self.message)


@ways
def test_other_notifiers_get_the_offers_that_end_within_the_time(library: Emulator, api: str, way: str) -> None:
    for number, end in enumerate(reversed(ENDS)):
        window = {"startDate": "2026-03-01T00:00:00Z", "endDate": end, "profileConstraintType": "none"}
        offer = {**personalized(f"Ends {end}"), "selectionConstraint": window}
        seed(library, {**offer, "status": "approved"}, {**offer, "name": f"Draft {number}", "status": "draft"})
    told = Told()

    call(OfferExpiryNotifier(within=timedelta(days=7), notifiers=[told]), way)

    assert told.told == [f"Ends {ENDS[1]};Ends {ENDS[2]};"]


@ways
def test_one_notifier_needs_no_list(library: Emulator, api: str, way: str) -> None:
    window = {"startDate": "2026-03-01T00:00:00Z", "endDate": ENDS[1], "profileConstraintType": "none"}
    seed(library, {**personalized("Ends"), "selectionConstraint": window, "status": "approved"})
    told = Told()

    call(OfferExpiryNotifier(within=timedelta(days=7), notifiers=told), way)

    assert told.told == ["Ends;"]


class Broken(Told):
    """A notifier whose channel does not exist."""

    def notify(self, context: Any) -> None:
        raise OSError("no such channel")

    async def async_notify(self, context: Any) -> None:
        raise OSError("no such channel")


@ways
def test_a_notifier_that_fails_keeps_no_other_from_telling(
    library: Emulator, api: str, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    window = {"startDate": "2026-03-01T00:00:00Z", "endDate": ENDS[1], "profileConstraintType": "none"}
    seed(library, {**personalized("Ends"), "selectionConstraint": window, "status": "approved"})
    told = Told()

    with pytest.raises(OSError, match="no such channel"):
        call(OfferExpiryNotifier(notifiers=[Broken(), told]), way)

    assert told.told == ["Ends;"]
    assert "Broken failed: OSError: no such channel" in capsys.readouterr().out


@ways
def test_a_template_of_an_empty_list_is_a_warning(
    library: Emulator, api: str, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    call(UnpublishOffersNotifier(offer_id="{{ [] }}"), way)

    assert "offer_id renders an empty list, so no offer is taken back" in capsys.readouterr().out


@ways
def test_nobody_is_told_if_nothing_expires(library: Emulator, api: str, way: str) -> None:
    told = Told()

    call(OfferExpiryNotifier(within="PT1H", notifiers=[told]), way)

    assert told.told == []


@ways
@pytest.mark.parametrize("within", ["seven days", "P0D", "P9999Y", -1])
def test_a_wrong_duration_is_named(library: Emulator, api: str, way: str, within: Any) -> None:
    with pytest.raises(InvalidInputError, match="within: given"):
        call(OfferExpiryNotifier(within=within), way)


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (lambda: UnpublishOffersNotifier(offer_id="x", offer_type="personal"), "offer_type: given 'personal'"),  # type: ignore[arg-type]
        (lambda: UnpublishOffersNotifier(offer_id=""), "offer_id: given ''"),
        (lambda: UnpublishOffersNotifier(offer_id=None), "offer_id: given None"),
        (lambda: UnpublishOffersNotifier(offer_id=[]), "offer_id: given an empty list"),
        (lambda: UnpublishOffersNotifier(offer_id={}), "offer_id: given {}"),
        (lambda: UnpublishOffersNotifier(offer_id=5), "offer_id: given 5; expected an offer"),
        (lambda: UnpublishOffersNotifier(offer_id=b"x"), "offer_id: given b'x'; expected an offer"),
        (lambda: UnpublishOffersNotifier(offer_id=(each for each in "ab")), "offer_id: given <generator"),
        (lambda: UnpublishOffersNotifier(offer_id="x", offer_type=["fallback"]), "offer_type: given ['fallback']"),  # type: ignore[arg-type]
        (lambda: OfferExpiryNotifier(within="7 days"), "within: given '7 days'"),
        (lambda: OfferExpiryNotifier(within=timedelta(days=-1)), "within: given"),
        (lambda: OfferExpiryNotifier(notifiers=["#offers"]), "notifiers: given '#offers'"),  # type: ignore[list-item]
    ],
)
def test_what_cannot_work_is_an_error_where_the_dag_is_parsed(make: Any, wrong: str, api: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        make()
    assert wrong in str(refused.value)


def test_a_template_is_taken_where_the_dag_is_parsed(api: str) -> None:
    offer_type: Any = "{{ params.type }}"
    UnpublishOffersNotifier(offer_id="{{ params.offer }}", offer_type=offer_type)
    OfferExpiryNotifier(within="{{ params.within }}", notifiers=(Told(),))


@ways
@pytest.mark.parametrize("nothing", ["{{ none }}", "{{ '' }}"])
def test_a_template_without_a_value_spares_the_other_offers(
    library: Emulator, api: str, way: str, nothing: Any
) -> None:
    seed(library, personalized("One", status="approved"), personalized("Two", status="approved"))
    # The task whose result it is may not have run before the launch failed.
    notifier = UnpublishOffersNotifier(offer_id=["name:One", nothing, "name:Two"])

    with pytest.raises(BatchError, match="2 of 3 offers were unpublished, 1 failed") as caught:
        call(notifier, way)

    assert "offer_id/1: No offer is named" in str(caught.value)
    assert (status(library, "One"), status(library, "Two")) == ("draft", "draft")


@pytest.mark.parametrize("native", [False, True], ids=["text", "native"])
def test_a_sandbox_that_renders_nothing_is_not_that_of_the_connection(airflow: Airflow, api: str, native: bool) -> None:
    with Emulator() as emulator:
        seed(emulator, personalized("Spring", status="approved"))
        with dag_of("sandboxes", render_template_as_native_obj=native, params={"sandbox": None}) as dag:
            for number, sandbox in enumerate(("{{ params.sandbox }}", "{{ '' }}")):
                undo = UnpublishOffersNotifier(offer_id="name:Spring", sandbox=sandbox)

                @task(task_id=f"fails_{number}", on_failure_callback=[undo, OfferExpiryNotifier(sandbox=sandbox)])
                def fails() -> None:
                    raise ValueError("The page is wrong")

                fails()
        result = run(airflow, emulator, api, dag)

        assert status(emulator, "Spring") == "approved"
        # In a native DAG, Airflow 3.2 leaves the text of a template in its place if it renders nothing.
        is_left = native and not hasattr(airflow_context, "TaskStateStoreAccessor")
        expected = "the name of a sandbox" if is_left else "a template that renders the name of a sandbox"
        assert result.logs.count(f"; expected {expected}") >= 4
        assert emulator.journal(path="/data/core/*") == []


def test_the_offers_of_mapped_tasks_sets_and_reports_are_taken_back(airflow: Airflow, api: str, tmp_path: Path) -> None:
    names = ("mapped", "set", "report", "list of results")
    with Emulator() as emulator:
        ids = dict(zip(names, seed(emulator, *(personalized(name, status="approved") for name in names)), strict=True))
        with dag_of("results") as dag:
            mapped = GetOfferOperator.partial(task_id="mapped").expand(offer_id=[ids["mapped"]])
            report = PublishOfferOperator(
                task_id="report", offer_id=[ids["report"]], waive="window_over", report=str(tmp_path / "report.jsonl")
            )
            one = GetOfferOperator(task_id="one", offer_id=ids["list of results"])
            ways_to_name: tuple[Any, ...] = (mapped.output, {ids["set"]}, "{{ ti.xcom_pull('report') }}", [one.output])
            for number, given in enumerate(ways_to_name):

                @task(task_id=f"fails_{number}", on_failure_callback=UnpublishOffersNotifier(offer_id=given))
                def fails() -> None:
                    raise ValueError("The page is wrong")

                [mapped, report, one] >> fails()
        run(airflow, emulator, api, dag)

        assert {name: status(emulator, name) for name in names} == dict.fromkeys(names, "draft")
