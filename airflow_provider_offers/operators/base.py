"""What every operator of the Offer Library shares: the connection, templates, JSON files, and how failures end."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_offers.client.errors import InvalidInputError, OfferLibraryError, Violation, can_pass
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
from airflow_provider_offers.links.offers import OfferLink, journey_optimizer_url
from airflow_provider_offers.operators.files import looks_like_a_name
from airflow_provider_offers.operators.literals import parsed
from airflow_provider_offers.operators.plans import carry_on
from airflow_provider_offers.operators.templates import Templated

if TYPE_CHECKING:
    from airflow.sdk import BaseOperatorLink, Context


_FLAGS = ("missing_ok", "cascade", "full", "include_content", "allow_duplicates", "as_dry_run", "keep_adobe_templates")
DEFAULT_CONNECTION = OfferLibraryHook.default_conn_name


class OfferLibraryOperator(Templated, BaseOperator):
    """The base of the operators: opens the hook, runs `work`, and ends failures the way Airflow should treat them.

    :param offer_library_conn_id: the connection, of type `offer_library`
    :param sandbox: the sandbox to work in, instead of the connection's

    An error that no retry can mend (wrong input, a wrong connection, refused credentials or content, somebody else's
    offer of the same name) fails the task at once; every other error leaves the decision to the task's retries.
    """

    template_fields: Sequence[str] = ("offer_library_conn_id", "sandbox")
    template_ext: Sequence[str] = (".json",)
    template_fields_renderers: ClassVar[dict[str, str]] = {}
    # Whether later tries carry on with what the first rendered, as whatever writes has to.
    keeps_plan: ClassVar[bool] = False
    operator_extra_links: Collection[BaseOperatorLink] = (OfferLink(),)
    ui_color = "#fbeae9"

    def __init__(
        self,
        *,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.offer_library_conn_id = offer_library_conn_id
        self.sandbox = sandbox

    def execute(self, context: Context) -> Any:
        # Airflow pushes every link of the task into XCom; one that leads nowhere is none.
        self.operator_extra_links = ()
        try:
            self.check_templates()
            self._check_flags()
            with OfferLibraryHook(self.offer_library_conn_id, self.sandbox) as hook:
                settings = hook.settings
                self.journey_optimizer_url = journey_optimizer_url(settings.host, settings.sandbox)
                if self.journey_optimizer_url:
                    self.operator_extra_links = type(self).operator_extra_links
                if self.keeps_plan:
                    carry_on(self, context, [settings.host, settings.sandbox, settings.api])
                return self.work(hook, context)
        except OfferLibraryError as error:
            if can_pass(error):
                raise
            told = self.with_templates(error) if isinstance(error, InvalidInputError) else error
            # Without its cause, which would say the same once more, with our frames before it.
            raise AirflowFailException(str(told)) from None

    def _check_flags(self) -> None:
        """A flag that is no flag, such as the text "False", would mean the opposite of what it says."""
        violations = [
            Violation(name.removeprefix("as_"), quoted(vars(self)[name]), "True or False")
            for name in _FLAGS
            if not isinstance(vars(self).get(name), (bool, type(None)))
        ]
        if violations:
            raise InvalidInputError("The task's flags are not valid", violations)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        try:
            # The fields are rendered anew after every wait.
            self.check_templates()
        except InvalidInputError as error:
            raise AirflowFailException(str(error)) from None
        return super().resume_execution(next_method, next_kwargs, context)

    @abstractmethod
    def work(self, hook: OfferLibraryHook, context: Context) -> Any:
        """What the operator does, on an open hook."""


def execution_deadline(task: BaseOperator, context: Context) -> float | None:
    """When the task's `execution_timeout` is over, in seconds since 1970: deferred, a trigger must see to it."""
    from datetime import UTC, datetime

    if task.execution_timeout is None:
        return None
    started = context["ti"].start_date or datetime.now(UTC)
    return (started + task.execution_timeout).timestamp()


def named_offer(given: Any, field: str = "offer_id") -> Any:
    """What a field that names objects holds; what a task returned may also come as text, from a template."""
    if isinstance(given, str) and given.lstrip().startswith(("{", "[", "(")):
        return json_document(field, given)
    # What mapped tasks returned comes as a sequence of Airflow's own.
    return list(given) if isinstance(given, Sequence) and not isinstance(given, (str, bytes)) else given


def listed_document(name: str, given: Any) -> Any:
    """An item of a list of documents; text that is neither JSON nor a file's name is left for others to refuse."""
    if isinstance(given, str) and (given.lstrip().startswith(("{", "[", "(")) or looks_like_a_name(given)):
        return json_document(name, given)
    return given


def json_document(name: str, given: Any, *, private: bool = False) -> Any:
    """A templated field that holds JSON: as Python has it, as text, or as the name of a `.json` file.

    Airflow's rendering has put a file's content in place of its name already. No error quotes what is `private`.
    """
    if not isinstance(given, str):
        return given
    try:
        return parsed(given)
    except ValueError as error:
        if looks_like_a_name(given):
            accepted = "the name of a .json file, a JSON document, or a template with `| tojson`"
            shown = "text that is no JSON" if private else quoted(given)
            raise InvalidInputError(f"{name} is no JSON", [Violation(name, shown, accepted)]) from None
        raise InvalidInputError(
            f"{name} is no JSON",
            [Violation(name, f"text that breaks off JSON: {error}", "a JSON document; in a template, `| tojson`")],
        ) from None
