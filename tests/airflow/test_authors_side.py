"""Authors see errors before a task runs: wrong types and words; and a list works in a notebook's event loop."""

from __future__ import annotations

import asyncio
import inspect
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from airflow.sdk import Context
from mypy import api as mypy

from airflow_provider_offers.campaigns.plans import Prune
from airflow_provider_offers.client.deciding.batch import IfUnknown
from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.flows.creation_arguments import IF_EXISTS
from airflow_provider_offers.client.model.kinds import KINDS, OFFERS, PERSONALIZED
from airflow_provider_offers.client.waiting.polling import LONGEST_OUTAGE
from airflow_provider_offers.client.waiting.verdicts import UNTIL
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.models import PersonalizedOffer, Placement, Rank
from airflow_provider_offers.operators import words
from airflow_provider_offers.operators.decisions import BatchDecisionOperator
from airflow_provider_offers.operators.library import CreateLibraryObjectOperator
from airflow_provider_offers.operators.offers import CreateFallbackOfferOperator, CreateOfferOperator, GetOfferOperator
from airflow_provider_offers.operators.replacing import ReplaceOfferOperator
from airflow_provider_offers.sensors import arguments
from airflow_provider_offers.sensors.offers import OfferStatusSensor, OfferWindowSensor
from airflow_provider_offers.triggers.offers import OfferTrigger
from tests.airflow.harness import Airflow
from tests.airflow.library import CONNECTION, dag_of, fallback, offers, personalized

ROOT = Path(__file__).parent.parent.parent

GOOD = """
from datetime import UTC, datetime
from pathlib import Path
from airflow.sdk import DAG
from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
from airflow_provider_offers.models import PersonalizedOffer, Rank, SelectionConstraint
from airflow_provider_offers.operators.library import CreateLibraryObjectOperator, SearchLibraryObjectsOperator
from airflow_provider_offers.operators.offers import CreateOfferOperator, PublishOfferOperator, SearchOffersOperator
from airflow_provider_offers.sensors.offers import OffersFoundSensor

with DAG("typed"):
    create = CreateOfferOperator(
        task_id="create", offer=[Path("a.json"), {"name": "x"}], if_exists="adopt", marker="m", window={"start": "x"},
        retries=2, validate="strict",
    )
    CreateOfferOperator(task_id="again", offer=create.output)
    dates = SelectionConstraint(startDate="{{ ds }}T00:00:00Z", endDate=datetime.now(UTC))
    rank = Rank(priority="{{ params.p }}")
    spring = PersonalizedOffer(name="x", status="draft", rank=rank, selectionConstraint=dates)
    CreateOfferOperator(task_id="model", offer=spring)
    CreateOfferOperator(task_id="models", offer=[spring])
    PublishOfferOperator(task_id="publish", offer_id=create.output, on_failure="continue", waive=["no_window"])
    CreateLibraryObjectOperator(task_id="tag", kind="tag", object="tags/{{ ds }}.json")
    SearchOffersOperator(task_id="search", q="x", fields=("name",), limit="{{ params.n }}", retries=2, pool="slow")
    SearchLibraryObjectsOperator(task_id="tags", kind="tag", order_by="-modified", full=True)
    OffersFoundSensor(task_id="found", properties=["status==approved"], qop="and", poke_interval=30, mode="reschedule")

hook = OfferLibraryHook()
made = hook.create_offer({}, if_exists="skip")
names = [each["name"] for each in hook.search_offers(ids="a:b:c", page_size=50)]
print(made["id"], made["etag"], made["action"], hook.get_offer("x")["status"], hook.objects("tag").get("x")["kind"])
"""
BAD = {
    'CreateOfferOperator(task_id="a", offer={}, if_exists="overwrite")': "if_exists",
    'CreateOfferOperator(task_id="a", offer={}, validate="lax")': "validate",
    'CreateOfferOperator(task_id="a", offer=7)': "offer",
    'CreateOfferOperator(task_id="a", offer={}, if_exist="adopt")': "if_exist",
    'CreateOfferOperator(task_id="a", offer={}, retrys=2)': "retrys",
    'PublishOfferOperator(task_id="a", offer_id="x", on_failure="ignore")': "on_failure",
    'GetOfferOperator(task_id="a", offer_id="x", offer_type="personal")': "offer_type",
    'CreateLibraryObjectOperator(task_id="a", kind="tags", object={})': "kind",
    'SearchOffersOperator(task_id="a", qop="XOR")': "qop",
    'SearchOffersOperator(task_id="a", limit=[5])': "limit",
    'SearchOffersOperator(task_id="a", pagesize=5)': "pagesize",
    'SearchOffersOperator(task_id="a", retries="many")': "retries",
    'SearchLibraryObjectsOperator(task_id="a", kind="tag", offer_type="fallback")': "offer_type",
    'OffersFoundSensor(task_id="a", limit=5)': "limit",
    "OfferLibraryHook().search_offers(pagesize=5)": "pagesize",
    'OfferLibraryHook().objects("tag").search(limit=[5])': "limit",
    'PublishOfferOperator(task_id="a", offer_id="x", waive="no_windows")': "waive",
    'OfferLibraryHook().patch_offer("x", [], waive="misspelt")': "waive",
    'OfferLibraryHook().create_offer({}, if_exists="overwrite")': "if_exists",
    "Rank(priority=1, ordr=5)": "ordr",
    "Placement(itemCount=5)": "name",
    'OfferLibraryHook().create_offer({})["idd"]': "idd",
    'OfferLibraryHook().get_offer("x")["etags"]': "etags",
    'OfferLibraryHook().objects("tag").patch("x", [])["nam"]': "nam",
}
IMPORTS = """
from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
from airflow_provider_offers.models import Placement, Rank
from airflow_provider_offers.operators.library import CreateLibraryObjectOperator, SearchLibraryObjectsOperator
from airflow_provider_offers.operators.offers import (
    CreateOfferOperator, GetOfferOperator, PublishOfferOperator, SearchOffersOperator)
from airflow_provider_offers.sensors.offers import OffersFoundSensor
"""


