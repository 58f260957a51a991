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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from airflow_provider_offers.client.text import legible, legible_message

_Error = TypeVar("_Error", bound="OfferLibraryError")


class OfferLibraryError(Exception):
    """The root of the tree.

    Text from outside is limited in length and contains no control characters. Nothing is set on an error once it is
    made; `retryable`, if given, replaces what the class says.
    """

    _retryable = False

    def __init__(self, message: str = "", *, retryable: bool | None = None) -> None:
        if retryable is not None:
            self._retryable = retryable
        super().__init__(legible_message(message))

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later, which is what a retry of the task is."""
        return self._retryable

    def adding(self, words: str) -> Self:
        """The same error with more at the end of its message, without its traceback."""
        return _rebuild(type(self), (f"{self} [{words}]",), self.__dict__.copy())

    def alike(self) -> Self:
        """Another of the same: one that several raise would gather the traceback of all."""
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
    """One thing that is wrong in what was given: where (a JSON pointer or a field's name), what, and what would do."""

    pointer: str
    given: str
    accepted: str

    def __str__(self) -> str:
        place = legible(self.pointer) or "(the whole)"
        return f"{place}: given {legible(self.given)}; expected {legible(self.accepted, _LONGEST_ACCEPTED)}"


@dataclass(frozen=True, slots=True)
class Doubt(Violation):
    """What may be wrong, and may be right: some page of Adobe's does it and another forbids it, or no page shows it.

    `page` says which page does what, as a sentence. `until_shown`: only a draft may have it; it is certain to be wrong
    once the object is approved or live.
    """

    page: str = ""
    until_shown: bool = False

    def __str__(self) -> str:
        return f"{Violation.__str__(self)}. {legible(self.page)}"


_LONGEST_ACCEPTED = 1_000
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
        lines = "".join(f"\n  {violation}" for violation in self.violations[:_MOST_LISTED])
        more = len(self.violations) - _MOST_LISTED
        super().__init__(f"{subject}:{lines}" + (f"\n  and {more} more" if more > 0 else ""))


class ConfigurationError(_Violations):
    """The connection's settings cannot work; each wrong field is named."""


class InvalidInputError(_Violations):
    """What the caller gave is wrong. Nothing was sent."""


class UnsupportedError(OfferLibraryError):
    """The generation of the API that the connection names cannot express what was asked. Nothing was sent."""


class AuthenticationError(OfferLibraryError):
    """The identity service (IMS) gave no token, or the ready token is not accepted."""

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
        passes = status is not None and (status == 429 or status >= 500)
        super().__init__(message, retryable=retryable or passes)


class NoAnswerError(OfferLibraryError):
    """The request, or its answer, was lost: refused, reset, timed out or cut short.

    `sent` is False when it is certain that the service never saw the request.
    """

    _retryable = True

    def __init__(self, reason: str, *, method: str, path: str, sent: bool, request_id: str | None = None) -> None:
        self.reason = reason
        self.method = method
        self.path = path
        self.sent = sent
        self.request_id = request_id
        fate = "the service may have seen the request" if sent else "the service never saw the request"
        super().__init__(f"{method} {path}: {reason} ({fate}{_named('request id', request_id)})")


class UnexpectedResponseError(OfferLibraryError):
    """An answer came that the Offer Library does not give: an HTML page, cut or foreign JSON, a redirect."""

    # A proxy's page, or a cut answer, is an outage in another dress.
    _retryable = True

    def __init__(self, reason: str, *, method: str, path: str, status: int, request_id: str | None = None) -> None:
        self.reason = reason
        self.method = method
        self.path = path
        self.status = status
        self.request_id = request_id
        super().__init__(f"{method} {path} answered {status}, but {reason}{_named('request id', request_id)}")


class OutcomeUnknownError(OfferLibraryError):
    """A write may or may not have happened, and every look at the library left it open.

    Running the same creation again is safe: it looks for its effect before it writes. Where a patch cannot be told
    from somebody else's edit, `retryable` is False, since another run might apply it twice.
    """

    _retryable = True


class AlreadyExistsError(OfferLibraryError):
    """An offer of that name is in the sandbox already, and this run did not make it."""

    def __init__(self, message: str, *, ids: Sequence[str], retryable: bool | None = None) -> None:
        self.ids = tuple(ids)
        super().__init__(message, retryable=retryable)


class AmbiguousNameError(AlreadyExistsError):
    """Several offers have the name, so that none can be adopted or updated."""


class TransitionError(OfferLibraryError):
    """The offer's status does not allow the step; the message names the steps that it does allow. Nothing was sent."""


class NotPublishableError(OfferLibraryError):
    """Publishing the offer, or activating the decision, would be pointless.

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
        super().__init__(f"{doing} {offer} would be pointless; {remedy}:{lines}")


class PagingError(OfferLibraryError):
    """A listing repeats itself although the service counts more entities than it gave."""


class HopelessError(OfferLibraryError):
    """What is waited for can no longer happen: the offer is gone, archived, or its window is over."""


class GoneError(HopelessError):
    """What is waited for is not there: it is gone, or where it never was seen, it is named wrongly."""


class BatchJobError(OfferLibraryError):
    """A batch job ended in ERROR; the message holds the service's detail. Another submission makes a new job."""

    _retryable = True


class BatchTimeoutError(OfferLibraryError):
    """A batch job was not over in time. It continues: the service cannot cancel it."""

    _retryable = True

    @classmethod
    def of(cls, job_id: str, status: str, seconds: float, subject: str = "") -> BatchTimeoutError:
        """The error for a job that has this status after so many seconds; `subject` says what the job is for."""
        job = f"{job_id} ({subject})" if subject else job_id
        return cls(f"The batch job {job} is still {status} after {seconds:g} s, and continues")


# The service or its gateway refuses the request, the credential or the content. Not 404: an index may lag.
_FINAL_STATUSES = (400, 401, 403, 405, 413, 415, 422)


class APIError(OfferLibraryError):
    """The service, or the gateway before it, refused the request.

    Attributes: `status` (HTTP), `code` (the gateway's `error_code` or the last part of the service's `type`),
    `title`, `detail`, `request_id`, `method`, `path`, and `retry_after` in seconds when the service named a time.
    `final` says that no retry can succeed, as with an etag that is long gone. If the client itself found out, and no
    service refused anything, `refused` is False and `status` is the one that a service would answer.
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
        super().__init__(message, retryable=status not in _FINAL_STATUSES and not final)

    def for_good(self) -> Self:
        """The same error as one that no retry can succeed after."""
        return _rebuild(type(self), self.args, {**self.__dict__, "final": True, "_retryable": False})


class BadRequestError(APIError):
    """The request itself is wrong: 400, 405, 413, 415."""


class NotAuthenticatedError(APIError):
    """The token is missing, expired or unknown: 401, and the gateway's 403010."""


class PermissionDeniedError(APIError):
    """The credential may not do this: 403."""


class NotFoundError(APIError):
    """There is no such object: 404, 410."""


class ConflictError(APIError):
    """Somebody else changed the object first: 409, 412, or a failed `test` operation."""


class RejectedError(APIError):
    """The service understood the content and refuses it: 422."""


class RateLimitedError(APIError):
    """Too many requests: 429. `retry_after` holds the seconds that the service asked for, if it did."""


class ServerError(APIError):
    """The service failed: 5xx."""


class RuntimeRefusalError(OfferLibraryError):
    """The decision runtime refuses by what it knows: 404 or 422, of a decision that it does not know for one.

    Its next update may lift that, so that the same question may be answered later. Nothing was counted. Where the
    library itself shows why it refuses, `lasting` says so: no update will lift that, and no retry helps.
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
    """Some objects of a list could not be done. `failures` maps each one's name or id to its error's text.

    `verb` says what was to be done, such as `published`, and `nouns` what they are.
    """

    def __init__(
        self, verb: str, done: int, total: int, failures: Mapping[str, OfferLibraryError], nouns: str = "offers"
    ) -> None:
        self.done = done
        self.total = total
        self.failures = {each: str(error) for each, error in failures.items()}
        lines = "".join(f"\n  {each}: {error}" for each, error in list(self.failures.items())[:_MOST_SHOWN])
        more = len(self.failures) - _MOST_SHOWN
        undone = total - done - len(self.failures)
        super().__init__(
            f"{done} of {total} {nouns} were {verb}, {len(self.failures)} failed"
            + (f" and {undone} were not begun" if undone else "")
            + f":{lines}"
            + (f"\n  and {more} more" if more > 0 else ""),
            retryable=any(error.retryable for error in failures.values()),
        )


def _named(label: str, value: str | None) -> str:
    return f" [{label} {value}]" if value else ""
