"""Tests of the library's objects: documents, patches, windows and searches, without I/O."""
