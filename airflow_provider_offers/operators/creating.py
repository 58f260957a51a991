"""The base of the operators that create: one object or a list of them, each exactly once for each task run."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_offers import DEFAULT_CONNECTION, configuration
from airflow_provider_offers.client.given import unless_empty
from airflow_provider_offers.configuration import CONCURRENT
from airflow_provider_offers.operators.base import OfferLibraryOperator
from airflow_provider_offers.operators.words import IF_EXISTS, ON_FAILURE, VALIDATE, checked

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_offers.client.errors import Violation
    from airflow_provider_offers.client.flows.creation_notes import CreationNotes
    from airflow_provider_offers.client.flows.memory import Intents
    from airflow_provider_offers.client.flows.ownership import Creation
    from airflow_provider_offers.client.model.entities import Written
    from airflow_provider_offers.client.model.validation import Validate
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
    from airflow_provider_offers.operators.rows import FilledIn
    from airflow_provider_offers.operators.words import EmitAssets, IfExists, OnFailure, Report, Rows, Waive


_OTHER_INDEX = "another index of this mapped task may have created it, also before the task was cleared"
# The documents of a list whose references are told as lineage.
_MOST_READ = 100


class CreateOperator(OfferLibraryOperator):
    """Creates the object in a field of the operator, and returns its receipt; for a list, a list of receipts.

    :param rows: creates one object for each row: a list of dicts or tuples, the result of a task, or the name of a
        `.csv`, `.tsv`, `.jsonl`, `.ndjson`, `.json` or `.parquet` file. The document is one template then, and
        `{{ row.sku }}` is a cell, here and in `window`, `if_exists`, `marker` and `waive`
    :param columns: the names of the values, if the rows are tuples
    :param window: when the object may be shown; replaces the dates in the document: `start` and `end` or `duration`,
        with an optional `timezone`, as in `ScheduleOfferOperator`
    :param if_exists: what to do if the sandbox already has an object with exactly this name: `fail` (default), `adopt`
        (use it as it is), `update` (patch the differences), `skip` (skip this task; in a list, this entry). The
        operator recognizes and adopts the object of an earlier try of this task.
    :param patience: seconds, or a timedelta, that the service may need to list a new object, or to commit a late POST.
        The operator looks for other objects with the name for this time after a creation, and for twice this time
        after a lost answer before it sends the POST again
    :param marker: the name of a characteristic to store `dag/run/task/map index` in, so the task always recognizes its
        own object; by default, nothing is added to an offer
    :param waive: checks to silence if the object is created as `approved` or `live`: the reasons of
        `PublishOfferOperator` and `ActivateDecisionOperator`, and the doubts about a window of `ScheduleOfferOperator`.
        Each of them is a warning otherwise, and an error with `validate="strict"`
    :param validate: True rejects errors and warns about doubts, `"strict"` rejects both, False sends the document
        unchanged
    :param keep_adobe_templates: True keeps Adobe's own templates, such as `{{profile.person.name.firstName}}`, in
        `content`, `deliveryURL` and `linkURL`: there, Airflow only renders expressions in double braces that begin
        with a name that it knows, such as `{{ ds }}` or `{{ params.code }}`
    :param max_concurrent: how many items of a list run at the same time (default 8)
    :param on_failure: after a failure in a list: `stop` (default) starts no more items, `continue` processes the
        rest; the task fails in both cases, and lists the failures
    :param report: where a list's receipts go: an address of object storage, such as `s3://bucket/created.jsonl`, or
        an absolute path. The task then returns a summary that leads to it, which every `offer_id` accepts
    :param emit_assets: True emits an asset event for each object that the task wrote; `partitions` emits one event for
        each id, as partitions of an outlet that is the asset of the kind (Airflow 3.3)
    """

    keeps_values: ClassVar[bool] = True
    # The field that holds the document.
    document_field: ClassVar[str] = "offer"
    can_keep_adobe_templates: ClassVar[bool] = True
    # The documents from `rows`, and the first row.
    _filled_in: FilledIn | None = None
    sample_row: Any = None
    _creations_made: Sequence[Creation] = ()

    template_fields: Sequence[str] = (
        *OfferLibraryOperator.template_fields,
        "rows",
        "columns",
        "window",
        "if_exists",
        "marker",
        "waive",
        "max_concurrent",
        "on_failure",
        "report",
    )

    def __init__(
        self,
        *,
        rows: Rows | None = None,
        columns: Sequence[str] | str | None = None,
        window: dict[str, Any] | str | None = None,
        if_exists: IfExists = "fail",
        patience: timedelta | float = 10.0,
        marker: str | None = None,
        waive: Waive = (),
        validate: Validate = True,
        keep_adobe_templates: bool = False,
        max_concurrent: int | str = CONCURRENT,
        on_failure: OnFailure = "stop",
        report: Report | None = None,
        emit_assets: EmitAssets = False,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )
        self.rows = rows
        self.columns = columns
        self.window = window
        self.if_exists = checked("if_exists", if_exists, IF_EXISTS, self)
        self.patience = patience
        self.marker = marker
        self.waive = waive
        self.validate = checked("validate", validate, VALIDATE, self)
        self.keep_adobe_templates = keep_adobe_templates
        self.max_concurrent = configuration.concurrent(max_concurrent)
        self.report = report
        self.on_failure = checked("on_failure", on_failure, ON_FAILURE, self)
        self.set_emission(emit_assets)

    @property
    def row_fields(self) -> tuple[str, ...]:
        """The fields whose templates may use `row`."""
        return (self.document_field, "window", "if_exists", "marker", "waive")

    @property
    @abstractmethod
    def kind_key(self) -> str:
        """The key of the kind that is created."""

    def prepare(self, context: Context) -> None:
        super().prepare(context)
        if self.rows is not None:
            from airflow_provider_offers.operators.rows import fill_in

            self._filled_in = fill_in(self, context)
        elif self.columns:
            from airflow_provider_offers.client.errors import InvalidInputError, Violation
            from airflow_provider_offers.client.text import quoted

            wrong = Violation("columns", quoted(self.columns), "rows, whose values they name")
            raise InvalidInputError("The rows are missing", [wrong])

    def written(self, result: Any) -> Sequence[Mapping[str, Any]]:
        return result if isinstance(result, list) else [result]

    def objects_read(self, result: Any) -> Sequence[Mapping[str, Any]]:
        from airflow_provider_offers.assets.lineage import referred_objects

        # The documents of a list refer to much the same objects, so its first ones are enough.
        made = self._creations_made[:_MOST_READ]
        return referred_objects((creation.kind, creation.properties) for creation in made)

    def work(self, hook: OfferLibraryHook, context: Context) -> Any:
        from airflow_provider_offers.operators.documents import json_document, listed_document
        from airflow_provider_offers.operators.lists import bounds

        # Also for one object: the next run may get a list.
        bounds(self.max_concurrent, self.on_failure)
        given = json_document(self.document_field, getattr(self, self.document_field))
        if isinstance(given, Sequence) and not isinstance(given, (str, bytes)):
            documents = [listed_document(f"{self.document_field}/{index}", each) for index, each in enumerate(given)]
            return self._create_many(documents, hook, context)
        return self._create_one(given, hook, context)

    def _create_one(self, document: Any, hook: OfferLibraryHook, context: Context) -> dict[str, Any]:
        from airflow_provider_offers.client.errors import AlreadyExistsError
        from airflow_provider_offers.client.wire.memory import remember

        creations = self._with_ids([self._creation(document, context)], [""], hook, context)
        self._creations_made = creations
        (creation,) = creations
        notes = self._notes(hook, context, [creation])
        try:
            receipt = hook.create(_once(creation, notes, 0))
            remember(hook.memory, notes.add(0, receipt, datetime.now(UTC)))
        except AlreadyExistsError as error:
            if (context["ti"].map_index or 0) < 0:
                raise
            # Each index has a memory of its own, and the mapped list may have been in another order.
            raise error.adding(_OTHER_INDEX) from None
        finally:
            remember(hook.memory, notes.save())
        if receipt["action"] == "skipped":
            raise self._skipped(context, receipt, f"{receipt['name']!r} already exists ({receipt['id']})")
        return receipt

    def _create_many(self, documents: list[Any], hook: OfferLibraryHook, context: Context) -> list[dict[str, Any]]:
        from airflow_provider_offers.client.flows.adding import create_object
        from airflow_provider_offers.client.model.receipts import write_receipt
        from airflow_provider_offers.operators.lists import bounds, subject_of, work_through
        from airflow_provider_offers.operators.progress import ListProgress

        max_concurrent, stop = bounds(self.max_concurrent, self.on_failure)
        creations = self._creations(hook, documents, context)
        self._creations_made = creations
        notes = self._notes(hook, context, creations)
        items = [_once(creation, notes, index) for index, creation in enumerate(creations)]

        def to_receipt(index: int, written: Written) -> dict[str, Any]:
            hook.tell_withdrawn(creations[index], written)
            return write_receipt(written, hook.settings, creations[index].kind)

        def called(index: int) -> str:
            name = repr(creations[index].name)
            return name if self._filled_in is None else f"{name} ({self._row(index)})"

        receipts = work_through(
            hook,
            context,
            items,
            create_object,
            receipts=notes,
            progress=ListProgress(self.log, notes, len(items), to_receipt, subject_of(creations), called),
            called=called,
            done="created",
            max_concurrent=max_concurrent,
            stop=stop,
            # Objects that must wait for earlier tries come last, so they delay no other.
            order=notes.waits,
        )
        if receipts and all(receipt["action"] == "skipped" for receipt in receipts):
            raise self._skipped(context, receipts, f"all {len(receipts)} already exist")
        return receipts

    def _creation(self, document: Any, context: Context, index: int = 0) -> Creation:
        """The checked creation. References by `name:` are still in its document."""
        from airflow_provider_offers.client.flows.creation_arguments import new_creation
        from airflow_provider_offers.client.model.kinds import kind_of
        from airflow_provider_offers.operators.documents import json_document

        marker = _at(self.marker, index)
        return new_creation(
            kind_of(self.kind_key),
            document,
            window=unless_empty(json_document("window", _at(self.window, index))),
            if_exists=_at(self.if_exists, index),
            patience=self.patience,
            marker=None if unless_empty(marker) is None else (marker, _this_work(context)),
            earlier=None,
            waive=_at(self.waive, index) or (),
            validate=self.validate,
        )

    def _with_ids(
        self, creations: list[Creation], places: list[str] | None, hook: OfferLibraryHook, context: Context
    ) -> list[Creation]:
        """The creations with ids in place of names, and with the place of the notes about updates."""
        found = hook.library.with_ids(creations, places)
        return [replace(each, intents=self._intents(hook, context, each)) for each in found]

    def _intents(self, hook: OfferLibraryHook, context: Context, creation: Creation) -> Intents:
        """The place where the tries of the task note that they are about to update an existing object."""
        from airflow_provider_offers.client.flows.memory import Intents
        from airflow_provider_offers.operators.memory import tries_of

        wanted = [*hook.settings.target, self.kind_key, creation.properties]
        return Intents(tries_of(context), wanted)

    def _creations(self, hook: OfferLibraryHook, documents: list[Any], context: Context) -> list[Creation]:
        """Every creation of the list. Raises one error with the violations of all documents."""
        from airflow_provider_offers.client.errors import InvalidInputError
        from airflow_provider_offers.client.flows.creation_arguments import check_names
        from airflow_provider_offers.client.repeated import told_once

        creations: list[Creation] = []
        wrong: list[tuple[int, Violation]] = []
        with told_once() as repeated:
            for index, document in enumerate(documents):
                repeated.place = f"/{index}" if self._filled_in is None else self._row(index)
                try:
                    creations.append(self._creation(document, context, index))
                except InvalidInputError as error:
                    wrong += [(index, each) for each in error.violations]
        if wrong:
            raise InvalidInputError("The list is not valid", self._violations(wrong, documents))
        places = None if self._filled_in is None else [self._row(index) for index in range(len(creations))]
        check_names(creations, places)
        return self._with_ids(creations, places, hook, context)

    def _violations(self, wrong: list[tuple[int, Violation]], documents: list[Any]) -> list[Violation]:
        """The violations of some documents of the list."""
        if self._filled_in is None:
            return list(dict.fromkeys(_with_index(each, index, documents[index]) for index, each in wrong))
        from airflow_provider_offers.operators.rows import together

        told = self._filled_in.told
        return together([(index, told(each)) for index, each in wrong], self._row)

    def _row(self, index: int) -> str:
        """The row of a document, in messages."""
        assert self._filled_in is not None
        return self._filled_in.place(index, getattr(self, self.document_field))

    def _notes(self, hook: OfferLibraryHook, context: Context, creations: list[Creation]) -> CreationNotes:
        """The notes that the tries of the task keep for each other about the objects."""
        from airflow_provider_offers.client.flows.creation_notes import CreationNotes
        from airflow_provider_offers.client.wire.memory import remember
        from airflow_provider_offers.operators.memory import tries_of

        settings = hook.settings
        wishes = [creation.wish(settings.target) for creation in creations]
        answer = timedelta(seconds=2 * settings.timeout)
        notes = CreationNotes(tries_of(context), wishes, began=datetime.now(UTC), answer=answer)
        remember(hook.memory, notes.load())
        return notes

    def _skipped(self, context: Context, receipts: Any, said: str) -> Exception:
        from airflow.sdk.exceptions import AirflowSkipException

        from airflow_provider_offers.operators.reports import push_unfinished

        # A skipped task returns nothing.
        if isinstance(receipts, list):
            push_unfinished(self, context, receipts, {})
        else:
            context["ti"].xcom_push(key="return_value", value=receipts)
        return AirflowSkipException(said)


def _at(value: Any, index: int) -> Any:
    """The value of a field for a document of the list: the one from its row, or the value itself."""
    from airflow_provider_offers.client.rows.rendering import PerRow

    return value[index] if isinstance(value, PerRow) else value


def _with_index(violation: Violation, index: int, document: Any) -> Violation:
    """A violation of one document, with its index in the list, and its name if it has one."""
    from airflow_provider_offers.client.errors import Violation
    from airflow_provider_offers.client.model.documents import name_in
    from airflow_provider_offers.client.text import quoted

    if violation.pointer and not violation.pointer.startswith("/"):
        return violation
    name = name_in(document)
    given = f"{violation.given} in {quoted(name)}" if name else violation.given
    return Violation(f"/{index}{violation.pointer}", given, violation.expected)


def _once(creation: Creation, notes: CreationNotes, index: int) -> Creation:
    """The creation, with the notes of the task's tries."""
    return replace(creation, earlier=notes.earlier(index), record=notes.of(index), found=notes.found(index))


def _this_work(context: Context) -> str:
    """The value of a marker: the task and the run that created the object. Objects of a list differ by their names."""
    ti = context["ti"]
    return "/".join(map(str, (ti.dag_id, ti.run_id, ti.task_id, ti.map_index)))
