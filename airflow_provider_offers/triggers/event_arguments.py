"""The checks of the event trigger's arguments. Its fields are not templated: a template in one is a mistake."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.model.identifiers import (
    IDENTIFIER,
    NAME_PREFIX,
    TYPED_ID,
    misspells_prefix,
    resembles_name,
)
from airflow_provider_offers.client.model.likeness import some_of
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.hooks.connections import place_violations
from airflow_provider_offers.operators.words import KINDS, is_template
from airflow_provider_offers.triggers.events import DAY, DRIFTED, LibraryEvent

if TYPE_CHECKING:
    from airflow_provider_offers.triggers.events import OfferLibraryEventTrigger

# The statuses of each kind that has any. The table of kinds is not imported at DAG parsing.
_OF_OFFERS = ("draft", "approved", "archived")
STATUSES_OF = {
    "personalized": _OF_OFFERS,
    "fallback": _OF_OFFERS,
    "decision": ("draft", "live", "complete", "archived"),
}
STATUSES = tuple(dict.fromkeys(word for words in STATUSES_OF.values() for word in words))
# The kinds that an event or a filter needs, by its word.
NEEDED = {
    "status": tuple(STATUSES_OF),
    "window_opened": ("personalized", "decision"),
    "window_closing": ("personalized", "decision"),
    "window_closed": ("personalized", "decision"),
    "tags": ("personalized", "fallback"),
}
WINDOW_CLOSING = "window_closing"
_PLAIN = "text without a template, because Airflow renders none in a trigger"
_LONGEST_CLOSING_DAYS = 366


def check_event_trigger(trigger: OfferLibraryEventTrigger) -> None:
    """Raise one error with every argument that cannot work."""
    wrong: list[Violation] = [
        *_words("events", trigger.events, get_args(LibraryEvent)),
        *_words("kinds", trigger.kinds, KINDS),
        *_filter("statuses", trigger.statuses, partial(_words, words=STATUSES)),
        *_filter("names", trigger.names, _texts),
        *_filter("tags", trigger.tags, _ids),
        *_place(trigger),
    ]
    wrong = wrong or [*_impossible(trigger)]
    wrong += [*_interval(trigger.poll_interval), *_closing(trigger)]
    wrong += _campaign(trigger)
    if wrong:
        raise InvalidInputError("The event trigger is not valid", wrong)


def _filter(name: str, given: list[Any] | None, check: Callable[[str, list[Any]], list[Violation]]) -> list[Violation]:
    """Reject an empty list: perhaps something computes it, and its author does not want to watch everything."""
    if given is None:
        return []
    return check(name, given) if given else [Violation(name, "an empty list", "at least one, or None for all")]


def _words(name: str, given: list[Any], words: tuple[str, ...]) -> list[Violation]:
    if given and all(each in words for each in given):
        return []
    return [Violation(name, quoted(given), some_of(words, [each for each in given if each not in words]))]


def _impossible(trigger: OfferLibraryEventTrigger) -> Iterator[Violation]:
    """Reject what no object of the kinds can have: the watcher would never tell anything."""
    kinds = ", ".join(trigger.kinds)
    words = [("events", each, each) for each in trigger.events]
    words += [("tags", "tags", each) for each in trigger.tags or ()]
    for name, word, given in words:
        needed = NEEDED.get(word, trigger.kinds)
        if not set(needed) & set(trigger.kinds):
            yield Violation(name, f"{quoted(given)} for {kinds}", f"one of {', '.join(needed)} in kinds")
    known = dict.fromkeys(word for kind in trigger.kinds for word in STATUSES_OF.get(kind, ()))
    if unknown := [each for each in trigger.statuses or () if each not in known]:
        accepted = f"one or several of {', '.join(known)}" if known else "nothing, because these kinds have no status"
        yield Violation("statuses", f"{quoted(unknown)} for {kinds}", accepted)


def _texts(name: str, given: list[Any]) -> list[Violation]:
    if not all(isinstance(each, str) and each.strip() for each in given):
        return [Violation(name, quoted(given), "text, or a list of texts")]
    if any(map(_is_template, given)):
        return [Violation(name, quoted(given), _PLAIN)]
    if any(TYPED_ID.fullmatch(each.strip()) for each in given):
        return [Violation(name, quoted(given), "names or patterns of names, and no ids")]
    if any(each.startswith(NAME_PREFIX) for each in given):
        return [Violation(name, quoted(given), f"names without {NAME_PREFIX}, because no ids may stand here")]
    return []


def _ids(name: str, given: list[Any]) -> list[Violation]:
    def is_of_qualifier(each: Any) -> bool:
        if not isinstance(each, str) or not IDENTIFIER.fullmatch(each) or each.startswith(NAME_PREFIX):
            return False
        typed = TYPED_ID.fullmatch(each)
        # Elsewhere such text is doubtful. Here it is a watcher that never tells anything.
        return typed["type"] == "tag" if typed is not None else not (resembles_name(each) or misspells_prefix(each))

    if all(map(is_of_qualifier, given)):
        return []
    return [Violation(name, quoted(given), "the id of a collection qualifier, or a list of ids; not its name")]


def _is_template(given: Any) -> bool:
    return isinstance(given, str) and is_template(given)


def _place(trigger: OfferLibraryEventTrigger) -> Iterator[Violation]:
    """Reject a connection and a sandbox that cannot exist: only the log of the triggerer would tell of them."""
    yield from place_violations(trigger.offer_library_conn_id, trigger.sandbox)
    for name, given in (("offer_library_conn_id", trigger.offer_library_conn_id), ("sandbox", trigger.sandbox)):
        if _is_template(given):
            yield Violation(name, quoted(given), _PLAIN)


def _campaign(trigger: OfferLibraryEventTrigger) -> Iterator[Violation]:
    """Reject a campaign without `drifted`, and a relative path: the triggerer has another working directory."""
    name, path, is_wanted = trigger.campaign, trigger.state_path, DRIFTED in trigger.events
    if is_wanted != (name is not None) or (is_wanted and not (isinstance(name, str) and name.strip())):
        yield Violation("campaign", quoted(name), "the name of a campaign with 'drifted', else None")
    elif _is_template(name):
        yield Violation("campaign", quoted(name), _PLAIN)
    if path is None:
        return
    has_scheme = isinstance(path, str) and "://" in path
    told = "an address with a scheme" if has_scheme else quoted(path)
    if _is_template(path):
        yield Violation("state_path", told, _PLAIN)
    elif not (isinstance(path, str) and (has_scheme or os.path.isabs(path))):
        yield Violation("state_path", told, "an absolute path that all workers share, or an address of object storage")
    elif not is_wanted:
        yield Violation("state_path", told, "'drifted' in events, or no state_path")


def _interval(given: Any) -> Iterator[Violation]:
    if not _is_number(given, 0.1, DAY):
        yield Violation("poll_interval", quoted(given), f"a number of seconds from 0.1 to {DAY:g}")


def _closing(trigger: OfferLibraryEventTrigger) -> Iterator[Violation]:
    given: Any = trigger.closing_within
    told = quoted(given)
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        told = f"{told} seconds ({given / DAY:g} days)"
    if not _is_number(given, 0.0, _LONGEST_CLOSING_DAYS * DAY):
        days = f"from 0 to {_LONGEST_CLOSING_DAYS} days"
        yield Violation("closing_within", told, f"a timedelta, or a number of seconds, {days}")
    elif given != DAY and WINDOW_CLOSING not in trigger.events:
        # A stored trigger always has the argument, so its default says nothing.
        yield Violation("closing_within", told, f"{WINDOW_CLOSING!r} in events, or no closing_within")


def _is_number(given: Any, least: float, most: float) -> bool:
    return isinstance(given, (int, float)) and not isinstance(given, bool) and least <= given <= most
