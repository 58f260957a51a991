"""What is not portable in a campaign: values that mean something in one sandbox only."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from airflow_provider_offers.campaigns.objects import Campaign, Key, WantedObject
from airflow_provider_offers.client.model.places import pointings
from airflow_provider_offers.client.model.spelling import escape_token
from airflow_provider_offers.client.text import legible, quoted
from airflow_provider_offers.client.wire.messages import Json

_LONGEST = 120
# The schemas that Adobe defines for every sandbox.
_STANDARD_REF = re.compile(r"https://ns\.adobe\.com/(xdm|experience)/.*")
_STANDARD_ALT_ID = re.compile(r"_(xdm|experience)\..*")
# An audience in an expression: the function that asks for it, or the field of a profile that lists its audiences.
_IN_SEGMENT = re.compile(r"\b(?:inSegment\s*\(|segmentMembership\b)")


@dataclass(frozen=True, slots=True)
class Unportable:
    """A value that another sandbox does not have, or has under another id.

    `origin` is the object's place in the manifest, `value` the value as text, and `reason` what it is and what to do.
    """

    key: Key
    pointer: str
    value: str
    reason: str
    origin: str = ""

    def __str__(self) -> str:
        kind, name = self.key
        value = legible(self.value, _LONGEST)
        return f"{self.origin}: {kind} {quoted(name, 80)}, {self.pointer}: {value}: {self.reason}"


_ID = "an id is that of one sandbox: write name: and the name of the object, or use a variable of the target"
_SEGMENT = "an audience is defined in one sandbox: use a variable of the target for its id"
_MODEL = "an AI model is trained in one sandbox: use a variable of the target for its id"
_SCHEMA = "a schema of your own has another id in each sandbox: use a variable of the target"
_ASSET = "an asset belongs to one repository: check that the other sandbox sees it"
_EXPRESSION = "the expression asks for an audience, which is defined in one sandbox: use a variable of the target"


def find_unportable(campaign: Campaign) -> list[Unportable]:
    """The values of a campaign that another sandbox may not have. Makes no API call.

    These are ids in place of names, audiences (also in expressions), AI models, schemas of your own, and assets. See
    `compare_targets`, which leaves out what a variable of the target sets.
    """
    return [found for wanted in campaign.objects for found in _in_object(wanted)]


def compare_targets(source: Campaign, target: Campaign) -> list[Unportable]:
    """The values of the source that are not portable and that the target has unchanged. Makes no API call.

    Both are the same manifest, loaded for two targets: a value that comes from a variable differs.
    """
    own = {(each.key, each.pointer, each.value) for each in find_unportable(source)}
    return [each for each in find_unportable(target) if (each.key, each.pointer, each.value) in own]


def _in_object(wanted: WantedObject) -> Iterator[Unportable]:
    def told(pointer: str, value: Json, reason: str) -> Unportable:
        # The whole value: a variable may change only the end of a long one.
        return Unportable(wanted.key, pointer, quoted(value, sys.maxsize), reason, str(wanted.origin))

    for each in pointings(wanted.kind.place, wanted.properties):
        if each.name is None:
            yield told(each.pointer, each.target, _ID)
    for pointer, name, value in _members("", wanted.properties):
        if name == "segmentIdentities" and value:
            yield told(pointer, value, _SEGMENT)
        elif name == "rankingStrategy" and value:
            yield told(pointer, value, _MODEL)
        elif name == "schema" and isinstance(value, Mapping) and not _is_standard(value):
            yield told(pointer, value.get("ref") or value.get("altId"), _SCHEMA)
        elif name.startswith("repo:id") and value:
            yield told(pointer, value, _ASSET)
        elif name == "value" and isinstance(value, str) and _IN_SEGMENT.search(value):
            yield told(pointer, value, _EXPRESSION)


def _is_standard(schema: Mapping[str, Json]) -> bool:
    """Whether a schema is one that Adobe defines, by its id or its other name."""
    ref, alt_id = schema.get("ref"), schema.get("altId")
    if isinstance(ref, str):
        return _STANDARD_REF.fullmatch(ref) is not None
    return not isinstance(alt_id, str) or _STANDARD_ALT_ID.fullmatch(alt_id) is not None


def _members(pointer: str, value: Json) -> Iterator[tuple[str, str, Json]]:
    """Every member of objects in a value: its pointer, its name, and its value."""
    inner: Iterator[tuple[object, Json]] = iter(())
    if isinstance(value, Mapping):
        inner = iter(value.items())
    elif isinstance(value, list):
        inner = iter(enumerate(value))
    for name, member in inner:
        here = f"{pointer}/{escape_token(name)}"
        if isinstance(name, str):
            yield here, name, member
        yield from _members(here, member)
