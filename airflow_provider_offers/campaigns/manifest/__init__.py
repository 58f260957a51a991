"""Reads a manifest: files, templates and rows become the objects of a campaign."""
