"""Values that a first try rendered come back as they were; a value that no try can keep must be the same in each."""

from __future__ import annotations

import enum
import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest

from airflow_provider_offers.client.errors import OutcomeUnknownError
from airflow_provider_offers.client.rows.rendering import PerRow
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.kept_values import _without_secrets, carry_on
from airflow_provider_offers.operators.offers import PatchOfferOperator, ScheduleOfferOperator
from tests.airflow.capture import captured_output
from tests.airflow.library import CONNECTION, dag_of, offers, seed, writes
from tests.airflow.task_runner import run_task

TARGET = ["https://platform.adobe.io", "prod", "dps"]


class Store:
    """A task's state; Airflow keeps each value as JSON text."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def get(self, key: str) -> Any:
        return json.loads(self._texts[key]) if key in self._texts else None

    def set(self, key: str, value: Any) -> None:
        self._texts[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        self._texts.pop(key, None)


def value_in_try(number: int, rendered: Any, store: Store) -> Any:
    """The value with which a try works, if its field rendered that one."""
    with dag_of("tries"):
        task = ScheduleOfferOperator(task_id="schedule", offer_id="name:Sale", start=rendered)
    context: Any = {"ti": SimpleNamespace(try_number=number, max_tries=3), "task_state_store": store}
    carry_on(task, context, TARGET)
    return task.start


class Color(enum.Enum):
    """What an author might pass."""

    RED = "red"


KEPT: dict[str, Any] = {
    "the second hour of a change of clocks": datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
    "a moment of Airflow's": pendulum.datetime(2026, 3, 1, 9, tz="Europe/Paris"),
    "a moment with an offset": datetime(2026, 3, 1, 9, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    "a time of day on a wall": datetime(2026, 3, 1, 9),  # noqa: DTZ001
    "a day": date(2026, 3, 1),
    "a duration": timedelta(days=14, seconds=1, microseconds=2),
    "the values of rows": PerRow(["2026-03-01", date(2026, 3, 2), None]),
    "a document": {"start": [1, 2.5, None, True, {"day": date(2026, 3, 1)}]},
}


@pytest.mark.parametrize("value", KEPT.values(), ids=KEPT)
def test_a_later_try_works_with_the_value_of_the_first(value: Any) -> None:
    store = Store()
    value_in_try(1, value, store)

    with captured_output() as output:
        assert value_in_try(2, value, store) is value
        assert "rendered another value" not in output.text()
        again = value_in_try(3, "2036-01-01", store)
        assert "start rendered another value in the first try of this task" in output.text()

    assert again == value
    assert isinstance(again, PerRow) == isinstance(value, PerRow)
    if isinstance(value, datetime):
        assert again.isoformat() == value.isoformat()
        assert getattr(again.tzinfo, "key", None) == getattr(value.tzinfo, "key", None)


def test_a_set_is_kept_as_a_list_and_is_the_same_in_any_order() -> None:
    """Two processes may go through one set in different orders, as through these two."""
    one, other = {8, 0}, {0, 8}
    assert list(one) != list(other)
    store = Store()
    value_in_try(1, one, store)

    assert value_in_try(2, other, store) is other
    assert value_in_try(3, {7}, store) == [0, 8]


UNKEPT: dict[str, tuple[Any, Any]] = {
    "a number of Python's own": (Decimal("1.5"), Decimal("2.5")),
    "a duration with months": (pendulum.duration(months=1), pendulum.duration(months=2)),
    "a constant": ([Color.RED], ["RED"]),
    "bytes": (b"Sale", "Sale"),
    "a name that is a number": ({1: "a"}, {1: "b"}),
    "a name of ours": ({"offers:type": "date"}, {"offers:type": "datetime"}),
    "a number in a document": ({"a": {"b": Decimal("1.5")}}, {"a": {"b": Decimal("2.5")}}),
}


@pytest.mark.parametrize(("value", "other"), UNKEPT.values(), ids=UNKEPT)
def test_a_value_that_cannot_be_kept_must_be_the_same_in_every_try(value: Any, other: Any) -> None:
    store = Store()
    value_in_try(1, value, store)

    assert value_in_try(2, value, store) is value
    with pytest.raises(OutcomeUnknownError) as caught:
        value_in_try(3, other, store)
    assert str(caught.value) == (
        "The fields of this task rendered other values in its first try. They were not kept, because they contain a "
        "secret or are not JSON; nothing was sent; clear the task to use the new values; use values that are the same "
        "in every try, such as {{ dag_run.run_after }} or {{ ts }}"
    )
    assert not caught.value.retryable


def test_where_airflow_cannot_say_what_is_secret_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _without_secrets({"offer_id": "name:Sale"}) == {"offer_id": "name:Sale"}
    monkeypatch.delattr("airflow.sdk.log.redact")
    assert _without_secrets({"offer_id": "name:Sale"}) is None


# Without a state: what Airflow 3.2 is to every task.


class Forgetful(PatchOfferOperator):
    """Keeps nothing between its tries."""

    def prepare(self, context: Any) -> None:
        context.pop("task_state_store", None)
        super().prepare(context)


@pytest.fixture
def offer(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, airflow_home: Any) -> str:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(emulator.connection("dps")))
    return str(seed(emulator, "dps", "Sale")["id"])


def described(template: str) -> list[dict[str, Any]]:
    return [{"op": "add", "path": "/description", "value": template}]


UNSTABLE = (
    "{{ macros.datetime.utcnow().date() }}",
    "{{ macros.datetime.today().date() }}",
    "{{ macros.datetime.now(macros.dateutil.tz.UTC).year }}",
    "{{ macros.time.time() | int }}",
    "{{ macros.random() }}",
    "{{ ti.start_date }}",
    "{{ task_instance.hostname }}",
    "{{ ti.id }}",
)
STABLE = (
    "{{ macros.datetime(2026, 3, 1) }} {{ macros.ds_add('2026-03-01', 7) }}",
    "{{ macros.time.strftime('%Y', macros.time.gmtime(0)) }}",
    "{{ ti.task_id }} {{ ti.run_id }} {{ ti.map_index }}",
    "{{ dag_run.run_after }} {{ ts }}",
)


def refused(ended: Any) -> bool:
    """Whether the task was refused for good, because its patch differs in every try."""
    if ended.state == "success":
        return False
    assert ended.state == "failed"
    assert type(ended.error).__name__ == "AirflowFailException"
    assert str(ended.error) == (
        "patch of this task renders another value in every try. Airflow 3.2 keeps no values of earlier tries, so this "
        "try would do other work; nothing was sent; check the library, then clear the task; use values that are the "
        "same in every try, such as {{ dag_run.run_after }} or {{ ts }}"
    )
    return True


@pytest.mark.parametrize("template", UNSTABLE)
def test_without_a_state_a_retry_refuses_what_differs_in_every_try(
    emulator: Emulator, offer: str, template: str
) -> None:
    with dag_of("differs"):
        task = Forgetful(task_id="patch", offer_id=offer, patch=described(template))

    assert refused(run_task(task, try_number=2))
    assert writes(emulator) == []
    assert not refused(run_task(task))


@pytest.mark.parametrize("template", STABLE)
def test_without_a_state_a_retry_does_what_is_the_same_in_every_try(
    emulator: Emulator, offer: str, template: str
) -> None:
    with dag_of("same"):
        task = Forgetful(task_id="patch", offer_id=offer, patch=described(template))

    assert not refused(run_task(task, try_number=2))
    assert offers(emulator)[0]["etag"] == 2


@pytest.mark.parametrize("template", ["{{ ti.try_number }}", "{{ ds }}"])
@pytest.mark.parametrize("expanded", [False, True], ids=["partial", "expanded"])
def test_without_a_state_a_mapped_task_is_told_by_its_own_template(offer: str, template: str, expanded: bool) -> None:
    patch = described(template)
    with dag_of("mapped"):
        task: Any = (
            Forgetful.partial(task_id="patch", offer_id=offer).expand(patch=[patch])
            if expanded
            else Forgetful.partial(task_id="patch", patch=patch).expand(offer_id=[offer])
        )

    assert refused(run_task(task, try_number=2, map_index=0)) == ("try_number" in template)
