"""The campaign operators: a plan is made, approved and applied exactly as it is, and nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, Context, task

from airflow_provider_offers.campaigns.planning.drift import Drift, Drifted
from airflow_provider_offers.campaigns.reports import Outcome, Report
from airflow_provider_offers.client.errors import InvalidInputError, OfferLibraryError
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.links.offers import CalendarLink, calendar_url
from airflow_provider_offers.operators.campaigns import (
    ApplyCampaignOperator,
    ApproveCampaignPlanOperator,
    ExportLibraryOperator,
    PlanCampaignOperator,
)
from airflow_provider_offers.operators.manifests import told_drift, told_report
from tests.airflow.campaigns import SPRING, an_answer_of_the_ui, somebody_answers, waits_without_a_trigger, written
from tests.airflow.capture import captured_output
from tests.airflow.harness import Airflow
from tests.airflow.library import CONNECTION, dag_of, library_of, named, offers, run, seed, writes
from tests.airflow.task_runner import Ended, run_task


@pytest.fixture
def state(tmp_path: Path) -> str:
    """The folder of the states."""
    return str(tmp_path / "state")


def priority(emulator: Emulator) -> int:
    """The priority of the only offer of that name."""
    (offer,) = named(emulator, "Spring towels")
    return int(offer["body"]["rank"]["priority"])


def edit_priority(emulator: Emulator, api: str, value: int) -> None:
    """A marketer's edit."""
    with library_of(emulator, api) as library:
        change = [{"op": "replace", "path": "/rank/priority", "value": value}]
        library.patch(PERSONALIZED, "name:Spring towels", change)


def launched(manifest: str, state: str, target: str = "dev", **options: Any) -> DAG:
    """A DAG that plans, asks and applies."""
    with dag_of("launch") as dag:
        plan = PlanCampaignOperator(task_id="plan", manifest=manifest, target=target, state_path=state, **options)
        approve = ApproveCampaignPlanOperator(task_id="approve", plan=plan.output)
        ApplyCampaignOperator(task_id="apply", plan=approve.output, state_path=state)
    return dag


def test_a_plan_is_approved_and_applied_as_it_is(
    airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path, state: str
) -> None:
    manifest = written(tmp_path)

    with somebody_answers() as asked:
        first = run(airflow, emulator, api, launched(manifest, state, "prod"))

    assert first.state == "success", [str(each.error) for each in first.attempts]
    planned = first.result("plan")
    assert planned["summary"] == "3 to create, 0 to change, 0 to retire, 0 in conflict, 0 unchanged"
    assert "`Spring towels`" in planned["markdown"]
    (question,) = asked
    assert question["body"] == planned["markdown"]
    assert question["subject"].startswith("Apply the campaign spring to prod (sandbox prod)? 3 to create")
    approved = first.result("approve")
    assert approved["approved"] is True
    assert approved["responded_by_user"] == {"id": "7", "name": "Ada"}
    assert "markdown" not in approved
    assert first.xcoms["approve"][CalendarLink().xcom_key] == calendar_url(CONNECTION, "prod")
    report = first.result("apply")
    assert report["summary"] == "3 created"
    assert {each["end"] for each in report["objects"]} == {"done"}
    assert priority(emulator) == 10

    before = len(writes(emulator))
    with somebody_answers() as asked:
        again = run(airflow, emulator, api, launched(manifest, state, "prod"))
    assert again.state == "success"
    assert asked == [], "nothing changes, so nobody is asked"
    assert again.result("approve")["approved"] is False
    assert again.result("apply")["summary"] == "3 unchanged"
    assert len(writes(emulator)) == before
    assert not airflow.kept().where(emulator.CLIENT_SECRET)


def test_an_unknown_check_is_refused_before_anything_is_written(
    airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path, state: str
) -> None:
    """Its content would be there already when the decision goes live."""
    manifest = written(tmp_path)
    with dag_of("waived") as dag:
        wrong: Any = ["no_fallbck"]
        ApplyCampaignOperator(task_id="wrong", manifest=manifest, target="dev", state_path=state, waive=wrong)
        nothing: Any = "{{ params.get('nope') }}"
        ApplyCampaignOperator(
            task_id="nothing",
            manifest=manifest,
            target="dev",
            state_path=state,
            waive=nothing,
            trigger_rule="all_failed",
        ).set_upstream(dag.get_task("wrong"))
    done = run(airflow, emulator, api, dag)

    assert done.states == {"wrong": "failed", "nothing": "success"}
    assert "waive: given ['no_fallbck']" in str(done.error("wrong"))


