"""Many JSON values in little memory: compressed in blocks, and parsed again whenever somebody reads one."""

from __future__ import annotations

import json
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

# A block ends after so many values or characters. Larger blocks are smaller in sum, and slower to read out of order.
_VALUES = 32
_CHARACTERS = 32_768
# So many of the blocks that were read last are kept as text.
_RECENT = 4
_WRITER = json.JSONEncoder(separators=(",", ":"))


class Packed:
    """JSON values in the order in which they were appended. Every read gives a new value, which the reader may change.

    Values of one shape take a few bytes each, for what differs. Reading is fastest in about the same order.
    """

    __slots__ = ("_blocks", "_characters", "_count", "_open", "_recent", "_starts")

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        # The index of the first value of each block, and of the open one.
        self._starts = array("L", [0])
        self._open: list[str] = []
        self._characters = 0
        self._count = 0
        self._recent: tuple[tuple[int, list[str]], ...] = ()

    def append(self, value: Any) -> None:
        """Add a value. Raises `TypeError` or `ValueError` for one that JSON does not have."""
        text = _WRITER.encode(value)
        self._open.append(text)
        self._count += 1
        self._characters += len(text)
        if len(self._open) == _VALUES or self._characters > _CHARACTERS:
            # The text is ASCII, and has no line break.
            self._blocks.append(zlib.compress("\n".join(self._open).encode("ascii"), 1))
            self._starts.append(self._count)
            self._open, self._characters = [], 0

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < self._count:
            raise IndexError(index)
        block = bisect_right(self._starts, index) - 1
        return json.loads(self._texts(block)[index - self._starts[block]])

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(self._count))

    def _texts(self, block: int) -> Sequence[str]:
        if block == len(self._blocks):
            return self._open
        for number, texts in self._recent:
            if number == block:
                return texts
        texts = zlib.decompress(self._blocks[block]).decode("ascii").split("\n")
        self._recent = ((block, texts), *self._recent[: _RECENT - 1])
        return texts
