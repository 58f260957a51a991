"""The common base of all operators: the connection, flags, links, asset events, and the handling of failures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_offers import DEFAULT_CONNECTION
from airflow_provider_offers.client.errors import InvalidInputError, OfferLibraryError, Violation
from airflow_provider_offers.client.given import as_given, has_models
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.configuration import connection_id
from airflow_provider_offers.links.offers import LINKS, set_links, store_links
from airflow_provider_offers.operators.templates import Templated
from airflow_provider_offers.operators.words import CheckedPartial, check_words, with_nearest

if TYPE_CHECKING:
    from airflow.sdk import BaseOperatorLink, Context
    from airflow.sdk.definitions.mappedoperator import OperatorPartial

    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
    from airflow_provider_offers.operators.words import EmitAssets

_FLAGS = (
    "missing_ok",
    "cascade",
    "full",
    "include_content",
    "allow_duplicates",
    "as_dry_run",
    "report_only",
    "keep_adobe_templates",
    "deferrable",
    "wait_for_completion",
)
# These may not be None either, which would count as False.
_NEVER_NONE = ("report_only", "wait_for_completion")
# The arguments of flags that have another name as an attribute: Airflow's own operators have a method `dry_run`.
_FLAG_NAMES = {"as_dry_run": "dry_run", "report_only": "dry_run"}


class OfferLibraryOperator(Templated, BaseOperator):
    """The base of the operators: opens the hook, runs `work`, and converts errors for Airflow.

    :param offer_library_conn_id: the connection, of type `offer_library`
    :param sandbox: overrides the sandbox of the connection

    If a retry cannot help (invalid input, a wrong connection, rejected credentials or content, somebody else's offer
    with the same name), the task fails at once. After other errors, Airflow retries the task if it has `retries`.
    """

    template_fields: Sequence[str] = ("offer_library_conn_id", "sandbox")
    template_ext: Sequence[str] = (".json",)
    template_fields_renderers: ClassVar[dict[str, str]] = {}
    # Whether later tries use the values that the first try rendered, as all writes must.
    keeps_values: ClassVar[bool] = False
    # The report file of operators that return lists; None for XCom.
    report: Any = None
    # How an operator that writes emits asset events.
    emit_assets: EmitAssets = False
    # The organization, the sandbox and the result of the task, for OpenLineage, which asks after its end.
    _work_done: tuple[str, str, Any] | None = None
    # Whether Airflow ends this try, because somebody marked the task or cleared it, or the worker stops.
    is_killed: bool = False
    operator_extra_links: Collection[BaseOperatorLink] = LINKS
    ui_color = "#fbeae9"

    def __init__(
        self,
        *,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Any,
    ) -> None:
        try:
            super().__init__(**kwargs)
        except TypeError as error:
            raise with_nearest(error, type(self), kwargs) from None
        self.offer_library_conn_id = connection_id(offer_library_conn_id)
        self.sandbox = sandbox

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """The operator with some arguments, to expand over others.

        An unknown word for a closed list is an import error.
        """
        check_words(kwargs.get("task_id"), kwargs)
        plain = {name: as_given(each) if name in cls.json_fields else each for name, each in kwargs.items()}
        if emit_assets := kwargs.get("emit_assets"):
            from airflow_provider_offers.assets.outlets import outlets_of

            plain["outlets"] = outlets_of(kwargs.get("task_id"), emit_assets, kwargs.get("outlets"))
        return CheckedPartial.of(super().partial(**plain))

    @staticmethod
    def plain_document(given: Any, *kinds: str) -> Any:
        """The document without models. The model of another kind is an error when the DAG is parsed."""
        if has_models(given):
            from airflow_provider_offers.client.model.documents import check_models
            from airflow_provider_offers.client.model.kinds import KINDS

            if rows := [KINDS[kind] for kind in kinds if kind in KINDS]:
                check_models(given, rows)
        return as_given(given)

    def execute(self, context: Context) -> Any:
        from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
        from airflow_provider_offers.operators.kept_values import carry_on
        from airflow_provider_offers.operators.memory import TaskMemory
        from airflow_provider_offers.operators.reports import returned

        # Airflow pushes every link of the task into XCom; an empty link is left out.
        self.operator_extra_links = ()
        self.is_killed = False
        try:
            self.check_templates()
            self._check_flags()
            self.prepare(context)
            memory = TaskMemory(context)
            with OfferLibraryHook(self.offer_library_conn_id, self.sandbox, memory=memory) as hook:
                settings = hook.settings
                set_links(self, settings)
                if getattr(self, "deferrable", None) is False:
                    store_links(self, context)
                if self.keeps_values:
                    carry_on(self, context, settings.target)
                result = self.work(hook, context)
                set_links(self, settings, result)
                self._emit(context, hook, result)
                return self._carried(returned(self, context, result))
        except OfferLibraryError as error:
            # Without the cause, which would repeat the message with our frames.
            raise self._failure(error) from None

    def prepare(self, context: Context) -> None:
        """The work with the rendered fields before the first request."""
        if self.report is not None:
            from airflow_provider_offers.operators.reports import begin

            begin(self.report)

    def written(self, result: Any) -> Sequence[Mapping[str, Any]] | None:
        """The receipts of what the task wrote, from the result of `work`; None for an operator that only reads."""
        return None

    def set_emission(self, emit_assets: EmitAssets) -> None:
        """Take `emit_assets`. It decides the task's outlets when the DAG is parsed, so it is not templated."""
        self.emit_assets = emit_assets
        if emit_assets is not False:
            from airflow_provider_offers.assets.outlets import outlets_of

            try:
                self.outlets = outlets_of(self.task_id, emit_assets, self.outlets)
            except InvalidInputError as error:
                if not getattr(self, "_BaseOperator__from_mapped", False):
                    raise
                # A mapped task is made when it runs, and the next try would be made alike.
                raise AirflowFailException(str(error)) from None

    def _emit(self, context: Context, hook: OfferLibraryHook, result: Any) -> None:
        """Put what the task wrote into the events of its outlets; Airflow emits them if the task succeeds."""
        self._work_done = (hook.settings.org_id, hook.settings.sandbox, result)
        if self.outlets and (receipts := self.written(result)) is not None:
            from airflow_provider_offers.assets.emitting import emit

            emit(self, context, hook, receipts)

    def objects_read(self, result: Any) -> Sequence[Mapping[str, Any]]:
        """The objects that the task read or referred to, with `kind` or `offer_type`, and `id` or `name`."""
        return ()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """The datasets of the task, for Airflow's OpenLineage provider. Sends no request."""
        from airflow_provider_offers.assets.lineage import Lineage, operator_lineage

        if self._work_done is None:
            return None
        organization, sandbox, result = self._work_done
        return operator_lineage(Lineage(organization, sandbox, self.written(result) or (), self.objects_read(result)))

    def on_kill(self) -> None:
        """Begin no more objects of a list. After this call, the task runs on until Airflow kills its process."""
        self.is_killed = True

    def _carried(self, result: Any) -> Any:
        """The result as XCom can hold it."""
        from airflow_provider_offers.operators.carrying import carried

        carriable, changed = carried(result)
        if changed:
            self.log.warning("The result is changed, because Airflow cannot carry all of it: %s", changed)
        return carriable

    def _failure(self, error: OfferLibraryError) -> Exception:
        """The exception that ends the try; its type tells Airflow whether to retry. The log shows it once."""
        if error.retryable:
            return error.with_traceback(None)
        told = self.with_templates(error) if isinstance(error, InvalidInputError) else error
        return AirflowFailException(str(told))

    def _check_flags(self) -> None:
        """Reject a flag that is not a boolean: the text "False" would count as true."""
        violations = [
            Violation(_FLAG_NAMES.get(name, name), quoted(vars(self)[name]), "True or False")
            for name in _FLAGS
            if not isinstance(vars(self).get(name, False), bool if name in _NEVER_NONE else (bool, type(None)))
        ]
        if violations:
            raise InvalidInputError("The task's flags are not valid", violations)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        # Airflow keeps the links that it was given before the wait.
        self.operator_extra_links = ()
        try:
            # The fields are rendered again after every wait.
            self.check_templates()
            return self._carried(super().resume_execution(next_method, next_kwargs, context))
        except OfferLibraryError as error:
            raise self._failure(error) from None

    @abstractmethod
    def work(self, hook: OfferLibraryHook, context: Context) -> Any:
        """The work of the operator, with an open hook."""
