"""The decisioning API: decisions for one profile, the offers that a decision chooses from, and diagnostics."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from airflow_provider_offers.emulator import instants, wellknown
from airflow_provider_offers.emulator.http import xcore
from airflow_provider_offers.emulator.http.calls import Call
from airflow_provider_offers.emulator.http.media_types import MediaType, same_schema
from airflow_provider_offers.emulator.http.messages import Answer, Reason, ServiceError
from airflow_provider_offers.emulator.kinds import criteria_of
from airflow_provider_offers.emulator.runtime import decision_request, propositions
from airflow_provider_offers.emulator.runtime.answers import Answers
from airflow_provider_offers.emulator.runtime.capping import CappingLog
from airflow_provider_offers.emulator.runtime.circumstances import AskedFor
from airflow_provider_offers.emulator.runtime.deciding import (
    Decider,
    Duplicates,
    Proposition,
    Question,
    collected,
    presentable,
    why_closed,
)
from airflow_provider_offers.emulator.runtime.decision_request import DecisionRequest, Scope, Terms
from airflow_provider_offers.emulator.settings import Settings
from airflow_provider_offers.emulator.store.library import Library, Record
from airflow_provider_offers.emulator.store.rules import invalid
from airflow_provider_offers.emulator.store.snapshot import Snapshot

XDM = "application/vnd.adobe.xdm+json"
REQUEST_SCHEMA = "https://ns.adobe.com/experience/offer-management/decision-request"
RESPONSE_SCHEMA = "https://ns.adobe.com/experience/offer-management/decision-response"
MAX_ACTIVITIES = 30


def decide(call: Call) -> Answer:
    """`POST /ods/decisions`: the best offers for one profile, or fallbacks."""
    media_type = _understood(lambda: call.content_type(XDM))
    return _decided(call, _version(media_type))


def decide_in_container(call: Call) -> Answer:
    """`POST /ode/{container}/decisions`: the same in generation 1; older pages also send plain JSON."""
    xcore.check_container(call)
    media_type = _understood(lambda: call.content_type(XDM, "application/json"))
    return _decided(call, _version(media_type) if media_type.name == XDM else "1.0")


def offers(call: Call) -> Answer:
    """`GET /ode/{container}/offers?activityId=…`: the approved offers that decisions choose from."""
    container = xcore.check_container(call)
    call.accepts(XDM, "application/json")
    wanted = call.request.all("activityId")
    if not 1 <= len(wanted) <= MAX_ACTIVITIES:
        detail = f"activityId must be given 1 to {MAX_ACTIVITIES} times, not {len(wanted)}"
        raise ServiceError(400, Reason.MALFORMED, detail)
    snapshot = call.runtime.snapshot(call.sandbox, call.settings)

    def linked(record: Record) -> dict[str, Any]:
        href = f"{call.request.origin}{wellknown.XCORE_PATH}/{container}/instances/{record.instance_id}"
        return {"@id": record.id, "_links": {"self": {"href": href}}, "repo:etag": str(record.etag)}

    listed = []
    for activity in [_activity(snapshot, each) for each in dict.fromkeys(wanted)]:
        found = {
            offer.id: offer
            for criterion in criteria_of(activity.body)
            for offer in collected(snapshot, criterion)
            if any(presentable(offer, placement) for placement in criterion.get("placements", ()))
        }
        document = {"xdm:offerActivity": linked(activity), "xdm:offers": [linked(each) for each in found.values()]}
        fallback = snapshot.get(activity.body.get("fallback"), "fallback-offer")
        listed.append(document | ({"xdm:fallbackOffer": linked(fallback)} if fallback is not None else {}))
    return Answer.of(200, {"xdm:activityOffers": listed}, XDM, note=f"offers of {len(listed)} decisions")


def diagnostics(call: Call) -> Answer:
    """`GET /ode/{container}/diagnostics`: the last update of the runtime, and the errors that block updates."""
    container = xcore.check_container(call)
    package = call.runtime.latest(call.sandbox, call.settings)
    if package is None:
        return Answer.of(200, {"xdm:operations": {}}, note="nothing was built yet")
    instances = f"{call.request.origin}{wellknown.XCORE_PATH}/{container}/instances"
    errors = [each.as_json(instances) for each in package.errors]
    update = {"xdm:date": instants.millis_text(package.built_us), "xdm:errors": errors}
    document = {"xdm:operations": {"xdm:decisioningPackageUpdate": update}}
    return Answer.of(200, document, note=f"{len(errors)} errors")


def questions(snapshot: Snapshot, scopes: Sequence[Scope], now_us: int, settings: Settings) -> list[Question]:
    """The scopes with their objects; scopes that cannot be decided are rejected."""
    found = []
    for scope in scopes:
        activity = _activity(snapshot, scope.activity)
        closed = why_closed(activity, now_us)
        if closed and settings.closed_decision == "refuse":
            raise _refused(closed)
        chosen = {each for criterion in criteria_of(activity.body) for each in criterion.get("placements", ())}
        for wanted in sorted(chosen) if scope.placement is None else [scope.placement]:
            placement = snapshot.get(wanted, "offer-placement")
            if placement is None:
                raise _refused(f"the runtime knows no placement {wanted!r}")
            if wanted not in chosen:
                raise _refused(f"decision {activity.id} has no criterion for placement {wanted}")
            found.append(Question(activity, placement, scope.items or placement.body.get("itemCount") or 1))
    return found


def propose(
    library: Library, snapshot: Snapshot, request: DecisionRequest, now_us: int, settings: Settings
) -> list[Proposition]:
    """Decide a request at a time, and count the proposals unless it is a dry run."""
    asked = questions(snapshot, request.scopes, now_us, settings)
    caps = CappingLog(library.database, snapshot.sandbox)
    profile = AskedFor(
        snapshot,
        request.profile,
        Answers(library.database, snapshot.sandbox),
        caps,
        [each.placement.id for each in asked],
        now_us,
        settings.unknown_rule,
    )
    draw = random.Random(f"{settings.decision_seed}:{library.database.next_number('decisions')}")
    made = Decider(snapshot, profile, now_us, draw).decide(asked, _duplicates(request.terms, asked))
    if not request.dry_run:
        for proposition in made:
            for option in proposition.options:
                caps.record(option.offer.id, proposition.question.placement.id, profile.key, now_us)
    return made


def _decided(call: Call, version: str) -> Answer:
    _understood(lambda: call.accepts(XDM, "application/json"))
    request, problems = decision_request.read(call.document())
    if request is None:
        raise invalid(problems, call.settings.delivery_invalid_status)
    now_us = call.library.clock.now_us()
    made = propose(call.library, call.runtime.snapshot(call.sandbox, call.settings), request, now_us, call.settings)
    older = call.settings.ode_answers == "2020" and call.request.segments[2] == "ode"
    document: dict[str, Any] = {"xdm:propositionID" if older else "xdm:propositionId": str(uuid.uuid4())}
    if request.profile.request_id is not None:
        document["xdm:decisionRequestId"] = request.profile.request_id
    document["xdm:propositions"] = [propositions.write(each, request.terms, older=older) for each in made]
    document["ode:createDate"] = now_us // 1000
    proposed = sum(len(each.options) for each in made)
    fallbacks = sum(1 for each in made if not each.options)
    note = f"proposed {proposed} offers and {fallbacks} fallbacks{' (dry run)' if request.dry_run else ''}"
    media_type = f'{XDM}; schema="{RESPONSE_SCHEMA};version={version}"'
    return Answer.of(200, document, media_type, note=note, committed=bool(proposed) and not request.dry_run)


def _duplicates(terms: Terms, asked: Sequence[Question]) -> Duplicates:
    across_placements = terms.across_placements
    if across_placements is None:
        # If one placement forbids duplicates, they are forbidden for all.
        across_placements = all(each.placement.body.get("allowDuplicatePlacements") is True for each in asked)
    return Duplicates(terms.across_activities, across_placements)


def _activity(snapshot: Snapshot, activity_id: str) -> Record:
    activity = snapshot.get(activity_id, "offer-activity")
    if activity is None:
        raise _refused(f"the runtime knows no decision {activity_id!r}")
    return activity


def _version(media_type: MediaType) -> str:
    schema = media_type.parameters.get("schema", "")
    name, _, version = schema.partition(";version=")
    if not same_schema(name, REQUEST_SCHEMA) or version.split(".")[0] not in ("0", "1"):
        detail = f"Content-Type {XDM} needs the schema {REQUEST_SCHEMA};version=1.0, not {schema!r}"
        raise ServiceError(400, Reason.MEDIA_TYPE, detail)
    return version


def _understood(check: Callable[[], Any]) -> Any:
    """The documented codes have neither 415 nor 406: such requests count as malformed."""
    try:
        return check()
    except ServiceError as refusal:
        refusal.status = 400
        raise


def _refused(detail: str) -> ServiceError:
    return ServiceError(422, Reason.DECISION, detail)
