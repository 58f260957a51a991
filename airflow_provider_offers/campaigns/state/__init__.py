"""Keeps the state of a campaign: what was applied last, at a path, with a generation and a lock."""
