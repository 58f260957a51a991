"""The emulated library: objects in one SQLite database, their rules, and searches."""
