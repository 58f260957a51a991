"""All tries of a run use the values of the first try, even if later tries render other values."""

from __future__ import annotations

import random
from typing import Any

import pytest
from airflow.sdk import task as python_task
from airflow.sdk.execution_time import context as airflow_context
from airflow.sdk.log import mask_secret

from airflow_provider_offers.client.errors import OutcomeUnknownError
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.kept_values import _without_secrets
from airflow_provider_offers.operators.library import DeleteLibraryObjectOperator
from airflow_provider_offers.operators.offers import (
    CreateOfferOperator,
    DeleteOfferOperator,
    PatchOfferOperator,
    PublishOfferOperator,
    ScheduleOfferOperator,
)
from tests.airflow.harness import Airflow, Run
from tests.airflow.library import NO_DELAY, dag_of, named, offers, personalized, run, seed, writes

KEEPS_STATE = hasattr(airflow_context, "TaskStateStoreAccessor")
only_kept = pytest.mark.skipif(not KEEPS_STATE, reason="Airflow 3.2 keeps no state between tries")
only_forgotten = pytest.mark.skipif(KEEPS_STATE, reason="Airflow 3.3 keeps what the first try rendered")

RETRIED: dict[str, Any] = {"retries": 1, "retry_delay": NO_DELAY}
LOST = {"effect": "drop", "method": "POST", "when": "after", "path": "/data/*"}
# Each one renders another value in the second try.
UNSTABLE = {
    "the moment": "Voucher {{ macros.datetime.now().isoformat() }}",
    "the day of the moment": "Voucher {{ macros.datetime.now().strftime('%H:%M:%S.%f') }}",
    "chance": "Voucher {{ macros.uuid.uuid4() }}",
    "the try": "Voucher {{ ti.try_number }}",
}
STABLE = "Voucher {{ ds_nodash if ds_nodash is defined else run_id }} {{ dag_run.run_after }}"


def lose(emulator: Emulator) -> None:
    """The POST is committed, its answer is lost, and the library does not answer reads."""
    emulator.add_fault(**LOST)
    emulator.add_fault("status", status=503, method="GET", route="*.list", after=1, times=1)


@pytest.mark.parametrize(("kind", "marker"), [*((kind, None) for kind in UNSTABLE), ("the moment", "airflow")])
def test_a_name_that_renders_otherwise_makes_no_second_offer(
    airflow: Airflow, emulator: Emulator, kind: str, marker: str | None
) -> None:
    lose(emulator)
    with dag_of("unstable") as dag:
        CreateOfferOperator(
            task_id="create", offer=personalized(UNSTABLE[kind]), patience=0.2, marker=marker, **RETRIED
        )

    result = run(airflow, emulator, "xcore", dag, max_retries=0)

    (offer,) = offers(emulator)
    assert len(writes(emulator)) == 1
    if not KEEPS_STATE:
        assert result.states == {"create": "failed"}
        assert "offer of this task renders another value in every try" in str(result.error("create"))
        return
    assert [attempt.state for attempt in result.tries("create")] == ["up_for_retry", "success"]
    assert (result.result("create")["action"], result.result("create")["name"]) == ("adopted", offer["body"]["name"])
    assert "offer rendered another value in the first try of this task" in result.logs


def test_a_name_that_renders_alike_needs_no_such_care(airflow: Airflow, emulator: Emulator, api: str) -> None:
    lose(emulator)
    with dag_of("stable") as dag:
        CreateOfferOperator(task_id="create", offer=personalized(STABLE), patience=0.2, **RETRIED)

    result = run(airflow, emulator, api, dag, max_retries=0)

    assert [attempt.state for attempt in result.tries("create")] == ["up_for_retry", "success"]
    assert result.result("create")["action"] == "adopted"
    assert "renders another value" not in result.logs
    assert "rendered another value" not in result.logs


