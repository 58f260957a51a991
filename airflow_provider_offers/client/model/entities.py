"""The client's results: entities in their neutral form, receipts of writes, pages, and references to objects."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.model.capabilities import capabilities_of
from airflow_provider_offers.client.model.identifiers import (
    IDENTIFIER,
    NAME_PREFIX,
    TYPED_ID,
    UUID,
    misspells_prefix,
    name_hint,
    type_hint,
)
from airflow_provider_offers.client.model.kinds import (
    FALLBACK,
    KINDS,
    PERSONALIZED,
    Kind,
    kind_of,
    kind_of_type_name,
    offer_kind,
)
from airflow_provider_offers.client.model.likeness import perhaps
from airflow_provider_offers.client.model.spelling import Spelled
from airflow_provider_offers.client.text import quoted, typed
from airflow_provider_offers.client.wire.messages import Json

_BETWEEN_IDS = re.compile(r"[\s,;|]+")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_OFFERS_WINDOW = ("selectionConstraint",)


# Not frozen: a search makes hundreds of thousands of them, and a frozen class takes twice as long.
@dataclass(slots=True)
class Entity:
    """An object of the library, as a read shows it.

    `properties` are the object's own, in generation 2's plain names. `envelope` holds what else the service keeps about
    it. `id` is the reference id (`@id`); `instance_id` is the one in URLs, equal to `id` on dps. `created` and
    `modified` are RFC 3339 texts from the service. `names` is set if this object's spelling differs from that of its
    kind. `listed` marks an object that a list has read ahead: it may have changed since.
    """

    kind: Kind
    id: str
    instance_id: str
    etag: int
    properties: Mapping[str, Json]
    created: str | None = None
    modified: str | None = None
    envelope: Mapping[str, Json] = field(default_factory=dict)
    names: Spelled | None = None
    listed: bool = False

    @property
    def name(self) -> str | None:
        name = self.properties.get("name")
        return name if isinstance(name, str) else None

    @property
    def called(self) -> str:
        """The object's name and id, as messages show them."""
        return f"{self.name!r} ({self.id})"

    @property
    def status(self) -> str | None:
        status = self.properties.get("status")
        return status if isinstance(status, str) else None

    @property
    def editor(self) -> str | None:
        """The account that wrote the object last, if the service tells."""
        editor = self.envelope.get("lastModifiedBy")
        return editor if isinstance(editor, str) and editor else None

    @property
    def window(self) -> dict[str, str | None]:
        """The window of an offer or a decision, in the service's spelling; both ends are None for other kinds."""
        holder: Any = self.properties
        path = self.kind.window
        for step in _OFFERS_WINDOW if path is None else path:
            # The type first: to look for an abstract class takes ten times as long.
            holder = holder.get(step) if type(holder) is dict or isinstance(holder, Mapping) else None
        if type(holder) is dict or isinstance(holder, Mapping):
            return {"start": holder.get("startDate"), "end": holder.get("endDate")}
        return {"start": None, "end": None}

    @property
    def reference(self) -> Reference:
        return Reference(self.kind, id=self.id, instance_id=self.instance_id, names=self.names)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a write: both ids, the new etag (None after a deletion), and the service's times."""

    id: str
    instance_id: str
    etag: int | None
    created: str | None = None
    modified: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of a write. `name` is set if the object was read.

    `withdrawn` holds the ids of twins that were deleted, if two tasks created the object at once.
    """

    receipt: Receipt
    action: str
    name: str | None = None
    request_id: str | None = None
    withdrawn: tuple[str, ...] = ()

    @classmethod
    def of(cls, entity: Entity, action: str = "updated", withdrawn: tuple[str, ...] = ()) -> Written:
        """The outcome, made from a read."""
        receipt = Receipt(entity.id, entity.instance_id, entity.etag, entity.created, entity.modified)
        return cls(receipt, action, entity.name, withdrawn=withdrawn)


@dataclass(frozen=True, slots=True)
class Deleted(Written):
    """The outcome of a deletion; `cascaded` holds the objects that were deleted before it, in that order."""

    cascaded: tuple[Entity, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing. `next` is the service's link; `total` counts the whole listing, if the service tells."""

    entities: Sequence[Entity]
    next: str | None
    total: int | None


