"""The model of a placement, in Adobe's words."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Le
from pydantic import Field

from airflow_provider_offers.client.model.common import KindModel, MediaType
from airflow_provider_offers.client.model.component_types import Channel, PlacementComponentType
from airflow_provider_offers.client.model.described import ABSENT, Described
from airflow_provider_offers.client.model.facts import Flag, Many, OnXcore, OrTemplate, Shown

# Only the pages of generation 2 show these names, so generation 1 gets them without a prefix.
_Shown = Annotated[Flag, OnXcore()]


class ReturnMetaData(Described):
    """The metadata in the answer of a decision, if a request does not select it."""

    decisionName: _Shown = Field(default=ABSENT, description="the name of the decision")
    offerName: _Shown = Field(default=ABSENT, description="the name of the offer")
    offerAttributes: _Shown = Field(default=ABSENT, description="the characteristics of the offer")
    offerPriority: _Shown = Field(default=ABSENT, description="the priority of the offer")
    placementName: _Shown = Field(default=ABSENT, description="the name of the placement")
    channelType: _Shown = Field(default=ABSENT, description="the channel of the placement")
    contentType: _Shown = Field(default=ABSENT, description="the component type of the placement")


class Placement(KindModel):
    """A place where offers are shown."""

    componentType: PlacementComponentType = Field(
        default=ABSENT,
        description="the type of its content: `html`, `text`, `imagelink`, `json`, or the URI of generation 1",
    )
    channel: Channel = Field(
        default=ABSENT, description="the URI of the channel, such as `https://ns.adobe.com/xdm/channel-types/email`"
    )
    contentTypes: Annotated[list[MediaType], Many("media types")] = Field(
        default=ABSENT, description="media types, such as `text/html`"
    )
    itemCount: OrTemplate[Annotated[int, Ge(1), Le(30)]] = Field(
        default=ABSENT, description="how many offers are returned if a request does not set it"
    )
    allowDuplicatePlacements: Flag = Field(
        default=ABSENT, description="false on any placement of a request forbids duplicate offers in it"
    )
    returnContent: Flag = Field(default=ABSENT, description="whether the answer of a decision contains the content")
    returnMetaData: ReturnMetaData = Field(default=ABSENT, description="the metadata in the answer of a decision")
    labels: Shown = ABSENT
