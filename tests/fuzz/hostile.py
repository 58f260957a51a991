"""Good answers spoiled in every way: statuses, headers, bodies, single nested values, and missing answers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from airflow_provider_offers.client.wire.messages import Response
from tests.client.script import lost
from tests.client.strategies import places

# Values that replace a good value in a body, as bytes.
VALUES: tuple[bytes, ...] = (
    *(b"null", b"true", b"false", b"0", b"-1", b"1.5", b"-0.0", b"1e999", b"-1e999", b"NaN", b"Infinity", b"-Infinity"),
    *(b"1" * 19, b"-" + b"9" * 30, b"1" * 4_000, b"1" * 5_000, b'""', b'" "', b'"1"', b'"null"', b"[]", b"{}", b"[[]]"),
    *(b'{"href":{}}', b'{"a":1,"a":2}', b'[null,1,"x"]', b'"\\u0000"', b'"\\ud800"', b'"\\udfff\\ud800"', b'"\xff"'),
    *(b'"\xed\xa0\x80"', b'"\xef\xbb\xbf"', b'"\\u001b[31m\\nforged\\r\\n\\u2028"', b'"' + b"x" * 50_000 + b'"'),
    b'"' + b"\\u00fc" * 20_000 + b'"',
    *(b"[" * depth + b"]" * depth for depth in (60, 300, 480, 900, 100_000)),
    *(b'{"a":' * depth + b"1" + b"}" * depth for depth in (70, 450, 900)),
    b"{" + b",".join(b'"%d":[]' % number for number in range(3_000)) + b"}",
    *(b'"%s"' % date for date in (b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:59.999999Z", b"2026-02-30T00:00:00Z")),
    *(b'"%s"' % date for date in (b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00", b"2026-03-10T00:00:00")),
    *(b'"%s"' % status for status in (b"draft", b"approved", b"archived", b"live", b"our-client")),
    *(
        b'"%s"' % link
        for link in (b"//evil.example/x", b"https://platform.adobe.io.evil/x", b"http://[", b"//[", b"?x")
    ),
    *(
        b'"%s"' % link
        for link in (b"/offers?start=1", b"/offers?limit=999999999", b"/a\\r\\nX: y", b"/\\u00fc?\\ud800")
    ),
    *(b'"%s"' % link for link in (b"/a b", b"/\\u0000", b"../../x", b"/data/core/dps/offers?start=%zz", b"file:///x")),
    b'"/offers?' + b"start=1&" * 5_000 + b'"',
)
BODIES: tuple[bytes, ...] = (
    *(
        b"",
        b" ",
        b"null",
        b"[]",
        b"[1]",
        b'"text"',
        b"7",
        b"{}",
        b"{",
        b'{"results":[',
        b"<html>no",
        b"\xff\xfe",
        b"\x00",
    ),
    *(b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5_000, b"\xef\xbb\xbf{}", '{"id":"x"}'.encode("utf-16")),
    gzip.compress(b"{}"),
    b'{"title":"\\u001b[2Jx\\nforged","detail":"' + b"y" * 100_000 + b'","error_code":{}}',
    b'{"error_code":"401013","message":"Oauth token is not valid"}',
    b'{"error_code":403010,"message":[]}',
    b'{"type":"http://ns.adobe.com/aep/errors/' + b"z" * 5_000 + b'","title":9,"detail":null}',
    b'{"error":"invalid_client","error_description":"a\\nb\\u001b' + b"c" * 9_000 + b'"}',
    b'{"access_token":"a\\u0000b","expires_in":1e999}',
    b'{"access_token":"' + b"t" * 100_000 + b'","expires_in":-1}',
)
DATES = (
    *("", " ", "0", "7", "-7", "1.5", ".", "1e9", "9" * 400, "9" * 5_000, "inf", "nan", "٣", "1_000", "0x10"),
    *("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:00 -0000", "Mon, 01 Jan 0001 00:00:00 +2359"),
    *("Fri, 31 Dec 9999 23:59:59 -2359", "Wed, 99 Foo 99999 99:99:99 +999999", "Wed, 21 Oct", "21 Oct 2026", ", , ,"),
    *("2026-03-10T00:00:00Z", "\x1b[31m\nforged", "x" * 5_000, "1 Jan 2026 " + "0" * 4_400, "\udc80"),
)
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "date", "location", "x-request-id", "content-type", "etag"]),
    st.sampled_from([*DATES, "//evil.example/", "http://[", "/a/b/c\xfc", "\x1b]0;x", "y" * 60_000, "/", "instances"]),
    max_size=3,
)
STATUSES = st.sampled_from(
    [
        *(100, 101, 199, 200, 201, 202, 204, 206, 299, 300, 301, 304, 307, 400, 401, 403, 404, 405, 409, 410, 412, 413),
        *(415, 418, 422, 429, 451, 499, 500, 501, 502, 503, 504, 511, 599, 600, 999),
    ]
)

Spoil = Callable[[Response], Response | Exception]


def _whole(status: int | None, headers: dict[str, str], body: bytes | None) -> Spoil:
    def spoil(good: Response) -> Response:
        kept = good.body if body is None else body
        return Response(good.status if status is None else status, {**good.headers, **headers}, kept)

    return spoil


def _inside(change: str, where: int, value: bytes, name: str) -> Spoil:
    """Replace or remove one value of the body, or add another one next to it."""

    def spoil(good: Response) -> Response:
        if not good.body:
            return good
        document = json.loads(good.body)
        pointers = [pointer for pointer in places(document) if pointer]
        if not pointers:
            return good
        *way, last = pointers[where % len(pointers)]
        parent: Any = document
        for token in way:
            parent = parent[int(token) if isinstance(parent, list) else token]
        key: Any = int(last) if isinstance(parent, list) else last
        if change == "remove":
            del parent[key]
        elif change == "add" and isinstance(parent, dict):
            parent[name] = "@RAW@"
        else:
            parent[key] = "@RAW@"
        return Response(good.status, good.headers, json.dumps(document).encode().replace(b'"@RAW@"', value))

    return spoil


def everywhere(name: str, value: bytes) -> Spoil:
    """Replace the value of a name, in either generation's spelling, at every place."""

    def replaced(document: Any) -> Any:
        if isinstance(document, dict):
            return {
                key: "@RAW@" if key.rpartition(":")[2] == name else replaced(each) for key, each in document.items()
            }
        return [replaced(each) for each in document] if isinstance(document, list) else document

    def spoil(good: Response) -> Response:
        if not good.body:
            return good
        document = replaced(json.loads(good.body))
        return Response(good.status, good.headers, json.dumps(document).encode().replace(b'"@RAW@"', value))

    return spoil


