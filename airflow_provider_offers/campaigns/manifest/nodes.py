"""The nodes of a manifest: plain values, each with its place in a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_offers.campaigns.objects import Origin
from airflow_provider_offers.client.model.spelling import escape_token, split_pointer

# The values of a manifest, with those that aliases and included files repeat.
MAX_VALUES = 1_000_000
MAX_LEVELS = 80


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A value and its place. `value` is a scalar, a dict of nodes by name, or a list of nodes.

    `names` are the places of the names in a dict. `size` is the number of values at and below the node.
    """

    value: Any
    origin: Origin
    names: Mapping[str, Origin] = field(default_factory=dict)
    size: int = 1

    @property
    def members(self) -> Mapping[str, Node]:
        """The members; empty for a value that is not a mapping."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> Sequence[Node]:
        """The items; empty for a value that is not a list."""
        return self.value if isinstance(self.value, list) else ()


def mapping_of(members: Mapping[str, Node], origin: Origin, names: Mapping[str, Origin]) -> Node:
    """The node of a mapping."""
    return Node(dict(members), origin, names, 1 + sum(each.size for each in members.values()))


def list_of(items: Sequence[Node], origin: Origin) -> Node:
    """The node of a list."""
    return Node(list(items), origin, size=1 + sum(each.size for each in items))


def plain(node: Node) -> Any:
    """The value without places."""
    if isinstance(node.value, dict):
        return {name: plain(each) for name, each in node.value.items()}
    if isinstance(node.value, list):
        return [plain(each) for each in node.value]
    return node.value


def leaves(node: Node, pointer: str = "") -> Iterator[tuple[str, Node]]:
    """Every scalar at and below the node, with its pointer."""
    if isinstance(node.value, dict):
        for name, each in node.value.items():
            yield from leaves(each, f"{pointer}/{escape_token(name)}")
    elif isinstance(node.value, list):
        for index, each in enumerate(node.value):
            yield from leaves(each, f"{pointer}/{index}")
    else:
        yield pointer, node


def place_in(node: Node, pointer: str, *, of_name: bool = False) -> Origin:
    """The place of a pointer, or of the nearest node above it. `of_name` wants the place of the member's name."""
    here, origin = node, node.origin
    for token in split_pointer(pointer):
        if token in here.members:
            origin = here.names.get(token, here.origin) if of_name else here.members[token].origin
            here = here.members[token]
        elif token.isdecimal() and int(token) < len(here.items):
            here = here.items[int(token)]
            origin = here.origin
        else:
            break
    return origin
