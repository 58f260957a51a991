"""What the campaign operators do with their fields: manifests, options, plans in XCom, and approvals."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_offers.client.errors import InvalidInputError, OfferLibraryError, Violation
from airflow_provider_offers.client.text import quoted

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

    from airflow_provider_offers.campaigns.applying.apply import ApplyOptions
    from airflow_provider_offers.campaigns.errors import CampaignConflictError
    from airflow_provider_offers.campaigns.moving.exporting import Exported
    from airflow_provider_offers.campaigns.objects import Campaign
    from airflow_provider_offers.campaigns.planning.drift import Drift
    from airflow_provider_offers.campaigns.planning.planner import PlanOptions
    from airflow_provider_offers.campaigns.plans import Plan
    from airflow_provider_offers.campaigns.reports import Report
    from airflow_provider_offers.operators.campaigns import (
        ApplyCampaignOperator,
        CampaignOperator,
        PlanCampaignOperator,
    )
    from airflow_provider_offers.sensors.campaigns import CampaignDriftSensor

_DECIDE = (
    "Take a live value into the manifest, ignore it with ignore_changes, or overwrite it with force_conflicts (adopt "
    "for an object that was never applied)"
)
_SUBJECT = "The task's arguments are not valid"
# What a plan was made with, and what its manifest was loaded with.
_OF_A_PLAN = ("force_conflicts", "adopt", "prune", "max_prune")
_OF_A_MANIFEST = ("rows", "variables")
_PLAN = "the result of PlanCampaignOperator or ApproveCampaignPlanOperator, or the file of a plan"
_KEPT = "the plan as its task made it, which is removed when another one was applied since; clear that task"
# A plan in XCom is at most this large; a larger one is a file.
_LARGEST_IN_XCOM = 48_000
_LONGEST_MARKDOWN = 20_000
_MOST_DRIFTED = 1_000
# Not for manifests: their own names, and secrets.
_WITHHELD = frozenset({"var", "row", "target", "conn"})


def check_flags(task: Any, names: Sequence[str]) -> None:
    """Reject a flag that is not a boolean: the text "False" would count as true."""
    wrong = [
        Violation(name, quoted(getattr(task, name)), "True or False")
        for name in names
        if not isinstance(getattr(task, name), bool)
    ]
    if wrong:
        raise InvalidInputError("The task's flags are not valid", wrong)


def check_word(name: str, given: Any, words: Sequence[str]) -> None:
    """Reject what a template rendered if it is not one of the words."""
    from airflow_provider_offers.client.model.likeness import one_of

    if given not in words:
        raise InvalidInputError(_SUBJECT, [Violation(name, quoted(given), one_of(words, given))])


def loaded(task: CampaignOperator | CampaignDriftSensor, context: Context) -> Campaign:
    """The campaign of the task's manifest."""
    from airflow_provider_offers.hooks.campaigns import load_campaign

    names = {name: context[name] for name in context if name not in _WITHHELD}  # type: ignore[literal-required]
    return load_campaign(
        _located(task),
        task.target,
        rows={name: _listed(each) for name, each in _mapping("rows", task.rows).items()},
        variables=_mapping("variables", task.variables),
        context=names,
    )


def _located(task: CampaignOperator | CampaignDriftSensor) -> Any:
    """The manifest's path; a relative one is looked for in the DAG's folder and its `template_searchpath`."""
    given = task.manifest
    text = str(given) if isinstance(given, Path) else given
    # Empty text is refused later. It is not the folder itself.
    if not isinstance(text, str) or not text.strip() or "://" in text or Path(text.strip()).is_absolute():
        return given if not isinstance(given, Path) else text
    folders = getattr(task.get_template_env().loader, "searchpath", ())
    found = [path for folder in folders if (path := Path(folder) / text.strip()).exists()]
    return str(found[0]) if found else text


