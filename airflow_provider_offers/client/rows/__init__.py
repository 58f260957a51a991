"""Rows of a table: read from files and lists, and filled into a template, one document for each row."""
