"""Tests of the flows, on scripted answers and against the emulator."""
