"""Hostile input of every kind, generated: what a server sends, and what a user writes."""