@pytest.mark.once
def test_mypy_catches_what_is_wrong_and_nothing_else(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text(GOOD)
    bad.write_text(IMPORTS + "\n".join(BAD))
    config = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")]

    said, _, _ = mypy.run([*config, "--no-error-summary", str(good), str(bad)])

    errors = [line for line in said.splitlines() if ": error:" in line]
    assert [line for line in errors if "good.py" in line] == []
    first = len(IMPORTS.splitlines()) + 1
    by_line = {int(line.split("bad.py:")[1].split(":")[0]) - first: line for line in errors if "bad.py" in line}
    assert sorted(by_line) == list(range(len(BAD)))
    for (_, name), line in zip(BAD.items(), (by_line[index] for index in sorted(by_line)), strict=True):
        assert f'"{name}"' in line


def test_the_words_are_those_that_the_client_knows() -> None:
    assert get_args(words.KindName) == words.KINDS
    assert set(words.KINDS) == set(KINDS)
    assert set(words.OFFER_TYPES) == set(OFFERS)
    assert set(words.IF_EXISTS) == set(IF_EXISTS)
    assert get_args(IfUnknown) == words.IF_UNKNOWN
    assert PERSONALIZED.statuses == words.OFFER_STATUSES
    assert get_args(Prune) == words.PRUNE
    assert words.UNTIL == UNTIL


def test_the_sensors_survive_an_outage_as_long_as_the_client() -> None:
    assert arguments.LONGEST_OUTAGE == LONGEST_OUTAGE
    assert inspect.signature(OfferTrigger).parameters["max_outage"].default == LONGEST_OUTAGE


def test_a_model_is_a_document_before_it_is_rendered(airflow: Airflow, emulator: Emulator, api: str) -> None:
    changes = personalized("Spring {{ params.name }}", rank=Rank(priority="{{ params.priority }}"))
    spring = PersonalizedOffer(**changes)
    with dag_of("models", params={"priority": 7, "name": "voucher"}) as dag:
        create = CreateOfferOperator(task_id="create", offer=spring)
        mapped = CreateOfferOperator.partial(task_id="mapped", if_exists="adopt").expand(offer=[spring])
    assert create.offer == {**changes, "rank": {"priority": "{{ params.priority }}"}}

    create >> mapped
    run = airflow.run(dag, connections={CONNECTION: emulator.connection(api)})

    assert (run.states["create"], run.result("create")["action"]) == ("success", "created")
    (offer,) = offers(emulator)
    assert (offer["body"]["name"], offer["body"]["rank"]["priority"]) == ("Spring voucher", 7)


def test_a_word_that_nothing_knows_is_an_error_where_the_dag_is_parsed() -> None:
    def made(**given: Any) -> None:
        with dag_of("words"):
            CreateLibraryObjectOperator(task_id="made", **{"kind": "tag", "object": {}, **given})

    for name, given, accepted in (
        ("if_exists", "overwrite", "'fail' or 'adopt' or 'update' or 'skip'"),
        ("on_failure", "ignore", "'stop' or 'continue'"),
        ("kind", "tags", "'placement' or 'tag'"),
    ):
        with pytest.raises(InvalidInputError, match=rf"The task 'made'[\s\S]*{name}: given '{given}'.*{accepted}"):
            made(**{name: given})
        for template in ("{{ params.word }}", "{% if params.word %}fail{% endif %}", "{# a word #}fail"):
            made(**{name: template})


@pytest.mark.parametrize(
    ("operator", "given", "wrong"),
    [
        (CreateFallbackOfferOperator, {"offer": {}, "if_exists": "overwrite"}, "if_exists: given 'overwrite'"),
        (CreateLibraryObjectOperator, {"object": {}, "kind": "tags"}, "kind: given 'tags'"),
        (BatchDecisionOperator, {"dataset_id": "d", "if_unknown": "maybe"}, "if_unknown: given 'maybe'"),
        (OfferStatusSensor, {"status": ["draft", "aproved"]}, "status: given 'aproved'"),
        (OfferWindowSensor, {"until": "opened"}, "until: given 'opened'"),
    ],
)
def test_a_word_that_nothing_knows_is_an_error_in_a_partial_too(
    operator: Any, given: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(InvalidInputError, match=f"The task 'made' is not valid[\\s\\S]*{wrong}"):
        operator.partial(task_id="made", **given)
    with dag_of("partial"):
        rendered = {each: "{{ params.word }}" if each in words.CLOSED else value for each, value in given.items()}
        operator.partial(task_id="made", **rendered).expand(sandbox=["a", "b"])


@pytest.mark.parametrize(
    ("operator", "given", "wrong"),
    [
        (CreateFallbackOfferOperator, {"if_exists": ["adopt", "overwrite"]}, "if_exists: given 'overwrite'"),
        (CreateLibraryObjectOperator, {"kind": ["tag", "tags"]}, "kind: given 'tags'"),
        (OfferStatusSensor, {"status": [["draft", "aproved"], "archived"]}, "status: given 'aproved'"),
    ],
)
def test_a_word_that_nothing_knows_is_an_error_in_an_expansion_too(
    operator: Any, given: dict[str, list[Any]], wrong: str
) -> None:
    ((name, values),) = given.items()
    rows = [{name: value} for value in values]
    for expand in (lambda partial: partial.expand(**given), lambda partial: partial.expand_kwargs(rows)):
        with dag_of("mapped"), pytest.raises(InvalidInputError, match=f"The task 'made' is not valid[\\s\\S]*{wrong}"):
            expand(operator.partial(task_id="made"))


def test_what_is_not_known_where_the_dag_is_parsed_may_be_expanded() -> None:
    with dag_of("mapped") as dag:
        words_of = GetOfferOperator(task_id="words", offer_id="a")
        given: dict[str, Any] = {"if_exists": ["adopt", "{{ params.word }}"], "offer": words_of.output}
        CreateFallbackOfferOperator.partial(task_id="made").expand(**given)
        CreateFallbackOfferOperator.partial(task_id="rows").expand_kwargs(words_of.output)
    assert set(dag.task_ids) == {"words", "made", "rows"}


def test_a_mapped_task_gets_its_words_when_it_runs(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("mapped", default_args={"retries": 1}) as dag:
        CreateFallbackOfferOperator.partial(task_id="made", offer=fallback("A")).expand(
            if_exists=["adopt", "{{ 'over' }}write"]
        )

    result = airflow.run(dag, connections={CONNECTION: emulator.connection(api)})

    assert result.states == {"made[0]": "success", "made[1]": "failed"}
    assert len(result.attempts) == 2
    assert "if_exists: given 'overwrite'" in str(result.error("made[1]"))


def context_of(task: Any) -> Context:
    """The part of Airflow's context that a task needs to run alone, as in a notebook."""
    ti = SimpleNamespace(
        try_number=1,
        max_tries=0,
        task=task,
        dag_id="d",
        run_id="r",
        task_id=task.task_id,
        map_index=-1,
        start_date=None,
        xcom_push=lambda **_: None,
    )
    return {"ti": ti, "dag_run": SimpleNamespace()}  # type: ignore[typeddict-item]


def test_a_list_works_where_an_event_loop_runs_already(
    emulator: Emulator, api: str, monkeypatch: pytest.MonkeyPatch, airflow: Airflow
) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(emulator.connection(api)))

    async def notebook() -> Any:
        create = CreateFallbackOfferOperator(task_id="create", offer=[fallback("A"), fallback("B")])
        made = create.execute(context_of(create))
        read = GetOfferOperator(task_id="read", offer_id=made)
        return read.execute(context_of(read))

    assert [each["name"] for each in asyncio.run(notebook())] == ["A", "B"]
    assert len(offers(emulator)) == 2


@pytest.mark.parametrize("given", [Placement(name="P"), [{"name": "Q"}, Placement(name="P")]])
def test_the_model_of_another_kind_is_refused_where_the_dag_is_parsed(given: Any) -> None:
    with pytest.raises(InvalidInputError, match="given a Placement; expected a CollectionQualifier"):
        CreateLibraryObjectOperator(task_id="create", kind="tag", object=given)
    with pytest.raises(InvalidInputError, match="given a Placement; expected a PersonalizedOffer or a FallbackOffer"):
        ReplaceOfferOperator(task_id="replace", offer_id="x", offer=given)
    with pytest.raises(InvalidInputError, match="given a Placement; expected a FallbackOffer"):
        CreateFallbackOfferOperator(task_id="create", offer=given)


def test_a_model_is_taken_where_the_kind_is_a_template() -> None:
    kind: Any = "{{ params.kind }}"
    made = CreateLibraryObjectOperator(task_id="create", kind=kind, object=Placement(name="P"))
    assert made.object == {"name": "P"}
