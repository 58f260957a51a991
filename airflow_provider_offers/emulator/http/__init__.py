"""The wire of the emulated services: requests, answers, faults on the way, and the spelling of each generation."""
