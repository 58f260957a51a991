"""A kind that allows each name once: a refused POST may mean that the name is taken, by others or by ourselves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.errors import AlreadyExistsError, ConflictError, OutcomeUnknownError, RejectedError
from airflow_provider_offers.client.flows.adding import create_object
from airflow_provider_offers.client.flows.ownership import Creation
from airflow_provider_offers.client.model.entities import Written
from airflow_provider_offers.client.model.kinds import PERSONALIZED, TAG
from tests.client.library import page, sale
from tests.client.script import START, Script, Step, answer, lost

ID = "dps:tag:1c265218f4011006"
REFUSED = answer(422, {"title": "no", "detail": "the name is taken"})


def tag(*, name: str = "Spring", age: timedelta = timedelta(0)) -> dict[str, Any]:
    """A tag as a read shows it, created that long before the test begins."""
    moment = (START - age).isoformat()
    return {"id": ID, "etag": 1, "created": moment, "modified": moment, "name": name}


def listed(*tags: dict[str, Any]) -> list[Step]:
    """The answers to a lookup by the name: a listing, and a read of each object in it."""
    return [answer(200, page("dps", tags)), *(answer(200, each) for each in tags)]


def create(*steps: Step, **changes: Any) -> tuple[Written, Script]:
    script = Script(*steps)
    creation = Creation(**{"kind": TAG, "properties": {"name": "Spring"}, "patience": 1.0, **changes})
    return script.run(create_object(script.access("dps"), creation)), script


def posts(script: Script) -> int:
    return [request.method for request in script.requests].count("POST")


def test_a_name_that_ones_own_post_took_is_adopted() -> None:
    """A gateway sent the POST twice, and the answer is that of the second."""
    written, script = create(*listed(), REFUSED, *listed(), *listed(tag()), *listed(tag()))

    assert (written.action, written.receipt.id, posts(script)) == ("adopted", ID, 1)
    assert [pause.seconds for pause in script.pauses] == [0.25]


def test_a_name_that_somebody_else_took_is_a_matter_of_if_exists() -> None:
    theirs = tag(age=timedelta(minutes=1))
    steps: list[Step] = [*listed(), REFUSED, *listed(theirs), *listed(theirs)]

    with pytest.raises(AlreadyExistsError) as caught:
        create(*steps)
    assert isinstance(caught.value.__cause__, RejectedError)
    assert create(*steps, if_exists="skip")[0].action == "skipped"


def test_a_refusal_that_no_listing_explains_leaves_the_creation_open() -> None:
    looks = [step for _ in range(4) for step in listed()]

    with pytest.raises(OutcomeUnknownError, match="no listing showed the object within 1 s") as caught:
        create(*listed(), REFUSED, *looks)

    assert caught.value.retryable
    assert "the name is taken" in str(caught.value)


def test_a_name_that_is_taken_after_a_lost_answer_may_be_ones_own() -> None:
    theirs = tag(age=timedelta(minutes=1))
    steps: list[Step] = [*listed(), lost(), *listed(), REFUSED, *listed(theirs), *listed(theirs)]

    with pytest.raises(OutcomeUnknownError) as caught:
        create(*steps, patience=0)

    assert caught.value.retryable
    assert "a POST had no answer, and the service refused the next one" in str(caught.value)
    assert "does not match the document" in str(caught.value)


def test_a_conflict_before_anything_is_posted_is_that_conflict() -> None:
    renamed = answer(200, tag(name="Autumn"))

    with pytest.raises(ConflictError, match="was renamed meanwhile"):
        create(*listed(tag()), renamed, *listed(), if_exists="update", patience=0)


def test_a_kind_whose_names_may_repeat_is_refused_as_the_service_says() -> None:
    with pytest.raises(RejectedError):
        create(answer(200, page("dps")), REFUSED, kind=PERSONALIZED, properties=sale())
