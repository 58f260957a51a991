"""Ids like the service's: Snowflake reference ids and version 1 UUIDs. Both contain the creation time."""

from __future__ import annotations

import uuid

_SNOWFLAKE_EPOCH_MS = 1288834974657
_UUID_EPOCH_OFFSET = 0x01B21DD213814000


def reference_id(generation: str, kind: str, created_us: int, serial: int) -> str:
    """`<generation>:<kind>:<16 hex digits>`; `serial` distinguishes ids of the same millisecond."""
    snowflake = max(0, created_us // 1000 - _SNOWFLAKE_EPOCH_MS) << 22 | serial & 0x3FFFFF
    return f"{generation}:{kind}:{snowflake & 0xFFFFFFFFFFFFFFFF:016x}"


def instance_id(created_us: int, serial: int) -> str:
    """A UUID of version 1 with the creation time; `serial` replaces the network node."""
    ticks = max(0, created_us * 10 + _UUID_EPOCH_OFFSET)
    node = 0x010000000000 | serial & 0xFFFFFFFFFF
    return str(
        uuid.UUID(
            fields=(
                ticks & 0xFFFFFFFF,
                ticks >> 32 & 0xFFFF,
                ticks >> 48 & 0x0FFF | 0x1000,
                0x80 | serial >> 8 & 0x3F,
                serial & 0xFF,
                node,
            )
        )
    )
