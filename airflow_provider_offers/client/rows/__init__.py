"""Rows of a table. They are read from files and lists, and fill a template: one document for each row."""
