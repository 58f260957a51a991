"""Decision requests from plain arguments: decisions, each at its placements, for one profile; and the receipt."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from airflow_provider_offers.client.deciding.profiles import Profile, context_pairs, read_profile
from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.generations import decisioning
from airflow_provider_offers.client.generations.decisioning import COUNT_NAMES, DECISION_NAMES, PLACEMENT_NAMES
from airflow_provider_offers.client.model.decided import Decided, Shown
from airflow_provider_offers.client.model.entities import Reference, parse_reference
from airflow_provider_offers.client.model.kinds import DECISION, PLACEMENT, Kind
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Json

T = TypeVar("T")

MOST_SCOPES = 30
MOST_ITEMS = 30
# Adobe's guardrail for all scopes of one request together.
MOST_OFFERS = 100

_LONGEST_GIVEN = 120
_SUBJECT = "The decision request is not valid"
_SHAPE = 'a list of objects such as {"decision": "...", "placement": "...", "itemCount": 2}'
# The members of a scope, and their accepted names: ours, those of the parameters, Adobe's.
_MEMBERS = {
    "decision": ("decision", "decision_id", *DECISION_NAMES),
    "placement": ("placement", "placement_id", *PLACEMENT_NAMES),
    "itemCount": ("item_count", *COUNT_NAMES),
}
_MEANT = {name: member for member, names in _MEMBERS.items() for name in names}


@dataclass(frozen=True, slots=True)
class Scope:
    """One decision at one placement. `item_count` is the number of offers to ask for; None leaves it to the service."""

    decision: Reference
    placement: Reference
    item_count: int | None = None


class Checks:
    """Collects the violations of several checks, for one error."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def of(self, check: Callable[..., T], *arguments: Any, **options: Any) -> T | None:
        """The result of the check; None if it found violations."""
        try:
            return check(*arguments, **options)
        except InvalidInputError as error:
            self.violations += error.violations
            return None

    def end(self, subject: str) -> None:
        """Raise `InvalidInputError` with all violations, if there are any."""
        if self.violations:
            raise InvalidInputError(subject, self.violations)


def scopes_from(
    *,
    decision_id: Any,
    placement_id: Any,
    scopes: Any,
    item_count: Any,
    settings: Settings,
    most_offers: int | None = MOST_OFFERS,
) -> tuple[Scope, ...]:
    """The scopes of a request: those of `scopes`, or every decision of `decision_id` at every placement.

    `item_count` applies to scopes without a count of their own. Raises `InvalidInputError` with all violations.
    """
    checks = Checks()
    if scopes is None or scopes == "":
        fields = ("decision_id", "item_count")
        decisions = checks.of(references_to, "decision_id", decision_id, DECISION, settings) or ()
        placements = checks.of(references_to, "placement_id", placement_id, PLACEMENT, settings) or ()
        number = checks.of(_optional_count, item_count)
        found = [Scope(decision, placement, number) for decision in decisions for placement in placements]
    else:
        fields = ("scopes", "scopes")
        for name, given in (("decision_id", decision_id), ("placement_id", placement_id)):
            if given not in (None, "", [], ()):
                accepted = "nothing beside scopes, which names decisions and placements"
                checks.violations.append(Violation(name, quoted(given, _LONGEST_GIVEN), accepted))
        number = checks.of(_optional_count, item_count)
        found = checks.of(_listed, scopes, number, settings) or []
    unique = list(dict.fromkeys(found))
    checks.of(_check_bounds, unique, fields, most_offers)
    checks.of(check_counts, [(scope.decision, scope.placement, scope.item_count) for scope in unique])
    checks.end(_SUBJECT)
    return tuple(unique)


def check_counts(pairs: Sequence[tuple[Any, Any, int | None]]) -> None:
    """Refuse one decision at one placement with two counts: the service accepts each pair once."""
    counts: dict[tuple[Any, Any], int | None] = {}
    for decision, placement, count in pairs:
        if counts.setdefault((decision, placement), count) != count:
            given = f"{decision} at {placement} twice, with different counts"
            raise InvalidInputError(_SUBJECT, [Violation("scopes", given, "each decision at each placement once")])


