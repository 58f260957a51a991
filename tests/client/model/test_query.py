"""Searches in neutral names, and the URL of each generation for them."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import InvalidInputError, UnsupportedError
from airflow_provider_offers.client.generations import Generation, dps, xcore
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.generations.xcore import Xcore
from airflow_provider_offers.client.model.kinds import FALLBACK, PERSONALIZED
from airflow_provider_offers.client.model.query import (
    PARAMETERS,
    TYPES,
    ClientSearch,
    Conditions,
    Query,
    SearchParameters,
    asked_of,
    escape_q,
    names,
    parse_query,
    search_of,
    takes,
    terms_of_q,
)
from airflow_provider_offers.client.wire.messages import Request
from tests.client.script import CONTAINER, query_of
from tests.effort import examples

XCORE, DPS = Xcore(CONTAINER), Dps()
SCHEMA = ("schema", "https://ns.adobe.com/experience/offer-management/personalized-offer;version=0.5")
OFFER_TYPE = ("offer-type", "personalized")


def parameters(generation: Generation, query: Query) -> list[tuple[str, str]]:
    """The decoded query, without the kind."""
    call = generation.search(PERSONALIZED, query)
    assert call.path.isascii()
    assert not urlsplit(call.path).fragment
    first, *rest = query_of(Request("GET", call.path, {}))
    assert first == (SCHEMA if generation.api == "xcore" else OFFER_TYPE)
    return rest


def on_xcore(**asked: Any) -> list[tuple[str, str]]:
    return parameters(XCORE, parse_query(**asked))


def on_dps(**asked: Any) -> list[tuple[str, str]]:
    return parameters(DPS, parse_query(**asked))


def wrong(**asked: Any) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        parse_query(**asked)
    return [violation.pointer for violation in caught.value.violations]


def test_nothing_asked_for_lists_everything() -> None:
    assert on_xcore() == on_dps() == []
    assert XCORE.search(PERSONALIZED, Query()).path.startswith(f"/{CONTAINER}/queries/core/search?schema=https://")
    assert DPS.search(PERSONALIZED, Query()).path == "/offers?offer-type=personalized"
    assert DPS.search(FALLBACK, Query()).path == "/offers?offer-type=fallback"
    assert "fallback-offer;version=0.1" in XCORE.search(FALLBACK, Query()).path


@pytest.mark.parametrize("character", list('+-=><!(){}[]^"~*?:\\/'))
def test_every_reserved_character_of_q_is_escaped(character: str) -> None:
    assert escape_q(f"a{character}b") == f"a\\{character}b"
    assert on_xcore(q=f"a{character}b") == [("q", f"a\\{character}b")]


@pytest.mark.parametrize(
    ("q", "escaped"),
    [
        ("Discounted Offers", "discounted offers"),
        ("a && b || c", "a \\&\\& b \\|\\| c"),
        ("a & b | c", "a & b | c"),
        ('"10% Off: now!"', '"10% off\\: now\\!"'),
        ('a "b" c', 'a \\"b\\" c'),
        ('""x"', '"\\"x"'),
        (" padded ", "padded"),
        ("ÜBER", "über"),
        ("AND OR NOT", "and or not"),
    ],
)
def test_q_is_plain_text(q: str, escaped: str) -> None:
    assert escape_q(q) == escaped
    assert on_xcore(q=q) == [("q", escaped)]


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
@examples(70)
def test_any_text_survives_the_url(text: str) -> None:
    name = Query(name=text)
    by_property = [("property", f"_instance.xdm:name=={text}")]
    assert parameters(XCORE, name) == (by_property if set(text) & set("*?\\") else [("name", text)])
    if "," not in text:
        assert parameters(DPS, name) == [("property", f"name=={text}")]
    assert parameters(XCORE, Query(ids=(text,))) == [("id", text)]
    assert parameters(XCORE, Query(q=text)) == [("q", escape_q(text))]
    assert parameters(XCORE, Query(start=text)) == parameters(DPS, Query(start=text)) == [("start", text)]


@given(st.text(st.characters(codec="utf-8"), max_size=20))
@examples(70)
def test_escaping_reserves_nothing_and_loses_nothing(text: str) -> None:
    escaped = escape_q(text)
    phrase = len(escaped) > 2 and escaped[0] == escaped[-1] == '"' and not escaped.endswith('\\"')
    inner = escaped[1:-1] if phrase else escaped
    bare = re.sub(r"\\(.)", " ", inner, flags=re.DOTALL)
    assert not re.search(r'&&|\|\||[+\-=><!(){}\[\]^"~*?:\\/]', bare)
    wanted = text.lower().strip()
    assert re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL) == (wanted[1:-1] if phrase else wanted)


def test_the_bytes_of_a_url() -> None:
    path = XCORE.search(PERSONALIZED, parse_query(name="50% + A&B #1 ü")).path
    assert path.endswith("&name=50%25%20%2B%20A%26B%20%231%20%C3%BC")
    path = DPS.search(PERSONALIZED, parse_query(properties="modified>=2026-03-01T00:00:00+01:00")).path
    assert path.endswith("&property=modified%3E=2026-03-01T00:00:00%2B01:00")


PATHS = [
    ("name", "_instance.xdm:name", "name"),
    ("xdm:name", "_instance.xdm:name", "name"),
    ("_instance.xdm:name", "_instance.xdm:name", "name"),
    ("status", "_instance.xdm:status", "status"),
    (
        "selectionConstraint.startDate",
        "_instance.xdm:selectionConstraint.xdm:startDate",
        "selectionConstraint.startDate",
    ),
    ("_instance.xdm:rank.xdm:priority", "_instance.xdm:rank.xdm:priority", "rank.priority"),
    (
        "representations.components.content",
        "_instance.xdm:representations.xdm:components.xdm:content",
        "representations.components.content",
    ),
    ("characteristics.name", "_instance.xdm:characteristics.name", "characteristics.name"),
    ("id", "_instance.@id", "id"),
    ("created", "repo:createdDate", "created"),
    ("createdDate", "repo:createdDate", "created"),
    ("repo:createdDate", "repo:createdDate", "created"),
    ("modified", "repo:lastModifiedDate", "modified"),
    ("lastModifiedDate", "repo:lastModifiedDate", "modified"),
    ("repo:lastModifiedDate", "repo:lastModifiedDate", "modified"),
    ("etag", "repo:etag", "etag"),
    ("createdBy", "repo:createdBy", "createdBy"),
    ("future", "_instance.future", "future"),
]


@pytest.mark.parametrize(("given_path", "xcore", "dps"), PATHS)
def test_properties_have_their_names_on_each_generation(given_path: str, xcore: str, dps: str) -> None:
    assert on_xcore(order_by=f"-{given_path}") == [("orderBy", f"-{xcore}")]
    assert on_dps(order_by=f"-{given_path}") == [("orderby", f"-{dps}")]
    assert on_xcore(properties=f"{given_path}==x") == [("property", f"{xcore}==x")]
    assert on_dps(properties=f"{given_path}==x") == [("property", f"{dps}==x")]
    assert on_xcore(q="x", fields=given_path) == [("q", "x"), ("field", xcore)]


@pytest.mark.parametrize("path", ["instanceId", "repo:createdByClientId", "lastModifiedByClientId"])
def test_what_dps_does_not_keep_is_refused_there(path: str) -> None:
    for asked in ({"order_by": path}, {"properties": f"{path}==x"}):
        with pytest.raises(UnsupportedError, match="dps does not store"):
            on_dps(**asked)
        assert on_xcore(**asked)


@pytest.mark.parametrize("operator", ["==", "!=", "<", "<=", ">", ">=", "~"])
def test_every_operator_is_sent(operator: str) -> None:
    for text in (f"rank.priority{operator}5", f"rank.priority {operator} 5 "):
        assert on_xcore(properties=text) == [("property", f"_instance.xdm:rank.xdm:priority{operator}5")]
        assert on_dps(properties=text) == [("property", f"rank.priority{operator}5")]


def test_filters_are_repeated_and_all_hold() -> None:
    asked = ["status==approved", "modified>=2026-01-01T00:00:00Z", "description"]
    assert on_xcore(properties=asked) == [
        ("property", "_instance.xdm:status==approved"),
        ("property", "repo:lastModifiedDate>=2026-01-01T00:00:00Z"),
        ("property", "_instance.xdm:description"),
    ]
    assert on_dps(properties=asked) == [("property", text) for text in asked]


def test_absence_is_known_to_dps_alone() -> None:
    assert on_dps(properties="!description") == [("property", "!description")]
    with pytest.raises(UnsupportedError, match="api=dps"):
        on_xcore(properties="!description")


def test_commas_separate_filters_on_both() -> None:
    """Adobe's list pages: `property=a,b` equals `property=a&property=b`."""
    page = "name!=abc,id~.*1234.*,description"
    assert on_dps(properties=page) == [("property", text) for text in page.split(",")]
    assert on_xcore(properties=page) == [
        ("property", "_instance.xdm:name!=abc"),
        ("property", "_instance.@id~.*1234.*"),
        ("property", "_instance.xdm:description"),
    ]
    for spelled in (["status!=approved, name==Sale"], ["status!=approved", "_instance.xdm:name==Sale"]):
        assert on_dps(properties=spelled) == [("property", "status!=approved"), ("property", "name==Sale")]


