"""Any input of a user is accepted, or rejected with an error that names the field; nothing else happens."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import (
    ConfigurationError,
    InvalidInputError,
    OfferLibraryError,
    UnsupportedError,
)
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.generations.xcore import Xcore
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.applying import TestFailed
from airflow_provider_offers.client.model.capabilities import DPS
from airflow_provider_offers.client.model.durations import before
from airflow_provider_offers.client.model.kinds import FALLBACK, PERSONALIZED
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.query import PARAMETERS, parse_query
from airflow_provider_offers.client.model.windows import resolve_window, window_from
from airflow_provider_offers.client.settings import Settings, parse_settings
from airflow_provider_offers.client.waiting.verdicts import check_statuses, check_until
from airflow_provider_offers.client.wire.auth import fetch_token
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.operators.documents import json_document
from tests.client import strategies
from tests.client.library import DPS_ID, sale
from tests.client.script import CONTAINER, SETTINGS
from tests.effort import examples
from tests.fuzz.driving import check_error
from tests.fuzz.hostile import BODIES, VALUES


class Reached(Exception):
    """The input was accepted: a request would be sent now."""


class NothingIsSent:
    """A shell that sends nothing."""

    def run(self, flow: Any) -> Any:
        flow.close()
        raise Reached

    def close(self) -> None:
        pass


LIBRARIES = [
    OfferLibrary(SETTINGS, shell=cast("Any", NothingIsSent())),
    OfferLibrary(
        parse_settings(login="c", password="p", extra={"org_id": "0@AdobeOrg", "api": "xcore"}),
        shell=cast("Any", NothingIsSent()),
    ),
]


def deep(levels: int, inner: Any = 1) -> Any:
    """A list in a list in a list."""
    for level in range(levels):
        inner = [inner] if level % 2 else {"a": inner}
    return inner


_NAIVE = dt.datetime(2026, 3, 29, 2, 30)  # noqa: DTZ001  a time that Paris skips
_EARLIEST, _LATEST = dt.datetime.min, dt.datetime.max  # noqa: DTZ901  naive, to be refused
SCALARS = st.sampled_from(
    [
        *(None, True, False, 0, -1, 1, 2**63, 10**308, 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf")),
        *("", " ", "\t", "\x00", "\x1b[31m\nforged", "\ud800", "\u202e", "ünï", "x" * 100_000, "~", "/", "/~2", "-"),
        *("{", "[", "[1]", "{}", "{{ ds }}", "a.json", "1" * 5_000, "[" * 100_000, '{"a":' * 100_000, "null"),
        *("name", "/name", "/tags/-", "/_instance/xdm:name", "/_links/x", "status==approved", "!name", "-name"),
        *("dps:personalized-offer:1c265317da412003", "xcore:fallback-offer:1", "name:x", "name:"),
        *("0f32d8a0-1619-11f1-9d55-1b1f0c9a7e21", "2026-03-10T00:00:00Z", "2026-03-29T02:30:00", "2026-10-25T02:30:00"),
        *("0001-01-01", "9999-12-31T23:59:59-12:00", "24:00", "2026-W10", "20260310", "2026-02-30"),
        *("2026-03-10T24:00:00Z", "P1D", "P0D", "PT1S", "P9999Y", "-P1D", "P999999D", "PT9999999H"),
        *("Europe/Paris", "Pacific/Apia", "Africa/Monrovia", "UTC", "../etc/passwd", "Europe/", "UTC\x00", "localtime"),
        *(
            "https://platform.adobe.io",
            "http://[",
            "http://x:99999",
            "ftp://x",
            "//x",
            "https://u:p@x",
            "https://x/y?z#f",
        ),
        *(b"x", b"", {1}, object(), Ellipsis, range(3), 1j, _NAIVE, _NAIVE.date(), _NAIVE.time(), print),
        *(_LATEST, _EARLIEST, _LATEST.replace(tzinfo=dt.UTC), _EARLIEST.replace(tzinfo=dt.UTC)),
        *(
            dt.timedelta.max,
            dt.timedelta.min,
            dt.timedelta(0),
            dt.timedelta(days=14),
            dt.timezone(dt.timedelta(hours=14)),
        ),
        *(deep(65), list(range(3_000)), {str(number): [] for number in range(3_000)}, [[]], [None]),
    ]
)
NAMES = st.sampled_from(
    [
        *("name", "xdm:name", "status", "rank", "xdm:rank", "priority", "_instance", "representations", "tags"),
        *("selectionConstraint", "startDate", "endDate", "characteristics", "id", "@id", "instance_id", "sandbox"),
        *("offer_type", "api", "op", "path", "value", "from", "start", "end", "duration", "timezone"),
        *("x" * 5_000, "\x1b\n", "\ud800", "", "~1/"),
    ]
)
ANYTHING = st.recursive(
    SCALARS | st.text(max_size=8) | st.integers() | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            NAMES | SCALARS.filter(lambda key: isinstance(key, (str, int, bytes, float))), inner, max_size=4
        )
    ),
    max_leaves=8,
)


def taken_or_refused(call: Callable[[], Any], error: type[OfferLibraryError] = InvalidInputError) -> Any:
    """The result of a call. It may only raise `error` or `InvalidInputError`, which name the wrong field."""
    try:
        return call()
    except Reached:
        return None
    except (InvalidInputError, error) as refusal:
        check_error(refusal)
        for violation in getattr(refusal, "violations", ()):
            # An empty pointer means the whole document.
            assert isinstance(violation.pointer, str)
            assert violation.given
            assert violation.expected
        return None


def spoiled(document: dict[str, Any], value: Any, where: int, name: Any) -> Any:
    """A good document with one replaced or one additional value."""
    pointers = strategies.places(document)
    *way, last = pointers[where % len(pointers)] or ("",)
    parent: Any = document
    for token in way:
        parent = parent[int(token) if isinstance(parent, list) else token]
    if last == "":
        return {**document, name: value}
    parent[int(last) if isinstance(parent, list) else last] = value
    return document


OFFER_KINDS = st.sampled_from([PERSONALIZED, FALLBACK, "personalized", "fallback", "offer", None])
OFFERS = ANYTHING | st.builds(spoiled, st.builds(sale), ANYTHING, st.integers(0, 99), NAMES)


@given(offer=OFFERS, kind=OFFER_KINDS, validate=st.booleans())
@examples(120)
def test_any_offer(offer: Any, kind: Any, validate: bool) -> None:
    for library in LIBRARIES:
        taken_or_refused(lambda: library.create(kind, offer, validate=validate))  # noqa: B023
        taken_or_refused(lambda: library.replace(PERSONALIZED, DPS_ID, offer, validate=validate))  # noqa: B023


OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "replace", "remove", "test", "move", "copy"]) | ANYTHING, "path": ANYTHING},
    optional={"value": ANYTHING, "from": ANYTHING},
) | st.fixed_dictionaries(
    {
        "op": st.sampled_from(["add", "replace", "remove", "test", "move", "copy"]),
        "path": st.sampled_from(
            ["/tags", "/tags/0", "/tags/-", "/tags/9", "/rank", "/rank/x", "/characteristics/a", "/_links/x"]
        ),
        "from": st.sampled_from(["/tags", "/tags/0", "/rank", "/characteristics", "/missing", "/_links"]),
        "value": ANYTHING,
    }
)


@given(patch=ANYTHING | st.lists(OPERATIONS, max_size=4), validate=st.booleans())
@examples(120)
def test_any_patch(patch: Any, validate: bool) -> None:
    for library in LIBRARIES:
        taken_or_refused(lambda: library.patch(PERSONALIZED, DPS_ID, patch, validate=validate), UnsupportedError)  # noqa: B023


@given(patch=st.lists(OPERATIONS, min_size=1, max_size=6))
@examples(100)
def test_any_patch_on_an_offer(patch: list[Any]) -> None:
    """The sent patch, and the patched offer, can always be written as JSON."""
    library = LIBRARIES[0]
    try:
        prepared = library.checked_patch(patch, [library.offer_reference(DPS_ID)], validate=False)
        json.dumps(prepared.operations, allow_nan=False).encode()
        json.dumps(prepared.fit(sale(), DPS).after, allow_nan=False)
    except (InvalidInputError, UnsupportedError) as error:
        check_error(error)
    except TestFailed:
        pass


@pytest.mark.parametrize("copies", [30, 900])
def test_a_patch_that_doubles_what_it_copied_is_refused(copies: int) -> None:
    patch = [
        {"op": "copy", "from": "/characteristics", "path": f"/characteristics/{number}"} for number in range(copies)
    ]
    with pytest.raises(InvalidInputError, match="patch"):
        PreparedPatch(patch).fit(sale(characteristics={"sku": "x" * 1_000}), DPS)


@given(
    start=ANYTHING,
    end=ANYTHING,
    duration=ANYTHING,
    timezone=ANYTHING,
    names=st.sets(st.sampled_from(["end", "duration", "timezone"])),
)
@examples(150)
def test_any_window(start: Any, end: Any, duration: Any, timezone: Any, names: set[str]) -> None:
    given_ = {"start": start, "end": end, "duration": duration, "timezone": timezone}
    given_ = {name: value for name, value in given_.items() if name in names or name == "start"}
    window = taken_or_refused(lambda: resolve_window(**given_))
    if window is not None:
        assert window.start < window.end
        assert window.start in window
        assert window.end not in window
        json.dumps(window.as_constraint())
    taken_or_refused(lambda: window_from(given_))
    taken_or_refused(lambda: window_from(start))


@given(instant=st.datetimes(timezones=st.timezones()), duration=ANYTHING)
@examples(60)
def test_any_moment_before(instant: dt.datetime, duration: Any) -> None:
    taken_or_refused(lambda: before(instant, duration))


SEARCH = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(PARAMETERS, ANYTHING),
)


@given(asked=SEARCH)
@examples(120)
def test_any_search(asked: dict[str, Any]) -> None:
    query = taken_or_refused(lambda: parse_query(**asked))
    if query is not None:
        for generation in (Dps(), Xcore(CONTAINER)):
            call = taken_or_refused(lambda: generation.search(PERSONALIZED, query), UnsupportedError)  # noqa: B023
            assert call is None or (call.path.isascii() and call.path.isprintable() and " " not in call.path)


@given(named=ANYTHING, offer_type=ANYTHING, member=NAMES)
@examples(80)
def test_any_reference(named: Any, offer_type: Any, member: str) -> None:
    for library in LIBRARIES:
        for shape in (named, {"id": named, "offer_type": offer_type}, {"id": DPS_ID, member: named}):
            taken_or_refused(lambda: library.offer_reference(shape))  # noqa: B023
            taken_or_refused(lambda: library.get(offer_type, shape), UnsupportedError)  # noqa: B023
        taken_or_refused(lambda: check_statuses(named))
        taken_or_refused(lambda: check_until(named))


# Python itself cannot convert these to text.
UNSPEAKABLE = {"large": 10**5_000, "negative": -(10**5_000), "deep": deep(900), "deeper": deep(20_000)}


@pytest.mark.parametrize("what", UNSPEAKABLE)
def test_what_cannot_be_shown_is_refused_all_the_same(what: str) -> None:
    value = UNSPEAKABLE[what]
    calls: list[Callable[[], Any]] = [
        *(lambda name=name: LIBRARIES[0].create(PERSONALIZED, sale(**{name: value})) for name in (*sale(), "x")),
        *(
            lambda name=name: LIBRARIES[0].create(PERSONALIZED, sale(), **{name: value})
            for name in ("if_exists", "patience")
        ),
        *(lambda name=name: LIBRARIES[0].patch(PERSONALIZED, DPS_ID, [{**ADDITION, name: value}]) for name in ADDITION),
        *(lambda name=name: parse_query(**{name: value}) for name in ("q", "qop", "fields", "limit", "name", "start")),
        *(lambda name=name: resolve_window(**{**WINDOW, name: value}) for name in (*WINDOW, "duration", "timezone")),
        lambda: LIBRARIES[0].create(PERSONALIZED, value),
        lambda: LIBRARIES[0].patch(PERSONALIZED, DPS_ID, value),
        lambda: LIBRARIES[0].get(PERSONALIZED, value),
        lambda: LIBRARIES[0].get(PERSONALIZED, {"id": value, "offer_type": value}),
        lambda: LIBRARIES[0].get(value, DPS_ID),
        lambda: check_statuses(value),
        lambda: check_until(value),
        lambda: window_from(value),
    ]
    for call in calls:
        with pytest.raises((InvalidInputError, Reached)) as caught:
            call()
        if isinstance(caught.value, InvalidInputError):
            check_error(caught.value)
    for name in EXTRAS:
        with pytest.raises(ConfigurationError):
            parse_settings(login="c", password="p", extra={"org_id": "0@AdobeOrg", name: value})


ADDITION = {"op": "add", "path": "/x", "value": 1}
WINDOW = {"start": "2026-03-10T00:00:00Z", "end": "2026-03-11T00:00:00Z"}
EXTRAS = ["org_id", "sandbox", "api", "container_id", "scopes", "token_url", "access_token", "timeout", "max_retries"]
EXTRA = st.fixed_dictionaries(
    {}, optional=dict.fromkeys([*EXTRAS, "verify", "proxies", "jwt", "orgid", "x" * 3000, "\x1b\n"], ANYTHING)
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "host": SCALARS.filter(lambda value: value is None or isinstance(value, str)),
        "port": st.integers() | st.none(),
        "login": SCALARS.filter(lambda value: value is None or isinstance(value, str)),
        "password": SCALARS.filter(lambda value: value is None or isinstance(value, str)),
        "sandbox": SCALARS.filter(lambda value: value is None or isinstance(value, str)),
    },
)


@given(fields=FIELDS, extra=EXTRA, good=st.booleans())
@examples(200)
def test_any_connection(fields: dict[str, Any], extra: dict[str, Any], good: bool) -> None:
    if good:
        fields = {"login": "client", "password": "secret", **fields}
        extra = {"org_id": "0123456789ABCDEF01234567@AdobeOrg", **extra}
    settings: Settings | None = taken_or_refused(lambda: parse_settings(extra=extra, **fields), ConfigurationError)
    if settings is not None:
        check_sendable(settings)


def check_sendable(settings: Settings) -> None:
    """Accepted input can be sent: the first requests can be built from it."""
    request: Any = next(fetch_token(settings, time.monotonic, Retries()))
    assert request.url.isascii()
    (request.body or b"").decode("ascii")
    flow = Exchange(settings).send(Dps().recent(PERSONALIZED, 10), "/data/core/dps")
    next(flow)
    sent: Any = flow.send("token")
    assert all(value.isascii() and value.isprintable() for value in sent.headers.values())
    assert 0 < settings.timeout <= 3_600
    assert 0 <= settings.max_retries <= 20


@given(text=st.sampled_from([body.decode("utf-8", "replace") for body in (*BODIES, *VALUES)]) | ANYTHING)
@examples(100)
def test_any_document(text: Any) -> None:
    taken_or_refused(lambda: json_document("offer", text))
