"""Generated offers, patches and JSON for the property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

# Names with a meaning in a generation, at places where they must have none.
_TELLING = ["name", "xdm:name", "@id", "id", "type", "@type", "format", "dc:format", "rank", "xdm:rank", "_instance"]
_UNKNOWN_NAMES = st.sampled_from(
    ["x", "xdm:future", "repo:id", "offerui:previewThumbnail", "a/b", "m~n", "", "ünï", "_links", "0"]
)
_INSTANTS = st.sampled_from(["2026-03-10T00:00:00Z", "2026-06-30T21:59:59.000+00:00", "2026-03-10T01:00:00+01:00"])
_WORDS = st.text(max_size=6)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_TELLING) | _UNKNOWN_NAMES, inner, max_size=3)
    ),
    max_leaves=6,
)
FREE_FORM = st.dictionaries(st.sampled_from(_TELLING) | _WORDS, _WORDS, max_size=4)


def _object(**known: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with any of the known members, and with unknown ones."""
    unknown = st.dictionaries(_UNKNOWN_NAMES, JSON, max_size=2)
    return st.builds(lambda ours, others: {**others, **ours}, st.fixed_dictionaries({}, optional=known), unknown)


COMPONENT = _object(
    type=st.sampled_from(["html", "imagelink", "component-text", "json", "https://example.com/own-type"]),
    format=st.sampled_from(["text/html", "image/png"]),
    language=st.lists(st.sampled_from(["en", "en-us"]), max_size=2),
    content=_WORDS,
    deliveryURL=_WORDS,
    linkURL=_WORDS,
    copyline=_WORDS,
)
REPRESENTATION = _object(
    channel=st.just("https://ns.adobe.com/xdm/channel-types/web"),
    placement=st.sampled_from(["dps:offer-placement:1", "xcore:offer-placement:2"]),
    components=st.lists(COMPONENT, max_size=2),
)
SELECTION = _object(
    startDate=_INSTANTS,
    endDate=_INSTANTS,
    profileConstraintType=st.sampled_from(["none", "eligibilityRule", "anySegments"]),
    eligibilityRule=_WORDS,
    segmentIdentities=st.lists(JSON, max_size=1),
)
RANK = _object(
    priority=st.integers(0, 9),
    order=_object(
        orderEvaluationType=st.sampled_from(["static", "scoringFunction", "ranking-strategy"]),
        rankingStrategy=_WORDS,
        function=_WORDS,
    ),
)
FREQUENCY = _object(
    enabled=st.booleans(),
    limit=st.integers(1, 5),
    scope=st.just("profile"),
    entity=st.just("offer"),
    events=st.lists(st.just("click"), max_size=1),
    startDate=_INSTANTS,
    repeat=_object(enabled=st.booleans(), unit=st.just("day"), unitCount=st.integers(1, 3)),
)
# Offers in neutral names, each value spelled as generation 2 spells it.
OFFER = _object(
    name=_WORDS,
    description=_WORDS,
    status=st.sampled_from(["draft", "approved"]),
    tags=st.lists(_WORDS, max_size=3),
    characteristics=FREE_FORM,
    representations=st.lists(REPRESENTATION, max_size=2),
    selectionConstraint=SELECTION,
    rank=RANK,
    cappingConstraint=_object(globalCap=st.integers(1, 9), profileCap=st.integers(1, 9)),
    frequencyCappingConstraints=st.lists(FREQUENCY, max_size=2),
).filter(lambda offer: "_instance" not in offer)


_ID = st.sampled_from(["dps:tag:1", "xcore:offer-placement:2", "name:Somebody", "opaque"])
_PROFILE = _object(
    profileConstraintType=st.sampled_from(["none", "eligibilityRule"]),
    eligibilityRule=_ID,
    segmentIdentities=st.lists(JSON, max_size=1),
)
_DEFINED_ON = st.dictionaries(
    st.sampled_from(_TELLING) | st.sampled_from(["profile", "", "xEvent", "xdm:schema", "schema"]),
    _object(
        schema=_object(ref=_WORDS, version=_WORDS, altId=_WORDS),
        referencePaths=st.lists(_WORDS, max_size=2),
    ),
    max_size=2,
)
_EXPRESSION = _object(type=st.just("PQL"), format=st.just("pql/text"), value=_WORDS)
# An object of each kind in neutral names, each value spelled as generation 2 spells it.
OBJECTS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "personalized": OFFER,
    "fallback": OFFER,
    "placement": _object(
        name=_WORDS,
        description=_WORDS,
        componentType=st.sampled_from(["html", "text", "imagelink", "json", "https://example.com/own-type"]),
        channel=st.just("https://ns.adobe.com/xdm/channel-types/web"),
        contentTypes=st.lists(st.just("text/html"), max_size=1),
        itemCount=st.integers(1, 3),
        allowDuplicatePlacements=st.booleans(),
        returnContent=st.booleans(),
        returnMetaData=_object(offerName=st.booleans()),
    ),
    "tag": _object(name=_WORDS, description=_WORDS),
    "collection": _object(
        name=_WORDS,
        filterType=st.sampled_from(["offers", "any-tags", "all-tags", "some-tags"]),
        ids=st.lists(_ID, max_size=2),
        labels=st.lists(_WORDS, max_size=2),
    ),
    "rule": _object(name=_WORDS, description=_WORDS, condition=_EXPRESSION, definedOn=_DEFINED_ON, segmentModel=JSON),
    "formula": _object(
        name=_WORDS,
        description=_WORDS,
        expression=_EXPRESSION,
        definedOn=_DEFINED_ON,
        returnType=_object(type=_WORDS),
        isPure=st.booleans(),
    ),
    "decision": _object(
        name=_WORDS,
        description=_WORDS,
        status=st.sampled_from(["draft", "live"]),
        startDate=_INSTANTS,
        endDate=_INSTANTS,
        fallback=_ID,
        criteria=st.lists(
            _object(
                placements=st.lists(_ID, max_size=2),
                optionSelection=_object(filter=_ID, optionSelectionType=_WORDS),
                profileConstraint=_PROFILE,
                rank=RANK,
            ),
            max_size=2,
        ),
    ),
}
OBJECTS = {kind: each.filter(lambda document: "_instance" not in document) for kind, each in OBJECTS.items()}


def places(document: Any, pointer: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every place in a document, as the tokens of its pointer."""
    found = [pointer]
    if isinstance(document, dict):
        for name, value in document.items():
            found += places(value, (*pointer, name))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            found += places(value, (*pointer, str(index)))
    return found
