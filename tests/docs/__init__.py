"""Tests of the documentation: its examples run, its tables are complete, its links lead somewhere."""
