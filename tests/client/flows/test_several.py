"""Documents for several objects: every mistake is told at its place, before anything is sent."""

from __future__ import annotations

from airflow_provider_offers.client.flows.several import read_documents
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import PERSONALIZED, TAG
from tests.client.library import sale

ONE, TWO, THREE = (Reference(PERSONALIZED, id=f"offer {number}") for number in (1, 2, 3))
SPRING = Reference(TAG, id="tag 1")


def test_the_mistakes_of_every_document_are_told() -> None:
    documents = [sale(rank={"priority": -1}), sale(), sale(tags="t"), {"name": "Spring"}]
    meant, violations = read_documents([ONE, TWO, THREE, SPRING], documents, True)
    assert [violation.pointer for violation in violations] == ["/0/rank/priority", "/2/tags"]
    assert meant == {TWO: sale(), SPRING: {"name": "Spring"}}


def test_a_single_document_has_no_index() -> None:
    _, violations = read_documents([ONE], [sale(tags="t")], True)
    assert [violation.pointer for violation in violations] == ["/tags"]


def test_two_documents_for_one_object_are_refused() -> None:
    _, violations = read_documents([ONE, TWO, ONE], [sale(), sale(), sale(name="other")], True)
    assert [(violation.pointer, "offer 1" in violation.given) for violation in violations] == [("/2", True)]


def test_without_checks_the_documents_are_taken_as_they_are_without_their_id() -> None:
    document = {**sale(tags="t"), "id": "offer 1"}
    meant, violations = read_documents([ONE], [document], False)
    assert violations == []
    assert meant == {ONE: sale(tags="t")}
