"""The checks before sending: objects and patches against the rules of their kind, with every violation at once."""

from __future__ import annotations

import json
import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from airflow_provider_offers.client.errors import Doubt, InvalidInputError, Violation
from airflow_provider_offers.client.model.checking import findings
from airflow_provider_offers.client.model.documents import given_pointer
from airflow_provider_offers.client.model.kinds import KINDS, Kind
from airflow_provider_offers.client.model.lifecycle import SHOWN
from airflow_provider_offers.client.model.names import BESIDE, is_telling, name_findings
from airflow_provider_offers.client.model.spelling import escape_token
from airflow_provider_offers.client.repeated import tell
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Json

log = logging.getLogger(__name__)

# True rejects errors and warns of doubts, "strict" rejects both, False checks only the form.
Validate = bool | Literal["strict"]
# The statuses in which customers may see the object. A draft may be incomplete; a shown object may not.

MAX_BYTES = 300 * 1024
_COUNTED = re.compile(r"(\d+) [a-z]")


def checked_validate(given: Any) -> Validate:
    """The checked value of `validate`; `InvalidInputError` names the allowed values."""
    if isinstance(given, bool) or given == "strict":
        return given  # type: ignore[no-any-return]
    accepted = "True (reject errors), 'strict' (reject doubts too) or False (check only the form)"
    raise InvalidInputError("The checks are not valid", [Violation("validate", quoted(given), accepted)])


def settle(
    subject: str, noun: str, findings: Iterable[Violation], validate: Validate = True, *, name: Json = None
) -> None:
    """Reject errors, and with `"strict"` doubts too; warn of each doubt that is sent.

    Raises `InvalidInputError` with everything that is rejected. `noun` and `name` name the document in the warnings.
    """
    found = list(findings)
    refused = [each for each in found if validate == "strict" or not isinstance(each, Doubt)]
    if refused:
        raise InvalidInputError(subject, refused)
    about = quoted(name, 80) if isinstance(name, str) else ""
    for doubt in found:
        said = f"is sent although it may be wrong; validate='strict' rejects it: {doubt}"
        alike = " ".join((noun, doubt.pointer, doubt.expected, doubt.page if isinstance(doubt, Doubt) else ""))
        tell(log, f"The {f'{noun} {about}'.rstrip()} {said}", about=about, like=alike)


def check_offer(kind: Kind, properties: Mapping[str, Json], given: Any, validate: Validate = True) -> None:
    """Reject an object that the service would refuse. The pointers in the message are those of `given`.

    Raises `InvalidInputError` with every violation, and warns of doubts.
    """
    if validate is False:
        return
    findings = offer_findings(kind, properties, given)
    settle(f"The {kind.noun} cannot be sent", kind.noun, findings, validate, name=properties.get("name"))


def offer_findings(kind: Kind, properties: Mapping[str, Json], given: Any) -> list[Violation]:
    """Every error and doubt, with its place in `given`."""
    return [
        replace(finding, pointer=given_pointer(given, finding.pointer, kind.names))
        for finding in _offer_violations(kind, properties)
    ]


def _offer_violations(kind: Kind, properties: Mapping[str, Json]) -> list[Violation]:
    foreign = {each.pointer: each for each in _foreign(kind, properties)}
    names = name_findings(kind.place, kind.names, properties)
    found = [
        *findings(kind.place, properties),
        *(foreign.get(each.pointer, each) if isinstance(each, Doubt) else each for each in names),
        *size_violations(kind, properties, ""),
    ]
    return in_status(properties.get("status"), found)


def _foreign(kind: Kind, properties: Mapping[str, Json]) -> Iterator[Violation]:
    """The properties at the top that only other kinds have.

    It is certain that the author means those: a name of several words shows it, or the whole document fits another
    kind.
    """
    unknown = [name for name in properties if not kind.place.knows(name) and name not in BESIDE]
    for name in unknown:
        others = [other for other in KINDS.values() if name in other.place.members]
        whole = [other for other in others if all(other.place.knows(each) or each in BESIDE for each in properties)]
        if is_telling(name) or (whole and _is_of_one(others)):
            subjects = " or ".join(dict.fromkeys(_with_article(other.subject) for other in whole or others))
            if subjects:
                accepted = f"a property of {_with_article(kind.subject)}; is the object {subjects}?"
                yield Violation(f"/{escape_token(name)}", f"the property {name!r}", accepted)


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeio' else 'a'} {noun}"


def _is_of_one(kinds: list[Kind]) -> bool:
    return len({kind.subject for kind in kinds}) == 1


def size_violations(kind: Kind, content: Json, pointer: str) -> Iterator[Violation]:
    """The violation at that pointer if the content alone is too large for an object of the kind."""
    size = size_of(content)
    if size > MAX_BYTES:
        yield Violation(pointer, f"{size} bytes", f"at most {MAX_BYTES} bytes for a whole {kind.subject}")


def size_of(content: Json) -> int:
    """The bytes of the content as JSON."""
    return len(json.dumps(content, ensure_ascii=False).encode(errors="replace"))


def in_status(status: Json, found: list[Violation]) -> list[Violation]:
    """The findings for an object in that status. Gaps are doubts in a draft, and errors in a shown object."""
    if status not in SHOWN:
        return found
    return [
        Violation(each.pointer, each.given, each.expected) if isinstance(each, Doubt) and each.until_shown else each
        for each in found
    ]


def check_result(
    kind: Kind,
    before: Mapping[str, Json],
    after: Mapping[str, Json],
    validate: Validate,
    told: set[str],
) -> None:
    """Reject a patch whose result the service would refuse; `before` and `after` are the object's properties.

    An error that existed before and is no worse afterwards does not count. Raises `InvalidInputError`. Warns of doubts
    whose gist `told` does not have, and adds it.
    """
    if validate is False:
        return
    known = _by_place(_offer_violations(kind, before))
    found = [
        violation
        for place, violations in _by_place(_offer_violations(kind, after)).items()
        if len(violations) > len(known[place]) or _most(violations) > _most(known[place])
        for violation in violations
        if violation not in known[place]
    ]
    if validate is True and found:
        found = [each for each in found if not isinstance(each, Doubt) or gist(each) not in told]
        told |= {gist(each) for each in found}
    subject = f"The patched {kind.noun} would not be valid; nothing was sent"
    settle(subject, f"patched {kind.noun}", found, validate, name=after.get("name"))


def gist(finding: Violation) -> str:
    """The finding without its place: the same doubt has different pointers in a patch and in its result."""
    return f"{finding.given} {re.sub(r'[0-9]+', '#', finding.expected)}"


def _by_place(violations: Iterable[Violation]) -> defaultdict[tuple[str, bool], list[Violation]]:
    """The violations by pointer, with all indexes alike: items move up when others are removed.

    A doubt that has become an error, such as in a draft that is approved, has its own key.
    """
    places: defaultdict[tuple[str, bool], list[Violation]] = defaultdict(list)
    for violation in violations:
        place = re.sub(r"/\d+(?=/|$)", "/#", violation.pointer)
        places[place, isinstance(violation, Doubt)].append(violation)
    return places


def _most(violations: Iterable[Violation]) -> int:
    """The largest count in violations that are about too many entries."""
    counts = [_COUNTED.match(violation.given) for violation in violations]
    return max((int(count[1]) for count in counts if count is not None), default=0)
