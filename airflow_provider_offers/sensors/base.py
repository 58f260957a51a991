"""What the sensors share: the connection, the modes, and how a wait ends: met, skipped, failed or timed out."""

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
    AirflowSkipException,
    AirflowTaskTimeout,
)

from airflow_provider_offers.client.errors import (
    ConfigurationError,
    InvalidInputError,
    OfferLibraryError,
    Violation,
    can_pass,
)
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
from airflow_provider_offers.links.offers import OfferLink, journey_optimizer_url
from airflow_provider_offers.operators.base import execution_deadline, named_offer
from airflow_provider_offers.operators.templates import Templated
from airflow_provider_offers.operators.words import OFFER_TYPES, OfferType
from airflow_provider_offers.sensors import arguments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import Context

    from airflow_provider_offers.client.model.entities import Entity
    from airflow_provider_offers.client.waiting.verdicts import Verdict
    from airflow_provider_offers.triggers.offers import OfferTrigger

_EVENTS = ("met", "hopeless", "failed", "execution_timeout", "sensor_timeout")
_NOT_VALID = "The sensor's arguments are not valid"
# The trigger keeps the sensor's timeout and says what was there at its end. Where no triggerer runs it, the scheduler
# ends the wait so much later.
_GRACE = timedelta(seconds=60)


