"""What every operator of the Offer Library shares: the connection, templates, JSON files, and how failures end."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_offers.client.errors import InvalidInputError, OfferLibraryError, Violation, can_pass
from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
from airflow_provider_offers.links.offers import OfferLink, journey_optimizer_url

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context


class OfferLibraryOperator(BaseOperator):
    """The base of the operators: opens the hook, runs `work`, and ends failures the way Airflow should treat them.

    :param offer_library_conn_id: the connection, of type `offer_library`
    :param sandbox: the sandbox to work in, instead of the connection's

    An error that no retry can mend (wrong input, a wrong connection, refused credentials or content, somebody else's
    offer of the same name) fails the task at once; every other error leaves the decision to the task's retries.
    """

    template_fields: Sequence[str] = ("offer_library_conn_id", "sandbox")
    template_ext: Sequence[str] = (".json",)
    template_fields_renderers: ClassVar[dict[str, str]] = {}
    # The fields that hold JSON, and so may name a file of it.
    json_fields: ClassVar[tuple[str, ...]] = ()
    operator_extra_links = (OfferLink(),)
    ui_color = "#fbeae9"

    def __init__(
        self,
        *,
        offer_library_conn_id: str = OfferLibraryHook.default_conn_name,
        sandbox: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.offer_library_conn_id = offer_library_conn_id
        self.sandbox = sandbox

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render a field as Airflow does, but take for a file's name only the whole of a field that holds JSON.

        Anywhere else text that ends in `.json` is text, such as a deliveryURL. A missing file is left to
        `json_document` to report.
        """
        if not isinstance(content, str) or not content.endswith(tuple(self.template_ext)):
            return super().render_template(content, context, jinja_env, seen_oids)
        from jinja2 import TemplateNotFound

        if not any(getattr(self, name) is content for name in self.json_fields):
            # With an empty comment at its end it is the name of nothing.
            return super().render_template(content + "{##}", context, jinja_env, seen_oids)
        try:
            return super().render_template(content, context, jinja_env, seen_oids)
        except TemplateNotFound as missing:
            if missing.name != content:
                raise
            return content

    def execute(self, context: Context) -> Any:
        try:
            with OfferLibraryHook(self.offer_library_conn_id, self.sandbox or None) as hook:
                settings = hook.settings
                self.journey_optimizer_url = journey_optimizer_url(settings.host, settings.sandbox)
                return self.work(hook, context)
        except OfferLibraryError as error:
            if not can_pass(error):
                raise AirflowFailException(str(error)) from error
            raise

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


def named_offer(given: Any) -> Any:
    """What an `offer_id` field holds; what a task returned may also come as JSON text, from a template."""
    if isinstance(given, str) and given.lstrip().startswith(("{", "[")):
        return json_document("offer_id", given)
    # What mapped tasks returned comes as a sequence of Airflow's own.
    return list(given) if isinstance(given, Sequence) and not isinstance(given, (str, bytes)) else given


def json_document(name: str, given: Any) -> Any:
    """A templated field that holds JSON: as Python has it, as text, or as the name of a `.json` file.

    Airflow has put a file's content in place of its name already, if it found the file.
    """
    if not isinstance(given, str):
        return given
    if given.strip().endswith(".json"):
        accepted = "a file in the DAG's folder or in its template_searchpath"
        raise InvalidInputError("A file is missing", [Violation(name, f"{given!r}, which is not there", accepted)])
    try:
        return json.loads(given)
    except ValueError as error:
        raise InvalidInputError(
            f"{name} is no JSON",
            [Violation(name, f"text that breaks off JSON: {error}", "a JSON document; in a template, `| tojson`")],
        ) from None
    except RecursionError:
        raise InvalidInputError(
            f"{name} is no JSON", [Violation(name, "JSON nested too deep", "a JSON document less deep")]
        ) from None
