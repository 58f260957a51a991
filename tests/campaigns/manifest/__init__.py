"""Tests of manifests: files, templates and rows become a campaign, and every mistake is found with its place."""