@dataclass(frozen=True, slots=True)
class Reference:
    """Identifies an object by its reference id, its instance id, or both; or else by its exact name.

    `names` is set if a read has shown that this object's spelling differs from that of its kind.
    """

    kind: Kind
    id: str | None = None
    instance_id: str | None = None
    name: str | None = None
    names: Spelled | None = field(default=None, compare=False, repr=False)

    def may_be(self, *ids: str) -> bool:
        """Whether an object with these ids can be this one. Ids of different forms cannot be compared."""
        if self.id in ids or self.instance_id in ids:
            return True
        told = {_form(theirs) == _form(ours) for theirs in ids for ours in (self.id, self.instance_id) if ours}
        same = any(_bare(theirs) == _bare(ours) for theirs in ids for ours in (self.id, self.instance_id) if ours)
        return same or True not in told

    def __str__(self) -> str:
        named = None if self.name is None else NAME_PREFIX + self.name
        return self.id or self.instance_id or named or "(no id)"


def _form(identifier: str) -> str:
    return "uuid" if UUID.fullmatch(identifier) else "typed" if TYPED_ID.fullmatch(identifier) else "other"


def _bare(identifier: str) -> str:
    """The id without its generation and type, which the two generations spell differently."""
    return identifier.rpartition(":")[2].casefold()


def parse_reference(given: Any, kind: Kind, *, api: str, sandbox: str) -> Reference:
    """The object of the kind that is named by an id, an xcore instance id, `name:` and a name, or a task's result.

    Ids may be of either generation. Raises `InvalidInputError` before anything is sent.
    """
    row = kind_of(kind)
    return _parsed(given, _Wanted(row.noun, "object_id", (row,), row), api=api, sandbox=sandbox)


def parse_offer_reference(given: Any, kind: Kind | None = None, *, api: str, sandbox: str) -> Reference:
    """The offer that is named, as in `parse_reference`.

    `kind` applies if the id does not show the type of offer (default: personalized); otherwise the two must agree.
    """
    return _parsed(given, _Wanted("offer", "offer_id", (PERSONALIZED, FALLBACK), kind), api=api, sandbox=sandbox)


def parse_each(given: Iterable[Any], parse: Callable[[Any], Reference]) -> list[Reference]:
    """The reference to each item of a list. Raises one `InvalidInputError` for all items that name nothing."""
    if not isinstance(given, Iterable) or isinstance(given, (str, bytes, Mapping)):
        given = [given]
    references: list[Reference] = []
    subjects: list[str] = []
    wrong: list[Violation] = []
    for index, each in enumerate(given):
        try:
            references.append(parse(each))
        except InvalidInputError as error:
            subjects.append(error.subject)
            wrong += [replace(violation, pointer=f"{violation.pointer}/{index}") for violation in error.violations]
    if wrong:
        raise InvalidInputError(subjects[0], wrong)
    return references


