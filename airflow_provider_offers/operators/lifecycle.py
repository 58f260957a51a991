"""The operators for the lifecycle of offers: schedule, publish, unpublish, archive, and clean up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow_provider_offers import DEFAULT_CONNECTION
from airflow_provider_offers.configuration import CONCURRENT
from airflow_provider_offers.operators.base import OfferLibraryOperator
from airflow_provider_offers.operators.changes import ScheduleOperator, StepOperator, waived
from airflow_provider_offers.operators.edits import EditOffersOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from airflow.sdk import Context

    from airflow_provider_offers.client.calls import Work
    from airflow_provider_offers.client.model.entities import Reference
    from airflow_provider_offers.client.model.lifecycle import Step
    from airflow_provider_offers.client.model.validation import Validate
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
    from airflow_provider_offers.operators.airflow_arguments import TaskArguments
    from airflow_provider_offers.operators.words import EmitAssets, OfferType, OnFailure, Report, Waive


class ScheduleOfferOperator(EditOffersOperator, ScheduleOperator):
    """Set the window in which a personalized offer may be shown: `[start, end)`, without the end itself.

    :param start: a datetime with a time zone or RFC 3339 text; with `timezone` also a wall-clock time or a date (its
        midnight)
    :param end: the same; use either `end` or `duration`
    :param duration: an ISO 8601 duration such as `P14D` or `PT36H`, a timedelta or a `pendulum` duration. Years,
        months, weeks and days are counted on the calendar of the time zone, so fourteen days across a clock change end
        at the same local hour. Hours, minutes and seconds are elapsed time. A timedelta of whole days counts calendar
        days; every other timedelta is elapsed time
    :param timezone: the time zone of wall-clock times and of calendar days, such as `America/New_York`
    :param waive: doubts to silence: `window_over` (the window is in the past), `fixed_offset` (a time zone such as
        `EST` has no summer time), `ambiguous_time` (the clocks show this time twice, and the first instant is used),
        `mixed_duration` (the timedelta would end at another time if its days were calendar days). Each of them is a
        warning otherwise
    :param validate: `"strict"` rejects doubts that are not waived (default True: warns)

    The other parameters are those of `EditOffersOperator`. Sends the smallest patch, or none if the offer already has
    the window (`action` is then `unchanged`, else `scheduled`). Edits that somebody makes in the meantime are kept. The
    windows of capping rules do not change.

    Calls a read, then `PATCH /{container}/instances/{instanceId}` (xcore) or `PATCH /offers/{id}` (dps).
    """

    template_fields: Sequence[str] = (
        *EditOffersOperator.template_fields,
        "start",
        "end",
        "duration",
        "timezone",
        "waive",
    )

    def __init__(
        self,
        *,
        offer_id: Any,
        offer_type: OfferType | None = None,
        start: datetime | str,
        end: datetime | str | None = None,
        duration: timedelta | str | None = None,
        timezone: str | None = None,
        waive: Waive = (),
        validate: Validate = True,
        max_concurrent: int | str = CONCURRENT,
        on_failure: OnFailure = "stop",
        report: Report | None = None,
        emit_assets: EmitAssets = False,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(
            offer_id=offer_id,
            offer_type=offer_type,
            start=start,
            end=end,
            duration=duration,
            timezone=timezone,
            waive=waive,
            validate=validate,
            max_concurrent=max_concurrent,
            on_failure=on_failure,
            report=report,
            emit_assets=emit_assets,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )


class OfferStepOperator(EditOffersOperator, StepOperator):
    """The base of publish, unpublish and archive."""

    @property
    def steps(self) -> Sequence[Step]:
        from airflow_provider_offers.client.model.lifecycle import STEPS

        return STEPS


class PublishOfferOperator(OfferStepOperator):
    """Publish an offer: move it from `draft` to `approved`, so it can be shown inside its window.

    :param waive: checks to skip: `window_over`, `no_window`,
        `no_representation`, `missing_placement`, `missing_rule`

    The other parameters are those of `EditOffersOperator`. `action` is `published`, or `unchanged` if the offer already
    is approved. Raises `NotPublishableError`, which lists every reason why it could not be shown, and `TransitionError`
    for an archived offer. If somebody edits it in the meantime, the new version is checked, and kept.

    Calls a read, lookups of the placements and the rule, then `PATCH`, like `PatchOfferOperator`.
    """

    step_verb: ClassVar[str] = "publish"
    template_fields: Sequence[str] = (*OfferStepOperator.template_fields, "waive")

    def __init__(
        self,
        *,
        offer_id: Any,
        offer_type: OfferType | None = None,
        waive: Waive = (),
        max_concurrent: int | str = CONCURRENT,
        on_failure: OnFailure = "stop",
        report: Report | None = None,
        emit_assets: EmitAssets = False,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(
            offer_id=offer_id,
            offer_type=offer_type,
            max_concurrent=max_concurrent,
            on_failure=on_failure,
            report=report,
            emit_assets=emit_assets,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )
        self.waive = waive

    def _waived(self) -> tuple[str, ...]:
        from airflow_provider_offers.client.flows.obstacles import REASONS

        return waived(self.waive, REASONS, "The offer cannot be published")


class UnpublishOfferOperator(OfferStepOperator):
    """Unpublish an offer: move it from `approved` to `draft`, so it is no longer shown.

    Parameters are those of `EditOffersOperator`. `action` is `unpublished`, or `unchanged` if it already is a draft.
    Raises `TransitionError` for an archived offer.

    Calls a read, then `PATCH /{container}/instances/{instanceId}` (xcore) or `PATCH /offers/{id}` (dps).
    """

    step_verb: ClassVar[str] = "unpublish"


class ArchiveOfferOperator(OfferStepOperator):
    """Archive an offer. This is final: an archived offer can only be deleted or duplicated.

    Parameters are those of `EditOffersOperator`. `action` is `archived`, or `unchanged` if it already is archived.

    Calls a read, then `PATCH /{container}/instances/{instanceId}` (xcore) or `PATCH /offers/{id}` (dps).
    """

    step_verb: ClassVar[str] = "archive"


class ArchiveExpiredOffersOperator(EditOffersOperator):
    """Archive every personalized offer whose window ended at least some time ago. Safe to run every night.

    :param older_than: the minimum time since the end, as an ISO 8601 duration or a timedelta (default `P0D`: all that
        are over)
    :param limit: maximum number of offers to archive, starting with the one that expired first (default: all)
    :param dry_run: True only reports
    :param max_concurrent: how many run at the same time (default 8)
    :param on_failure: `continue` (default) archives the other offers anyway, `stop` starts no more

    Returns a report: `expired` (the number of expired offers), `archived` (receipts), `left` (the number that remains
    because of `limit` or `dry_run`), `dry_run`. The operator reads each offer again before it archives it, and skips
    an offer whose window was moved in the meantime, or that was deleted. On Airflow 3.3 all tries of a run work on the
    selection of the first try, and the report covers all of them. On 3.2 a retry makes a new selection, and `limit`
    applies to each try.

    Calls `GET /{container}/queries/core/search` (xcore) or `GET /offers` (dps), then a read and a `PATCH` for each.
    """

    template_fields: Sequence[str] = (
        *OfferLibraryOperator.template_fields,
        "older_than",
        "limit",
        "max_concurrent",
        "on_failure",
        "report",
    )

    def __init__(
        self,
        *,
        older_than: timedelta | str = "P0D",
        limit: int | str | None = None,
        dry_run: bool = False,
        max_concurrent: int | str = CONCURRENT,
        on_failure: OnFailure = "continue",
        report: Report | None = None,
        emit_assets: EmitAssets = False,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(
            offer_id=None,
            offer_type="personalized",
            max_concurrent=max_concurrent,
            on_failure=on_failure,
            report=report,
            emit_assets=emit_assets,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )
        self.older_than = older_than
        self.limit = limit
        # `dry_run` itself is a method of every Airflow operator.
        self.report_only = dry_run
        self._archived: list[dict[str, Any]] = []

    def written(self, result: Any) -> Sequence[Mapping[str, Any]]:
        return self._archived

    @property
    def done(self) -> str:
        return "archived"

    def edit(self, hook: OfferLibraryHook, references: list[Reference]) -> Work:
        from airflow_provider_offers.client.flows.editing import retire_expired

        cutoff, is_retry = self._cutoff, self._is_retry
        return lambda access, reference: retire_expired(access, reference, cutoff, is_retry=is_retry)

    def work(self, hook: OfferLibraryHook, context: Context) -> dict[str, Any]:
        from datetime import datetime

        from airflow_provider_offers.client.flows.pages import ChosenList
        from airflow_provider_offers.client.model.durations import before
        from airflow_provider_offers.client.wire.memory import remember
        from airflow_provider_offers.operators.lists import bounds
        from airflow_provider_offers.operators.memory import tries_of
        from airflow_provider_offers.operators.reports import write

        # Also if nothing has expired: another night something will have.
        bounds(self.max_concurrent, self.on_failure)
        # The selection is made once: a retry with a new selection would archive up to `limit` more.
        limit = None if self.limit in (None, "") else self._checked_limit()
        # A wrong duration is rejected before any request.
        before(utc_now(), self.older_than, "older_than")
        self._cutoff = before(hook.service_now(), self.older_than, "older_than")
        plan = [*hook.settings.target, str(self.older_than), limit]
        chosen = ChosenList(tries_of(context), plan)
        earlier = None if self.report_only else remember(hook.memory, chosen.recall())
        self._is_retry = earlier is not None
        if earlier is None:
            expired = self._told(hook, self._expired(hook))
            told: dict[str, Any] = {"expired": len(expired), "cutoff": self._cutoff.isoformat()}
            due = [] if self.report_only else [_short(offer) for offer in expired[:limit]]
            if due:
                remember(hook.memory, chosen.keep(told, due))
                self._wait_for_margin(hook, expired[:limit])
        else:
            told, due = earlier
            self._cutoff = datetime.fromisoformat(told["cutoff"])
            self.log.info("An earlier try of this task chose %d of %d offers", len(due), told["expired"])
        receipts = self.work_on_many(due, hook, context) if due else []
        archived = [receipt for receipt in receipts if receipt["action"] == "archived"]
        self._archived = archived
        return {
            "expired": told["expired"],
            "archived": archived if self.report is None else write(self, context, archived),
            "left": told["expired"] - len(due),
            "dry_run": self.report_only,
        }

    def _wait_for_margin(self, hook: OfferLibraryHook, due: list[dict[str, Any]]) -> None:
        """Wait if a window ended just now: archiving is final, and the clocks of servers differ."""
        import time

        from airflow_provider_offers.client.model.instants import parse_instant
        from airflow_provider_offers.client.wire.service_clock import MARGIN

        last = max(parse_instant(offer["window"]["end"]) for offer in due)
        left = (last + MARGIN - hook.library.service_now()).total_seconds()
        if left > 0:
            self.log.info("The last of them ended a moment ago; waiting %.1f s", left)
            time.sleep(min(left, MARGIN.total_seconds()))

    def _told(self, hook: OfferLibraryHook, expired: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Log the expired offers."""
        for offer in expired:
            self.log.debug("%s ended at %s", offer["name"], offer["window"]["end"])
        self.log.info(
            "%d offers in sandbox %r ended before %s%s",
            len(expired),
            hook.settings.sandbox,
            self._cutoff.isoformat(),
            "; reporting only" if self.report_only else "",
        )
        return expired

    def _expired(self, hook: OfferLibraryHook) -> list[dict[str, Any]]:
        """The expired offers that are not archived, in the order of their ends; our own comparison of dates decides."""
        from airflow_provider_offers.client.model.instants import format_instant, parse_instant
        from airflow_provider_offers.client.text import quoted

        found = hook.search_offers(
            properties=["status!=archived", f"selectionConstraint.endDate<{format_instant(self._cutoff)}"]
        )
        ended: list[tuple[datetime, Any]] = []
        for offer in found:
            try:
                end = parse_instant(offer["window"]["end"])
            except ValueError as error:
                told = quoted(offer["name"]), offer["id"], error
                self.log.warning("%s (%s) is left as it is, because the end of its window cannot be read: %s", *told)
                continue
            if end < self._cutoff and offer["status"] != "archived":
                ended.append((end, offer))
        return [offer for _, offer in sorted(ended, key=lambda pair: (pair[0], pair[1]["id"]))]

    def _checked_limit(self) -> int:
        from airflow_provider_offers.client.errors import InvalidInputError, Violation
        from airflow_provider_offers.client.model.numbers import whole_number
        from airflow_provider_offers.client.text import quoted

        limit = whole_number(self.limit, 0)
        if limit is None:
            raise InvalidInputError(
                "The limit is not valid", [Violation("limit", quoted(self.limit), "a whole number, at least 0")]
            )
        return limit


def _short(offer: dict[str, Any]) -> dict[str, Any]:
    """The reference to an offer in a search result."""
    return {name: offer[name] for name in ("id", "instance_id", "name")}


def utc_now() -> datetime:
    """The current time, with a time zone."""
    from datetime import UTC, datetime

    return datetime.now(UTC)
