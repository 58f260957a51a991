"""Tests with a real scheduler, triggerer and workers, each in its own process."""
