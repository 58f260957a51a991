"""Tests of the emulated library: storage, rules and searches."""
