"""The files of large plans, beside the states: where they are, and which of them no apply can take any more."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_offers.campaigns.plans import Plan
    from airflow_provider_offers.operators.campaigns import PlanCampaignOperator

_NAME = re.compile(r"(?P<generation>\d+)-(?P<plan>[0-9a-f]{16})-[0-9a-f]{16}\.json")


def default_path(task: PlanCampaignOperator, context: Context, plan: Plan) -> str:
    """A file of this plan of this run of the task. Its name says of which generation of the state the plan is."""
    ti: Any = context["ti"]
    run = hashlib.sha256(json.dumps([ti.dag_id, ti.run_id, ti.task_id, ti.map_index]).encode()).hexdigest()[:16]
    return str(_folder(task, plan) / f"{plan.state_generation}-{_short_id(plan)}-{run}.json")


def remove_outdated(task: PlanCampaignOperator, plan: Plan) -> None:
    """Remove the files of earlier plans of the campaign that every apply would refuse. A failure is a warning.

    A plan is for one generation of the state, and a generation never returns. Only the plan that was applied last may
    be applied again. So a plan that waits for an approval, or that a cleared or retried task may still apply, stays.
    """
    from airflow_provider_offers.client.errors import OfferLibraryError
    from airflow_provider_offers.hooks.campaigns import stored

    folder = _folder(task, plan)
    try:
        with stored("state_path", folder):
            if not folder.is_dir():
                return
            named = [(each, found) for each in folder.iterdir() if (found := _NAME.fullmatch(each.name))]
            old = [(each, found) for each, found in named if int(found["generation"]) < plan.state_generation]
            if not old:
                return
            state = task.store.read(plan.campaign, plan.organization, plan.sandbox)
            for each, found in old:
                if int(found["generation"]) < state.generation and not (state.plan or "").startswith(found["plan"]):
                    each.unlink(missing_ok=True)
                    task.log.info("%s is removed: another plan was applied since", each)
    except (OfferLibraryError, OSError) as error:
        task.log.warning("The files of earlier plans in %s are not removed: %s", folder, error)


def _folder(task: PlanCampaignOperator, plan: Plan) -> Any:
    from airflow_provider_offers.campaigns.state.folders import file_name
    from airflow_provider_offers.hooks.campaigns import state_folder

    folder = state_folder(task.state_path) / "plans"
    for name in (plan.organization, plan.sandbox, plan.campaign):
        folder = folder / file_name(name)
    return folder


def _short_id(plan: Plan) -> str:
    from airflow_provider_offers.campaigns.applying.items import plan_id

    return plan_id(plan)[:16]
