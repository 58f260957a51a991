"""The sensors: wait for an offer's status, for its window, or until a search finds something."""

from __future__ import annotations

import time
from abc import abstractmethod
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseSensorOperator, PokeReturnValue
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSensorTimeout,
    AirflowTaskTimeout,
)

from airflow_provider_offers.client.errors import (
    ConfigurationError,
    InvalidInputError,
    OfferLibraryError,
    Violation,
    can_pass,
)
from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
from airflow_provider_offers.links.offers import OfferLink, journey_optimizer_url
from airflow_provider_offers.operators.base import execution_deadline, named_offer
from airflow_provider_offers.operators.templates import Templated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_offers.client.entities import Entity
    from airflow_provider_offers.client.waiting import Verdict
    from airflow_provider_offers.triggers.offers import OfferTrigger

_EVENTS = ("met", "hopeless", "failed", "execution_timeout", "sensor_timeout")


class OfferLibrarySensor(Templated, BaseSensorOperator):
    """The base of the sensors: poke, reschedule and deferrable with the same results, errors and timeouts.

    :param offer_library_conn_id: the connection, of type `offer_library`
    :param sandbox: the sandbox to look at, instead of the connection's
    :param deferrable: wait in the triggerer; the default is Airflow's `[operators] default_deferrable`
    :param poke_interval: seconds between two looks, in every mode. Deferred, all who wait on a sandbox share one look.
    """

    template_fields: Sequence[str] = ("offer_library_conn_id", "sandbox")
    operator_extra_links = (OfferLink(),)
    ui_color = "#fdf3e1"

    def __init__(
        self,
        *,
        offer_library_conn_id: str = OfferLibraryHook.default_conn_name,
        sandbox: str | None = None,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.offer_library_conn_id = offer_library_conn_id
        self.sandbox = sandbox
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.deferrable = deferrable

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        try:
            with OfferLibraryHook(self.offer_library_conn_id, self.sandbox or None) as hook:
                self.journey_optimizer_url = journey_optimizer_url(hook.settings.host, hook.settings.sandbox)
                value = self.look(hook)
        except OfferLibraryError as error:
            if not can_pass(error):
                self._give_up(str(error))
            raise
        return PokeReturnValue(value is not None, value)

    def execute(self, context: Context) -> Any:
        """Look once, then wait: here, or deferred in the triggerer."""
        try:
            self.check_templates()
        except InvalidInputError as error:
            # Not even `soft_fail` skips what its author has to mend.
            raise AirflowFailException(str(error)) from error
        if not self.deferrable:
            return super().execute(context)
        try:
            found = self.poke(context)
        except OfferLibraryError as error:
            self._fail(error)
        if not found.is_done:
            self.defer(
                trigger=self.trigger(self._common(context)),
                method_name="execute_complete",
                timeout=timedelta(seconds=self.timeout),
            )
        return found.xcom_value

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Take up what the trigger ended in."""
        status = event.get("status") if isinstance(event, dict) else None
        if event is None or status not in _EVENTS:
            raise OfferLibraryError(f"The trigger ended in an event that it does not have: {event!r}")
        if status == "met":
            self._link()
            return event.get("value")
        message = str(event.get("message"))
        if status == "execution_timeout":
            raise AirflowTaskTimeout(message)
        if status == "sensor_timeout":
            raise AirflowSensorTimeout(f"Sensor has timed out; waited {self.timeout:g} s deferred")
        if status == "hopeless" or not event.get("retryable"):
            self._give_up(message)
        return self._fail(OfferLibraryError(message))

    def _fail(self, error: OfferLibraryError) -> NoReturn:
        """End this try of a deferred task; skipped where `never_fail` asks for it, as Airflow does when it pokes."""
        if self.never_fail:
            from airflow.sdk.exceptions import AirflowSkipException

            raise AirflowSkipException(str(error)) from error
        raise error

    def _link(self) -> None:
        """Note where the task's button leads, in the worker that takes up the task after the wait."""
        try:
            settings = OfferLibraryHook(self.offer_library_conn_id, self.sandbox or None).settings
        except (ConfigurationError, AirflowNotFoundException) as error:
            # Somebody changed the connection meanwhile. What was waited for has come about all the same.
            self.log.warning("The task has no link: %s", error)
        else:
            self.journey_optimizer_url = journey_optimizer_url(settings.host, settings.sandbox)

    @abstractmethod
    def look(self, hook: OfferLibraryHook) -> list[dict[str, Any]] | None:
        """What the sensor returns if it is there already, else None."""

    @abstractmethod
    def trigger(self, common: dict[str, Any]) -> OfferTrigger:
        """The trigger that goes on waiting."""

    def _common(self, context: Context) -> dict[str, Any]:
        return {
            "offer_library_conn_id": self.offer_library_conn_id,
            "sandbox": self.sandbox or None,
            "poll_interval": float(self.poke_interval),
            "execution_deadline": execution_deadline(self, context),
            "sensor_deadline": time.time() + self.timeout,
        }

    def _give_up(self, message: str) -> None:
        """End the task for good: skipped where `soft_fail` asks for it, else failed without a retry."""
        if self.soft_fail:
            from airflow.sdk.exceptions import AirflowSkipException

            raise AirflowSkipException(message)
        raise AirflowFailException(message)


class WatchedOffersSensor(OfferLibrarySensor):
    """Waits for something about one offer or many."""

    template_fields: Sequence[str] = (*OfferLibrarySensor.template_fields, "offer_id", "offer_type")

    def __init__(self, *, offer_id: Any, offer_type: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.offer_id = offer_id
        self.offer_type = offer_type
        self._offers: list[dict[str, Any]] = []

    @abstractmethod
    def verdict(self, states: dict[str, Entity | None], expected: int) -> Verdict:
        """Whether the wait is over, by what the offers are now."""

    def look(self, hook: OfferLibraryHook) -> list[dict[str, Any]] | None:
        named = named_offer(self.offer_id)
        given = named if isinstance(named, (list, tuple)) else [named]
        library = hook.library
        references = [library.reference(each, self.offer_type or None) for each in given]
        entities = library.look_at(references)
        states = {entity.id if entity else str(each): entity for each, entity in zip(references, entities, strict=True)}
        # Each once and in the order given, whichever id names them.
        there = {entity.id: entity for entity in entities if entity is not None}
        self._offers = [
            {"id": entity.id, "instance_id": entity.instance_id, "offer_type": entity.kind.key}
            for entity in there.values()
        ]
        if not self.verdict(states, len(states)).met:
            return None
        return [{"id": entity.id, "status": entity.status, "etag": entity.etag} for entity in there.values()]


class OfferStatusSensor(WatchedOffersSensor):
    """Wait until one offer, or every one of a list, has a status.

    :param offer_id: an id, what an offer task returned, or a list of either
    :param status: `draft`, `approved` or `archived`, or a list of which any will do
    :param offer_type: `personalized` or `fallback`, where the ids do not tell (default `personalized`)

    Returns `id`, `status` and `etag` of each offer. An offer that is deleted, or archived while something else is
    waited for, fails the task at once (skips it, with `soft_fail`).

    Calls a read of each offer, then lists what changed: `GET .../instances` (xcore) or `GET /offers` (dps).
    """

    template_fields: Sequence[str] = (*WatchedOffersSensor.template_fields, "status")

    def __init__(self, *, status: str | list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.status = status

    def verdict(self, states: dict[str, Entity | None], expected: int) -> Verdict:
        from airflow_provider_offers.client.waiting import check_statuses, status_verdict

        return status_verdict(states, expected, check_statuses(self.status))

    def trigger(self, common: dict[str, Any]) -> OfferTrigger:
        from airflow_provider_offers.client.waiting import check_statuses
        from airflow_provider_offers.triggers.offers import OfferStatusTrigger

        return OfferStatusTrigger(offers=self._offers, statuses=list(check_statuses(self.status)), **common)


class OfferWindowSensor(WatchedOffersSensor):
    """Wait until the window of one offer, or of every one of a list, is open or closed.

    :param offer_id: an id, what an offer task returned, or a list of either
    :param until: `open` (default): the offers may be shown from now on; `closed`: they may not any more
    :param offer_type: `personalized`, the only type that has a window

    The instant comes from the offers themselves, in whatever zone they were written; deferred, the sensor sleeps until
    then and notices when somebody moves a window. An offer that is deleted, has no window, or is to open and is over
    fails the task at once (skips it, with `soft_fail`).

    Returns `id`, `status` and `etag` of each offer.

    Calls a read of each offer, then lists what changed: `GET .../instances` (xcore) or `GET /offers` (dps).
    """

    template_fields: Sequence[str] = (*WatchedOffersSensor.template_fields, "until")

    def __init__(self, *, until: str = "open", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.until = until

    def verdict(self, states: dict[str, Entity | None], expected: int) -> Verdict:
        from airflow_provider_offers.client.waiting import check_until, window_verdict

        return window_verdict(states, expected, check_until(self.until), datetime.now(UTC))

    def trigger(self, common: dict[str, Any]) -> OfferTrigger:
        from airflow_provider_offers.triggers.offers import OfferWindowTrigger

        return OfferWindowTrigger(offers=self._offers, until=self.until, **common)


class OffersFoundSensor(OfferLibrarySensor):
    """Wait until a search yields at least so many offers.

    :param at_least: how many (default 1)

    The other parameters are those of `SearchOffersOperator`. Returns the receipts of the first `at_least` offers
    found. Deferred, the search is made again only when something in the sandbox has changed.

    Calls `GET /{container}/queries/core/search` (xcore) or `GET /offers` (dps), deferred also the list of what changed,
    as `OfferStatusSensor` does.
    """

    template_fields: Sequence[str] = (
        *OfferLibrarySensor.template_fields,
        "q",
        "qop",
        "fields",
        "properties",
        "order_by",
        "at_least",
        "offer_type",
    )

    def __init__(
        self,
        *,
        q: str | None = None,
        qop: str | None = None,
        fields: list[str] | str | None = None,
        properties: list[str] | str | None = None,
        order_by: list[str] | str | None = None,
        at_least: int | str = 1,
        offer_type: str = "personalized",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.q = q
        self.qop = qop
        self.fields = fields
        self.properties = properties
        self.order_by = order_by
        self.at_least = at_least
        self.offer_type = offer_type

    def look(self, hook: OfferLibraryHook) -> list[dict[str, Any]] | None:
        wanted = self._wanted()
        found: list[Any] = list(hook.search_offers(offer_type=self.offer_type, limit=wanted, **self._search()))
        return found if len(found) >= wanted else None

    def trigger(self, common: dict[str, Any]) -> OfferTrigger:
        from airflow_provider_offers.triggers.offers import OffersFoundTrigger

        return OffersFoundTrigger(search=self._search(), offer_type=self.offer_type, at_least=self._wanted(), **common)

    def _wanted(self) -> int:
        from airflow_provider_offers.client.legible import quoted
        from airflow_provider_offers.client.numbers import whole_number

        at_least = whole_number(self.at_least, 1)
        if at_least is None:
            raise InvalidInputError(
                "There is nothing to wait for",
                [Violation("at_least", quoted(self.at_least), "a whole number of at least 1")],
            )
        return at_least

    def _search(self) -> dict[str, Any]:
        given = {name: getattr(self, name) for name in ("q", "qop", "fields", "properties", "order_by")}
        return {name: value for name, value in given.items() if value}
