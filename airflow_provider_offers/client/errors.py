"""Every error that the Offer Library client raises, as one small tree.

::

    OfferLibraryError
    ├── ConfigurationError          the settings of the connection are not valid (also a ValueError)
    ├── InvalidInputError           the input is not valid; nothing was sent (also a ValueError)
    ├── UnsupportedError            this generation of the API does not support it; nothing was sent
    ├── AuthenticationError         the identity service returned no token
    ├── NoAnswerError               the request or its answer was lost
    ├── UnexpectedResponseError     the answer does not come from the Offer Library
    ├── OutcomeUnknownError         it is not known whether a write happened
    ├── AlreadyExistsError          somebody else's offer has this name
    │   └── AmbiguousNameError      several offers have this name
    ├── TransitionError             the status of the offer does not allow this step
    ├── NotPublishableError         the offer or decision could not be shown; lists every reason
    ├── PagingError                 a listing repeats itself and does not end
    ├── BatchError                  some items of a list failed, each with its own error
    ├── HopelessError               the condition of a wait can no longer be met
    │   └── GoneError               the object of a wait does not exist, or no longer exists
    ├── RuntimeRefusalError         the decision runtime has not synced this object yet, such as a new decision
    ├── BatchJobError               a batch decision ended in ERROR
    ├── BatchTimeoutError           a batch decision did not finish in time; it continues
    └── APIError                    the service or its gateway refused the request
        ├── BadRequestError         400, 415 and other errors in the request itself
        ├── NotAuthenticatedError   401 and 403010: the token is missing, expired or unknown
        ├── PermissionDeniedError   403
        ├── NotFoundError           404, 410
        ├── ConflictError           409, 412, or a failed `test`: somebody else was faster
        ├── RejectedError           422: the service rejects the content
        ├── RateLimitedError        429
        └── ServerError             5xx

Errors cross process borders in Airflow, so each one can be pickled. No error contains a header or a token.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from airflow_provider_offers.client.text import legible, legible_message, on_lines

if TYPE_CHECKING:
    from airflow_provider_offers.client.verdict import Verdict

_Error = TypeVar("_Error", bound="OfferLibraryError")


class OfferLibraryError(Exception):
    """The root of the tree.

    Text from outside is limited in length and contains no control characters. An error does not change after its
    creation. `retryable`, if given, replaces the class's own value.
    """

    _retryable = False

    def __init__(self, message: str = "", *, retryable: bool | None = None) -> None:
        if retryable is not None:
            self._retryable = retryable
        super().__init__(legible_message(message))

    @property
    def verdict(self) -> Verdict:
        """The verdict on another try of the request, of a wait, and of the task."""
        from airflow_provider_offers.client.verdict import verdict_on

        return verdict_on(self, passes=self._retryable)

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later, so a retry of the task may help."""
        return self.verdict.task

    @property
    def risks_repetition(self) -> bool:
        """Whether another run might do once more what this one may have done."""
        return False

    def adding(self, words: str) -> Self:
        """The same error with more text at the end of its message, without its traceback."""
        return _rebuild(type(self), (f"{self} [{words}]",), self.__dict__.copy())

    def alike(self) -> Self:
        """A copy of the error. If several tasks raised the same object, it would collect the tracebacks of all."""
        return _rebuild(type(self), self.args, self.__dict__.copy())

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__.copy())


def _rebuild(cls: type[_Error], args: tuple[Any, ...], state: dict[str, Any]) -> _Error:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


@dataclass(frozen=True, slots=True)
class Violation:
    """One error in the input: the place (a JSON pointer or the name of a field), the given and the expected value."""

    pointer: str
    given: str
    expected: str

    def __str__(self) -> str:
        place = legible(self.pointer) or "the whole input"
        return f"{place}: given {legible(self.given)}; expected {legible(self.expected, _LONGEST_EXPECTED)}"


@dataclass(frozen=True, slots=True)
class Doubt(Violation):
    """A possible error: Adobe's pages contradict each other about it, or no page shows it.

    `page` is a sentence about the pages. `until_shown`: it is a doubt only in a draft, and an error in an object that
    is approved or live.
    """

    page: str = ""
    until_shown: bool = False

    def __str__(self) -> str:
        told = Violation.__str__(self)
        return f"{told}{'' if told.endswith('?') else '.'} {legible(self.page)}"


