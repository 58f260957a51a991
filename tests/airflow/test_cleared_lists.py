"""A task is cleared after its list has changed, in real DAG runs: nothing is made twice, and the result says it all."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.execution_time import context as airflow_context

from airflow_provider_offers.client.errors import OutcomeUnknownError
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.offers import CreateOfferOperator, DeleteOfferOperator, PatchOfferOperator
from tests.airflow.harness import Airflow, Run
from tests.airflow.library import NO_DELAY, dag_of, named, offers, personalized, run, seed

pytestmark = pytest.mark.skipif(
    not hasattr(airflow_context, "TaskStateStoreAccessor"), reason="Airflow 3.2 keeps no state between tries"
)

RETRIED: dict[str, Any] = {"retries": 1, "retry_delay": NO_DELAY}
LOST: dict[str, Any] = {
    "effect": "drop",
    "method": "POST",
    "when": "after",
    "path": "/data/core/*/*",
    "after": 1,
    "times": None,
}
EDITED = personalized("B", rank={"priority": 3})


def cleared(operator: type[Any], emulator: Emulator, field: str, later: Any) -> Any:
    """The operator: after its first try, its author changes a field and clears the task."""

    class Cleared(operator):  # type: ignore[misc]
        def execute(self, context: Any) -> Any:
            ti = context["ti"]
            if ti.try_number == 1:
                try:
                    super().execute(context)
                finally:
                    emulator.clear_faults()
                raise OutcomeUnknownError("the author has another list in mind, and clears the task")
            # Clearing a task allows it its number of tries again.
            ti.max_tries = ti.try_number + self.retries - 1
            setattr(self, field, later[ti.map_index] if ti.map_index >= 0 else later)
            return super().execute(context)

    return Cleared


def documents(*names: str) -> list[dict[str, Any]]:
    return [personalized(name) for name in names]


def created(airflow: Airflow, emulator: Emulator, api: str, later: Any, **options: Any) -> Run:
    """A task that creates A, B and C; its list then is another one, and the task is cleared."""
    with dag_of("cleared") as dag:
        cleared(CreateOfferOperator, emulator, "offer", later)(
            task_id="create", offer=documents("A", "B", "C"), patience=0.1, on_failure="continue", **RETRIED, **options
        )
    return run(airflow, emulator, api, dag, max_retries=0)


def told(result: Run) -> list[tuple[str, str]]:
    return [(each["name"], each["action"]) for each in result.result("create")]


@pytest.mark.parametrize(
    ("later", "actions"),
    [
        (documents("C", "A"), [("C", "adopted"), ("A", "adopted")]),
        (documents("A", "B", "C", "D"), [*((name, "adopted") for name in "ABC"), ("D", "created")]),
        (documents("C", "A", "B"), [(name, "adopted") for name in "CAB"]),
        ([], []),
    ],
    ids=["removed", "added", "reordered", "emptied"],
)
@pytest.mark.parametrize("lost", [False, True], ids=["done", "half"])
def test_a_changed_list_makes_what_is_new_and_takes_up_the_rest(
    airflow: Airflow, emulator: Emulator, api: str, later: Any, actions: list[tuple[str, str]], lost: bool
) -> None:
    """Half done: the answers of B and C are lost, so the first try knows of A only."""
    if lost:
        emulator.add_fault(**LOST)
    result = created(airflow, emulator, api, later)

    assert result.states == {"create": "success"}, result.error("create")
    assert told(result) == actions
    assert sorted(each["body"]["name"] for each in offers(emulator)) == sorted({*"ABC", *(name for name, _ in actions)})
    kept = {each["body"]["name"]: each["id"] for each in offers(emulator)}
    left = [kept[name] for name in "ABC" if name not in dict(actions)]
    line = next((each for each in result.logs.splitlines() if "had other names" in each), "")
    assert all(identifier in line for identifier in left)
    assert bool(line) is bool(left)


@pytest.mark.parametrize("if_exists", ["fail", "update"])
def test_an_edited_entry_is_changed_only_where_that_is_asked_for(
    airflow: Airflow, emulator: Emulator, api: str, if_exists: str
) -> None:
    later = [personalized("D"), EDITED, personalized("A")]
    result = created(airflow, emulator, api, later, if_exists=if_exists)

    assert sorted(each["body"]["name"] for each in offers(emulator)) == list("ABCD")
    priority = named(emulator, "B")[0]["body"]["rank"]["priority"]
    if if_exists == "update":
        assert told(result) == [("D", "created"), ("B", "updated"), ("A", "unchanged")]
        assert priority == 3
    else:
        assert result.states == {"create": "failed"}
        assert 'no longer matches the document: /rank is {"priority": 10}' in str(result.error("create"))
        assert told(result) == [("D", "created"), ("A", "adopted")]
        assert priority == 10


def test_another_index_of_a_mapped_task_is_told(airflow: Airflow, emulator: Emulator, api: str) -> None:
    """Each index remembers its own objects only, so an entry that moves is somebody else's."""
    for if_exists in ("fail", "adopt"):
        with dag_of(f"mapped_{if_exists}") as dag:
            cleared(CreateOfferOperator, emulator, "offer", documents("B", "A")).partial(
                task_id="create", patience=0.1, if_exists=if_exists, **RETRIED
            ).expand(offer=documents("A", "B"))
        result = run(airflow, emulator, api, dag)
        assert sorted(each["body"]["name"] for each in offers(emulator)) == ["A", "B"]
        for index in (0, 1):
            if if_exists == "adopt":
                assert result.result(f"create[{index}]")["action"] == "adopted"
            else:
                said = str(result.error(f"create[{index}]"))
                assert "another index of this mapped task may have created it, also before the task was" in said
        emulator.reset()


def test_a_list_of_objects_to_change_is_changed_anew(airflow: Airflow, emulator: Emulator, api: str) -> None:
    ids = {name: seed(emulator, api, name)["id"] for name in "ABCD"}
    patch = [{"op": "replace", "path": "/rank/priority", "value": 77}]
    with dag_of("changed", max_active_tasks=1) as dag:
        change = cleared(PatchOfferOperator, emulator, "offer_id", [ids["D"], ids["A"]])(
            task_id="change", offer_id=[ids[name] for name in "ABC"], patch=patch, **RETRIED
        )
        delete = cleared(DeleteOfferOperator, emulator, "offer_id", [ids["D"], ids["A"]])(
            task_id="delete", offer_id=[ids[name] for name in "AB"], **RETRIED
        )
        change >> delete
    result = run(airflow, emulator, api, dag)

    assert result.states == {"change": "success", "delete": "success"}, result.error("delete")
    assert [each["action"] for each in result.result("change")] == ["updated"] * 2
    assert [each["id"] for each in result.result("delete")] == [ids["D"], ids["A"]]
    (left,) = offers(emulator)
    assert (left["body"]["name"], left["etag"]) == ("C", 2)


def test_a_warning_of_many_objects_that_are_left_names_some(airflow: Airflow, emulator: Emulator) -> None:
    with dag_of("many") as dag:
        cleared(CreateOfferOperator, emulator, "offer", [])(
            task_id="create", offer=documents(*(f"Offer {number}" for number in range(30))), patience=0.1, **RETRIED
        )
    result = run(airflow, emulator, "dps", dag)
    (line,) = {each for each in result.logs.splitlines() if "its objects stay as they are" in each}
    assert line.count("dps:personalized-offer:") == 20
    assert line.endswith(" and 10 more")