def references_to(name: str, given: Any, kind: Kind, settings: Settings) -> tuple[Reference, ...]:
    """The objects of a kind in a field: one, or a list. Duplicates count once."""
    listed = given if isinstance(given, (list, tuple)) else [given]
    checks = Checks()
    if not listed:
        checks.violations.append(Violation(name, "an empty list", "at least one"))
    found = [checks.of(reference_to, name, each, kind, settings) for each in listed]
    checks.end(f"No {kind.noun} is named")
    return tuple(dict.fromkeys(each for each in found if each is not None))


def reference_to(name: str, given: Any, kind: Kind, settings: Settings) -> Reference:
    """The object of a kind that a field names: by an id of either generation, or by the result of a task."""
    try:
        return parse_reference(given, kind=kind, api=settings.api, sandbox=settings.sandbox)
    except InvalidInputError as error:
        renamed = [replace(violation, pointer=name) for violation in error.violations]
        raise InvalidInputError(error.subject, renamed) from None


def _listed(given: Any, item_count: int | None, settings: Settings) -> list[Scope]:
    listed = [given] if isinstance(given, Mapping) else given
    if not isinstance(listed, Sequence) or isinstance(listed, (str, bytes)) or not listed:
        what = quoted(given)
        raise InvalidInputError(_SUBJECT, [Violation("scopes", what, _SHAPE)])
    checks = Checks()
    read = [checks.of(_read, f"scopes/{index}", each, item_count, settings) for index, each in enumerate(listed)]
    checks.end(_SUBJECT)
    return [scope for scopes in read for scope in scopes or ()]


def _read(at: str, given: Any, item_count: int | None, settings: Settings) -> list[Scope]:
    """The scopes of one entry: one, or one for each of its placements."""
    if not isinstance(given, Mapping):
        raise InvalidInputError(_SUBJECT, [Violation(at, quoted(given), 'an object with "decision" and "placement"')])
    checks = Checks()
    members: dict[str, Any] = {}
    for name, value in given.items():
        checks.of(_take, at, str(name), value, members)
    number = item_count
    if members.get("itemCount") not in (None, ""):
        number = checks.of(_item_count, f"{at}/itemCount", members["itemCount"])
    decisions = checks.of(references_to, f"{at}/decision", members.get("decision"), DECISION, settings) or ()
    placements = checks.of(references_to, f"{at}/placement", members.get("placement"), PLACEMENT, settings) or ()
    checks.end(_SUBJECT)
    return [Scope(decision, placement, number) for decision in decisions for placement in placements]


def _take(at: str, name: str, value: Any, members: dict[str, Any]) -> None:
    """Store a member of a scope under its name here."""
    member = _MEANT.get(name)
    if member is None:
        close = difflib.get_close_matches(name, _MEANT, n=1)
        accepted = f"{close[0]!r}" if close else "decision, placement and optionally itemCount"
        raise InvalidInputError(_SUBJECT, [Violation(f"{at}/{name}", "an unknown member", accepted)])
    if member in members:
        raise InvalidInputError(_SUBJECT, [Violation(f"{at}/{name}", f"a second {member}", "one")])
    members[member] = value


def _optional_count(given: Any) -> int | None:
    return None if given in (None, "") else _item_count("item_count", given)


def _item_count(name: str, given: Any) -> int:
    text = str(given)
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0
    if not 1 <= number <= MOST_ITEMS:
        accepted = f"a whole number from 1 to {MOST_ITEMS}"
        raise InvalidInputError(_SUBJECT, [Violation(name, quoted(given), accepted)])
    return number


def _check_bounds(scopes: Sequence[Scope], fields: tuple[str, str], most_offers: int | None) -> None:
    """Refuse more pairs, or more offers in total, than one request may hold."""
    of_scopes, of_counts = fields
    if len(scopes) > MOST_SCOPES:
        accepted = f"at most {MOST_SCOPES} decisions and placements in one request"
        raise InvalidInputError(_SUBJECT, [Violation(of_scopes, f"{len(scopes)} pairs of them", accepted)])
    offers = sum(scope.item_count or 0 for scope in scopes)
    if most_offers is not None and offers > most_offers:
        given = f"{offers} for {len(scopes)} decisions and placements"
        accepted = f"at most {most_offers} offers in one request, so {most_offers // len(scopes)} at each placement"
        raise InvalidInputError(_SUBJECT, [Violation(of_counts, given, accepted)])