def test_a_rejected_plan_is_not_applied(
    airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path, state: str
) -> None:
    with somebody_answers("Reject"):
        done = run(airflow, emulator, api, launched(written(tmp_path), state))

    assert done.states == {"plan": "success", "approve": "success", "apply": "skipped"}
    assert writes(emulator) == []


def test_a_protected_target_needs_an_approval_of_this_plan(
    airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path, state: str
) -> None:
    manifest = written(tmp_path)
    with dag_of("unapproved") as dag:
        plan = PlanCampaignOperator(task_id="plan", manifest=manifest, target="prod", state_path=state)
        apply = ApplyCampaignOperator(task_id="apply", plan=plan.output, state_path=state)
        plan >> apply
    done = run(airflow, emulator, api, dag)
    assert done.states["apply"] == "failed"
    assert "'prod' is protected, and nobody approved the plan" in str(done.error("apply"))
    assert writes(emulator) == []

    with dag_of("approved_before") as dag:
        plan = PlanCampaignOperator(task_id="plan", manifest=manifest, target="prod", state_path=state)
        approve = ApproveCampaignPlanOperator(task_id="approve", plan=plan.output)
        approve >> ApplyCampaignOperator(task_id="apply", plan=plan.output, state_path=state)
    with somebody_answers():
        assert run(airflow, emulator, api, dag).state == "success"


def test_an_edit_between_plan_and_apply_is_not_overwritten(
    airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path, state: str
) -> None:
    manifest = written(tmp_path)
    with somebody_answers():
        run(airflow, emulator, api, launched(manifest, state))
        dag = launched(manifest, state, variables={"priority": 20})
        dag.get_task("approve").on_success_callback = [lambda context: edit_priority(emulator, api, 55)]
        done = run(airflow, emulator, api, dag)

    assert done.states["apply"] == "failed"
    assert "The library has changed since the plan" in str(done.error("apply"))
    assert len(done.tries("apply")) == 1
    assert priority(emulator) == 55


def test_a_conflict_fails_the_plan_and_names_both_values(
    airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path, state: str
) -> None:
    manifest = written(tmp_path)
    with somebody_answers():
        run(airflow, emulator, api, launched(manifest, state))
        edit_priority(emulator, api, 55)
        done = run(airflow, emulator, api, launched(manifest, state, variables={"priority": 20}, retries=2))
        told = run(airflow, emulator, api, launched(manifest, state, variables={"priority": 20}, on_conflict="report"))

    assert done.states["plan"] == "failed"
    assert len(done.tries("plan")) == 1, "a retry cannot help"
    said = str(done.error("plan"))
    assert "/rank/priority: the library has 55, the manifest wants 20" in said
    assert told.result("plan")["has_conflicts"] is True
    assert told.states["approve"] == "failed"
    assert told.states["apply"] == "upstream_failed"
    assert priority(emulator) == 55


def test_rows_come_from_a_task_and_templates_know_the_run(
    airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path, state: str
) -> None:
    text = SPRING.replace("{name: Spring towels,", '{for_each: items, name: "{{ row.name }} {{ run_id }}",')
    manifest = written(tmp_path, text)
    with dag_of("rows") as dag:

        @task
        def query() -> list[dict[str, Any]]:
            return [{"name": "Towels"}, {"name": "Buckets"}]

        ApplyCampaignOperator(
            task_id="apply", manifest=manifest, target="dev", rows={"items": query()}, state_path=state
        )
    done = run(airflow, emulator, api, dag)

    assert done.state == "success", done.error("apply")
    assert done.result("apply")["summary"] == "4 created"
    assert f"Buckets {done.run_id}" in {each["body"]["name"] for each in offers(emulator)}


def test_a_secret_of_a_connection_is_out_of_reach_of_a_manifest(
    airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path, state: str
) -> None:
    text = SPRING.replace("name: Spring towels", 'name: "{{ conn.offer_library_default.password }}"')
    with dag_of("curious") as dag:
        PlanCampaignOperator(task_id="plan", manifest=written(tmp_path, text), target="dev", state_path=state)

    done = run(airflow, emulator, api, dag)

    assert done.states["plan"] == "failed"
    assert "spring.yaml:10:12" in str(done.error("plan"))
    assert not airflow.kept().where(emulator.CLIENT_SECRET)


