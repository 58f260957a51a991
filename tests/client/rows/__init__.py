"""Tests of what the library holds: documents, patches, windows and searches, without I/O."""
