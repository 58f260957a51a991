"""The emulated library: objects in one SQLite database, the rules that they obey, and how they are found."""
