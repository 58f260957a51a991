"""The operators of an offer's life: give it a window, publish it, unpublish it, archive it, and tidy up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_offers.operators.base import DEFAULT_CONNECTION, OfferLibraryOperator
from airflow_provider_offers.operators.edits import EditOffersOperator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from airflow.sdk import Context

    from airflow_provider_offers.client.lists import Work
    from airflow_provider_offers.client.model.entities import Reference
    from airflow_provider_offers.client.model.lifecycle import Step
    from airflow_provider_offers.client.model.validation import Validate
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
    from airflow_provider_offers.operators.words import OfferType, OnFailure


class ScheduleOfferOperator(EditOffersOperator):
    """Set the window in which a personalized offer may be shown: `[start, end)`, the end excluded.

    :param start: an aware datetime or RFC 3339 text, or a wall-clock time (a date is its midnight) with `timezone`
    :param end: likewise; or else
    :param duration: an ISO 8601 duration such as `P14D` or `PT36H`, a timedelta or a `pendulum` duration. Years,
        months, weeks and days are counted on the calendar of the zone, so that fourteen days across a change of clocks
        end at the same local hour; hours, minutes and seconds are elapsed time. A timedelta of whole days counts days,
        any other one is elapsed time as a whole
    :param timezone: the zone of wall-clock times and of the calendar, such as `America/New_York`
    :param waive: doubts that are to be silent: `window_over` (the window lies in the past), `ambiguous_time` (the
        clocks show a time twice, and the first is taken), `mixed_duration` (a timedelta would end otherwise if its
        days were counted on the calendar). Each is a warning otherwise
    :param validate: `"strict"` refuses what is doubtful and not waived (default True: warns)

    The other parameters are those of `EditOffersOperator`. Sends the smallest patch, and none where the offer has the
    window (`action` is then `unchanged`, else `scheduled`). An edit that somebody makes meanwhile is kept. The windows
    of capping rules are left alone.

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
        start: datetime | str,
        offer_id: Any,
        end: datetime | str | None = None,
        duration: timedelta | str | None = None,
        timezone: str | None = None,
        waive: Sequence[str] | str = (),
        validate: Validate = True,
        offer_type: OfferType | None = None,
        max_concurrent: int | str = 8,
        on_failure: OnFailure = "stop",
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            offer_id=offer_id,
            offer_type=offer_type,
            max_concurrent=max_concurrent,
            on_failure=on_failure,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )
        self.start = start
        self.end = end
        self.duration = duration
        self.timezone = timezone
        self.waive = waive
        self.validate = validate

    @property
    def done(self) -> str:
        return "scheduled"

    @property
    def fingerprint(self) -> Any:
        return [*super().fingerprint, str(self.start), str(self.end), str(self.duration), str(self.timezone)]

    def edit(self, hook: OfferLibraryHook, references: list[Reference]) -> Work:
        from airflow_provider_offers.client.flows.editing import schedule
        from airflow_provider_offers.client.model.windows import WINDOW_DOUBTS, doubtful, resolve_window

        window = resolve_window(self.start, self.end, self.duration, self.timezone)
        self.log.info("The window is %s to %s", window.start.isoformat(), window.end.isoformat())
        strict, waive = self.validate == "strict", waived(self.waive, WINDOW_DOUBTS, "The window is not valid")
        doubts = {reason: said for reason, said in window.doubts.items() if reason not in waive}
        if doubts and strict:
            raise doubtful(doubts)
        for said in doubts.values():
            self.log.warning("%s", said)
        intents = self.intents
        return lambda access, reference: schedule(
            access, reference, window, waive=waive, strict=strict, intent=intents.of(reference)
        )


class StepOperator(EditOffersOperator):
    """The base of publish, unpublish, archive and the steps of decisions: one step of the lifecycle, made once."""

    step_verb: ClassVar[str]

    @property
    def steps(self) -> Sequence[Step]:
        """The steps of the kind."""
        from airflow_provider_offers.client.model.lifecycle import STEPS

        return STEPS

    @property
    def step(self) -> Step:
        return next(step for step in self.steps if step.verb == self.step_verb)

    @property
    def done(self) -> str:
        return self.step.done

    def edit(self, hook: OfferLibraryHook, references: list[Reference]) -> Work:
        from airflow_provider_offers.client.flows.editing import take_step

        step, waive, intents = self.step, self._waived(), self.intents
        return lambda access, reference: take_step(access, reference, step, waive=waive, intent=intents.of(reference))

    def _waived(self) -> tuple[str, ...]:
        return ()


