"""The one verdict on an error: is the write settled, is the request sent again, does a wait go on, may a task retry."""

from __future__ import annotations

import pytest

from airflow_provider_offers.client.errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    InvalidInputError,
    NoAnswerError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
    PagingError,
    PermissionDeniedError,
    RateLimitedError,
    RejectedError,
    ServerError,
    UnexpectedResponseError,
)
from airflow_provider_offers.client.verdict import Resend, Trouble, Verdict

DOUBTFUL, LASTING, OUTAGE = Trouble.DOUBTFUL, Trouble.LASTING, Trouble.OUTAGE
ALWAYS, IF_REPEATABLE, NEVER = Resend.ALWAYS, Resend.IF_REPEATABLE, Resend.NEVER


def refused(kind: type[APIError], status: int) -> APIError:
    return kind(method="GET", path="/offers", status=status)


def unexpected(status: int) -> UnexpectedResponseError:
    return UnexpectedResponseError("cut", method="GET", path="/", status=status)


def no_answer(sent: bool) -> NoAnswerError:
    return NoAnswerError("lost", method="POST", path="/", sent=sent)


@pytest.mark.parametrize(
    ("error", "task", "trouble", "settled", "resend"),
    [
        (no_answer(sent=True), True, OUTAGE, False, IF_REPEATABLE),
        (no_answer(sent=False), True, OUTAGE, True, ALWAYS),
        (refused(RateLimitedError, 429), True, OUTAGE, True, ALWAYS),
        (refused(ServerError, 500), True, OUTAGE, False, IF_REPEATABLE),
        (refused(ServerError, 501), True, OUTAGE, False, NEVER),
        *((refused(ServerError, each), True, OUTAGE, False, IF_REPEATABLE) for each in (502, 503, 504, 599)),
        *((refused(ServerError, each), True, OUTAGE, False, IF_REPEATABLE) for each in range(520, 531)),
        *((refused(BadRequestError, each), True, DOUBTFUL, False, IF_REPEATABLE) for each in (408, 425, 460, 499)),
        *((refused(BadRequestError, each), False, LASTING, True, NEVER) for each in (400, 405, 413, 415)),
        (refused(BadRequestError, 407), True, DOUBTFUL, True, NEVER),
        (refused(PermissionDeniedError, 403), False, DOUBTFUL, True, NEVER),
        (refused(NotFoundError, 404), True, DOUBTFUL, True, NEVER),
        (refused(ConflictError, 409), True, DOUBTFUL, True, NEVER),
        (refused(ConflictError, 409).for_good(), False, LASTING, True, NEVER),
        (refused(ServerError, 503).for_good(), False, OUTAGE, False, IF_REPEATABLE),
        (refused(RejectedError, 422), False, LASTING, True, NEVER),
        *((unexpected(each), True, OUTAGE, False, IF_REPEATABLE) for each in (200, 201, 408)),
        *((unexpected(each), True, OUTAGE, False, NEVER) for each in (101, 103, 302, 304, 403, 404, 409, 600, 999)),
        *((unexpected(each), True, OUTAGE, True, NEVER) for each in (407, 413, 414, 431)),
        (AuthenticationError("no", status=400), False, LASTING, True, NEVER),
        (AuthenticationError("no", status=403), False, DOUBTFUL, True, NEVER),
        (AuthenticationError("no", status=403, code="invalid_client"), False, LASTING, True, NEVER),
        *((AuthenticationError("no", status=each), True, OUTAGE, True, ALWAYS) for each in (429, 503)),
        (AuthenticationError("no", retryable=True), True, OUTAGE, True, ALWAYS),
        (InvalidInputError("no", []), False, LASTING, True, NEVER),
        (PagingError("no"), False, OUTAGE, True, NEVER),
        (OutcomeUnknownError("no"), True, OUTAGE, False, NEVER),
        (OutcomeUnknownError("no", retryable=False), False, LASTING, False, NEVER),
    ],
)
def test_what_an_error_says_about_another_try(
    error: OfferLibraryError, task: bool, trouble: Trouble, settled: bool, resend: Resend
) -> None:
    assert error.verdict == Verdict(task, trouble, settled, resend)
    assert error.retryable is task


@pytest.mark.parametrize(("resend", "read", "write"), [(NEVER, 0, 0), (IF_REPEATABLE, 1, 0), (ALWAYS, 1, 1)])
def test_what_may_be_sent_again(resend: Resend, read: int, write: int) -> None:
    verdict = Verdict(True, OUTAGE, True, resend)
    assert verdict.allows_resending(repeatable=True) is bool(read)
    assert verdict.allows_resending(repeatable=False) is bool(write)


def test_what_the_client_itself_found_out_is_settled() -> None:
    error = ServerError(method="GET", path="/offers", status=503, refused=False)
    assert error.verdict.settled
