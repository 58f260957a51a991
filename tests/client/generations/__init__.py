"""Tests that hold for both generations of the API."""
