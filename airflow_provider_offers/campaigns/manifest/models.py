"""The models of a manifest. Its checks, its JSON Schema and the tables of its page are derived from them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from airflow_provider_offers.client.model.common import Name
from airflow_provider_offers.client.model.described import ABSENT, Described
from airflow_provider_offers.client.model.facts import AnyText, Expected, Filled, Many
from airflow_provider_offers.client.model.kinds import KINDS, Kind

API_VERSION = "offers/v1"
# The kinds by the names of their sections, in the order of creation.
SECTIONS: dict[str, Kind] = {
    name: KINDS[key]
    for name, key in (
        ("tags", "tag"),
        ("rules", "rule"),
        ("formulas", "formula"),
        ("placements", "placement"),
        ("offers", "personalized"),
        ("fallbacks", "fallback"),
        ("collections", "collection"),
        ("decisions", "decision"),
    )
}
# The section of each kind, by the key of the kind.
SECTION_OF = {kind.key: name for name, kind in SECTIONS.items()}
# The kinds by the words of `moved`.
MOVED = {**{name.removesuffix("s"): kind for name, kind in SECTIONS.items()}, "personalized": KINDS["personalized"]}

Names = Annotated[list[Annotated[Filled, Expected("the exact name of an object")]], Many("names")]
Variables = Annotated[dict[str, Any], Expected("a mapping of names to values")]
Objects = Annotated[list[dict[str, Any]], Many("objects")]


class TargetEntry(Described):
    """Where the campaign is applied."""

    connection: Annotated[Filled, Expected("the id of an Airflow connection")] = Field(
        description="the id of the Airflow connection"
    )
    sandbox: Annotated[Filled, Expected("the name of a sandbox")] = Field(
        default=ABSENT, description="the sandbox, if it is not the connection's own"
    )
    protected: bool = Field(default=ABSENT, description="whether an apply needs an approval")
    variables: Variables = Field(default=ABSENT, description="values for templates; they replace the manifest's own")


class External(Described):
    """Objects that the campaign refers to and never changes, by their exact names."""

    tags: Names = Field(default=ABSENT, description="collection qualifiers")
    rules: Names = Field(default=ABSENT, description="decision rules")
    formulas: Names = Field(default=ABSENT, description="ranking formulas")
    placements: Names = Field(default=ABSENT, description="placements")
    offers: Names = Field(default=ABSENT, description="personalized offers")
    fallbacks: Names = Field(default=ABSENT, description="fallback offers")
    collections: Names = Field(default=ABSENT, description="collections")
    decisions: Names = Field(default=ABSENT, description="decisions")


class MoveEntry(Described):
    """A new name of an object, which keeps its identity in the library."""

    kind: Literal[
        "tag", "rule", "formula", "placement", "offer", "personalized", "fallback", "collection", "decision"
    ] = Field(description="the kind of the object")
    from_: Annotated[Filled, Expected("the old name")] = Field(alias="from", description="the old name")
    to: Annotated[Filled, Expected("the new name")] = Field(
        description="the new name, which an object of the manifest has"
    )


class LifecycleEntry(Described):
    """How the campaign treats an object."""

    ignore_changes: Annotated[
        list[Annotated[Filled, Expected("a JSON pointer such as /rank/priority")]], Many("pointers")
    ] = Field(default=ABSENT, description="pointers that are set at the creation, and never compared or changed later")
    prevent_destroy: bool = Field(
        default=ABSENT, description="whether the object stays in the library when it is gone from the manifest"
    )


class WindowEntry(Described):
    """When an offer or a decision may be shown: a start, and either an end or a duration."""

    start: AnyText = Field(
        default=ABSENT, description="RFC 3339, or a time or a date (its midnight) on the clock of `timezone`"
    )
    end: AnyText = Field(default=ABSENT, description="the first instant after it, written as `start`")
    duration: AnyText = Field(
        default=ABSENT, description="ISO 8601, such as `P31D`; years to days count on the calendar of `timezone`"
    )
    timezone: AnyText = Field(default=ABSENT, description="the name of a time zone, such as `Europe/Paris`")


class EntryWords(Described):
    """The words of an object that are not properties of the library's object."""

    for_each: Annotated[str | list[dict[str, Any]], Expected("a file, the name of rows, or a list of rows")] = Field(
        default=ABSENT, description="rows; the manifest has one object for each, and templates use its cells as `row`"
    )
    window: WindowEntry = Field(default=ABSENT, description="in place of `startDate` and `endDate`")
    lifecycle: LifecycleEntry = Field(default=ABSENT, description="how the campaign treats the object")
    templates: bool = Field(default=ABSENT, description="false keeps every text of the object as it is")


class Manifest(Described):
    """A campaign as code."""

    apiVersion: Literal["offers/v1"] = Field(description="the version of this format")
    campaign: Name = Field(description="the name of the campaign; its state has this name")
    targets: Annotated[dict[str, TargetEntry], Many("targets", minimum=1), Expected("a mapping of targets")] = Field(
        description="where the campaign is applied, by names of your choice"
    )
    variables: Variables = Field(default=ABSENT, description="values for templates: `{{ var.name }}`")
    defaults: Annotated[dict[str, Any], Expected("a mapping of properties")] = Field(
        default=ABSENT, description="properties of every object whose kind has them and that does not set them itself"
    )
    external: External = Field(default=ABSENT, description="objects that the campaign refers to and never changes")
    tags: Objects = Field(default=ABSENT, description="collection qualifiers")
    rules: Objects = Field(default=ABSENT, description="decision rules")
    formulas: Objects = Field(default=ABSENT, description="ranking formulas")
    placements: Objects = Field(default=ABSENT, description="placements")
    offers: Objects = Field(default=ABSENT, description="personalized offers")
    fallbacks: Objects = Field(default=ABSENT, description="fallback offers")
    collections: Objects = Field(default=ABSENT, description="collections")
    decisions: Objects = Field(default=ABSENT, description="decisions")
    moved: Annotated[list[MoveEntry], Many("moves")] = Field(default=ABSENT, description="new names of objects")
