"""The sensor that watches a campaign for drift: changes by somebody else to what was applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from airflow_provider_offers.sensors import arguments
from airflow_provider_offers.sensors.base import OfferLibrarySensor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from airflow.sdk import Context, PokeReturnValue

    from airflow_provider_offers.campaigns.objects import Campaign
    from airflow_provider_offers.client.errors import Violation
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
    from airflow_provider_offers.operators.airflow_arguments import SensorArguments
    from airflow_provider_offers.triggers.offers import OfferTrigger

__all__ = ["CampaignDriftSensor"]


class CampaignDriftSensor(OfferLibrarySensor):
    """Wait until somebody else has changed an object of a campaign: a managed field, or the object as a whole.

    :param manifest: the manifest; see `CampaignOperator` for it, `target`, `rows`, `variables` and `state_path`
    :param target: a target of the manifest; not needed if it has one only
    :param offer_library_conn_id: another connection than the target's
    :param sandbox: another sandbox than the target's

    The other parameters are those of `OfferLibrarySensor`. Fields that the manifest does not have, or that are in
    `ignore_changes`, are not drift. The changes of an apply that runs meanwhile are not drift either. Without a state,
    nothing can drift.

    Returns `campaign`, `connection`, `sandbox`, `organization`, `seen_at`, `managed` (how many objects) and `objects`,
    at most 1,000: `kind`, `name`, `id`, `edited_by`, `edited_at`, `reason` (for an object that is gone), and `edits`
    with `pointer`, `applied` and `live`.

    Calls the listing of each kind of the campaign at each look. Deferred, it lists what changed in each kind, and looks
    only after a change.
    """

    template_fields: Sequence[str] = (
        *OfferLibrarySensor.template_fields,
        "manifest",
        "target",
        "rows",
        "variables",
        "state_path",
    )

    def __init__(
        self,
        *,
        manifest: Any,
        target: str | None = None,
        rows: Mapping[str, Any] | Any = None,
        variables: Mapping[str, Any] | Any = None,
        state_path: str | None = None,
        offer_library_conn_id: str | None = None,
        sandbox: str | None = None,
        deferrable: bool | None = None,
        max_outage: timedelta | float = arguments.LONGEST_OUTAGE,
        **kwargs: Unpack[SensorArguments],
    ) -> None:
        super().__init__(
            offer_library_conn_id=offer_library_conn_id or "",
            sandbox=sandbox,
            deferrable=deferrable,
            max_outage=max_outage,
            **kwargs,
        )
        self.manifest = manifest
        self.target = target
        self.rows = rows
        self.variables = variables
        self.state_path = state_path
        self._campaign: Campaign | None = None
        self._context: Any = None
        self._seen: str | None = None
        self.refuse_where_parsed()

    def check(self) -> Iterator[Violation]:
        # Without a connection, the target's is used.
        yield from (each for each in super().check() if each.pointer != "offer_library_conn_id")
        yield from arguments.check_text("offer_library_conn_id", self.offer_library_conn_id, optional=True)
        yield from arguments.check_text("target", self.target, optional=True)
        yield from arguments.check_text("state_path", self.state_path, optional=True)

    def poke(self, context: Context) -> PokeReturnValue:
        self._context = context
        return super().poke(context)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        value = event.get("value") if isinstance(event, dict) else None
        if isinstance(value, dict):
            # The manifest is not read again for the task's link.
            self.offer_library_conn_id, self.sandbox = value["connection"], value["sandbox"]
        return super().execute_complete(context, event)

    def refuse_what_is_wrong(self) -> None:
        super().refuse_what_is_wrong()
        if not self._has_begun or self._campaign is not None:
            return
        from airflow_provider_offers.operators.manifests import loaded

        self._campaign = campaign = loaded(self, self._context)
        self.offer_library_conn_id = self.offer_library_conn_id or campaign.target.connection
        self.sandbox = self.sandbox or campaign.target.sandbox

    def look(self, hook: OfferLibraryHook) -> Any:
        from airflow_provider_offers.campaigns.planning.rendering import drift_lines
        from airflow_provider_offers.hooks.campaigns import look_for_drift, state_store
        from airflow_provider_offers.operators.manifests import told_drift

        assert self._campaign is not None
        drift, meanwhile = look_for_drift(hook, self._campaign, state_store(self.state_path))
        self._seen = meanwhile or f"{len(drift.objects)} of {drift.managed} objects drifted"
        if not meanwhile and not drift.managed and not self._has_looked:
            self.log.warning(
                "The state has no objects of %r in the sandbox %r, so nothing can drift; apply the campaign, "
                "or correct state_path",
                self._campaign.name,
                hook.settings.sandbox,
            )
        if meanwhile or not drift:
            return None
        for _, line in drift_lines(drift):
            self.log.info("%s", line)
        return told_drift(drift, self.offer_library_conn_id)

    @property
    def goal(self) -> str:
        name = "the campaign" if self._campaign is None else f"the campaign {self._campaign.name!r}"
        return f"somebody else changes {name}"

    def last(self) -> str:
        return "" if self._seen is None else f"At the last look, {self._seen}"

    def seen(self) -> Any:
        return self._seen

    def take_up(self, seen: Any) -> None:
        self._seen = seen if isinstance(seen, str) else None

    def trigger(self, common: dict[str, Any]) -> OfferTrigger:
        from airflow_provider_offers.triggers.campaigns import CampaignDriftTrigger

        assert self._campaign is not None
        return CampaignDriftTrigger(
            campaign=self._campaign.name,
            ignored=[
                {"kind": each.kind.key, "name": each.name, "pointers": list(each.lifecycle.ignore_changes)}
                for each in self._campaign.objects
                if each.lifecycle.ignore_changes
            ],
            state_path=None if self.state_path is None else str(self.state_path),
            **common,
        )