_LONGEST_EXPECTED = 1_000
# How many violations a message lists; `violations` holds all of them.
_MOST_LISTED = 20
# How many failures of a list a message shows; `failures` holds all of them.
_MOST_SHOWN = 5
_MAY_PASS = "The runtime syncs the library with a delay; until then it refuses objects that it has not synced yet"


class _Violations(OfferLibraryError, ValueError):
    """An error that lists every violation at once."""

    def __init__(self, subject: str, violations: Sequence[Violation]) -> None:
        self.subject = subject
        self.violations = tuple(violations)
        super().__init__(f"{subject}:{on_lines(self.violations, _MOST_LISTED)}")


class ConfigurationError(_Violations):
    """The settings of the connection are not valid; each wrong field is named."""


class InvalidInputError(_Violations):
    """The input is not valid. Nothing was sent."""


class UnsupportedError(OfferLibraryError):
    """The connection's generation of the API does not support the request. Nothing was sent."""


class AuthenticationError(OfferLibraryError):
    """The identity service (IMS) returned no token, or the connection's `access_token` is not accepted."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
        retryable: bool = False,
    ) -> None:
        self.status = status
        self.code = code
        self.retry_after = retry_after
        super().__init__(message, retryable=retryable)


class NoAnswerError(OfferLibraryError):
    """The request or its answer was lost: no connection, a reset, a timeout, or a cut answer.

    `sent` is False if the service certainly never saw the request.
    """

    def __init__(self, reason: str, *, method: str, path: str, sent: bool, request_id: str | None = None) -> None:
        self.reason = reason
        self.method = method
        self.path = path
        self.sent = sent
        self.request_id = request_id
        fate = "the service may have seen the request" if sent else "the service never saw the request"
        super().__init__(f"{method} {path}: {reason} ({fate}{_named('request id', request_id)})")


class UnexpectedResponseError(OfferLibraryError):
    """The answer does not come from the Offer Library: an HTML page, cut or foreign JSON, or a redirect."""

    def __init__(self, reason: str, *, method: str, path: str, status: int, request_id: str | None = None) -> None:
        self.reason = reason
        self.method = method
        self.path = path
        self.status = status
        self.request_id = request_id
        super().__init__(f"{method} {path} answered {status}, but {reason}{_named('request id', request_id)}")


class OutcomeUnknownError(OfferLibraryError):
    """A write may or may not have happened, and no read of the library shows which.

    Running the same creation again is safe, because it looks for its effect before it writes. If a patch cannot be
    distinguished from somebody else's edit, `retryable` is False, because another run might apply it twice.
    """

    _retryable = True

    @property
    def risks_repetition(self) -> bool:
        return not self.retryable


class AlreadyExistsError(OfferLibraryError):
    """An offer of that name already exists in the sandbox, and this run did not create it."""

    def __init__(self, message: str, *, ids: Sequence[str], retryable: bool | None = None) -> None:
        self.ids = tuple(ids)
        super().__init__(message, retryable=retryable)


class AmbiguousNameError(AlreadyExistsError):
    """Several offers have the name, so none can be adopted or updated."""


class TransitionError(OfferLibraryError):
    """The offer's status does not allow the step; the message names the allowed steps. Nothing was sent."""


class NotPublishableError(OfferLibraryError):
    """The published offer, or the activated decision, would not be shown.

    `findings` maps each reason, which can be waived, to a sentence.
    """

    def __init__(
        self,
        offer: str,
        findings: dict[str, str],
        *,
        doing: str = "Publishing",
        remedy: str = "waive a reason by its name to do it anyway",
    ) -> None:
        self.findings = dict(findings)
        lines = "".join(f"\n  {reason}: {sentence}" for reason, sentence in findings.items())
        super().__init__(f"{doing} {offer} would have no effect; {remedy}:{lines}")


class PagingError(OfferLibraryError):
    """A listing repeats itself although the service counts more entities than it gave."""


class HopelessError(OfferLibraryError):
    """The condition of a wait can no longer be met: the offer is deleted or archived, or its window is over."""


class GoneError(HopelessError):
    """The object of a wait does not exist: it was deleted, or its id or name is wrong."""


class BatchJobError(OfferLibraryError):
    """A batch job ended in ERROR; the message contains the service's detail. Another submission creates a new job."""

    _retryable = True


class BatchTimeoutError(OfferLibraryError):
    """A batch job did not finish in time. It continues, because the service cannot cancel it."""

    _retryable = True


