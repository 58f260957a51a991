"""Benchmarks: what waiting, writing, reading and parsing cost, ours beside others on the same machine in one run."""
