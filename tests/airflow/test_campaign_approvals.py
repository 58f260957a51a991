"""Plans that cannot be applied: conflicts are put before nobody, and a stale plan of a moment ago is made again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_offers.campaigns.planning.documents import plan_as_json
from airflow_provider_offers.campaigns.plans import Plan
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.hooks import campaigns
from airflow_provider_offers.operators.campaigns import (
    ApplyCampaignOperator,
    ApproveCampaignPlanOperator,
    PlanCampaignOperator,
)
from airflow_provider_offers.operators.manifests import _digest, approval_of
from tests.airflow.campaigns import SPRING, somebody_answers, written
from tests.airflow.harness import Airflow
from tests.airflow.library import dag_of, library_of, named, run, writes


@pytest.fixture
def edited(airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path) -> dict[str, Any]:
    """A campaign in whose offer a marketer has changed the priority, and the arguments of operators for it."""
    given: dict[str, Any] = {"manifest": written(tmp_path), "target": "dev", "state_path": str(tmp_path / "state")}
    with dag_of("first") as dag:
        ApplyCampaignOperator(task_id="apply", **given)
    assert run(airflow, emulator, api, dag).state == "success"
    with library_of(emulator, api) as library:
        library.patch(PERSONALIZED, "name:Spring towels", [{"op": "replace", "path": "/rank/priority", "value": 55}])
    return {**given, "variables": {"priority": 20}}


def priority(emulator: Emulator) -> int:
    (offer,) = named(emulator, "Spring towels")
    return int(offer["body"]["rank"]["priority"])


@pytest.mark.parametrize("is_file", [False, True])
@pytest.mark.parametrize("arguments", [{}, {"force_conflicts": True}])
def test_nobody_is_asked_about_a_plan_that_cannot_be_applied(
    airflow: Airflow,
    emulator: Emulator,
    api: str,
    tmp_path: Path,
    edited: dict[str, Any],
    is_file: bool,
    arguments: dict[str, Any],
) -> None:
    """A plan that is made cannot be forced: `force_conflicts` beside it is refused."""
    place: dict[str, Any] = {"plan_path": str(tmp_path / "plan.json")} if is_file else {}
    with dag_of("launch") as dag:
        plan = PlanCampaignOperator(task_id="plan", on_conflict="report", **edited, **place)
        approve = ApproveCampaignPlanOperator(task_id="approve", plan=plan.output, retries=2)
        ApplyCampaignOperator(task_id="apply", plan=approve.output, state_path=edited["state_path"], **arguments)
    before = len(writes(emulator))
    with somebody_answers() as asked:
        done = run(airflow, emulator, api, dag)

    assert asked == []
    assert done.states == {"plan": "success", "approve": "failed", "apply": "upstream_failed"}
    (only,) = done.tries("approve")
    said = str(only.error)
    assert said.startswith("Nobody is asked, because an apply of this plan is refused. Somebody else has changed")
    assert '! conflict in personalized offer "Spring towels"\n      in the manifest at spring.yaml:10:5' in said
    assert "/rank/priority: the library has 55, the manifest wants 20, and 10 was applied last" in said
    assert len(writes(emulator)) == before


@pytest.mark.parametrize("is_kwargs", [False, True])
def test_nobody_is_asked_about_plans_that_mapped_tasks_cannot_force(
    airflow: Airflow, emulator: Emulator, api: str, edited: dict[str, Any], is_kwargs: bool
) -> None:
    with dag_of("launch") as dag:
        plan = PlanCampaignOperator(task_id="plan", on_conflict="report", **edited)
        approve = ApproveCampaignPlanOperator(task_id="approve", plan=plan.output)
        apply = ApplyCampaignOperator.partial(task_id="apply", force_conflicts=True, state_path=edited["state_path"])
        plans = ["first.json", "second.json"]
        approve >> (apply.expand_kwargs([{"plan": each} for each in plans]) if is_kwargs else apply.expand(plan=plans))
    with somebody_answers() as asked:
        done = run(airflow, emulator, api, dag)

    assert asked == []
    assert done.states["approve"] == "failed"
    assert priority(emulator) == 55


TWO = SPRING.replace(
    "dev: {connection: offer_library_default}",
    "dev: {connection: offer_library_default, sandbox: dev, protected: true}",
)


@pytest.mark.parametrize("through", ["approve", "plan"])
@pytest.mark.parametrize("answer", ["Approve", "Reject"])
def test_mapped_plans_are_applied_after_the_mapped_approval_of_each(
    airflow: Airflow, emulator: Emulator, tmp_path: Path, through: str, answer: str
) -> None:
    """Each apply gets the result of its approval, or that of its plan, whose approval is before it."""
    state = str(tmp_path / "state")
    with dag_of("launch") as dag:
        given = {"manifest": written(tmp_path, TWO), "state_path": state}
        plan = PlanCampaignOperator.partial(task_id="plan", **given).expand(target=["dev", "prod"])
        approve = ApproveCampaignPlanOperator.partial(task_id="approve").expand(plan=plan.output)
        plans = (approve if through == "approve" else plan).output
        approve >> ApplyCampaignOperator.partial(task_id="apply", state_path=state).expand(plan=plans)
    with somebody_answers(answer) as asked:
        done = run(airflow, emulator, "dps", dag)

    assert len(asked) == 2
    applied = {name: each for name, each in done.states.items() if name.startswith("apply")}
    if answer == "Approve":
        assert set(applied.values()) == {"success"}, [str(each.error) for each in done.attempts]
        assert len(writes(emulator)) == 6
    else:
        assert "success" not in applied.values()
        assert writes(emulator) == []


class Lazy(Sequence[Any]):
    """The results of a mapped task, as some versions of Airflow give them: each is read when it is asked for."""

    def __init__(self, *results: Any) -> None:
        self._results = results

    def __getitem__(self, index: Any) -> Any:
        return self._results[index]

    def __len__(self) -> int:
        return len(self._results)


@pytest.mark.parametrize("kind", [list, tuple, lambda results: Lazy(*results)], ids=["list", "tuple", "lazy"])
def test_an_approval_is_found_in_the_results_of_a_mapped_task(kind: Any) -> None:
    plan = Plan("spring", "dev", "1@AdobeOrg", "prod", "dps", "abc", 1, "2026-05-01T00:00:00Z", (), {})
    approved = {"approved": True, "digest": _digest(plan_as_json(plan))}
    before = SimpleNamespace(task_id="approve", task_type="ApproveCampaignPlanOperator")
    task: Any = SimpleNamespace(plan={}, get_flat_relatives=lambda upstream: [before])

    def is_approved(pulled: Any) -> bool:
        context: Any = {"ti": SimpleNamespace(xcom_pull=lambda task_ids: pulled)}
        return approval_of(task, context, plan)

    assert is_approved(kind([{"approved": True, "digest": "another"}, approved]))
    assert not is_approved(kind([{**approved, "approved": False}]))
    assert is_approved(approved)
    assert not is_approved("approved")
    assert not is_approved(None)


def test_conflicts_are_asked_about_if_the_apply_overwrites_them(
    airflow: Airflow, emulator: Emulator, api: str, edited: dict[str, Any]
) -> None:
    with dag_of("launch") as dag:
        plan = PlanCampaignOperator(task_id="plan", on_conflict="report", **edited)
        approve = ApproveCampaignPlanOperator(task_id="approve", plan=plan.output)
        approve >> ApplyCampaignOperator(task_id="apply", force_conflicts=True, **edited)
    with somebody_answers() as asked:
        done = run(airflow, emulator, api, dag)

    assert done.state == "success", [str(each.error) for each in done.attempts]
    (question,) = asked
    assert question["subject"].endswith(
        "1 in conflict, 2 unchanged. A task after this one overwrites what is in conflict"
    )
    assert "55" in question["body"]
    assert priority(emulator) == 20


def test_a_conflict_is_not_overwritten_after_a_rejection(
    airflow: Airflow, emulator: Emulator, api: str, edited: dict[str, Any]
) -> None:
    with dag_of("launch") as dag:
        plan = PlanCampaignOperator(task_id="plan", on_conflict="report", **edited)
        approve = ApproveCampaignPlanOperator(task_id="approve", plan=plan.output)
        approve >> ApplyCampaignOperator.partial(
            task_id="apply", force_conflicts=True, **{name: each for name, each in edited.items() if name != "manifest"}
        ).expand(manifest=[edited["manifest"]])
    with somebody_answers("Reject"):
        done = run(airflow, emulator, api, dag)

    assert done.states["approve"] == "success"
    assert priority(emulator) == 55


@pytest.mark.parametrize("is_saved", [False, True])
def test_a_manifest_that_is_edited_between_plan_and_apply_is_planned_again_by_a_retry(
    airflow: Airflow,
    emulator: Emulator,
    api: str,
    edited: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    is_saved: bool,
) -> None:
    """A saved plan stays stale: no retry can help. A plan of the task itself is a moment old."""
    real = campaigns.make_plan
    edits = iter([60])

    def planned(*args: Any, **options: Any) -> Any:
        plan = real(*args, **options)
        for value in edits:
            with library_of(emulator, api) as library:
                library.patch(
                    PERSONALIZED, "name:Spring towels", [{"op": "replace", "path": "/rank/priority", "value": value}]
                )
        return plan

    monkeypatch.setattr(campaigns, "make_plan", planned)
    forced = {**edited, "force_conflicts": True}
    with dag_of("launch") as dag:
        if is_saved:
            plan = PlanCampaignOperator(task_id="plan", **forced)
            ApplyCampaignOperator(task_id="apply", plan=plan.output, state_path=edited["state_path"], retries=1)
        else:
            ApplyCampaignOperator(task_id="apply", retries=1, retry_delay=timedelta(0), **forced)
    done = run(airflow, emulator, api, dag)

    assert "The library has changed since the plan" in str(done.tries("apply")[0].error)
    assert len(done.tries("apply")) == (1 if is_saved else 2)
    assert done.states["apply"] == ("failed" if is_saved else "success")
    assert priority(emulator) == (60 if is_saved else 20)
