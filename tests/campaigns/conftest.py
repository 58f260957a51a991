"""An emulator, and the library on each generation of it."""

from __future__ import annotations

from tests.client.conftest import api, emulator, library, running

__all__ = ["api", "emulator", "library", "running"]
