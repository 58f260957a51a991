"""Tests of plans and of drift, on the emulator."""
