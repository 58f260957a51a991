"""Tests of the emulator: plain HTTP, written from Adobe's documents and not from the client."""
