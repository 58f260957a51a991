"""Tests of the triggers on an event loop against the emulator, without running a DAG."""
