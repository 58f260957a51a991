"""Benchmarks of waiting, writing, reading and parsing: ours next to others, on the same machine in one run."""
