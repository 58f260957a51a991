"""Notifiers for the callbacks of tasks and DAGs, and for deadlines."""
