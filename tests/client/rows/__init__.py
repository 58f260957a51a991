"""Tests of rows: tables are read, and rows fill templates, without I/O."""
