"""Rows as input: one object for each row of a table, with its own values, window and name, and errors by the row."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import airflow.sdk.execution_time.context as airflow_context
import pytest
from airflow.sdk import task

from airflow_provider_offers.client.errors import OutcomeUnknownError
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.library import CreateLibraryObjectOperator
from airflow_provider_offers.operators.offers import CreateFallbackOfferOperator, CreateOfferOperator
from tests.airflow.harness import Airflow
from tests.airflow.library import NO_DELAY, dag_of, errors, offers, run, writes

KEEPS_STATE = hasattr(airflow_context, "TaskStateStoreAccessor")
TEMPLATE: dict[str, Any] = {
    "name": "{{ row.name }} {{ ds_nodash }}",
    "status": "draft",
    "representations": [
        {
            "placement": Emulator.PLACEMENT_ID,
            "components": [{"type": "html", "format": "text/html", "content": "<p>{{ row.discount }} % off</p>"}],
        }
    ],
    "rank": {"priority": "{{ row.priority }}"},
    "cappingConstraint": {"globalCap": "{{ row.cap }}"},
    "characteristics": {"sku": "{{ row.sku }}", "run": "{{ params.wave }}"},
}
WINDOW = {"start": "{{ row.start }}", "duration": "{{ row.duration or 'P7D' }}", "timezone": "Europe/Berlin"}
CSV = (
    "\ufeffsku;name;discount;priority;cap;start;duration\r\n"
    '007;"Towel, ""soft""\nand blue";10;3;;2036-03-01;P1D\r\n'
    "\r\n"
    "008;{{ ds }} lamp;5;4;250;2036-04-01T12:00:00;\r\n"
)


@pytest.mark.parametrize("native", [False, True])
def test_each_row_of_a_file_and_of_a_task_is_one_object(
    airflow: Airflow, emulator: Emulator, api: str, native: bool, tmp_path: Path
) -> None:
    (tmp_path / "offers.csv").write_bytes(CSV.encode())
    (tmp_path / "placements.jsonl").write_text('{"name": "Top", "alt": null}\n\n{"name": "Side", "width": 3}\n')
    (tmp_path / "offer.json").write_text(
        '{"name": "File {{ row.name }}", "status": "draft", "rank": {"priority": {{ row.priority }} },'
        ' "selectionConstraint": {"startDate": "{{ row.begins }}", "endDate": "2036-05-01T00:00:00Z"}}'
    )

    @task
    def query() -> list[Any]:
        moment = datetime(2036, 3, 1, tzinfo=UTC)
        return [{"name": "one", "priority": 1, "begins": moment}, {"name": "two", "priority": 2, "begins": moment}]

    @task
    def cursor() -> list[Any]:
        return [("Tuple A", Decimal("7.00"), True), ("Tuple B", 8, False)]

    with dag_of(
        "rows",
        render_template_as_native_obj=native,
        template_searchpath=[str(tmp_path)],
        params={"wave": "w1"},
    ) as dag:
        CreateOfferOperator(task_id="csv", offer=TEMPLATE, rows="{{ 'offers' }}.csv", window=WINDOW)
        CreateOfferOperator(task_id="xcom", offer="offer.json", rows=query())
        CreateFallbackOfferOperator(
            task_id="tuples",
            offer={
                "name": "{{ row['name'] }}",
                "status": "{{ 'approved' if row.live else 'draft' }}",
                "characteristics": "{{ {'rank': row.rank, 'live': row.live | string} }}",
            },
            rows=cursor(),
            columns=["name", "rank", "live"],
            marker="made_{{ row.rank }}",
        )
        CreateLibraryObjectOperator(
            task_id="kinds",
            kind="placement",
            object={"name": "Place {{ row.name }}", "channel": "{{ row.channel }}", "componentType": "html"},
            rows=[{"name": "Top {{ ds }}", "channel": "https://ns.adobe.com/xdm/channel-types/web"}],
        )
        CreateOfferOperator.partial(
            task_id="mapped", offer={**TEMPLATE, "name": "{{ row.name }}{{ ti.map_index }}"}, window=WINDOW
        ).expand(rows=[[{**ROW, "name": "M"}], [{**ROW, "name": "M"}]])

    result = run(airflow, emulator, api, dag)

    assert set(result.states.values()) == {"success"}, errors(result, result.states)
    made = {each["body"]["name"]: each["body"] for each in offers(emulator)}
    day = result.run_id[8:][:10].replace("-", "")
    towel, lamp = made[f'Towel, "soft"\nand blue {day}'], made[f"{{{{ ds }}}} lamp {day}"]
    # A value keeps its type, or is converted for its property; an empty cell means no property.
    assert [towel["rank"], lamp["rank"]] == [{"priority": 3}, {"priority": 4}]
    assert ["globalCap" in towel.get("cappingConstraint", {}), lamp["cappingConstraint"]["globalCap"]] == [False, 250]
    assert towel["characteristics"] == {"sku": "007", "run": "w1"}
    assert towel["representations"][0]["components"][0]["content"] == "<p>10 % off</p>"
    # Its own window.
    assert instants(towel) == ["2036-02-29T23:00:00Z", "2036-03-01T23:00:00Z"]
    assert instants(lamp) == ["2036-04-01T10:00:00Z", "2036-04-08T10:00:00Z"]
    assert [made["File one"]["rank"], made["File two"]["rank"]] == [{"priority": 1}, {"priority": 2}]
    assert instants(made["File one"])[0] == "2036-03-01T00:00:00Z"
    assert (made["Tuple A"]["status"], made["Tuple B"]["status"]) == ("approved", "draft")
    marks = made["Tuple A"]["characteristics"], made["Tuple B"]["characteristics"]
    assert [set(each) for each in marks] == [{"rank", "live", "made_7"}, {"rank", "live", "made_8"}]
    assert (marks[0]["rank"], marks[0]["live"]) == ("7", "True")
    assert {"M0", "M1"} <= set(made)
    receipts = [result.result(each) for each in ("csv", "xcom", "tuples", "kinds")]
    assert [[each["name"] for each in found][-1] for found in receipts] == [
        lamp["name"],
        "File two",
        "Tuple B",
        f"Place Top {result.run_id[8:][:10]}",
    ]
    # Airflow shows the templates of the fields, not their values.
    assert result.rendered["csv"]["offer"]["rank"] == {"priority": "{{ row.priority }}"}
    assert result.rendered["csv"]["offer"]["characteristics"]["run"] == "w1"
    assert "Filled 2 rows of offers.csv into the offer" in result.logs


def instants(body: dict[str, Any]) -> list[str]:
    """The window of an offer."""
    window = body["selectionConstraint"]
    return [str(window[name]).replace(".000", "").replace("+00:00", "Z") for name in ("startDate", "endDate")]


ROW = {
    "sku": "1",
    "name": "a",
    "discount": 1,
    "priority": 3,
    "cap": None,
    "start": "2036-03-01",
    "duration": "P2D",
}


def test_wrong_rows_are_told_at_once_by_row_file_and_column(
    airflow: Airflow, emulator: Emulator, tmp_path: Path
) -> None:
    (tmp_path / "o.csv").write_text("name,priority,start\nA,1,2036-03-01\nB,soon,2036-03-01\nC,,\nA,2,2036-03-02\n")
    offer = {"name": "{{ row.name }}", "status": "draft", "rank": {"priority": "{{ row.priority }}"}}
    dates = {"selectionConstraint": {"startDate": "2036-03-01T00:00:00Z", "endDate": "2036-04-01T00:00:00Z"}}
    (tmp_path / "page.csv").write_text("<html>Sign in</html>\n")
    (tmp_path / "header.csv").write_text("name,priority\n")
    (tmp_path / "n.jsonl").write_text(f'{{"name": "A", "priority": 1}}\n{{"name": "B", "priority": {2**64}}}\n')
    (tmp_path / "half.jsonl").write_text('{"name": "A", "priority": 1, "text": "\\ud83d"}\n')
    good = [{"name": "A", "priority": 1}]
    cases: dict[str, tuple[dict[str, Any], list[str]]] = {
        "column": (
            {"offer": {**offer, "name": "{{ row.nme }}", "tags": "{{ row.size }}"}, "rows": "o.csv"},
            [
                "row 1 (o.csv:2)/name: given the template '{{ row.nme }}', which ends in an error: there is no column "
                "'nme' in o.csv:1; did you mean 'name'?; 3 more rows like this",
                "there is no column 'size' in o.csv:1; its columns are name, priority, start",
            ],
        ),
        "value": (
            {"offer": {**offer, **dates}, "rows": "o.csv"},
            [
                "row 2 (o.csv:3)/rank/priority: given 'soon', from the template '{{ row.priority }}'; expected a",
                "row 3 (o.csv:4)/rank",
            ],
        ),
        "same": (
            {"offer": {**offer, **dates, "rank": {"priority": 1}}, "rows": "o.csv"},
            ["row 4 (o.csv:5)/name: given 'A'; expected a unique name (row 1 (o.csv:2) has it already)"],
        ),
        "window": (
            {"offer": {**offer, "rank": {"priority": 1}}, "rows": "o.csv", "window": WINDOW_OF_ROW},
            ["row 3 (o.csv:4) start: given None, from the template '{{ row.start }}'; expected a"],
        ),
        "date": (
            {"offer": offer, "rows": [{"name": "A", "priority": 1, "start": "01.03.2036"}], "window": WINDOW_OF_ROW},
            [
                "row 1 start: given '01.03.2036', from the template '{{ row.start }}'; expected a date-time with a "
                "zone (2027-03-01T09:00:00Z), or a wall-clock time (2027-03-01T09:00) or a date (2027-03-01)"
            ],
        ),
        "week": (
            {"offer": offer, "rows": [{"name": "A", "priority": 1, "start": "2036-W10"}], "window": WINDOW_OF_ROW},
            ["row 1 start: given '2036-W10', a week without a day, from the template '{{ row.start }}'; expected a"],
        ),
        "empty": (
            {"offer": {**offer, "name": "Sale {{ row.start }}"}, "rows": "o.csv"},
            [
                "row 3 (o.csv:4)/name: given the template 'Sale {{ row.start }}', which ends in an error: an "
                "expression in it is None, as an empty cell is ('start'); expected a value, or another one"
            ],
        ),
        "whole": (
            {"offer": {**offer, "name": "Sale {{ row }}"}, "rows": "o.csv"},
            ["an expression in it is the whole row; 3 more rows like this; expected one of its cells, such as {{ row"],
        ),
        "plural": (
            {"offer": {**offer, "name": "{{ rows.name }}"}, "rows": "o.csv"},
            ["'rows' is undefined", "with `rows`, offer, window, if_exists, marker, waive may use `row`"],
        ),
        "other_file": (
            {"offer": {**offer, "tags": ["{{ row['name'] | upper }}"]}, "rows": "page.csv"},
            [
                "offer/name: given the template '{{ row.name }}', which ends in an error: there is no column 'name' in "
                "page.csv:1; its columns are <html>Sign in</html>; expected a template that renders for every row",
                "offer/rank/priority: given the template '{{ row.priority }}'",
            ],
        ),
        "expression": (
            {"offer": {**offer, "rank": {"priority": "{{ row.priority + 1 }}"}}, "rows": "o.csv"},
            ["row 1 (o.csv:2)/rank/priority: given the template '{{ row.priority + 1 }}', which ends in an error: "],
        ),
        "json": (
            {"offer": offer, "rows": "{{ [data_interval_end] | tojson }}"},
            [
                "rows: given the template '{{ [data_interval_end] | tojson }}', which ends in an error: "
                "TypeError: Object of type"
            ],
        ),
        "tuples": (
            {"offer": offer, "rows": [("A", 1)]},
            ["row 1: given ('A', 1); expected a dict; for tuples, as SQL"],
        ),
        "number": ({"offer": offer, "rows": 7}, ["rows: given 7; expected a list of dicts, the result of a task, or"]),
        "broken_list": (
            {"offer": offer, "rows": "{{ '[{' }}"},
            ["rows: given an invalid list: ", "expected a list; in a template, `| tojson`"],
        ),
        "columns_of_a_file": (
            {"offer": offer, "rows": "o.csv", "columns": ["a"]},
            ["columns: given ['a']; expected no `columns`: a file has the names of its columns"],
        ),
        "unknown_store": (
            {"offer": offer, "rows": "nowhere://bucket/o.csv"},
            ["rows: given 'nowhere://bucket/o.csv': ", "; expected a list of dicts, the result of a task, or the name"],
        ),
        "store_without_its_package": (
            {"offer": offer, "rows": "gs://bucket/o.csv"},
            ["rows: given 'gs://bucket/o.csv': ", "gcsfs", "; expected a list of dicts, the result of a task, or"],
        ),
        "fixed_value": (
            {"offer": {**offer, **dates, "status": "live"}, "rows": good},
            ["row 1/status: given 'live'; expected 'draft' or 'approved'"],
        ),
        "twice_in_a_row": (
            {
                "offer": {
                    **offer,
                    "representations": [{"components": [{"content": "{{profile.a}} {{ row.nme }} {{ row.nme }}"}]}],
                },
                "rows": [*good, {"name": "B", "priority": 2}],
                "keep_adobe_templates": True,
            },
            [
                "row 1/representations/0/components/0/content: given the template '{{ row.nme }}', which ends in an",
                "there is no column 'nme' in the rows; did you mean 'name'?; 1 more row like this; expected",
            ],
        ),
        "no_json": (
            {"offer": '{"name": "{{ row.name }}", "rank": {{ row.name }}}', "rows": good},
            ["row 1 offer: given text that is not JSON after rendering: ", "expected JSON; `| tojson` behind a value"],
        ),
        "no_column_in_json": (
            {"offer": '{"name": "{{ row.nme }}", "rank": {{ row.priority | tojson }}}', "rows": good},
            ["row 1 offer: given the template '", "there is no column 'nme' in the rows; did you mean 'name'?"],
        ),
        "large_number": (
            {"offer": {**offer, **dates, "acme": "{{ row.priority }}"}, "rows": [{"name": "A", "priority": 2**64}]},
            ["rows/0/priority: given a number of more than 64 bits; expected a smaller number"],
        ),
        "large_number_of_a_file": (
            {"offer": {**offer, **dates, "acme": "{{ row.priority }}", "rank": {"priority": 1}}, "rows": "n.jsonl"},
            ["row 2 (n.jsonl:2)/acme: given a number of more than 64 bits; expected a smaller number"],
        ),
        "large_number_of_an_expression": (
            {"offer": {**offer, "rank": {"priority": "{{ row.priority | int * 10**20 }}"}}, "rows": good},
            ["row 1/rank/priority: given a number of more than 64 bits; expected a smaller number"],
        ),
        "half_a_pair_of_a_file": (
            {"offer": {**offer, "acme": "{{ row.text }}"}, "rows": "half.jsonl"},
            ["row 1 (half.jsonl:1)/acme: given text with half of a surrogate pair; expected text of complete"],
        ),
        "no_document": (
            {"offer": "{{ row.text }}", "rows": [{"text": '{"name": '}]},
            ["row 1 offer: given invalid JSON: "],
        ),
        "file": ({"offer": offer, "rows": "p.csv"}, ["rows: given 'p.csv', which does not exist"]),
        "ending": ({"offer": offer, "rows": "o.xlsx"}, ["rows: given 'o.xlsx'; expected a list of dicts, the result"]),
        "list": ({"offer": [offer], "rows": good}, ["offer: given a list; expected one document, for every row"]),
        "unused": (
            {"offer": {"name": "A"}, "rows": good},
            ["offer: given no column of the rows; expected one document"],
        ),
        "columns": ({"offer": {"name": "A"}, "columns": ["a"]}, ["columns: given ['a']; expected rows, whose values"]),
        "no_rows": (
            {"offer": offer},
            ["'row' is undefined", "with `rows`, offer, window, if_exists, marker, waive may"],
        ),
        "elsewhere": (
            {"offer": offer, "rows": good, "max_concurrent": "{{ row.priority }}"},
            ["max_concurrent: given the template '{{ row.priority }}'", "with `rows`, offer, window"],
        ),
        "word": (
            {"offer": {**offer, **dates}, "rows": good, "if_exists": "{{ row.name }}"},
            ["row 1 if_exists: given 'A', from the template '{{ row.name }}'; expected '"],
        ),
    }
    with dag_of("wrong_rows", template_searchpath=[str(tmp_path)]) as dag:
        for name, (arguments, _) in cases.items():
            CreateOfferOperator(task_id=name, **arguments)
        CreateOfferOperator(task_id="none", offer=offer, rows=[])
        optional = {**offer, "tags": "{{ row.tags | default([]) }}", "characteristics": {"a": "{{ row.a or 1 }}"}}
        CreateOfferOperator(task_id="header", offer=optional, rows="header.csv")

    result = run(airflow, emulator, "dps", dag)

    assert result.states == {**dict.fromkeys(cases, "failed"), "none": "success", "header": "success"}
    found = errors(result, cases)
    assert {name: [each for each in told if each not in found[name]] for name, (_, told) in cases.items()} == {
        name: [] for name in cases
    }, found
    assert [result.result("none"), result.result("header")] == [[], []]
    assert "There are no rows, so nothing is created" in result.logs
    assert writes(emulator) == []


WINDOW_OF_ROW = {"start": "{{ row.start }}", "duration": "P1D", "timezone": "UTC"}


@pytest.mark.skipif(not KEEPS_STATE, reason="Airflow 3.2 keeps no state between tries")
def test_a_try_continues_with_the_rows_of_the_first(
    airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path
) -> None:
    """Somebody changes the file between two tries: the second try creates the objects of the first."""
    file = tmp_path / "o.jsonl"
    file.write_text("".join(json.dumps({**ROW, "name": f"R{number}", "priority": number}) + "\n" for number in (1, 2)))

    class Interrupted(CreateOfferOperator):
        def work(self, hook: Any, context: Any) -> Any:
            if context["ti"].try_number == 1:
                file.write_text(json.dumps({**ROW, "name": "R3"}))
                raise OutcomeUnknownError("the worker is about to be lost")
            return super().work(hook, context)

    with dag_of("changed_rows", params={"wave": 1}) as dag:
        Interrupted(
            task_id="create",
            offer={**TEMPLATE, "name": "{{ row.name }}"},
            rows=str(file),
            window=WINDOW,
            retries=1,
            retry_delay=NO_DELAY,
        )

    result = run(airflow, emulator, api, dag)

    assert result.states == {"create": "success"}, result.error("create")
    assert sorted(each["body"]["name"] for each in offers(emulator)) == ["R1", "R2"]
    assert "rendered another value in the first try" in result.logs
    assert {each["body"]["rank"]["priority"] for each in offers(emulator)} == {1, 2}


def test_each_row_names_an_object_of_its_own(airflow: Airflow, emulator: Emulator, api: str) -> None:
    names = [f"Tag {number}" for number in range(60)]
    ids = emulator.seed(objects=[{"kind": "tag", "body": {"name": name}} for name in names])
    content = {"type": "html", "format": "text/html", "content": "<p>{{ row.tag }}</p>"}
    document = {
        "name": "{{ row.tag }} card",
        "status": "draft",
        "representations": [{"placement": Emulator.PLACEMENT_ID, "components": [content]}],
        "selectionConstraint": {"startDate": "2036-05-01T00:00:00Z", "endDate": "2036-06-01T00:00:00Z"},
        "rank": {"priority": 1},
        "tags": ["name:{{ row.tag }}"],
    }
    with dag_of("named") as dag:
        rows = [{"tag": name} for name in names]
        right = CreateOfferOperator(task_id="right", rows=rows, offer=document, patience=0.5)
        more = [*rows, {"tag": "Tog 1"}, {"tag": "Tog 2"}]
        wrong = CreateOfferOperator(task_id="wrong", rows=more, offer=document, patience=0.5)
        right >> wrong

    result = run(airflow, emulator, api, dag)

    assert result.states == {"right": "success", "wrong": "failed"}, errors(result, result.states)
    assert {each["body"]["name"]: each["body"]["tags"] for each in offers(emulator)} == {
        f"{name} card": [identifier] for name, identifier in zip(names, ids, strict=True)
    }
    told = errors(result, ["wrong"])["wrong"]
    assert "row 61/tags/0 names 'Tog 1', but there is no such collection qualifier; row 62/tags/0 names 'Tog 2'" in told
    assert len(writes(emulator)) == 60
    # Far less than one for each name.
    assert len(emulator.journal(method="GET", path="/data/core/*")) <= 20


def test_a_name_that_seems_to_lack_a_value_is_warned_of_once(airflow: Airflow, emulator: Emulator) -> None:
    """Programs write such words in place of a missing value, and spreadsheets write errors."""
    names = ["Towel", "#N/A", "None", "nan", "Nonesuch"]
    content = {"type": "json", "format": "application/json", "content": '{"cap": {{ row.cap | tojson }}}'}
    with dag_of("missing") as dag:
        CreateFallbackOfferOperator(
            task_id="create",
            rows=[{"name": name, "cap": None} for name in names],
            offer={
                "name": "Summer {{ row.name }}",
                "status": "draft",
                "representations": [{"placement": Emulator.PLACEMENT_ID, "components": [content]}],
            },
        )

    result = run(airflow, emulator, "dps", dag)

    assert result.states == {"create": "success"}, result.error("create")
    assert {each["body"]["name"] for each in offers(emulator)} == {f"Summer {name}" for name in names}
    assert result.logs.count("perhaps a value is missing") == 1
    told = "row 2 offer/name: the template 'Summer {{ row.name }}' rendered 'Summer #N/A'; 2 more rows like this"
    assert told in result.logs


def test_a_cell_that_a_program_damaged_is_warned_of(airflow: Airflow, emulator: Emulator, api: str) -> None:
    rows = [
        {"sku": "1.23E+11", "who": "None"},
        {"sku": "0042", "who": "Anna"},
        {"sku": "1.24E+11", "who": "nan"},
        {"sku": "0043", "who": "M\u00c3\u00bcller"},
    ]
    content = {"type": "html", "format": "text/html", "content": "Hi {{ row.who }}, {{ row.who | lower }}"}
    with dag_of("damaged", params={"rows": [{**each, "none": None} for each in rows]}) as dag:
        CreateFallbackOfferOperator(
            task_id="create",
            rows="{{ params.rows | tojson }}",
            offer={
                "name": "Offer {{ row.sku }}",
                "status": "draft",
                "representations": [{"placement": Emulator.PLACEMENT_ID, "components": [content]}],
                "characteristics": {"sku": "{{ row.sku }}", "link": "/{{ row.sku }}/"},
            },
        )

    result = run(airflow, emulator, api, dag)

    assert result.states == {"create": "success"}, result.error("create")
    for told in (
        "row 1 offer/name: the template 'Offer {{ row.sku }}' rendered 'Offer 1.23E+11'; 1 more row like this",
        "row 1 offer/characteristics/link: the template '/{{ row.sku }}/' rendered '/1.23E+11/'; 1 more row like this",
        "rendered 'Hi None, none'; 1 more row like this; perhaps a value is missing",
        "/characteristics/sku: given '1.23E+11'; expected the intended text; perhaps a spreadsheet shortened",
        "content: given 'Hi M\u00c3\u00bcller, m\u00e3\u00bcller'; expected the intended text; perhaps a program",
    ):
        assert told in result.logs, told
    # A null in the text of rows is an empty cell.
    assert "] rows: the template" not in result.logs


def test_without_a_state_a_row_template_that_tells_the_moment_is_refused(airflow: Airflow, emulator: Emulator) -> None:
    """As on Airflow 3.2: the second try cannot know the values of the first."""

    class Forgetful(CreateOfferOperator):
        def prepare(self, context: Any) -> None:
            context.pop("task_state_store", None)
            super().prepare(context)

        def work(self, hook: Any, context: Any) -> Any:
            if context["ti"].try_number == 1:
                raise OutcomeUnknownError("the worker is about to be lost")
            return super().work(hook, context)

    with dag_of("forgetful", params={"wave": 1}) as dag:
        for task_id, name in (
            ("same", "{{ row.name }} {{ ds }}"),
            ("moment", "{{ row.name }} {{ macros.datetime.now() }}"),
        ):
            Forgetful(
                task_id=task_id,
                offer={**TEMPLATE, "name": name},
                rows=[{**ROW, "name": "Towel"}],
                window=WINDOW,
                patience=0.1,
                retries=1,
                retry_delay=NO_DELAY,
            )

    result = run(airflow, emulator, "dps", dag)

    assert result.states == {"same": "success", "moment": "failed"}, result.error("same")
    assert "offer of this task renders another value in every try" in str(result.error("moment"))
    assert len(offers(emulator)) == 1


@pytest.mark.parametrize("native", [False, True])
def test_adobes_templates_stay_beside_those_of_a_row(airflow: Airflow, emulator: Emulator, native: bool) -> None:
    content = "{{#if profile.gold}}{{ row.name }}{{/if}} {{profile.person.name}} {{ ds }} {%= upperCase(a) %}"
    offer = {**TEMPLATE, "name": "{{ row.name }}", "characteristics": {"note": "{{ row.note }}"}}
    offer["representations"] = [
        {
            "placement": Emulator.PLACEMENT_ID,
            "components": [{"type": "html", "format": "text/html", "content": content}],
        }
    ]
    text = (
        json.dumps(offer)
        .replace('"{{ row.priority }}"', "{{ row.priority | tojson }}")
        .replace("{{ row.name }}", "{{ row.name }} too", 1)
    )
    with dag_of("adobes", render_template_as_native_obj=native) as dag:
        for task_id, document in (("dict", offer), ("text", text)):
            CreateOfferOperator(
                task_id=task_id,
                offer=document,
                rows=[{**ROW, "name": "Gold", "cap": 7, "note": "{% raw %}{{ ds }}{% endraw %}"}],
                window=WINDOW,
                keep_adobe_templates=True,
            )

    result = run(airflow, emulator, "dps", dag)

    assert set(result.states.values()) == {"success"}, errors(result, result.states)
    for each in offers(emulator):
        shown = each["body"]["representations"][0]["components"][0]["content"]
        assert shown.startswith("{{#if profile.gold}}Gold{{/if}} {{profile.person.name}} 20")
        assert shown.endswith(" {%= upperCase(a) %}")
        # The content of a row is final.
        assert each["body"]["characteristics"] == {"note": "{{ ds }}"}
    assert sorted(each["body"]["name"] for each in offers(emulator)) == ["Gold", "Gold too"]
