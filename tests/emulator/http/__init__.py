"""Tests of the wire of the emulated services."""
