"""One object of every kind, in the spelling of each generation; its ids are those of other objects here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_offers.emulator import Emulator
from tests.emulator.conftest import CREATE, PATCH, RECEIPT, SCHEMA, Caller

WEB = "https://ns.adobe.com/xdm/channel-types/web"


@dataclass(frozen=True)
class Kind:
    """A kind: its path in each generation, the version that its pages write, and an object in both spellings."""

    schema: str
    path: str
    query: str
    version: str
    plain: Mapping[str, Any]
    prefixed: Mapping[str, Any]

    @property
    def stamped(self) -> str:
        return f"{SCHEMA}{self.schema};version={self.version}"

    def prefixed_name(self, name: str) -> str:
        """A property's name in generation 1, whose pages prefix all but two of a rule."""
        bare = self.schema == "eligibility-rule" and name in ("description", "condition")
        return name if bare else f"xdm:{name}"


def kinds(ids: Mapping[str, str]) -> list[Kind]:
    """Every kind, in the order in which objects must be created; `ids` has the ids so far, by schema."""
    tag, rule, formula, placement = (ids.get(name, "") for name in ("tag", "rule", "formula", "placement"))
    condition = {"type": "PQL", "format": "pql/text", "value": 'loyalty.tier.equals("gold", false)'}
    component = {"type": "html", "format": "text/html", "language": ["en"], "content": "<p>10%</p>"}
    prefixed_component = {
        "@type": f"{SCHEMA}content-component-html",
        "dc:format": "text/html",
        "dc:language": ["en"],
        "xdm:content": "<p>10%</p>",
    }
    shown = [{"channel": WEB, "placement": placement, "components": [component]}]
    prefixed_shown = [{"xdm:channel": WEB, "xdm:placement": placement, "xdm:components": [prefixed_component]}]
    start, end = "2026-03-10T00:00:00.000", "2026-06-30T21:59:59.000"
    return [
        Kind("tag", "tags", "", "0.1", {"name": "Spring"}, {"xdm:name": "Spring"}),
        Kind(
            "eligibility-rule",
            "offer-rules",
            "",
            "0.3",
            {
                "name": "Gold",
                "description": "loyal",
                "condition": condition,
                "definedOn": {"profile": {"schema": {"ref": "https://x", "version": "1"}, "referencePaths": ["a.b"]}},
            },
            {
                "xdm:name": "Gold",
                "description": "loyal",
                "condition": condition,
                "xdm:definedOn": {
                    "profile": {"xdm:schema": {"$ref": "https://x", "version": "1"}, "xdm:referencePaths": ["a.b"]}
                },
            },
        ),
        Kind(
            "ranking-function",
            "ranking-formulas",
            "",
            "0.3",
            {
                "name": "Double",
                "description": "twice",
                "isPure": True,
                "returnType": {"type": "INTEGER"},
                "expression": {"type": "PQL", "format": "pql/text", "value": "offer.rank.priority * 2"},
            },
            {
                "xdm:name": "Double",
                "xdm:description": "twice",
                "xdm:isPure": True,
                "xdm:returnType": {"xdm:type": "INTEGER"},
                "xdm:expression": {
                    "xdm:type": "PQL",
                    "xdm:format": "pql/text",
                    "xdm:value": "offer.rank.priority * 2",
                },
            },
        ),
        Kind(
            "offer-placement",
            "placements",
            "",
            "0.4",
            {"name": "Top", "description": "600x200", "componentType": "html", "channel": WEB},
            {
                "xdm:name": "Top",
                "xdm:description": "600x200",
                "xdm:componentType": f"{SCHEMA}content-component-html",
                "xdm:channel": WEB,
            },
        ),
        Kind(
            "personalized-offer",
            "offers",
            "?offer-type=personalized",
            "0.5",
            {
                "name": "Voucher",
                "status": "draft",
                "representations": shown,
                "selectionConstraint": {
                    "startDate": f"{start}+00:00",
                    "endDate": f"{end}+00:00",
                    "profileConstraintType": "eligibilityRule",
                    "eligibilityRule": rule,
                },
                "rank": {
                    "priority": 3,
                    "order": {"orderEvaluationType": "scoringFunction", "function": formula},
                },
                "cappingConstraint": {"globalCap": 5, "profileCap": 2},
                "frequencyCappingConstraints": [
                    {
                        "enabled": True,
                        "limit": 3,
                        "scope": "profile",
                        "entity": "placement",
                        "placement": placement,
                        "startDate": f"{start}+00:00",
                        "repeat": {"enabled": True, "unit": "day", "unitCount": 1},
                    }
                ],
                "tags": [tag],
                "characteristics": {"sku": "SPR-10"},
            },
            {
                "xdm:name": "Voucher",
                "xdm:status": "draft",
                "xdm:representations": prefixed_shown,
                "xdm:selectionConstraint": {
                    "xdm:startDate": f"{start}Z",
                    "xdm:endDate": f"{end}Z",
                    "xdm:profileConstraintType": "eligibilityRule",
                    "xdm:eligibilityRule": rule,
                },
                "xdm:rank": {
                    "xdm:priority": 3,
                    "xdm:order": {"xdm:orderEvaluationType": "scoringFunction", "xdm:function": formula},
                },
                "xdm:cappingConstraint": {"xdm:globalCap": 5, "xdm:profileCap": 2},
                "xdm:frequencyCappingConstraints": [
                    {
                        "xdm:enabled": True,
                        "xdm:limit": 3,
                        "xdm:scope": "profile",
                        "xdm:entity": "placement",
                        "xdm:placement": placement,
                        "xdm:startDate": f"{start}Z",
                        "xdm:repeat": {"xdm:enabled": True, "xdm:unit": "day", "xdm:unitCount": 1},
                    }
                ],
                "xdm:tags": [tag],
                "xdm:characteristics": {"sku": "SPR-10"},
            },
        ),
        Kind(
            "fallback-offer",
            "offers",
            "?offer-type=fallback",
            "0.1",
            {"name": "Generic", "status": "approved", "representations": shown, "tags": [tag]},
            {"xdm:name": "Generic", "xdm:status": "approved", "xdm:representations": prefixed_shown, "xdm:tags": [tag]},
        ),
        Kind(
            "offer-filter",
            "offer-collections",
            "",
            "0.1",
            {"name": "Set", "filterType": "any-tags", "ids": [tag]},
            {"xdm:name": "Set", "xdm:filterType": "anyTags", "xdm:ids": [tag]},
        ),
        Kind(
            "offer-activity",
            "offer-decisions",
            "",
            "0.5",
            {
                "name": "Newsletter",
                "status": "live",
                "startDate": f"{start}+00:00",
                "endDate": f"{end}+00:00",
                "fallback": ids.get("fallback", ""),
                "criteria": [
                    {
                        "placements": [placement],
                        "rank": {
                            "priority": 0,
                            "order": {"orderEvaluationType": "ranking-strategy", "rankingStrategy": "model1"},
                        },
                        "profileConstraint": {
                            "profileConstraintType": "eligibilityRule",
                            "eligibilityRule": rule,
                        },
                        "optionSelection": {"filter": ids.get("collection", "")},
                    }
                ],
            },
            {
                "xdm:name": "Newsletter",
                "xdm:status": "live",
                "xdm:startDate": f"{start}Z",
                "xdm:endDate": f"{end}Z",
                "xdm:fallback": ids.get("fallback", ""),
                "xdm:criteria": [
                    {
                        "xdm:placements": [placement],
                        "xdm:rank": {
                            "xdm:priority": 0,
                            "xdm:order": {
                                "xdm:orderEvaluationType": "rankingStrategy",
                                "xdm:rankingStrategy": "model1",
                            },
                        },
                        "xdm:profileConstraint": {
                            "xdm:profileConstraintType": "eligibilityRule",
                            "xdm:eligibilityRule": rule,
                        },
                        "xdm:optionSelection": {"xdm:filter": ids.get("collection", "")},
                    }
                ],
            },
        ),
    ]