@pytest.mark.parametrize(
    "refused", ["name==Sale, (now)", "name==Spring, Summer", "name!=a,b", "name<a,b==c", "name~a{1,2}", "name,,status"]
)
def test_a_comma_in_a_value_is_refused_with_what_to_do(refused: str) -> None:
    with pytest.raises(InvalidInputError, match=r"name~Spring\. Summer"):
        parse_query(properties=refused)


def test_an_exact_name_may_have_a_comma() -> None:
    assert on_dps(name="Sale, (now)") == [("property", "name~Sale. \\(now\\)")]
    assert on_xcore(name="Sale, (now)") == [("name", "Sale, (now)")]


def test_the_words_between_terms_are_understood_in_any_case() -> None:
    words: tuple[Any, ...] = ("and", "And", " AND ")
    assert {parse_query(q="x", qop=word).qop for word in words} == {"AND"}


def test_exact_lookups() -> None:
    assert on_xcore(name="Sale") == [("name", "Sale")]
    assert on_xcore(name="Sale*") == [("property", "_instance.xdm:name==Sale*")]
    assert on_xcore(name="Sale?") == [("property", "_instance.xdm:name==Sale?")]
    assert on_xcore(name="Sale*?") == [("property", "_instance.xdm:name==Sale*?")]
    assert on_xcore(name="Sale\\1") == [("property", "_instance.xdm:name==Sale\\1")]
    assert on_dps(name="Sale") == [("property", "name==Sale")]
    assert on_xcore(ids=["a", "b"]) == [("id", "a"), ("id", "b")]
    assert on_dps(ids="a") == [("property", "id==a")]
    ((name, expression),) = on_dps(ids=["dps:x:1", "dps:x:2", "a.b"])
    assert (name, expression[:3]) == ("property", "id~")
    found = [
        text for text in ("dps:x:1", "dps:x:2", "a.b", "axb", "dps:x:3", "dps:x:11") if matches(expression[3:], text)
    ]
    assert found == ["dps:x:1", "dps:x:2", "a.b"]


