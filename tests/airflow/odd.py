"""Odd values, the ways in which they get into an argument, and what a task ends in that has one."""

from __future__ import annotations

import decimal
import enum
import pathlib
import traceback
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import jinja2
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from airflow.serialization.serialized_objects import DagSerialization

from airflow_provider_offers.client.errors import OfferLibraryError
from tests.airflow.library import dag_of
from tests.airflow.task_runner import run_task

SOME_ID = "dps:personalized-offer:1c265317da412003"


class Colour(enum.Enum):
    """Something that an author might pass."""

    RED = "red"


def deep(levels: int) -> Any:
    """Lists in lists."""
    nested: Any = []
    for _ in range(levels):
        nested = [nested]
    return nested


def generator() -> Iterator[Any]:
    yield {"a": 1}


ODD: dict[str, Any] = {
    "none": None,
    "true": True,
    "zero": 0,
    "negative": -1,
    "fraction": 1.5,
    "not a number": float("nan"),
    "infinite": float("inf"),
    "65 bits": 2**64,
    "400 digits": 10**400,
    "5000 digits": 10**5000,
    "decimal": decimal.Decimal("1.5"),
    "complex": 1j,
    "empty text": "",
    "blank": " ",
    "text": "abc",
    "line break": "a\nb",
    "null character": "a\0b",
    "half of a pair": "\ud800",
    "emoji": "\U0001f600",
    "direction mark": "\u202e",
    "long text": "x" * 100_000,
    "digits": "7",
    "overflowing digits": "1e400",
    "half of JSON": '{"a": ',
    "JSON": "[1, {}]",
    "literal": "{'a': (1, None)}",
    "broken template": "{{",
    "broken block": "{% for each in range(2) %}x",
    "unknown name": "{{ nope }}",
    "division by zero": "{{ 1 / 0 }}",
    "text times a name": "{{ 'a' + 1 }}",
    "missing file": "missing.json",
    "dot json": ".json",
    "address": "http://[",
    "bytes": b"\xff",
    "byte array": bytearray(b"a"),
    "object": object(),
    "type": int,
    "module": pathlib,
    "function": lambda *_, **__: 1,
    "function without parameters": lambda: 1,
    "generator": generator,
    "undefined": jinja2.Undefined(name="nope"),
    "enum": Colour.RED,
    "path": pathlib.Path("a"),
    "path of json": pathlib.Path("a.json"),
    "uuid": uuid.UUID(int=1),
    "date": date(2026, 1, 1),
    "time": time(1),
    "naive datetime": datetime(2026, 1, 1),  # noqa: DTZ001
    "datetime": datetime(2026, 1, 1, tzinfo=UTC),
    "timedelta": timedelta(1),
    "exception": ValueError("x"),
    "ellipsis": ...,
    "range": range(3),
    "empty list": [],
    "list of none": [None],
    "list of lists": [[1]],
    "list of dicts": [{}],
    "list of numbers": [1, float("nan"), 10**400],
    "list of bytes": [b"a"],
    "list of half a pair": ["a\ud800"],
    "list of an id and none": [SOME_ID, None],
    "nested": deep(3),
    "deep": deep(300),
    "very deep": deep(900),
    "tuple": (1, "a"),
    "set": {1},
    "frozen set": frozenset([1]),
    "empty dict": {},
    "dict of none": {"a": None},
    "dict of an object": {"id": object()},
    "dict of a list": {"id": []},
    "receipt without an id": {"id": None, "name": "Odd"},
    "numbers as names": {1: {None: object()}},
    "half a pair as a name": {"\ud800": 1},
    "tuple as a name": {(1, 2): 3},
}
# The value in the source; in a template of a DAG with native rendering, and without it; in an expanded task.
WAYS = ("literal", "native", "text", "mapped")


@dataclass(frozen=True)
class Outcome:
    """What a task ended in: the state or where it was refused, and what is wrong with that."""

    end: str
    said: str = ""
    wrong: str | None = None


def odd(what: str) -> Any:
    """The value; a generator is a new one every time."""
    value = ODD[what]
    return value() if value is generator else value


def outcome(operator: type[Any], given: dict[str, Any], name: str, value: Any, way: str, *, number: int = 1) -> Outcome:
    """Define the task with the value in that argument, and run it."""
    try:
        dag, task = _defined(operator, given, name, value, way)
    except OfferLibraryError as error:
        return _told("refused at parsing", error, way)
    except Exception as error:  # noqa: BLE001
        return _told("ours at parsing" if _is_ours(error) else "Airflow's at parsing", error, way)
    try:
        DagSerialization.to_dict(dag)
    except Exception as error:  # noqa: BLE001
        return _told("Airflow's at serialization", error, way)
    ended = run_task(task, try_number=number, map_index=0 if way == "mapped" else -1)
    if ended.error is None:
        return Outcome(ended.state)
    return _told(ended.state, ended.error, way)


def _defined(operator: type[Any], given: dict[str, Any], name: str, value: Any, way: str) -> tuple[Any, Any]:
    others = {other: each for other, each in given.items() if other != name}
    if way == "mapped":
        with dag_of("odd") as dag:
            return dag, operator.partial(task_id="odd", **others).expand(**{name: [value]})
    if way == "literal":
        with dag_of("odd") as dag:
            return dag, operator(task_id="odd", **others, **{name: value})
    macros = {"odd": value}
    with dag_of("odd", render_template_as_native_obj=way == "native", user_defined_macros=macros) as dag:
        return dag, operator(task_id="odd", **others, **{name: "{{ odd }}"})


_OURS = (
    OfferLibraryError,
    AirflowFailException,
    AirflowSkipException,
    AirflowSensorTimeout,
    # What Airflow says of every connection that is not there.
    AirflowNotFoundException,
)


def _told(end: str, error: BaseException, way: str) -> Outcome:
    said = str(error)
    if end.startswith("Airflow's"):
        return Outcome(end, said)
    if not isinstance(error, _OURS):
        return Outcome(end, said, f"{type(error).__name__}: {said[:200]} {_where(error)}")
    if len(said) > 10_000:
        return Outcome(end, said, f"a message of {len(said)} characters")
    if " at 0x" in said and way != "text" and not isinstance(error, AirflowNotFoundException):
        return Outcome(end, said, f"an address in memory: {said[:200]}")
    return Outcome(end, said)


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "airflow_provider_offers" in frame.filename]
    return " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in (*ours[-3:], frames[-1]))


def _is_ours(error: Exception) -> bool:
    return any("airflow_provider_offers" in frame.filename for frame in traceback.extract_tb(error.__traceback__))


def each_place(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document, from the whole to the leaves."""
    yield path
    members = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, each in members:
        yield from each_place(each, (*path, key))


def with_value(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value in that place."""
    if not path:
        return value
    key, *rest = path
    changed: Callable[[Any], Any] = lambda each: with_value(each, tuple(rest), value)  # noqa: E731
    if isinstance(document, dict):
        return {other: changed(each) if other == key else each for other, each in document.items()}
    return [changed(each) if index == key else each for index, each in enumerate(document)]
