"""Applies a plan in its order, so that it never shows half a campaign, and again after any interruption."""