def test_a_large_plan_is_a_file_that_nobody_can_exchange(
    airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path, state: str
) -> None:
    text = SPRING.replace("{name: Spring towels,", '{for_each: items, name: "{{ row.name }}",')
    rows = {"items": [{"name": f"Offer {number:03} {'x' * 150}"} for number in range(200)]}
    dag = launched(written(tmp_path, text), state, rows=rows)
    with somebody_answers() as asked:
        done = run(airflow, emulator, api, dag)

    assert done.state == "success", [str(each.error) for each in done.attempts]
    planned = done.result("plan")
    assert "plan" not in planned
    assert planned["plan_path"].startswith(state)
    assert len(asked[0]["body"]) <= 20_500
    assert asked[0]["body"].endswith("202 to create, 0 to change, 0 to retire, 0 in conflict, 0 unchanged**")
    assert len(json.dumps(done.result("apply"))) < 60_000

    kept = Path(planned["plan_path"])
    document = json.loads(kept.read_text())
    with dag_of("exchanged") as other:
        ApplyCampaignOperator(task_id="apply", plan=planned, state_path=state)
    document["objects"][0]["properties"]["name"] = "Another"
    kept.write_text(json.dumps(document))
    edited = run(airflow, emulator, api, other)
    assert "edited after it was made" in str(edited.error("apply"))

    # A plan of another manifest is whole, and yet not the one of the task.
    with dag_of("planned") as elsewhere:
        PlanCampaignOperator(
            task_id="plan",
            manifest=written(tmp_path, name="other.yaml"),
            target="dev",
            state_path=state,
            plan_path=str(kept),
        )
    assert run(airflow, emulator, api, elsewhere).state == "success"
    refused = run(airflow, emulator, api, other)
    assert "another plan than the task made" in str(refused.error("apply"))


def test_the_path_of_a_plan_may_be_a_template(
    airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path, state: str
) -> None:
    path = str(tmp_path / "{{ ti.task_id }}.json")
    dag = launched(written(tmp_path), state, plan_path=path)
    with somebody_answers():
        done = run(airflow, emulator, api, dag)

    assert done.state == "success", [str(each.error) for each in done.attempts]
    assert (tmp_path / "plan.json").exists()
    with dag_of("by_path") as other:
        ApplyCampaignOperator(task_id="apply", plan=str(tmp_path / "plan.json"), state_path=state)
    # A plan that was applied before is done.
    assert run(airflow, emulator, api, other).result("apply")["counts"]["failed"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"manifest": "nowhere.yaml"}, "nowhere.yaml"),
        ({"manifest": None}, "manifest: given None; expected a path"),
        ({"manifest": ""}, "manifest: given ''; expected a path"),
        ({"manifest": None, "offer_library_conn_id": "offer_library_default"}, "manifest: given None"),
        ({"target": "prid"}, "did you mean 'prod'?"),
        ({"rows": "{{ [1] }}"}, "a dict of lists by the names of for_each"),
        ({"variables": {"priorty": 1}}, "did you mean 'priority'?"),
        ({"force_conflicts": "False"}, "force_conflicts: given 'False'; expected True or False"),
        ({"max_prune": "many"}, "max_prune: given 'many'"),
        ({"prune": "{{ 'burn' }}"}, "expected 'archive' or 'delete'"),
        ({"on_conflict": "{{ 'ignore' }}"}, "on_conflict: given 'ignore'"),
    ],
)
def test_a_mistake_fails_the_task_without_a_retry(
    airflow: Airflow, emulator: Emulator, tmp_path: Path, state: str, arguments: dict[str, Any], said: str
) -> None:
    given = {"manifest": written(tmp_path), "target": "dev", "state_path": state, "retries": 2, **arguments}
    with dag_of("mistaken") as dag:
        PlanCampaignOperator(task_id="plan", **given)

    done = run(airflow, emulator, "dps", dag)

    assert done.states["plan"] == "failed"
    assert said in str(done.error("plan"))
    assert len(done.tries("plan")) == 1
    assert writes(emulator) == []


