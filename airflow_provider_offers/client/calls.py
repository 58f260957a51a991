"""The methods of both doors, each written once: it checks its arguments and returns an action or a search."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from airflow_provider_offers.client.actions import Action, Known, Search
from airflow_provider_offers.client.deciding.asking import decide
from airflow_provider_offers.client.deciding.jobs import Workload, job_status, submit
from airflow_provider_offers.client.deciding.questions import Question
from airflow_provider_offers.client.errors import InvalidInputError, UnsupportedError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.adding import create_object
from airflow_provider_offers.client.flows.cascading import delete_object
from airflow_provider_offers.client.flows.creation_arguments import new_creation
from airflow_provider_offers.client.flows.doubts import Waivable, checked_waive, patch_looked_at
from airflow_provider_offers.client.flows.editing import schedule, take_step
from airflow_provider_offers.client.flows.listing import Listing, begin_search
from airflow_provider_offers.client.flows.memory import Earlier
from airflow_provider_offers.client.flows.naming import all_with_ids, has_names, patch_with_ids, with_ids
from airflow_provider_offers.client.flows.ownership import Creation
from airflow_provider_offers.client.flows.reading import find_there, hinted, not_found, read, read_now
from airflow_provider_offers.client.flows.replacing import replace_object
from airflow_provider_offers.client.flows.sending import checked_etag
from airflow_provider_offers.client.flows.several import look_at_all, named_twice, needs_looks, read_documents
from airflow_provider_offers.client.flows.timing import service_time
from airflow_provider_offers.client.given import as_given, check_flags
from airflow_provider_offers.client.model.decided import Decided, Job
from airflow_provider_offers.client.model.entities import (
    Entity,
    Reference,
    Written,
    parse_offer_reference,
    parse_reference,
)
from airflow_provider_offers.client.model.filters import fitted
from airflow_provider_offers.client.model.kinds import PERSONALIZED, Kind, kind_of
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.preparing import prepare
from airflow_provider_offers.client.model.query import Query
from airflow_provider_offers.client.model.validation import Validate, checked_validate
from airflow_provider_offers.client.model.windows import doubtful, window_from
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.wire.messages import Flow, Json, Note

DEFAULT_PATIENCE = 10.0

Work: TypeAlias = Callable[[Access, Reference], Flow[Written]]


class Calls:
    """The methods of `OfferLibrary` and `AsyncOfferLibrary`.

    Each raises `InvalidInputError` before any request if its arguments are wrong, and otherwise the errors of
    `airflow_provider_offers.client.errors`. Documents and patches may be in either generation's spelling; entities have
    neutral names. `given` names an object: an id of either generation, an xcore instance id, `name:` and the exact
    name, the result of a task, or a `Reference`.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def reference(self, kind: Kind, given: Any) -> Reference:
        """The reference to the object of the kind that `given` names."""
        if isinstance(given, Reference) and given.kind == kind:
            return given
        return parse_reference(given, kind, api=self.settings.api, sandbox=self.settings.sandbox)

    def offer_reference(self, given: Any, kind: Kind | None = None) -> Reference:
        """The reference to the offer that `given` names, of either type without `kind`.

        An id that does not show its type means a personalized offer.
        """
        return parse_offer_reference(given, kind, api=self.settings.api, sandbox=self.settings.sandbox)

    def service_time(self) -> Action[datetime]:
        """Ask for a time that the service's clock has certainly reached, in UTC.

        Calls `GET .../instances` (xcore) or `GET /offers` (dps), until two answers in a row agree. If no answer shows a
        time, it is the time of this machine.
        """
        return service_time

    def prepare(
        self,
        kind: Kind,
        document: Any,
        *,
        window: Any = None,
        if_exists: str = "fail",
        patience: timedelta | float = DEFAULT_PATIENCE,
        marker: tuple[str, str] | None = None,
        earlier: Earlier | None = None,
        waive: Collection[Waivable] | Waivable = (),
        validate: Validate = True,
    ) -> Action[Creation]:
        """Check a document and everything else that `create_prepared` needs.

        `window` replaces the dates in the document: an `OfferWindow`, or an object with `start`, with `end` or
        `duration`, and optionally with `timezone`. `if_exists` is `fail`, `adopt`, `update` or `skip`. `patience` is
        how long a new object may take to show up in a listing, in seconds or as a timedelta. `marker` is the name and
        the value of a characteristic that the offer gets and by which it is recognized. `waive` names findings to
        ignore about an object that customers see at once. `validate` is True (refuse what is wrong, warn of what is
        doubtful), "strict" (refuse both) or False (send the document unchanged). References by `name:` are looked up.

        Raises `InvalidInputError` with every violation at once.
        """
        kind = kind_of(kind)
        creation = new_creation(
            kind,
            document,
            window=window,
            if_exists=if_exists,
            patience=patience,
            marker=marker,
            earlier=earlier,
            waive=waive,
            validate=validate,
        )
        if not has_names(kind, creation.properties):
            return Known(creation)

        def flow(access: Access) -> Flow[Creation]:
            found = yield from with_ids(access, kind, creation.properties, creation.patience)
            return replace(creation, properties=found)

        return flow

    def with_ids(self, creations: Sequence[Creation], places: Sequence[str] | None = None) -> Action[list[Creation]]:
        """Replace every `name:` in the documents of these creations by the id of the object.

        Many names are looked up in one listing of each kind, and few of them one by one. Of very many, the objects are
        read together as soon as listings show all edits from before the start, which takes `patience`. `places` are the
        beginnings of the pointers in messages, by default the indexes: `/0`, `/1` and so on.

        Raises `NotFoundError` or `AmbiguousNameError`, which tells all names that mean no object or several.
        """
        if not any(has_names(each.kind, each.properties) for each in creations):
            return Known(list(creations))
        named = [
            (f"/{index}" if places is None else places[index], each.kind, each.properties)
            for index, each in enumerate(creations)
        ]

        def flow(access: Access) -> Flow[list[Creation]]:
            patience = max(each.patience for each in creations)
            found = yield from all_with_ids(access, named, patience)
            return [replace(each, properties=properties) for each, properties in zip(creations, found, strict=True)]

        return flow

    def create_prepared(self, creation: Creation) -> Action[Written]:
        """Create an object once.

        Calls a lookup by name, then `POST /{container}/instances` (xcore) or `POST` of the kind's path, such as
        `/offers` (dps), then the lookup again until it shows the new object. An object that customers see at once is
        checked first: each finding is a warning, or with `validate="strict"` a `NotPublishableError`.

        Raises `AlreadyExistsError` if the name is taken and `if_exists` is `fail`, `AmbiguousNameError` if several
        objects have the name, and `OutcomeUnknownError` if an answer is lost and no lookup shows the object.
        """
        return lambda access: create_object(access, creation)

    def create(
        self,
        kind: Kind,
        document: Any,
        *,
        since: datetime | None = None,
        window: Any = None,
        if_exists: str = "fail",
        patience: timedelta | float = DEFAULT_PATIENCE,
        marker: tuple[str, str] | None = None,
        waive: Collection[Waivable] | Waivable = (),
        validate: Validate = True,
    ) -> Action[Written]:
        """Create an object once: `prepare`, then `create_prepared`.

        `since` is the earliest time at which an earlier try of the same work can have created the object.
        """
        prepared = self.prepare(
            kind,
            document,
            window=window,
            if_exists=if_exists,
            patience=patience,
            marker=marker,
            earlier=None if since is None else Earlier(since),
            waive=waive,
            validate=validate,
        )

        def flow(access: Access) -> Flow[Written]:
            creation = yield from prepared(access)
            return (yield from create_object(access, creation))

        return flow

    def get(self, kind: Kind, given: Any) -> Action[Entity]:
        """Read an object.

        Calls `GET /{container}/instances/{instanceId}` (xcore) or `GET` of the kind's path and the id (dps); Adobe:
        "Look up an offer". Raises `NotFoundError` if it does not exist, and `AmbiguousNameError` if `given` is a name
        that several objects have.
        """
        reference = self.reference(kind, given)
        return lambda access: read_now(access, reference)

    def get_unless(self, kind: Kind, given: Any, etag: int | str) -> Action[Entity | None]:
        """Read an object as `get` does; None if it still has the etag.

        On xcore, `If-None-Match` saves the body of the answer. dps documents no conditional read: the client compares.
        """
        reference = self.reference(kind, given)
        return lambda access: read(access, reference, unless_etag=etag)

    def get_many(self, references: Sequence[Reference]) -> Action[list[Entity]]:
        """Read objects in few requests, in the given order; see `look_at`.

        Raises `NotFoundError` with the names of all that do not exist.
        """
        look = self.look_at(references)

        def flow(access: Access) -> Flow[list[Entity]]:
            entities: list[Entity | None] = yield from look(access)
            missing = [reference for reference, entity in zip(references, entities, strict=True) if entity is None]
            if missing:
                raise hinted(not_found(access, references[0], "", ", ".join(map(str, missing))), *missing)
            return [entity for entity in entities if entity is not None]

        return flow

    def look_at(self, references: Sequence[Reference]) -> Action[list[Entity | None]]:
        """Read objects in few requests, in the given order; None for one that does not exist.

        Calls one lookup of many ids, `GET /{container}/instances?schema=...` (xcore) or `GET` of the kind's path (dps).
        Reads an object that the lookup does not show by its id, because listings may lag behind a creation.
        """
        return lambda access: look_at_all(access, references)

    def find(self, kind: Kind, name: str) -> Action[list[Entity]]:
        """Read every object of exactly that name; an empty list if there is none.

        Calls a lookup by name: `GET /{container}/instances?schema=...` (xcore) or `GET` of the kind's path (dps). It
        may not show an object that was created or renamed a moment ago.
        """
        kind = kind_of(kind)

        def flow(access: Access) -> Flow[list[Entity]]:
            found = yield from find_there(access, kind, name)
            return list(found.entities)

        return flow

    def search(self, kind: Kind, query: Query) -> Search[Entity]:
        """The objects that a query finds, each once. Pages are requested as the caller iterates.

        Calls `GET /{container}/queries/core/search` (xcore) or `GET` of the kind's path, such as `/offers` (dps);
        Adobe: "List personalized offers". Raises `UnsupportedError` if the generation has no such parameter.
        """
        return self._search(kind, query, brief=False)

    def search_for_receipts(self, kind: Kind, query: Query) -> Search[Entity]:
        """`search` for the hooks; no door has it. The objects may have only what receipts show: half the time."""
        return self._search(kind, query, brief=True)

    def _search(self, kind: Kind, query: Query, *, brief: bool) -> Search[Entity]:
        kind = kind_of(kind)
        query = fitted(query, kind)

        def begin(access: Access) -> Flow[Listing]:
            yield from ()
            return begin_search(access, kind, query, brief=brief)

        return Search(begin, lambda entity: entity)

    def patch(
        self,
        kind: Kind,
        given: Any,
        operations: Any,
        *,
        if_match: int | str | None = None,
        waive: Collection[Waivable] | Waivable = (),
        validate: Validate = True,
    ) -> Action[Written]:
        """Apply a JSON Patch (RFC 6902) exactly once.

        Calls `PATCH /{container}/instances/{instanceId}` (xcore) or `PATCH` of the kind's path and the id (dps). A
        patch that makes an offer approved or a decision live is checked first: each finding that is not in `waive` is a
        warning, or with `validate="strict"` a `NotPublishableError`.

        Raises `InvalidInputError` for a patch that is not valid, `ConflictError` if the etag is not `if_match` or a
        `test` fails, and `OutcomeUnknownError` if the answer is lost and no read shows what the patch changes.
        """
        reference, if_match = self.reference(kind, given), checked_etag(if_match)
        checked = self.checked_patch(operations, [reference], validate=validate)
        waived = checked_waive(kind, waive)

        def flow(access: Access) -> Flow[Written]:
            patch = yield from checked(access)
            return (
                yield from patch_looked_at(access, reference, patch, waive=waived, if_match=if_match, validate=validate)
            )

        return flow

    def checked_patch(
        self,
        operations: Any,
        references: Iterable[Reference],
        *,
        kind: Kind = PERSONALIZED,
        validate: Validate = True,
    ) -> Action[PreparedPatch]:
        """Prepare a JSON Patch for all objects that get it, and check it against their rules.

        The objects are of one kind, or offers of both types. Without an object, the patch is checked against the rules
        of `kind`. References by `name:` in its values are looked up.
        """
        meant = list(references)
        kinds = list({reference.kind.key: reference.kind for reference in meant}.values()) or [kind]
        prepared = prepare(as_given(operations), kinds, self.settings.api, checked_validate(validate))
        if not prepared.named:
            return Known(prepared)
        return lambda access: patch_with_ids(access, prepared, meant)

    def replace(
        self,
        kind: Kind,
        given: Any,
        document: Any,
        *,
        if_match: int | str | None = None,
        waive: Collection[Waivable] | Waivable = (),
        validate: Validate = True,
    ) -> Action[Written]:
        """Give an object exactly the properties of a document, once. Properties that the service assigns stay.

        Calls a read, then `PUT /{container}/instances/{instanceId}` (xcore), or `PATCH` of the kind's path and the id
        with the differences (dps). Raises `ConflictError` if the etag is not `if_match`; without `if_match`, the answer
        to a conflict is a fresh read and another attempt.
        """
        reference, if_match = self.reference(kind, given), checked_etag(if_match)
        meant = self.replacements([reference], [document], validate=validate)
        waived = checked_waive(kind, waive)

        def flow(access: Access) -> Flow[Written]:
            properties = (yield from meant(access))[reference]
            return (
                yield from replace_object(
                    access, reference, properties, if_match=if_match, waive=waived, validate=validate
                )
            )

        return flow

    def replacements(
        self, references: Sequence[Reference], documents: Sequence[Any], *, validate: Validate = True
    ) -> Action[dict[Reference, Mapping[str, Json]]]:
        """Check the new document of each object, and return it in neutral names. References by `name:` are looked up.

        Raises `InvalidInputError` with every violation at once. An object that is named twice is a violation.
        """
        meant, violations = read_documents(references, documents, checked_validate(validate))
        failure = f"The replacement of the {references[0].kind.noun} is not valid" if references else ""
        if violations and not needs_looks(references):
            raise InvalidInputError(failure, violations)
        if not needs_looks(references) and not any(has_names(each.kind, found) for each, found in meant.items()):
            return Known(meant)

        def flow(access: Access) -> Flow[dict[Reference, Mapping[str, Json]]]:
            twice = yield from named_twice(access, references)
            if violations or twice:
                raise InvalidInputError(failure, [*violations, *twice])
            alone = len(meant) == 1
            found = yield from all_with_ids(
                access,
                [
                    ("" if alone else f"/{index}", reference.kind, properties)
                    for index, (reference, properties) in enumerate(meant.items())
                ],
                DEFAULT_PATIENCE,
            )
            return dict(zip(meant, found, strict=True))

        return flow

    def edit(self, kind: Kind, given: Any, work: Work) -> Action[Written]:
        """Run a flow on one object: one of `airflow_provider_offers.client.flows.editing`, or the caller's own."""
        reference = self.reference(kind, given)
        return lambda access: work(access, reference)

    def schedule(
        self,
        kind: Kind,
        given: Any,
        window: Any,
        *,
        waive: Collection[Waivable] | Waivable = (),
        validate: Validate = True,
    ) -> Action[Written]:
        """Give a personalized offer or a decision its window, with the smallest patch, or none if it has that window.

        `window` is as in `prepare`. A window that has ended by the service's clock is a warning, unless `waive` has
        `window_over`; with `validate="strict"` it is an `InvalidInputError`. The windows of capping rules stay.

        Calls a read, then `PATCH` as `patch` does. Raises `TransitionError` if the status is final, and
        `NotPublishableError` if a live decision would have no offer to show in that window.
        """
        reference = self.reference(kind, given)
        meant, waived, strict = window_from(window), checked_waive(kind, waive), checked_validate(validate) == "strict"
        doubts = {reason: said for reason, said in meant.doubts.items() if reason not in waived}
        if doubts and strict:
            raise doubtful(doubts)

        def flow(access: Access) -> Flow[Written]:
            for said in doubts.values():
                yield Note(said)
            return (yield from schedule(access, reference, meant, waive=waived, strict=strict))

        return flow

    def publish(self, kind: Kind, given: Any, *, waive: Collection[Waivable] | Waivable = ()) -> Action[Written]:
        """Approve an offer, so that customers may see it inside its window.

        Calls a read, then `PATCH` as `patch` does. Raises `NotPublishableError` if customers would not see it, unless
        `waive` has each reason; and `TransitionError` if it is archived. Sends nothing if it is approved.
        """
        return self._step("publish", kind, given, waive)

    def unpublish(self, kind: Kind, given: Any) -> Action[Written]:
        """Take an approved offer back to draft.

        Calls a read, then `PATCH` as `patch` does. Raises `TransitionError` if it is archived.
        """
        return self._step("unpublish", kind, given)

    def activate(self, kind: Kind, given: Any, *, waive: Collection[Waivable] | Waivable = ()) -> Action[Written]:
        """Let a decision go live.

        Calls a read, then `PATCH` as `patch` does. Raises `NotPublishableError` if it would have nothing to show,
        unless `waive` has each reason; and `TransitionError` if it is complete or archived.
        """
        return self._step("activate", kind, given, waive)

    def deactivate(self, kind: Kind, given: Any) -> Action[Written]:
        """Take a live decision back to draft.

        Calls a read, then `PATCH` as `patch` does. Raises `TransitionError` if it is complete or archived.
        """
        return self._step("deactivate", kind, given)

    def complete(self, kind: Kind, given: Any) -> Action[Written]:
        """Complete a live decision, which is final.

        Calls a read, then `PATCH` as `patch` does. Raises `TransitionError` if it is a draft or archived.
        """
        return self._step("complete", kind, given)

    def archive(self, kind: Kind, given: Any) -> Action[Written]:
        """Archive an offer or a decision, which is final.

        Calls a read, then `PATCH` as `patch` does. Sends nothing if it is archived already.
        """
        return self._step("archive", kind, given)

    def _step(self, verb: str, kind: Kind, given: Any, waive: Collection[Waivable] | Waivable = ()) -> Action[Written]:
        step = next((each for each in kind.steps if each.verb == verb), None)
        if step is None:
            steps = ", ".join(each.verb for each in kind.steps) or "none"
            raise UnsupportedError(f"A {kind.noun} has no step {verb!r}; its steps: {steps}")
        reference, waived = self.reference(kind, given), checked_waive(kind, waive)
        return lambda access: take_step(access, reference, step, waive=waived)

    def delete(self, kind: Kind, given: Any, *, missing_ok: bool = False, cascade: bool = False) -> Action[Written]:
        """Delete an object and wait until it is gone; with `cascade`, first everything that refers to it.

        Calls `DELETE /{container}/instances/{instanceId}` (xcore) or `DELETE` of the kind's path and the id (dps).
        Without `cascade`, a reference to the object is a `ConflictError` that names the referring objects, and nothing
        is sent. Raises `NotFoundError` if the object does not exist, unless `missing_ok`.
        """
        check_flags("The deletion is not valid", missing_ok=missing_ok, cascade=cascade)
        reference = self.reference(kind, given)
        return lambda access: delete_object(access, reference, missing_ok=missing_ok, cascade=cascade)

    def decide(self, question: Question) -> Action[Decided]:
        """Ask which offers a profile gets.

        Calls `POST /data/core/ods/decisions` (dps) or `POST /data/core/ode/{container}/decisions` (xcore). Raises
        `RuntimeRefusalError` if the runtime refuses an object that it may not have synced yet.
        """
        return lambda access: decide(access, question)

    def submit_batch(self, workload: Workload) -> Action[Job]:
        """Submit a batch decision, and return the first state of its job.

        Calls `POST /data/core/dwm/workloads/decisions`. Sends it again only if the service certainly has not accepted
        it. Raises `RuntimeRefusalError` if the runtime refuses an object that it may not have synced yet.
        """
        return lambda access: submit(access, workload)

    def batch_status(self, job_id: str) -> Action[Job]:
        """Read the state of a batch decision. Calls `GET /data/core/dwm/workloads/decisions/{id}`."""
        return lambda access: job_status(access, job_id)
