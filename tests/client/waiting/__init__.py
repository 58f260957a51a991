"""Tests of windows, lifecycles, waiting, the change feed and the triggers on it, without running a DAG."""
