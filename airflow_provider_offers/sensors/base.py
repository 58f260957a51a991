"""The base of the sensors: the connection, the modes, and how a wait ends: met, skipped, failed or timed out."""

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

from airflow_provider_offers import DEFAULT_CONNECTION, configuration
from airflow_provider_offers.client.errors import (
    ConfigurationError,
    InvalidInputError,
    OfferLibraryError,
    Violation,
)
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.links.offers import LINKS, set_links, store_links
from airflow_provider_offers.operators.templates import Templated
from airflow_provider_offers.operators.words import CheckedPartial, check_words, with_nearest
from airflow_provider_offers.sensors import arguments

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from airflow.sdk import BaseOperatorLink, Context
    from airflow.sdk.definitions.mappedoperator import OperatorPartial

    from airflow_provider_offers.client.library import OfferLibrary
    from airflow_provider_offers.client.model.entities import Entity, Reference
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
    from airflow_provider_offers.triggers.offers import OfferTrigger

_EVENTS = ("met", "hopeless", "failed", "execution_timeout", "sensor_timeout")
_SUBJECT = "The sensor's arguments are not valid"
# Flags for which the text "False" would count as true: a wait in vain would then skip its task, and the run is green.
_FLAGS = ("deferrable", "soft_fail", "silent_fail", "never_fail")
# The trigger enforces the sensor's timeout and reports what it saw last. If no triggerer runs, the scheduler ends the
# wait this much later.
_GRACE = timedelta(seconds=60)
# The key in the task's state for what a sensor in reschedule mode saw.
_SEEN = "sensor_looked"


