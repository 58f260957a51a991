"""Tests of the emulated library: what it keeps, refuses and finds."""