def _parsed(given: Any, wanted: _Wanted, *, api: str, sandbox: str) -> Reference:
    if isinstance(given, Mapping):
        return _from_mapping(given, wanted, api=api, sandbox=sandbox)
    if isinstance(given, str):
        return _from_text(given.strip(), wanted)
    raise wanted.wrong(typed(given))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The objects that a parameter may name: a noun for messages, the name of the parameter, and the kinds.

    `stated` is the kind that the task sets, if any; without it, an id that shows no type means the first kind.
    """

    noun: str
    field: str
    kinds: tuple[Kind, ...]
    stated: Kind | None

    def wrong(self, given: str, hint: str = "") -> InvalidInputError:
        first, last = self.kinds[0].type_name, self.kinds[-1].type_name
        accepted = (
            f"an id such as dps:{first}:1c265317da412003 or xcore:{last}:124e2e764b1ac1b9, an xcore instance id, "
            f"{NAME_PREFIX} and its name, or the result of a task"
        )
        return InvalidInputError(f"No {self.noun} is named", [Violation(self.field, given, accepted + hint)])

    def disagree(self, what: str, given: str, kind: Kind) -> InvalidInputError:
        """The error for an object of another `kind` than the task states; `what` and `given` name it."""
        stated = self.stated or self.kinds[0]
        if kind in self.kinds:
            # Either of the two may be right.
            violation = Violation("offer_type", repr(stated.key), f"{kind.key!r}, by {given}")
        else:
            accepted = f"the id of a {stated.noun}, the result of a task, or {NAME_PREFIX} and its name"
            violation = Violation(self.field, given, accepted)
        return InvalidInputError(f"The task and {what} disagree about the kind of object", [violation])


def _from_text(text: str, wanted: _Wanted) -> Reference:
    if meant := type_hint(text, [kind.type_name for kind in wanted.kinds]):
        raise wanted.wrong(repr(text), meant)
    if match := TYPED_ID.fullmatch(text):
        kind = kind_of_type_name(match["type"])
        if kind is None or (wanted.stated is None and kind not in wanted.kinds):
            article = "an" if match["type"][0] in "aeio" else "a"
            raise wanted.wrong(f"{text!r}, the id of {article} {match['type']}")
        if wanted.stated not in (None, kind):
            raise wanted.disagree("the id", f"{text!r}, the id of a {kind.noun}", kind)
        return Reference(kind, id=text)
    kind = wanted.stated or wanted.kinds[0]
    if UUID.fullmatch(text):
        return Reference(kind, instance_id=text)
    if text.startswith(NAME_PREFIX):
        # An address cannot hold half of a surrogate pair.
        if (name := text.removeprefix(NAME_PREFIX).strip()) and not _HALF_PAIR.search(name):
            return Reference(kind, name=name)
    elif text and IDENTIFIER.fullmatch(text) and text.strip(".") and not misspells_prefix(text):
        return Reference(kind, id=text)
    raise wanted.wrong(repr(text), _hint(text))


def _hint(text: str) -> str:
    """What may have been meant by text that names nothing: a name, or the id at the end of an address."""
    if text.casefold().startswith(NAME_PREFIX):
        meant = text[len(NAME_PREFIX) :].strip()
        return perhaps([f"{NAME_PREFIX}{meant}"] if meant else [])
    several = [each for each in _BETWEEN_IDS.split(text) if each]
    if len(several) > 1 and all(TYPED_ID.fullmatch(each) or UUID.fullmatch(each) for each in several):
        return f"; for {len(several)} objects, a list"
    last = text.rpartition("/")[2]
    return perhaps([last]) if TYPED_ID.fullmatch(last) or UUID.fullmatch(last) else name_hint(text)


def _from_mapping(given: Mapping[str, Any], wanted: _Wanted, *, api: str, sandbox: str) -> Reference:
    identifier = given.get("id") or given.get("@id") or given.get("instance_id") or given.get("instanceId")
    if not isinstance(identifier, str):
        raise wanted.wrong(f"an object without an id, with {', '.join(sorted(map(str, given))) or 'nothing'} in it")
    origin = given.get("sandbox")
    if origin not in (None, sandbox):
        accepted = f"a receipt from {sandbox!r}, where this task works"
        raise InvalidInputError(
            f"The {wanted.noun} is in another sandbox",
            [Violation(wanted.field, f"a receipt from {quoted(origin)}", accepted)],
        )
    reference = _from_text(identifier.strip(), _as_told(given, wanted))
    instance_id = given.get("instance_id") or given.get("instanceId") or reference.instance_id
    origin_has_ids = capabilities_of(given.get("api", api)).has_instance_ids
    if not origin_has_ids or not (isinstance(instance_id, str) and UUID.fullmatch(instance_id)):
        instance_id = reference.instance_id
    return Reference(reference.kind, id=reference.id, instance_id=instance_id, name=reference.name)


def _as_told(given: Mapping[str, Any], wanted: _Wanted) -> _Wanted:
    """The wanted reference, with the kind that the receipt states."""
    told = given.get("offer_type") or given.get("kind")
    if told is None:
        return wanted
    kind = offer_kind(told) if given.get("offer_type") else KINDS.get(told) or kind_of_type_name(told)
    if kind is None:
        return wanted
    if wanted.stated not in (None, kind):
        raise wanted.disagree("the receipt", f"the receipt of a {kind.noun}", kind)
    if kind not in wanted.kinds:
        raise wanted.wrong(f"the receipt of a {kind.noun}")
    return replace(wanted, stated=kind)
