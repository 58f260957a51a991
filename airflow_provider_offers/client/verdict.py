"""The verdict on an error: whether the request, a wait and the task may be tried again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from airflow_provider_offers.client.errors import (
    APIError,
    AuthenticationError,
    NoAnswerError,
    OfferLibraryError,
    OutcomeUnknownError,
    PagingError,
    UnexpectedResponseError,
)

# Statuses that gateways and proxies send instead of the service. They may have forwarded the request before.
INTERMEDIARIES = frozenset({408, 425, 460, 499, 502, 503, 504, *range(520, 531), 598, 599})
# Temporary errors: a request that may arrive twice is repeated.
_PASSING = INTERMEDIARIES | {500}
# A gateway with one of these statuses has not forwarded the request, even if the body is its own page.
_NOT_PASSED_ON = frozenset({407, 413, 414, 431})
# The service or its gateway refuses the request, the credential or the content. Not 404: an index may lag.
_OF_THE_TASK = frozenset({400, 401, 403, 405, 413, 415, 422})
# Statuses for errors in the request itself: another look would get the same answer.
_OF_THE_REQUEST = frozenset({400, 405, 413, 415, 422})


class Resend(Enum):
    """Whether the same request may be sent again."""

    NEVER = "another sending would end in the same way"
    IF_REPEATABLE = "if the request may arrive twice without harm"
    ALWAYS = "the service certainly did not process the request"


class Trouble(Enum):
    """The meaning of the error for a wait."""

    OUTAGE = "nothing was refused: an outage, throttling, or an answer that cannot be read"
    DOUBTFUL = "a refusal that may be temporary"
    LASTING = "another look would end in the same way"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the request, a wait and the task may be tried again after an error.

    `settled` is False if a write that ended in the error may have happened anyway. Only the service itself settles a
    write: by a success that can be read, or by a refusal in its own format. `task` says whether a retry of the task
    may succeed.
    """

    task: bool
    trouble: Trouble
    settled: bool = True
    resend: Resend = Resend.NEVER

    @property
    def is_outage(self) -> bool:
        """Whether the cause is temporary."""
        return self.trouble is Trouble.OUTAGE

    def allows_resending(self, *, repeatable: bool) -> bool:
        """Whether sending the request again can help and cannot harm."""
        return self.resend is Resend.ALWAYS or (repeatable and self.resend is Resend.IF_REPEATABLE)


def verdict_on(error: OfferLibraryError, *, passes: bool) -> Verdict:
    """The verdict on an error; `passes` is what its class, or the place that raised it, says about a retry."""
    match error:
        case NoAnswerError():
            resend = Resend.IF_REPEATABLE if error.sent else Resend.ALWAYS
            return Verdict(True, Trouble.OUTAGE, settled=not error.sent, resend=resend)
        case UnexpectedResponseError():
            return _on_unreadable(error.status)
        case AuthenticationError():
            return _on_token(error, passes=passes)
        case APIError():
            return _on_refusal(error)
    trouble = Trouble.OUTAGE if passes or isinstance(error, PagingError) else Trouble.LASTING
    return Verdict(passes, trouble, settled=not isinstance(error, OutcomeUnknownError))


def _on_unreadable(status: int) -> Verdict:
    """An answer that does not come from the Offer Library: a proxy's page, or a cut answer, is an outage.

    An answer that cannot be read may be complete the next time. A redirect or a proxy's refusal would only be repeated.
    """
    may_come_whole = 200 <= status < 300 or status in _PASSING
    resend = Resend.IF_REPEATABLE if may_come_whole else Resend.NEVER
    return Verdict(True, Trouble.OUTAGE, settled=status in _NOT_PASSED_ON, resend=resend)


def _on_refusal(error: APIError) -> Verdict:
    """A refusal by the service or its gateway, or something that the client itself found out.

    An answer of an intermediary settles nothing. A server error (5xx) settles nothing either. A 429 settles a write:
    the service did not process the request.
    """
    status, is_overload = error.status, _is_overload(error.status)
    lasting = Trouble.LASTING if error.final or status in _OF_THE_REQUEST else Trouble.DOUBTFUL
    repeatable = Resend.IF_REPEATABLE if status in _PASSING else Resend.NEVER
    return Verdict(
        task=status not in _OF_THE_TASK and not error.final,
        trouble=Trouble.OUTAGE if is_overload else lasting,
        settled=not (error.refused and (status >= 500 or status in INTERMEDIARIES)),
        resend=Resend.ALWAYS if status == 429 else repeatable,
    )


def _on_token(error: AuthenticationError, *, passes: bool) -> Verdict:
    """No token came. A 403 without a code may be a gateway's, because IMS names the problem of a secret."""
    if passes or (error.status is not None and _is_overload(error.status)):
        return Verdict(True, Trouble.OUTAGE, resend=Resend.ALWAYS)
    return Verdict(False, Trouble.DOUBTFUL if error.status == 403 and error.code is None else Trouble.LASTING)


def _is_overload(status: int) -> bool:
    """Whether the status means a throttle or a temporary failure, and not a refusal."""
    return status == 429 or status >= 500