def test_a_bound_of_what_is_never_retired_is_a_warning(
    airflow: Airflow, emulator: Emulator, tmp_path: Path, state: str
) -> None:
    with dag_of("bounded") as dag:
        PlanCampaignOperator(
            task_id="plan", manifest=written(tmp_path), target="dev", state_path=state, max_prune="{{ 3 }}"
        )

    done = run(airflow, emulator, "dps", dag)

    assert done.states["plan"] == "success"
    assert "max_prune: given 3 without prune, so nothing is retired" in done.logs


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "plan: given nothing; expected the result of PlanCampaignOperator"),
        ("/nowhere/plan.json", "which does not exist"),
        ({"campaign": "spring"}, "expected the result of PlanCampaignOperator"),
        ([1], "expected the result of PlanCampaignOperator"),
    ],
)
def test_a_plan_that_is_none(airflow: Airflow, emulator: Emulator, state: str, given: Any, said: str) -> None:
    with dag_of("planless") as dag:
        ApplyCampaignOperator(task_id="apply", plan=given, state_path=state)

    assert said in str(run(airflow, emulator, "dps", dag).error("apply"))


def test_an_export_is_a_manifest_whose_plan_is_empty(
    airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path, state: str
) -> None:
    with dag_of("applied") as dag:
        ApplyCampaignOperator(task_id="apply", manifest=written(tmp_path), target="dev", state_path=state)
    assert run(airflow, emulator, api, dag).state == "success"
    with dag_of("exported") as dag:
        export = ExportLibraryOperator(task_id="export", path=str(tmp_path / "{{ dag.dag_id }}"), select="tag:Spring")
        export >> PlanCampaignOperator(task_id="plan", manifest=str(tmp_path / "exported"), state_path=state)

    done = run(airflow, emulator, api, dag)

    assert done.state == "success", [str(each.error) for each in done.attempts]
    told = done.result("export")
    assert told["counts"] == {"tag": 1, "personalized": 1, "collection": 1}
    assert told["files"] == ["campaign.yaml", "tags.yaml", "offers.yaml", "collections.yaml"]
    assert done.result("plan")["has_changes"] is False
    again = run(airflow, emulator, api, dag)
    assert "a path that has" in str(again.error("export")), "nothing is overwritten"


def test_unknown_words_are_errors_when_the_dag_is_parsed() -> None:
    with dag_of("words"):
        with pytest.raises(InvalidInputError, match="'archive' or 'delete'"):
            PlanCampaignOperator(task_id="plan", manifest="spring.yaml", prune="burn")  # type: ignore[arg-type]
        with pytest.raises(InvalidInputError, match="'fail' or 'report'"):
            PlanCampaignOperator(task_id="other", manifest="spring.yaml", on_conflict="ask")  # type: ignore[arg-type]


def test_airflow_itself_asks_and_resumes_with_the_answer(
    airflow: Airflow, emulator: Emulator, tmp_path: Path, state: str
) -> None:
    with an_answer_of_the_ui("Approve") as asked:
        done = run(airflow, emulator, "dps", launched(written(tmp_path), state, "prod"))

    (question,) = asked
    assert question["body"] == done.result("plan")["markdown"]
    assert question["subject"].startswith("Apply the campaign spring to prod")
    # It is there before somebody answers.
    assert done.xcoms["approve"][CalendarLink().xcom_key] == calendar_url(CONNECTION, "prod")
    if not waits_without_a_trigger():
        # `dag.test()` of Airflow 3.2 cannot run the trigger that waits for the answer.
        (waiting,) = done.tries("approve")
        assert waiting.message.classpath == "airflow.providers.standard.triggers.hitl.HITLTrigger"
        return
    assert done.state == "success", [str(each.error) for each in done.attempts]
    assert done.result("approve")["responded_by_user"]["name"] == "Ada"
    assert done.result("apply")["summary"] == "3 created"


@pytest.mark.skipif(not waits_without_a_trigger(), reason="dag.test() of Airflow 3.2 cannot wait for the answer")
def test_an_approval_is_not_for_a_plan_that_was_made_after_the_question(
    airflow: Airflow, emulator: Emulator, tmp_path: Path, state: str
) -> None:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    def plan_again() -> None:
        """What a person does who clears the task of the plan alone."""
        with create_session() as session:
            (kept,) = session.scalars(select(XComModel).filter_by(task_id="plan", key="return_value"))
            changed = {**kept.value, "digest": "of another plan"}
            names = {each: getattr(kept, each) for each in ("key", "dag_id", "task_id", "run_id")}
            XComModel.set(value=changed, **names, serialize=False, session=session)

    with an_answer_of_the_ui("Approve", before=plan_again):
        done = run(airflow, emulator, "dps", launched(written(tmp_path), state, "prod"))

    assert done.states["approve"] == "failed"
    assert "The plan was made again after the question" in str(done.error("approve"))
    assert writes(emulator) == []


