"""Notifiers: they take back what a failed launch left approved, and report which offers expire soon.

Each one runs in a worker or a DAG processor (`on_failure_callback` and the like), and in a triggerer (`DeadlineAlert`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

from airflow_provider_offers import DEFAULT_CONNECTION
from airflow_provider_offers.configuration import connection_id

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from airflow.sdk import Context

    from airflow_provider_offers.client.errors import InvalidInputError, OfferLibraryError
    from airflow_provider_offers.operators.words import OfferType

__all__ = ["OfferExpiryNotifier", "UnpublishOffersNotifier"]

# The name of the list of offers in the context of the other notifiers.
EXPIRING = "expiring_offers"
_WITHIN = "P7D"


class UnpublishOffersNotifier(BaseNotifier):
    """Take offers back from `approved` to `draft`, so that a failed launch shows nothing.

    :param offer_id: an id, `name:` and a name, the result of an offer task, or a list of these; templated
    :param offer_type: `personalized` or `fallback`, if the ids do not show it (default `personalized`)
    :param offer_library_conn_id: the connection, of type `offer_library`; templated
    :param sandbox: overrides the sandbox of the connection; templated

    In the callback of a task, `offer_id` may be a template such as `{{ ti.xcom_pull('create_offer') }}`. For deadlines,
    name the offer: `name:Spring voucher`. Offers that do not exist or are archived are warnings in the
    log, and drafts stay. All offers are tried; then `BatchError` names those that failed.

    Calls a read for each offer, then `PATCH /{container}/instances/{instanceId}` (xcore) or `PATCH /offers/{id}` (dps).
    """

    template_fields: Sequence[str] = ("offer_id", "offer_type", "offer_library_conn_id", "sandbox")

    def __init__(
        self,
        *,
        offer_id: Any,
        offer_type: OfferType | None = None,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        context: Context | None = None,
    ) -> None:
        super().__init__(context=context)
        _check_offers(offer_id, offer_type)
        self.offer_id = offer_id
        self.offer_type = offer_type
        self.offer_library_conn_id = connection_id(offer_library_conn_id)
        self.sandbox = sandbox
        self._has_sandbox = sandbox is not None

    def notify(self, context: Context) -> None:
        """Take the offers back."""
        from airflow_provider_offers.client.errors import OfferLibraryError
        from airflow_provider_offers.hooks.offer_library import OfferLibraryHook

        named, failures = self._named()
        count = len(named) + len(failures)
        with OfferLibraryHook(self.offer_library_conn_id, _sandbox(self)) as hook:
            for each in named:
                try:
                    self._tell(each, hook.unpublish_offer(each, offer_type=self.offer_type))
                except OfferLibraryError as error:
                    self._keep(failures, each, error)
        _raise(failures, count)

    async def async_notify(self, context: Context) -> None:
        """Take the offers back, in a triggerer."""
        from airflow_provider_offers.client.errors import OfferLibraryError
        from airflow_provider_offers.hooks.offer_library import OfferLibraryAsyncHook

        named, failures = self._named()
        count = len(named) + len(failures)
        async with OfferLibraryAsyncHook(self.offer_library_conn_id, _sandbox(self)) as hook:
            for each in named:
                try:
                    self._tell(each, await hook.unpublish_offer(each, offer_type=self.offer_type))
                except OfferLibraryError as error:
                    self._keep(failures, each, error)
        _raise(failures, count)

    def _named(self) -> tuple[list[Any], dict[str, OfferLibraryError]]:
        """The offers, and an error for each template without a value: its task may not have run before the failure."""
        listed = _listed(self.offer_id)
        if not listed:
            # A search may find nothing, and a template may name the wrong task.
            self.log.warning("offer_id renders an empty list, so no offer is taken back")
        named = [each for each in listed if not _is_nothing(each)]
        wrong: dict[str, OfferLibraryError] = {
            f"offer_id/{index}": _unnamed(each) for index, each in enumerate(listed) if _is_nothing(each)
        }
        if wrong and not named:
            raise next(iter(wrong.values()))
        return named, wrong

    def _tell(self, given: Any, receipt: Any) -> None:
        if receipt["action"] == "unchanged":
            self.log.info("%s is a draft already", receipt["name"] or _called(given))
        else:
            self.log.warning("Took %s (%s) back to draft", receipt["name"] or _called(given), receipt["id"])

    def _keep(self, failures: dict[str, OfferLibraryError], given: Any, error: OfferLibraryError) -> None:
        """Log an offer that customers cannot see anyway; keep every other failure."""
        from airflow_provider_offers.client.errors import NotFoundError, TransitionError

        if isinstance(error, (NotFoundError, TransitionError)):
            # The name may be misspelled.
            self.log.warning("%s is not taken back: %s", _called(given), error)
        else:
            failures[_called(given)] = error


class OfferExpiryNotifier(BaseNotifier):
    """Tell which approved offers have a window that ends soon.

    :param within: how soon, as an ISO 8601 duration such as `P7D` or a timedelta; templated
    :param notifiers: one or several notifiers that report it, such as those of the providers for Slack and SMTP. Their
        templates may use `expiring_offers`, a list with `id`, `name`, `window` and `status` of each offer. None of them
        is called if no offer expires. Without notifiers, the offers are only logged, as warnings
    :param offer_library_conn_id: the connection, of type `offer_library`; templated
    :param sandbox: overrides the sandbox of the connection; templated

    The service's clock decides what is soon. Offers whose window has ended already are left out.

    Calls `GET /{container}/queries/core/search` (xcore) or `GET /offers` (dps).
    """

    template_fields: Sequence[str] = ("within", "offer_library_conn_id", "sandbox")

    def __init__(
        self,
        *,
        within: timedelta | str = _WITHIN,
        notifiers: Sequence[BaseNotifier] | BaseNotifier = (),
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        context: Context | None = None,
    ) -> None:
        super().__init__(context=context)
        self.notifiers = (notifiers,) if isinstance(notifiers, BaseNotifier) else notifiers
        _check_report(within, self.notifiers)
        self.within = within
        self.offer_library_conn_id = connection_id(offer_library_conn_id)
        self.sandbox = sandbox
        self._has_sandbox = sandbox is not None

    def notify(self, context: Context) -> None:
        """Look for offers that expire soon, and report them."""
        from airflow_provider_offers.hooks.offer_library import OfferLibraryHook

        with OfferLibraryHook(self.offer_library_conn_id, _sandbox(self)) as hook:
            now = hook.service_now()
            until = _until(now, self.within)
            expiring = _soon(hook.search_offers(properties=_filters(until)), now, until)
        self._tell(expiring)
        failures: list[Exception] = []
        for each in self.notifiers if expiring else ():
            try:
                each(_with(context, expiring))
            except Exception as error:  # noqa: BLE001  the other notifiers are still to be called
                failures.append(self._failed(each, error))
        _raise_first(failures)

    async def async_notify(self, context: Context) -> None:
        """Look for offers that expire soon, and report them, in a triggerer."""
        from airflow_provider_offers.hooks.offer_library import OfferLibraryAsyncHook

        async with OfferLibraryAsyncHook(self.offer_library_conn_id, _sandbox(self)) as hook:
            now = await hook.service_now()
            until = _until(now, self.within)
            found = [offer async for offer in hook.search_offers(properties=_filters(until))]
        expiring = _soon(found, now, until)
        self._tell(expiring)
        failures: list[Exception] = []
        for each in self.notifiers if expiring else ():
            each.context = _with(context, expiring)
            try:
                await each
            except Exception as error:  # noqa: BLE001  the other notifiers are still to be called
                failures.append(self._failed(each, error))
        _raise_first(failures)

    def _failed(self, notifier: BaseNotifier, error: Exception) -> Exception:
        """The error of a notifier. The log names it, and the other notifiers are called all the same."""
        self.log.error("%s failed: %s: %s", type(notifier).__name__, type(error).__name__, error)
        return error

    def _tell(self, expiring: list[dict[str, Any]]) -> None:
        for offer in expiring:
            self.log.warning("%s (%s) expires at %s", offer["name"], offer["id"], offer["window"]["end"])
        if not expiring:
            self.log.info("No approved offer expires within %s", self.within)


def _sandbox(notifier: UnpublishOffersNotifier | OfferExpiryNotifier) -> str | None:
    """The sandbox. A template without a value does not mean the sandbox of the connection."""
    if notifier._has_sandbox and _is_nothing(notifier.sandbox):
        from airflow_provider_offers.client.errors import InvalidInputError, Violation
        from airflow_provider_offers.client.text import quoted

        wrong = Violation("sandbox", quoted(notifier.sandbox), "a template that renders the name of a sandbox")
        raise InvalidInputError("The notifier is not valid", [wrong])
    return notifier.sandbox


def _check_offers(offer_id: Any, offer_type: Any) -> None:
    """Reject what cannot work where the DAG is parsed: an error in a callback comes when the launch has failed."""
    from airflow_provider_offers.client.errors import InvalidInputError, Violation
    from airflow_provider_offers.operators.words import OFFER_TYPES
    from airflow_provider_offers.sensors.arguments import may_render

    if not may_render(offer_id):
        listed = _listed(offer_id)
        if not listed:
            raise InvalidInputError(
                "No offer is named", [Violation("offer_id", "an empty list", "an offer, or a list")]
            )
        for each in listed:
            if _is_nothing(each) or not _may_name(each):
                raise _unnamed(each)
    if offer_type is not None and offer_type not in OFFER_TYPES and not may_render(offer_type):
        from airflow_provider_offers.client.model.likeness import one_of
        from airflow_provider_offers.client.text import quoted

        wrong = [Violation("offer_type", quoted(offer_type), one_of(OFFER_TYPES, offer_type))]
        raise InvalidInputError("The notifier is not valid", wrong)


def _check_report(within: Any, notifiers: Any) -> None:
    """Reject what cannot work where the DAG is parsed. A template is checked when it is rendered."""
    from airflow_provider_offers.operators.words import is_template

    listed = notifiers if isinstance(notifiers, (list, tuple)) else [notifiers]
    if strange := [each for each in listed if not isinstance(each, BaseNotifier)]:
        from airflow_provider_offers.client.errors import InvalidInputError, Violation
        from airflow_provider_offers.client.text import describe

        wrong = [Violation("notifiers", describe(each), "a list of notifiers") for each in strange]
        raise InvalidInputError("The notifier is not valid", wrong)
    # The default needs no check, so it loads nothing where a DAG is parsed.
    if within != _WITHIN and not (isinstance(within, str) and is_template(within)):
        from datetime import UTC, datetime

        _until(datetime.now(UTC), within)


def _listed(given: Any) -> list[Any]:
    """The offers, each as the client accepts it. A template may have rendered the results of tasks as text.

    The results of mapped tasks are a sequence type of Airflow, and a long result is the summary of a report.
    """
    from airflow_provider_offers.client.errors import InvalidInputError, Violation
    from airflow_provider_offers.client.model.literals import parsed
    from airflow_provider_offers.client.text import quoted
    from airflow_provider_offers.operators.documents import named_offer

    if isinstance(given, str) and given.lstrip().startswith(("[", "{", "(")):
        try:
            given = parsed(given)
        except ValueError as error:
            accepted = "the result of an offer task, or a list of results"
            violation = Violation("offer_id", f"{quoted(given)}: {error}", accepted)
            raise InvalidInputError("No offer is named", [violation]) from None
    named = named_offer(list(given) if isinstance(given, (set, frozenset)) else given)
    return list(named) if isinstance(named, (list, tuple)) else [named]


def _is_nothing(given: Any) -> bool:
    return given is None or (isinstance(given, str) and given.strip() in ("", "None"))


def _may_name(given: Any) -> bool:
    """Whether it can name an offer: text, or the result of a task, which may be known only when the callback runs."""
    from airflow_provider_offers.sensors.arguments import may_render

    return isinstance(given, str) or (isinstance(given, Mapping) and bool(given)) or may_render(given)


def _unnamed(given: Any) -> InvalidInputError:
    from airflow_provider_offers.client.errors import InvalidInputError, Violation
    from airflow_provider_offers.client.text import quoted

    accepted = "an offer; the template renders nothing" if _is_nothing(given) else "an offer, or a list of offers"
    return InvalidInputError("No offer is named", [Violation("offer_id", quoted(given), accepted)])


def _called(given: Any) -> str:
    name = given.get("name") or given.get("id") if isinstance(given, dict) else given
    return str(name)


def _raise(failures: dict[str, OfferLibraryError], count: int) -> None:
    from airflow_provider_offers.client.errors import BatchError

    if failures:
        raise BatchError("unpublished", count - len(failures), count, failures, "offers")


def _raise_first(failures: list[Exception]) -> None:
    if failures:
        raise failures[0]


def _until(now: datetime, within: timedelta | str) -> datetime:
    """The instant this long after now; `InvalidInputError` if the duration is not valid."""
    from datetime import UTC

    from airflow_provider_offers.client.errors import InvalidInputError, Violation
    from airflow_provider_offers.client.model.durations import parse_duration
    from airflow_provider_offers.client.text import quoted

    violations: list[Violation] = []
    length = parse_duration(within, violations)
    try:
        if length is not None:
            return length.after(now, UTC)
    except (OverflowError, ValueError):
        violations = [Violation("within", quoted(within), "a duration that ends before the year 10000")]
    raise InvalidInputError(
        "The duration is not valid", [Violation("within", each.given, each.expected) for each in violations]
    )


def _with(context: Context, expiring: list[dict[str, Any]]) -> Any:
    """The context for the other notifiers. Its type does not know the name."""
    return {**context, EXPIRING: expiring}


def _filters(until: datetime) -> list[str]:
    from airflow_provider_offers.client.model.instants import format_instant

    return ["status==approved", f"selectionConstraint.endDate<={format_instant(until)}"]


def _soon(found: Any, now: datetime, until: datetime) -> list[dict[str, Any]]:
    """The offers that end after now and not after `until`, the first to end first."""
    from airflow_provider_offers.client.model.instants import parse_instant

    ending: list[tuple[datetime, dict[str, Any]]] = []
    for offer in found:
        try:
            end = parse_instant(offer["window"]["end"])
        except ValueError:
            continue
        if now < end <= until and offer["status"] == "approved":
            ending.append((end, {name: offer[name] for name in ("id", "name", "window", "status")}))
    return [offer for _, offer in sorted(ending, key=lambda pair: (pair[0], pair[1]["id"]))]
