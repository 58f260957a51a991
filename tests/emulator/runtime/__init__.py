"""Tests of the emulated decision runtime."""
