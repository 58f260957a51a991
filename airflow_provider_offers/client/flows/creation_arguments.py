"""Checks everything that a caller gives for a creation: the document, its window, its marker and the switches."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.flows.doubts import checked_waive
from airflow_provider_offers.client.flows.memory import Earlier
from airflow_provider_offers.client.flows.ownership import Creation
from airflow_provider_offers.client.given import in_seconds
from airflow_provider_offers.client.model.cleaning import tidied
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.instants import ACCEPTED, parse_instant
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.likeness import one_of
from airflow_provider_offers.client.model.respelling import plain_name
from airflow_provider_offers.client.model.validation import Validate, check_offer, checked_validate
from airflow_provider_offers.client.model.windows import window_from, with_window
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Json

IF_EXISTS = ("adopt", "update", "skip", "fail")


def new_creation(
    kind: Kind,
    document: Any,
    *,
    window: Any,
    if_exists: str,
    patience: timedelta | float,
    marker: tuple[str, str] | None,
    earlier: Earlier | None,
    waive: Collection[str] | str = (),
    validate: Validate,
) -> Creation:
    """The creation, with its properties in neutral names. Raises `InvalidInputError` with every violation at once."""
    validate = checked_validate(validate)
    properties = neutral_payload(document, kind)
    if validate is not False:
        properties = tidied(kind, properties)
    doubts: Mapping[str, str] = {}
    if window is not None:
        window = window_from(window)
        doubts = window.doubts
        properties = with_window(kind, properties, window)
    waived = checked_waive(kind, waive)
    seconds: float = in_seconds(patience)
    violations = [*_switches(if_exists, seconds), *_with_marker(kind, properties, marker)]
    if earlier is not None:
        try:
            earlier = replace(earlier, since=parse_instant(earlier.since))
        except ValueError as error:
            violations.append(Violation("since", str(error), ACCEPTED))
    name = properties.get("name")
    if not validate and not (isinstance(name, str) and name):
        violations.append(Violation("/name", quoted(name), f"a name, because the {kind.subject} is found by its name"))
    if validate and isinstance(name, str) and (plain := plain_name(name)) not in ("", name):
        accepted = f"{quoted(plain)}, as the service may store it; validate=False sends it unchanged"
        violations.append(Violation("/name", quoted(name), accepted))
    if violations:
        raise InvalidInputError(f"The {kind.noun} is not valid", violations)
    check_offer(kind, properties, document, validate)
    return Creation(
        kind, properties, if_exists, seconds, earlier, marker, validate=validate, waive=waived, doubts=doubts
    )


def check_names(creations: Sequence[Creation], places: Sequence[str] | None = None) -> None:
    """Refuse a list in which two objects have the same name, because each object is recognized by its name.

    `places` names each object in messages, by default by its index.
    """
    first: dict[str, str] = {}
    violations = []
    for index, creation in enumerate(creations):
        place = f"/{index}" if places is None else places[index]
        if (other := first.setdefault(creation.name, place)) != place:
            violations.append(
                Violation(f"{place}/name", quoted(creation.name), f"a unique name ({other} has it already)")
            )
    if violations:
        raise InvalidInputError("The list is not valid", violations)


def _switches(if_exists: Any, patience: Any) -> list[Violation]:
    violations = []
    if if_exists not in IF_EXISTS:
        violations.append(Violation("if_exists", quoted(if_exists), one_of(IF_EXISTS, if_exists)))
    if isinstance(patience, bool) or not isinstance(patience, (int, float)) or not 0 <= patience <= 3600:
        violations.append(Violation("patience", quoted(patience), "seconds from 0 to 3600, or a timedelta"))
    return violations


def _with_marker(kind: Kind, properties: dict[str, Json], marker: Any) -> list[Violation]:
    """Add the marker to the characteristics."""
    if marker is None:
        return []
    if not isinstance(marker, tuple) or len(marker) != 2:
        return [Violation("marker", quoted(marker), "a tuple of two texts, the name and the value of a characteristic")]
    name, value = marker
    if not kind.is_offer:
        return [Violation("marker", quoted(name), f"no marker, because a {kind.noun} has no characteristics")]
    characteristics = properties.get("characteristics", {})
    if not isinstance(name, str) or not name.strip():
        return [Violation("marker", quoted(name), "the name of a characteristic, such as airflow")]
    if not isinstance(characteristics, dict):
        return []
    if name in characteristics:
        return [Violation("marker", quoted(name), "the name of a characteristic that the document does not set")]
    properties["characteristics"] = {**characteristics, name: value}
    return []
