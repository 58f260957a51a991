"""The effects of a fault on one exchange: on the time of the request's effect, on the answer, and on the connection."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate

from airflow_provider_offers.emulator.control.faults import Fault
from airflow_provider_offers.emulator.http.exchange import Exchange, phrase
from airflow_provider_offers.emulator.http.messages import Answer
from airflow_provider_offers.emulator.service import Matched, Service

_HTML = "<html><head><title>{status} {phrase}</title></head><body><h1>{status} {phrase}</h1><hr>proxy</body></html>"
_GARBLED = "garbled\r\n\r\n"


@dataclass(frozen=True)
class Victim:
    """A request with a fault; `handle` processes it, and `handled` processes it beside other requests."""

    service: Service
    exchange: Exchange
    matched: Matched
    handle: Callable[[], Answer]
    handled: Callable[[], Awaitable[Answer]]


def http_date(at_us: int) -> str:
    """A time in HTTP's format."""
    return formatdate(at_us // 1_000_000, usegmt=True)


async def suffer(fault: Fault, victim: Victim) -> Answer | None:
    """The answer after the fault, or None."""
    return await _EFFECTS[fault.effect](fault, victim)


async def deliver(fault: Fault | None, exchange: Exchange, answer: Answer | None) -> None:
    """Send the answer as the fault requires."""
    effect = None if fault is None else fault.effect
    if fault is None or effect not in _DELIVERIES:
        await (exchange.drop() if answer is None else exchange.send(answer))
    else:
        await _DELIVERIES[effect](fault, exchange, answer or Answer(fault.code))


async def _only_delivered(fault: Fault, victim: Victim) -> Answer | None:
    """The request takes effect; the fault only changes the delivery of the answer."""
    return await victim.handled()


async def _told(fault: Fault, victim: Victim) -> Answer | None:
    """The answer of the rule, before or after the request takes effect."""
    if fault.when == "after":
        await victim.handled()
    return None if fault.effect in _UNANSWERED else faulty_answer(fault, victim.service.clock.now_us())


async def _delayed(fault: Fault, victim: Victim) -> Answer | None:
    if fault.when == "before":
        await victim.exchange.pause(fault.seconds)
        return await victim.handled()
    answer = await victim.handled()
    await victim.exchange.pause(fault.seconds)
    return answer


async def _postponed(fault: Fault, victim: Victim) -> Answer | None:
    """The request takes effect later; the caller gets an error, or no answer."""
    victim.service.postpone(fault.seconds, victim.handle)
    return None if fault.effect == "late" else faulty_answer(fault, victim.service.clock.now_us())


async def _repeated(fault: Fault, victim: Victim) -> Answer | None:
    first = await victim.handled()
    second = await victim.handled()
    second.committed = first.committed or second.committed
    return second


async def _confused(fault: Fault, victim: Victim) -> Answer | None:
    others = victim.service.latest.get(victim.matched.name)
    own = await victim.handled()
    return own if others is None else Answer(others.status, others.body, dict(others.headers))


async def _expired(fault: Fault, victim: Victim) -> Answer | None:
    return victim.service.expire_token(victim.exchange.request)


async def _failing_job(fault: Fault, victim: Victim) -> Answer | None:
    answer = await victim.handled()
    if victim.matched.name == "dwm.submit":
        victim.service.fail_job(answer, fault.body if isinstance(fault.body, str) else "injected by a fault rule")
    return answer


async def _malformed(fault: Fault, victim: Victim) -> Answer | None:
    answer = await victim.handled()
    return Answer(answer.status, answer.body[: max(1, len(answer.body) // 2)] or b'{"', dict(answer.headers))


async def _slowly(fault: Fault, exchange: Exchange, answer: Answer) -> None:
    await exchange.send_slowly(answer, fault.chunk, fault.seconds)


async def _in_part(fault: Fault, exchange: Exchange, answer: Answer) -> None:
    await exchange.send_part(answer, fault.bytes)


async def _after_an_interim(fault: Fault, exchange: Exchange, answer: Answer) -> None:
    exchange.send_interim(fault.code, fault.headers)
    await exchange.send(answer)


async def _interim_alone(fault: Fault, exchange: Exchange, answer: Answer) -> None:
    exchange.send_interim(fault.code, fault.headers)
    await exchange.close()


async def _two_lengths(fault: Fault, exchange: Exchange, answer: Answer) -> None:
    await exchange.send_with_two_lengths(answer)


async def _garbled(fault: Fault, exchange: Exchange, answer: Answer) -> None:
    await exchange.send_raw((fault.body if isinstance(fault.body, str) else _GARBLED).encode("utf-8", "replace"))


_UNANSWERED = ("drop", "unended", "garble")
_EFFECTS: Mapping[str, Callable[[Fault, Victim], Awaitable[Answer | None]]] = {
    **dict.fromkeys(("status", "html", *_UNANSWERED), _told),
    **dict.fromkeys(("dribble", "truncate", "interim", "lengths"), _only_delivered),
    **dict.fromkeys(("late", "early"), _postponed),
    "delay": _delayed,
    "repeat": _repeated,
    "foreign": _confused,
    "malformed": _malformed,
    "fail_job": _failing_job,
    "expire_token": _expired,
}
_DELIVERIES: Mapping[str | None, Callable[[Fault, Exchange, Answer], Awaitable[None]]] = {
    "dribble": _slowly,
    "truncate": _in_part,
    "interim": _after_an_interim,
    "unended": _interim_alone,
    "lengths": _two_lengths,
    "garble": _garbled,
}


def faulty_answer(fault: Fault, now_us: int) -> Answer:
    """The answer of a rule; its header names are in lower case, as in all answers."""
    status, words = fault.code, phrase(fault.code)
    headers = {name.lower(): value for name, value in fault.headers.items()}
    if fault.retry_after is not None:
        as_date = fault.retry_after_form == "date"
        # A date has whole seconds; rounding up prevents a retry that is too early.
        at_us = now_us + round((fault.retry_after + 1) * 1_000_000)
        headers["retry-after"] = http_date(at_us) if as_date else f"{fault.retry_after:g}"
    if fault.effect == "html":
        return Answer(
            status, _HTML.format(status=status, phrase=words).encode(), {"content-type": "text/html", **headers}
        )
    if isinstance(fault.body, str):
        return Answer(status, fault.body.encode(), {"content-type": "text/plain; charset=utf-8", **headers})
    document = fault.body
    if document is None and status == 429:
        document = {"error_code": "429050", "message": "Too many requests"}
    elif document is None:
        document = {"title": words, "status": status, "detail": "injected by a fault rule"}
    return Answer(status, json.dumps(document).encode(), {"content-type": "application/json", **headers})
