"""The circumstances of a decision request: eligibility, scores, and what caps still allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_offers.emulator.http.messages import Reason, ServiceError
from airflow_provider_offers.emulator.runtime import pql
from airflow_provider_offers.emulator.runtime.answers import Answers
from airflow_provider_offers.emulator.runtime.capping import Allowance, CappingLog
from airflow_provider_offers.emulator.runtime.decision_request import Profile
from airflow_provider_offers.emulator.store.library import Record
from airflow_provider_offers.emulator.store.snapshot import Snapshot


class AskedFor:
    """One profile that requests decisions on one snapshot."""

    def __init__(
        self,
        snapshot: Snapshot,
        profile: Profile,
        answers: Answers,
        caps: CappingLog,
        placements: Sequence[str],
        now_us: int,
        unknown_rule: str,
    ) -> None:
        self._snapshot, self._answers, self._caps = snapshot, answers, caps
        self._placements, self._now_us, self._unknown_rule = placements, now_us, unknown_rule
        names = [f"{namespace}:{identity}" for namespace, identity in profile.identities]
        self.key = next((each for each in names if answers.attributes(each) is not None), profile.key)
        """The profile for caps: the first declared identity, else the primary one."""
        self._scope = pql.Scope(answers.attributes(self.key) or {}, profile.context)
        self._rules: dict[str, bool] = {}

    def eligible(self, constraint: Mapping[str, Any]) -> bool:
        """Whether the profile meets a profile constraint; a constraint without a type uses its rule."""
        rule = constraint.get("eligibilityRule")
        kind = constraint.get("profileConstraintType") or ("eligibilityRule" if rule else "none")
        if kind == "none":
            return True
        if kind in ("anySegments", "allSegments"):
            combine = any if kind == "anySegments" else all
            return combine(self._in_segment(each) for each in constraint.get("segmentIdentities") or ())
        return isinstance(rule, str) and self._holds(rule)

    def score(self, function_id: str, offer: Record) -> float:
        """The value of a ranking formula for an offer."""
        declared = self._answers.rule(function_id, self.key)
        if declared is not None:
            return float(declared)
        formula = self._snapshot.get(function_id, "ranking-function")
        text = formula.body.get("expression", {}).get("value", "") if formula is not None else ""
        try:
            expression = pql.parse(text)
        except ValueError as error:
            if self._unknown_rule == "refuse":
                raise _unknown("formula", function_id, error) from None
            return 0
        return pql.number(expression, pql.Scope(self._scope.profile, self._scope.context, offer.body))

    def allowances(self, offer: Record) -> list[Allowance]:
        """How often the offer can still be proposed."""
        return self._caps.allowances(offer, self._placements, self.key, self._now_us)

    def _holds(self, rule_id: str) -> bool:
        if rule_id not in self._rules:
            self._rules[rule_id] = self._evaluated(rule_id)
        return self._rules[rule_id]

    def _evaluated(self, rule_id: str) -> bool:
        declared = self._answers.rule(rule_id, self.key)
        if declared is not None:
            return bool(declared)
        rule = self._snapshot.get(rule_id, "eligibility-rule")
        text = rule.body.get("condition", {}).get("value", "") if rule is not None else ""
        try:
            return pql.holds(pql.parse(text), self._scope)
        except ValueError as error:
            if self._unknown_rule == "refuse":
                raise _unknown("rule", rule_id, error) from None
            return self._unknown_rule == "true"

    def _in_segment(self, segment: Any) -> bool:
        if isinstance(segment, Mapping):
            segment = next((segment[name] for name in ("_id", "@id", "xdm:id", "id") if name in segment), None)
        return isinstance(segment, str) and self.key in (self._answers.members(segment) or ())


def _unknown(what: str, object_id: str, error: ValueError) -> ServiceError:
    detail = (
        f"the emulator cannot evaluate the {what} {object_id}: {error}; declare its answer on the control plane "
        "(PUT /_emulator/answers), or change the setting unknown_rule"
    )
    return ServiceError(422, Reason.UNKNOWN_RULE, detail)
