"""Waiting for offers and decisions: one change feed for all waits, and the verdicts about its states."""