class PublishOfferOperator(StepOperator):
    """Publish an offer: from `draft` to `approved`, from where it can be shown inside its window.

    :param waive: reasons against publishing that are to be overlooked: `window_over`, `no_window`,
        `no_representation`, `missing_placement`, `missing_rule`

    The other parameters are those of `EditOffersOperator`. `action` is `published`, or `unchanged` where the offer is
    approved already. Raises `NotPublishableError`, which names what would make it pointless, and `TransitionError`
    for an archived offer. An edit that somebody makes meanwhile is looked at, and kept.

    Calls a read, lookups of the placements and the rule, then `PATCH` as `PatchOfferOperator` does.
    """

    step_verb: ClassVar[str] = "publish"
    template_fields: Sequence[str] = (*StepOperator.template_fields, "waive")

    def __init__(
        self,
        *,
        offer_id: Any,
        waive: Sequence[str] | str = (),
        offer_type: OfferType | None = None,
        max_concurrent: int | str = 8,
        on_failure: OnFailure = "stop",
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            offer_id=offer_id,
            offer_type=offer_type,
            max_concurrent=max_concurrent,
            on_failure=on_failure,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )
        self.waive = waive

    def _waived(self) -> tuple[str, ...]:
        from airflow_provider_offers.client.flows.obstacles import REASONS

        return waived(self.waive, REASONS, "The offer cannot be published")


class UnpublishOfferOperator(StepOperator):
    """Take an offer back: from `approved` to `draft`, so that it is not shown any more.

    Parameters are those of `EditOffersOperator`. `action` is `unpublished`, or `unchanged` where it is a draft already.
    Raises `TransitionError` for an archived offer.

    Calls a read, then `PATCH /{container}/instances/{instanceId}` (xcore) or `PATCH /offers/{id}` (dps).
    """

    step_verb: ClassVar[str] = "unpublish"


class ArchiveOfferOperator(StepOperator):
    """Archive an offer, which is final: an archived offer can only be deleted or duplicated.

    Parameters are those of `EditOffersOperator`. `action` is `archived`, or `unchanged` where it is archived already.

    Calls a read, then `PATCH /{container}/instances/{instanceId}` (xcore) or `PATCH /offers/{id}` (dps).
    """

    step_verb: ClassVar[str] = "archive"