@dataclass(frozen=True, slots=True)
class Question:
    """One decision request: decisions, each at its placements, for one profile. No repr shows the profile's identities.

    `include_content` asks for the offers' contents, and `allow_duplicates` lets an offer be proposed more than once.
    None leaves the choice to the placements. The profile's own `terms` override both.
    """

    scopes: tuple[Scope, ...]
    profile: Profile
    dry_run: bool = True
    include_content: bool | None = True
    allow_duplicates: bool | None = None


def new_question(
    *,
    decision_id: Any = None,
    placement_id: Any = None,
    scopes: Any = None,
    profile: Any,
    item_count: Any,
    context_data: Any,
    dry_run: Any,
    include_content: Any,
    allow_duplicates: Any = None,
    settings: Settings,
) -> Question:
    """A decision request from plain arguments. `InvalidInputError` lists everything that is wrong with them."""
    checks = Checks()
    whole = checks.of(read_profile, profile) or Profile()
    asked = checks.of(
        scopes_from,
        decision_id=decision_id,
        placement_id=placement_id,
        scopes=checks.of(_one_of, "scopes", scopes, "propositionRequests", whole.scopes),
        item_count=item_count,
        settings=settings,
    )
    context = checks.of(context_pairs, context_data) or ()
    if dry_run is not None:
        checks.of(check_flag, "dry_run", dry_run)
    checks.of(check_flag, "include_content", include_content, or_none=True)
    checks.of(check_flag, "allow_duplicates", allow_duplicates, or_none=True)
    said = checks.of(_one_of, "dry_run", dry_run, "dryRun", whole.terms.get("dryRun"))
    across = "allowDuplicatePropositions"
    checks.of(_one_of, "allow_duplicates", allow_duplicates, across, whole.terms.get(across))
    checks.end("The decision request is not valid")
    whole = replace(whole, context=(*whole.context, *context))
    return Question(asked or (), whole, said is not False, include_content, allow_duplicates)


def _one_of(name: str, given: Any, member: str, in_profile: Any) -> Any:
    """The value of a parameter or of the whole request. `InvalidInputError` if they differ."""
    if given is None or given == "" or given == in_profile:
        return in_profile
    if in_profile is not None:
        accepted = f"nothing beside a whole request that has {member}"
        raise InvalidInputError(
            "The decision request is not valid", [Violation(name, quoted(given, _LONGEST_GIVEN), accepted)]
        )
    return given


def check_flag(name: str, given: Any, *, or_none: bool = False) -> None:
    """Refuse anything but True and False: text such as "false", which templates render, would count as true."""
    if isinstance(given, bool) or (or_none and given is None):
        return
    accepted = "True, False or None, not text" if or_none else "True or False, not text"
    raise InvalidInputError("The decision request is not valid", [Violation(name, quoted(given), accepted)])


def question_body(question: Question, pairs: Sequence[decisioning.Pair]) -> dict[str, Json]:
    """The JSON of a decision request, the same for both generations."""
    profile = question.profile
    return decisioning.decision_request(
        pairs,
        identities=profile.identities,
        context=profile.context,
        beside=profile.beside,
        terms=profile.terms,
        dry_run=question.dry_run,
        include_content=question.include_content,
        allow_duplicates=question.allow_duplicates,
    )


def decided_receipt(decided: Decided, settings: Settings, *, dry_run: bool) -> dict[str, Any]:
    """An answer as a small JSON object, without the profile."""
    return {
        "proposition_id": decided.proposition_id,
        "created": decided.created,
        "dry_run": dry_run,
        "propositions": [
            {
                "decision": _named(proposition.decision),
                "placement": _named(proposition.placement),
                "options": [_shown_receipt(option) for option in proposition.options],
                "fallback": None if proposition.fallback is None else _shown_receipt(proposition.fallback),
            }
            for proposition in decided.propositions
        ],
        **({} if decided.factors is None else {"factors": dict(decided.factors)}),
        "api": settings.api,
        "sandbox": settings.sandbox,
    }


def _named(shown: Shown) -> dict[str, Any]:
    return {"id": shown.id, "etag": shown.etag}


def _shown_receipt(shown: Shown) -> dict[str, Any]:
    every = {name: getattr(shown, name) for name in Shown.__dataclass_fields__}
    return {name: value for name, value in every.items() if value is not None or name in ("id", "etag")}