def matches(pattern: str, text: str) -> bool:
    """The documents describe `~` as a match of the whole text."""
    return re.fullmatch(pattern, text) is not None


def test_lookups_of_flows_read_the_repository() -> None:
    path = XCORE.lookup(PERSONALIZED, name="Sale").path
    assert path.startswith(f"/{CONTAINER}/instances?schema=")
    assert DPS.lookup(PERSONALIZED, ids=["x"]).path == "/offers?offer-type=personalized&property=id==x"


def test_sizes() -> None:
    assert on_xcore(page_size=7) == on_dps(page_size="7") == [("limit", "7")]
    assert on_xcore(limit=3) == on_dps(limit="3") == [("limit", "3")]
    assert on_dps(limit=3, page_size=100) == [("limit", "100")]
    assert on_dps(limit=10_000) == on_xcore(limit=51) == []
    assert on_dps(limit=50) == [("limit", "50")]


def test_order_by_takes_several() -> None:
    for asked in ("-status, name", ["-status", "+name"]):
        assert on_xcore(order_by=asked) == [("orderBy", "-_instance.xdm:status,_instance.xdm:name")]
        assert on_dps(order_by=asked) == [("orderby", "-status,name")]


def test_full_text_on_dps_needs_one_field() -> None:
    with pytest.raises(UnsupportedError, match="one field"):
        on_dps(q="sale")
    with pytest.raises(UnsupportedError, match="one field"):
        on_dps(q="sale", fields=["name", "description"])