# The same without a scheduler.


@pytest.fixture
def connected(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, airflow_home: Path) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(emulator.connection("dps")))


def ended(operator: type[Any], **arguments: Any) -> Ended:
    with dag_of("alone"):
        task = operator(task_id="task", **arguments)
    return run_task(task, logged=True)


class Killed(ApplyCampaignOperator):
    """Airflow ends its task before the first write."""

    def prepare(self, context: Context) -> None:
        super().prepare(context)
        self.on_kill()


@pytest.mark.usefixtures("connected")
def test_an_apply_that_airflow_ends_begins_no_more_objects(emulator: Emulator, tmp_path: Path, state: str) -> None:
    planned = ended(PlanCampaignOperator, manifest=written(tmp_path), target="dev", state_path=state).result

    first = ended(Killed, plan=planned["plan"], state_path=state)

    assert str(first.error).startswith("This apply was ended before it was complete. What was written stays")
    assert (first.state, writes(emulator)) == ("failed", [])
    assert ended(ApplyCampaignOperator, plan=planned["plan"], state_path=state).state == "success"


@pytest.mark.usefixtures("connected")
def test_a_plan_by_itself_is_applied_as_an_object_or_as_text(tmp_path: Path, state: str) -> None:
    planned = ended(PlanCampaignOperator, manifest=written(tmp_path), target="dev", state_path=state).result

    first = ended(ApplyCampaignOperator, plan=json.dumps(planned["plan"]), state_path=state)
    again = ended(ApplyCampaignOperator, plan=planned["plan"], state_path=state)

    assert first.result["summary"] == "3 created"
    # It is done already.
    assert (again.error, again.result["counts"]["failed"]) == (None, 0)