class ArchiveExpiredOffersOperator(EditOffersOperator):
    """Archive every personalized offer whose window ended more than some time ago. Safe to run every night.

    :param older_than: how long ago, as an ISO 8601 duration or a timedelta (default `P0D`: any that is over)
    :param limit: archive at most so many, the longest expired first (default: all)
    :param dry_run: True only reports
    :param max_concurrent: how many are under way at once (default 8)
    :param on_failure: `continue` (default) archives the others all the same, `stop` begins no more

    Returns a report: `expired` (how many there are), `archived` (receipts), `left` (how many remain because of `limit`
    or `dry_run`), `dry_run`. Each offer is read once more before it is archived; one whose window was moved meanwhile,
    or that was deleted, is left alone. On Airflow 3.3 all tries of a run work off what the first has chosen, and the
    report is of all of them; on 3.2 a retry chooses anew, and `limit` is for each try.

    Calls `GET /{container}/queries/core/search` (xcore) or `GET /offers` (dps), then a read and a `PATCH` for each.
    """

    template_fields: Sequence[str] = (
        *OfferLibraryOperator.template_fields,
        "older_than",
        "limit",
        "max_concurrent",
        "on_failure",
    )

    def __init__(
        self,
        *,
        older_than: timedelta | str = "P0D",
        limit: int | str | None = None,
        dry_run: bool = False,
        max_concurrent: int | str = 8,
        on_failure: OnFailure = "continue",
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            offer_id=None,
            offer_type="personalized",
            max_concurrent=max_concurrent,
            on_failure=on_failure,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )
        self.older_than = older_than
        self.limit = limit
        # `dry_run` itself is a method of every Airflow operator.
        self.report_only = dry_run

    @property
    def done(self) -> str:
        return "archived"

    def edit(self, hook: OfferLibraryHook, references: list[Reference]) -> Work:
        from airflow_provider_offers.client.flows.retiring import retire_expired

        cutoff, is_retry = self._cutoff, self._is_retry
        return lambda access, reference: retire_expired(access, reference, cutoff, is_retry=is_retry)

    def work(self, hook: OfferLibraryHook, context: Context) -> dict[str, Any]:
        from datetime import datetime

        from airflow_provider_offers.client.model.durations import before
        from airflow_provider_offers.operators.progress import ChosenList

        # What is chosen once, since a retry that chose again would archive up to `limit` more.
        limit = None if self.limit in (None, "") else self._checked_limit()
        # A wrong duration is refused before anything is asked.
        before(utc_now(), self.older_than)
        self._cutoff = before(hook.service_now(), self.older_than)
        plan = [hook.settings.host, hook.settings.sandbox, hook.settings.api, str(self.older_than), limit]
        chosen = ChosenList(context, plan)
        earlier = None if self.report_only else chosen.recall()
        self._is_retry = earlier is not None
        if earlier is None:
            expired = self._told(hook, self._expired(hook))
            told: dict[str, Any] = {"expired": len(expired), "cutoff": self._cutoff.isoformat()}
            due = [] if self.report_only else [_short(offer) for offer in expired[:limit]]
            if due:
                chosen.keep(told, due)
                self._keep_the_margin(hook, expired[:limit])
        else:
            told, due = earlier
            self._cutoff = datetime.fromisoformat(told["cutoff"])
            self.log.info("An earlier try of this task chose %d of %d offers", len(due), told["expired"])
        receipts = self.work_on_many(due, hook, context) if due else []
        return {
            "expired": told["expired"],
            "archived": [receipt for receipt in receipts if receipt["action"] == "archived"],
            "left": told["expired"] - len(due),
            "dry_run": self.report_only,
        }

    def _keep_the_margin(self, hook: OfferLibraryHook, due: list[dict[str, Any]]) -> None:
        """Wait where a window ended a moment ago: what is archived never comes back, and servers' clocks differ."""
        import time

        from airflow_provider_offers.client.model.instants import parse_instant
        from airflow_provider_offers.client.wire.service_clock import MARGIN

        last = max(parse_instant(offer["window"]["end"]) for offer in due)
        left = (last + MARGIN - hook.library.service_now()).total_seconds()
        if left > 0:
            self.log.info("The last of them ended a moment ago; waiting %.1f s", left)
            time.sleep(min(left, MARGIN.total_seconds()))

    def _told(self, hook: OfferLibraryHook, expired: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What is over, told to the log."""
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
        """What is over and not archived, the longest expired first; how the service compares dates is not relied on."""
        from airflow_provider_offers.client.model.instants import format_instant, parse_instant

        found = hook.search_offers(
            properties=["status!=archived", f"selectionConstraint.endDate<{format_instant(self._cutoff)}"]
        )
        ended: list[tuple[datetime, Any]] = []
        for offer in found:
            try:
                end = parse_instant(offer["window"]["end"])
            except ValueError:
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
    """What names an offer, of what a search found."""
    return {name: offer[name] for name in ("id", "instance_id", "name")}


def waived(given: Sequence[str] | str, reasons: Sequence[str], subject: str) -> tuple[str, ...]:
    """The reasons to overlook, one or several, each of which must be known."""
    from airflow_provider_offers.client.errors import InvalidInputError, Violation
    from airflow_provider_offers.client.text import quoted

    if given is None or given == "":
        return ()
    names: list[Any] = list(given) if isinstance(given, (list, tuple, set, frozenset)) else [given]
    if unknown := [name for name in names if name not in reasons]:
        raise InvalidInputError(subject, [Violation("waive", quoted(unknown), f"of {', '.join(reasons)}")])
    return tuple(names)


def utc_now() -> datetime:
    """Now, as an aware datetime."""
    from datetime import UTC, datetime

    return datetime.now(UTC)