def _lost(sent: bool) -> Spoil:
    return lambda _: lost(sent)


_NAMES = st.sampled_from(
    [
        "id",
        "@id",
        "etag",
        "name",
        "xdm:name",
        "rank",
        "_instance",
        "_links",
        "next",
        "href",
        "total",
        "results",
        "xdm:x",
    ]
)
MEMBERS = (
    *("id", "@id", "instanceId", "etag", "name", "status", "rank", "tags", "startDate", "endDate", "characteristics"),
    *("representations", "placement", "components", "selectionConstraint", "eligibilityRule", "ids", "filterType"),
    *("criteria", "placements", "optionSelection", "filter", "fallback", "profileConstraint", "order", "function"),
    *("created", "modified", "createdDate", "lastModifiedDate", "createdByClientId", "total", "next", "href"),
    *("propositions", "options", "activity", "operations", "decisioningPackageUpdate", "errors", "causes", "date"),
)
GOOD: st.SearchStrategy[Spoil] = st.just(lambda good: good)
SPOILED: st.SearchStrategy[Spoil] = (
    st.builds(_whole, st.none() | STATUSES, HEADERS, st.none() | st.sampled_from(BODIES) | st.binary(max_size=40))
    | st.builds(
        _inside,
        st.sampled_from(["replace", "replace", "replace", "add", "remove"]),
        st.integers(0, 200),
        st.sampled_from(VALUES),
        _NAMES,
    )
    | st.builds(everywhere, st.sampled_from(MEMBERS), st.sampled_from(VALUES))
    | st.builds(_lost, st.booleans())
)
# A few good answers, so that a flow proceeds, and then a spoiled one; the last answer repeats without end.
PLANS = st.lists(GOOD | GOOD | SPOILED, min_size=1, max_size=6)