SHORT = {
    "tag": "tag",
    "eligibility-rule": "rule",
    "ranking-function": "formula",
    "offer-placement": "placement",
    "personalized-offer": "offer",
    "fallback-offer": "fallback",
    "offer-filter": "collection",
    "offer-activity": "decision",
}
"""What the kinds are called here."""


class Writer:
    """Creates, patches and deletes objects of any kind through either generation."""

    def __init__(self, caller: Caller, api: str) -> None:
        self.caller, self.api = caller, api
        self.emulator: Emulator = caller.emulator
        self.refused = 422 if api == "xcore" else 400

    def create(self, kind: Kind, document: Mapping[str, Any]) -> Any:
        """The response to a create."""
        if self.api == "dps":
            return self.caller.dps("POST", f"/{kind.path}{kind.query}", json=document)
        headers = {"Accept": RECEIPT, "Content-Type": CREATE.format(kind.stamped)}
        return self.caller.instances("POST", json=document, headers=headers)

    def create_neutral(self, kind: Kind, **changes: Any) -> Any:
        """The response to a create of the kind's object with other top-level properties; `...` leaves one out."""
        document = kind.plain if self.api == "dps" else kind.prefixed
        spelled = {name if self.api == "dps" else kind.prefixed_name(name): changes[name] for name in changes}
        document = {**document, **spelled}
        return self.create(kind, {name: value for name, value in document.items() if value is not ...})

    def made(self, kind: Kind, **changes: Any) -> str:
        """The id of a new object."""
        answer = self.create_neutral(kind, **changes)
        assert answer.status_code == 201, answer.text
        made: str = answer.json()["@id" if self.api == "xcore" else "id"]
        return made

    def patch(self, kind: Kind, object_id: str, op: str, path: str, value: Any = None) -> Any:
        """The response to a patch; the path is in generation 2's spelling."""
        operation = {"op": op, "path": path} | ({} if op == "remove" else {"value": value})
        if self.api == "dps":
            return self.caller.dps("PATCH", f"/{kind.path}/{object_id}{kind.query}", json=[operation])
        steps = [step if step.isdigit() or step == "-" else kind.prefixed_name(step) for step in path.split("/")[1:]]
        operation["path"] = "/".join(("/_instance", *steps))
        headers = {"Accept": RECEIPT, "Content-Type": PATCH.format(kind.stamped)}
        instance = self.instance_of(object_id)
        return self.caller.instances("PATCH", instance, json=[operation], headers=headers)

    def delete(self, kind: Kind, object_id: str) -> bool:
        """Whether a deletion was granted; in generation 1, its verdict is polled."""
        if self.api == "dps":
            answer = self.caller.dps("DELETE", f"/{kind.path}/{object_id}{kind.query}")
            assert answer.status_code in (200, 409), answer.text
            return answer.status_code == 200
        answer = self.caller.instances("DELETE", self.instance_of(object_id))
        assert answer.status_code == 202, answer.text
        if "Location" not in answer.headers:
            return True
        verdict = self.caller.xcore("GET", "/" + answer.headers["Location"]).json()
        assert verdict["status"] == "rejected"
        return False

    def instance_of(self, object_id: str) -> str:
        (found,) = [each["instance_id"] for each in self.emulator.objects(sandbox="prod") if each["id"] == object_id]
        instance: str = found
        return instance


def family(writer: Writer) -> tuple[dict[str, Kind], dict[str, str]]:
    """One object of each kind, created in order: the kinds and the ids, by the short names."""
    ids: dict[str, str] = {}
    for number in range(len(SHORT)):
        kind = kinds(ids)[number]
        ids[SHORT[kind.schema]] = writer.made(kind)
    return {SHORT[kind.schema]: kind for kind in kinds(ids)}, ids
