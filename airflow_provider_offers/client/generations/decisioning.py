"""The decision services: their spelling of requests and answers, which is the same for both generations.

Sources: Adobe's pages about delivering offers with the Decisioning API, batch decisioning and the diagnostics of the
decision runtime. Only this module writes and reads the prefixes of member names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from airflow_provider_offers.client.generations.reading import optional_integer, optional_text, text
from airflow_provider_offers.client.model.decided import Decided, Job, Package, Proposition, Shown
from airflow_provider_offers.client.model.instants import format_instant, parse_instant
from airflow_provider_offers.client.wire.messages import Answer, Call, Json

# The members that Adobe's pages show beside a profile's identities: those of the profile, and those of the request.
OF_PROFILE = ("identityMap", "contextData", "decisionRequestId", "profileModel")
OF_REQUEST = (
    "propositionRequests",
    "profiles",
    "dryRun",
    "allowDuplicatePropositions",
    "mergePolicy",
    "enrichedAudience",
    "validateContextData",
    "responseFormat",
)
FLAGS = ("dryRun", "enrichedAudience", "validateContextData")
# Objects whose own members have the prefix too, and these members on Adobe's pages.
OBJECTS = {
    "allowDuplicatePropositions": ("acrossActivities", "acrossPlacements"),
    "mergePolicy": ("id",),
    "responseFormat": ("includeContent", "includeMetadata"),
}
# The members of an identity.
OF_IDENTITY = ("id", "primary", "authenticatedState")
# The members of a scope in Adobe's requests, in either spelling.
DECISION_NAMES = ("activityId", "xdm:activityId")
PLACEMENT_NAMES = ("placementId", "xdm:placementId")
COUNT_NAMES = ("itemCount", "xdm:itemCount")

# One service makes batch decisions for both generations. It accepts ids of both, and gets the sandbox in a header.
BATCH_BASE = "/data/core/dwm"
_JOBS = "/workloads/decisions"
_PLAIN_JSON = {"Accept": "application/json", "Content-Type": "application/json"}
_MEDIA_TYPE = (
    'application/vnd.adobe.xdm+json; schema="https://ns.adobe.com/experience/offer-management/decision-{};version=1.0"'
)
# The largest number of a double. A larger score, or one that is not a number, is ignored.
_MOST_SCORE = 10**300
_DEEPEST = 20

# A decision's id, a placement's id, and the number of offers to return.
Pair = tuple[str, str, int | None]
Members = Mapping[str, Json]


def plain(name: str) -> str:
    """A member's name without its prefix, if it has one."""
    bare = name.removeprefix("xdm:")
    return name if ":" in bare else bare


def in_either_spelling(members: Mapping[Json, Json], name: str) -> Json:
    """A member that may be spelled with or without its prefix; None if it is missing."""
    return members.get(f"xdm:{name}", members.get(name))


def _spelled(name: str) -> str:
    return name if ":" in name else f"xdm:{name}"


def _spelled_through(value: Json) -> Json:
    """An object whose members have the prefix, at every depth."""
    if not isinstance(value, Mapping):
        return value
    return {_spelled(str(name)): _spelled_through(member) for name, member in value.items()}


def decide(path: str, body: Json, *, repeatable: bool, private: Sequence[str]) -> Call:
    """The call that requests a decision; `path` is the beginning of the runtime's paths."""
    headers = {"Accept": _MEDIA_TYPE.format("response"), "Content-Type": _MEDIA_TYPE.format("request")}
    return Call("POST", f"{path}/decisions", headers, body, repeatable=repeatable, private=tuple(private))


def decision_request(
    pairs: Sequence[Pair],
    *,
    identities: Mapping[str, Sequence[Members]],
    context: Sequence[tuple[str, Json]],
    beside: Members,
    terms: Members,
    dry_run: bool,
    include_content: bool | None,
    allow_duplicates: bool | None,
) -> dict[str, Json]:
    """The body that requests a decision for one profile, from plain members. `terms` override the other arguments."""
    profile: dict[str, Json] = {
        "xdm:identityMap": {namespace: list(map(_identity, each)) for namespace, each in identities.items()},
        **{_spelled(name): value for name, value in beside.items()},
    }
    if context:
        profile["xdm:contextData"] = [{"@type": schema, "xdm:data": data} for schema, data in context]
    body: dict[str, Json] = {
        "xdm:dryRun": dry_run,
        "xdm:propositionRequests": _proposition_requests(pairs),
        "xdm:profiles": [profile],
    }
    if allow_duplicates is not None:
        across = ("xdm:acrossActivities", "xdm:acrossPlacements")
        body["xdm:allowDuplicatePropositions"] = dict.fromkeys(across, allow_duplicates)
    told = {
        _spelled(name): _spelled_through(value) if name in OBJECTS else value
        for name, value in terms.items()
        if name != "dryRun"
    }
    if include_content is not None:
        told["xdm:responseFormat"] = {"xdm:includeContent": include_content, **told.get("xdm:responseFormat", {})}
    return body | told


def _identity(identity: Members) -> dict[str, Json]:
    return {"xdm:id" if name == "id" else name: value for name, value in identity.items()}


