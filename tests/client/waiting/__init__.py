"""Tests of windows, lifecycles, waits, the change feed and the triggers, without running a DAG."""
