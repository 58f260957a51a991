"""Generated hostile input of every kind: answers of a server, and input of a user."""