class APIError(OfferLibraryError):
    """The service, or the gateway before it, refused the request.

    Attributes: `status` (HTTP), `code` (the gateway's `error_code` or the last part of the service's `type`), `title`,
    `detail`, `request_id`, `method`, `path`, and `retry_after` in seconds if the service named a time. `final` says
    that no retry can succeed, for example with an old etag. If the client itself found the problem and no service
    refused anything, `refused` is False, and `status` is the one that a service would answer.
    """

    def __init__(
        self,
        *,
        method: str,
        path: str,
        status: int,
        code: str | None = None,
        title: str | None = None,
        detail: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        hint: str | None = None,
        refused: bool = True,
        final: bool = False,
    ) -> None:
        self.method = method
        self.path = path
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.request_id = request_id
        self.retry_after = retry_after
        self.hint = hint
        self.refused = refused
        self.final = final
        said = ": ".join(part for part in (title, detail) if part) or "no explanation"
        if refused:
            message = f"{method} {path} was refused with {status}{f' (code {code})' if code else ''}: {said}"
        else:
            message = f"{method} {path}: {said}" if path else said
        message += _named("request id", request_id)
        if retry_after is not None:
            message += f" [retry after {retry_after:g} s]"
        if hint:
            message += f"\n  {hint}"
        super().__init__(message)

    def for_good(self) -> Self:
        """The same error, marked as final: no retry can succeed."""
        return _rebuild(type(self), self.args, {**self.__dict__, "final": True})

    def with_hint(self, hint: str) -> Self:
        """The same error, with a line that says what to do, after any other such line."""
        hints = hint if self.hint is None else f"{self.hint}\n  {hint}"
        return _rebuild(type(self), (f"{self.args[0]}\n  {hint}",), {**self.__dict__, "hint": hints})


class BadRequestError(APIError):
    """The request itself is wrong: 400, 405, 413, 415."""


class NotAuthenticatedError(APIError):
    """The token is missing, expired or unknown: 401, and the gateway's 403010."""


class PermissionDeniedError(APIError):
    """The credential may not do this: 403."""


class NotFoundError(APIError):
    """The object does not exist: 404, 410."""


class ConflictError(APIError):
    """Somebody else changed the object first: 409, 412, or a failed `test` operation."""


class RejectedError(APIError):
    """The service understood the content and refuses it: 422."""


class RateLimitedError(APIError):
    """Too many requests: 429. `retry_after` holds the requested seconds, if the service named them."""


class ServerError(APIError):
    """The service failed: 5xx."""


class RuntimeRefusalError(OfferLibraryError):
    """The decision runtime refuses: 404 or 422, for example for a decision that it has not synced yet.

    After its next update, the runtime may answer the same request. Nothing was counted. If the library itself shows the
    reason, `lasting` says it: then no update helps, and no retry.
    """

    _retryable = True

    def __init__(self, refused: APIError, lasting: str = "") -> None:
        self.refused = refused
        self.status = refused.status
        self.code = refused.code
        self.request_id = refused.request_id
        self.retry_after = refused.retry_after
        self.lasting = lasting
        why = f"A retry cannot help: {lasting}" if lasting else _MAY_PASS
        super().__init__(f"{refused}\n  {why}", retryable=not lasting)


class BatchError(OfferLibraryError):
    """Some objects of a list failed. `failures` maps each one's name or id to the text of its error.

    `verb` is what was to be done, such as `published`, and `nouns` names the objects.
    """

    def __init__(
        self, verb: str, done: int, total: int, failures: Mapping[str, OfferLibraryError], nouns: str = "offers"
    ) -> None:
        self.done = done
        self.total = total
        self._risks_repetition = any(error.risks_repetition for error in failures.values())
        self.failures = {each: str(error) for each, error in failures.items()}
        undone = total - done - len(self.failures)
        super().__init__(
            f"{done} of {total} {nouns} were {verb}, {len(self.failures)} failed"
            + (f" and {undone} were not begun" if undone else "")
            + f":{on_lines([f'{each}: {error}' for each, error in self.failures.items()], _MOST_SHOWN)}",
            retryable=may_retry(failures.values()),
        )

    @property
    def risks_repetition(self) -> bool:
        return self._risks_repetition


def may_retry(errors: Iterable[OfferLibraryError]) -> bool:
    """Whether a retry of work that ended in all of these errors may help, and repeats nothing."""
    seen = list(errors)
    return any(error.retryable for error in seen) and not any(error.risks_repetition for error in seen)


def _named(label: str, value: str | None) -> str:
    return f" [{label} {value}]" if value else ""
