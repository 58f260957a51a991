"""Asking for decisions: questions for one profile, batch jobs, and what the runtime serves."""