@pytest.mark.usefixtures("connected")
def test_a_plan_with_another_connection_than_the_targets_is_applied_with_that(
    tmp_path: Path, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = written(tmp_path, SPRING.replace("{connection: offer_library_default}", "{connection: elsewhere}"))
    used = {"offer_library_conn_id": "offer_library_default", "target": "dev", "state_path": state}
    planned = ended(PlanCampaignOperator, manifest=manifest, **used).result

    applied = ended(ApplyCampaignOperator, plan=planned, state_path=state)

    assert planned["connection"] == planned["plan"]["connection"] == "offer_library_default"
    assert (applied.error, applied.result["summary"]) == (None, "3 created")


@pytest.mark.usefixtures("connected")
def test_what_would_change_a_plan_is_refused_beside_it(emulator: Emulator, tmp_path: Path, state: str) -> None:
    manifest = written(tmp_path)
    given: dict[str, Any] = {"target": "dev", "state_path": state}
    plan = ended(PlanCampaignOperator, manifest=manifest, **given).result

    refused = ended(ApplyCampaignOperator, plan=plan, adopt=True, prune="delete", max_prune=0, variables={"a": 1})
    elsewhere = ended(ApplyCampaignOperator, plan=plan, target="prod", state_path=state)

    for name in ("adopt", "prune", "max_prune", "variables"):
        assert f"{name}: given " in str(refused.error)
    assert "nothing beside a plan" in str(refused.error)
    assert "target: given 'prod'; expected 'dev', the target of the plan, or nothing" in str(elsewhere.error)
    assert writes(emulator) == []
    assert ended(ApplyCampaignOperator, plan=plan, manifest=manifest, **given).result["summary"] == "3 created"


@pytest.mark.usefixtures("connected")
def test_a_plan_file_that_cannot_be_written_or_read_now_may_be_later(tmp_path: Path, state: str) -> None:
    place = Path(written(tmp_path)) / "plan.json"

    errors = {
        "written": ended(
            PlanCampaignOperator, manifest=str(place.parent), state_path=state, target="dev", plan_path=str(place)
        ),
        "read": ended(ApplyCampaignOperator, plan=str(place), state_path=state),
    }

    for done, end in errors.items():
        assert type(end.error) is OfferLibraryError
        assert end.error.retryable
        assert str(end.error).startswith(f"The plan {str(place)!r} cannot be {done}: ")


@pytest.mark.usefixtures("connected")
def test_a_number_of_writers_that_is_none_is_refused(emulator: Emulator, tmp_path: Path, state: str) -> None:
    given: dict[str, Any] = {"manifest": written(tmp_path), "target": "dev", "state_path": state}

    end = ended(ApplyCampaignOperator, max_concurrent="{{ 0 }}", **given)

    assert "max_concurrent: given '0', from the template '{{ 0 }}'; expected a whole number from 1 to 32" in str(
        end.error
    )
    assert writes(emulator) == []


@pytest.mark.usefixtures("connected")
def test_an_apply_that_fails_leaves_its_report_in_xcom(emulator: Emulator, tmp_path: Path, state: str) -> None:
    emulator.add_fault("status", status=422, method="POST", contains="Spring towels", times=10)

    end = ended(ApplyCampaignOperator, manifest=written(tmp_path), target="dev", state_path=state)

    assert end.state == "failed"
    assert end.result["counts"]["failed"] == 1
    assert [each["name"] for each in end.result["objects"] if each["end"] == "failed"] == ["Spring towels"]


@pytest.mark.usefixtures("connected")
def test_the_doubts_of_a_manifest_and_of_its_plan_are_warnings(emulator: Emulator, tmp_path: Path, state: str) -> None:
    seed(emulator, "dps", "spring towels")
    text = SPRING.replace("offers:\n", 'offers:\n  - {for_each: items, name: "{{ row.name }}"}\n')
    given: dict[str, Any] = {"manifest": written(tmp_path, text), "target": "dev", "state_path": state}

    with captured_output() as output:
        end = ended(ApplyCampaignOperator, rows={"items": []}, **given)
        told = output.text()

    assert end.error is None
    assert "/offers/0/for_each: given" in told
    (warning,) = end.result["warnings"]
    assert "so there will be two objects of each: " in warning
    assert warning in told


@pytest.mark.usefixtures("connected")
def test_what_an_export_leaves_out_is_a_warning(emulator: Emulator, tmp_path: Path) -> None:
    seed(emulator, "dps", "Last year's", changes={"status": "archived"})

    with captured_output() as output:
        end = ended(ExportLibraryOperator, path=str(tmp_path / "exported.yaml"))
        told = output.text()

    assert "Left out: 1 archived objects" in end.result["notes"]
    assert "Left out: 1 archived objects" in told


@pytest.mark.usefixtures("connected")
def test_a_plan_for_an_open_target_needs_no_answer_if_only_protected_ones_do(tmp_path: Path, state: str) -> None:
    planned = ended(PlanCampaignOperator, manifest=written(tmp_path), target="dev", state_path=state).result

    end = ended(ApproveCampaignPlanOperator, plan=planned, only_protected=True)

    assert (end.result["approved"], end.result["digest"]) == (False, planned["digest"])
    assert "markdown" not in end.result


@pytest.mark.parametrize("given", [None, "plan.json", {"campaign": "spring"}])
def test_what_is_no_plan_is_not_asked_about(given: Any) -> None:
    end = ended(ApproveCampaignPlanOperator, plan=given)

    assert type(end.error).__name__ == "AirflowFailException"
    assert str(end.error) == (
        f"The task 'task' is not valid:\n  plan: given {type(given).__name__}; expected the result of "
        "PlanCampaignOperator, such as plan=plan.output"
    )


def test_of_a_large_apply_and_a_large_drift_a_thousand_objects_are_named() -> None:
    done = [Outcome(("tag", f"Tag {number}"), "create", "done") for number in range(1_000)]
    failed = Outcome(("tag", "Bad tag"), "create", "failed", reason="refused")

    told = told_report(Report("spring", "dev", "org", "prod", [*done, failed]), 1_000)
    assert [each["name"] for each in told["objects"]] == ["Bad tag"]
    assert told["counts"]["created"] == 1_000
    assert len(told_report(Report("spring", "dev", "org", "prod", done), 1_000)["objects"]) == 1_000

    drifted = [Drifted(("tag", f"Tag {number}"), reason="gone") for number in range(1_001)]
    drift = told_drift(Drift("spring", "org", "prod", "2026-03-01T00:00:00Z", 2_000, drifted), "offer_library_default")
    assert (len(drift["objects"]), drift["managed"], drift["connection"]) == (1_000, 2_000, "offer_library_default")
