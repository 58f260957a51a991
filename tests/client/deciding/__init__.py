"""Tests of decisions: questions, batch jobs, and what the runtime serves."""