@pytest.mark.parametrize(
    ("q", "qop", "found", "missed"),
    [
        ("spring sale", "AND", ["Spring SALE", "sale in spring"], ["spring", "sale"]),
        ("spring sale", "OR", ["spring", "my sale"], ["winter"]),
        ("spring sale", None, ["spring", "my sale"], ["winter"]),
        ('"spring sale"', "AND", ["big Spring Sale"], ["sale in spring"]),
        ("a.b (c)", "AND", ["(c) A.B"], ["axb (c)"]),
        ("10%", None, ["10% off"], ["10 off"]),
        ("straße", None, ["Straße"], ["strasse"]),
    ],
)
def test_full_text_on_dps_is_a_regular_expression(q: str, qop: str | None, found: list[str], missed: list[str]) -> None:
    expressions = on_dps(q=q, qop=qop, fields="name")
    patterns = []
    for name, expression in expressions:
        assert name == "property"
        assert "," not in expression
        path, _, pattern = expression.partition("~")
        assert path == "name"
        patterns.append(pattern)

    for text in (*found, *missed):
        assert all(matches(pattern, text) for pattern in patterns) is (text in found)


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"q": " "}, "q"),
        ({"q": '""'}, "q"),
        ({"q": 5}, "q"),
        ({"q": "x" * 2_001}, "q"),
        ({"q": "x", "qop": "xor"}, "qop"),
        ({"q": "x", "qop": 5}, "qop"),
        ({"qop": "AND"}, "qop"),
        ({"fields": "name"}, "fields"),
        ({"q": "x", "fields": ["a b"]}, "fields"),
        ({"q": "x", "fields": [""]}, "fields"),
        ({"properties": "=x"}, "properties"),
        ({"properties": "a=b"}, "properties"),
        ({"properties": "!a==b"}, "properties"),
        ({"properties": ["name", 5]}, "properties"),
        ({"properties": "name,!status==draft"}, "properties"),
        ({"properties": "name==x,y"}, "properties"),
        ({"order_by": "na me"}, "order_by"),
        ({"order_by": {}}, "order_by"),
        ({"limit": 0}, "limit"),
        ({"limit": True}, "limit"),
        ({"limit": 10**9 + 1}, "limit"),
        ({"page_size": -1}, "page_size"),
        ({"page_size": "many"}, "page_size"),
        ({"page_size": 1.5}, "page_size"),
        ({"name": ""}, "name"),
        ({"name": 5}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"name": "x\udfff"}, "name"),
        ({"q": "\ud800"}, "q"),
        ({"properties": "name==\ud800"}, "properties"),
        ({"ids": ["\ud800"]}, "ids"),
        ({"start": "\ud800"}, "start"),
        ({"start": 5}, "start"),
        ({"ids": [5]}, "ids"),
        ({"name": "x", "ids": "y"}, "name"),
    ],
)
def test_what_cannot_be_asked(asked: dict[str, Any], pointer: str) -> None:
    assert wrong(**asked) == [pointer]


@pytest.mark.parametrize(
    ("asked", "given_"),
    [
        ({"q": '""'}, "'\"\"'"),
        ({"q": "x", "qop": "XOR"}, "'XOR'"),
        ({"q": "x", "fields": "a b,name"}, "'a b'"),
        ({"properties": "name=x"}, "'name=x'"),
        ({"properties": "name==x,y"}, "'name==x,y'"),
        ({"properties": ["name", 5]}, "['name', 5]"),
        ({"order_by": "na me"}, "'na me'"),
        ({"limit": "many"}, "'many'"),
        ({"name": 5}, "5"),
        ({"start": 5}, "5"),
    ],
)
def test_a_refusal_quotes_what_was_asked(asked: dict[str, Any], given_: str) -> None:
    with pytest.raises(InvalidInputError, match="The search cannot be sent") as caught:
        parse_query(**asked)
    (violation,) = caught.value.violations
    assert violation.given == given_


def test_what_may_just_be_asked() -> None:
    assert parse_query(q="X").q == "X"
    asked: dict[str, Any] = {"q": "x" * 2_000, "qop": " or ", "fields": "name, description"}
    assert parse_query(**asked) == Query(q="x" * 2_000, qop="OR", fields=("name", "description"))
    assert parse_query(limit=str(10**9)).limit == 10**9


def test_everything_wrong_is_told_at_once() -> None:
    assert wrong(q="", qop="XOR", properties=["?"], order_by="?", limit=0, page_size="x", ids=[1]) == [
        "q",
        "qop",
        "properties",
        "order_by",
        "limit",
        "page_size",
        "ids",
    ]


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("generation", [XCORE, DPS], ids=["xcore", "dps"])
def test_every_parameter_is_sent_or_refused(generation: Generation, name: str) -> None:
    """With what it refines, it changes the request: no generation drops it."""
    needed = PARAMETERS[name].refines
    before: dict[str, Any] = {} if needed is None else {needed: PARAMETERS[needed].example}
    if needed == "q":
        # Two words, of which one must match, in one field: what dps can express.
        before = {"q": "two words", "fields": "description"}
    asked = {**before, name: PARAMETERS[name].example}

    def sent(given: dict[str, Any]) -> list[tuple[str, str]] | None:
        try:
            return parameters(generation, parse_query(**given))
        except UnsupportedError:
            return None

    assert sent(before) is not None
    assert sent(asked) != sent(before)


