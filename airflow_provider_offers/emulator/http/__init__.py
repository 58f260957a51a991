"""The HTTP side of the emulated services: requests, answers, faults, and the spelling of each generation."""
