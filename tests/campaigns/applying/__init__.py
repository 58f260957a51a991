"""Tests of applies: their order, what they refuse, and what they leave behind."""
