"""Tests of campaigns as code: manifests, plans, applies and states, on the emulator."""
