"""The declarations and results about delivery: answers of rules, profiles, audiences, capping events, jobs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_offers.emulator import wellknown
from airflow_provider_offers.emulator.runtime import dwm
from airflow_provider_offers.emulator.runtime.answers import EVERYBODY, Answers
from airflow_provider_offers.emulator.runtime.batch_jobs import BatchJobs
from airflow_provider_offers.emulator.runtime.capping import EVENTS, CappingLog
from airflow_provider_offers.emulator.settings import nearest

if TYPE_CHECKING:
    from airflow_provider_offers.emulator.service import Service

Given = Mapping[str, Any]

# The maximum number of names in a message.
_MOST_NAMED = 20
_ANSWERING = ("eligibility-rule", "ranking-function")
_ID = re.compile(rf"[a-z]+:({'|'.join(_ANSWERING)}):[0-9A-Za-z]+")


class DeclarationError(ValueError):
    """A declaration that is not valid."""


def answer_rule(service: Service, given: Given) -> Any:
    """The answer of a rule (true or false) or a formula (a number); null removes it."""
    answer = _needed(given, "answer")
    if answer is not None and not isinstance(answer, bool | int | float):
        raise DeclarationError(f"answer must be true, false, a number or null, not {answer!r}")
    profile = _profile(given["profile"]) if given.get("profile") is not None else EVERYBODY
    rule = _rule(service, _text(given, "rule_id"), _sandbox(service, given))
    return _declare(service, given, lambda answers: answers.declare_rule(rule, answer, profile))


def set_profile(service: Service, given: Given) -> Any:
    """The attributes of a profile; null removes them."""
    attributes = _needed(given, "attributes")
    if attributes is not None and not isinstance(attributes, Mapping):
        raise DeclarationError("attributes must be an object or null")
    profile = _profile(_needed(given, "profile"))
    return _declare(service, given, lambda answers: answers.declare_profile(profile, attributes))


def set_audience(service: Service, given: Given) -> Any:
    """The profiles in an audience; null removes them."""
    profiles = _needed(given, "profiles")
    if profiles is not None and not isinstance(profiles, list | tuple):
        raise DeclarationError("profiles must be a list or null")
    members = None if profiles is None else list(dict.fromkeys(map(_profile, profiles)))
    return _declare(service, given, lambda answers: answers.declare_audience(_text(given, "audience_id"), members))


def declared(service: Service, given: Given) -> Any:
    """Everything declared in a sandbox."""
    with service.lock:
        return Answers(service.database, _sandbox(service, given)).as_json()


def add_events(service: Service, given: Given) -> Any:
    """Add events of an offer at the current time, as if they had been collected."""
    event, count = given.get("event", "impression"), given.get("count", 1)
    if event not in EVENTS:
        raise DeclarationError(f"unknown event {event!r}{nearest(str(event), list(EVENTS))}")
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 100_000:
        raise DeclarationError(f"count must be a whole number from 1 to 100000, not {count!r}")
    sandbox = _sandbox(service, given)
    profile = _profile(_needed(given, "profile"))
    offer = _counted(service, sandbox, given, "offer_id", ("personalized-offer", "fallback-offer"))
    placement = _counted(service, sandbox, given, "placement_id", ("offer-placement",))
    with service.lock, service.database.transaction():
        service.settle()
        log = CappingLog(service.database, sandbox)
        for _ in range(count):
            log.record(offer, placement, profile, service.clock.now_us(), event)
    return events(service, {"sandbox": sandbox})


def _counted(service: Service, sandbox: str, given: Given, key: str, kinds: tuple[str, ...]) -> str:
    """The id under which events are counted, from either id of the object. Events of an unknown one never count."""
    text = _text(given, key)
    with service.lock:
        service.catch_up()
        found = service.library.get(sandbox, text) or service.library.get_instance(sandbox, text)
    if found is None or found.kind_name not in kinds:
        raise DeclarationError(f"{key}: {text!r} is not the id of one of {', '.join(kinds)} in the sandbox {sandbox!r}")
    return found.id


def events(service: Service, given: Given) -> Any:
    """How often each offer was proposed, displayed or clicked, by placement, profile and event."""
    with service.lock:
        service.catch_up()
        return {"events": CappingLog(service.database, _sandbox(service, given)).counts()}


def jobs(service: Service, given: Given) -> Any:
    """The batch jobs with their results, oldest first."""
    with service.lock:
        service.catch_up()
        with service.database.transaction():
            service.settle()
        now_us = service.clock.now_us()
        found = [dwm.job_json(each, now_us) for each in BatchJobs(service.database).all(_sandbox(service, given))]
    return {"count": len(found), "jobs": found}


def _declare(service: Service, given: Given, declare: Callable[[Answers], None]) -> Any:
    sandbox = _sandbox(service, given)
    with service.lock:
        with service.database.transaction():
            service.settle()
            declare(Answers(service.database, sandbox))
        return Answers(service.database, sandbox).as_json()


def _rule(service: Service, given: str, sandbox: str) -> str:
    """The id of a rule or formula, from its name or its id; an id can belong to a future object."""
    with service.lock:
        service.catch_up()
        there = service.library.get(sandbox, given)
        known = [each for kind in _ANSWERING for each in service.library.all(sandbox, kind)]
    name = given.removeprefix("name:").strip()
    named = [each.id for each in known if each.name == name]
    if there is not None and there.kind_name not in _ANSWERING:
        raise DeclarationError(f"{given!r} is a {there.kind.title} and not a rule or a formula")
    if there is not None or (_ID.fullmatch(given) and not named):
        return given
    if len(named) > 1:
        raise DeclarationError(f"{given!r} is the name of several objects: {', '.join(named[:20])}")
    if not named:
        near = nearest(name, sorted({each.name for each in known})[:_MOST_NAMED])
        raise DeclarationError(f"{given!r} is not the id or name of a rule or a formula{near}")
    return named[0]


def _sandbox(service: Service, given: Given) -> str:
    name = given.get("sandbox", wellknown.SANDBOX)
    if name not in service.settings.sandboxes:
        raise DeclarationError(f"unknown sandbox {name!r}{nearest(str(name), list(service.settings.sandboxes))}")
    return str(name)


def _needed(given: Given, key: str) -> Any:
    if key not in given:
        raise DeclarationError(f"{key} is required")
    return given[key]


def _text(given: Given, key: str) -> str:
    value = _needed(given, key)
    if not isinstance(value, str) or not value:
        raise DeclarationError(f"{key} must be a text, not {value!r}")
    return value


def _profile(value: Any) -> str:
    namespace, colon, identity = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (namespace and colon and identity):
        raise DeclarationError(f"a profile is written Namespace:identity, such as Email:a@example.com, not {value!r}")
    return str(value)
