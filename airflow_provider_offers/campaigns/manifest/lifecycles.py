"""Reads the `lifecycle` of an entry: its pointers lead to properties of the kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_provider_offers.campaigns.manifest.entries import LIFECYCLE, WINDOW, Entry
from airflow_provider_offers.campaigns.manifest.findings import Findings
from airflow_provider_offers.campaigns.manifest.models import LifecycleEntry
from airflow_provider_offers.campaigns.manifest.structure import check
from airflow_provider_offers.campaigns.objects import Lifecycle
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.likeness import near, perhaps
from airflow_provider_offers.client.model.places import Place, place_of
from airflow_provider_offers.client.model.spelling import join_pointer, neutral_tokens, split_pointer
from airflow_provider_offers.client.text import quoted

_DATES = ("startDate", "endDate")


def lifecycle_of(entry: Entry, given: Any, findings: Findings, row: str = "") -> Lifecycle:
    """The lifecycle with pointers in neutral names; what is wrong becomes a finding."""
    before, node = findings.count, entry.own[LIFECYCLE]
    pointer = f"{entry.pointer}/{LIFECYCLE}"
    check(place_of(LifecycleEntry), node, findings, below=given, pointer=pointer, row=row)
    if findings.count > before or not isinstance(given, dict):
        return Lifecycle()
    ignored: list[str] = []
    for index, each in enumerate(given.get("ignore_changes") or ()):
        where = f"/{LIFECYCLE}/ignore_changes/{index}"
        try:
            ignored += _pointers(entry.kind, each)
        except ValueError as error:
            findings.tell(entry.place(where), quoted(each, 80), str(error), f"{entry.pointer}{where}", row)
    return Lifecycle(tuple(dict.fromkeys(ignored)), bool(given.get("prevent_destroy")))


def _pointers(kind: Kind, given: str) -> Iterator[str]:
    """The neutral pointers that one pointer means. Raises ValueError with a sentence about what is expected."""
    if not given.startswith("/") or given == "/":
        likely = perhaps([f"/{given.replace('.', '/')}"]) if given.strip("/") else ""
        raise ValueError(f"a JSON pointer such as /rank/priority{likely}")
    if given == f"/{WINDOW}" and kind.window is not None:
        yield from (join_pointer([*kind.window, name]) for name in _DATES)
        return
    tokens, _ = neutral_tokens(split_pointer(given), kind.names)
    _check(kind, tokens)
    yield join_pointer(tokens)


def _check(kind: Kind, tokens: list[str]) -> None:
    """Raises ValueError for a pointer that never leads to a value that a plan compares."""
    if tokens == ["name"]:
        raise ValueError("another property: the name is the identity of the object")
    here: Place = kind.place
    for index, token in enumerate(tokens):
        above = join_pointer(tokens[:index])
        if here.item is not None:
            raise ValueError(f"{above}: a list is compared as a whole")
        if here.own is None and here.known and token not in here.known:
            known = [each for each in here.known if [*tokens[:index], each] != ["name"]]
            likely = perhaps(near(token, known)) or f", such as {join_pointer([*tokens[:index], known[0]])}"
            raise ValueError(f"a pointer to a property of the {kind.noun}{likely}")
        if here.own is None and not here.known and here.holds is not Any:
            raise ValueError(f"{above}: there is nothing below it")
        here = here.below(token)
