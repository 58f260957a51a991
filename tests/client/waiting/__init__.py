"""Tests of waits: the change feed, its searches and failures, events, and verdicts."""