def _proposition_requests(pairs: Sequence[Pair]) -> list[dict[str, Json]]:
    return [
        {"xdm:activityId": decision, "xdm:placementId": placement}
        | ({} if item_count is None else {"xdm:itemCount": item_count})
        for decision, placement, item_count in pairs
    ]


def read_decided(answer: Answer) -> Decided:
    """The propositions of an answer. A missing member is None; missing propositions are an error."""
    body = answer.object()
    rows = body.get("xdm:propositions")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise answer.unexpected("its 'xdm:propositions' is missing or not a list of objects")
    return Decided(
        # One version of the older pages spells it this way.
        proposition_id=optional_text(body, "xdm:propositionId") or optional_text(body, "xdm:propositionID"),
        created=_epoch_text(body.get("ode:createDate")),
        propositions=tuple(map(_proposition, rows)),
        factors=_factors(body.get("xdm:factors")),
    )


def _factors(given: Json) -> dict[str, Json] | None:
    """The numbers and words of an answer's factors."""
    if not isinstance(given, Mapping):
        return None
    return {
        plain(str(name)): value for name, value in given.items() if isinstance(value, (str, bool, int)) or value is None
    }


def _proposition(row: Members) -> Proposition:
    options, fallback = row.get("xdm:options"), row.get("xdm:fallback")
    return Proposition(
        decision=_shown(row.get("xdm:activity")),
        placement=_shown(row.get("xdm:placement")),
        options=tuple(_shown(each) for each in options if isinstance(each, Mapping))
        if isinstance(options, list)
        else (),
        fallback=_shown(fallback) if isinstance(fallback, Mapping) else None,
    )


def _shown(given: Json) -> Shown:
    body: Members = given if isinstance(given, Mapping) else {}
    characteristics = body.get("xdm:characteristics")
    return Shown(
        id=optional_text(body, "xdm:id"),
        # The older pages show it as text.
        etag=optional_integer(body, "repo:etag"),
        name=optional_text(body, "xdm:name"),
        type=optional_text(body, "@type"),
        format=optional_text(body, "dc:format"),
        content=optional_text(body, "xdm:content"),
        delivery_url=optional_text(body, "xdm:deliveryURL"),
        link_url=optional_text(body, "xdm:linkURL"),
        score=_score(body.get("xdm:score")),
        characteristics=characteristics if isinstance(characteristics, Mapping) else None,
    )


def _score(value: Json) -> float | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not abs(value) < _MOST_SCORE:
        return None
    return float(value)


def _epoch_text(value: Json) -> str | None:
    """Milliseconds since 1970 as RFC 3339; None for anything else."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    try:
        return format_instant(datetime.fromtimestamp(value / 1000, UTC))
    except (OverflowError, ValueError, OSError):
        return None


def diagnostics(path: str) -> Call:
    """The call that requests the runtime's diagnostics; `path` is the beginning of its paths."""
    return Call("GET", f"{path}/diagnostics", {"Accept": "application/vnd.adobe.xed-id+json"})


def read_package(answer: Answer) -> Package:
    """The last update of the runtime, from its diagnostics."""
    operations = answer.object().get("xdm:operations")
    if not isinstance(operations, Mapping):
        raise answer.unexpected("its 'xdm:operations' is missing or not an object")
    update = operations.get("xdm:decisioningPackageUpdate")
    if not isinstance(update, Mapping):
        return Package(None, ())
    try:
        date = parse_instant(update.get("xdm:date"))
    except ValueError as error:
        raise answer.unexpected(f"its 'xdm:date' is {error}") from None
    return Package(date, tuple(_descriptions(update.get("xdm:errors"))))


def _descriptions(errors: Json, depth: int = 0) -> Iterator[str]:
    """The innermost descriptions of nested errors, which say what to fix."""
    if not isinstance(errors, list) or depth > _DEEPEST:
        return
    for error in errors:
        if not isinstance(error, Mapping):
            continue
        causes = list(_descriptions(error.get("xdm:causes"), depth + 1))
        description = error.get("xdm:description")
        if causes:
            yield from causes
        elif isinstance(description, str):
            yield description[:500]


def submit_job(body: Json) -> Call:
    """The call that submits a batch job, with a body of `job_request`."""
    return Call("POST", _JOBS, _PLAIN_JSON, body, repeatable=False)


def job_request(pairs: Sequence[Pair], *, audience: str, dataset: str, include_content: bool) -> dict[str, Json]:
    """The body that submits a batch job."""
    return {
        "xdm:segmentIds": [audience],
        "xdm:dataSetId": dataset,
        "xdm:propositionRequests": _proposition_requests(pairs),
        "xdm:includeContent": include_content,
    }


def job(job_id: str) -> Call:
    """The call that reads a batch job."""
    return Call("GET", f"{_JOBS}/{quote(job_id, safe='')}", _PLAIN_JSON)


def read_job(answer: Answer) -> Job:
    """The batch job in an answer."""
    body = answer.object()
    return Job(
        id=text(answer, body, "@id"),
        status=text(answer, body, "ode:status").upper(),
        created=_epoch_text(body.get("ode:createDate")),
        detail=body.get("ode:statusDetail"),
    )
