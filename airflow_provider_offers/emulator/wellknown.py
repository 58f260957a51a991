"""The initial names of every emulator: credentials, organization, sandboxes, and the objects of the documentation."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

ORG_ID = "0EB1A2C3D4E5F60718293A4B@AdobeOrg"
ORG_FORM = re.compile(r"[0-9A-Fa-f]{24}@AdobeOrg")
SANDBOX = "prod"
SANDBOXES = ("prod", "dev")
CONTAINER_ID = "e0bd8463-0913-4ca1-bd84-6309134ca1f6"

CONTROL_PREFIX = "/_emulator"
IMS_TOKEN_PATH = "/ims/token/v3"
XCORE_PATH = "/data/core/xcore"
DPS_PATH = "/data/core/dps"
ODS_PATH = "/data/core/ods"
ODE_PATH = "/data/core/ode"
DWM_PATH = "/data/core/dwm"

SCOPES = (
    "openid",
    "AdobeID",
    "read_organizations",
    "additional_info.projectedProductContext",
    "session",
    "additional_info.roles",
    "adobeio_api",
)
"""The scopes that a token request can contain."""
SCOPE_FAMILIES = ("cjm.",)
"""The prefix of other scopes: credentials of Journey Optimizer have scopes for its own services."""

_NAMESPACE = uuid.UUID("6f0a3a3e-8f0e-5c3d-9a58-0d6b3d5f5b11")


@dataclass(frozen=True)
class Credential:
    """One technical account: its credentials and its permissions."""

    client_id: str
    client_secret: str
    may_read: bool
    may_write: bool


OWNER = Credential("emulator-client", "emulator-secret", may_read=True, may_write=True)
READER = Credential("emulator-reader", "emulator-reader-secret", may_read=True, may_write=False)
OUTSIDER = Credential("emulator-outsider", "emulator-outsider-secret", may_read=False, may_write=False)
CREDENTIALS: Mapping[str, Credential] = MappingProxyType({each.client_id: each for each in (OWNER, READER, OUTSIDER)})


def account_of(client_id: str) -> str:
    """The account name in `createdBy` of receipts."""
    return f"{client_id}@techacct.adobe.com"


def container_of(sandbox: str) -> str:
    """The container id of a sandbox; `prod` has the id from Adobe's documentation."""
    return CONTAINER_ID if sandbox == SANDBOX else str(uuid.uuid5(_NAMESPACE, f"container:{sandbox}"))


def sandbox_id_of(sandbox: str) -> str:
    """The sandbox id in generation 2 receipts."""
    return str(uuid.uuid5(_NAMESPACE, f"sandbox:{sandbox}"))


HTML_PLACEMENT = "xcore:offer-placement:124e0be5699743d3"
IMAGE_PLACEMENT = "xcore:offer-placement:124f4e33724bb15f"
PLACEHOLDER_PLACEMENT = "offerPlacement1234"
RULE = "xcore:eligibility-rule:124e0faf5b8ee89b"
TAG = "xcore:tag:124e147572cd7866"

_CHANNEL = "https://ns.adobe.com/xdm/channel-types/"

BEGINNING_US = 1_603_238_400_000_000
"""The time of the initial objects: containers and reference objects."""

REFERENCE_OBJECTS_BORN_US = BEGINNING_US - 1_000_000
CONTAINERS_BORN_US = BEGINNING_US - 2_000_000

REFERENCE_OBJECTS: tuple[tuple[str, str, Mapping[str, object]], ...] = (
    (
        "offer-placement",
        HTML_PLACEMENT,
        {"name": "Web HTML", "channel": _CHANNEL + "web", "componentType": "html"},
    ),
    (
        "offer-placement",
        IMAGE_PLACEMENT,
        {"name": "Offline image", "channel": _CHANNEL + "offline", "componentType": "imagelink"},
    ),
    (
        "offer-placement",
        PLACEHOLDER_PLACEMENT,
        {"name": "Web image", "channel": _CHANNEL + "web", "componentType": "imagelink"},
    ),
    (
        "eligibility-rule",
        RULE,
        {"name": "Everyone", "condition": {"type": "PQL", "format": "pql/text", "value": "true"}},
    ),
    (
        "eligibility-rule",
        "xcore:eligibility-rule:124f4f57259caba5",
        {"name": "Checking customers", "condition": {"type": "PQL", "format": "pql/text", "value": "true"}},
    ),
    ("tag", TAG, {"name": "Sale"}),
    ("tag", "xcore:tag:124f4e5c8a00cd92", {"name": "Checking"}),
    ("tag", "xcore:tag:1229cf47455177b1", {"name": "Banking"}),
)
"""Kind, reference id and properties of the initial objects of every sandbox: those in Adobe's pages about offers."""

_EVERYWHERE = [
    {"placement": each, "components": [{"type": "html", "format": "text/html", "language": ["en"]}]}
    for each in (
        HTML_PLACEMENT,
        IMAGE_PLACEMENT,
        PLACEHOLDER_PLACEMENT,
        "offerPlacement5678",
        "xcore:offer-placement:1457f9322f005194",
    )
]
MORE_REFERENCE_OBJECTS: tuple[tuple[str, str, Mapping[str, object]], ...] = (
    (
        "offer-placement",
        "offerPlacement5678",
        {"name": "Web HTML 2", "channel": _CHANNEL + "web", "componentType": "html"},
    ),
    (
        "offer-placement",
        "xcore:offer-placement:1457f9322f005194",
        {"name": "Web HTML 3", "channel": _CHANNEL + "web", "componentType": "html"},
    ),
    ("tag", "tag1234", {"name": "Placeholder"}),
    *(
        ("fallback-offer", each, {"name": f"Fallback {number}", "status": "approved", "representations": _EVERYWHERE})
        for number, each in enumerate(("fallbackOffer1234", "xcore:fallback-offer:13c259399d8bf013"), 1)
    ),
    *(
        ("offer-filter", each, {"name": f"Collection {number}", "filterType": "any-tags", "ids": [TAG]})
        for number, each in enumerate(("offerCollection1234", "xcore:offer-filter:1457f93227d0b6f0"), 1)
    ),
)
"""More objects from the pages about collections and decisions; they are optional."""
