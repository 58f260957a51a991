"""The changes to objects of any kind: patch, replace, delete, schedule, step and search."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow_provider_offers import DEFAULT_CONNECTION
from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.given import as_given
from airflow_provider_offers.client.model.query import SearchParameters, asked_of, names, search_of, takes
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.operators.base import OfferLibraryOperator
from airflow_provider_offers.operators.edits import EditOperator
from airflow_provider_offers.operators.words import CLOSED, VALIDATE, checked

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from airflow.sdk import Context

    from airflow_provider_offers.client.calls import Work
    from airflow_provider_offers.client.flows.deleting_once import Delete
    from airflow_provider_offers.client.model.entities import Reference
    from airflow_provider_offers.client.model.lifecycle import Step
    from airflow_provider_offers.client.model.validation import Validate
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
    from airflow_provider_offers.operators.airflow_arguments import SearchArguments
    from airflow_provider_offers.operators.words import Document, Report, Waive

SEARCH = names(SearchParameters)


class PatchOperator(EditOperator):
    """Changes objects with a JSON Patch; see `PatchOfferOperator` for the parameters."""

    template_fields_renderers: ClassVar[dict[str, str]] = {"patch": "json"}
    json_fields: ClassVar[tuple[str, ...]] = ("patch",)
    can_keep_adobe_templates: ClassVar[bool] = True

    def __init__(
        self,
        *,
        patch: Document,
        if_match: int | str | None = None,
        waive: Waive = (),
        validate: Validate = True,
        keep_adobe_templates: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.patch = as_given(patch)
        self.if_match = if_match
        self.waive = waive
        self.validate = checked("validate", validate, VALIDATE, self)
        self.keep_adobe_templates = keep_adobe_templates

    @property
    def done(self) -> str:
        return "patched"

    @property
    def fingerprint(self) -> Any:
        return [*super().fingerprint, self.patch]

    @property
    def repeatable(self) -> bool:
        return self._prepared.is_idempotent

    def edit(self, hook: OfferLibraryHook, references: list[Reference]) -> Work:
        from airflow_provider_offers.client.flows.doubts import checked_waive, patch_looked_at
        from airflow_provider_offers.client.flows.sending import checked_etag
        from airflow_provider_offers.operators.documents import json_document

        if_match = checked_etag(self.if_match)
        if if_match is not None and len(references) != 1:
            raise InvalidInputError(
                "The patch cannot be sent",
                [Violation("if_match", f"one etag for {len(references)} offers", "if_match with one offer only")],
            )
        document, kind = json_document("patch", self.patch), self.kind_meant(hook)
        self._prepared = prepared = hook.library.checked_patch(document, references, kind=kind, validate=self.validate)
        intents, validate, waive = self.intents, self.validate, self.waive or ()
        waived = {reference.kind.key: checked_waive(reference.kind, waive) for reference in references}
        return lambda access, reference: patch_looked_at(
            access,
            reference,
            prepared,
            waive=waived[reference.kind.key],
            if_match=if_match,
            intent=intents.of(reference),
            validate=validate,
        )


class ReplaceOperator(EditOperator):
    """Replaces whole objects with documents; see `ReplaceOfferOperator` for the parameters.

    `document_field` is the name of the field with the documents.
    """

    document_field: ClassVar[str]
    can_keep_adobe_templates: ClassVar[bool] = True

    def __init__(
        self,
        *,
        if_match: int | str | None = None,
        waive: Waive = (),
        validate: Validate = True,
        keep_adobe_templates: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.if_match = if_match
        self.waive = waive
        self.validate = checked("validate", validate, VALIDATE, self)
        self.keep_adobe_templates = keep_adobe_templates

    @property
    def done(self) -> str:
        return "replaced"

    @property
    def fingerprint(self) -> Any:
        from airflow_provider_offers.operators.documents import json_document

        return [*super().fingerprint, json_document(self.document_field, getattr(self, self.document_field))]

    def edit(self, hook: OfferLibraryHook, references: list[Reference]) -> Work:
        from airflow_provider_offers.client.flows.doubts import checked_waive
        from airflow_provider_offers.client.flows.replacing import replace_object
        from airflow_provider_offers.client.flows.sending import checked_etag

        if_match = checked_etag(self.if_match)
        documents = self._documents(references, if_match)
        meant = hook.library.replacements(references, documents, validate=self.validate)
        waive, validate, intents = self.waive or (), self.validate, self.intents
        waived = {reference.kind.key: checked_waive(reference.kind, waive) for reference in references}
        return lambda access, reference: replace_object(
            access,
            reference,
            meant[reference],
            if_match=if_match,
            intent=intents.of(reference),
            waive=waived[reference.kind.key],
            validate=validate,
        )

    def _documents(self, references: list[Reference], if_match: Any) -> list[Any]:
        """The documents, one for each object, in the same order."""
        from airflow_provider_offers.operators.documents import json_document, listed_document

        name = self.document_field
        given = json_document(name, getattr(self, name))
        many = isinstance(given, Sequence) and not isinstance(given, (str, bytes))
        documents = [listed_document(f"{name}/{index}", each) for index, each in enumerate(given)] if many else [given]
        violations = []
        if len(documents) != len(references):
            accepted = f"a list of {len(references)} documents, one for each"
            violations.append(Violation(name, f"{len(documents)} for {len(references)} objects", accepted))
        if if_match is not None and len(references) != 1:
            given_etag = f"one etag for {len(references)} objects"
            violations.append(Violation("if_match", given_etag, "if_match with one object only"))
        if violations:
            raise InvalidInputError("The replacement is not valid", violations)
        return documents


class DeleteOperator(EditOperator):
    """Deletes objects; see `DeleteOfferOperator` for the parameters."""

    def __init__(self, *, missing_ok: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.missing_ok = missing_ok

    @property
    def done(self) -> str:
        return "deleted"

    def work(self, hook: OfferLibraryHook, context: Context) -> Any:
        from airflow_provider_offers.operators.memory import tries_of

        self._tries = tries_of(context)
        return super().work(hook, context)

    def edit(self, hook: OfferLibraryHook, references: list[Reference]) -> Work:
        from airflow_provider_offers.client.flows.deleting_once import delete_if_there, delete_once

        delete, tries = self.deletion(), self._tries
        delete_by = delete_if_there if self.missing_ok else delete_once
        return lambda access, reference: delete_by(access, reference, delete, tries)

    @abstractmethod
    def deletion(self) -> Delete:
        """The flow that deletes one object; with True, it accepts a missing object."""


class ScheduleOperator(EditOperator):
    """Sets the window of objects; see `ScheduleOfferOperator` for the parameters."""

    def __init__(
        self,
        *,
        start: datetime | str,
        end: datetime | str | None = None,
        duration: timedelta | str | None = None,
        timezone: str | None = None,
        waive: Waive = (),
        validate: Validate = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.start = start
        self.end = end
        self.duration = duration
        self.timezone = timezone
        self.waive = waive
        self.validate = checked("validate", validate, VALIDATE, self)

    @property
    def done(self) -> str:
        return "scheduled"

    @property
    def fingerprint(self) -> Any:
        return [*super().fingerprint, str(self.start), str(self.end), str(self.duration), str(self.timezone)]

    def edit(self, hook: OfferLibraryHook, references: list[Reference]) -> Work:
        from airflow_provider_offers.client.flows.editing import schedule
        from airflow_provider_offers.client.model.validation import checked_validate
        from airflow_provider_offers.client.model.windows import WINDOW_DOUBTS, doubtful, resolve_window

        window = resolve_window(self.start, self.end, self.duration, self.timezone)
        self.log.info("The window is %s to %s", window.start.isoformat(), window.end.isoformat())
        # A mapped task is not checked when the DAG is parsed.
        strict, waive = (
            checked_validate(self.validate) == "strict",
            waived(self.waive, WINDOW_DOUBTS, "The window is not valid"),
        )
        doubts = {reason: said for reason, said in window.doubts.items() if reason not in waive}
        if doubts and strict:
            raise doubtful(doubts)
        for said in doubts.values():
            self.log.warning("%s", said)
        intents = self.intents
        return lambda access, reference: schedule(
            access, reference, window, waive=waive, strict=strict, intent=intents.of(reference)
        )


class StepOperator(EditOperator):
    """The base of publish, unpublish, archive and the steps of decisions: one step of the lifecycle."""

    step_verb: ClassVar[str]

    @property
    @abstractmethod
    def steps(self) -> Sequence[Step]:
        """The steps of the kind."""

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


class SearchOperator(OfferLibraryOperator):
    """Searches the library; see `SearchOffersOperator` for the parameters."""

    template_fields: Sequence[str] = (*OfferLibraryOperator.template_fields, *SEARCH, "report")

    @takes(SearchParameters, others=True)
    def __init__(
        self,
        *,
        full: bool = False,
        report: Report | None = None,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Unpack[SearchArguments],
    ) -> None:
        search, others = search_of(kwargs, SEARCH)
        super().__init__(offer_library_conn_id=offer_library_conn_id, sandbox=sandbox, **others)
        for name, value in search.items():
            setattr(self, name, checked(name, value, CLOSED[name], self) if name in CLOSED else value)
        self.full = full
        self.report = report

    def objects_read(self, result: Any) -> Sequence[Mapping[str, Any]]:
        return result if isinstance(result, list) else ()

    @property
    def query(self) -> dict[str, Any]:
        """The search; templates can leave any part of it empty."""
        return asked_of(self, SEARCH)


def waived(given: Sequence[str] | str, reasons: Sequence[str], subject: str) -> tuple[str, ...]:
    """The waived reasons, one or several; each must be known."""
    from airflow_provider_offers.client.model.likeness import some_of

    if given is None or given == "":
        return ()
    names: list[Any] = list(given) if isinstance(given, (list, tuple, set, frozenset)) else [given]
    if unknown := [name for name in names if name not in reasons]:
        raise InvalidInputError(subject, [Violation("waive", quoted(unknown), some_of(reasons, unknown))])
    return tuple(names)