class OfferLibrarySensor(Templated, BaseSensorOperator):
    """The base of the sensors: poke, reschedule and deferrable with the same results, errors and timeouts.

    :param offer_library_conn_id: the connection, of type `offer_library`
    :param sandbox: overrides the sandbox of the connection
    :param deferrable: wait in the triggerer; the default is Airflow's `[operators] default_deferrable`
    :param max_outage: the longest outage or throttle that a deferred wait survives, in seconds or as a timedelta
        (default: an hour)
    :param poke_interval: seconds between two looks, in every mode. Deferred sensors on one sandbox share their looks.

    With `soft_fail` or `never_fail`, a wait without success skips the task. A mistake (a wrong connection, refused
    credentials or permissions, invalid input, an offer that never existed) always fails the task, without a retry.
    """

    template_fields: Sequence[str] = ("offer_library_conn_id", "sandbox")
    offer_id: Any
    operator_extra_links: Collection[BaseOperatorLink] = LINKS
    ui_color = "#fdf3e1"

    def __init__(
        self,
        *,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        deferrable: bool | None = None,
        max_outage: timedelta | float = arguments.LONGEST_OUTAGE,
        **kwargs: Any,
    ) -> None:
        try:
            super().__init__(**configuration.sensor_arguments(kwargs))
        except TypeError as error:
            raise with_nearest(error, type(self), kwargs) from None
        self.offer_library_conn_id = configuration.connection_id(offer_library_conn_id)
        self.sandbox = sandbox
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.deferrable = deferrable
        self.max_outage = max_outage
        self._has_begun = False
        self._has_looked = False
        # The end of the sensor's timeout, in seconds since 1970.
        self._deadline: float | None = None
        # The sandbox of the first look. The connection may name another one later.
        self._place: str | None = None
        # The objects that were given by name, as the first look found them.
        self._named: dict[str, dict[str, Any]] = {}

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """The sensor with some arguments, to expand over others.

        An unknown word for a closed list is an import error.
        """
        check_words(kwargs.get("task_id"), kwargs)
        return CheckedPartial.of(super().partial(**kwargs))

    def check(self) -> Iterator[Violation]:
        """The violations in arguments without a template, for an error when the DAG is parsed."""
        yield from arguments.check_text("offer_library_conn_id", self.offer_library_conn_id)
        yield from arguments.check_text("sandbox", self.sandbox, optional=True)
        yield from arguments.check_seconds("max_outage", self.max_outage)
        for name in _FLAGS:
            if (given := getattr(self, name)) is not None and not isinstance(given, bool):
                yield Violation(name, quoted(given), "True or False")

    def refuse_where_parsed(self) -> None:
        """Raise the violations of `check`; the last step of each constructor. A mapped task is checked when it runs."""
        if not getattr(self, "_BaseOperator__from_mapped", False):
            self.refuse_what_is_wrong()

    def check_offers(self) -> Iterator[Violation]:
        """The violations of `offer_id`. Only at run time may it be an empty list, because a task may return one."""
        check = arguments.check_named if self._has_begun else arguments.check_offers
        yield from check("offer_id", self.offer_id)

    def refuse_what_is_wrong(self) -> None:
        """Raise the violations of `check`."""
        if violations := list(self.check()):
            raise InvalidInputError(_SUBJECT, violations)

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        from airflow_provider_offers.hooks.offer_library import OfferLibraryHook

        if not self._has_looked:
            self.operator_extra_links = ()
        is_first = self._begin(context)
        kept = self._recall(context, is_first=is_first)
        try:
            if not self._has_looked:
                self.check_templates()
            self.refuse_what_is_wrong()
            with OfferLibraryHook(self.offer_library_conn_id, self._place or self.sandbox) as hook:
                self._place = self._place or hook.settings.sandbox
                set_links(self, hook.settings)
                if not self._has_looked and not self.deferrable and not self.reschedule:
                    # A deferred or rescheduled task gives its links to Airflow when it begins to wait.
                    store_links(self, context)
                value = self.look(hook)
        except AirflowNotFoundException:
            self._fail_for_good(f"There is no connection {self.offer_library_conn_id!r}")
        except OfferLibraryError as error:
            if error.retryable:
                # Without the cause and our frames, so the log shows the error once, as for the operators.
                raise error.with_traceback(None) from None
            if self._is_mistake(error, is_first):
                told = self.with_templates(error) if isinstance(error, InvalidInputError) else error
                self._fail_for_good(str(told))
            self._give_up(str(error))
        if value is None:
            self._tell(is_first=is_first)
            self._keep(context, kept)
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
        """The look before the wait is deferred. With `silent_fail` it is repeated while it fails, as in Airflow."""
        while True:
            try:
                return self.poke(context)
            except OfferLibraryError as error:
                if not self.silent_fail or time.time() > (self._deadline or 0.0):
                    self._fail(error)
                self.log.error("Looking again in %g s: %s", self.poke_interval, error)
                time.sleep(self.poke_interval)

    def _execute_here(self, context: Context) -> Any:
        """Wait as Airflow's sensors do. The error of a timeout includes the result of the last look."""
        try:
            return super().execute(context)
        except AirflowSensorTimeout as error:
            raise AirflowSensorTimeout(self._with_last(str(error))) from None
        except AirflowSkipException as error:
            if not str(error).startswith("Sensor has timed out"):
                raise
            raise AirflowSkipException(self._with_last(str(error))) from None

    def _with_last(self, message: str) -> str:
        last = self.last()
        return f"{message} Still waiting until {self.goal}. {last}" if last else message

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """End the task according to the trigger's event."""
        from airflow_provider_offers.operators.deferring import unknown_event

        status = event.get("status") if isinstance(event, dict) else None
        if event is None or status not in _EVENTS:
            raise unknown_event(event)
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
        return self._fail(OfferLibraryError(message, retryable=True))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue after the wait. If the scheduler ended it, the error includes the purpose of the wait."""
        # Airflow keeps the links that it was given before the wait.
        self.operator_extra_links = ()
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSensorTimeout as error:
            if str(error).startswith("Sensor has timed out"):
                raise
            told = f"Sensor has timed out; waited {self.timeout:g} s deferred, and no trigger sent an event"
            raise AirflowSensorTimeout(f"{told}. Still waiting until {self.goal} ({error})") from None

    def _fail(self, error: OfferLibraryError) -> NoReturn:
        """End this try of a deferred task. `never_fail` skips it, as Airflow does in poke mode."""
        if self.never_fail:
            raise AirflowSkipException(str(error)) from None
        raise error

    def _give_up(self, message: str) -> NoReturn:
        """End a wait that can no longer succeed: skip the task if it has `soft_fail` or `never_fail`, else fail it."""
        if self.soft_fail or self.never_fail:
            raise AirflowSkipException(message) from None
        raise AirflowFailException(message) from None

    def _fail_for_good(self, message: str) -> NoReturn:
        """Fail the task because of a mistake, without a retry, even with `soft_fail` and `never_fail`."""
        # Airflow skips every failure of a sensor with one of these flags.
        self.soft_fail = self.never_fail = False
        # Without its cause, which would repeat the message.
        raise AirflowFailException(message) from None

    def _is_mistake(self, error: OfferLibraryError, is_first: bool) -> bool:
        """Whether the error is the author's mistake, and not something that happened during the wait."""
        from airflow_provider_offers.client.errors import GoneError, HopelessError

        return not isinstance(error, HopelessError) or (is_first and isinstance(error, GoneError))

    def _begin(self, context: Context) -> bool:
        """Set the deadline of the wait. Returns whether this is the first look of all."""
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

    def _recall(self, context: Context, *, is_first: bool) -> Any:
        """The last observation of a rescheduled sensor. Airflow 3.2 keeps nothing between two processes."""
        from airflow_provider_offers.operators.memory import TaskMemory

        if is_first or self._has_looked or not self._is_rescheduled:
            return None
        kept = TaskMemory(context).recall(_SEEN)
        if kept is not None:
            self._place, self._named = kept["sandbox"], kept["named"]
            self.take_up(kept["seen"])
        return kept

    def _keep(self, context: Context, kept: Any) -> None:
        """Keep the result of this look for the next process, if it is new."""
        from airflow_provider_offers.operators.memory import TaskMemory

        looked = {"sandbox": self._place, "named": self._named, "seen": self.seen()}
        if self._is_rescheduled and looked != kept:
            TaskMemory(context).keep(_SEEN, looked)

    @property
    def _is_rescheduled(self) -> bool:
        return bool(self.reschedule) and not self.deferrable

    def _tell(self, *, is_first: bool) -> None:
        """Log the purpose of the wait, once in each process. The looks log every change."""
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
        """Set the task's link in the worker that continues after the wait."""
        from airflow_provider_offers.hooks.offer_library import OfferLibraryHook

        try:
            settings = OfferLibraryHook(self.offer_library_conn_id, self.sandbox).settings
        except (ConfigurationError, AirflowNotFoundException) as error:
            # Somebody changed the connection meanwhile, but the wait has succeeded.
            self.log.warning("The task has no link: %s", error)
        else:
            set_links(self, settings)

    @abstractmethod
    def look(self, hook: OfferLibraryHook) -> list[dict[str, Any]] | None:
        """Look once: returns the sensor's result, or None while the wait continues."""

    def look_at_offers(
        self, library: OfferLibrary, given: Sequence[Any], offer_type: str | None
    ) -> tuple[list[Reference], list[Entity | None]]:
        """The current state of the given offers. A name stands for the offer that had it at the first look."""
        from airflow_provider_offers.client.model.entities import Reference, parse_each
        from airflow_provider_offers.client.model.kinds import offer_kind
        from airflow_provider_offers.hooks.objects import offer_reference

        references = parse_each(given, lambda each: offer_reference(library, each, offer_type))
        known = [self._named.get(f"{each.kind.key} {each}") for each in references]
        references = [
            each if found is None else Reference(offer_kind(found["offer_type"]), found["id"], found["instance_id"])
            for each, found in zip(references, known, strict=True)
        ]
        entities = library.look_at(references) if references else []
        for reference, entity in zip(references, entities, strict=True):
            if reference.name is not None and entity is not None:
                self._named[f"{reference.kind.key} {reference}"] = offer_of(entity)
        return references, entities

    @abstractmethod
    def trigger(self, common: dict[str, Any]) -> OfferTrigger:
        """The trigger that continues the wait."""

    @property
    @abstractmethod
    def goal(self) -> str:
        """The purpose of the wait, as text after `until`."""

    @abstractmethod
    def last(self) -> str:
        """The result of the last look, for the log and the errors."""

    @abstractmethod
    def seen(self) -> Any:
        """The result of the last look as JSON, for a later process of a rescheduled sensor."""

    @abstractmethod
    def take_up(self, seen: Any) -> None:
        """Continue from what an earlier process saw."""

    def _common(self, context: Context) -> dict[str, Any]:
        from airflow_provider_offers.operators.deferring import execution_deadline

        return {
            "offer_library_conn_id": self.offer_library_conn_id,
            "sandbox": self._place,
            "poll_interval": float(self.poke_interval),
            "execution_deadline": execution_deadline(self, context),
            "sensor_deadline": self._deadline or time.time() + self.timeout,
            "max_outage": arguments.seconds(self.max_outage),
        }


def offer_of(entity: Entity) -> dict[str, Any]:
    """An offer as triggers and the task's state name it, with the etag of the look."""
    return {
        "id": entity.id,
        "instance_id": entity.instance_id,
        "offer_type": entity.kind.key,
        "seen_etag": entity.etag,
    }