@only_kept
def test_a_list_of_another_length_and_order_is_the_first_trys(airflow: Airflow, emulator: Emulator, api: str) -> None:
    emulator.add_fault("status", status=503, method="POST", path="/data/*", contains='"Voucher 2"')

    class Shuffled(CreateOfferOperator):
        def pre_execute(self, context: Any) -> None:
            if context["ti"].try_number > 1:
                self.offer = [personalized(f"Voucher {number}") for number in (9, 4, 3, 2)]

    with dag_of("shuffled") as dag:
        Shuffled(
            task_id="create",
            offer=[personalized(f"Voucher {number}") for number in range(5)],
            patience=0.1,
            max_concurrent=1,
            **RETRIED,
        )

    result = run(airflow, emulator, api, dag, max_retries=0)

    assert result.states == {"create": "success"}, result.error("create")
    names = [f"Voucher {number}" for number in range(5)]
    assert [receipt["name"] for receipt in result.result("create")] == names
    assert sorted(each["body"]["name"] for each in offers(emulator)) == names


@only_kept
def test_documents_that_take_several_pieces_of_the_state_are_the_first_trys(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    chance = random.Random(7)
    first = [
        personalized(f"Voucher {number:02d}", characteristics={"text": chance.randbytes(2_000).hex()})
        for number in range(40)
    ]
    emulator.add_fault("status", status=503, method="POST", path="/data/*", contains='"Voucher 20"')

    class Otherwise(CreateOfferOperator):
        def pre_execute(self, context: Any) -> None:
            if context["ti"].try_number > 1:
                self.offer = [{**each, "characteristics": {"text": "another"}} for each in reversed(first)]

    with dag_of("otherwise") as dag:
        Otherwise(task_id="create", offer=first, patience=0.1, **RETRIED)

    result = run(airflow, emulator, api, dag, max_retries=0)

    assert result.states == {"create": "success"}, result.error("create")
    made = {each["body"]["name"]: each["body"]["characteristics"]["text"] for each in offers(emulator)}
    assert made == {each["name"]: each["characteristics"]["text"] for each in first}
    assert len(writes(emulator)) == len(first) + 1


class Lost(RuntimeError):
    """The worker is lost after its work."""


def loses(operator: type[Any]) -> type[Any]:
    """The operator; its first try does its work and is lost."""

    class Loses(operator):  # type: ignore[misc]
        def work(self, hook: Any, context: Any) -> Any:
            done = super().work(hook, context)
            if context["ti"].try_number == 1:
                raise OutcomeUnknownError("the worker is lost")
            return done

    return Loses


def _tags(emulator: Emulator) -> list[Any]:
    return [each["body"].get("tags") for each in offers(emulator)]


EDITS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "a patch that adds": (
        PatchOfferOperator,
        {
            "patch": [
                {"op": "add", "path": "/tags/-", "value": Emulator.TAG_ID},
                {"op": "add", "path": "/characteristics", "value": {"at": "{{ macros.datetime.now() }}"}},
            ]
        },
    ),
    "a schedule": (
        ScheduleOfferOperator,
        {"start": "{{ (macros.datetime.now(macros.dateutil.tz.UTC)).isoformat() }}", "duration": "P14D"},
    ),
}


@pytest.mark.parametrize("case", EDITS)
def test_an_edit_that_renders_otherwise_is_made_once(airflow: Airflow, emulator: Emulator, api: str, case: str) -> None:
    operator, arguments = EDITS[case]
    stored = seed(emulator, api, "Edited", changes={"tags": []})
    with dag_of("edited") as dag:
        loses(operator)(task_id="edit", offer_id=stored["id"], **arguments, **RETRIED)

    result = run(airflow, emulator, api, dag)

    assert [each["etag"] for each in offers(emulator)] == [2]
    if KEEPS_STATE:
        assert result.states == {"edit": "success"}, result.error("edit")
    else:
        assert result.states == {"edit": "failed"}
        assert "of this task renders another value in every try" in str(result.error("edit"))


