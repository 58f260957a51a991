"""What the library holds: kinds, documents, patches, windows and searches, in neutral names and without I/O."""