def _mapping(name: str, given: Any) -> Mapping[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        accepted = "a dict of lists by the names of for_each" if name == "rows" else "a dict of variables"
        raise InvalidInputError(_SUBJECT, [Violation(name, quoted(given), accepted)])
    return given


def _listed(rows: Any) -> Any:
    """The rows of a task; those of mapped tasks are a sequence type of Airflow."""
    return list(rows) if isinstance(rows, Sequence) and not isinstance(rows, (str, bytes)) else rows


def plan_options(task: CampaignOperator) -> PlanOptions:
    """How the task's plan decides."""
    from airflow_provider_offers.campaigns.planning.planner import PlanOptions
    from airflow_provider_offers.client.model.numbers import whole_number
    from airflow_provider_offers.operators.words import PRUNE

    if task.prune is not None:
        check_word("prune", task.prune, PRUNE)
    most = None
    if task.max_prune is not None and (most := whole_number(task.max_prune, 0, 1_000_000)) is None:
        raise InvalidInputError(_SUBJECT, [Violation("max_prune", quoted(task.max_prune), "a whole number from 0")])
    if most is not None and task.prune is None:
        # Not an error: it may be one of the default_args of several tasks.
        task.log.warning("max_prune: given %s without prune, so nothing is retired; add prune, or leave it out", most)
    return PlanOptions(task.force_conflicts, task.adopt, task.prune, most)


def conflict_error(plan: Plan) -> CampaignConflictError:
    """The error of a plan with conflicts, which names each value."""
    from airflow_provider_offers.campaigns.errors import CampaignConflictError
    from airflow_provider_offers.campaigns.planning.rendering import styled_lines

    lines = [line for style, line in styled_lines(plan) if style == "conflict"]
    ways_out = plan.ways_out(_DECIDE)
    why = "Somebody else has changed what the manifest describes" if _DECIDE in ways_out else "The plan has conflicts"
    listed = "".join(f"\n  {line}" for line in lines)
    return CampaignConflictError(f"{why}. Nothing was written. {ways_out}:{listed}")


def told_plan(task: PlanCampaignOperator, context: Context, plan: Plan) -> dict[str, Any]:
    """The plan as XCom holds it: its counts, its text, and the plan itself or the file with it."""
    from airflow_provider_offers.campaigns.planning.documents import plan_as_json
    from airflow_provider_offers.campaigns.planning.rendering import as_markdown, counts_line
    from airflow_provider_offers.operators.plan_files import default_path, remove_outdated

    remove_outdated(task, plan)
    document = plan_as_json(plan)
    markdown = as_markdown(plan)
    if len(markdown) > _LONGEST_MARKDOWN:
        cut = markdown[:_LONGEST_MARKDOWN].rpartition("\n- ")[0]
        markdown = f"{cut}\n\n…and more, which the plan itself has.\n\n**{counts_line(plan)}**"
    told = {
        "campaign": plan.campaign,
        "target": plan.target,
        "sandbox": plan.sandbox,
        "organization": plan.organization,
        "connection": task.offer_library_conn_id,
        "protected": plan.protected,
        "counts": dict(plan.counts),
        "summary": counts_line(plan),
        "has_changes": plan.has_changes,
        "has_conflicts": plan.has_conflicts,
        "made_at": plan.made_at,
        "markdown": markdown,
        "digest": _digest(document),
    }
    if task.plan_path is None and len(json.dumps(document)) <= _LARGEST_IN_XCOM:
        return {**told, "plan": document}
    path = task.plan_path or default_path(task, context, plan)
    _write(path, plan)
    task.log.info("The plan is %s", path)
    return {**told, "plan_path": str(path)}


def _write(path: str, plan: Plan) -> None:
    from airflow_provider_offers.hooks.campaigns import write_plan

    try:
        write_plan("plan_path", path, plan)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise OfferLibraryError(f"The plan {quoted(path)} cannot be written: {why}", retryable=True) from None


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def planned_before(task: ApplyCampaignOperator) -> Plan | None:
    """The plan that the task was given; None if it has a manifest only."""
    given = task.plan
    if given is None:
        if task.manifest is None:
            raise InvalidInputError(_SUBJECT, [Violation("plan", "nothing", f"{_PLAN}; or a manifest")])
        return None
    if isinstance(given, str):
        from airflow_provider_offers.operators.documents import json_document

        given = json_document("plan", given) if given.lstrip().startswith("{") else {"plan_path": given}
    if not isinstance(given, Mapping):
        raise InvalidInputError(_SUBJECT, [Violation("plan", quoted(given), _PLAN)])
    if "format" in given:
        from airflow_provider_offers.campaigns.planning.documents import plan_from_json

        plan = plan_from_json(given)
    else:
        plan = plan_of(given)
    _check_beside(task, plan)
    return plan


def _check_beside(task: ApplyCampaignOperator, plan: Plan) -> None:
    """Reject what would change a plan that is made already: it would have no effect."""
    names = _OF_A_PLAN if task.manifest is not None else (*_OF_A_PLAN, *_OF_A_MANIFEST)
    accepted = "nothing beside a plan, which is made already; give it to PlanCampaignOperator"
    wrong = [
        Violation(name, quoted(given), accepted)
        for name in names
        if (given := getattr(task, name)) is not None and given is not False and given != {}
    ]
    if task.target not in (None, plan.target):
        wrong.append(Violation("target", quoted(task.target), f"{plan.target!r}, the target of the plan, or nothing"))
    if wrong:
        raise InvalidInputError(_SUBJECT, wrong)


def plan_of(told: Mapping[str, Any]) -> Plan:
    """The plan that the result of a task leads to. Raises `InvalidInputError` if it is not the one that was made."""
    from airflow_provider_offers.campaigns.planning.documents import plan_as_json, plan_from_json
    from airflow_provider_offers.hooks.campaigns import read_plan

    if "plan" in told:
        plan = plan_from_json(told["plan"])
    elif "plan_path" in told:
        try:
            plan = read_plan("plan", told["plan_path"], _KEPT if "digest" in told else None)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise OfferLibraryError(
                f"The plan {quoted(told['plan_path'])} cannot be read: {why}", retryable=True
            ) from None
    else:
        raise InvalidInputError(_SUBJECT, [Violation("plan", quoted(told), _PLAN)])
    if "digest" in told and told["digest"] != _digest(plan_as_json(plan)):
        given = f"{quoted(told.get('plan_path', 'a plan'))}, which is another plan than the task made"
        raise InvalidInputError(_SUBJECT, [Violation("plan", given, "the plan as its task made it; clear that task")])
    return plan


def approval_of(task: ApplyCampaignOperator, context: Context, plan: Plan) -> bool:
    """Whether somebody has approved this plan: the plan came from an approval, or an approval is before this task."""
    from airflow_provider_offers.campaigns.planning.documents import plan_as_json

    digest = _digest(plan_as_json(plan))
    if _approves(task.plan, digest):
        return True
    ti: Any = context["ti"]
    before = [
        each.task_id
        for each in task.get_flat_relatives(upstream=True)
        if getattr(each, "task_type", "") == "ApproveCampaignPlanOperator"
    ]
    return any(_approves(told, digest) for each in before for told in _results(ti.xcom_pull(task_ids=each)))


def _results(pulled: Any) -> Sequence[Any]:
    """The results of a task: those of a mapped one are a list, or a sequence that reads them when asked."""
    return pulled if isinstance(pulled, Sequence) and not isinstance(pulled, (str, bytes)) else [pulled]


def _approves(told: Any, digest: str) -> bool:
    return isinstance(told, Mapping) and bool(told.get("approved")) and told.get("digest") == digest


def forces_conflicts_after(task: BaseOperator) -> bool:
    """Whether a task after this one plans a manifest with `force_conflicts`. A plan that is made cannot be forced."""
    for each in task.get_flat_relatives(upstream=False):
        # A mapped task has its arguments there.
        given: Mapping[str, Any] = getattr(each, "partial_kwargs", None) or vars(each)
        if given.get("force_conflicts") is True and given.get("plan") is None and not _is_mapped_over(each, "plan"):
            return True
    return False


def _is_mapped_over(task: Any, name: str) -> bool:
    """Whether a mapped task gets a field from `expand`, or from every dict of `expand_kwargs`, as far as that is known.

    The dicts that a task returns are not known before it has run.
    """
    given = getattr(getattr(task, "expand_input", None), "value", None)
    if isinstance(given, Mapping):
        return given.get(name) is not None
    # XCom arguments are no lists.
    return (
        isinstance(given, list) and bool(given) and all(isinstance(each, Mapping) and each.get(name) for each in given)
    )


def apply_options(task: ApplyCampaignOperator, context: Context, *, approved: bool) -> ApplyOptions:
    """How the task applies. The lock's owner is the task, so that a retry takes its own lock over."""
    from airflow_provider_offers.campaigns.applying.apply import ApplyOptions
    from airflow_provider_offers.client.flows.doubts import checked_waive
    from airflow_provider_offers.client.model.kinds import DECISION
    from airflow_provider_offers.client.model.numbers import whole_number

    concurrent = whole_number(task.max_concurrent, 1, 32)
    if concurrent is None:
        accepted = "a whole number from 1 to 32"
        raise InvalidInputError(_SUBJECT, [Violation("max_concurrent", quoted(task.max_concurrent), accepted)])
    ti: Any = context["ti"]
    return ApplyOptions(
        approved=approved,
        owner=f"the task {ti.task_id} of the DAG {ti.dag_id}, run {ti.run_id}, map index {ti.map_index}",
        max_concurrent=concurrent,
        waive=checked_waive(DECISION, task.waive or ()),
        digest=task.campaign.digest if task.campaign is not None else None,
        is_halted=lambda: task.is_killed,
    )


def told_report(report: Report, most: int) -> dict[str, Any]:
    """The report as XCom holds it; of more than `most` objects, only those that are not done are named."""
    document = report.as_json()
    if len(document["objects"]) > most:
        document["objects"] = [each for each in document["objects"] if each["end"] != "done"][:most]
    return {**document, "summary": report.summary}


def told_drift(drift: Drift, connection: str) -> dict[str, Any]:
    """The drift as XCom holds it: at most 1,000 objects are named."""
    document = drift.as_json()
    return {**document, "connection": connection, "objects": document["objects"][:_MOST_DRIFTED]}


def told_export(exported: Exported, path: str, files: Sequence[str]) -> dict[str, Any]:
    """The result of an export: where it is, and what is in it."""
    return {
        "path": path,
        "files": list(files),
        "counts": dict(Counter(kind for kind, _ in exported.objects)),
        "external": [{"kind": kind, "name": name} for kind, name in exported.external],
        "notes": list(exported.notes),
    }