class OfferLibrarySensor(Templated, BaseSensorOperator):
    """The base of the sensors: poke, reschedule and deferrable with the same results, errors and timeouts.

    :param offer_library_conn_id: the connection, of type `offer_library`
    :param sandbox: the sandbox to look at, instead of the connection's
    :param deferrable: wait in the triggerer; the default is Airflow's `[operators] default_deferrable`
    :param max_outage: for how long a deferred wait bears an outage or a throttle, in seconds or as a timedelta
        (default: an hour)
    :param poke_interval: seconds between two looks, in every mode. Deferred, all who wait on a sandbox share one look.

    `soft_fail` and `never_fail` skip what did not come about. A mistake (a wrong connection, refused credentials or
    permissions, wrong input, an offer that was never there) fails the task all the same, without a retry.
    """

    template_fields: Sequence[str] = ("offer_library_conn_id", "sandbox")
    offer_id: Any
    operator_extra_links = (OfferLink(),)
    ui_color = "#fdf3e1"

    def __init__(
        self,
        *,
        offer_library_conn_id: str = OfferLibraryHook.default_conn_name,
        sandbox: str | None = None,
        deferrable: bool | None = None,
        max_outage: timedelta | float = arguments.LONGEST_OUTAGE,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.offer_library_conn_id = offer_library_conn_id
        self.sandbox = sandbox
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.deferrable = deferrable
        self.max_outage = max_outage
        self._has_begun = False
        self._has_looked = False
        # When the sensor's timeout is over, in seconds since 1970.
        self._deadline: float | None = None

    def check(self) -> Iterator[Violation]:
        """What is wrong with the arguments, as far as no template stands in for it: told where the DAG is parsed."""
        yield from arguments.check_text("offer_library_conn_id", self.offer_library_conn_id)
        yield from arguments.check_text("sandbox", self.sandbox, optional=True)
        yield from arguments.check_seconds("max_outage", self.max_outage)
        if not isinstance(self.deferrable, bool):
            yield Violation("deferrable", quoted(self.deferrable), "True or False")

    def refuse_where_parsed(self) -> None:
        """Raise what `check` finds; the last step of each constructor. A mapped task is checked when it runs."""
        if not getattr(self, "_BaseOperator__from_mapped", False):
            self.refuse_what_is_wrong()

    def check_offers(self) -> Iterator[Violation]:
        """What is wrong with `offer_id`; the list that a task returned may be empty by the time this one runs."""
        check = arguments.check_named if self._has_begun else arguments.check_offers
        yield from check("offer_id", self.offer_id)

    def refuse_what_is_wrong(self) -> None:
        """Raise what `check` finds."""
        if violations := list(self.check()):
            raise InvalidInputError(_NOT_VALID, violations)

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        is_first = self._begin(context)
        try:
            if not self._has_looked:
                self.check_templates()
            self.refuse_what_is_wrong()
            with OfferLibraryHook(self.offer_library_conn_id, self.sandbox) as hook:
                self.journey_optimizer_url = journey_optimizer_url(hook.settings.host, hook.settings.sandbox)
                value = self.look(hook)
        except AirflowNotFoundException as error:
            self._fail_for_good(f"There is no connection {self.offer_library_conn_id!r}", error)
        except OfferLibraryError as error:
            if can_pass(error):
                raise
            if self._is_mistake(error, is_first):
                told = self.with_templates(error) if isinstance(error, InvalidInputError) else error
                self._fail_for_good(str(told), error)
            self._give_up(str(error))
        if value is None:
            self._tell(is_first=is_first)
        self._has_looked = True
        return PokeReturnValue(value is not None, value)

    def execute(self, context: Context) -> Any:
        """Look once, then wait: here, or deferred in the triggerer."""
        if not self.deferrable:
            return self._execute_here(context)
        found = self._first_look(context)
        if not found.is_done:
            common = self._common(context)
            left = max(0.0, common["sensor_deadline"] - time.time())
            self.defer(
                trigger=self.trigger(common),
                method_name="execute_complete",
                timeout=timedelta(seconds=left) + _GRACE,
            )
        return found.xcom_value

    def _first_look(self, context: Context) -> PokeReturnValue:
        """The look before the wait is deferred; made again with `silent_fail` while it fails, as Airflow does."""
        while True:
            try:
                return self.poke(context)
            except OfferLibraryError as error:
                if not self.silent_fail or time.time() > (self._deadline or 0.0):
                    self._fail(error)
                self.log.error("Looking again in %g s: %s", self.poke_interval, error)
                time.sleep(self.poke_interval)

    def _execute_here(self, context: Context) -> Any:
        """Wait as Airflow's sensors do, but say what was there when time ran out."""
        try:
            return super().execute(context)
        except AirflowSensorTimeout as error:
            raise AirflowSensorTimeout(self._with_last(str(error))) from error
        except AirflowSkipException as error:
            if not str(error).startswith("Sensor has timed out"):
                raise
            raise AirflowSkipException(self._with_last(str(error))) from error

    def _with_last(self, message: str) -> str:
        last = self.last()
        return f"{message} Still waiting until {self.goal}. {last}" if last else message

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
            raise AirflowSensorTimeout(f"Sensor has timed out; waited {self.timeout:g} s deferred. {message}")
        if status == "hopeless":
            self._give_up(message)
        if not event.get("retryable"):
            self._fail_for_good(message)
        if self.silent_fail:
            self.log.error("Waiting on: %s", message)
            self._deadline = event.get("sensor_deadline")
            return self.execute(context)
        return self._fail(OfferLibraryError(message))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on after the wait; where the scheduler ended it, say what was waited for."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSensorTimeout as error:
            if str(error).startswith("Sensor has timed out"):
                raise
            told = f"Sensor has timed out; waited {self.timeout:g} s deferred, and no trigger told how it is"
            raise AirflowSensorTimeout(f"{told}. Still waiting until {self.goal} ({error})") from error

    def _fail(self, error: OfferLibraryError) -> NoReturn:
        """End this try of a deferred task; skipped where `never_fail` asks for it, as Airflow does when it pokes."""
        if self.never_fail:
            raise AirflowSkipException(str(error)) from error
        raise error

    def _give_up(self, message: str) -> NoReturn:
        """End a wait for what can no longer come about: skipped where that is asked for, else failed for good."""
        if self.soft_fail or self.never_fail:
            raise AirflowSkipException(message)
        raise AirflowFailException(message)

    def _fail_for_good(self, message: str, error: Exception | None = None) -> NoReturn:
        """Fail the task over a mistake, without a retry, and in spite of `soft_fail` and `never_fail`."""
        # Airflow would skip any failure of a sensor that has them.
        self.soft_fail = self.never_fail = False
        raise AirflowFailException(message) from error

    def _is_mistake(self, error: OfferLibraryError, is_first: bool) -> bool:
        """Whether what cannot come about was never there to be waited for."""
        from airflow_provider_offers.client.errors import GoneError, HopelessError

        return not isinstance(error, HopelessError) or (is_first and isinstance(error, GoneError))

    def _begin(self, context: Context) -> bool:
        """Note when the wait ends; whether this look is the first of all."""
        self._has_begun = True
        if self._has_looked:
            return False
        if self._deadline is not None:
            return False
        started = None
        if self.reschedule and not self.deferrable:
            started = context["ti"].get_first_reschedule_date(context)
        self._deadline = (started or datetime.now(UTC)).timestamp() + self.timeout
        return started is None

    def _tell(self, *, is_first: bool) -> None:
        """Say what is waited for, once in each process, and from then on what has changed."""
        if not self._has_looked:
            self.log.info(
                "%s until %s. %s. Looking every %g s, %s until %s",
                "Waiting" if is_first else "Still waiting",
                self.goal,
                self.last(),
                self.poke_interval,
                "deferred," if self.deferrable else f"in {self.mode} mode,",
                datetime.fromtimestamp(self._deadline or 0.0, UTC).isoformat(timespec="seconds"),
            )

    def _link(self) -> None:
        """Note where the task's button leads, in the worker that takes up the task after the wait."""
        try:
            settings = OfferLibraryHook(self.offer_library_conn_id, self.sandbox).settings
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

    @property
    @abstractmethod
    def goal(self) -> str:
        """What is waited for, as it follows `until`."""

    @abstractmethod
    def last(self) -> str:
        """What was there at the last look."""

    def _common(self, context: Context) -> dict[str, Any]:
        return {
            "offer_library_conn_id": self.offer_library_conn_id,
            "sandbox": self.sandbox or None,
            "poll_interval": float(self.poke_interval),
            "execution_deadline": execution_deadline(self, context),
            "sensor_deadline": self._deadline or time.time() + self.timeout,
            "max_outage": arguments.seconds(self.max_outage),
        }


class WatchedOffersSensor(OfferLibrarySensor):
    """Waits for something about one offer or many."""

    template_fields: Sequence[str] = (*OfferLibrarySensor.template_fields, "offer_id", "offer_type")

    def __init__(self, *, offer_id: Any, offer_type: OfferType | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.offer_id = offer_id
        self.offer_type = offer_type
        self._offers: list[dict[str, Any]] = []
        self._chronicle: Any = None

    def check(self) -> Iterator[Violation]:
        yield from super().check()
        yield from self.check_offers()
        yield from arguments.check_word("offer_type", self.offer_type, OFFER_TYPES, optional=True)

    @abstractmethod
    def verdict(self, states: dict[str, Entity | None], expected: int, now: datetime) -> Verdict:
        """Whether the wait is over, by what the offers are, and by what the service's clock shows, now."""

    def look(self, hook: OfferLibraryHook) -> list[dict[str, Any]] | None:
        from airflow_provider_offers.client.waiting.telling import Chronicle

        named = named_offer(self.offer_id)
        given = named if isinstance(named, (list, tuple)) else [named]
        if not given:
            self.log.warning("offer_id names no offer; the sensor succeeds at once")
        library = hook.library
        references = [library.reference(each, self.offer_type or None) for each in given]
        entities = library.look_at(references) if references else []
        states = {entity.id if entity else str(each): entity for each, entity in zip(references, entities, strict=True)}
        self._chronicle = self._chronicle or Chronicle()
        for change in self._chronicle.news(states):
            self.log.info("%s", change)
        # Each once and in the order given, whichever id names them.
        there = {entity.id: entity for entity in entities if entity is not None}
        self._offers = [
            {"id": entity.id, "instance_id": entity.instance_id, "offer_type": entity.kind.key}
            for entity in there.values()
        ]
        if not self.verdict(states, len(states), library.service_now()).met:
            return None
        return [{"id": entity.id, "status": entity.status, "etag": entity.etag} for entity in there.values()]

    def last(self) -> str:
        last: str = "" if self._chronicle is None else self._chronicle.last()
        return last
