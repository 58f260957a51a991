"""Waiting for offers and decisions: one change feed for all who wait, and the verdicts over what it shows."""