@pytest.mark.parametrize("operator", [DeleteOfferOperator, PublishOfferOperator, DeleteLibraryObjectOperator])
def test_a_retry_is_about_the_objects_of_the_first_try(
    airflow: Airflow, emulator: Emulator, api: str, operator: type[Any]
) -> None:
    for number in (1, 2):
        seed(emulator, api, f"Voucher {number}")
    about = "name:Voucher {{ ti.try_number }}"
    given: dict[str, Any] = {"offer_id": about}
    if operator is DeleteLibraryObjectOperator:
        given = {"object_id": about, "kind": "personalized"}
    if operator is PublishOfferOperator:
        given["waive"] = ["window_over"]
    with dag_of("about") as dag:
        loses(operator)(task_id="edit", **given, **RETRIED)

    result = run(airflow, emulator, api, dag)

    (other,) = named(emulator, "Voucher 2")
    assert (other["etag"], other["body"]["status"]) == (1, "draft")
    assert result.states == {"edit": "success" if KEEPS_STATE else "failed"}, result.error("edit")


@only_kept
def test_a_secret_is_not_kept_and_a_plan_that_holds_one_is_not_exchanged(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    secret = "correct-horse-battery"
    mask_secret(secret)
    emulator.add_fault("status", status=503, method="POST", path="/data/*", times=2)
    with dag_of("secretive") as dag:
        for task_id, name in (("same", "Same"), ("other", "Other {{ ti.try_number }}")):
            characteristics = {"code": secret}
            CreateOfferOperator(
                task_id=task_id, offer=personalized(name, characteristics=characteristics), patience=0, **RETRIED
            )

    result = run(airflow, emulator, api, dag, max_retries=0)

    assert result.states == {"same": "success", "other": "failed"}
    assert "because they contain a secret or are not JSON" in str(result.error("other"))
    assert "task_state_store.value" not in airflow.kept().where(secret)
    assert [place for place in airflow.kept().where(secret) if "state_store" in place] == []


@pytest.mark.parametrize(
    "offers",
    [
        [{"name": "A", "characteristics": {"code": "correct-horse-battery"}}],
        [{"name": "A"}, {"name": "B", "characteristics": {"password": "Spring"}}],
        [{"name": "A", "password": {"one": [{"two": "Spring"}]}}],
        [{"a": {"b": {"c": {"d": {"e": {"f": {"g": "correct-horse-battery"}}}}}}}],
    ],
    ids=["its text", "its name", "a name above it", "its text, deep"],
)
def test_a_list_that_holds_a_secret_anywhere_is_not_kept(offers: list[Any]) -> None:
    mask_secret("correct-horse-battery")

    assert _without_secrets({"offer": offers}) is None


def test_a_list_of_alike_offers_without_a_secret_is_kept_whole() -> None:
    rendered = {
        "offer": [{"name": "A", "rank": {"priority": 1}}, {"name": "B", "rank": {"priority": 1}}],
        "marker": None,
    }

    assert _without_secrets(rendered) == rendered


@only_kept
def test_a_retry_in_another_sandbox_is_refused(airflow: Airflow, emulator: Emulator, api: str) -> None:
    emulator.add_fault("status", status=503, method="POST", path="/data/*")
    with dag_of("moved") as dag:
        CreateOfferOperator(
            task_id="create",
            offer=personalized("Once"),
            sandbox="{{ 'prod' if ti.try_number == 1 else 'dev' }}",
            patience=0,
            **RETRIED,
        )

    result = run(airflow, emulator, api, dag, max_retries=0)

    assert result.states == {"create": "failed"}
    assert "worked in the sandbox 'prod'" in str(result.error("create"))
    assert offers(emulator, sandbox="dev") == []


def test_mapped_tasks_keep_plans_of_their_own(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("mapped") as dag:

        @python_task
        def names() -> list[dict[str, Any]]:
            return [personalized("A"), personalized("B")]

        loses(CreateOfferOperator).partial(task_id="create", patience=0.1, **RETRIED).expand(offer=names())

    result = run(airflow, emulator, api, dag)

    assert sorted(each["body"]["name"] for each in offers(emulator)) == ["A", "B"]
    assert {result.result(f"create[{index}]")["action"] for index in (0, 1)} == {"adopted"}


# A task that is cleared.


def cleared(airflow: Airflow, emulator: Emulator, api: str, between: Any = None, **options: Any) -> Run:
    """A creation that is run, changed to a shorter window, and cleared."""

    class Cleared(CreateOfferOperator):
        def execute(self, context: Any) -> Any:
            if context["ti"].try_number == 1:
                super().execute(context)
                if between is not None:
                    between(offers(emulator)[0])
                raise OutcomeUnknownError("the author has another window in mind, and clears the task")
            # Clearing a task allows it its number of tries again.
            context["ti"].max_tries = context["ti"].try_number + self.retries - 1
            if (wanted := self.params["duration"]) is not None:
                self.window = {"start": "2098-01-01T00:00:00Z", "duration": wanted}
            return super().execute(context)

    with dag_of("cleared") as dag:
        Cleared(
            task_id="create",
            offer=personalized("Once", selectionConstraint=None),
            window={"start": "2098-01-01T00:00:00Z", "duration": "P30D"},
            params={"duration": options.pop("duration", "P20D")},
            patience=0.1,
            **RETRIED,
            **options,
        )
    return run(airflow, emulator, api, dag)


def publish(emulator: Emulator, api: str) -> Any:
    """The change that a later task makes to the offer."""
    from tests.airflow.library import library_of

    def between(offer: dict[str, Any]) -> None:
        with library_of(emulator, api) as library:
            library.patch(PERSONALIZED, offer["id"], [{"op": "replace", "path": "/status", "value": "approved"}])

    return between


def end_of(emulator: Emulator) -> str:
    (offer,) = offers(emulator)
    return str(offer["body"]["selectionConstraint"]["endDate"])[:10]


@pytest.mark.parametrize(
    ("if_exists", "marker"), [("fail", None), ("adopt", None), ("skip", None), ("fail", "airflow")]
)
def test_a_changed_wish_is_refused_and_says_what_differs(
    airflow: Airflow, emulator: Emulator, if_exists: str, marker: str | None
) -> None:
    result = cleared(airflow, emulator, "dps", publish(emulator, "dps"), if_exists=if_exists, marker=marker)

    assert result.states == {"create": "failed"}
    assert "/selectionConstraint is" in str(result.error("create"))
    assert "2098-01-21" in str(result.error("create"))
    assert end_of(emulator) == "2098-01-31"


def test_a_changed_wish_is_applied_where_that_is_asked_for(airflow: Airflow, emulator: Emulator, api: str) -> None:
    result = cleared(airflow, emulator, api, if_exists="update")

    assert result.states == {"create": "success"}, result.error("create")
    assert result.result("create")["action"] == "updated"
    assert end_of(emulator) == "2098-01-21"


def test_an_unchanged_wish_leaves_what_was_published_since(airflow: Airflow, emulator: Emulator, api: str) -> None:
    result = cleared(airflow, emulator, api, publish(emulator, api), duration=None)

    assert result.states == {"create": "success"}, result.error("create")
    assert result.result("create")["action"] == "adopted"
    assert [each["body"]["status"] for each in offers(emulator)] == ["approved"]


# Short tries, and tries that sent nothing.


@only_kept
def test_a_retry_after_a_failure_that_sent_nothing_waits_for_nothing(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    emulator.add_fault("status", status=503, method="GET", route="*.list", times=12)
    with dag_of("unsent") as dag:
        CreateOfferOperator(
            task_id="create",
            offer=[personalized(f"Voucher {number}") for number in range(12)],
            on_failure="continue",
            # With an hour of patience, the second try would not end during this test.
            patience=3600,
            **RETRIED,
        )

    result = run(airflow, emulator, api, dag, max_retries=0)

    assert [attempt.state for attempt in result.tries("create")] == ["up_for_retry", "success"]
    assert len(offers(emulator)) == 12
    assert "Trying again" not in result.logs