def test_a_parameter_that_a_generation_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (dps, xcore):
        spellings = {name: each for name, each in module._SEARCH.items() if name != "order_by"}
        monkeypatch.setattr(module, "_SEARCH", spellings)
    for generation in (XCORE, DPS):
        with pytest.raises(UnsupportedError, match=f"{generation.api} has no search by order_by"):
            generation.search(PERSONALIZED, parse_query(order_by="name"))


def test_the_description_names_what_a_query_holds() -> None:
    assert set(ClientSearch.__annotations__) == {each.name for each in fields(Query)} == set(PARAMETERS)


def test_a_function_shows_the_parameters_of_its_search() -> None:
    def find(kind: str, *, full: bool = False, **given_: Any) -> None:
        """Any function that takes a search."""

    own = ["kind", "full"]
    asked = list(names(SearchParameters))
    assert asked == ["q", "qop", "fields", "properties", "order_by", "limit", "page_size"]
    assert takes(SearchParameters)(find) is find
    shown = inspect.signature(find).parameters
    assert list(shown) == [*own, *asked]
    for name in asked:
        assert (shown[name].kind, shown[name].default) == (inspect.Parameter.KEYWORD_ONLY, None)
        assert shown[name].annotation == TYPES[name]

    def find_more(**given_: Any) -> None:
        """A function that takes other keywords too."""

    takes(Conditions, others=True)(find_more)
    assert list(inspect.signature(find_more).parameters) == [*names(Conditions), "given_"]


def test_a_search_is_told_from_other_keywords() -> None:
    assert search_of({"q": "x", "task_id": "t", "start": "5"}, ("q", "limit")) == (
        {"q": "x", "limit": None},
        {"task_id": "t", "start": "5"},
    )


def test_what_a_template_left_empty_is_not_asked() -> None:
    source = SimpleNamespace(q="", qop=None, fields=[], properties="name", limit=0, page_size=7, task_id="t")
    asked = asked_of(source, [*names(SearchParameters)[:4], "limit", "page_size"])
    assert asked == {"properties": "name", "limit": 0, "page_size": 7}


@pytest.mark.parametrize("text", ["name", "!description", "name==Spring sale", "rank.priority>=5", "name~A.*"])
def test_a_filter_is_told_as_its_author_may_have_written_it(text: str) -> None:
    (expression,) = parse_query(properties=text).properties
    assert expression.text == text


@pytest.mark.parametrize(
    ("text", "escaped"), [('"A"', '"a"'), ('""', r"\"\""), ('"', r"\""), ('"a" b', r"\"a\" b"), ("a&&b", r"a\&\&b")]
)
def test_quotes_around_a_whole_text_make_a_phrase(text: str, escaped: str) -> None:
    assert escape_q(text) == escaped


def test_a_parameter_that_no_search_has_is_refused() -> None:
    unknown: dict[str, Any] = {"pagesize": 5}
    with pytest.raises(TypeError, match=r"no parameter 'pagesize'; did you mean 'page_size'\?"):
        parse_query(**unknown)


_ANYTHING = st.none() | st.text(max_size=6) | st.integers() | st.booleans() | st.lists(st.text(max_size=4), max_size=2)


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(PARAMETERS, _ANYTHING),
    )
)
@examples(100)
def test_any_question_is_asked_or_refused(asked: dict[str, Any]) -> None:
    try:
        query = parse_query(**asked)
    except InvalidInputError:
        return
    for generation in (XCORE, DPS):
        try:
            assert generation.search(PERSONALIZED, query).path.isascii()
        except UnsupportedError:
            assert generation is DPS or any(expression.absent for expression in query.properties)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Spring  voucher", ["spring", "voucher"]),
        (' "Spring voucher" ', ["spring voucher"]),
        ('"x"', ["x"]),
        ('""', ['""']),
        ('"', ['"']),
        ('"spring', ['"spring']),
        ('spring" voucher', ['spring"', "voucher"]),
    ],
)
def test_a_search_looks_for_a_phrase_in_quotes_or_for_each_word(text: str, terms: list[str]) -> None:
    assert terms_of_q(text) == terms
