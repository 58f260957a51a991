"""The log shows a retryable failure once: its message, without its cause and without our frames."""

from __future__ import annotations

import traceback
from typing import Any, NoReturn

import pytest

from airflow_provider_offers.client.errors import NoAnswerError, OfferLibraryError
from airflow_provider_offers.operators.offers import GetOfferOperator


def lost() -> NoReturn:
    try:
        raise ConnectionResetError("inside")
    except ConnectionResetError as inner:
        raise NoAnswerError("reset", method="GET", path="/offers/x", sent=True) from inner


def our_frames(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [frame.name for frame in frames if "/airflow_provider_offers/" in frame.filename]


@pytest.mark.parametrize("deferred", [False, True])
def test_what_may_be_retried_is_told_once(deferred: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    task = GetOfferOperator(task_id="get", offer_id="dps:personalized-offer:1")
    monkeypatch.setattr(type(task), "check_templates", lambda self: lost())
    context: Any = {}
    with pytest.raises(OfferLibraryError) as caught:
        task.resume_execution("execute_complete", {}, context) if deferred else task.execute(context)
    error = caught.value
    assert isinstance(error, NoAnswerError)
    assert error.retryable
    assert our_frames(error) == ["resume_execution" if deferred else "execute"]
    told = "".join(traceback.format_exception(error))
    assert told.count(str(error)) == 1
    assert "inside" not in told
